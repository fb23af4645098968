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
mod requests;
mod seen;
mod session;
mod sign_in;
mod status;
mod ticket;

use alloc::collections::VecDeque;
use alloc::string::String;
use compact_str::CompactString;

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

use crate::log::trace;
use crate::output::{Output, Transmit};
use crate::secret::Secret;
use crate::time::Time;
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
/// * **poll_**: what to do next: [`poll_transmit`](Self::poll_transmit), [`poll_event`](Self::poll_event),
///   [`poll_timeout`](Self::poll_timeout). The [crate's documentation](crate) has the loop around them.
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
}
