//! What must have become of each session that somebody was told about, as far as it can be told from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use skaro_proto::Time;

#[derive(Default)]
pub struct Sessions {
    all: BTreeMap<String, Session>,
    /// In the order in which they began.
    ids: Vec<String>,
}

struct Session {
    user: String,
    /// Who has, or had, it.
    holder: usize,
    /// When its connection ended, if it has.
    ended: Option<Time>,
    /// Whether it may have ended, or made room, without anybody having seen it.
    is_uncertain: bool,
}

impl Sessions {
    /// One of the last, by its place from the end.
    pub fn last(&self, place: usize) -> Option<String> {
        self.ids.get(self.ids.len().checked_sub(1 + place)?).cloned()
    }

    /// A user has signed in; an older session of the user may have made room.
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

    /// How many users have ever signed in.
    pub fn users(&self) -> usize {
        self.all.values().map(|session| &session.user).collect::<BTreeSet<_>>().len()
    }

    /// The connection of whoever has it ended.
    pub fn ended(&mut self, holder: usize, now: Time) {
        let held =
            self.all.values_mut().filter(|session| session.holder == holder && session.ended.is_none());
        held.for_each(|session| session.ended = Some(now));
    }

    /// Nobody will see it when the connection of whoever has it ends.
    pub fn unseen(&mut self, holder: usize) {
        let held = self.all.values_mut().filter(|session| session.holder == holder);
        held.for_each(|session| session.is_uncertain = true);
    }

    /// Whether it can be restored; `None` if that can't be told.
    pub fn is_restorable(&self, id: &str, now: Time, lifetime: Duration) -> Option<bool> {
        let Some(session) = self.all.get(id) else { return Some(false) };
        let is_in_time = session.ended.is_none_or(|ended| now - ended <= lifetime);
        (!session.is_uncertain).then_some(is_in_time)
    }
}
