//! Who is woken when there is something to do for the connection: the client's task, or a guest.
//!
//! Whoever waits for an answer or for events is woken by the connection itself, and looks after it then. If the task were
//! woken, to wake whoever waits, a request would take another change of tasks, and often one of threads. Such a future is
//! called a guest here. But a future may be woken and not be polled for long, or never again; so the task watches whether
//! guests do what they were woken for, and does it itself otherwise.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use skaro_proto::client::RequestId;

/// A future that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guest {
    Events,
    Request(RequestId),
}

#[derive(Debug, Default)]
pub(crate) struct Wakes(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    task: Option<Waker>,
    /// Whether the task is to look after the connection, and nobody has since.
    due: bool,
    /// The last one who began to wait.
    guest: Option<(Guest, Waker)>,
    /// Whether a guest is to look after the connection, and nobody has since.
    owed: bool,
    /// Whether the task watches: for a while after a call of a guest, and not for each of them.
    watches: bool,
}

impl Wakes {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection has something.
    pub(crate) fn call(&self) {
        let mut state = self.lock();
        let Some((_, guest)) = state.guest.take() else {
            // A socket may call twice, once for reading and once for writing: the guest that was called sees to both.
            if !(state.owed && state.watches) {
                Self::call_the_task(state);
            }
            return;
        };
        state.owed = true;
        let task = if mem::replace(&mut state.watches, true) { None } else { state.task.clone() };
        // Wakers are other people's code: not under the lock, and first whoever sees to the rest.
        drop(state);
        task.into_iter().for_each(Waker::wake);
        guest.wake();
    }

    /// There is something to do for the connection that must not wait for guests.
    pub(crate) fn call_task(&self) {
        Self::call_the_task(self.lock());
    }

    fn call_the_task(mut state: MutexGuard<'_, State>) {
        if !mem::replace(&mut state.due, true) {
            let task = state.task.clone();
            drop(state);
            task.into_iter().for_each(Waker::wake);
        }
    }

    /// Somebody begins to look after the connection.
    pub(crate) fn answer(&self) {
        let mut state = self.lock();
        (state.due, state.owed) = (false, false);
    }
}

/// For guests.
impl Wakes {
    /// A guest is going to look after the connection at once.
    pub(crate) fn owe(&self) {
        self.lock().owed = true;
    }

    /// Whether somebody is to look after the connection.
    pub(crate) fn is_called(&self) -> bool {
        let state = self.lock();
        state.due || state.owed
    }

    /// The next call is for this guest.
    pub(crate) fn wait(&self, guest: Guest, waker: &Waker) {
        let before = self.lock().guest.replace((guest, waker.clone()));
        // Not under the lock: dropping a waker may drop a task, and what that one has.
        drop(before);
    }

    /// A guest does not wait any more.
    pub(crate) fn leave(&self, guest: Guest) {
        let mut state = self.lock();
        let before = state.guest.take_if(|(waiting, _)| *waiting == guest);
        if state.owed {
            Self::call_the_task(state);
        } else {
            drop(state);
        }
        drop(before);
    }
}

/// For the task.
impl Wakes {
    /// Whether the task is to look after the connection; from now on this one is called.
    pub(crate) fn look(&self, task: &Waker) -> bool {
        let mut state = self.lock();
        let before = state.task.replace(task.clone());
        let is_due = state.due;
        drop(state);
        drop(before);
        is_due
    }

    /// Whether the task is to watch for a while.
    pub(crate) fn is_watching(&self) -> bool {
        self.lock().watches
    }

    /// The while is over. Tells whether a guest has not done what it was called for; if that was just now, no harm is
    /// done.
    pub(crate) fn end_watch(&self) -> bool {
        let mut state = self.lock();
        state.watches = false;
        state.owed
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Calls(AtomicUsize);

    impl Wake for Calls {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A task, two guests, and how often each was called since the last look.
    struct World {
        wakes: Wakes,
        calls: [Arc<Calls>; 3],
    }

    impl World {
        fn new() -> World {
            let world = World { wakes: Wakes::default(), calls: Default::default() };
            assert!(!world.wakes.look(&world.waker(0)));
            world
        }

        fn waker(&self, who: usize) -> Waker {
            self.calls[who].clone().into()
        }

        fn wait(&self, guest: Guest, who: usize) {
            self.wakes.wait(guest, &self.waker(who));
        }

        fn called(&self) -> [usize; 3] {
            [0, 1, 2].map(|who| self.calls[who].0.swap(0, Ordering::Relaxed))
        }

        fn is_due(&self) -> bool {
            self.wakes.look(&self.waker(0))
        }
    }

    #[test]
    fn the_task_is_called_once_until_somebody_looks() {
        let world = World::new();
        world.wakes.call();
        world.wakes.call_task();
        assert_eq!(world.called(), [1, 0, 0]);
        assert!(world.is_due() && world.wakes.is_called() && !world.wakes.is_watching());
        world.wakes.answer();
        assert!(!world.is_due() && !world.wakes.is_called());
        world.wakes.call();
        assert_eq!(world.called(), [1, 0, 0]);
    }

    #[test]
    fn what_was_due_before_there_was_a_task_is_due_at_its_first_look() {
        let wakes = Wakes::default();
        wakes.call_task();
        assert!(wakes.look(Waker::noop()));
    }

    #[test]
    fn the_last_guest_is_called_and_the_task_watches_once() {
        let world = World::new();
        world.wait(Guest::Events, 1);
        world.wait(Guest::Events, 2);
        world.wakes.call();
        assert_eq!(world.called(), [1, 0, 1]);
        assert!(!world.is_due() && world.wakes.is_called() && world.wakes.is_watching());
        world.wakes.answer();
        world.wait(Guest::Events, 1);
        world.wakes.call();
        assert_eq!(world.called(), [0, 1, 0]);
        world.wakes.answer();
        assert!(!world.wakes.end_watch() && !world.wakes.is_watching());
        // A guest that was called does not wait until it says so; if the connection calls twice, it sees to that.
        world.wait(Guest::Events, 1);
        world.wakes.call();
        world.wakes.call();
        assert_eq!(world.called(), [1, 1, 0]);
        world.wakes.answer();
        world.wakes.call();
        assert_eq!(world.called(), [1, 0, 0]);
        assert!(world.is_due());
    }

    #[test]
    fn a_guest_that_does_nothing_is_found_out() {
        let world = World::new();
        world.wait(Guest::Events, 1);
        world.wakes.call();
        assert!(world.wakes.end_watch() && !world.wakes.is_watching());
    }

    #[test]
    fn who_leaves_leaves_nothing_undone_and_others_waiting() {
        let [first, second] = [1, 2].map(|id| Guest::Request(id_of(id)));
        let world = World::new();
        world.wait(first, 1);
        world.wakes.leave(second);
        world.wakes.call();
        assert_eq!(world.called(), [1, 1, 0]);
        world.wakes.leave(first);
        assert_eq!(world.called(), [1, 0, 0]);
        assert!(world.is_due());
        world.wakes.answer();
        world.wait(second, 2);
        world.wakes.leave(second);
        world.wakes.call();
        assert_eq!(world.called(), [1, 0, 0]);
    }

    #[test]
    fn who_is_going_to_look_need_not_be_called() {
        let world = World::new();
        world.wakes.owe();
        assert_eq!(world.called(), [0, 0, 0]);
        assert!(world.wakes.is_called() && !world.is_due());
        // It did not, after all.
        world.wakes.leave(Guest::Events);
        assert_eq!(world.called(), [1, 0, 0]);
    }

    fn id_of(number: u64) -> RequestId {
        let mut client = skaro_proto::client::Client::new(Default::default(), 1);
        client.handle_connected(skaro_proto::Time::ZERO);
        let greeting = skaro_proto::Frame::Text(r#"{"type":"check_connection","token":"t"}"#);
        client.handle_frame(skaro_proto::Time::ZERO, greeting).unwrap();
        let ids: Vec<_> =
            (0..number).map(|_| client.register_type(skaro_proto::Time::ZERO).unwrap()).collect();
        ids[ids.len() - 1]
    }
}
