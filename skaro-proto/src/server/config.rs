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
    /// Choice to take connections that come through a proxy for confidential, since the proxy ends TLS: then passwords may
    /// travel over them. Default `false`.
    pub proxy_ends_tls: bool,
    /// Choice to let users invite others to register, if registration is by invitation. Default `false`: whoever runs the
    /// server invites.
    pub users_invite: bool,
    /// Invitations of one user that are good and not used up. Default 16.
    pub max_invitations_per_user: usize,
    /// Time for which an invitation is good. Default 7 days.
    pub invitation_lifetime: Duration,
    /// Delay after accounts were registered from one address; `None` for no delay. By default 10 are free, then there is a
    /// delay of 1 minute, doubled with each further one up to a day; one is forgotten every hour.
    pub registrations_per_address: Option<GuessLimit>,
    /// Choice to let users send messages only to those who have listed them as contacts. Default `false`.
    pub contacts_only: bool,
    /// Choice to let users found conferences. Default `false`.
    pub users_found_conferences: bool,
    /// Delay after a user has joined or founded conferences; `None` for no delay. Each costs a name, and entries in the logs
    /// of those who are invited. By default 100 are free, then there is a delay of 1 minute, doubled with each further one
    /// up to a day; one is forgotten every hour.
    pub joins_per_user: Option<GuessLimit>,
    /// Rate of messages to one conference; `None` for no limit. Messages beyond that are refused with status 429: each
    /// reaches all members. A body of more than 4 KiB counts once for each 4 KiB begun. One member may take half of it, messages
    /// that are under way included. Default 10 per second, 100 at once.
    pub conference_rate: Option<Rate>,
    /// Bytes of a profile, as CBOR. Default 4 KiB.
    pub max_profile_bytes: usize,
    /// Choice to ask the [store](super::store#between-machine-and-store) for the answers to requests that the protocol does
    /// not list. With `false` they are refused with 501. Default `false`.
    pub forwards_requests: bool,
    /// Choice to make all users contacts of each other, whether they added each other or not. With `false`,
    /// contacts are users who were added, were introduced, or wrote to each other. Default `false`.
    pub open_directory: bool,
    /// Time after the end of its connection for which a session can be restored. Default 5 minutes.
    pub session_lifetime: Duration,
    /// Time without input after which a connection is given up; a ping is sent after half of it. It begins
    /// anew while frames are not read that came too fast, or behind requests that wait for the store, and with all that leaves a
    /// queue in which more waits. The time for the answer to a ping begins when the ping leaves. Default 2 minutes.
    pub keep_alive: Duration,
    /// Time that the opening handshake may take, from accepting on; it ends clients that send nothing. Default 15 s.
    pub handshake_timeout: Duration,
    /// Time that a connection may last without anybody signing in, so that idle ones end. Default 10 minutes.
    pub sign_in_timeout: Duration,
    /// Time after which a connection is dropped if nothing has left its queue; `None` for no limit. It is needed for
    /// clients that answer pings but read nothing else: their queues would stay for ever. A frame leaves as a whole, so a
    /// client must be able to receive [`max_answer_bytes`](Self::max_answer_bytes) within this time, which by default
    /// takes 17.5 KB/s (140 kbit/s). Default 1 minute.
    pub write_timeout: Option<Duration>,
    /// Time that the closing handshake may take; the other end may never answer. Default 5 s.
    pub close_timeout: Duration,
    /// Connections at the same time, each of which costs memory. When there are as many, the oldest on which nobody
    /// has signed in makes room. Default 20,000.
    pub max_connections: usize,
    /// Connections from one address at the same time; `None` for any number. IPv6 addresses count by their first
    /// 56 bits, since a household has many networks of 64 bits (RFC 6177, section 2). Connections whose address
    /// is unknown are not counted. A household or a small company behind one address stays below the default of
    /// 256.
    pub max_connections_per_address: Option<usize>,
    /// Opening handshakes at the same time; `None` for any number. The one that began first makes room for a
    /// newcomer, so nobody can keep others out by connecting and saying nothing. Default 512.
    pub max_handshakes: Option<usize>,
    /// Connections on which nobody has signed in, opening handshakes included; `None` for any number. The oldest
    /// makes room for a newcomer. Default 1024, which bounds the memory for strangers to 256 MiB.
    pub max_strangers: Option<usize>,
    /// Bytes of a frame that arrives before somebody has signed in; afterwards [`Limits::max_frame_bytes`] holds.
    /// Signing in takes less than 1 KiB. Default 16 KiB.
    pub max_stranger_frame_bytes: usize,
    /// Bytes that may wait for a connection on which nobody has signed in; afterwards
    /// [`Limits::max_queued_bytes`] holds. The answers to whoever is not signed in are short. Default 32 KiB.
    pub max_stranger_queued_bytes: usize,
    /// Connections of one user at the same time, to each of which each message goes. Default 64. Whoever restores a
    /// session is let in beyond that, so the limit on sessions is the last word.
    pub max_connections_per_user: usize,
    /// Sessions of one user, restorable ones included; the oldest broken one makes room. Default 128.
    pub max_sessions_per_user: usize,
    /// Refused attempts to sign in on one connection before it is closed: guessing gets slower. Default 10.
    pub max_sign_in_attempts: u32,
    /// Delay after wrong passwords from one address (IPv6: from one network of 56 bits); `None` for no delay. By
    /// default 10 wrong passwords are free, then there is a delay of 1 s, doubled with each further one up to 15
    /// minutes; one is forgotten every 10 minutes. That is about 170 guesses a day.
    pub guesses_per_address: Option<GuessLimit>,
    /// Delay after wrong passwords for one user, from any address; `None` for no delay. By default 100 wrong passwords
    /// are free, more than one address can try in hours, so that one address can't lock the user out; then there is a
    /// delay of at most 1 minute. It does not hold for the addresses from which the user signed in last.
    pub guesses_per_login: Option<GuessLimit>,
    /// Rate at which frames of one user are read, on all connections together, or of one address on those on
    /// which nobody is signed in (of one connection if the address is unknown); `None` for any rate. Messages,
    /// fragments and control frames count, each 4 KiB that are read, and each 4 KiB of the answers, also during
    /// the closing handshake. Faster frames wait in the network: see
    /// [`Server::wants_frames`](super::Server::wants_frames). Default 500 per second, 2000 at once.
    pub frame_rate: Option<Rate>,
    /// Rate at which one user may send messages, on all connections together; `None` for no limit. Messages beyond that
    /// are refused with status 429: each costs memory in a history and in the queues of its recipients. A body of more
    /// than 4 KiB counts once for each 4 KiB begun, but never more often than may come at once. Default 50 per second,
    /// 1000 at once.
    pub message_rate: Option<Rate>,
    /// Bytes of memory for everything that the machine keeps: connections, queues, requests under way, whoever is here,
    /// tables of addresses; `None` for any number. Beyond it requests are refused with status 503. A store
    /// [inside](super::Server::new) takes half of it for itself; beyond that it gives up the oldest entries of all logs.
    /// Estimated, to some 20 %. Default 1 GiB.
    pub max_memory: Option<usize>,
    /// Invalid frames on one connection before it is closed. Default 100.
    pub max_invalid_frames: u32,
    /// Messages kept of one dialog in the log of each of its users; the oldest make room. So this is also each other
    /// user's share of an account's log: nobody can push more than the own messages out. Default 1000.
    pub max_dialog_messages: usize,
    /// Bytes of bodies kept of one dialog; the oldest messages make room. Default 1 MiB.
    pub max_dialog_bytes: usize,
    /// Entries kept in the log of one account; the oldest make room. Default 100,000: a hundred full dialogs.
    pub max_log_entries: usize,
    /// Bytes of bodies kept in the log of one account; the oldest entries make room. Default 64 MiB.
    pub max_log_bytes: usize,
    /// Keys of messages kept for one sender, each as long as its message and a day at least; beyond this number the
    /// oldest make room. Default 65,536: at the default [`message_rate`](Self::message_rate) a user sends as
    /// many in 20 minutes, four times as long as a client repeats a message.
    pub max_keys: usize,
    /// Members of a conference. Default 1000.
    pub max_members: usize,
    /// Messages in the answer to one `get_history`, at most. Default 200.
    pub max_history_messages: usize,
    /// Bytes of the answer to `get_history`: as many of the messages as fit are sent. So are the last messages of dialogs
    /// in the answer to `get_contacts`. The original client takes
    /// frames of up to 1 MiB, which is the default.
    pub max_answer_bytes: usize,
    /// Contacts that are listed for one user: those who were added to the server first. Default 1000.
    pub max_contacts: usize,
}

impl ServerConfig {
    /// Returns the limits that the store is to keep.
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
