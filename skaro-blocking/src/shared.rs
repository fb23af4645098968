//! The client under its one lock, and the loop of whoever leads.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};
use skaro_adapter::leader::{LINGER, Leader, Rest, Role, Wake};
use skaro_adapter::{ConnectError, Driver, Mailbox, Next, Waiter};
use skaro_proto::Time;
use skaro_proto::client::{Client, Command, CommandError, Ended, Status};

use crate::connect::Connector;

/// The thread that waits for the end of a command.
pub(crate) struct Waiting(oneshot::Sender<Ended<'static>>);

impl Waiter for Waiting {
    fn end(self, ended: Ended<'static>) -> Result<(), Ended<'static>> {
        self.0.send(ended).map_err(oneshot::SendError::into_inner)
    }
}

pub(crate) struct Shared {
    state: Mutex<State>,
    /// Wakes the leader.
    waker: mio::Waker,
    /// Where the one waits that is to lead.
    turn: Condvar,
    /// Where followers wait for events, and others for the end.
    news: Condvar,
    start: Instant,
}

type Guard<'a> = MutexGuard<'a, State>;

struct State {
    driver: Driver<Waiting>,
    leader: Leader<Connector>,
}

/// How a leader's time has ended.
enum Led<T> {
    /// It has what it waited for, or waits no more.
    Left(Option<T>),
    /// Somebody else leads from now on.
    Follows,
}

/// For everybody.
impl Shared {
    /// Makes the first connection, and waits until the server has spoken.
    pub(crate) fn connect(mut connector: Connector, waker: mio::Waker) -> Result<Shared, ConnectError> {
        // Only spreads the clients of a server over time: nothing depends on its quality.
        let seed = getrandom::u64().unwrap_or_default();
        let machine = Client::new(connector.options.config.clone(), seed);
        let mut driver = Driver::new(machine, connector.options.event_capacity);
        let start = Instant::now();
        let timeout = connector.options.dial_timeout();
        let rest = connector.connect(&mut || timeout.checked_sub(start.elapsed()))?;
        driver.connected(Time::since_epoch(start.elapsed()));
        driver.handle_bytes(Time::since_epoch(start.elapsed()), &rest);
        let state = Mutex::new(State { driver, leader: Leader::new() });
        let (turn, news) = (Condvar::new(), Condvar::new());
        let shared = Shared { state, waker, turn, news, start };
        let has_spoken = |mailbox: &mut Mailbox<_>| {
            (mailbox.client().status() != Status::Greeting).then(|| mailbox.why_offline())
        };
        let led = shared.lead(Role::Background, &mut shared.state.lock(), connector, None, has_spoken);
        match led {
            Led::Left(Some(Some(reason))) => Err(ConnectError::Ended(reason)),
            _ => Ok(shared),
        }
    }

    fn now(&self) -> Time {
        Time::since_epoch(self.start.elapsed())
    }

    /// Looks at the mailbox.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&Mailbox<Waiting>) -> T) -> T {
        look(self.state.lock().driver.mailbox())
    }

    /// Gives a command for whose end nobody waits.
    pub(crate) fn command<T>(&self, command: impl FnOnce(&mut Mailbox<Waiting>, Time) -> T) -> T {
        let now = self.now();
        let mut state = self.state.lock();
        let result = command(state.driver.mailbox_mut(), now);
        self.wake(state.leader.nudge());
        self.tell_news(&state.driver);
        result
    }

    /// Waits until the client is closed.
    pub(crate) fn await_end(&self) {
        self.news.wait_while(&mut self.state.lock(), |state| !state.driver.mailbox().is_finished());
    }

    fn wake(&self, wake: Wake) {
        match wake {
            Wake::Nobody => (),
            // Fails only if the system has no memory left; then there is another look at the next deadline.
            Wake::Leader => _ = self.waker.wake(),
            Wake::Successor => _ = self.turn.notify_one(),
            Wake::Everybody => _ = self.turn.notify_all() + self.news.notify_all(),
        }
    }

    fn tell_news(&self, driver: &Driver<Waiting>) {
        if driver.mailbox().has_news() {
            self.news.notify_all();
        }
    }

    fn finish(&self, state: &mut State) {
        state.driver.mailbox_mut().finish();
        self.wake(state.leader.finish());
    }
}

/// For callers.
impl Shared {
    /// Gives a command, and waits for its end.
    pub(crate) fn request(&self, command: impl Command) -> Result<Ended<'static>, CommandError> {
        let (sender, receiver) = oneshot::channel();
        let now = self.now();
        let mut state = self.state.lock();
        state.driver.mailbox_mut().request(now, command, Waiting(sender))?;
        let follow = |state: &mut Guard<'_>| MutexGuard::unlocked(state, || receiver.recv_ref().ok());
        let ended = self.wait(&mut state, None, |_| receiver.try_recv().ok(), follow);
        // Nobody hands it over if the client is closed.
        ended.ok_or(CommandError::Closed)
    }

    /// Takes something from the mailbox, and waits until then if it is not there.
    pub(crate) fn take<T>(
        &self,
        until: Option<Instant>,
        take: impl Fn(&mut Mailbox<Waiting>) -> Option<T>,
    ) -> Option<T> {
        let is_over = || until.is_some_and(|until| until <= Instant::now());
        let mut state = self.state.lock();
        let mut taken = take(state.driver.mailbox_mut());
        if taken.is_none() && !is_over() {
            taken = self.wait(&mut state, until, &take, |state| {
                loop {
                    let taken = take(state.driver.mailbox_mut());
                    if taken.is_some() || is_over() {
                        return taken;
                    }
                    match until {
                        Some(until) => _ = self.news.wait_until(state, until),
                        None => self.news.wait(state),
                    }
                }
            });
        }
        if state.driver.mailbox().has_room_again() {
            self.wake(state.leader.nudge());
        }
        taken
    }

    /// Waits as the leader, or else as a follower.
    fn wait<T>(
        &self,
        state: &mut Guard<'_>,
        until: Option<Instant>,
        mut take: impl FnMut(&mut Mailbox<Waiting>) -> Option<T>,
        follow: impl FnOnce(&mut Guard<'_>) -> Option<T>,
    ) -> Option<T> {
        let has_connection = state.driver.has_connection();
        let (leads, wake) = state.leader.enter(has_connection);
        self.wake(wake);
        while leads && !state.leader.is_over() {
            let Some(connector) = state.leader.take() else {
                self.turn.wait(state);
                continue;
            };
            match self.lead(Role::Caller, state, connector, until, &mut take) {
                Led::Left(taken) => return taken,
                Led::Follows => break,
            }
        }
        self.wake(state.leader.nudge());
        let taken = follow(state);
        state.leader.leave();
        taken
    }
}

/// For the background thread.
impl Shared {
    /// Leads whenever nobody else does, until the client is closed.
    pub(crate) fn run(&self) {
        let mut state = self.state.lock();
        let mut has_lingered = false;
        loop {
            match state.leader.rest(has_lingered) {
                Rest::Lead(connector) => {
                    self.lead(Role::Background, &mut state, connector, None, |_| None::<()>);
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

/// For whoever leads.
impl Shared {
    /// Drives the connection until the leader has what it waits for, or somebody else is to lead.
    fn lead<T>(
        &self,
        role: Role,
        state: &mut Guard<'_>,
        connector: Connector,
        until: Option<Instant>,
        take: impl FnMut(&mut Mailbox<Waiting>) -> Option<T>,
    ) -> Led<T> {
        let drive = AssertUnwindSafe(|| self.drive(role, state, connector, until, take));
        catch_unwind(drive).unwrap_or_else(|panic| {
            // Nobody is to wait in vain.
            self.finish(state);
            resume_unwind(panic)
        })
    }

    fn drive<T>(
        &self,
        role: Role,
        guard: &mut Guard<'_>,
        mut connector: Connector,
        until: Option<Instant>,
        mut take: impl FnMut(&mut Mailbox<Waiting>) -> Option<T>,
    ) -> Led<T> {
        let until = until.map(|until| Time::since_epoch(until.saturating_duration_since(self.start)));
        let mut now = self.now();
        loop {
            let State { driver, leader } = &mut **guard;
            let next = driver.drive(now);
            let taken = take(driver.mailbox_mut());
            if taken.is_some() || until.is_some_and(|until| until <= now) {
                self.wake(leader.leave_as_leader(role, connector));
                return Led::Left(taken);
            }
            self.tell_news(driver);
            driver.take_output(&mut connector.io.output);
            if !driver.has_connection() {
                connector.io.hang_up();
            }
            let deadline = match next {
                Next::Closed => {
                    self.finish(guard);
                    return Led::Follows;
                }
                Next::Idle { until } if leader.leads(role) => until,
                Next::Dial { .. } if leader.leads(role) && role == Role::Background => {
                    self.dial(guard, &mut connector);
                    now = self.now();
                    continue;
                }
                // Looking up a name can't be interrupted: that is not for those who wait with a time-out.
                _ => {
                    self.wake(leader.hand_over(role, connector));
                    return Led::Follows;
                }
            };
            let reads = driver.wants_bytes();
            let timeout = deadline.into_iter().chain(until).min().map(|deadline| deadline - now);
            leader.begin_io();
            let heard = MutexGuard::unlocked(guard, || connector.io.turn(reads, timeout));
            guard.leader.end_io();
            now = self.now();
            match heard {
                Ok(None) => (),
                Ok(Some([])) => guard.driver.handle_end(now, None),
                Ok(Some(bytes)) => guard.driver.handle_bytes(now, bytes),
                Err(error) => guard.driver.handle_end(now, Some(error)),
            }
        }
    }

    /// Connects again.
    fn dial(&self, guard: &mut Guard<'_>, connector: &mut Connector) {
        let (start, timeout) = (Instant::now(), connector.options.dial_timeout());
        let left = &mut || {
            let mut state = self.state.lock();
            // What woke this thread has been noticed.
            state.leader.begin_io();
            let is_wanted = state.driver.mailbox().client().status() == Status::Dialing;
            timeout.checked_sub(start.elapsed()).filter(|_| is_wanted)
        };
        guard.leader.begin_io();
        let connected = MutexGuard::unlocked(guard, || connector.connect(left));
        guard.leader.end_io();
        match connected {
            Ok(rest) if guard.driver.connected(self.now()) => guard.driver.handle_bytes(self.now(), &rest),
            Ok(_) => (),
            Err(error) => guard.driver.dial_failed(self.now(), error),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mailbox = self.state.try_lock().map(|state| format!("{:?}", state.driver.mailbox()));
        f.debug_struct("Shared").field("mailbox", &mailbox).finish_non_exhaustive()
    }
}
