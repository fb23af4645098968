//! The oracle: what a server should say, told from what it hears.
//!
//! The server answers at once and in order, so all that it says on one connection is one queue of things that are
//! due: [`Model::hears`] foretells them from a client's frame, [`Model::says`] compares them with what the server
//! sends, and [`Model::is_silent`] sees to it that nothing was left out. The messages of each dialog are a list; every
//! history is compared with it.
//!
//! What can't be known from outside is said so: a connection that does not read may be cut off at any moment, and
//! whether its messages are still taken shows only later. Such messages are `Maybe` until somebody sees them.

mod inbound;
mod outbound;
mod sessions;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use skaro_proto::Time;
use skaro_proto::server::{ConnectionId, ServerConfig};

use sessions::Sessions;

pub(super) type Checked<T = ()> = Result<T, String>;

/// Fails with these words unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($words:tt)*) => {
        if !$condition {
            return Err(format!($($words)*));
        }
    };
}
pub(super) use ensure;

/// A user of the network, by their place in the list.
pub(super) type User = usize;

/// A message that somebody sends, by their place in the list. It is part of the body, so that it is known again.
pub(super) type Number = usize;

/// Whether the server has taken a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Taken {
    No,
    Maybe,
    Yes,
}

/// A message that somebody sends, once.
pub(super) struct Sent {
    pub(super) from: User,
    pub(super) to: User,
    pub(super) body: Box<str>,
    /// How often its frame left the sender's machine, and how often it reached the server.
    pub(super) left: u32,
    pub(super) arrived: u32,
    pub(super) taken: Taken,
    pub(super) date: Option<i64>,
    pub(super) place: usize,
}

/// Something that the server has to say next.
pub(super) enum Due {
    Greeting,
    Refusal {
        number: u64,
        code: u16,
    },
    /// Signing in succeeds, or is refused with one of these codes if one can't know.
    SignedIn {
        number: u64,
        user: User,
        sid: Option<String>,
        or: &'static [u16],
    },
    Registration {
        number: u64,
    },
    Contacts {
        number: u64,
        user: User,
        certain: BTreeSet<User>,
    },
    History {
        number: u64,
        dialog: (User, User),
        length: usize,
    },
    Taken {
        number: u64,
        message: Number,
    },
    Shown {
        message: Number,
        certain: bool,
    },
    Info,
    Error,
    Close(u16),
}

pub(super) struct Connection {
    pub(super) token: String,
    pub(super) user: Option<User>,
    pub(super) sid: Option<String>,
    pub(super) due: VecDeque<Due>,
    pub(super) closing: bool,
    /// Since when it has not taken all that it was sent.
    pub(super) blocked: Option<Time>,
    pub(super) opened: Time,
    pub(super) heard: Time,
    /// When it last took something that had to wait, which is a sign of life as well; or began to be waited for.
    pub(super) took: Time,
    pub(super) refused: u32,
    pub(super) faults: u32,
    /// Whether somebody else may have taken its session over.
    pub(super) shaky: bool,
    /// Whether it was dropped to make room for a newcomer.
    pub(super) made_room: bool,
}

/// What the server should know.
pub(super) struct Model {
    pub(super) config: ServerConfig,
    pub(super) logins: Vec<String>,
    pub(super) by_login: BTreeMap<String, User>,
    pub(super) connections: BTreeMap<ConnectionId, Connection>,
    /// All tokens that were ever told.
    pub(super) tokens: BTreeSet<String>,
    pub(super) sessions: Sessions,
    pub(super) dialogs: BTreeMap<(User, User), Vec<Number>>,
    pub(super) contacts: BTreeSet<(User, User)>,
    pub(super) sent: Vec<Sent>,
    /// Messages of which it is not known at first whether they were taken.
    pub(super) uncertain: usize,
}

pub(super) fn password(user: User) -> String {
    format!("password of {user}")
}

/// The number in a body, or in a frame that carries one: `~17~`.
pub(super) fn number_in(bytes: &[u8]) -> Option<Number> {
    // Not every tilde is one of ours: in CBOR it may be a length.
    bytes.split(|byte| *byte == b'~').skip(1).find_map(|part| std::str::from_utf8(part).ok()?.parse().ok())
}

pub(super) fn key(one: User, other: User) -> (User, User) {
    (one.min(other), one.max(other))
}

impl Model {
    pub(super) fn new(config: ServerConfig, users: usize) -> Model {
        const NAMES: [&str; 8] = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"];
        let login = |user: User| match user / NAMES.len() {
            0 => NAMES[user].to_string(),
            round => format!("{}{round}", NAMES[user % NAMES.len()]),
        };
        let logins: Vec<_> = (0..users).map(login).collect();
        Model {
            sessions: Sessions::new(&config, users),
            config,
            by_login: logins.iter().cloned().zip(0..).collect(),
            logins,
            connections: BTreeMap::new(),
            tokens: BTreeSet::new(),
            dialogs: BTreeMap::new(),
            contacts: BTreeSet::new(),
            sent: Vec::new(),
            uncertain: 0,
        }
    }

    pub(super) fn introduce(&mut self, one: User, other: User) {
        if one != other {
            self.contacts.extend([(one, other), (other, one)]);
        }
    }

    /// The server has lost its memory, and with it all connections.
    pub(super) fn restarted(&mut self) {
        self.connections.clear();
        self.sessions = Sessions::new(&self.config, self.logins.len());
        self.dialogs.clear();
        self.contacts.clear();
    }

    /// Somebody is about to send a message; returns its number, which the body has to begin with.
    pub(super) fn compose(&mut self, from: User, to: User, text: &str) -> (Number, String) {
        let number = self.sent.len();
        let body = format!("~{number}~{text}");
        let sent = Sent {
            from,
            to,
            body: body.as_str().into(),
            left: 0,
            arrived: 0,
            taken: Taken::No,
            date: None,
            place: 0,
        };
        self.sent.push(sent);
        (number, body)
    }

    pub(super) fn dialogs(&self) -> impl Iterator<Item = (User, User)> {
        self.dialogs.keys().copied()
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.values().filter(|connection| !connection.made_room).count()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = ConnectionId> {
        self.connections.keys().copied()
    }

    pub(super) fn token(&self, id: ConnectionId) -> Option<&str> {
        self.connections.get(&id).map(|connection| connection.token.as_str())
    }

    pub(super) fn user(&self, id: ConnectionId) -> Option<User> {
        self.connections.get(&id)?.user
    }

    /// Whether a user is signed in somewhere; `None` if that can't be known.
    pub(super) fn is_online(&self, user: User) -> Option<bool> {
        let theirs = || self.connections.values().filter(|connection| connection.user == Some(user));
        let unknown = |connection: &Connection| connection.blocked.is_some() || connection.shaky;
        let unknown = theirs().any(unknown) || self.connections.values().any(Connection::is_undecided);
        (!unknown).then(|| theirs().any(|connection| !connection.closing))
    }

    /// Whether the model knows what this connection is: if not, it is best ended.
    pub(super) fn is_undecided(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(Connection::is_undecided)
    }

    /// What must hold for a connection at any time.
    pub(super) fn check(&self, id: ConnectionId, now: Time) -> Checked {
        let Some(connection) = self.connections.get(&id) else { return Ok(()) };
        let silence = now - connection.heard.max(connection.took);
        let closing = connection.closing || connection.blocked.is_some() || connection.shaky;
        let limit = self.config.keep_alive + if closing { self.config.close_timeout } else { Duration::ZERO };
        ensure!(silence <= limit, "connection {id} is kept after {silence:?} of silence");
        Ok(())
    }

    /// Whether the connection has not taken all that it was sent.
    pub(super) fn is_behind(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(|connection| connection.blocked.is_some())
    }

    /// Whether the server has dropped this connection to make room for another one.
    pub(super) fn has_made_room(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(|connection| connection.made_room)
    }

    /// The server has dropped a connection without a handshake: only if it was silent, or took too long to close.
    pub(super) fn may_be_dropped(&self, id: ConnectionId, now: Time) -> Checked {
        let Some(connection) = self.connections.get(&id) else { return Ok(()) };
        let silence = now - connection.heard;
        let closing = connection.closing || connection.blocked.is_some() || connection.shaky;
        let closing = closing || connection.made_room;
        ensure!(closing || silence >= self.config.keep_alive, "connection {id} is dropped after {silence:?}");
        Ok(())
    }

    /// Whoever runs the server was told when a message was taken.
    pub(super) fn told_date(&mut self, message: Number, date: i64) -> Checked {
        self.date(message, Some(date))
    }
}

impl Connection {
    pub(super) fn is_undecided(&self) -> bool {
        self.due.iter().any(|due| matches!(due, Due::SignedIn { or: [_, ..], .. }))
    }
}

/// Connections come and go.
impl Model {
    pub(super) fn connected(&mut self, id: ConnectionId, now: Time) {
        let connection = Connection {
            token: String::new(),
            user: None,
            sid: None,
            due: VecDeque::from([Due::Greeting]),
            closing: false,
            blocked: None,
            opened: now,
            heard: now,
            took: now,
            refused: 0,
            faults: 0,
            shaky: false,
            made_room: false,
        };
        self.connections.insert(id, connection);
    }

    /// The server has dropped a connection to make room for a newcomer: only one on which nobody has signed in.
    pub(super) fn makes_room(&mut self, id: ConnectionId) -> Checked {
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let may_be_nobody = connection.user.is_none() || connection.blocked.is_some() || connection.shaky;
        ensure!(may_be_nobody, "connection {id}, on which somebody is signed in, makes room for another one");
        connection.made_room = true;
        Ok(())
    }

    /// Something came that says no more than that the other end is alive.
    pub(super) fn heard(&mut self, id: ConnectionId, now: Time) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.heard = now;
        }
    }

    /// The connection is gone, for the server too.
    pub(super) fn ended(&mut self, id: ConnectionId, now: Time) {
        self.sign_out(id, now);
        self.connections.remove(&id);
    }

    pub(super) fn sign_out(&mut self, id: ConnectionId, now: Time) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        // One that did not read may have been cut off earlier.
        let earliest = connection.blocked.unwrap_or(now);
        if let Some(sid) = connection.sid.take() {
            self.sessions.detach(&sid, id, earliest, now);
        }
        connection.user = None;
        connection.closing = true;
    }

    pub(super) fn close_due(&mut self, id: ConnectionId, code: u16, now: Time) {
        let Some(connection) = self.connections.get_mut(&id).filter(|connection| !connection.closing) else {
            return;
        };
        connection.due.push_back(Due::Close(code));
        self.sign_out(id, now);
    }

    pub(super) fn announced(&mut self) {
        for connection in self.connections.values_mut().filter(|connection| !connection.closing) {
            connection.due.push_back(Due::Info);
        }
    }

    pub(super) fn shut_down(&mut self, now: Time) {
        self.announced();
        let ids: Vec<_> = self.ids().collect();
        ids.into_iter().for_each(|id| self.close_due(id, 1001, now));
    }
}

impl Due {
    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Due::Refusal { number, .. }
            | Due::SignedIn { number, .. }
            | Due::Registration { number }
            | Due::Contacts { number, .. }
            | Due::History { number, .. }
            | Due::Taken { number, .. } => Some(*number),
            _ => None,
        }
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Due::Greeting => "the greeting",
            Due::Refusal { .. } => "a refusal",
            Due::SignedIn { .. } => "the answer to a sign-in",
            Due::Registration { .. } => "the answer to register_type",
            Due::Contacts { .. } => "the answer to get_contacts",
            Due::History { .. } => "the answer to get_history",
            Due::Taken { .. } => "the answer to send_message",
            Due::Shown { .. } => "a message",
            Due::Info => "an info",
            Due::Error => "an error",
            Due::Close(_) => "the end",
        }
    }
}
