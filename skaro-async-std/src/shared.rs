//! What handles, events and the task share, and who looks after the connection: the task, or whoever waits.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, Wake, Waker};

use futures_channel::oneshot;
use futures_util::FutureExt;
use skaro_proto::Time;
use skaro_proto::client::{self as machine, Command, CommandError, Ended, Event, Mailbox, Waiter};
use skaro_proto::tungstenite::Access;

use crate::dial::Target;
use crate::driver::Driver;
use crate::wakes::{Guest, Wakes};

// Where the coarse clock is known never to go backwards.
#[cfg(any(target_os = "linux", target_os = "macos", windows))]
use coarsetime::Instant as Clock;
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
use std::time::Instant as Clock;

pub(crate) struct Shared {
    state: Mutex<State>,
    /// The connection. None before it is made, and when the client is closed. Never locked by whoever has locked the state.
    driver: Mutex<Option<Driver>>,
    pub(crate) wakes: Wakes,
    /// Coarse: time-outs take seconds, and this clock tells milliseconds for a fifth of the cost.
    start: Clock,
    pub(crate) target: Target,
}

#[derive(Debug)]
struct State {
    mailbox: Mailbox<Waiting>,
    /// Who wants to know of a new event.
    reader: Option<Waker>,
}

/// The task that waits for the end of a command.
#[derive(Debug)]
pub(crate) struct Waiting(oneshot::Sender<Ended<'static>>);

impl Waiter for Waiting {
    fn end(self, ended: Ended<'static>) -> Result<(), Ended<'static>> {
        self.0.send(ended)
    }
}

impl Access for Shared {
    type Waiter = Waiting;

    fn now(&self) -> Time {
        Time::since_epoch(self.start.elapsed().into())
    }

    fn with<T>(&self, call: impl FnOnce(&mut Mailbox<Waiting>) -> T) -> T {
        let mut state = self.lock();
        let result = call(&mut state.mailbox);
        let reader = if state.mailbox.has_news() { state.reader.take() } else { None };
        drop(state);
        reader.into_iter().for_each(Waker::wake);
        result
    }
}

/// What the connection and its timers wake.
impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wakes.call();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wakes.call();
    }
}

impl Shared {
    pub(crate) fn new(target: Target) -> Shared {
        // Only spreads the clients of a server over time: nothing depends on its quality.
        let seed = getrandom::u64().unwrap_or_default();
        let machine = machine::Client::new(target.options.config.clone(), seed);
        let mailbox = Mailbox::new(machine, target.options.events);
        let (state, driver) = (Mutex::new(State { mailbox, reader: None }), Mutex::new(None));
        Shared { state, driver, wakes: Wakes::default(), start: Clock::now(), target }
    }

    /// Nothing in here is left half-done by a panic, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_driver(&self) -> MutexGuard<'_, Option<Driver>> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn open(&self, driver: Driver) {
        *self.lock_driver() = Some(driver);
        self.wakes.call_task();
    }

    pub(crate) fn close_driver(&self) {
        *self.lock_driver() = None;
    }

    /// Does what there is to do for the connection; ready when the client is closed.
    pub(crate) fn drive(self: &Arc<Self>) -> Poll<()> {
        self.drive_holding(self.lock_driver())
    }

    fn drive_holding(self: &Arc<Self>, mut holder: MutexGuard<'_, Option<Driver>>) -> Poll<()> {
        self.wakes.answer();
        let waker = Waker::from(self.clone());
        holder.as_mut().map_or(Poll::Ready(()), |driver| driver.poll(self, &mut Context::from_waker(&waker)))
    }

    /// Does the same in place of the task, if there is something to do: for whoever is about to wait for what comes of it.
    pub(crate) fn help(self: &Arc<Self>) {
        if !self.wakes.is_called() {
            return;
        }
        let holder = match self.driver.try_lock() {
            Ok(holder) => holder,
            Err(TryLockError::Poisoned(error)) => error.into_inner(),
            // Whoever looks after it now may have looked before there was what we were called for.
            Err(TryLockError::WouldBlock) => return self.wakes.call_task(),
        };
        if self.drive_holding(holder).is_ready() {
            // It has to see the end itself.
            self.wakes.call_task();
        }
    }

    /// Gives a command for whose end somebody waits; as a guest, if nobody else waits for one.
    pub(crate) fn request(self: &Arc<Self>, command: impl Command) -> Result<End<'_>, CommandError> {
        let now = self.now();
        let (sender, receiver) = oneshot::channel();
        let (id, is_alone) = self.with(|mailbox| {
            let id = mailbox.request(now, command, Waiting(sender))?;
            Ok((id, mailbox.waiting() == 1))
        })?;
        // What several wait for leaves together.
        if is_alone {
            self.wakes.owe()
        } else {
            self.wakes.call_task()
        }
        Ok(End { shared: self, receiver, guest: is_alone.then_some(Guest::Request(id)) })
    }

    /// Does something after which somebody has to look what there is to do.
    pub(crate) fn command<T>(&self, command: impl FnOnce(&mut Mailbox<Waiting>, Time) -> T) -> T {
        let now = self.now();
        let result = self.with(|mailbox| command(mailbox, now));
        self.wakes.call_task();
        result
    }

    /// Takes the events that wait, if there are any; ready too if there will be none any more.
    pub(crate) fn poll_events(
        self: &Arc<Self>,
        taken: &mut VecDeque<Event<'static>>,
        cx: &Context<'_>,
    ) -> Poll<()> {
        if self.take_events(taken, None) {
            return Poll::Ready(());
        }
        self.help();
        if self.take_events(taken, Some(cx)) {
            return Poll::Ready(());
        }
        self.wakes.wait(Guest::Events, cx.waker());
        Poll::Pending
    }

    /// False if there are none at present; then that task is woken by the next one.
    fn take_events(&self, taken: &mut VecDeque<Event<'static>>, reader: Option<&Context<'_>>) -> bool {
        let mut state = self.lock();
        if !state.mailbox.has_news() {
            let before = mem::replace(&mut state.reader, reader.map(|cx| cx.waker().clone()));
            drop(state);
            drop(before);
            return false;
        }
        state.mailbox.take_events(taken);
        let has_made_room = state.mailbox.has_made_room();
        drop(state);
        self.wakes.leave(Guest::Events);
        if has_made_room {
            self.wakes.call_task();
        }
        true
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock().mailbox.fmt(f)
    }
}

/// The end of a command, for which a future waits; as a guest or not.
pub(crate) struct End<'a> {
    shared: &'a Arc<Shared>,
    receiver: oneshot::Receiver<Ended<'static>>,
    guest: Option<Guest>,
}

impl Future for End<'_> {
    type Output = Result<Ended<'static>, CommandError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut ended = self.receiver.poll_unpin(cx);
        if let (Poll::Pending, Some(guest)) = (&ended, self.guest) {
            self.shared.help();
            ended = self.receiver.poll_unpin(cx);
            if ended.is_pending() {
                self.shared.wakes.wait(guest, cx.waker());
            }
        }
        ended.map_err(|_| CommandError::Closed)
    }
}

/// Nothing is lost when the future is dropped: neither that it was called, nor an end that it has not looked at.
impl Drop for End<'_> {
    fn drop(&mut self) {
        self.guest.into_iter().for_each(|guest| self.shared.wakes.leave(guest));
        self.receiver.close();
        if let Ok(Some(ended)) = self.receiver.try_recv() {
            self.shared.with(|mailbox| mailbox.put_back(ended));
        }
    }
}
