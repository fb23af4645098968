//! The client under its one lock, and the loop of the leading thread.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};
use skaro_adapter::leader::{LINGER, Leader, Rest, Role, Wake};
use skaro_adapter::{ConnectError, Driver, Mailbox, Next, Options, Target, Waiter};
use skaro_proto::Time;
use skaro_proto::client::{Command, CommandError, Ended, Status};

use crate::connect::{MakeTransport, connect};
use crate::io::Io;

/// The waiter for the end of a command. Its thread is woken when this is dropped.
pub(crate) struct Waiting(Arc<Slot>);

#[derive(Default)]
struct Slot {
    ended: Mutex<Option<Ended<'static>>>,
    told: Condvar,
}

impl Waiter for Waiting {
    fn end(self, ended: Ended<'static>) -> Result<(), Ended<'static>> {
        *self.0.ended.lock() = Some(ended);
        Ok(())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.told.notify_one();
    }
}

pub(crate) struct Shared {
    target: Target,
    transport: Option<MakeTransport>,
    state: Mutex<State>,
    /// Wakes the thread that leads next.
    turn: Condvar,
    /// Wakes followers that wait for events, and threads that wait for the end.
    news: Condvar,
    start: Instant,
}

type Guard<'a> = MutexGuard<'a, State>;

struct State {
    driver: Driver<Waiting>,
    leader: Leader<Io>,
    /// Wakes the leader.
    waker: Arc<mio::Waker>,
    /// A new connection, which the leader takes in place of the one that was lost.
    fresh: Option<Io>,
    is_dialing: bool,
}

/// Result of a thread's time as leader.
enum Led<T> {
    /// It has what it waited for, or stopped waiting.
    Left(Option<T>),
    /// Another thread leads from now on.
    Follows,
}

/// For all threads.
impl Shared {
    /// Makes the first connection, waits for the server's first message, and starts the background thread.
    pub(crate) fn start(
        options: Options,
        transport: Option<MakeTransport>,
    ) -> Result<(Arc<Shared>, thread::JoinHandle<()>), ConnectError> {
        let target = Target::new(options)?;
        let io = connect(&target, transport.as_ref())?;
        let mut driver = target.driver()?;
        driver.dialed(Time::ZERO, Ok(()));
        if io.is_confidential {
            driver.handle_confidential();
        }
        let state =
            State { driver, leader: Leader::new(), waker: io.waker(), fresh: None, is_dialing: false };
        let (state, turn, news) = (Mutex::new(state), Condvar::new(), Condvar::new());
        let shared = Arc::new(Shared { target, transport, state, turn, news, start: Instant::now() });
        let has_spoken =
            |mailbox: &mut Mailbox<_>| (mailbox.client().status() != Status::Greeting).then_some(());
        shared.lead(Role::Background, &mut shared.state.lock(), io, None, has_spoken);
        if let Some(reason) = shared.with(Mailbox::why_offline) {
            return Err(ConnectError::Ended(reason));
        }
        let own = shared.clone();
        let thread = thread::Builder::new().name("skaro".into()).spawn(move || own.run());
        let thread = thread.map_err(|error| shared.target.failed(error))?;
        Ok((shared, thread))
    }

    fn now(&self) -> Time {
        Time::since_epoch(self.start.elapsed())
    }

    /// Calls a function with the mailbox.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&Mailbox<Waiting>) -> T) -> T {
        look(self.state.lock().driver.mailbox())
    }

    /// Gives a command whose end has no waiter.
    pub(crate) fn command<T>(&self, command: impl FnOnce(&mut Mailbox<Waiting>, Time) -> T) -> T {
        let now = self.now();
        let mut state = self.state.lock();
        let result = command(state.driver.mailbox_mut(), now);
        self.nudge(&mut state);
        self.tell_news(&state.driver);
        result
    }

    /// Waits until the client is closed.
    pub(crate) fn await_end(&self) {
        self.news.wait_while(&mut self.state.lock(), |state| !state.driver.mailbox().is_finished());
    }

    fn wake(&self, waker: &mio::Waker, wake: Wake) {
        match wake {
            Wake::Nobody => (),
            // Fails only if the system has no memory left; then the leader checks again at the next deadline.
            Wake::Leader => _ = waker.wake(),
            Wake::Successor => _ = self.turn.notify_one(),
            Wake::Everybody => _ = self.turn.notify_all() + self.news.notify_all(),
        }
    }

    /// Lets the leader notice a new command.
    fn nudge(&self, state: &mut State) {
        let wake = state.leader.nudge();
        self.wake(&state.waker, wake);
    }

    fn tell_news(&self, driver: &Driver<Waiting>) {
        if driver.mailbox().has_news() {
            self.news.notify_all();
        }
    }

    fn finish(&self, state: &mut State) {
        state.driver.abandon(self.now());
        let wake = state.leader.finish();
        self.wake(&state.waker, wake);
    }
}

/// For callers.
impl Shared {
    /// Gives a command, and waits for its end.
    pub(crate) fn request(self: &Arc<Self>, command: impl Command) -> Result<Ended<'static>, CommandError> {
        let slot = Arc::new(Slot::default());
        let now = self.now();
        let mut state = self.state.lock();
        state.driver.mailbox_mut().request(now, command, Waiting(slot.clone()))?;
        let ended = self.wait(&mut state, None, &slot.told, |_| slot.ended.lock().take());
        // If the client is closed, there is no end.
        ended.ok_or(CommandError::Closed)
    }

    /// Takes something from the mailbox; waits for it if it is not there, until the given time.
    pub(crate) fn take<T>(
        self: &Arc<Self>,
        until: Option<Instant>,
        mut take: impl FnMut(&mut Mailbox<Waiting>) -> Option<T>,
    ) -> Option<T> {
        let mut state = self.state.lock();
        let mut taken = take(state.driver.mailbox_mut());
        if taken.is_none() && !is_past(until) {
            taken = self.wait(&mut state, until, &self.news, take);
        }
        if state.driver.mailbox().has_room_again() {
            self.nudge(&mut state);
        }
        taken
    }

    /// Waits as the leader, or else as a follower, which `told` wakes.
    fn wait<T>(
        self: &Arc<Self>,
        state: &mut Guard<'_>,
        until: Option<Instant>,
        told: &Condvar,
        mut take: impl FnMut(&mut Mailbox<Waiting>) -> Option<T>,
    ) -> Option<T> {
        let (leads, wake) = state.leader.enter();
        self.wake(&state.waker, wake);
        while leads && !state.leader.is_over() {
            let Some(io) = state.leader.take() else {
                self.turn.wait(state);
                continue;
            };
            match self.lead(Role::Caller, state, io, until, &mut take) {
                Led::Left(taken) => return taken,
                Led::Follows => break,
            }
        }
        self.nudge(state);
        loop {
            let taken = take(state.driver.mailbox_mut());
            if taken.is_some() || state.leader.is_over() || is_past(until) {
                state.leader.leave();
                return taken;
            }
            match until {
                Some(until) => _ = told.wait_until(state, until),
                None => told.wait(state),
            }
        }
    }
}

fn is_past(until: Option<Instant>) -> bool {
    until.is_some_and(|until| until <= Instant::now())
}

/// For the background thread.
impl Shared {
    /// Leads whenever nobody else does, until the client is closed.
    pub(crate) fn run(self: &Arc<Self>) {
        let mut state = self.state.lock();
        let mut has_lingered = false;
        loop {
            match state.leader.rest(has_lingered) {
                Rest::Lead(io) => {
                    self.lead(Role::Background, &mut state, io, None, |_| None::<()>);
                    has_lingered = false;
                }
                Rest::Linger => has_lingered = self.turn.wait_for(&mut state, LINGER).timed_out(),
                Rest::Park => {
                    self.turn.wait(&mut state);
                    has_lingered = false;
                }
                Rest::End => return,
            }
        }
    }
}

/// For the leader.
impl Shared {
    /// Drives the connection until the leader has what it waits for, or another thread is to lead.
    fn lead<T>(
        self: &Arc<Self>,
        role: Role,
        state: &mut Guard<'_>,
        io: Io,
        until: Option<Instant>,
        take: impl FnMut(&mut Mailbox<Waiting>) -> Option<T>,
    ) -> Led<T> {
        let drive = AssertUnwindSafe(|| self.drive(role, state, io, until, take));
        catch_unwind(drive).unwrap_or_else(|panic| {
            // So that nobody waits in vain.
            self.finish(state);
            resume_unwind(panic)
        })
    }

    fn drive<T>(
        self: &Arc<Self>,
        role: Role,
        guard: &mut Guard<'_>,
        mut io: Io,
        until: Option<Instant>,
        mut take: impl FnMut(&mut Mailbox<Waiting>) -> Option<T>,
    ) -> Led<T> {
        let until = until.map(|until| Time::since_epoch(until.saturating_duration_since(self.start)));
        let mut now = self.now();
        loop {
            let State { driver, leader, waker, fresh, is_dialing } = &mut **guard;
            if let Some(new) = fresh.take() {
                *waker = new.waker();
                io = new;
            }
            let next = driver.drive(now);
            let taken = take(driver.mailbox_mut());
            if taken.is_some() || until.is_some_and(|until| until <= now) {
                self.wake(waker, leader.leave_as_leader(role, io));
                return Led::Left(taken);
            }
            if !leader.leads(role) {
                self.wake(waker, leader.put_back(io));
                return Led::Follows;
            }
            self.tell_news(driver);
            io.link.fill(|output| driver.take_output(output));
            if !driver.has_connection() {
                io.hang_up();
            }
            let deadline = match next {
                Next::Closed => {
                    self.finish(guard);
                    return Led::Follows;
                }
                Next::Dial { until } => {
                    *is_dialing = *is_dialing || self.dial(driver);
                    until
                }
                Next::Idle { until } => until,
            };
            let reads = driver.wants_bytes();
            let timeout = deadline.into_iter().chain(until).min().map(|deadline| deadline - now);
            leader.begin_io();
            let heard = MutexGuard::unlocked(guard, || io.turn(reads, timeout));
            guard.leader.end_io();
            now = self.now();
            if let Poll::Ready(read) = heard {
                guard.driver.handle_read(now, read);
            }
        }
    }

    /// Reconnects in a thread of its own, since resolving a name can't be interrupted. Returns whether the thread runs.
    fn dial(self: &Arc<Self>, driver: &mut Driver<Waiting>) -> bool {
        let shared = self.clone();
        let thread = thread::Builder::new().name("skaro-dial".into()).spawn(move || {
            let connect = AssertUnwindSafe(|| connect(&shared.target, shared.transport.as_ref()));
            let connected = catch_unwind(connect);
            let mut guard = shared.state.lock();
            let state = &mut *guard;
            state.is_dialing = false;
            // The leader waits with the socket of the lost connection.
            shared.wake(&state.waker, state.leader.nudge());
            match connected {
                Ok(connected) => {
                    state.fresh = state.driver.dialed(shared.now(), connected);
                    if state.fresh.as_ref().is_some_and(|io| io.is_confidential) {
                        state.driver.handle_confidential();
                    }
                }
                Err(_) => shared.finish(state),
            }
        });
        let failed = |error| _ = driver.dialed::<Io>(self.now(), Err(self.target.failed(error)));
        thread.map_err(failed).is_ok()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.state.try_lock() {
            Some(state) => state.driver.mailbox().fmt(f),
            None => f.write_str("Shared { locked }"),
        }
    }
}
