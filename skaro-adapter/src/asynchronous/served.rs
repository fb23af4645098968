//! The state that all tasks of a server share: the machine under its lock, and wakers.

use std::collections::HashMap;
use std::error::Error;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::task::Waker;
use std::{fmt, io, mem};

use futures_channel::oneshot;
use skaro_proto::Time;
use skaro_proto::server::store::{Operation, Outcome, StoreError};
use skaro_proto::server::{self as machine, ConnectionId, OperationId};

use super::lock::lock;
use super::passing::Passing;
use super::store::{StoreFailure, Submit};
use crate::channel::Channel;
use crate::clock::{Clock, unix_millis};
use crate::http::AddressHeader;

/// Options of a listening server.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ServerOptions {
    /// The configuration of TLS. Default none: clients connect by `ws://`.
    #[cfg(feature = "tls")]
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// The header in which a proxy in front of the server gives clients' addresses, for limits by address. Set it only
    /// if clients can't reach the server except through that proxy. By default the address of the TCP connection
    /// counts.
    pub address_header: Option<AddressHeader>,
}

impl ServerOptions {
    /// Creates the channel between a new socket and its WebSocket.
    pub(super) fn channel(&self) -> io::Result<Channel> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return Channel::server(tls.clone()).map_err(io::Error::other);
        }
        Ok(Channel::plain())
    }
}

/// The state that all tasks of a server share.
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    pub(super) clock: Clock,
    options: RwLock<ServerOptions>,
}

pub(super) struct State {
    pub(super) machine: machine::Server,
    /// The store, if it is not inside the machine.
    pub(super) store: Option<Submit>,
    /// The hooks between, if there are any.
    pub(super) passing: Option<Arc<Passing>>,
    pub(super) failure: Option<StoreFailure>,
    /// The tasks of the connections.
    pub(super) tasks: HashMap<ConnectionId, Waker>,
    /// The task for deadlines, and the deadline for which it waits.
    pub(super) timer: Option<Waker>,
    pub(super) armed: Option<Time>,
    /// The tasks that wait until the server is idle after shutting down, or until its store fails.
    pub(super) idle: Vec<Waker>,
    pub(super) failing: Vec<Waker>,
    /// The callers of [`Shared::operate`], by their operations.
    pub(super) operating: HashMap<OperationId, Operated>,
}

/// The sending half of a future that waits for the outcome of an operation.
pub(super) type Operated = oneshot::Sender<Result<Outcome, StoreError>>;

impl Shared {
    pub(super) fn new(machine: machine::Server, options: ServerOptions) -> Self {
        let (state, clock) = (Mutex::new(State::new(machine)), Clock::start());
        Shared { state, clock, options: RwLock::new(options) }
    }

    /// Returns the options for connections that come from now on.
    pub(super) fn options(&self) -> ServerOptions {
        self.options.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_options(&self, options: ServerOptions) {
        *self.options.write().unwrap_or_else(PoisonError::into_inner) = options;
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The store can't go on: the machine shuts down.
    pub(super) fn fail(&self, failure: StoreFailure) {
        let mut machine = self.machine();
        let now = self.clock.now();
        if !machine.is_shutting_down() {
            machine.shut_down(now, "the server's store has failed");
        }
        machine.state.failure.get_or_insert(failure);
        let Machine { state, wakers, .. } = &mut machine;
        wakers.0.append(&mut state.failing);
        // The outcome of these is unknown.
        let unknown = mem::take(&mut state.operating);
        drop(machine);
        drop(unknown);
    }

    /// Calls the machine, and wakes the tasks that have something to do afterwards.
    pub(super) fn call<T>(&self, call: impl FnOnce(&mut machine::Server, Time) -> T) -> T {
        call(&mut self.machine(), self.clock.now())
    }

    /// Asks for an operation on behalf of the server's operator.
    pub(super) fn operate(&self, operation: Operation, waits: Operated) {
        self.machine().operate(self.clock.now(), operation, waits);
    }

    /// Locks the machine, and gives it the time of day. Afterwards its store gets what it asks for.
    pub(super) fn machine(&self) -> Machine<'_> {
        let mut state = self.lock();
        let now = self.clock.now();
        state.machine.set_time_of_day(now, unix_millis());
        Machine { state, now, wakers: Wakers(Vec::new()), operated: Outcomes(Vec::new()) }
    }

    /// Registers the task to wake when the machine has work for this connection.
    pub(super) fn register(&self, id: ConnectionId, waker: &Waker) {
        let before = self.lock().tasks.insert(id, waker.clone());
        drop(before);
    }

    pub(super) fn unregister(&self, id: ConnectionId) {
        let before = self.lock().tasks.remove(&id);
        drop(before);
    }
}

/// The locked machine. Tasks are woken after it is unlocked.
pub(super) struct Machine<'s> {
    // Dropped before the others, which run foreign code.
    state: MutexGuard<'s, State>,
    now: Time,
    wakers: Wakers,
    operated: Outcomes,
}

impl Machine<'_> {
    /// Asks for an operation on behalf of the server's operator.
    pub(super) fn operate(&mut self, now: Time, operation: Operation, waits: Operated) {
        // First the operations of others, so that the next one is this.
        self.state.ask_store(now, false);
        let id = self.state.machine.operate(now, operation);
        if self.state.failure.is_none() {
            self.state.operating.insert(id, waits);
        }
        self.state.ask_store(now, true);
    }
}

impl Deref for Machine<'_> {
    type Target = machine::Server;

    fn deref(&self) -> &machine::Server {
        &self.state.machine
    }
}

impl DerefMut for Machine<'_> {
    fn deref_mut(&mut self) -> &mut machine::Server {
        &mut self.state.machine
    }
}

impl Drop for Machine<'_> {
    fn drop(&mut self) {
        self.state.ask_store(self.now, false);
        let woken = self.state.woken();
        self.wakers.0.extend(woken);
        while let Some((id, result)) = self.state.machine.poll_operated() {
            self.operated.0.extend(self.state.operating.remove(&id).map(|waits| (waits, result)));
        }
    }
}

/// Sends outcomes to the callers that wait for them when it is dropped.
struct Outcomes(Vec<(Operated, Result<Outcome, StoreError>)>);

impl Drop for Outcomes {
    fn drop(&mut self) {
        // A caller that no longer waits has dropped the receiver.
        self.0.drain(..).for_each(|(waits, result)| _ = waits.send(result));
    }
}

/// Wakes its tasks when it is dropped.
struct Wakers(Vec<Waker>);

impl Drop for Wakers {
    fn drop(&mut self) {
        self.0.drain(..).for_each(Waker::wake);
    }
}

impl State {
    pub(super) fn new(machine: machine::Server) -> Self {
        State {
            machine,
            store: None,
            passing: None,
            failure: None,
            tasks: HashMap::new(),
            timer: None,
            armed: None,
            idle: Vec::new(),
            failing: Vec::new(),
            operating: HashMap::new(),
        }
    }

    /// Returns whether no connections are left, and the store has carried out its operations. Awaited replies of hooks
    /// do not count: no client is left to receive them.
    pub(super) fn is_idle(&self) -> bool {
        let awaited = self.passing.as_ref().map_or(0, |passing| passing.awaited());
        let is_done = self.failure.is_some() || self.machine.open_operations() <= awaited;
        self.machine.connections() == 0 && is_done
    }

    /// Gives the store what the machine asks for; `is_own` tells that this is on behalf of the server's operator.
    fn ask_store(&mut self, now: Time, is_own: bool) {
        while let Some((id, operation)) = self.machine.poll_store() {
            if let Some(passing) = self.passing.as_ref().filter(|_| is_own) {
                passing.add_own(id);
            }
            let submitted = match &self.store {
                Some(submit) => submit(id, operation),
                None => Err(StoreError::Unavailable),
            };
            if let Err(error) = submitted {
                self.machine.handle_stored(now, id, Err(error));
            }
        }
    }

    /// Returns the tasks to wake after a call of the machine.
    fn woken(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::new();
        while let Some(id) = self.machine.poll_ready() {
            wakers.extend(self.tasks.get(&id).cloned());
        }
        if let Some(deadline) = self.machine.poll_timeout()
            && self.armed.is_none_or(|armed| deadline < armed)
        {
            wakers.extend(self.timer.take());
        }
        if self.is_idle() {
            wakers.append(&mut self.idle);
        }
        if self.machine.connections() == 0 {
            // The task for deadlines must notice the end.
            let ended = self.machine.is_shutting_down();
            wakers.extend(self.timer.take_if(|_| ended));
        }
        wakers
    }
}

/// Tells a server the outcomes of its store's operations.
///
/// It may be called from any thread, and locks all connections for a moment. Once the server has ended, it has no
/// effect.
#[derive(Clone)]
pub struct Completions {
    shared: Weak<Shared>,
    /// The hooks between the store and the server, if there are any.
    passing: Option<Arc<Passing>>,
}

impl Completions {
    pub(super) const fn new(shared: Weak<Shared>) -> Self {
        Completions { shared, passing: None }
    }

    /// Reports that an operation has ended: it is durable, or was not carried out. Operations of one
    /// [lane](machine::store::Operation::lane) must be reported in the order in which they were carried out.
    pub fn complete(&self, id: OperationId, result: Result<Outcome, StoreError>) {
        self.complete_all([(id, result)]);
    }

    /// Reports the end of several operations, and locks all connections only once.
    pub fn complete_all(&self, all: impl IntoIterator<Item = (OperationId, Result<Outcome, StoreError>)>) {
        let Some(shared) = self.shared.upgrade() else { return };
        let mut missed = Vec::new();
        shared.call(|machine, now| {
            for (id, mut result) in all {
                let passing = self.passing.as_ref();
                let taken = passing.and_then(|passing| passing.returned(id, &mut result));
                machine.handle_stored(now, id, result);
                missed.extend(taken.filter(|message| !machine.is_online(&message.to)));
            }
        });
        if let Some(passing) = &self.passing {
            missed.into_iter().for_each(|message| passing.missed(message));
        }
    }

    /// Returns completions that pass by the hooks.
    pub(super) fn through(mut self, passing: Arc<Passing>) -> Self {
        if let Some(shared) = self.shared.upgrade() {
            shared.lock().passing = Some(passing.clone());
        }
        self.passing = Some(passing);
        self
    }

    /// Lets the server notice that a reply is awaited: it does not wait for replies when it shuts down.
    pub(super) fn notice(&self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.call(|_, _| ());
        }
    }

    /// Returns the limit on the bytes of an answer; `None` once the server has ended.
    pub(super) fn max_answer_bytes(&self) -> Option<usize> {
        Some(self.shared.upgrade()?.lock().machine.config().max_answer_bytes)
    }

    /// Reports that the store has failed, and that it is unknown which of the open operations are durable.
    ///
    /// The server shuts down; [`Server::store_failed`](super::Server::store_failed) returns the reason.
    pub fn fail(&self, failure: impl Error + Send + Sync + 'static) {
        if let Some(shared) = self.shared.upgrade() {
            shared.fail(Arc::new(failure));
        }
    }
}

impl fmt::Debug for Completions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completions").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Instant;

    use skaro_proto::server::ServerConfig;

    use super::*;

    #[test]
    fn the_end_waits_for_the_store_but_not_for_replies() {
        let machine = machine::Server::with_store(ServerConfig::default(), [7; 32]);
        let mut state = State::new(machine);
        assert!(state.is_idle());
        state.machine.operate(Time::ZERO, Operation::FindAccount { login: "alice".into() });
        let (id, _) = state.machine.poll_store().unwrap();
        let passing = Arc::new(Passing::new(channel().0));
        state.passing = Some(passing.clone());
        assert!(!state.is_idle());
        passing.wait(id, Instant::now());
        assert!(state.is_idle());
        assert!(passing.end_wait(id) && !state.is_idle());
    }
}
