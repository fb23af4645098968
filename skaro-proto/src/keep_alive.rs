//! Noticing that the other end is gone although the network does not say so.

use core::time::Duration;

use crate::time::Time;

/// When the other end was last heard of, and whether it was asked since.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeepAlive {
    heard: Time,
    pinged: Option<Time>,
}

/// What silence calls for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Silence {
    /// Nothing yet.
    Bearable,
    /// A ping.
    Ping,
    /// Giving the connection up: it was asked, and said nothing.
    Dead,
}

impl KeepAlive {
    pub(crate) fn new(now: Time) -> Self {
        KeepAlive { heard: now, pinged: None }
    }

    pub(crate) fn heard(&mut self, now: Time) {
        *self = KeepAlive::new(now);
    }

    /// When to look again, if a dead connection is to be noticed within this time: half of it is for waiting, half
    /// for the ping's answer. Somebody who looks too late (a computer that slept) still asks before giving up.
    pub(crate) fn deadline(&self, within: Duration) -> Time {
        self.pinged.unwrap_or(self.heard) + within / 2
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
