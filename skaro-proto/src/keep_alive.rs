//! Detection of dead connections that the network does not report.

use core::time::Duration;

use crate::time::Time;

/// Shortest time between two checks. Without it, a time-out of zero would be due again at once, for ever.
const SHORTEST: Duration = Duration::from_millis(1);

/// The time of the peer's last sign of life, and whether a ping was sent since.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeepAlive {
    heard: Time,
    pinged: Option<Time>,
}

/// The action after a silence of the peer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Silence {
    /// None yet.
    Bearable,
    /// Send a ping.
    Ping,
    /// Give up the connection: the peer did not answer a ping.
    Dead,
}

impl KeepAlive {
    pub(crate) fn new(now: Time) -> Self {
        KeepAlive { heard: now, pinged: None }
    }

    pub(crate) fn heard(&mut self, now: Time) {
        *self = KeepAlive::new(now);
    }

    /// Notes that a ping has left: the time for its answer begins now.
    pub(crate) fn ping_left(&mut self, now: Time) {
        self.pinged = self.pinged.map(|_| now);
    }

    /// Notes that something has left while more waits behind it: the peer is reading.
    pub(crate) fn left(&mut self, at: Time) {
        if at > self.pinged.unwrap_or(self.heard) {
            self.heard(at);
        }
    }

    /// Returns the time of the next check, such that a dead connection is noticed within `within`.
    ///
    /// Half of that time is for silence, half for the answer to the ping. A caller that checks too late (a computer
    /// that slept) still sends a ping before it gives up.
    pub(crate) fn deadline(&self, within: Duration) -> Time {
        self.pinged.unwrap_or(self.heard) + (within / 2).max(SHORTEST)
    }

    pub(crate) fn check(&mut self, now: Time, within: Duration) -> Silence {
        if now < self.deadline(within) {
            return Silence::Bearable;
        }
        if self.pinged.is_some() {
            return Silence::Dead;
        }
        self.pinged = Some(now);
        Silence::Ping
    }
}
