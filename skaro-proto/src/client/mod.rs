//! The client's side of the protocol, over one connection after another: a machine without I/O.
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
//! | [`read`](Client::read) | [`Read`] | signed in | [`Answer::Read`] |
//! | [`request_other`](Client::request_other) | | connected | [`Answer::Other`] |
//!
//! If the server has the extension `people` ([`Client::has_people`]), also:
//!
//! | method of [`Client`] | as a type, for adapters | taken when | its answer |
//! |---|---|---|---|
//! | [`register`](Client::register) | [`Register`] | connected, nobody signed in | [`Answer::Registered`] |
//! | [`invite`](Client::invite) | [`Invite`] | signed in | [`Answer::Invitation`] |
//! | [`add_contact`](Client::add_contact) | [`AddContact`] | signed in | [`Answer::Contact`] |
//! | [`del_contact`](Client::del_contact) | [`DelContact`] | signed in | [`Answer::Contact`] |
//! | [`search_contacts`](Client::search_contacts) | [`SearchContacts`] | signed in | [`Answer::Users`] |
//! | [`get_user_data`](Client::get_user_data) | [`GetUserData`] | signed in | [`Answer::User`] |
//! | [`update_my_data`](Client::update_my_data) | [`UpdateMyData`] | signed in | [`Answer::Updated`] |
//! | [`get_sessions`](Client::get_sessions) | [`GetSessions`] | signed in | [`Answer::Sessions`] |
//! | [`sign_out`](Client::sign_out) | [`SignOut`] | signed in | [`Answer::SignedOut`] |
//! | [`typing`](Client::typing) | | signed in | none |
//!
//! Each command ends exactly once, as [`Event::Ended`]: with its answer, or with a [`Failure`].
//!
//! # Events
//!
//! | event | when |
//! |---|---|
//! | [`Connected`](Event::Connected) | the server has spoken: commands are taken |
//! | [`Ended`](Event::Ended) | a command, or a request that the machine made by itself, has ended |
//! | [`Late`](Event::Late) | an answer came after its request had ended |
//! | [`Postponed`](Event::Postponed) | the server can't take a repeated message at present, or does not know its outcome; it is sent again later |
//! | [`Message`](Event::Message) | someone sent a message |
//! | [`Sent`](Event::Sent) | a message of this connection has its place in the log |
//! | [`Read`](Event::Read) | the user has read a dialog, on any device |
//! | [`Contact`](Event::Contact) | the state of a contact has changed, on any device |
//! | [`ChangedUserData`](Event::ChangedUserData) | a profile or a conference has changed, or someone has come or gone |
//! | [`Typing`](Event::Typing), [`ReadBy`](Event::ReadBy) | someone is typing; someone has read the dialog |
//! | [`CaughtUp`](Event::CaughtUp) | everything that was logged before the user signed in has arrived |
//! | [`LogChanged`](Event::LogChanged) | the log is a different one, or no longer reaches back far enough |
//! | [`Info`](Event::Info), [`Error`](Event::Error) | the server has something to tell |
//! | [`Unknown`](Event::Unknown) | a message of an unknown type |
//! | [`ProtocolError`](Event::ProtocolError) | a frame was invalid, and had no effect but to end the connection if entries are missing |
//! | [`Disconnected`](Event::Disconnected) | the connection is gone |
//! | [`SignedOut`](Event::SignedOut) | the user is no longer signed in, until the application signs in again |
//! | [`Reconnecting`](Event::Reconnecting) | the machine will connect again, and when |
//! | [`GaveUp`](Event::GaveUp) | the machine will not connect again, unless the application asks for it |
//!
//! # Nothing is missed, nothing comes twice
//!
//! If the server keeps logs, this holds over all breaks of the connection, and the application need not do anything.
//! For it to hold over restarts of the application, too, the application stores three things:
//!
//! 1. **Its place in the log**, after the last event that it has handled ([`LogStart::follow`]). It stores the place in
//!    one step with what it did about the event. The next client [begins there](ClientConfig::log).
//! 2. **The messages that have not ended, with keys of their own** ([`SendMessage::key`]). It stores them before it
//!    sends them, and removes them when they end. The next client sends them again with the same keys, in order, before
//!    any others.
//! 3. **The new place after an [`Event::LogChanged`]**. What became of the messages that were open then is unknown.
//!
//! ```
//! use skaro_proto::client::{Client, ClientConfig, Event, LogStart};
//!
//! /// In a file, say, that is written beside the old one and renamed into its place.
//! struct Stored {
//!     place: LogStart,
//!     /// Recipient, text and key.
//!     open: Vec<(String, String, String)>,
//! }
//!
//! fn start(stored: &Stored, seed: [u8; 32]) -> Client {
//!     let mut config = ClientConfig::default();
//!     config.log = stored.place.clone();
//!     Client::new(config, seed)
//! }
//!
//! fn handle(stored: &mut Stored, event: &Event<'_>) {
//!     // Do something about the event here; then store both together.
//!     if stored.place.follow(event) { /* store it */ }
//! }
//! # start(&Stored { place: LogStart::Since { log: "l".into(), position: 7 }, open: Vec::new() }, [1; 32]);
//! ```
//!
//! The example `exactly_once` of `skaro-tokio` is a complete program.
//!
//! A bot that answers each message needs less. It makes the key of an answer from the position of the message
//! (`answer-to-17`), and stores only this position, once the answer has ended. After a restart it answers the same
//! message again, and the server recognises the key.
//!
//! [`Answer::Authorized`]: crate::message::Answer::Authorized
//! [`Answer::Restored`]: crate::message::Answer::Restored
//! [`Answer::RegisterType`]: crate::message::Answer::RegisterType
//! [`Answer::Contacts`]: crate::message::Answer::Contacts
//! [`Answer::History`]: crate::message::Answer::History
//! [`Answer::MessageSent`]: crate::message::Answer::MessageSent
//! [`Answer::Read`]: crate::message::Answer::Read
//! [`Answer::Other`]: crate::message::Answer::Other
//! [`Answer::Registered`]: crate::message::Answer::Registered
//! [`Answer::Invitation`]: crate::message::Answer::Invitation
//! [`Answer::Contact`]: crate::message::Answer::Contact
//! [`Answer::Users`]: crate::message::Answer::Users
//! [`Answer::User`]: crate::message::Answer::User
//! [`Answer::Updated`]: crate::message::Answer::Updated
//! [`Answer::Sessions`]: crate::message::Answer::Sessions
//! [`Answer::SignedOut`]: crate::message::Answer::SignedOut

mod command;
mod config;
mod cursor;
mod disconnect;
mod entries;
mod event;
mod frame;
mod heap;
mod in_flight;
mod incoming;
mod link;
mod outbox;
mod people;
mod people_command;
mod queue;
mod requests;
mod sending;
mod session;
mod sign_in;
mod status;
mod ticket;

use alloc::collections::VecDeque;
use compact_str::CompactString;

pub use command::{
    Accepted, Authorize, Command, CommandError, GetContacts, GetHistory, Read, RegisterType, SendMessage,
    SessionRestore,
};
pub use config::{Backoff, ClientConfig};
pub use cursor::LogStart;
pub use disconnect::{Awaited, Disconnect};
pub use event::{Delivery, Ended, Event, Failure, ProtocolError, RequestError, SignedOutReason};
pub use incoming::Incoming;
pub use people_command::{
    AddContact, DelContact, Found, GetSessions, GetUserData, Invite, Register, SearchContacts, SignOut,
    UpdateMyData,
};
pub use status::Status;
pub use ticket::{RequestId, Ticket};

use crate::log::trace;
use crate::output::{Output, Transmit};
use crate::secret::Secret;
use crate::time::Time;
use cursor::Cursor;
use in_flight::InFlight;
use link::{Connection, Link, SignIn, Stage};
use outbox::Outbox;
use session::{Credentials, Session};

/// A client of the skaro protocol, without I/O: bytes and the time go in, events and frames come out.
///
/// Its methods come in four families:
///
/// * **ask**: [`status`](Self::status), [`is_authorized`](Self::is_authorized), [`user`](Self::user),
///   [`session_id`](Self::session_id), [`log`](Self::log),
///   [`has_cursor`](Self::has_cursor), [`has_people`](Self::has_people), [`is_confidential`](Self::is_confidential);
/// * **handle_**: what the outside reports: [`handle_connected`](Self::handle_connected),
///   [`handle_confidential`](Self::handle_confidential), [`handle_frame`](Self::handle_frame),
///   [`handle_pong`](Self::handle_pong), [`handle_timeout`](Self::handle_timeout),
///   [`handle_disconnected`](Self::handle_disconnected), [`handle_paused`](Self::handle_paused) and
///   [`handle_resumed`](Self::handle_resumed); and [`handle_taken`](Self::handle_taken), what the application has
///   taken;
/// * **commands**: what the application wants: [`authorize`](Self::authorize),
///   [`register_type`](Self::register_type), [`session_restore`](Self::session_restore),
///   [`get_contacts`](Self::get_contacts), [`get_history`](Self::get_history),
///   [`send_message`](Self::send_message), [`read`](Self::read), [`request_other`](Self::request_other),
///   and [those of the extension `people`](self); and [`close`](Self::close),
///   [`reconnect`](Self::reconnect), [`stop_reconnecting`](Self::stop_reconnecting);
/// * **poll_**: what to do next: [`poll_transmit`](Self::poll_transmit), [`poll_event`](Self::poll_event),
///   [`poll_timeout`](Self::poll_timeout). The [crate's documentation](crate) has the loop around them.
///
/// Connecting and signing in, from the machine's point of view:
///
/// ```
/// use skaro_proto::client::{Client, ClientConfig, Event};
/// use skaro_proto::message::Answer;
/// use skaro_proto::{Frame, Time, Transmit};
///
/// let now = Time::ZERO;
/// let mut client = Client::new(ClientConfig::default(), [1; 32]); // a real adapter asks for random bytes
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
    /// The latest time that the machine was given.
    now: Time,
    link: Link,
    output: Output,
    in_flight: InFlight,
    /// The number of the last request on the wire, and of the last command. They differ if the machine makes requests
    /// of its own, or a message waits for the connection.
    last_number: u64,
    last_id: u64,
    events: VecDeque<Event<'static>>,
    /// Messages that wait, or may have to be sent again.
    outbox: Outbox,
    /// Prefix of the keys that the machine makes for messages without one.
    key_prefix: u128,
    cursor: Cursor,
    /// The session of the user who is signed in, or was when the connection broke.
    session: Option<Session>,
    /// Login of the last user: the cursor is in this user's log, and waiting messages are sent in this user's name.
    last_user: Option<CompactString>,
    credentials: Option<Credentials>,
    /// Set if a broken connection is to be replaced: from the first connection until the machine gives up.
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
}

/// Ask: what the machine knows.
impl Client {
    /// Creates a client that has no connection yet.
    ///
    /// The seed must be random, from a source that is fit for secrets, and different for each client. It determines the
    /// keys by which the server recognises repeated messages, and the time that passes before connecting again.
    #[must_use]
    pub fn new(config: ClientConfig, seed: [u8; 32]) -> Self {
        let (prefix, rest) = seed.split_at(16);
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte));
        let (key_prefix, random) = (number(prefix), fastrand::Rng::with_seed(number(rest) as u64));
        Client {
            cursor: Cursor::new(&config.log),
            config,
            now: Time::ZERO,
            link: Link::Offline,
            output: Output::default(),
            in_flight: InFlight::default(),
            last_number: 0,
            last_id: 0,
            events: VecDeque::new(),
            outbox: Outbox::default(),
            key_prefix,
            session: None,
            last_user: None,
            credentials: None,
            persistent: false,
            established: false,
            refused: false,
            stopped: false,
            attempt: 0,
            random,
        }
    }

    /// Returns the configuration.
    #[must_use]
    pub const fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// Returns what the client is doing.
    #[must_use]
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
    #[must_use]
    pub const fn is_authorized(&self) -> bool {
        matches!(&self.link, Link::Up(Connection { stage: Stage::Open { sign_in: SignIn::Yes, .. }, .. }))
    }

    /// Returns the login of the user who is signed in, or was when the connection broke.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.session.as_ref().map(|session| session.login.as_str())
    }

    /// Returns the id for [`session_restore`](Self::session_restore).
    ///
    /// It is valid, on this client or another, for five minutes after the connection broke.
    #[must_use]
    pub fn session_id(&self) -> Option<&Secret> {
        self.session.as_ref().map(|session| &session.id)
    }

    /// Returns the number of commands that have not ended.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.in_flight.others() + self.outbox.len()
    }
}

/// Poll: what to do next.
impl Client {
    /// Returns what the adapter is to do with the connection next; `None` when there is nothing left.
    ///
    /// Fetch only as much as the connection takes. What stays here counts against the limits. If the connection breaks,
    /// what was never fetched is known not to have been sent.
    pub fn poll_transmit(&mut self) -> Option<Transmit<'_>> {
        if self.outbox.waiting() > 0 {
            self.send_waiting();
        }
        let transmit = self.output.poll();
        if let Some(transmit) = &transmit {
            trace!("sends {transmit:?}");
        }
        transmit
    }

    /// Returns the next event that did not come from [`handle_frame`](Self::handle_frame); `None` if there are no more.
    pub fn poll_event(&mut self) -> Option<Event<'static>> {
        self.events.pop_front()
    }

    /// Returns the time at which to call [`handle_timeout`](Self::handle_timeout), unless something happens before;
    /// `None` for never.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        let deadlines = [self.in_flight.deadline(), self.outbox_deadline(), self.link_deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// Moves time on; it never goes backwards, even if the caller's clock does.
    fn advance(&mut self, now: Time) {
        self.now = self.now.max(now);
    }
}
