//! The commands of the client's machine, and how they become requests under way.

use alloc::vec::Vec;

use compact_str::CompactString;
use zeroize::Zeroizing;

use super::Client;
use super::command::{CommandError, within};
use super::link::Link;
use super::session::Credentials;
use super::status::Status;
use super::ticket::{RequestId, Ticket};
use crate::auth;
use crate::codec::{Fields, Format};
use crate::log::debug;
use crate::message::{ClientMessage, Page, Request, RequestKind};
use crate::time::Time;

/// Commands.
///
/// Each is taken or fails at once. A command that was taken ends exactly once, with an
/// [`Event::Ended`](super::Event::Ended) that has the returned number.
///
/// Besides the errors that each lists, all of them fail with [`CommandError::TooManyRequests`] while
/// [`max_requests`](crate::Limits::max_requests) are under way, and with [`CommandError::OutputFull`] while
/// [`max_queued_bytes`](crate::Limits::max_queued_bytes) wait to be sent. Try again when some have ended.
impl Client {
    /// Signs a user in, by a proof of knowing the password (see [`auth`]).
    ///
    /// # Errors
    /// If there is no connection, if someone is signed in, or if a text is over its limit.
    pub fn authorize(&mut self, now: Time, login: &str, password: &str) -> Result<RequestId, CommandError> {
        within("login", login, self.config.limits.max_login_bytes)?;
        within("password", password, self.config.limits.max_password_bytes)?;
        let token = self.token()?;
        let proof = Zeroizing::new(auth::proof(password, token.expose()));
        let ((since, log), presence) = (self.since(Some(login)), self.asks_for_presence());
        let kept = self.config.keep_credentials;
        let credentials = kept.then(|| Credentials { login: login.into(), password: password.into() });
        let id = self.begin_sign_in(
            now,
            RequestKind::Authorize,
            login,
            Request::Authorize { login: login.into(), proof: proof.as_str().into(), since, log, presence },
        )?;
        self.set_pending_credentials(credentials);
        Ok(id)
    }

    /// Asks how new users can register on the server. Nobody needs to be signed in.
    ///
    /// # Errors
    /// If there is no connection.
    pub fn register_type(&mut self, now: Time) -> Result<RequestId, CommandError> {
        self.connected()?;
        self.begin(now, RequestKind::RegisterType, "", Request::RegisterType)
    }

    /// Resumes a session whose connection broke no more than five minutes ago.
    ///
    /// # Errors
    /// If there is no connection, if someone is signed in, or if the id is over the limit.
    pub fn session_restore(&mut self, now: Time, sid: &str) -> Result<RequestId, CommandError> {
        within("sid", sid, self.config.limits.max_secret_bytes)?;
        self.token()?;
        let ((since, log), presence) = (self.since(None), self.asks_for_presence());
        let request = Request::SessionRestore { sid: sid.into(), since, log, presence };
        self.begin_sign_in(now, RequestKind::SessionRestore, "", request)
    }

    /// Asks for all the users whom the user knows.
    ///
    /// # Errors
    /// If no user is signed in.
    pub fn get_contacts(&mut self, now: Time) -> Result<RequestId, CommandError> {
        self.signed_in()?;
        self.begin(now, RequestKind::GetContacts, "", Request::GetContacts)
    }

    /// Asks for the last messages exchanged with another user; [`GetHistory`](super::GetHistory) can ask for others.
    ///
    /// # Errors
    /// If no user is signed in, or if the login is over the limit.
    pub fn get_history(&mut self, now: Time, login: &str) -> Result<RequestId, CommandError> {
        self.get_page(now, login, Page::default())
    }

    pub(super) fn get_page(&mut self, now: Time, login: &str, page: Page) -> Result<RequestId, CommandError> {
        within("login", login, self.config.limits.max_login_bytes)?;
        self.signed_in()?;
        self.begin(now, RequestKind::GetHistory, login, Request::GetHistory { login: login.into(), page })
    }

    /// Moves the user's read mark of a dialog, on all devices, to this position of the user's own log.
    ///
    /// If that is further than before, the mark becomes an entry of the log.
    ///
    /// # Errors
    /// If no user is signed in, or if the login is over the limit.
    pub fn read(&mut self, now: Time, login: &str, up_to: u64) -> Result<RequestId, CommandError> {
        within("login", login, self.config.limits.max_login_bytes)?;
        self.signed_in()?;
        self.begin(now, RequestKind::Read, login, Request::Read { login: login.into(), up_to })
    }

    /// Makes a request of a type that this library does not know. Its answer is an
    /// [`Answer::Other`](crate::message::Answer::Other).
    ///
    /// # Errors
    /// If there is no connection, or if the type has a command of its own.
    pub fn request_other(
        &mut self,
        now: Time,
        kind: &'static str,
        fields: Fields<'_>,
    ) -> Result<RequestId, CommandError> {
        if RequestKind::LISTED.iter().any(|listed| listed.as_str() == kind) {
            return Err(CommandError::ReservedType(kind));
        }
        self.connected()?;
        self.begin(now, RequestKind::Other(kind), "", Request::Other { kind: kind.into(), fields })
    }

    /// Takes a command if there is room for it, and writes its frame.
    pub(super) fn begin(
        &mut self,
        now: Time,
        kind: RequestKind,
        login: &str,
        request: Request<'_>,
    ) -> Result<RequestId, CommandError> {
        self.room()?;
        let ticket = self.ticket(kind, login);
        Ok(self.submit(now, ticket, request))
    }

    #[inline]
    pub(super) fn ticket(&mut self, kind: RequestKind, login: &str) -> Ticket {
        self.last_id += 1;
        let id = RequestId(self.last_id);
        Ticket { id, kind, login: CompactString::new(login), marker: None, automatic: false, kept: false }
    }

    /// Writes the frame of a request whose ticket was made; from now on it is under way.
    pub(super) fn submit(&mut self, now: Time, ticket: Ticket, request: Request<'_>) -> RequestId {
        self.put_under_way(now, ticket, |format, number, out| {
            ClientMessage::new(number, request).encode_into(format, out);
        })
    }

    /// Always inlined: otherwise the ticket is copied on its way into the queue.
    #[inline(always)]
    pub(super) fn put_under_way(
        &mut self,
        now: Time,
        ticket: Ticket,
        write: impl FnOnce(Format, u64, &mut Vec<u8>),
    ) -> RequestId {
        self.advance(now);
        self.last_number += 1;
        let (id, number) = (ticket.id, self.last_number);
        debug!("request {number}: {}", ticket.kind);
        self.in_flight.push(number, self.now + self.config.request_timeout, ticket);
        if let Link::Up(connection) = &self.link {
            let format = connection.format();
            self.output.push(format, number, |out| write(format, number, out));
        }
        id
    }

    /// Checks that there is room for another request.
    pub(super) fn room(&self) -> Result<(), CommandError> {
        let limits = &self.config.limits;
        let is_room =
            self.in_flight.len() < limits.max_requests && self.output.len() <= limits.max_queued_bytes;
        if is_room { Ok(()) } else { Err(self.why_no_room()) }
    }

    #[cold]
    fn why_no_room(&self) -> CommandError {
        let limits = &self.config.limits;
        if self.in_flight.len() >= limits.max_requests {
            CommandError::TooManyRequests { limit: limits.max_requests }
        } else {
            CommandError::OutputFull { limit: limits.max_queued_bytes }
        }
    }

    pub(super) fn connected(&self) -> Result<(), CommandError> {
        match self.status() {
            Status::Connected | Status::SigningIn | Status::SignedIn => Ok(()),
            Status::Closing | Status::Closed => Err(CommandError::Closed),
            _ => Err(CommandError::NotConnected),
        }
    }

    pub(super) fn signed_in(&self) -> Result<(), CommandError> {
        if self.is_authorized() { Ok(()) } else { Err(self.why_not_signed_in()) }
    }

    #[cold]
    fn why_not_signed_in(&self) -> CommandError {
        self.connected().err().unwrap_or(CommandError::NotSignedIn)
    }
}
