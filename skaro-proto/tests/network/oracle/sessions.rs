//! The oracle's part about sessions: who may come back, and until when.

use std::collections::BTreeMap;
use std::time::Duration;

use skaro_proto::Time;
use skaro_proto::server::{ConnectionId, ServerConfig};

use super::User;

/// Whether a session can be restored.
#[derive(Debug, PartialEq)]
pub enum Restorable {
    No,
    /// It can't be known from outside.
    Perhaps(User),
    Yes(User),
}

enum State {
    Held(ConnectionId),
    /// Its connection ended, at a moment between these two.
    Broken {
        earliest: Time,
        latest: Time,
    },
    /// Somebody asked for it, and it can't be known whether the server heard it.
    Unclear,
}

struct Session {
    user: User,
    state: State,
}

pub struct Sessions {
    lifetime: Duration,
    limit: usize,
    all: BTreeMap<String, Session>,
    /// All ids that were ever told, oldest first.
    pub ids: Vec<String>,
    /// Sessions that each user ever began.
    begun: Vec<usize>,
}

impl Sessions {
    pub fn new(config: &ServerConfig, users: usize) -> Sessions {
        Sessions {
            lifetime: config.session_lifetime,
            limit: config.max_sessions_per_user,
            all: BTreeMap::new(),
            ids: Vec::new(),
            begun: vec![0; users],
        }
    }

    /// The user has begun a session, whose id will be told.
    pub fn begun(&mut self, user: User) {
        self.begun[user] += 1;
    }

    /// The server has told an id; if the connection is over already, since a moment between these two.
    pub fn told(&mut self, sid: &str, user: User, by: ConnectionId, over: Option<(Time, Time)>) {
        let state = match over {
            Some((earliest, latest)) => State::Broken { earliest, latest },
            None => State::Held(by),
        };
        if self.all.insert(sid.into(), Session { user, state }).is_none() {
            self.ids.push(sid.into());
        }
    }

    pub fn attach(&mut self, sid: &str, to: ConnectionId) {
        if let Some(session) = self.all.get_mut(sid) {
            session.state = State::Held(to);
        }
    }

    /// Whether somebody has restored it can't be known.
    pub fn unclear(&mut self, sid: &str) {
        if let Some(session) = self.all.get_mut(sid) {
            session.state = State::Unclear;
        }
    }

    pub fn detach(&mut self, sid: &str, from: ConnectionId, earliest: Time, latest: Time) {
        if let Some(session) = self.all.get_mut(sid)
            && matches!(session.state, State::Held(holder) if holder == from)
        {
            session.state = State::Broken { earliest, latest };
        }
    }

    pub fn holder(&self, sid: &str) -> Option<ConnectionId> {
        match self.all.get(sid)?.state {
            State::Held(holder) => Some(holder),
            State::Broken { .. } | State::Unclear => None,
        }
    }

    pub fn find(&self, sid: &str, now: Time) -> Restorable {
        let Some(session) = self.all.get(sid) else { return Restorable::No };
        let user = session.user;
        match session.state {
            State::Unclear => Restorable::Perhaps(user),
            State::Broken { latest, .. } if now > self.last(latest) => Restorable::No,
            // Perhaps it had to make room for others.
            State::Broken { .. } if self.begun[user] > self.limit => Restorable::Perhaps(user),
            State::Broken { earliest, .. } if now > self.last(earliest) => Restorable::Perhaps(user),
            _ => Restorable::Yes(user),
        }
    }

    /// The last moment at which a session can be restored that broke at this one: stores count in milliseconds.
    fn last(&self, broken: Time) -> Time {
        let millis = broken.elapsed().as_millis() as u64 + 1;
        Time::since_epoch(Duration::from_millis(millis) + self.lifetime - Duration::from_nanos(1))
    }

    /// The last moment at which a broken session can be restored.
    pub fn end(&self, sid: &str) -> Option<Time> {
        match self.all.get(sid)?.state {
            State::Broken { latest, .. } => Some(self.last(latest)),
            State::Held(_) | State::Unclear => None,
        }
    }

    pub fn user(&self, sid: &str) -> Option<User> {
        self.all.get(sid).map(|session| session.user)
    }

    /// Whether a session existed, and can't be restored any more.
    pub fn is_over(&self, sid: &str, now: Time) -> bool {
        self.end(sid).is_some_and(|end| end < now)
    }
}
