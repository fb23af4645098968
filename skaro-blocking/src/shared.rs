//! What handles, events and the client's own thread share, and whose turn it is to look after the connection.
//!
//! A thread that waits for an answer or an event looks after the connection itself meanwhile: then its request needs no
//! change of threads, which would cost more than all the rest together. Such a thread is called a guest here. When
//! several threads wait, or none, it is the turn of the client's own thread, which also does all the dialing.

use std::convert::Infallible;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mio::Waker;
use skaro_proto::Time;
use skaro_proto::client::{self as machine, Mailbox, Status};
use skaro_proto::tungstenite::Access;

use crate::client::Waiting;
use crate::dial::Target;
use crate::driver::Driver;

// Where the coarse clock is known never to go backwards.
#[cfg(any(target_os = "linux", target_os = "macos", windows))]
use coarsetime::Instant as Clock;
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
use std::time::Instant as Clock;

/// How long the client's own thread lets the connection be after a guest's turn: the next guest may come at once, and
/// taking turns is what is to be spared. What was given meanwhile and nobody waits for is sent by then.
const LINGER: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    /// The connection: held by the one whose turn it is. None when the client is closed.
    driver: Mutex<Option<Driver>>,
    /// Those who listen: whether there are news in the mailbox.
    changed: Condvar,
    /// The client's own thread: whether its turn may have come.
    turned: Condvar,
    waker: Waker,
    /// Coarse: time-outs take seconds, and this clock tells milliseconds for a fifth of the cost.
    start: Clock,
    pub(crate) target: Target,
}

#[derive(Debug)]
struct State {
    mailbox: Mailbox<Waiting>,
    turn: Turn,
    /// Threads that wait for the end of a command or for an event, the guest whose turn it is among them.
    waiting: usize,
    /// Those of them that must be told of news.
    listening: usize,
    /// Whether there may be something to do that nobody has seen: then whoever has the turn looks again before going to
    /// sleep.
    nudged: bool,
    /// Whether the one whose turn it is waits for the connection, and has to be woken.
    asleep: bool,
    /// How many turns guests have had.
    visits: u64,
    /// Whether the client's own thread must be told when a guest's turn ends.
    retired: bool,
}

/// Who looks after the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Nobody,
    Own,
    Guest,
}

/// What whoever has the turn does when the connection has nothing for now.
pub(crate) enum Next {
    /// It is not this one's turn any more.
    Leave,
    Dial,
    /// Wait for the connection, or for a deadline.
    Sleep(Option<Time>),
}

impl Access for Shared {
    type Waiter = Waiting;

    fn now(&self) -> Time {
        Time::since_epoch(self.start.elapsed().into())
    }

    fn with<T>(&self, call: impl FnOnce(&mut Mailbox<Waiting>) -> T) -> T {
        self.call(&mut self.lock(), call)
    }
}

/// For everybody.
impl Shared {
    pub(crate) fn new(target: Target, waker: Waker) -> Shared {
        // Only spreads the clients of a server over time: nothing depends on its quality.
        let seed = getrandom::u64().unwrap_or_default();
        let machine = machine::Client::new(target.options.config.clone(), seed);
        let state = State {
            mailbox: Mailbox::new(machine, target.options.events),
            turn: Turn::Own,
            waiting: 0,
            listening: 0,
            nudged: false,
            asleep: false,
            visits: 0,
            retired: false,
        };
        Shared {
            state: Mutex::new(state),
            driver: Mutex::new(None),
            changed: Condvar::new(),
            turned: Condvar::new(),
            waker,
            start: Clock::now(),
            target,
        }
    }

    /// Nothing in here is left half-done by a panic, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_driver(&self) -> MutexGuard<'_, Option<Driver>> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call<T>(&self, state: &mut State, call: impl FnOnce(&mut Mailbox<Waiting>) -> T) -> T {
        let result = call(&mut state.mailbox);
        // Telling nobody costs a call of the system, too.
        if state.listening > 0 && state.mailbox.has_news() {
            self.changed.notify_all();
        }
        result
    }

    /// Gives a command for whose end nobody waits.
    pub(crate) fn command<T>(&self, command: impl FnOnce(&mut Mailbox<Waiting>, Time) -> T) -> T {
        let now = self.now();
        let mut state = self.lock();
        let result = self.call(&mut state, |mailbox| command(mailbox, now));
        self.nudge(&mut state);
        result
    }

    /// Makes whoever has the turn look what there is to do.
    fn nudge(&self, state: &mut State) {
        state.nudged = true;
        self.wake(state);
        if state.turn == Turn::Nobody && state.is_urgent() {
            self.turned.notify_one();
        }
    }

    /// Wakes whoever waits for the connection.
    fn wake(&self, state: &mut State) {
        if std::mem::take(&mut state.asleep) {
            // Fails only if the system has no memory left; then there is another look at the next deadline.
            _ = self.waker.wake();
        }
    }

    pub(crate) fn status(&self) -> Status {
        self.with(|mailbox| mailbox.client.status())
    }

    /// Waits until the client is closed.
    pub(crate) fn await_end(&self) {
        drop(self.listen(self.lock(), None, |mailbox| !mailbox.is_finished()));
    }

    /// Waits while the mailbox is so, at most until then.
    fn listen<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        until: Option<Instant>,
        mut is_so: impl FnMut(&Mailbox<Waiting>) -> bool,
    ) -> MutexGuard<'a, State> {
        state.listening += 1;
        while is_so(&state.mailbox) {
            state = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => break,
                Some(left) => {
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        state.listening -= 1;
        state
    }
}

/// For threads that wait.
impl Shared {
    /// Does something of which something is to come: that is [waited](Waits) for.
    pub(crate) fn begin<T, E>(
        &self,
        call: impl FnOnce(&mut Mailbox<Waiting>, Time) -> Result<T, E>,
    ) -> Result<Waits<'_>, E> {
        let now = self.now();
        let mut state = self.lock();
        self.call(&mut state, |mailbox| call(mailbox, now))?;
        state.waiting += 1;
        // Others who wait would have to be woken from here, and what is not connected may have to be dialed.
        let has_turn =
            state.waiting == 1 && state.turn != Turn::Guest && state.mailbox.client.status().has_connection();
        if has_turn {
            // The client's own thread lets go as soon as it notices. What there is to do, this thread will see.
            state.turn = Turn::Guest;
            state.nudged = false;
            self.wake(&mut state);
        } else if state.turn == Turn::Nobody {
            self.turned.notify_one();
        }
        Ok(Waits { shared: self, has_turn })
    }

    /// Takes something from the mailbox, for which to wait until then.
    pub(crate) fn wait_for<T>(
        &self,
        until: Option<Instant>,
        mut take: impl FnMut(&mut Mailbox<Waiting>) -> Option<T>,
    ) -> Option<T> {
        let taken = self.take(&mut self.lock(), &mut take);
        if taken.is_some() {
            return taken;
        }
        let mut waits = self.begin(|_, _| Ok::<_, Infallible>(())).unwrap_or_else(|never| match never {});
        waits.drive(until, || self.take(&mut self.lock(), &mut take)).or_else(|| {
            let mut state = self.listen(self.lock(), until, |mailbox| !mailbox.has_news());
            self.take(&mut state, &mut take)
        })
    }

    fn take<T>(
        &self,
        state: &mut State,
        take: &mut impl FnMut(&mut Mailbox<Waiting>) -> Option<T>,
    ) -> Option<T> {
        let taken = take(&mut state.mailbox);
        if taken.is_some() && state.mailbox.has_made_room() {
            self.nudge(state);
        }
        taken
    }

    fn end_visit(&self, state: &mut State) {
        state.turn = Turn::Nobody;
        state.visits += 1;
        if state.retired || state.is_urgent() {
            self.turned.notify_one();
        }
    }
}

/// A thread waits, as long as this exists.
pub(crate) struct Waits<'a> {
    shared: &'a Shared,
    has_turn: bool,
}

impl Waits<'_> {
    /// Looks after the connection, if it is this thread's turn, until something has come, the time is over, or it is
    /// somebody else's turn.
    pub(crate) fn drive<T>(
        &mut self,
        until: Option<Instant>,
        mut come: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        if !self.has_turn {
            return None;
        }
        let mut holder = self.shared.lock_driver();
        while let Some(driver) = &mut *holder {
            let has_advanced = driver.advance(self.shared);
            // Also if not: what is due ends by the time alone.
            let result = come();
            if result.is_some() || until.is_some_and(|until| until <= Instant::now()) {
                return result;
            }
            if !has_advanced && !driver.rest(self.shared, Turn::Guest, until) {
                break;
            }
        }
        drop(holder);
        self.has_turn = false;
        self.shared.end_visit(&mut self.shared.lock());
        None
    }

    /// Lets whoever has the turn look at what was given, if that is not this thread itself.
    pub(crate) fn nudge(&self) {
        if !self.has_turn {
            self.shared.nudge(&mut self.shared.lock());
        }
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.waiting -= 1;
        if self.has_turn {
            self.shared.end_visit(&mut state);
        }
    }
}

/// For whoever has the turn.
impl Shared {
    /// What to do when there is nothing more to do for now.
    pub(crate) fn next(&self, turn: Turn) -> Next {
        let state = self.lock();
        match state.mailbox.client.status() {
            Status::Closed => Next::Leave,
            _ if state.turn != turn => Next::Leave,
            Status::Dialing if turn == Turn::Own => Next::Dial,
            // Looking up a name can't be interrupted: that is not for those who wait with a time-out.
            Status::Dialing => Next::Leave,
            _ => Next::Sleep(state.mailbox.client.poll_timeout()),
        }
    }

    /// Whether the one who has the turn may go to sleep: not if there is something to look at, or the turn is gone.
    pub(crate) fn fall_asleep(&self, turn: Turn) -> bool {
        let mut state = self.lock();
        state.asleep = !std::mem::take(&mut state.nudged) && state.turn == turn;
        state.asleep
    }

    pub(crate) fn wake_up(&self) {
        let mut state = self.lock();
        state.asleep = false;
        state.nudged = false;
    }
}

/// For the client's own thread.
impl Shared {
    /// The first connection is there: from now on everybody may look after it.
    pub(crate) fn open(&self, driver: Driver) {
        *self.lock_driver() = Some(driver);
        self.lock().turn = Turn::Nobody;
    }

    /// Looks after the connection whenever nobody else does, until the client is closed.
    pub(crate) fn run(&self) {
        let _end = End(self);
        while self.await_turn() {
            let mut holder = self.lock_driver();
            while let Some(driver) = &mut *holder {
                let goes_on = match driver.advance(self) {
                    true => self.lock().turn == Turn::Own,
                    false => driver.rest(self, Turn::Own, None),
                };
                if !goes_on {
                    break;
                }
            }
            drop(holder);
            self.lock().give_up_turn();
        }
    }

    /// Waits for the own thread's turn, and takes it; false if there is none any more.
    fn await_turn(&self) -> bool {
        let mut state = self.lock();
        while state.mailbox.client.status() != Status::Closed {
            let visits = state.visits;
            if state.turn == Turn::Guest || !state.is_urgent() {
                let waited = self.turned.wait_timeout(state, LINGER).unwrap_or_else(PoisonError::into_inner);
                state = waited.0;
                if !waited.1.timed_out() || state.visits != visits {
                    continue;
                }
            }
            if state.turn == Turn::Nobody {
                state.turn = Turn::Own;
                return true;
            }
            // A guest who stays: waking up time and again would be of no use.
            state.retired = true;
            let stays = |state: &mut State| state.visits == visits;
            state = self.turned.wait_while(state, stays).unwrap_or_else(PoisonError::into_inner);
            state.retired = false;
        }
        false
    }
}

impl State {
    /// Whether nobody but the client's own thread can do what is to be done.
    fn is_urgent(&self) -> bool {
        self.waiting > 0 || !self.mailbox.client.status().has_connection()
    }

    fn give_up_turn(&mut self) {
        if self.turn == Turn::Own {
            self.turn = Turn::Nobody;
        }
    }
}

/// Whatever ends the client's own thread, nobody waits for it in vain, and the connection is closed.
struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.lock_driver().take();
        self.0.with(|mailbox| mailbox.finish());
    }
}
