//! Requests of the extension `people`: registering, contacts, profiles, sessions, signing out.

use super::command::within;
use super::link::{Change, Link, Stage};
use super::people_command::{AddContact, DelContact, Register, SignOut, UpdateMyData};
use super::{Client, CommandError, Disconnect, RequestId, SignedOutReason};
use crate::codec::Fields;
use crate::log::debug;
use crate::message::{Answer, ClientMessage, Request, RequestKind};
use crate::time::Time;

/// The name of the extension.
pub(super) const PEOPLE: &str = "people";

/// Commands of the extension `people`.
///
/// Besides the errors that each lists, all of them fail if there is no connection, and with
/// [`CommandError::NoExtension`] if the server does not have the extension.
impl Client {
    /// Makes an account. Afterwards [`authorize`](Self::authorize) can sign in, also on the same connection.
    ///
    /// # Errors
    /// If someone is signed in, if a text is over its limit, or with [`CommandError::NotConfidential`] if others could
    /// read the password on its way.
    pub fn register(&mut self, now: Time, register: Register<'_>) -> Result<RequestId, CommandError> {
        let Register { login, password, invitation, profile } = register;
        let limits = &self.config.limits;
        within("login", login, limits.max_login_bytes)?;
        within("password", password, limits.max_password_bytes)?;
        within("invitation", invitation.unwrap_or_default(), limits.max_secret_bytes)?;
        self.token()?;
        self.knows_people()?;
        self.confidential()?;
        let request = Request::Register {
            login: login.into(),
            password: password.into(),
            invitation: invitation.map(Into::into),
            profile,
        };
        self.begin_secret(now, RequestKind::Register, login, request)
    }

    /// Makes an invitation, with which one other person can [`register`](Self::register). To invite someone into a
    /// conference, use [`add_contact`](Self::add_contact).
    ///
    /// # Errors
    /// If no user is signed in.
    pub fn invite(&mut self, now: Time) -> Result<RequestId, CommandError> {
        self.begin_people(now, RequestKind::Invite, "", Request::Invite)
    }

    /// Lists a user as a contact, or blocks one; founds or joins a conference, or invites someone into it.
    ///
    /// # Errors
    /// If no user is signed in, or if a login is over the limit.
    pub fn add_contact(&mut self, now: Time, contact: AddContact<'_>) -> Result<RequestId, CommandError> {
        let AddContact { login, blocked, member, owner } = contact;
        within("member", member.unwrap_or_default(), self.config.limits.max_login_bytes)?;
        let member = member.map(Into::into);
        let request = Request::AddContact { login: login.into(), blocked, member, owner };
        self.begin_people(now, RequestKind::AddContact, login, request)
    }

    /// Removes a user from the contacts; leaves a conference, or removes one of its members.
    ///
    /// # Errors
    /// If no user is signed in, or if a login is over the limit.
    pub fn del_contact(&mut self, now: Time, contact: DelContact<'_>) -> Result<RequestId, CommandError> {
        let DelContact { login, member } = contact;
        within("member", member.unwrap_or_default(), self.config.limits.max_login_bytes)?;
        let request = Request::DelContact { login: login.into(), member: member.map(Into::into) };
        self.begin_people(now, RequestKind::DelContact, login, request)
    }

    /// Looks for public users and conferences whose logins begin with a prefix. Without a limit, the server decides how
    /// many it sends.
    ///
    /// # Errors
    /// If no user is signed in, or if the prefix is longer than a login may be.
    pub fn search_contacts(
        &mut self,
        now: Time,
        prefix: &str,
        limit: Option<u64>,
    ) -> Result<RequestId, CommandError> {
        within("prefix", prefix, self.config.limits.max_login_bytes)?;
        let request = Request::SearchContacts { prefix: prefix.into(), limit };
        self.begin_people(now, RequestKind::SearchContacts, "", request)
    }

    /// Asks for what the server tells about a user or a conference, a contact or not, or about the user who asks.
    ///
    /// # Errors
    /// If no user is signed in, or if the login is over the limit.
    pub fn get_user_data(&mut self, now: Time, login: &str) -> Result<RequestId, CommandError> {
        let request = Request::GetUserData { login: login.into() };
        self.begin_people(now, RequestKind::GetUserData, login, request)
    }

    /// Changes the profile of the user or of a conference, or the user's password.
    ///
    /// If the machine [keeps](super::ClientConfig::keep_credentials) the password, it keeps the new one as soon as the
    /// server has accepted it.
    ///
    /// # Errors
    /// If no user is signed in, if a text is over its limit, or with [`CommandError::NotConfidential`] if others could
    /// read a password on its way.
    pub fn update_my_data(&mut self, now: Time, update: UpdateMyData<'_>) -> Result<RequestId, CommandError> {
        let UpdateMyData { login, profile, password, old_password, end_sessions } = update;
        let limit = self.config.limits.max_password_bytes;
        within("password", password.unwrap_or_default(), limit)?;
        within("old_password", old_password.unwrap_or_default(), limit)?;
        let request = Request::UpdateMyData {
            login: login.map(Into::into),
            profile,
            password: password.map(Into::into),
            old_password: old_password.map(Into::into),
            end_sessions,
        };
        let (kind, login) = (RequestKind::UpdateMyData, login.unwrap_or_default());
        if password.is_none() && old_password.is_none() {
            return self.begin_people(now, kind, login, request);
        }
        self.may_ask_about(login)?;
        self.confidential()?;
        let id = self.begin_secret(now, kind, login, request)?;
        if let Some(password) = password.filter(|_| self.config.keep_credentials) {
            self.expect(Change::Password(password.into()));
        }
        Ok(id)
    }

    /// Asks for the user's sessions. [`sign_out`](Self::sign_out) can end each of them.
    ///
    /// # Errors
    /// If no user is signed in.
    pub fn get_sessions(&mut self, now: Time) -> Result<RequestId, CommandError> {
        self.begin_people(now, RequestKind::GetSessions, "", Request::GetSessions)
    }

    /// Ends the session of this connection, or other sessions of the user.
    ///
    /// Once the session of this connection has ended, or the connection has broken before the answer came, the machine
    /// forgets session and password. It connects again, but someone has to authorize. What had not ended then ends as
    /// lost.
    ///
    /// # Errors
    /// If no user is signed in, or if the session's name is over the limit.
    pub fn sign_out(&mut self, now: Time, which: SignOut<'_>) -> Result<RequestId, CommandError> {
        let (session, others) = match which {
            SignOut::Own => (None, false),
            SignOut::Session(session) => (Some(session), false),
            SignOut::Others => (None, true),
        };
        within("session", session.unwrap_or_default(), self.config.limits.max_secret_bytes)?;
        let request = Request::SignOut { session: session.map(Into::into), others };
        let id = self.begin_people(now, RequestKind::SignOut, "", request)?;
        if matches!(which, SignOut::Own) {
            self.expect(Change::SignOut);
        }
        Ok(id)
    }

    /// Tells another user, or the members of a conference, that the user is typing.
    ///
    /// There is no answer, and it may be lost. While the user types, call it every 5 seconds at most. This project's
    /// server counts each call as five messages, and ignores calls beyond the rate, and those that nobody may hear.
    ///
    /// # Errors
    /// If no user is signed in, or if the login is over the limit.
    pub fn typing(&mut self, now: Time, login: &str) -> Result<(), CommandError> {
        self.may_ask_about(login)?;
        self.room()?;
        self.advance(now);
        if let Link::Up(connection) = &self.link {
            let format = connection.format();
            self.output.push(format, 0, |out| ClientMessage::typing(login).encode_into(format, out));
        }
        Ok(())
    }
}

impl Client {
    /// Reports that the connection is confidential: nobody on the way can read or change what is sent.
    ///
    /// TLS with a verified certificate and a connection within one computer are confidential, and whatever the
    /// application vouches for. Call it after each [`handle_connected`](Self::handle_connected). Otherwise the machine
    /// does not consider the connection confidential, and sends no passwords over it.
    pub fn handle_confidential(&mut self) {
        if let Link::Up(connection) = &mut self.link {
            connection.confidential = true;
        }
    }

    /// Returns whether the adapter has said that the connection is [confidential](Self::handle_confidential).
    #[must_use]
    pub const fn is_confidential(&self) -> bool {
        matches!(&self.link, Link::Up(connection) if connection.confidential)
    }

    /// Returns whether there is a connection to a server that has the extension `people`.
    #[must_use]
    pub const fn has_people(&self) -> bool {
        match &self.link {
            Link::Up(connection) => matches!(connection.stage, Stage::Open { people: true, .. }),
            _ => false,
        }
    }

    /// Returns whether to ask for presence when the user signs in.
    pub(super) const fn asks_for_presence(&self) -> bool {
        self.config.wants_presence && self.has_people()
    }

    fn knows_people(&self) -> Result<(), CommandError> {
        self.connected()?;
        if self.has_people() { Ok(()) } else { Err(CommandError::NoExtension(PEOPLE)) }
    }

    fn confidential(&self) -> Result<(), CommandError> {
        if self.is_confidential() { Ok(()) } else { Err(CommandError::NotConfidential) }
    }

    fn may_ask_about(&self, login: &str) -> Result<(), CommandError> {
        within("login", login, self.config.limits.max_login_bytes)?;
        self.knows_people()?;
        self.signed_in()
    }

    fn begin_people(
        &mut self,
        now: Time,
        kind: RequestKind,
        login: &str,
        request: Request<'_>,
    ) -> Result<RequestId, CommandError> {
        self.may_ask_about(login)?;
        self.begin(now, kind, login, request)
    }

    /// Writes a request with passwords, and leaves no copy of them behind.
    fn begin_secret(
        &mut self,
        now: Time,
        kind: RequestKind,
        login: &str,
        request: Request<'_>,
    ) -> Result<RequestId, CommandError> {
        self.room()?;
        let (texts, profile) = match &request {
            Request::Register { password, invitation, profile, .. } => {
                ([Some(password), invitation.as_ref()], profile)
            }
            Request::UpdateMyData { password, old_password, profile, .. } => {
                ([password.as_ref(), old_password.as_ref()], profile)
            }
            _ => ([None; 2], &None),
        };
        let texts = texts.into_iter().flatten().map(|text| text.len()).sum::<usize>();
        let bytes = texts + login.len() + profile.as_ref().map_or(0, Fields::heap_bytes);
        self.output.reserve_for_secrets(bytes);
        let id = self.begin(now, kind, login, request)?;
        self.output.mark_secret();
        Ok(id)
    }

    /// Notes a change that the answer to the last written request will make.
    fn expect(&mut self, change: Change) {
        let number = self.last_number;
        if let Link::Up(connection) = &mut self.link {
            connection.changes.push((number, change));
        }
    }

    /// Makes the change that an answer, even a late one, has confirmed.
    #[cold]
    pub(super) fn settle(&mut self, number: u64, answer: Option<&Answer<'_>>) {
        let Link::Up(connection) = &mut self.link else { return };
        let Some(at) = connection.changes.iter().position(|(expected, _)| *expected == number) else {
            return;
        };
        let (_, change) = connection.changes.swap_remove(at);
        match (change, answer) {
            (Change::SignOut, Some(Answer::SignedOut)) => {
                self.forget_user(SignedOutReason::Requested);
                // The server closes the connection now. There is nothing left to wait for, or to do on it.
                if self.sign_in().is_some() {
                    self.lose(Disconnect::SignedOut);
                }
            }
            (Change::Password(password), Some(Answer::Updated)) => {
                if let Some(credentials) = &mut self.credentials {
                    credentials.password = password;
                }
            }
            _ => (),
        }
    }

    /// Returns whether the session of this connection was to be ended, and perhaps has ended.
    pub(super) fn was_signing_out(&self) -> bool {
        let Link::Up(connection) = &self.link else { return false };
        connection.changes.iter().any(|(_, change)| *change == Change::SignOut)
    }

    /// Forgets how to sign the user in again, since that is no longer wanted.
    pub(super) fn forget_user(&mut self, reason: SignedOutReason) {
        debug!("the user is forgotten");
        self.session = None;
        self.credentials = None;
        self.signed_out(reason);
    }
}
