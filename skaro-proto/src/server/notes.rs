//! Notes of single events, for the log of whoever runs a server.

use alloc::collections::VecDeque;
use core::net::IpAddr;
use core::time::Duration;

use super::admission::AcceptError;
use super::store::{Login, SessionKey};
use super::{ConnectionId, Server};
use crate::output::CloseCode;

/// An event that whoever runs the server may want to know of. It has no secrets and no texts of messages, and no login but
/// those of users who have signed in: what is typed as a login may be a password.
///
/// An IPv6 address is that of its network of 56 bits, by which limits count.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// A connection was not accepted.
    NotAccepted {
        /// Its address, if it is known.
        address: Option<IpAddr>,
        /// The reason.
        error: AcceptError,
    },
    /// Somebody has signed in.
    SignedIn {
        /// The connection.
        connection: ConnectionId,
        /// Its address, if it is known.
        address: Option<IpAddr>,
        /// The user.
        login: Login,
        /// `true` for a session that was restored.
        is_restored: bool,
    },
    /// A request was refused.
    Refused {
        /// The connection.
        connection: ConnectionId,
        /// Its address, if it is known.
        address: Option<IpAddr>,
        /// The request's type, or `other`.
        request: &'static str,
        /// The status.
        status: u16,
    },
    /// The server closes a connection.
    Closed {
        /// The connection.
        connection: ConnectionId,
        /// Its address, if it is known.
        address: Option<IpAddr>,
        /// The reason.
        code: CloseCode,
    },
    /// An operation of the store took longer than a second.
    Slow {
        /// The type of the request that waited for it; `internal` if none did.
        request: &'static str,
        /// The time.
        took: Duration,
    },
}

/// Notes that wait to be fetched.
#[derive(Default)]
pub(super) struct Notes {
    waiting: VecDeque<Note>,
    max: usize,
    lost: u64,
}

impl Notes {
    pub(super) fn add(&mut self, note: impl FnOnce() -> Note) {
        if self.max == 0 {
            return;
        }
        if self.waiting.len() < self.max {
            self.waiting.push_back(note());
        } else {
            self.lost += 1;
        }
    }
}

impl Server {
    /// Keeps so many [notes](Note) until they are fetched; further ones are only counted. Default 0.
    pub fn keep_notes(&mut self, max: usize) {
        self.tally.notes.max = max;
    }

    /// Returns the next note; `None` when there is none for now. Fetch all of them now and then.
    pub fn poll_note(&mut self) -> Option<Note> {
        self.tally.notes.waiting.pop_front()
    }

    /// Returns the number of notes for which there was no room since it was asked last.
    pub fn take_lost_notes(&mut self) -> u64 {
        core::mem::take(&mut self.tally.notes.lost)
    }

    /// Returns the connection that has a session, and its address as [notes](Note) have it.
    #[must_use]
    pub fn holder(&self, session: &SessionKey) -> Option<(ConnectionId, Option<IpAddr>)> {
        let (id, _) = *self.sessions.get(session)?;
        Some((id, self.address(id)))
    }

    pub(super) fn address(&self, id: ConnectionId) -> Option<IpAddr> {
        Some(self.connections.get(&id)?.place?.address())
    }
}
