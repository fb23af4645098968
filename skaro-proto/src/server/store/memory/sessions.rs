//! Sessions: what lets a user come back for some minutes after the connection broke.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Bound;

use super::users::UserId;
use crate::server::store::{KeptSessions, SessionKey};

/// All sessions, by their keys. Times are Unix times in milliseconds.
#[derive(Clone, Default)]
pub(super) struct Sessions {
    all: BTreeMap<SessionKey, Session>,
    /// Those of each user, oldest first.
    by_user: BTreeMap<UserId, Vec<SessionKey>>,
    /// The times at which the broken ones end.
    ends: BTreeSet<(i64, SessionKey)>,
}

#[derive(Clone, Copy)]
struct Session {
    user: UserId,
    epoch: u64,
    /// The last moment at which it can be taken, if its connection ended.
    until: Option<i64>,
}

impl Sessions {
    /// Begins a session, and returns its epoch. If the user has as many as allowed already, the one that has been
    /// broken longest makes room.
    pub(super) fn begin(&mut self, key: SessionKey, user: UserId, limit: usize) -> u64 {
        if let Some(session) = self.all.get(&key) {
            return session.epoch;
        }
        let theirs = self.by_user.entry(user).or_default();
        theirs.push(key);
        if theirs.len() > limit {
            let until = |key: &SessionKey| Some((self.all.get(key)?.until?, *key));
            let oldest = theirs.iter().filter_map(until).min();
            oldest.into_iter().for_each(|(_, key)| self.end(key));
        }
        self.all.insert(key, Session { user, epoch: 1, until: None });
        1
    }

    /// Takes a session, if that is possible now: returns its user and its new epoch.
    pub(super) fn take(&mut self, key: SessionKey, now: i64) -> Option<(UserId, u64)> {
        let session =
            self.all.get_mut(&key).filter(|session| session.until.is_none_or(|until| now <= until))?;
        if let Some(until) = session.until.take() {
            self.ends.remove(&(until, key));
        }
        session.epoch += 1;
        Some((session.user, session.epoch))
    }

    /// Breaks a session whose connection ended; does nothing if another one has taken it by now.
    pub(super) fn leave(&mut self, key: SessionKey, epoch: u64, until: i64) {
        let Some(session) = self.all.get_mut(&key) else { return };
        if session.epoch == epoch && session.until.is_none() {
            session.until = Some(until);
            self.ends.insert((until, key));
        }
    }

    /// Breaks all sessions that are in use.
    pub(super) fn leave_all(&mut self, until: i64) {
        for (key, session) in self.all.iter_mut().filter(|(_, session)| session.until.is_none()) {
            session.until = Some(until);
            self.ends.insert((until, *key));
        }
    }

    /// Returns when the next broken session ends: the last moment at which it can be taken.
    pub(super) fn next_end(&self) -> Option<i64> {
        self.ends.first().map(|(until, _)| *until)
    }

    /// Forgets the sessions that can't be taken any more.
    pub(super) fn expire(&mut self, now: i64) {
        while let Some((_, key)) = self.ends.first().copied().filter(|(until, _)| *until < now) {
            self.end(key);
        }
    }

    /// Forgets the sessions of a user, except those that go on.
    pub(super) fn remove(&mut self, user: UserId, keeps: KeptSessions) {
        let theirs = self.by_user.get(&user).cloned().unwrap_or_default();
        theirs.into_iter().filter(|key| !keeps.keeps(*key)).for_each(|key| self.end(key));
    }

    /// Returns the user of a session.
    pub(super) fn user(&self, key: SessionKey) -> Option<UserId> {
        self.all.get(&key).map(|session| session.user)
    }

    /// Returns the number of sessions of a user.
    pub(super) fn count(&self, user: UserId) -> usize {
        self.by_user.get(&user).map_or(0, Vec::len)
    }

    /// Returns the sessions after this key, in the order of keys: key, user, and the end of a broken one.
    pub(super) fn after(
        &self,
        key: Option<SessionKey>,
    ) -> impl Iterator<Item = (SessionKey, UserId, Option<i64>)> {
        let from = key.map_or(Bound::Unbounded, Bound::Excluded);
        let range = self.all.range((from, Bound::Unbounded));
        range.map(|(key, session)| (*key, session.user, session.until))
    }

    /// Forgets a session.
    pub(super) fn end(&mut self, key: SessionKey) {
        let Some(session) = self.all.remove(&key) else { return };
        if let Some(until) = session.until {
            self.ends.remove(&(until, key));
        }
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
