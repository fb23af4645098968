//! The state that handles, events and the client's task share: the driver under its lock, and wakers.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use futures_channel::oneshot;
use futures_util::task::AtomicWaker;
use skaro_proto::Time;
use skaro_proto::client::{Command, CommandError, Ended, Event};

use super::lock::lock;
use crate::clock::Clock;
use crate::driver::Driver;
use crate::mailbox::{Mailbox, Waiter};

/// The driver of one client, with the wakers of its users.
pub(super) struct Shared {
    state: Mutex<State>,
    /// The client's task, which is woken when it has something to do.
    task: AtomicWaker,
    /// Ends of commands that are being delivered.
    ends: Ends,
    pub(super) clock: Clock,
}

struct State {
    driver: Driver<Answer>,
    /// The task that waits for events.
    reader: Option<Waker>,
}

type Sender = oneshot::Sender<Ended<'static>>;

type Ends = Arc<Mutex<VecDeque<(Sender, Ended<'static>)>>>;

/// The sending half of a future that waits for a command's end.
#[derive(Debug)]
pub(super) struct Answer {
    sender: Sender,
    ends: Ends,
}

/// Ends that are being sent. If a waker panics, the others go back into the queue, for the next call.
struct Sending<'s> {
    ends: &'s Ends,
    rest: VecDeque<(Sender, Ended<'static>)>,
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        if !self.rest.is_empty() {
            lock(self.ends).append(&mut self.rest);
        }
    }
}

impl Waiter for Answer {
    /// Queues the end; it is sent, which wakes the future, after unlocking.
    fn end(self, ended: Ended<'static>) -> Result<(), Ended<'static>> {
        if self.sender.is_canceled() {
            return Err(ended);
        }
        lock(&self.ends).push_back((self.sender, ended));
        Ok(())
    }
}

impl Shared {
    pub(super) fn new(driver: Driver<Answer>) -> Shared {
        Shared {
            state: Mutex::new(State { driver, reader: None }),
            task: AtomicWaker::new(),
            ends: Ends::default(),
            clock: Clock::start(),
        }
    }

    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Calls the driver, and afterwards wakes the tasks that wait for its new ends and events.
    pub(super) fn with<T>(&self, call: impl FnOnce(&mut Driver<Answer>) -> T) -> T {
        let mut state = self.lock();
        let result = call(&mut state.driver);
        let reader = if state.driver.mailbox().has_news() { state.reader.take() } else { None };
        // Only the ends of this call: another thread that is about to send some has taken those already.
        let ends = Sending { ends: &self.ends, rest: mem::take(&mut *lock(&self.ends)) };
        // Wakers run foreign code, so not under the lock.
        drop(state);
        self.send(ends);
        if let Some(reader) = reader {
            reader.wake();
        }
        result
    }

    fn send(&self, mut ends: Sending<'_>) {
        while let Some((sender, ended)) = ends.rest.pop_front() {
            if let Err(unwanted) = sender.send(ended) {
                self.with(|driver| driver.mailbox_mut().return_end(unwanted));
            }
        }
    }

    /// Calls the mailbox for the application, and wakes the task if there is something to do afterwards.
    pub(super) fn command<T>(&self, call: impl FnOnce(&mut Mailbox<Answer>, Time) -> T) -> T {
        let now = self.now();
        let result = self.with(|driver| call(driver.mailbox_mut(), now));
        self.task.wake();
        result
    }

    /// Gives a command; the returned future waits for its end.
    pub(super) fn request(self: &Arc<Self>, command: impl Command) -> Result<End, CommandError> {
        let (sender, receiver) = oneshot::channel();
        let answer = Answer { sender, ends: self.ends.clone() };
        self.command(|mailbox, now| mailbox.request(now, command, answer))?;
        Ok(End { shared: self.clone(), receiver })
    }

    /// Registers the task that [`command`](Self::command) wakes.
    pub(super) fn register_task(&self, cx: &Context<'_>) {
        self.task.register(cx.waker());
    }

    /// Appends all waiting events to those taken before. Also ready if there will be no more events.
    pub(super) fn poll_events(&self, taken: &mut VecDeque<Event<'static>>, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if !state.driver.mailbox().has_news() {
            let before = state.reader.replace(cx.waker().clone());
            drop(state);
            // Not under the lock: dropping a waker may drop a task with everything it owns.
            drop(before);
            return Poll::Pending;
        }
        state.driver.mailbox_mut().take_events(taken);
        let has_room_again = state.driver.mailbox().has_room_again();
        drop(state);
        if has_room_again {
            self.task.wake();
        }
        Poll::Ready(())
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock().driver.mailbox().fmt(f)
    }
}

/// A future that waits for a command's end.
pub(super) struct End {
    shared: Arc<Shared>,
    receiver: oneshot::Receiver<Ended<'static>>,
}

impl Future for End {
    type Output = Result<Ended<'static>, CommandError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.receiver).poll(cx).map_err(|_| CommandError::Closed)
    }
}

/// Turns an end that arrived just before the future was dropped into an event.
impl Drop for End {
    fn drop(&mut self) {
        self.receiver.close();
        if let Ok(Some(ended)) = self.receiver.try_recv() {
            self.shared.with(|driver| driver.mailbox_mut().return_end(ended));
        }
    }
}
