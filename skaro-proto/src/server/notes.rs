//! Notes of single events, for the operator's log.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use super::accept_error::AcceptError;
use super::store::{Login, SessionKey};
use super::{ConnectionId, Server};
use crate::output::CloseCode;

/// An event that the operator may want to know of.
///
/// It contains no secrets and no texts of messages, and only logins of users who have signed in or registered, since
/// what is typed as a login may be a password.
///
/// An IPv6 address is that of its 56-bit network, which is the unit of limits by address.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// Connections were not accepted. There is one note for each reason until notes are fetched.
    NotAccepted {
        /// The address of the last one, if it is known.
        address: Option<IpAddr>,
        /// The reason.
        error: AcceptError,
        /// The number of connections.
        count: u64,
    },
    /// A user has signed in.
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
    /// A user has registered.
    Registered {
        /// The connection.
        connection: ConnectionId,
        /// Its address, if it is known.
        address: Option<IpAddr>,
        /// The new user.
        login: Login,
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

impl Note {
    /// Returns the name of the kind. Each kind has its own share of the notes that are kept, so that strangers who
    /// cause many of one kind push out no others.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Note::NotAccepted { .. } => "not_accepted",
            Note::SignedIn { .. } => "signed_in",
            Note::Registered { .. } => "registered",
            Note::Refused { request, .. } if is_sign_in(request) => "sign_in_refused",
            Note::Refused { status: 429 | 503 | 504, .. } => "overload",
            Note::Refused { .. } => "refused",
            Note::Closed { .. } => "closed",
            Note::Slow { .. } => "slow",
        }
    }
}

const fn is_sign_in(request: &str) -> bool {
    matches!(request.as_bytes(), b"authorize" | b"session_restore")
}

/// Notes that wait to be fetched.
#[derive(Default)]
pub(super) struct Notes {
    not_accepted: Vec<Note>,
    waiting: VecDeque<Note>,
    /// The number of those that wait, by kind.
    shares: BTreeMap<&'static str, usize>,
    max: usize,
    lost: BTreeMap<&'static str, u64>,
}

impl Notes {
    pub(super) fn add(&mut self, note: impl FnOnce() -> Note) {
        if self.max == 0 {
            return;
        }
        let note = note();
        let kind = note.kind();
        let share = self.shares.entry(kind).or_default();
        if *share < self.max {
            *share += 1;
            self.waiting.push_back(note);
        } else {
            *self.lost.entry(kind).or_default() += 1;
        }
    }

    pub(super) fn add_not_accepted(&mut self, newest: Option<IpAddr>, reason: AcceptError) {
        if self.max == 0 {
            return;
        }
        for note in &mut self.not_accepted {
            if let Note::NotAccepted { address, error, count } = note
                && error.kind() == reason.kind()
            {
                (*address, *error, *count) = (newest, reason, *count + 1);
                return;
            }
        }
        self.not_accepted.push(Note::NotAccepted { address: newest, error: reason, count: 1 });
    }

    fn poll(&mut self) -> Option<Note> {
        let Some(note) = self.waiting.pop_front() else { return self.not_accepted.pop() };
        if let Some(share) = self.shares.get_mut(note.kind()) {
            *share -= 1;
        }
        Some(note)
    }
}

impl Server {
    /// Keeps at most `max` [notes](Note) of each [kind](Note::kind) until they are fetched. Further ones are only
    /// counted. Default 0.
    pub fn keep_notes(&mut self, max: usize) {
        self.tally.notes.max = max;
    }

    /// Returns the next note; `None` if there is none for now. Fetch all of them regularly.
    pub fn poll_note(&mut self) -> Option<Note> {
        self.tally.notes.poll()
    }

    /// Returns the number of notes for which there was no room since the last call, by [kind](Note::kind).
    pub fn take_lost_notes(&mut self) -> BTreeMap<&'static str, u64> {
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
