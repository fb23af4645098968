//! The server's side, without I/O.
//!
//! It has three parts: an [`Endpoint`] is one connection; a [`Server`] is the service over all connections, with
//! accounts and logs; a [store] keeps what the server decides.

mod accept_error;
mod accounts;
mod admission;
mod conferences;
mod config;
mod connection;
mod contacts;
mod cursor;
mod delivery;
mod endpoint;
mod entries;
mod guesses;
mod history;
mod memory;
mod notes;
mod operations;
mod operators;
mod own_sessions;
mod peer;
mod pending;
mod people;
mod presence;
mod queue;
mod rate;
mod refusal;
mod registering;
mod request;
mod secrets;
mod sign_in;
mod stats;
pub mod store;
mod told;
mod user_error;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::fmt;

pub use accept_error::AcceptError;
pub use config::ServerConfig;
pub use endpoint::{Closed, Decoded, Endpoint, decode};
pub use guesses::GuessLimit;
pub use notes::Note;
pub use peer::Peer;
pub use pending::OperationId;
pub use rate::Rate;
pub use stats::{Histogram, Stats};
pub use user_error::UserError;

use crate::auth::Verifier;
use crate::message::Registration;
use crate::time::Time;
use accounts::Accounts;
use admission::Strangers;
use conferences::ConferenceRates;
use connection::{Agenda, Connection};
use delivery::{Scratch, TimeOfDay};
use guesses::Guesses;
use operations::{MOMENT, Operations};
use peer::{Places, Regulars};
use presence::Presence;
use secrets::Secrets;
use stats::Tally;
use store::{Account, MemoryStore, Operation, Outcome, SessionKey, Store};

/// The number of a connection, unique within its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// Creates the id of the connection with this number, for a custom service over [`Endpoint`]s. A [`Server`] numbers
    /// its connections itself.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        ConnectionId(number)
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A server of the skaro protocol, without I/O.
///
/// It makes the decisions. What it keeps is in a [store], either [in memory](Server::new), inside the server, or
/// [elsewhere](Server::with_store).
///
/// Its methods come in four families:
///
/// * **ask**: [`config`](Self::config), [`connections`](Self::connections), [`has_connection`](Self::has_connection),
///   [`wants_frames`](Self::wants_frames), [`max_frame_bytes`](Self::max_frame_bytes), [`is_online`](Self::is_online),
///   [`sessions`](Self::sessions), [`memory`](Self::memory), [`open_operations`](Self::open_operations),
///   [`is_shutting_down`](Self::is_shutting_down), [`stats`](Self::stats), [`holder`](Self::holder);
/// * **handle_**: what the outside reports: [`handle_accepted`](Self::handle_accepted),
///   [`handle_forwarded`](Self::handle_forwarded), [`handle_connected`](Self::handle_connected)
///   ([`connect`](Self::connect) is the first and the third in one), [`handle_frame`](Self::handle_frame) (or
///   [`decode`] and [`handle_message`](Self::handle_message)), [`handle_oversized`](Self::handle_oversized),
///   [`handle_failed`](Self::handle_failed), [`handle_read`](Self::handle_read), [`handle_pong`](Self::handle_pong),
///   [`handle_exhausted`](Self::handle_exhausted), [`handle_disconnected`](Self::handle_disconnected),
///   [`handle_timeout`](Self::handle_timeout), [`set_time_of_day`](Self::set_time_of_day), and, unless the store is
///   inside, [`handle_stored`](Self::handle_stored);
/// * **commands**: what the operator wants: [`add_user`](Self::add_user), [`introduce`](Self::introduce),
///   [`post`](Self::post), [`account`](Self::account), [`invitation`](Self::invitation), [`operate`](Self::operate),
///   [`announce`](Self::announce), [`set_registration`](Self::set_registration), [`set_config`](Self::set_config),
///   [`keep_notes`](Self::keep_notes), [`shut_down`](Self::shut_down);
/// * **poll_**: what to do next. After each call of the second or third family, fetch the connections that have
///   something to send from [`poll_ready`](Self::poll_ready), drain [`poll_transmit`](Self::poll_transmit) for each as
///   fast as it takes frames, read from each that [wants frames](Self::wants_frames), and set a timer for
///   [`poll_timeout`](Self::poll_timeout). Unless the store is inside, first give it what
///   [`poll_store`](Self::poll_store) asks for. [`poll_operated`](Self::poll_operated) returns the outcomes of
///   [`operate`](Self::operate), [`poll_note`](Self::poll_note) what to write into a log.
///
/// ```
/// use skaro_proto::server::{ServerConfig, Peer, Server};
/// use skaro_proto::{Format, Frame, Time, Transmit};
///
/// let mut server = Server::new(ServerConfig::default(), [7; 32]);
/// server.add_user("alice", "correct horse")?;
///
/// // Somebody connects; once the opening handshake is done, the server speaks first.
/// let now = Time::ZERO;
/// let connection = server.handle_accepted(now, Peer::from([192, 0, 2, 1]))?;
/// server.handle_connected(now, connection, Some(Format::Json));
/// assert_eq!(server.poll_ready(), Some(connection));
/// let Some(Transmit::Frame(Frame::Text(challenge))) = server.poll_transmit(connection) else { panic!() };
/// assert!(challenge.starts_with(r#"{"type":"check_connection","token":"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Whatever a client sends, the server goes on. A request that can't be carried out is refused with the reason; an
/// invalid frame is answered with an `error`. Only a connection that keeps breaking the rules, does not read, or is
/// silent is closed.
pub struct Server {
    config: ServerConfig,
    /// The latest moment that the machine was told.
    now: Time,
    secrets: Secrets,
    /// Checked in place of an unknown user's, so that the time it takes does not reveal who exists.
    nobody: Verifier,
    accounts: Accounts,
    /// The sessions that connections here have, and their epochs.
    sessions: BTreeMap<SessionKey, (ConnectionId, u64)>,
    operations: Operations,
    /// Boxed, since the nodes of the map are half empty at times.
    connections: BTreeMap<ConnectionId, Box<Connection>>,
    last_connection: u64,
    agenda: Agenda,
    strangers: Strangers,
    /// The connections from each address.
    places: Places,
    regulars: Regulars,
    guesses_by_address: Guesses,
    guesses_by_login: Guesses,
    /// Accounts registered from each address.
    registrations: Guesses,
    /// Conferences that each user has joined or founded.
    joins: Guesses,
    conference_rates: ConferenceRates,
    presence: Presence,
    time_of_day: TimeOfDay,
    shutting_down: bool,
    tally: Tally,
    scratch: Scratch,
}

/// Ask.
impl Server {
    /// Creates a server without users, with a store in memory inside.
    ///
    /// All tokens and session ids are derived from the seed. It must be random and secret, except in tests, which it
    /// makes repeatable.
    #[must_use]
    pub fn new(config: ServerConfig, seed: [u8; 32]) -> Self {
        let store = MemoryStore::new(config.store_limits());
        let store = store.with_max_bytes(config.max_memory.map(|limit| limit / 2));
        let mut server = Self::with_store(config, seed);
        server.operations.inside = Some(store.into());
        server.operations.expire_at = None;
        server
    }

    /// Creates a server whose store is elsewhere.
    ///
    /// Carry out what [`poll_store`](Self::poll_store) asks for. The store has to keep to the configuration's
    /// [limits](ServerConfig::store_limits). The seed must be a new one at each start.
    #[must_use]
    pub fn with_store(config: ServerConfig, seed: [u8; 32]) -> Self {
        let operations = Operations::new(Time::ZERO + config.session_lifetime + MOMENT);
        Server {
            config,
            now: Time::ZERO,
            secrets: Secrets::new(seed),
            nobody: Verifier::new(""),
            accounts: Accounts::default(),
            sessions: BTreeMap::new(),
            operations,
            connections: BTreeMap::new(),
            last_connection: 0,
            agenda: Agenda::default(),
            strangers: Strangers::default(),
            places: Places::default(),
            regulars: Regulars::default(),
            guesses_by_address: Guesses::default(),
            guesses_by_login: Guesses::default(),
            registrations: Guesses::default(),
            joins: Guesses::default(),
            conference_rates: ConferenceRates::default(),
            presence: Presence::default(),
            time_of_day: TimeOfDay::default(),
            shutting_down: false,
            tally: Tally::default(),
            scratch: Scratch::default(),
        }
    }

    /// Returns the configuration.
    #[must_use]
    pub const fn config(&self) -> &ServerConfig {
        &self.config
    }

    /// Returns the number of connections, including opening and closing ones.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Returns whether this connection exists. If it does not, the adapter drops it without a handshake, and reports
    /// nothing more about it.
    #[must_use]
    pub fn has_connection(&self, id: ConnectionId) -> bool {
        self.connections.contains_key(&id)
    }

    /// Returns the number of sessions in use, plus restorable ones if the store is [inside](Self::new).
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.operations.inside.as_ref().map_or(self.sessions.len(), |store| store.sessions())
    }

    /// Returns whether the user with this login is signed in on some connection.
    #[must_use]
    pub fn is_online(&self, login: &str) -> bool {
        self.accounts.count(login) > 0
    }

    /// Returns whether [`shut_down`](Self::shut_down) was called. The server is done once no connections are left.
    #[must_use]
    pub const fn is_shutting_down(&self) -> bool {
        self.shutting_down
    }
}

/// Commands: what the operator wants. The store inside carries out those about users at once; with another store they
/// are [operations](Self::operate).
impl Server {
    /// Adds a user.
    ///
    /// Of the password only the prepared HMAC-SHA512 key is kept. For signing in it is as good as the password (the
    /// protocol does not allow anything better), but it does not reveal the password.
    ///
    /// # Errors
    /// If the login is taken, is empty, or begins with `#`, if a text is over its limit, or if the store is not inside
    /// or has no room.
    pub fn add_user(&mut self, login: &str, password: &str) -> Result<(), UserError> {
        let add = self.account(login, password)?;
        match self.execute(add)? {
            Outcome::Exists => Err(UserError::Exists(login.into())),
            _ => Ok(()),
        }
    }

    /// Returns the operation that adds a user, whose log has a new id.
    ///
    /// # Errors
    /// If the login is empty, or begins with `#`, or a text is over its limit.
    pub fn account(&mut self, login: &str, password: &str) -> Result<Operation, UserError> {
        let limits = &self.config.limits;
        for (field, text, limit) in
            [("login", login, limits.max_login_bytes), ("password", password, limits.max_password_bytes)]
        {
            let length = text.len();
            if length > limit {
                return Err(UserError::TooLong { field, length, limit });
            }
        }
        if login.is_empty() {
            return Err(UserError::EmptyLogin);
        }
        if login.starts_with('#') {
            return Err(UserError::Reserved(login.into()));
        }
        let (verifier, log) = (Verifier::new(password), self.secrets.next_log());
        Ok(Operation::AddAccount { login: login.into(), verifier, log })
    }

    /// Makes two users know each other: each becomes one of the other's contacts.
    ///
    /// # Errors
    /// If one of the users does not exist, or the store is not inside.
    pub fn introduce(&mut self, one: &str, other: &str) -> Result<(), UserError> {
        for login in [one, other] {
            self.stored_account(login)?;
        }
        self.execute(Operation::Introduce { one: one.into(), other: other.into() }).map(drop)
    }

    /// Sends a message in a user's name, as if that user had sent it from another device, and returns its date.
    ///
    /// Neither rates nor [`contacts_only`](ServerConfig::contacts_only) apply. With a store outside,
    /// [`operate`](Self::operate) with [`Operation::Append`] does the same.
    ///
    /// # Errors
    /// If the sender or the recipient does not exist, the sender may not write there (to a conference only its members
    /// may), the body is over its limit, or the store is not inside or has no room.
    pub fn post(&mut self, now: Time, from: &str, to: &str, body: &str) -> Result<i64, UserError> {
        self.advance(now);
        let account = self.stored_account(from)?;
        let (length, limit) = (body.len(), self.config.limits.max_body_bytes);
        if length > limit {
            return Err(UserError::TooLong { field: "body", length, limit });
        }
        let append = Operation::Append {
            from: account.id,
            sender: account.login,
            to: to.into(),
            body: body.into(),
            key: None,
            contacts_only: false,
            now: self.unix_now(),
        };
        let outcome = self.execute(append.clone())?;
        let date = match &outcome {
            Outcome::Appended(appended) | Outcome::Posted { appended, .. } => appended.date,
            Outcome::Denied(denial) => return Err(UserError::Denied(*denial)),
            _ => return Err(UserError::Unknown(to.into())),
        };
        self.operated(&append, &Ok(outcome));
        Ok(date)
    }

    /// Sets the answer to `register_type`.
    pub fn set_registration(&mut self, registration: Registration<'static>) {
        self.config.registration = registration;
    }

    /// Changes the configuration.
    ///
    /// Connections, sessions and messages stay, even if they are over a new limit, and deadlines that are already set
    /// remain. The store keeps the [limits](ServerConfig::store_limits) that it began with.
    pub fn set_config(&mut self, config: ServerConfig) {
        self.config = config;
    }

    /// Lets the store inside carry out an operation now.
    fn execute(&mut self, operation: Operation) -> Result<Outcome, UserError> {
        let store = self.operations.inside.as_mut().ok_or(UserError::StoreElsewhere)?;
        Ok(store.execute(operation)?)
    }

    fn stored_account(&mut self, login: &str) -> Result<Account, UserError> {
        match self.execute(Operation::FindAccount { login: login.into() })? {
            Outcome::Account(Some(account)) => Ok(account),
            _ => Err(UserError::Unknown(login.into())),
        }
    }
}

/// Poll: what to do next.
impl Server {
    /// Returns the time at which to call [`handle_timeout`](Self::handle_timeout), if nothing happens before; `None`
    /// for never.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        let connection = self.agenda.deadlines.first().map(|(at, _)| *at);
        let operations = [self.operations.deadline(), self.session_deadline(), self.presence.deadline()];
        [connection].into_iter().chain(operations).flatten().min()
    }

    /// Time goes on, even if the caller's clock does not.
    fn advance(&mut self, now: Time) {
        self.now = self.now.max(now);
    }
}

/// Shows the time and the numbers of connections and sessions, without secrets.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Server");
        shown.field("now", &self.now).field("connections", &self.connections.len());
        shown.field("sessions", &self.sessions()).finish_non_exhaustive()
    }
}
