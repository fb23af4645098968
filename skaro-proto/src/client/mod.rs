//! The client's side of a connection, and of those that follow it: a machine without I/O.
//!
//! # Commands
//!
//! | method of [`Client`] | as a type, for adapters | taken when | its answer |
//! |---|---|---|---|
//! | [`authorize`](Client::authorize) | [`Authorize`] | connected, nobody signed in | [`Answer::Authorized`] |
//! | [`session_restore`](Client::session_restore) | [`SessionRestore`] | connected, nobody signed in | [`Answer::Restored`] |
//! | [`register_type`](Client::register_type) | [`RegisterType`] | connected | [`Answer::RegisterType`] |
//! | [`get_contacts`](Client::get_contacts) | [`GetContacts`] | signed in | [`Answer::Contacts`] |
//! | [`get_history`](Client::get_history) | [`GetHistory`] | signed in | [`Answer::History`] |
//! | [`send_message`](Client::send_message) | [`SendMessage`] | signed in; or while the machine signs in again | [`Answer::MessageSent`] |
//! | [`request_other`](Client::request_other) | | connected | [`Answer::Other`] |
//!
//! Each ends exactly once, as [`Event::Ended`]: with its answer, or with a [`Failure`].
//!
//! # Events
//!
//! | event | when |
//! |---|---|
//! | [`Connected`](Event::Connected) | the server has spoken: commands are taken |
//! | [`Ended`](Event::Ended) | a command, or something that the machine asked by itself, has ended |
//! | [`Late`](Event::Late) | an answer came after its request had timed out |
//! | [`Message`](Event::Message) | somebody sent a message |
//! | [`Info`](Event::Info), [`Error`](Event::Error) | the server has something to tell |
//! | [`Unknown`](Event::Unknown) | a message of a type that nobody listed |
//! | [`ProtocolError`](Event::ProtocolError) | a frame made no sense, and changed nothing |
//! | [`Disconnected`](Event::Disconnected) | the connection is gone |
//! | [`SignedOut`](Event::SignedOut) | the user is signed in no more, and won't be unless the application does something |
//! | [`Reconnecting`](Event::Reconnecting) | there will be another one, and when |
//! | [`GaveUp`](Event::GaveUp) | there won't, unless the application wants it |
//!
//! [`Answer::Authorized`]: crate::message::Answer::Authorized
//! [`Answer::Restored`]: crate::message::Answer::Restored
//! [`Answer::RegisterType`]: crate::message::Answer::RegisterType
//! [`Answer::Contacts`]: crate::message::Answer::Contacts
//! [`Answer::History`]: crate::message::Answer::History
//! [`Answer::MessageSent`]: crate::message::Answer::MessageSent
//! [`Answer::Other`]: crate::message::Answer::Other

mod command;
mod config;
mod event;
mod frame;
mod heap;
mod in_flight;
mod incoming;
mod link;
mod seen;
mod session;
mod sign_in;
mod status;
mod ticket;

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use compact_str::CompactString;
use zeroize::Zeroizing;

pub use command::{
    Authorize, Command, CommandError, GetContacts, GetHistory, RegisterType, SendMessage, SessionRestore,
};
pub use config::{Backoff, ClientConfig};
pub use event::{
    Awaited, Delivery, Disconnect, Ended, Event, Failure, ProtocolError, RequestError, SignedOutReason,
};
pub use incoming::Incoming;
pub use status::Status;
pub use ticket::{RequestId, Ticket};

use crate::auth;
use crate::codec::Fields;
use crate::codec::Format;
use crate::log::{debug, trace};
use crate::message::{ClientMessage, Request, RequestKind};
use crate::output::{Output, Transmit};
use crate::secret::Secret;
use crate::time::Time;
use command::within;
use in_flight::InFlight;
use link::{Connection, Link, SignIn, Stage};
use seen::Seen;
use session::{Credentials, Session};

/// A client of the skaro protocol, without I/O: bytes and the time go in, events and frames come out.
///
/// Its methods come in four families:
///
/// * **ask**: [`status`](Self::status), [`is_authorized`](Self::is_authorized), [`user`](Self::user),
///   [`session_id`](Self::session_id), [`dialogs`](Self::dialogs);
/// * **handle_**: what the outside reports: [`handle_connected`](Self::handle_connected),
///   [`handle_frame`](Self::handle_frame), [`handle_pong`](Self::handle_pong),
///   [`handle_timeout`](Self::handle_timeout), [`handle_disconnected`](Self::handle_disconnected),
///   [`handle_paused`](Self::handle_paused) and [`handle_resumed`](Self::handle_resumed);
/// * **commands**: what the application wants: [`authorize`](Self::authorize),
///   [`register_type`](Self::register_type), [`session_restore`](Self::session_restore),
///   [`get_contacts`](Self::get_contacts), [`get_history`](Self::get_history),
///   [`send_message`](Self::send_message), [`request_other`](Self::request_other); and [`close`](Self::close),
///   [`reconnect`](Self::reconnect), [`stop_reconnecting`](Self::stop_reconnecting);
/// * **poll_**: what to do next. After each call of the second or third family drain
///   [`poll_transmit`](Self::poll_transmit), then [`poll_event`](Self::poll_event), then look at
///   [`status`](Self::status) (it says when to dial, and when to drop the connection) and arm a timer for [`poll_timeout`](Self::poll_timeout).
///
/// A connection and the signing in, from the machine's point of view:
///
/// ```
/// use skaro_proto::client::{Client, ClientConfig, Event};
/// use skaro_proto::message::Answer;
/// use skaro_proto::{Frame, Time, Transmit};
///
/// let now = Time::ZERO;
/// let mut client = Client::new(ClientConfig::default(), 1);
///
/// // The adapter has connected, and the server speaks first. What it speaks decides the format.
/// client.handle_connected(now);
/// let frame = Frame::Text(r#"{"type":"check_connection","token":"3a0cf1b2c7d94e53"}"#);
/// assert!(matches!(client.handle_frame(now, frame)?, Event::Connected { .. }));
///
/// // A command becomes a frame, which the adapter fetches and sends.
/// let request = client.authorize(now, "alice", "correct horse")?;
/// let Some(Transmit::Frame(Frame::Text(sent))) = client.poll_transmit() else { panic!() };
/// assert!(sent.starts_with(r#"{"login":"alice","password":"09588417"#));
///
/// // The answer ends it.
/// let answer = r#"{"type":"request","for":"authorize","id":1,"status":"200",
///                  "session_id":"s-1","user":{"login":"alice"}}"#;
/// let Event::Ended(ended) = client.handle_frame(now, Frame::Text(answer))? else { panic!() };
/// assert_eq!(ended.ticket.id(), request);
/// assert!(matches!(ended.outcome, Ok(Answer::Authorized(_))));
/// assert!(client.is_authorized());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Client {
    config: ClientConfig,
    /// The latest moment that the machine was told.
    now: Time,
    link: Link,
    output: Output,
    in_flight: InFlight,
    /// The number of the last request on the wire, and of the last command. They differ when the machine asks
    /// something itself, or a message waits for the connection.
    last_number: u64,
    last_id: u64,
    events: VecDeque<Event<'static>>,
    /// Messages that wait for a reconnection.
    offline: VecDeque<OfflineMessage>,
    /// The session of the user who is signed in, or was when the connection broke.
    session: Option<Session>,
    /// Login of the last user: `seen` holds this user's dialogs, and waiting messages are sent in this user's name.
    last_user: Option<CompactString>,
    credentials: Option<Credentials>,
    /// Set when a broken connection is to be replaced: from the first connection until the machine gives up.
    persistent: bool,
    /// Set from the time a user signs in until `SignedOut` is reported or the client is closed.
    established: bool,
    /// Set when reconnecting was given up because the server refused to sign the user in again.
    refused: bool,
    /// Set when the application wants no connection after this one.
    stopped: bool,
    /// Attempts to connect since the last stable connection.
    attempt: u32,
    random: fastrand::Rng,
    seen: Seen,
}

#[derive(Clone, PartialEq)]
struct OfflineMessage {
    ticket: Ticket,
    body: String,
}

/// Ask.
impl Client {
    /// A client that has no connection yet. The seed decides how long it waits before connecting again; give each
    /// client another one, so that they do not come all at once.
    pub fn new(config: ClientConfig, seed: u64) -> Self {
        Client {
            config,
            now: Time::ZERO,
            link: Link::Offline,
            output: Output::default(),
            in_flight: InFlight::default(),
            last_number: 0,
            last_id: 0,
            events: VecDeque::new(),
            offline: VecDeque::new(),
            session: None,
            last_user: None,
            credentials: None,
            persistent: false,
            established: false,
            refused: false,
            stopped: false,
            attempt: 0,
            random: fastrand::Rng::with_seed(seed),
            seen: Seen::default(),
        }
    }

    /// Returns the configuration.
    pub const fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// Returns what the client is doing.
    pub const fn status(&self) -> Status {
        match &self.link {
            Link::Offline => Status::Offline,
            Link::Waiting { until } => Status::Waiting { until: *until },
            Link::Dialing { .. } => Status::Dialing,
            Link::Closed => Status::Closed,
            Link::Up(connection) => match &connection.stage {
                Stage::Greeting { .. } => Status::Greeting,
                Stage::Open { sign_in: SignIn::No { .. }, .. } => Status::Connected,
                Stage::Open { sign_in: SignIn::Pending { .. }, .. } => Status::SigningIn,
                Stage::Open { sign_in: SignIn::Yes, .. } => Status::SignedIn,
                Stage::Closing { .. } => Status::Closing,
            },
        }
    }

    /// Returns whether a user is signed in on this connection.
    pub const fn is_authorized(&self) -> bool {
        matches!(&self.link, Link::Up(Connection { stage: Stage::Open { sign_in: SignIn::Yes, .. }, .. }))
    }

    /// The login of the user who is signed in, or was when the connection broke.
    pub fn user(&self) -> Option<&str> {
        self.session.as_ref().map(|session| session.login.as_str())
    }

    /// Returns the id for [`session_restore`](Self::session_restore), valid on this client or another for five minutes
    /// after the connection broke.
    pub fn session_id(&self) -> Option<&Secret> {
        self.session.as_ref().map(|session| &session.id)
    }

    /// The dialogs in which messages came or went: after a reconnection, those whose history may have grown. The
    /// answer to `get_history` then [tells what is new](crate::message::History::unseen).
    pub fn dialogs(&self) -> impl Iterator<Item = &str> {
        self.seen.dialogs()
    }

    /// Number of commands that have not ended.
    pub fn pending(&self) -> usize {
        self.in_flight.len() + self.offline.len()
    }
}

/// Commands. Each takes effect or fails at once; one that was taken ends exactly once, with an [`Event::Ended`] that
/// bears the number which the command returned.
impl Client {
    /// Signs a user in, by a proof of knowing the password (see [`auth`]).
    ///
    /// # Errors
    /// Without a connection, while somebody is signed in, or if a text is over its limit.
    pub fn authorize(&mut self, now: Time, login: &str, password: &str) -> Result<RequestId, CommandError> {
        within("login", login, self.config.limits.max_login_bytes)?;
        within("password", password, self.config.limits.max_password_bytes)?;
        let token = self.token()?;
        let proof = Zeroizing::new(auth::proof(password, token.expose()));
        let kept = self.config.keep_credentials;
        let credentials = kept.then(|| Credentials { login: login.into(), password: password.into() });
        let id = self.begin_sign_in(
            now,
            RequestKind::Authorize,
            login,
            Request::Authorize { login: login.into(), proof: proof.as_str().into() },
        )?;
        self.set_pending_credentials(credentials);
        Ok(id)
    }

    /// Asks how one can register on the server; nobody needs to be signed in.
    ///
    /// # Errors
    /// Without a connection.
    pub fn register_type(&mut self, now: Time) -> Result<RequestId, CommandError> {
        self.connected()?;
        self.begin(now, RequestKind::RegisterType, "", Request::RegisterType)
    }

    /// Goes on with a session whose connection broke, if that was no more than five minutes ago.
    ///
    /// # Errors
    /// Without a connection, while somebody is signed in, or if the id is over the limit.
    pub fn session_restore(&mut self, now: Time, sid: &str) -> Result<RequestId, CommandError> {
        within("sid", sid, self.config.limits.max_secret_bytes)?;
        self.token()?;
        self.begin_sign_in(now, RequestKind::SessionRestore, "", Request::SessionRestore { sid: sid.into() })
    }

    /// Asks for all the users whom the user knows.
    ///
    /// # Errors
    /// Unless a user is signed in.
    pub fn get_contacts(&mut self, now: Time) -> Result<RequestId, CommandError> {
        self.signed_in()?;
        self.begin(now, RequestKind::GetContacts, "", Request::GetContacts)
    }

    /// Asks for the messages exchanged with another user.
    ///
    /// # Errors
    /// Unless a user is signed in, or if the login is over the limit.
    pub fn get_history(&mut self, now: Time, login: &str) -> Result<RequestId, CommandError> {
        within("login", login, self.config.limits.max_login_bytes)?;
        self.signed_in()?;
        self.begin(now, RequestKind::GetHistory, login, Request::GetHistory { login: login.into() })
    }

    /// Sends a message to another user. The marker is never sent: it comes back with the command's end.
    ///
    /// While the machine is connecting again, the message waits if the configuration allows that.
    ///
    /// # Errors
    /// Unless a user is signed in (or the message may wait), or if a text is over its limit.
    pub fn send_message(
        &mut self,
        now: Time,
        to: &str,
        body: &str,
        marker: Option<u64>,
    ) -> Result<RequestId, CommandError> {
        within("to", to, self.config.limits.max_login_bytes)?;
        within("body", body, self.config.limits.max_body_bytes)?;
        let signed_in = self.signed_in();
        // What waits already goes first, or messages would overtake each other.
        if (signed_in.is_err() || !self.offline.is_empty()) && self.may_wait() {
            return self.wait_offline(to, body, marker);
        }
        signed_in?;
        self.room()?;
        let ticket = Ticket { marker, ..self.ticket(RequestKind::SendMessage, to) };
        Ok(self.put_under_way(now, ticket, |format, number, out| {
            let request = Request::SendMessage { to: to.into(), body: body.into() };
            let message = ClientMessage::new(number, request);
            message.encode_into(format, out);
            // All of it is borrowed. That there is nothing to drop is not seen by the compiler.
            core::mem::forget(message);
        }))
    }

    /// Keeps a message for when the user is signed in again.
    #[cold]
    fn wait_offline(&mut self, to: &str, body: &str, marker: Option<u64>) -> Result<RequestId, CommandError> {
        let limit = self.config.offline_messages;
        if self.offline.len() >= limit {
            return Err(CommandError::OfflineFull { limit });
        }
        let ticket = Ticket { marker, ..self.ticket(RequestKind::SendMessage, to) };
        let id = ticket.id;
        self.offline.push_back(OfflineMessage { ticket, body: body.into() });
        Ok(id)
    }

    /// Makes a request of a type that this library does not know; its answer is an
    /// [`Answer::Other`](crate::message::Answer::Other).
    ///
    /// # Errors
    /// Without a connection, or if the type is one that has a command of its own.
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
    fn begin(
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
    fn ticket(&mut self, kind: RequestKind, login: &str) -> Ticket {
        self.last_id += 1;
        let id = RequestId(self.last_id);
        Ticket { id, kind, login: CompactString::new(login), marker: None, automatic: false }
    }

    /// Writes the frame of a request whose ticket was made; from now on it is under way.
    fn submit(&mut self, now: Time, ticket: Ticket, request: Request<'_>) -> RequestId {
        self.put_under_way(now, ticket, |format, number, out| {
            ClientMessage::new(number, request).encode_into(format, out);
        })
    }

    /// Always inlined: else the ticket is copied on its way into the queue.
    #[inline(always)]
    fn put_under_way(
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
    fn room(&self) -> Result<(), CommandError> {
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

    fn connected(&self) -> Result<(), CommandError> {
        match self.status() {
            Status::Connected | Status::SigningIn | Status::SignedIn => Ok(()),
            Status::Closing | Status::Closed => Err(CommandError::Closed),
            _ => Err(CommandError::NotConnected),
        }
    }

    fn signed_in(&self) -> Result<(), CommandError> {
        if self.is_authorized() { Ok(()) } else { Err(self.why_not_signed_in()) }
    }

    #[cold]
    fn why_not_signed_in(&self) -> CommandError {
        self.connected().err().unwrap_or(CommandError::NotSignedIn)
    }

    /// Returns whether messages may wait, which is so while the machine works on signing the user in again.
    fn may_wait(&self) -> bool {
        self.config.offline_messages > 0 && (self.resumes() || !self.offline.is_empty())
    }
}

/// Poll: what to do next.
impl Client {
    /// Returns what the adapter is to do with the connection next; `None` when there is nothing left.
    ///
    /// Fetch only as much as the connection takes: what stays here counts against the limits, and what never left
    /// is known not to have been sent when the connection breaks.
    pub fn poll_transmit(&mut self) -> Option<Transmit<'_>> {
        if !self.offline.is_empty() {
            self.send_offline();
        }
        let transmit = self.output.poll();
        if let Some(transmit) = &transmit {
            trace!("sends {transmit:?}");
        }
        transmit
    }

    /// Returns the next event besides those from [`handle_frame`](Self::handle_frame); `None` when there are no more.
    pub fn poll_event(&mut self) -> Option<Event<'static>> {
        self.events.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if nothing happens before; `None` for never.
    pub fn poll_timeout(&self) -> Option<Time> {
        [self.in_flight.deadline(), self.link_deadline()].into_iter().flatten().min()
    }

    /// Time goes on, even if the caller's clock does not.
    fn advance(&mut self, now: Time) {
        self.now = self.now.max(now);
    }

    /// Sends what waited for the connection, as far as there is room.
    #[cold]
    fn send_offline(&mut self) {
        while self.is_authorized() && self.room().is_ok() {
            let Some(OfflineMessage { ticket, body }) = self.offline.pop_front() else { return };
            let to = ticket.login.clone();
            let request = Request::SendMessage { to: to.as_str().into(), body: body.into() };
            self.submit(self.now, ticket, request);
        }
    }
}
