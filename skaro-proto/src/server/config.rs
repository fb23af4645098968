//! Configuration of a server.

use core::time::Duration;

use super::guesses::GuessLimit;
use super::rate::Rate;
use super::store::StoreLimits;
use crate::codec::Format;
use crate::limits::Limits;
use crate::message::Registration;

/// Configuration of a server. `ServerConfig::default()` suits a server for some thousand people.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Limits on sizes and numbers.
    pub limits: Limits,
    /// The format for connections that do not ask for one. Default CBOR, which the original client expects.
    pub format: Format,
    /// Answer to `register_type`. Default closed: the operator adds the users.
    pub registration: Registration<'static>,
    /// Counts connections through a proxy as confidential, because the proxy terminates TLS. Passwords may then travel
    /// over them. Default `false`.
    pub proxy_ends_tls: bool,
    /// Lets users invite others to register, if registration is by invitation. Default `false`: only the operator
    /// invites.
    pub users_invite: bool,
    /// Maximum number of valid, unused invitations of one user. Default 16.
    pub max_invitations_per_user: usize,
    /// Time for which an invitation is valid. Default 7 days.
    pub invitation_lifetime: Duration,
    /// Delay after registrations from one address; `None` for no delay. By default 10 are free; then a delay of 1
    /// minute applies, which doubles with each further one, up to a day. One is forgotten every hour.
    pub registrations_per_address: Option<GuessLimit>,
    /// Lets users send messages only to those who have listed them as contacts. Default `false`.
    pub contacts_only: bool,
    /// Lets users found conferences. Default `false`.
    pub users_found_conferences: bool,
    /// Delay after a user has joined or founded conferences; `None` for no delay. Each takes a name, and adds entries
    /// to the logs of those who are invited. By default 100 are free; then a delay of 1 minute applies, which doubles
    /// with each further one, up to a day. One is forgotten every hour.
    pub joins_per_user: Option<GuessLimit>,
    /// Rate limit on messages to one conference, each of which reaches all members; `None` for no limit. Messages over
    /// the limit are refused with status 429. A body of more than 4 KiB counts once for each 4 KiB begun. One member
    /// may use half of the rate, including messages that are under way. Default 10 per second, 100 at once.
    pub conference_rate: Option<Rate>,
    /// Maximum size of a profile in bytes, encoded as CBOR. Default 4 KiB.
    pub max_profile_bytes: usize,
    /// Forwards requests that the protocol does not list to the [store](super::store#between-machine-and-store), which
    /// answers them. With `false` they are refused with 501. Default `false`.
    pub forwards_requests: bool,
    /// Makes all users contacts of each other, even if they have not added each other. With `false`, contacts are users
    /// who were added, were introduced, or wrote to each other. Default `false`.
    pub open_directory: bool,
    /// Time for which a session can be restored after its connection has ended. Default 5 minutes.
    pub session_lifetime: Duration,
    /// Time without input after which a connection is given up. A ping is sent after half of it. The time starts again
    /// while the server does not read the connection, because frames came too fast or requests wait for the store. It
    /// also starts again whenever something leaves a queue in which more waits. The time to answer a ping starts when
    /// the ping leaves. Default 2 minutes.
    pub keep_alive: Duration,
    /// Time-out of the opening handshake, counted from the accept. It drops clients that send nothing. Default 15 s.
    pub handshake_timeout: Duration,
    /// Time-out for signing in: a connection on which nobody has signed in by then is closed. Default 10 minutes.
    pub sign_in_timeout: Duration,
    /// Time after which a connection is dropped if nothing has left its queue; `None` for no limit. Without it, clients
    /// that answer pings but read nothing else would keep their queues for ever. A frame leaves as a whole, so a client
    /// must be able to receive [`max_answer_bytes`](Self::max_answer_bytes) within this time. With the defaults that
    /// takes 17.5 KB/s (140 kbit/s). Default 1 minute.
    pub write_timeout: Option<Duration>,
    /// Time-out of the closing handshake, since the other end may never answer. Default 5 s.
    pub close_timeout: Duration,
    /// Maximum number of simultaneous connections, each of which costs memory. At the limit, the oldest one on which
    /// nobody has signed in makes room for a new one. Default 20,000.
    pub max_connections: usize,
    /// Maximum number of simultaneous connections from one address; `None` for no limit. IPv6 addresses count by their
    /// first 56 bits, since a household has many networks of 64 bits (RFC 6177, section 2). Connections whose address
    /// is unknown are not counted. A household or a small company behind one address stays below the default of 256.
    pub max_connections_per_address: Option<usize>,
    /// Maximum number of simultaneous opening handshakes; `None` for no limit. The one that began first makes room for
    /// a new one, so nobody can keep others out with connections that send nothing. Default 512.
    pub max_handshakes: Option<usize>,
    /// Maximum number of connections on which nobody has signed in, including opening handshakes; `None` for no limit.
    /// The oldest makes room for a new one. Default 1024, which bounds the memory for strangers to 256 MiB.
    pub max_strangers: Option<usize>,
    /// Maximum size in bytes of a frame that arrives before a user has signed in; afterwards
    /// [`Limits::max_frame_bytes`] applies. Signing in takes less than 1 KiB. Default 16 KiB.
    pub max_stranger_frame_bytes: usize,
    /// Maximum number of bytes that may wait for a connection on which nobody has signed in; afterwards
    /// [`Limits::max_queued_bytes`] applies. Answers to clients that are not signed in are short. Default 32 KiB.
    pub max_stranger_queued_bytes: usize,
    /// Maximum number of simultaneous connections of one user, each of which receives every message. Default 64. A
    /// client that restores a session may exceed it, so in the end the limit on sessions decides.
    pub max_connections_per_user: usize,
    /// Maximum number of sessions of one user, including restorable ones; the oldest broken one makes room. Default
    /// 128.
    pub max_sessions_per_user: usize,
    /// Number of refused sign-in attempts after which a connection is closed, which slows guessing down. Default 10.
    pub max_sign_in_attempts: u32,
    /// Delay after wrong passwords from one address (IPv6: from one network of 56 bits); `None` for no delay. By
    /// default 10 wrong passwords are free; then a delay of 1 s applies, which doubles with each further one, up to 15
    /// minutes. One is forgotten every 10 minutes. That allows about 170 guesses a day.
    pub guesses_per_address: Option<GuessLimit>,
    /// Delay after wrong passwords for one user, from any address; `None` for no delay. By default 100 wrong passwords
    /// are free: more than one address can try in hours, so one address can't lock the user out. Then a delay of at
    /// most 1 minute applies, but not to the addresses from which the user signed in last.
    pub guesses_per_login: Option<GuessLimit>,
    /// Rate limit on the frames that are read; `None` for no limit. It applies to all connections of one user together.
    /// Connections on which nobody is signed in share one limit per address (per connection if the address is unknown).
    /// Messages, fragments and control frames count, and so does each 4 KiB that is read or sent in answers, also
    /// during the closing handshake. Frames over the limit wait in the network: see
    /// [`Server::wants_frames`](super::Server::wants_frames). Default 500 per second, 2000 at once.
    pub frame_rate: Option<Rate>,
    /// Rate limit on the messages of one user, on all connections together; `None` for no limit. Messages over the
    /// limit are refused with status 429, since each costs memory in a history and in the queues of its recipients. A
    /// body of more than 4 KiB counts once for each 4 KiB begun, but at most as often as messages may come at once.
    /// Default 50 per second, 1000 at once.
    pub message_rate: Option<Rate>,
    /// Maximum memory in bytes for everything that the machine keeps: connections, queues, requests under way, users
    /// who are online, tables of addresses; `None` for no limit. Beyond it requests are refused with status 503. A
    /// store [inside](super::Server::new) takes up to half of it, and beyond that discards the oldest entries of all
    /// logs. Memory is estimated, to some 20 %. Default 1 GiB.
    pub max_memory: Option<usize>,
    /// Number of invalid frames after which a connection is closed. Default 100.
    pub max_invalid_frames: u32,
    /// Maximum number of messages kept of one dialog in the log of each of its users; the oldest make room. This is
    /// also the share of a log that one other user may take: a user who writes without end pushes out only messages of
    /// the same dialog. Default 1000.
    pub max_dialog_messages: usize,
    /// Maximum number of body bytes kept of one dialog; the oldest messages make room. Default 1 MiB.
    pub max_dialog_bytes: usize,
    /// Maximum number of entries kept in the log of one account; the oldest make room. Default 100,000: a hundred full
    /// dialogs.
    pub max_log_entries: usize,
    /// Maximum number of body bytes kept in the log of one account; the oldest entries make room. Default 64 MiB.
    pub max_log_bytes: usize,
    /// Maximum number of message keys kept for one sender; beyond it the oldest make room. Each key is kept as long as
    /// its message, and for at least a day. Default 65,536: at the default [`message_rate`](Self::message_rate) a user
    /// needs 20 minutes to send as many, four times as long as a client repeats a message.
    pub max_keys: usize,
    /// Maximum number of members of a conference. Default 1000.
    pub max_members: usize,
    /// Maximum number of messages in the answer to one `get_history`. Default 200.
    pub max_history_messages: usize,
    /// Maximum size in bytes of the answer to `get_history`: as many of the messages as fit are sent. The same holds
    /// for the last messages of dialogs in the answer to `get_contacts`. Default 1 MiB, the largest frame that the
    /// original client takes.
    pub max_answer_bytes: usize,
    /// Maximum number of contacts that are listed for one user: those who were added to the server first. Default 1000.
    pub max_contacts: usize,
}

impl ServerConfig {
    /// Returns the limits that the store has to keep to.
    #[must_use]
    pub fn store_limits(&self) -> StoreLimits {
        StoreLimits {
            max_dialog_messages: self.max_dialog_messages,
            max_dialog_bytes: self.max_dialog_bytes,
            max_log_entries: self.max_log_entries,
            max_log_bytes: self.max_log_bytes,
            max_members: self.max_members,
            max_keys: self.max_keys,
            max_sessions_per_user: self.max_sessions_per_user,
            session_lifetime: self.session_lifetime,
        }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        let store = StoreLimits::default();
        ServerConfig {
            limits: Limits::server(),
            format: Format::Cbor,
            registration: Registration::Closed,
            proxy_ends_tls: false,
            users_invite: false,
            max_invitations_per_user: 16,
            invitation_lifetime: Duration::from_secs(7 * 24 * 3600),
            registrations_per_address: Some(GuessLimit::registrations()),
            contacts_only: false,
            users_found_conferences: false,
            joins_per_user: Some(GuessLimit { free: 100, ..GuessLimit::registrations() }),
            conference_rate: Some(Rate::new(10, 100)),
            max_profile_bytes: 4096,
            forwards_requests: false,
            open_directory: false,
            session_lifetime: store.session_lifetime,
            keep_alive: Duration::from_secs(120),
            handshake_timeout: Duration::from_secs(15),
            sign_in_timeout: Duration::from_secs(600),
            write_timeout: Some(Duration::from_secs(60)),
            close_timeout: Duration::from_secs(5),
            max_connections: 20_000,
            max_connections_per_address: Some(256),
            max_handshakes: Some(512),
            max_strangers: Some(1024),
            max_stranger_frame_bytes: 16 << 10,
            max_stranger_queued_bytes: 32 << 10,
            max_connections_per_user: 64,
            max_sessions_per_user: store.max_sessions_per_user,
            max_sign_in_attempts: 10,
            guesses_per_address: Some(GuessLimit::per_address()),
            guesses_per_login: Some(GuessLimit::per_login()),
            frame_rate: Some(Rate::new(500, 2000)),
            message_rate: Some(Rate::new(50, 1000)),
            max_memory: Some(1 << 30),
            max_invalid_frames: 100,
            max_dialog_messages: store.max_dialog_messages,
            max_dialog_bytes: store.max_dialog_bytes,
            max_log_entries: store.max_log_entries,
            max_log_bytes: store.max_log_bytes,
            max_keys: store.max_keys,
            max_members: store.max_members,
            max_history_messages: 200,
            max_answer_bytes: 1 << 20,
            max_contacts: 1000,
        }
    }
}
