//! A client's methods for the extension `people`: registering, contacts, profiles, conferences, sessions.

use skaro_proto::Fields;
use skaro_proto::client::{
    AddContact, DelContact, Found, GetSessions, GetUserData, Invite, Register, RequestError, SearchContacts,
    SignOut, UpdateMyData,
};
use skaro_proto::message::{Invitation, SessionInfo, User};

use super::client::Client;

/// Requests of the extension `people`.
///
/// If the server [does not have it](skaro_proto::Client::has_people), all of them fail with
/// [`CommandError::NoExtension`](skaro_proto::client::CommandError::NoExtension).
impl<R> Client<R> {
    /// Creates an account. To sign in afterwards, use [`authorize`](Self::authorize).
    ///
    /// An invitation is needed if [`register_type`](Self::register_type) says so. [`Register`] can also set a profile.
    /// The password itself is sent, so this needs a confidential connection: `wss:`, or a server on this machine.
    ///
    /// # Errors
    /// As [`request`](Self::request), with these statuses:
    ///
    /// * 400: the login breaks the rules.
    /// * 403: registration is closed, or the invitation is not valid.
    /// * 409: the login is taken, or looks like one that is.
    /// * 429: too many accounts were created from this address.
    pub async fn register(
        &self,
        login: &str,
        password: &str,
        invitation: Option<&str>,
    ) -> Result<(), RequestError> {
        self.request(Register { invitation, ..Register::new(login, password) }).await
    }

    /// Creates an invitation, with which one other person can register.
    ///
    /// To invite a user into a conference, use [`invite_member`](Self::invite_member).
    ///
    /// # Errors
    /// As [`request`](Self::request); 403 unless registration is by invitation and users may invite; 429 if the user
    /// already has as many valid invitations as allowed.
    pub async fn invite(&self) -> Result<Invitation<'static>, RequestError> {
        self.request(Invite).await
    }

    /// Adds a user to the contacts, or joins a conference.
    ///
    /// A login that begins with `#` is a conference's. If that conference does not exist, it is founded.
    ///
    /// # Errors
    /// As [`request`](Self::request), with these statuses:
    ///
    /// * 403: the conference is by invitation only.
    /// * 404: the user does not exist, or the conference does not exist and the user may not found one.
    /// * 409: the conference is full, or its login looks like another one.
    /// * 429: the user has joined or founded too many conferences.
    pub async fn add_contact(&self, login: &str) -> Result<(), RequestError> {
        self.request(AddContact::new(login)).await
    }

    /// Blocks a user, whose messages are refused until the user is added or deleted as a contact.
    ///
    /// Blocking a conference leaves it, and refuses further invitations into it.
    ///
    /// # Errors
    /// As [`request`](Self::request); 404 if the user does not exist.
    pub async fn block_contact(&self, login: &str) -> Result<(), RequestError> {
        self.request(AddContact { blocked: true, ..AddContact::new(login) }).await
    }

    /// Removes a user from the contacts, or leaves a conference.
    ///
    /// # Errors
    /// As [`request`](Self::request); 404 if the user or the conference does not exist.
    pub async fn del_contact(&self, login: &str) -> Result<(), RequestError> {
        self.request(DelContact::new(login)).await
    }

    /// Invites another user into a conference.
    ///
    /// Only owners of the conference can invite. Nothing happens if the other user is a member already, or does not
    /// want to be invited.
    ///
    /// # Errors
    /// As [`request`](Self::request); 403 if the signed-in user is not an owner; 404 if the conference or the other
    /// user does not exist.
    pub async fn invite_member(&self, conference: &str, member: &str) -> Result<(), RequestError> {
        self.request(AddContact { member: Some(member), ..AddContact::new(conference) }).await
    }

    /// Makes a member of a conference one of its owners.
    ///
    /// # Errors
    /// As [`request`](Self::request); 403 if the signed-in user is not an owner; 404 if the conference does not exist,
    /// or has no such member.
    pub async fn make_owner(&self, conference: &str, member: &str) -> Result<(), RequestError> {
        self.request(AddContact { member: Some(member), owner: true, ..AddContact::new(conference) }).await
    }

    /// Removes a member from a conference, or withdraws an invitation.
    ///
    /// # Errors
    /// As [`request`](Self::request); 403 if the signed-in user is not an owner; 404 if the conference does not exist,
    /// or the other user is neither a member nor invited.
    pub async fn remove_member(&self, conference: &str, member: &str) -> Result<(), RequestError> {
        self.request(DelContact { member: Some(member), ..DelContact::new(conference) }).await
    }

    /// Searches for public users and conferences whose logins begin with a prefix.
    ///
    /// Without a limit the server decides how many it returns.
    ///
    /// # Errors
    /// As [`request`](Self::request); 400 if the prefix is empty, or the limit is 0.
    pub async fn search_contacts(&self, prefix: &str, limit: Option<u64>) -> Result<Found, RequestError> {
        self.request(SearchContacts { prefix, limit }).await
    }

    /// Asks for what the server tells about a user or a conference: profile, state, members.
    ///
    /// # Errors
    /// As [`request`](Self::request); 404 if the user does not exist.
    pub async fn get_user_data(&self, login: &str) -> Result<User<'static>, RequestError> {
        self.request(GetUserData { login }).await
    }

    /// Changes these fields of the user's profile, and removes those that are null.
    ///
    /// [`UpdateMyData`] can also change the profile of a conference.
    ///
    /// # Errors
    /// As [`request`](Self::request); 413 if the profile would be too large.
    pub async fn update_profile(&self, profile: Fields<'_>) -> Result<(), RequestError> {
        self.request(UpdateMyData { profile: Some(profile), ..UpdateMyData::default() }).await
    }

    /// Changes the user's password, and with `end_sessions` ends the user's other sessions.
    ///
    /// Both passwords are sent, so this needs a confidential connection: `wss:`, or a server on this machine.
    ///
    /// # Errors
    /// As [`request`](Self::request); 403 if the old password is wrong; 429 after too many wrong passwords.
    pub async fn change_password(
        &self,
        old: &str,
        new: &str,
        end_sessions: bool,
    ) -> Result<(), RequestError> {
        self.request(UpdateMyData {
            password: Some(new),
            old_password: Some(old),
            end_sessions,
            ..UpdateMyData::default()
        })
        .await
    }

    /// Changes a profile or the password, as [`UpdateMyData`] describes it.
    ///
    /// # Errors
    /// As `update_profile` and `change_password`, with three more statuses:
    ///
    /// * 400: the update has both a profile and a password, or neither.
    /// * 403: the user is not an owner of the conference.
    /// * 404: the conference does not exist.
    pub async fn update_my_data(&self, update: UpdateMyData<'_>) -> Result<(), RequestError> {
        self.request(update).await
    }

    /// Asks for the user's sessions.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub async fn get_sessions(&self) -> Result<Vec<SessionInfo<'static>>, RequestError> {
        self.request(GetSessions).await
    }

    /// Ends the session of this client.
    ///
    /// The client forgets the user's credentials, and reconnects without signing in; then the same or another user may
    /// [`authorize`](Self::authorize).
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub async fn sign_out(&self) -> Result<(), RequestError> {
        self.request(SignOut::Own).await
    }

    /// Ends one of the user's sessions, named as in the answer to [`get_sessions`](Self::get_sessions).
    ///
    /// # Errors
    /// As [`request`](Self::request); 404 if the user has no such session.
    pub async fn end_session(&self, session: &str) -> Result<(), RequestError> {
        self.request(SignOut::Session(session)).await
    }

    /// Ends all of the user's sessions except the one of this client.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub async fn end_other_sessions(&self) -> Result<(), RequestError> {
        self.request(SignOut::Others).await
    }
}
