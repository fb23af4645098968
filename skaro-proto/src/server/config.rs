//! How a server behaves.

use core::time::Duration;

use crate::codec::Format;
use crate::limits::Limits;
use crate::message::Registration;

/// How a server behaves. `Config::default()` suits a server for friends.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// What may be how large.
    pub limits: Limits,
    /// The format for connections that do not ask for one. Default CBOR, which the original client expects.
    pub format: Format,
    /// What `register_type` tells. Default closed: users are added by whoever runs the server.
    pub registration: Registration<'static>,
    /// The Unix time, in milliseconds, of the epoch of the times that the server is told: messages are dated by it.
    /// Default 0, right if those times are Unix times.
    pub unix_epoch: i64,
    /// Whether everybody knows everybody: the protocol has no way to add a contact. Otherwise those know each other
    /// who were introduced, or wrote to each other. Default `false`.
    pub open_directory: bool,
    /// How long after the end of its connection a session can be restored. Default 5 minutes.
    pub session_lifetime: Duration,
    /// How soon a dead connection is noticed, at most. Default 2 minutes: a ping after one of silence.
    pub keep_alive: Duration,
    /// How long a connection may last without anybody signing in. Default 10 minutes.
    pub sign_in_timeout: Duration,
    /// How long the closing handshake may take. Default 5 s.
    pub close_timeout: Duration,
    /// Connections at the same time, each of which costs memory. Default 20,000.
    pub connections: usize,
    /// Connections of one user at the same time, to each of which each message goes. Default 64. Whoever restores a
    /// session is let in beyond that, so the limit on sessions is the last word.
    pub connections_per_user: usize,
    /// Sessions of one user, restorable ones included; the oldest broken one makes room. Default 128.
    pub sessions_per_user: usize,
    /// Refused attempts to sign in on one connection before it is closed: guessing gets slower. Default 10.
    pub sign_in_attempts: u32,
    /// Frames without sense on one connection before it is closed. Default 100.
    pub faults: u32,
    /// Messages kept of one dialog; the oldest make room. Default 1000.
    pub history: usize,
    /// Bytes of bodies kept of one dialog; the oldest messages make room. Default 1 MiB.
    pub history_bytes: usize,
    /// Messages in the answer to one `get_history`, the last ones of the dialog. Default 200.
    pub history_answer: usize,
    /// Bytes of an answer. The original client takes frames of up to 1 MiB, which is the default: if a history is
    /// larger, half as many of the last messages are sent, or a quarter, until it fits.
    pub answer: usize,
    /// Contacts that are listed for one user. Default 1000.
    pub contacts: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            limits: Limits::server(),
            format: Format::Cbor,
            registration: Registration::Closed,
            unix_epoch: 0,
            open_directory: false,
            session_lifetime: crate::SESSION_LIFETIME,
            keep_alive: Duration::from_secs(120),
            sign_in_timeout: Duration::from_secs(600),
            close_timeout: Duration::from_secs(5),
            connections: 20_000,
            connections_per_user: 64,
            sessions_per_user: 128,
            sign_in_attempts: 10,
            faults: 100,
            history: 1000,
            history_bytes: 1 << 20,
            history_answer: 200,
            answer: 1 << 20,
            contacts: 1000,
        }
    }
}
