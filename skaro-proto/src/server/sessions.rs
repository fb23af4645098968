//! Sessions: what lets a user come back within five minutes after the connection broke.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::ConnectionId;
use super::secrets::SessionKey;
use super::users::UserId;
use crate::time::Time;

/// All sessions, by a hash of their ids: neither the memory nor the time of a look-up tells an id.
#[derive(Default)]
pub(super) struct Sessions {
    all: BTreeMap<SessionKey, Session>,
    /// Those of each user, oldest first.
    by_user: BTreeMap<UserId, Vec<SessionKey>>,
    /// When the broken ones end.
    ends: BTreeSet<(Time, SessionKey)>,
}

#[derive(Clone, Copy)]
struct Session {
    user: UserId,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// In use by this connection.
    Alive(ConnectionId),
    /// Restorable up to this moment, and including it.
    Broken { until: Time },
}

impl Sessions {
    /// A session begins. If the user has as many as allowed already, the one that is broken longest makes room.
    pub(super) fn begin(&mut self, key: SessionKey, user: UserId, connection: ConnectionId, limit: usize) {
        let theirs = self.by_user.entry(user).or_default();
        theirs.push(key);
        if theirs.len() > limit {
            let until = |key: &SessionKey| match self.all.get(key)?.state {
                State::Alive(_) => None,
                State::Broken { until } => Some((until, *key)),
            };
            let oldest = theirs.iter().filter_map(until).min();
            oldest.into_iter().for_each(|(until, key)| self.end(until, key));
        }
        self.all.insert(key, Session { user, state: State::Alive(connection) });
    }

    /// The user whose session this is, and the connection that still has it, if it can be restored now.
    pub(super) fn find(&self, key: &SessionKey, now: Time) -> Option<(UserId, Option<ConnectionId>)> {
        let session = self.all.get(key)?;
        match session.state {
            State::Alive(connection) => Some((session.user, Some(connection))),
            State::Broken { until } => (now <= until).then_some((session.user, None)),
        }
    }

    /// From now on this connection has the session.
    pub(super) fn attach(&mut self, key: SessionKey, connection: ConnectionId) {
        let Some(session) = self.all.get_mut(&key) else { return };
        if let State::Broken { until } = session.state {
            self.ends.remove(&(until, key));
        }
        session.state = State::Alive(connection);
    }

    /// The connection that had the session ended; does nothing if another one has it by now.
    pub(super) fn detach(&mut self, key: SessionKey, connection: ConnectionId, until: Time) {
        let Some(session) = self.all.get_mut(&key) else { return };
        if session.state == State::Alive(connection) {
            session.state = State::Broken { until };
            self.ends.insert((until, key));
        }
    }

    /// When the next session ends.
    pub(super) fn deadline(&self) -> Option<Time> {
        // A moment later than the last one at which it can be restored.
        self.ends.first().map(|(until, _)| *until + core::time::Duration::from_nanos(1))
    }

    /// Forgets the sessions that can't be restored any more.
    pub(super) fn expire(&mut self, now: Time) {
        while let Some((until, key)) = self.ends.first().copied().filter(|(until, _)| *until < now) {
            self.end(until, key);
        }
    }

    fn end(&mut self, until: Time, key: SessionKey) {
        self.ends.remove(&(until, key));
        let Some(session) = self.all.remove(&key) else { return };
        let Some(theirs) = self.by_user.get_mut(&session.user) else { return };
        theirs.retain(|other| *other != key);
        if theirs.is_empty() {
            self.by_user.remove(&session.user);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }
}
