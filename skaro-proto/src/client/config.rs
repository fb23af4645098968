//! Configuration of a client.

use core::time::Duration;

use super::cursor::LogStart;
use crate::limits::Limits;

/// Configuration of a client. `ClientConfig::default()` suits an interactive application.
///
/// ```
/// use core::time::Duration;
/// use skaro_proto::client::ClientConfig;
///
/// let mut config = ClientConfig::default();
/// config.request_timeout = Duration::from_secs(5);
/// config.keep_credentials = false;
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClientConfig {
    /// Limits on sizes and numbers.
    pub limits: Limits,
    /// Time that a request waits for its answer before it ends as timed out. Default 30 s.
    pub request_timeout: Duration,
    /// Time that an attempt to connect may take. Default 20 s.
    pub dial_timeout: Duration,
    /// Time that a new connection waits for the server's first message. Default 15 s.
    pub greeting_timeout: Duration,
    /// Time that the closing handshake may take; the other end may never answer. Default 5 s.
    pub close_timeout: Duration,
    /// Time without input after which a connection is given up; `None` to rely on the network. A ping is sent when
    /// nothing has arrived for half of this time. Default 60 s.
    pub keep_alive: Option<Duration>,
    /// Delays between attempts to connect again after a connection broke; `None` to never connect again, so that
    /// commands fail at once without a connection. Default [`Backoff::default`].
    pub reconnect: Option<Backoff>,
    /// Keeps login and password in memory, to sign in again if a session can't be restored: after a break of more than
    /// five minutes, or when the server was restarted. They are wiped when the client is closed or dropped,
    /// or when the server refuses them. With `false`, a session that can't be restored ends with
    /// [`Event::SignedOut`](super::Event::SignedOut). Default `true`.
    pub keep_credentials: bool,
    /// Maximum number of messages in the outbox up to which another one is taken without a connection. They are sent,
    /// in order, once the user is signed in again. With 0, messages are refused without a connection. Default 1000.
    pub offline_messages: usize,
    /// Time that a message may take from its command to its end, including breaks: with a server that keeps logs, or
    /// while the message waits for a connection. Default 5 minutes.
    pub message_timeout: Duration,
    /// Position of the user's log at which the client begins. Default [`LogStart::Head`].
    pub log: LogStart,
    /// Asks for presence, if the server tells it: who comes and goes, types, and reads. Default `true`.
    pub wants_presence: bool,
    /// Time after the end of its connection within which a session is restored. Default 5 minutes, as on servers.
    pub session_lifetime: Duration,
}

impl Default for ClientConfig {
    fn default() -> Self {
        ClientConfig {
            limits: Limits::client(),
            request_timeout: Duration::from_secs(30),
            dial_timeout: Duration::from_secs(20),
            greeting_timeout: Duration::from_secs(15),
            close_timeout: Duration::from_secs(5),
            keep_alive: Some(Duration::from_secs(60)),
            reconnect: Some(Backoff::default()),
            keep_credentials: true,
            offline_messages: 1000,
            message_timeout: Duration::from_secs(300),
            log: LogStart::Head,
            wants_presence: true,
            session_lifetime: crate::SESSION_LIFETIME,
        }
    }
}

/// Delays between attempts to connect.
///
/// The delay is random, up to a bound that doubles with each failure ("full jitter"), so that the clients of a server
/// that went down do not all come back at once.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Backoff {
    /// The bound for the first attempt. Default 1 s.
    pub base: Duration,
    /// The bound never exceeds this. Default 30 s.
    pub cap: Duration,
    /// Attempts before giving up; `None` for no limit, which is the default.
    pub attempts: Option<u32>,
    /// A connection that lasted at least this long makes the next back-off start over. Default 30 s.
    pub stable_after: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff {
            base: Duration::from_secs(1),
            cap: Duration::from_secs(30),
            attempts: None,
            stable_after: Duration::from_secs(30),
        }
    }
}

impl Backoff {
    /// Returns the delay before the attempt of this number, counted from 0.
    pub(super) fn delay(&self, attempt: u32, random: &mut fastrand::Rng) -> Duration {
        let doubled = 1_u32.checked_shl(attempt).unwrap_or(u32::MAX);
        let bound = self.base.saturating_mul(doubled).min(self.cap);
        let nanos = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(random.u64(0..=nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_spread_up_to_a_bound_that_doubles_up_to_the_cap() {
        let backoff = Backoff::default();
        let mut random = fastrand::Rng::with_seed(1);
        for (attempt, bound) in [(0, 1), (1, 2), (2, 4), (4, 16), (5, 30), (31, 30), (32, 30), (u32::MAX, 30)]
        {
            let delays: alloc::vec::Vec<_> = (0..200).map(|_| backoff.delay(attempt, &mut random)).collect();
            let bound = Duration::from_secs(bound);
            assert!(delays.iter().all(|delay| *delay <= bound));
            assert!(delays.iter().any(|delay| *delay > bound * 9 / 10));
            assert!(delays.iter().any(|delay| *delay < bound / 10));
        }
    }
}
