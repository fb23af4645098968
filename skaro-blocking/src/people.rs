//! A client's methods for the extension `people`: registering, contacts, profiles, conferences, sessions.

use skaro_proto::Fields;
use skaro_proto::client::{
    AddContact, DelContact, Found, GetSessions, GetUserData, Invite, Register, RequestError, SearchContacts,
    SignOut, UpdateMyData,
};
use skaro_proto::message::{Invitation, SessionInfo, User};

use crate::client::Client;

/// Requests of the extension `people`. If the server [does not have it](skaro_proto::Client::has_people), all of them fail with
/// [`CommandError::NoExtension`](skaro_proto::client::CommandError::NoExtension).
impl Client {
    /// Makes an account; [`authorize`](Self::authorize) signs in then. An invitation is needed where
    /// [`register_type`](Self::register_type) says so. [`Register`] can bring a profile, too.
    ///
    /// The password itself is sent, so this needs a confidential connection: `wss:`, or a server on this machine.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn register(
        &self,
        login: &str,
        password: &str,
        invitation: Option<&str>,
    ) -> Result<(), RequestError> {
        self.request(Register { invitation, ..Register::new(login, password) })
    }

    /// Makes an invitation, with which somebody else can register.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn invite(&self) -> Result<Invitation<'static>, RequestError> {
        self.request(Invite)
    }

    /// Lists a user as a contact; joins a conference, whose login begins with `#`, or founds it. [`AddContact`] can invite a member
    /// into one, too, and make a member an owner.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn add_contact(&self, login: &str) -> Result<(), RequestError> {
        self.request(AddContact::new(login))
    }

    /// Blocks a user: no messages come from there any more, until the user is listed or deleted.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn block_contact(&self, login: &str) -> Result<(), RequestError> {
        self.request(AddContact { blocked: true, ..AddContact::new(login) })
    }

    /// Makes a user no contact; leaves a conference. [`DelContact`] can remove a member from one, too.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn del_contact(&self, login: &str) -> Result<(), RequestError> {
        self.request(DelContact::new(login))
    }

    /// Looks for users and conferences that are public, and whose logins begin so; no more than the limit, if there is one.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn search_contacts(&self, prefix: &str, limit: Option<u64>) -> Result<Found, RequestError> {
        self.request(SearchContacts { prefix, limit })
    }

    /// Asks what the server tells of a user or a conference: profile, state, members.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn get_user_data(&self, login: &str) -> Result<User<'static>, RequestError> {
        self.request(GetUserData { login })
    }

    /// Changes these fields of the user's profile, and removes those that are null. [`UpdateMyData`] can change a conference's, too.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn update_profile(&self, profile: Fields<'_>) -> Result<(), RequestError> {
        self.request(UpdateMyData { profile: Some(profile), ..UpdateMyData::default() })
    }

    /// Gives the user another password, and ends the user's other sessions if that is wanted. Both passwords are sent, so this needs
    /// a confidential connection: `wss:`, or a server on this machine.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn change_password(&self, old: &str, new: &str, end_sessions: bool) -> Result<(), RequestError> {
        self.request(UpdateMyData {
            password: Some(new),
            old_password: Some(old),
            end_sessions,
            ..UpdateMyData::default()
        })
    }

    /// Changes a profile or the password: whatever [`UpdateMyData`] can say.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn update_my_data(&self, update: UpdateMyData<'_>) -> Result<(), RequestError> {
        self.request(update)
    }

    /// Asks for the user's sessions.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn get_sessions(&self) -> Result<Vec<SessionInfo<'static>>, RequestError> {
        self.request(GetSessions)
    }

    /// Ends the own session. The client forgets how to sign in, and connects again; then somebody may
    /// [`authorize`](Self::authorize).
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn sign_out(&self) -> Result<(), RequestError> {
        self.request(SignOut::Own)
    }

    /// Ends one of the user's sessions, as [`get_sessions`](Self::get_sessions) told it.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn end_session(&self, session: &str) -> Result<(), RequestError> {
        self.request(SignOut::Session(session))
    }

    /// Ends all of the user's sessions but the own.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn end_other_sessions(&self) -> Result<(), RequestError> {
        self.request(SignOut::Others)
    }
}
