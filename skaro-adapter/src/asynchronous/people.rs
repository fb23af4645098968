//! A client's methods for the extension `people`: registering, contacts, profiles, conferences, sessions.

use skaro_proto::Fields;
use skaro_proto::client::{
    AddContact, DelContact, Found, GetSessions, GetUserData, Invite, Register, RequestError, SearchContacts,
    SignOut, UpdateMyData,
};
use skaro_proto::message::{Invitation, SessionInfo, User};

use super::client::Client;

/// Requests of the extension `people`. If the server [does not have it](skaro_proto::Client::has_people), all of them fail with
/// [`CommandError::NoExtension`](skaro_proto::client::CommandError::NoExtension).
impl<R> Client<R> {
    /// Makes an account; [`authorize`](Self::authorize) signs in then. An invitation is needed where
    /// [`register_type`](Self::register_type) says so. [`Register`] can bring a profile, too.
    ///
    /// The password itself is sent, so this needs a confidential connection: `wss:`, or a server on this machine.
    ///
    /// # Errors
    /// As [`request`](Self::request); 403 where registration is closed, or the invitation is not good; 400 for a login that breaks the rules; 409 if it is taken, or looks
    /// like one that is; 429 after too many accounts from one address.
    pub async fn register(
        &self,
        login: &str,
        password: &str,
        invitation: Option<&str>,
    ) -> Result<(), RequestError> {
        self.request(Register { invitation, ..Register::new(login, password) }).await
    }

    /// Makes an invitation, with which somebody else can register. [`invite_member`](Self::invite_member) invites into a conference.
    ///
    /// # Errors
    /// As [`request`](Self::request); 403 unless registration is by invitation, and users may invite; 429 with as many as allowed that are good.
    pub async fn invite(&self) -> Result<Invitation<'static>, RequestError> {
        self.request(Invite).await
    }

    /// Lists a user as a contact; joins a conference, whose login begins with `#`, or founds it.
    ///
    /// # Errors
    /// As [`request`](Self::request); 404 if there is no such user, or no such conference and the user may found none; 403 if it is by invitation only; 409 if it is full, or
    /// its login looks like another one; 429 after too many conferences.
    pub async fn add_contact(&self, login: &str) -> Result<(), RequestError> {
        self.request(AddContact::new(login)).await
    }

    /// Blocks a user: no messages come from there any more, until the user is listed or deleted.
    ///
    /// # Errors
    /// As [`request`](Self::request); 404 if there is no such user.
    pub async fn block_contact(&self, login: &str) -> Result<(), RequestError> {
        self.request(AddContact { blocked: true, ..AddContact::new(login) }).await
    }

    /// Makes a user no contact; leaves a conference.
    ///
    /// # Errors
    /// As [`request`](Self::request); 404 if there is no such user.
    pub async fn del_contact(&self, login: &str) -> Result<(), RequestError> {
        self.request(DelContact::new(login)).await
    }

    /// Invites a user into a conference of which one is an owner. Nothing happens if that user is a member, or does not want it.
    ///
    /// # Errors
    /// As [`request`](Self::request); 403 unless the user is an owner; 404 if there is no such conference, or user.
    pub async fn invite_member(&self, conference: &str, member: &str) -> Result<(), RequestError> {
        self.request(AddContact { member: Some(member), ..AddContact::new(conference) }).await
    }

    /// Makes a member of a conference an owner, too.
    ///
    /// # Errors
    /// As [`request`](Self::request); 403 unless the user is an owner; 404 if there is no such conference, or member.
    pub async fn make_owner(&self, conference: &str, member: &str) -> Result<(), RequestError> {
        self.request(AddContact { member: Some(member), owner: true, ..AddContact::new(conference) }).await
    }

    /// Removes a member from a conference, or takes an invitation back.
    ///
    /// # Errors
    /// As [`request`](Self::request); 403 unless the user is an owner; 404 if there is no such conference, or nobody to be removed.
    pub async fn remove_member(&self, conference: &str, member: &str) -> Result<(), RequestError> {
        self.request(DelContact { member: Some(member), ..DelContact::new(conference) }).await
    }

    /// Looks for users and conferences that are public, and whose logins begin so; no more than the limit, if there is one.
    ///
    /// # Errors
    /// As [`request`](Self::request); 400 if the beginning is empty, or the limit is 0.
    pub async fn search_contacts(&self, prefix: &str, limit: Option<u64>) -> Result<Found, RequestError> {
        self.request(SearchContacts { prefix, limit }).await
    }

    /// Asks what the server tells of a user or a conference: profile, state, members.
    ///
    /// # Errors
    /// As [`request`](Self::request); 404 if there is no such user.
    pub async fn get_user_data(&self, login: &str) -> Result<User<'static>, RequestError> {
        self.request(GetUserData { login }).await
    }

    /// Changes these fields of the user's profile, and removes those that are null. [`UpdateMyData`] can change a conference's, too.
    ///
    /// # Errors
    /// As [`request`](Self::request); 413 if the profile would be too large.
    pub async fn update_profile(&self, profile: Fields<'_>) -> Result<(), RequestError> {
        self.request(UpdateMyData { profile: Some(profile), ..UpdateMyData::default() }).await
    }

    /// Gives the user another password, and ends the user's other sessions if that is wanted. Both passwords are sent, so this needs
    /// a confidential connection: `wss:`, or a server on this machine.
    ///
    /// # Errors
    /// As [`request`](Self::request); 403 if the old one is wrong; 429 after too many wrong ones.
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

    /// Changes a profile or the password: whatever [`UpdateMyData`] can say.
    ///
    /// # Errors
    /// As [`request`](Self::request); 400 for both a profile and a password, or neither; 404 and 403 for a conference that there is not, or of which the user is no owner;
    /// else as `update_profile` and `change_password`.
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

    /// Ends the own session. The client forgets how to sign in, and connects again; then somebody may
    /// [`authorize`](Self::authorize).
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub async fn sign_out(&self) -> Result<(), RequestError> {
        self.request(SignOut::Own).await
    }

    /// Ends one of the user's sessions, as [`get_sessions`](Self::get_sessions) told it.
    ///
    /// # Errors
    /// As [`request`](Self::request); 404 if the user has no such session.
    pub async fn end_session(&self, session: &str) -> Result<(), RequestError> {
        self.request(SignOut::Session(session)).await
    }

    /// Ends all of the user's sessions but the own.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub async fn end_other_sessions(&self) -> Result<(), RequestError> {
        self.request(SignOut::Others).await
    }
}
