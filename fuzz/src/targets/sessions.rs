//! The expected state of every session that a connection was told about, as far as it is known from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use skaro_proto::Time;

#[derive(Default)]
pub struct Sessions {
    all: BTreeMap<String, Session>,
    /// Sessions in the order of their creation.
    ids: Vec<String>,
}

struct Session {
    /// The login of the session's user.
    user: String,
    /// The connection that has the session, or had it last. Connections are numbered as they are accepted.
    holder: usize,
    /// The end of its connection, if that has ended.
    ended: Option<Time>,
    /// Set if it may have ended, or been evicted, unnoticed.
    is_uncertain: bool,
}

impl Sessions {
    /// Returns one of the last sessions, counted from the end.
    pub fn last(&self, place: usize) -> Option<String> {
        self.ids.get(self.ids.len().checked_sub(1 + place)?).cloned()
    }

    /// Adds a session. An older session of the user may be evicted.
    pub fn began(&mut self, id: &str, user: &str, holder: usize) {
        let theirs = self.all.values_mut().filter(|session| session.user == user);
        theirs.for_each(|session| session.is_uncertain |= session.ended.is_some());
        let session = Session { user: user.into(), holder, ended: None, is_uncertain: false };
        assert!(self.all.insert(id.into(), session).is_none(), "the id of another session");
        self.ids.push(id.into());
    }

    pub fn restored(&mut self, id: &str, user: &str, holder: usize) {
        let session = self.all.get_mut(id).expect("a session that began");
        assert_eq!(session.user, user, "somebody else's session");
        (session.holder, session.ended, session.is_uncertain) = (holder, None, false);
    }

    /// Returns the number of users who have ever signed in.
    pub fn users(&self) -> usize {
        self.all.values().map(|session| &session.user).collect::<BTreeSet<_>>().len()
    }

    /// Records the end of the session's connection.
    pub fn ended(&mut self, holder: usize, now: Time) {
        let held =
            self.all.values_mut().filter(|session| session.holder == holder && session.ended.is_none());
        held.for_each(|session| session.ended = Some(now));
    }

    /// Records that the end of the session's connection will go unnoticed.
    pub fn unseen(&mut self, holder: usize) {
        let held = self.all.values_mut().filter(|session| session.holder == holder);
        held.for_each(|session| session.is_uncertain = true);
    }

    /// Returns whether a connection can restore the session; `None` if unknown.
    pub fn is_restorable(&self, id: &str, by: usize, now: Time, lifetime: Duration) -> Option<bool> {
        let Some(session) = self.all.get(id) else { return Some(false) };
        let is_restorable = match session.ended {
            Some(ended) => now - ended <= lifetime,
            None => session.holder < by,
        };
        (!session.is_uncertain).then_some(is_restorable)
    }
}
