//! Which thread drives the connection, as a machine without I/O. This is the leader/followers pattern (POSA2);
//! async-io's `block_on` does the same.
//!
//! The *leader* reads, writes and waits for the socket. It is a caller that waits for an answer or an event, if it began
//! to wait alone: then a request in a row costs no change of threads, which would cost more than all the rest together.
//! Otherwise it is the client's background thread. All others who wait are *followers*: they sleep until the leader hands
//! them what they wait for. Leading needs the *baton* (the socket and its buffers), which is in its place here while
//! nobody has it: so there can't be two leaders.
//!
//! | who leads | what happens | who leads then | who is woken |
//! |---|---|---|---|
//! | nobody | a caller enters | the caller | |
//! | nobody | the background thread has lingered | background | |
//! | background | a caller enters alone | the caller | background, to give the baton up |
//! | background, caller | another caller enters | no change: it follows | the leader, if a command was given |
//! | caller | it leaves, others wait | background | background, which takes the baton |
//! | caller | it leaves, nobody waits | nobody | background, if parked: it begins to linger |
//! | background, caller | the client is closed | nobody, for ever | everybody |
//!
//! After the last caller left, the background thread lingers for [`LINGER`] before it takes over, since the next caller
//! may come at once. Until then nobody reads or writes: what is given without waiting leaves so much later at most. If
//! a caller leads when that time is over, the thread parks until it is woken.

#[cfg(test)]
mod tests;

use std::time::Duration;

/// How long nobody leads, at most, after the last caller left.
pub const LINGER: Duration = Duration::from_millis(5);

/// Who may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The client's own thread.
    Background,
    /// A thread that waits for an answer or an event.
    Caller,
}

/// Whom to wake after a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Wake {
    /// Nobody.
    Nobody,
    /// The leader, which reads, writes or waits for the socket.
    Leader,
    /// The one that waits to lead: the background thread, or the caller that waits for the baton. Only one of them does.
    Successor,
    /// Everybody.
    Everybody,
}

/// What the background thread does when it does not lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest<B> {
    /// It leads now, with the baton.
    Lead(B),
    /// It waits for [`LINGER`], or until it is woken.
    Linger,
    /// It waits until it is woken.
    Park,
    /// It ends.
    End,
}

/// Who leads, who waits, and the baton while nobody has it. It belongs under the lock of the [`Driver`](crate::Driver).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leader<B> {
    role: Option<Role>,
    baton: Option<B>,
    /// Callers that wait: followers, and the one that leads, if any.
    waiting: usize,
    /// Whether the leader reads, writes or waits outside of the lock, and would not notice what is given meanwhile.
    is_in_io: bool,
    /// Whether the background thread must be woken to linger.
    is_parked: bool,
    is_over: bool,
}

impl<B> Default for Leader<B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<B> Leader<B> {
    /// Begins with the background thread as the leader; its baton is yet to be put back.
    pub const fn new() -> Self {
        Leader {
            role: Some(Role::Background),
            baton: None,
            waiting: 0,
            is_in_io: false,
            is_parked: false,
            is_over: false,
        }
    }

    /// A caller begins to wait. Returns whether it is to lead, and take the baton as soon as that is in its place.
    pub const fn enter(&mut self) -> (bool, Wake) {
        self.waiting += 1;
        if self.waiting > 1 {
            return (false, Wake::Nobody);
        }
        self.role = Some(Role::Caller);
        (true, self.wake_leader())
    }

    /// Takes the baton, for the caller that is to lead; `None` until the leader before has put it back.
    pub const fn take(&mut self) -> Option<B> {
        self.baton.take()
    }

    /// Returns whether this one leads, or is to lead.
    pub fn leads(&self, role: Role) -> bool {
        self.role == Some(role)
    }

    /// The leader goes on outside of the lock.
    pub const fn begin_io(&mut self) {
        self.is_in_io = true;
    }

    /// The leader is back in the lock.
    pub const fn end_io(&mut self) {
        self.is_in_io = false;
    }

    /// A command was given by somebody who does not lead.
    pub const fn nudge(&mut self) -> Wake {
        self.wake_leader()
    }

    /// A follower has what it waited for, or waits no more.
    pub const fn leave(&mut self) {
        self.waiting -= 1;
    }

    /// The leader has what it waited for, or waits no more. (The background thread waits for nothing but the greeting of
    /// the first connection, and leads on.)
    pub fn leave_as_leader(&mut self, role: Role, baton: B) -> Wake {
        self.baton = Some(baton);
        if role == Role::Caller {
            self.leave();
            self.role = (self.waiting > 0).then_some(Role::Background);
        }
        if self.role.is_some() || self.is_parked { Wake::Successor } else { Wake::Nobody }
    }

    /// The background thread puts the baton back: a caller is to lead, or the thread has yet to begin.
    pub fn put_back(&mut self, baton: B) -> Wake {
        self.baton = Some(baton);
        Wake::Successor
    }

    /// Returns what the background thread does, which does not lead. It has lingered if it waited for that time, and
    /// was not woken.
    pub fn rest(&mut self, has_lingered: bool) -> Rest<B> {
        self.is_parked = has_lingered && self.role == Some(Role::Caller);
        if has_lingered && self.role.is_none() {
            self.role = Some(Role::Background);
        }
        match self.role {
            _ if self.is_over => Rest::End,
            Some(Role::Background) => self.baton.take().map_or(Rest::Linger, Rest::Lead),
            _ if self.is_parked => Rest::Park,
            _ => Rest::Linger,
        }
    }

    /// The client is closed: nobody leads any more.
    pub fn finish(&mut self) -> Wake {
        self.is_over = true;
        self.role = None;
        self.baton = None;
        Wake::Everybody
    }

    /// Returns whether nobody will ever lead again.
    pub const fn is_over(&self) -> bool {
        self.is_over
    }

    const fn wake_leader(&mut self) -> Wake {
        if self.is_in_io {
            // Once is enough: whoever was woken looks at everything.
            self.is_in_io = false;
            Wake::Leader
        } else {
            Wake::Nobody
        }
    }
}
