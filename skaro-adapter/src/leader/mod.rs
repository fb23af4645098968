//! Choice of the thread that drives the connection, as a machine without I/O. This is the leader/followers pattern
//! (POSA2); async-io's `block_on` does the same.
//!
//! The *leader* reads, writes and waits for the socket. It is a caller that waits for an answer or an event, if no
//! other caller waited when it began: then requests one after the other need no switch of threads, which would cost
//! more than all the rest. Otherwise it is the client's background thread. All other waiting callers are *followers*:
//! they sleep until the leader delivers what they wait for. Leading needs the *baton* (the socket and its buffers). It
//! is stored here while nobody leads, so there can't be two leaders.
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
//! may come at once. Until then the connection is neither read nor written: commands given without waiting are sent at
//! most that much later. If a caller leads when that time is over, the thread parks until it is woken.

#[cfg(test)]
mod tests;

use std::time::Duration;

/// Maximum time without a leader after the last caller left.
pub const LINGER: Duration = Duration::from_millis(5);

/// The kinds of threads that may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a leader is one or the other")]
pub enum Role {
    /// The client's own thread.
    Background,
    /// A thread that waits for an answer or an event.
    Caller,
}

/// The threads to wake after a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "an adapter must handle each action")]
pub enum Wake {
    /// Nobody.
    Nobody,
    /// The leader, which reads, writes or waits for the socket.
    Leader,
    /// The next leader, which waits for the baton: the background thread or a caller, never both.
    Successor,
    /// Everybody.
    Everybody,
}

/// The state of the background thread while it does not lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an adapter must handle each action")]
pub enum Rest<B> {
    /// Lead now, with the baton.
    Lead(B),
    /// Wait for [`LINGER`], or until woken.
    Linger,
    /// Wait until woken.
    Park,
    /// End.
    End,
}

/// The current leader, the number of waiting callers, and the stored baton. Keep it under the lock of the
/// [`Driver`](crate::Driver).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leader<B> {
    role: Option<Role>,
    baton: Option<B>,
    /// Number of waiting callers: followers, and the leader if it is a caller.
    waiting: usize,
    /// Set while the leader reads, writes or waits without the lock, so that it must be woken to notice a new command.
    is_in_io: bool,
    /// Set while the background thread is parked, so that it must be woken to linger.
    is_parked: bool,
    is_over: bool,
}

impl<B> Default for Leader<B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<B> Leader<B> {
    /// Creates the state with the background thread as the leader, which still holds its baton.
    #[must_use]
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

    /// Registers a caller that begins to wait. Returns whether it becomes the leader; it then takes the baton once it
    /// is available.
    pub const fn enter(&mut self) -> (bool, Wake) {
        self.waiting += 1;
        if self.waiting > 1 {
            return (false, Wake::Nobody);
        }
        self.role = Some(Role::Caller);
        (true, self.wake_leader())
    }

    /// Takes the baton for the caller that becomes the leader; `None` while the previous leader still holds it.
    pub const fn take(&mut self) -> Option<B> {
        self.baton.take()
    }

    /// Returns whether this thread leads, or is the next leader.
    pub fn leads(&self, role: Role) -> bool {
        self.role == Some(role)
    }

    /// Notes that the leader continues without the lock.
    pub const fn begin_io(&mut self) {
        self.is_in_io = true;
    }

    /// Notes that the leader has the lock again.
    pub const fn end_io(&mut self) {
        self.is_in_io = false;
    }

    /// Notes a command from a thread that does not lead.
    pub const fn nudge(&mut self) -> Wake {
        self.wake_leader()
    }

    /// Removes a follower that stops waiting.
    pub const fn leave(&mut self) {
        self.waiting -= 1;
    }

    /// Removes a leading caller that stops waiting. (The background thread waits only for the greeting of the first
    /// connection, and continues to lead.)
    pub fn leave_as_leader(&mut self, role: Role, baton: B) -> Wake {
        self.baton = Some(baton);
        if role == Role::Caller {
            self.leave();
            self.role = (self.waiting > 0).then_some(Role::Background);
        }
        if self.role.is_some() || self.is_parked { Wake::Successor } else { Wake::Nobody }
    }

    /// Puts the baton of the background thread back: because a caller takes over, or because the thread has yet to
    /// start.
    pub fn put_back(&mut self, baton: B) -> Wake {
        self.baton = Some(baton);
        Wake::Successor
    }

    /// Returns the next state of the background thread, which does not lead. `has_lingered` says that it waited for
    /// [`LINGER`] without being woken.
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

    /// Ends leading for good: the client is closed.
    pub fn finish(&mut self) -> Wake {
        self.is_over = true;
        self.role = None;
        self.baton = None;
        Wake::Everybody
    }

    /// Returns whether leading has ended for good.
    pub const fn is_over(&self) -> bool {
        self.is_over
    }

    const fn wake_leader(&mut self) -> Wake {
        if self.is_in_io {
            // The leader checks everything when it is woken, so waking it once is enough.
            self.is_in_io = false;
            Wake::Leader
        } else {
            Wake::Nobody
        }
    }
}
