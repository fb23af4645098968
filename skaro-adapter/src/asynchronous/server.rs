//! A server that listens: one task for each connection, one that accepts, one that looks after the time.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::marker::PhantomData;
use std::net::{SocketAddr, ToSocketAddrs};
use std::ops::{Deref, DerefMut};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use skaro_proto::Time;
use skaro_proto::server::{self as machine, ConnectionId};

use super::peer;
use super::runtime::Runtime;
use crate::channel::Channel;
use crate::clock::{Clock, unix_millis};
use crate::http::AddressHeader;

/// How long to wait when the system can't accept connections: no file descriptors left, say. That passes when others leave.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// A server that listens. When it is dropped it shuts down: see [`shut_down`](Server::shut_down), which also waits for
/// that.
pub struct Server<R> {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// Dropped to stop accepting.
    accepting: Option<oneshot::Sender<Infallible>>,
    runtime: PhantomData<fn() -> R>,
}

/// How a server listens.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ServerOptions {
    /// The configuration of TLS; by default clients connect without.
    #[cfg(feature = "tls")]
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// The header in which a proxy in front of the server tells clients' addresses, for limits by address. Only for a
    /// server that nobody can reach but by that proxy. By default the address of the TCP connection counts.
    pub address_header: Option<AddressHeader>,
}

/// What all tasks of a server share.
pub(super) struct Shared {
    state: Mutex<State>,
    pub(super) clock: Clock,
    options: ServerOptions,
}

struct State {
    machine: machine::Server,
    /// The tasks that look after connections.
    tasks: HashMap<ConnectionId, Waker>,
    /// The task that looks after the time, and the moment for which it waits.
    timer: Option<Waker>,
    armed: Option<Time>,
    /// Who waits for the last connection to end.
    idle: Vec<Waker>,
}

impl Shared {
    /// The header in which a proxy tells clients' addresses.
    pub(super) const fn address_header(&self) -> Option<AddressHeader> {
        self.options.address_header
    }

    /// What lies between a socket and its WebSocket.
    pub(super) fn channel(&self) -> io::Result<Channel> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.options.tls {
            return Channel::server(tls.clone()).map_err(io::Error::other);
        }
        Ok(Channel::plain())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls the machine, and wakes everybody whom that concerns.
    pub(super) fn call<T>(&self, call: impl FnOnce(&mut machine::Server, Time) -> T) -> T {
        call(&mut self.machine(), self.clock.now())
    }

    /// Locks the machine, and tells it the time of day.
    pub(super) fn machine(&self) -> Machine<'_> {
        let mut state = self.lock();
        state.machine.set_time_of_day(self.clock.now(), unix_millis());
        Machine { state, wakers: Wakers(Vec::new()) }
    }

    /// Registers the task to wake when the machine has something for this connection.
    pub(super) fn register(&self, id: ConnectionId, waker: &Waker) {
        let before = self.lock().tasks.insert(id, waker.clone());
        drop(before);
    }

    pub(super) fn unregister(&self, id: ConnectionId) {
        let before = self.lock().tasks.remove(&id);
        drop(before);
    }
}

/// The machine under its lock. Whomever a call concerns is woken once it is unlocked.
pub(super) struct Machine<'s> {
    // Dropped before the wakers, which are other people's code.
    state: MutexGuard<'s, State>,
    wakers: Wakers,
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
        self.wakers.0 = self.state.woken();
    }
}

/// Tasks that are woken when this is dropped.
struct Wakers(Vec<Waker>);

impl Drop for Wakers {
    fn drop(&mut self) {
        self.0.drain(..).for_each(Waker::wake);
    }
}

impl State {
    /// Whom to wake after a call of the machine.
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
        if self.machine.connections() == 0 {
            wakers.append(&mut self.idle);
            // Whoever looks after the time has nothing to do any more after the end.
            let ended = self.machine.is_shutting_down();
            wakers.extend(self.timer.take_if(|_| ended));
        }
        wakers
    }
}

impl<R: Runtime> Server<R> {
    /// Listens on an address (port 0 lets the system choose one), and serves the machine there, on any path.
    ///
    /// A host's name is looked up before this returns, which blocks the thread for that long.
    ///
    /// # Errors
    /// If the system does not let us listen there.
    pub async fn bind(address: impl ToSocketAddrs, machine: machine::Server) -> io::Result<Self> {
        Self::bind_with(address, machine, ServerOptions::default()).await
    }

    /// As [`bind`](Self::bind), with TLS, or behind a proxy.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub async fn bind_with(
        address: impl ToSocketAddrs,
        machine: machine::Server,
        options: ServerOptions,
    ) -> io::Result<Self> {
        Self::listen(std::net::TcpListener::bind(address)?, machine, options)
    }

    /// Serves the machine on a socket that listens already.
    ///
    /// # Errors
    /// If the runtime can't wait for this socket.
    pub fn listen(
        listener: std::net::TcpListener,
        machine: machine::Server,
        options: ServerOptions,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = R::listen(listener)?;
        let state = State { machine, tasks: HashMap::new(), timer: None, armed: None, idle: Vec::new() };
        let shared = Arc::new(Shared { state: Mutex::new(state), clock: Clock::start(), options });
        let (accepting, stopped) = oneshot::channel();
        R::spawn(keep_time::<R>(shared.clone()));
        R::spawn(accept::<R>(listener, shared.clone(), stopped));
        Ok(Server { shared, address, accepting: Some(accepting), runtime: PhantomData })
    }
}

impl<R> Server<R> {
    /// Returns where it listens.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns what clients connect to.
    pub fn url(&self) -> String {
        #[cfg(feature = "tls")]
        let scheme = if self.shared.options.tls.is_some() { "wss" } else { "ws" };
        #[cfg(not(feature = "tls"))]
        let scheme = "ws";
        format!("{scheme}://{}/skaro_client/", self.address)
    }

    /// Calls the machine: to add a user, post a message, look at something. The second argument is the time. All
    /// connections wait meanwhile: be brief, and do not call this server from within.
    pub fn with<T>(&self, call: impl FnOnce(&mut machine::Server, Time) -> T) -> T {
        self.shared.call(call)
    }

    /// Tells everybody, closes all connections after what waits to be sent, and waits for the closing handshakes,
    /// for [a few seconds](machine::Config::close_timeout) at most.
    pub async fn shut_down(mut self, info: &str) {
        self.accepting = None;
        self.with(|machine, now| machine.shut_down(now, info));
        poll_fn(|cx| {
            let mut state = self.shared.lock();
            if state.machine.connections() == 0 {
                return Poll::Ready(());
            }
            state.idle.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl<R> Drop for Server<R> {
    fn drop(&mut self) {
        self.accepting = None;
        self.with(|machine, now| {
            if !machine.is_shutting_down() {
                machine.shut_down(now, "the server is shutting down");
            }
        });
    }
}

impl<R> fmt::Debug for Server<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.lock().machine.fmt(f)
    }
}

/// Calls the machine at its deadlines, as long as there is anything to look after.
async fn keep_time<R: Runtime>(shared: Arc<Shared>) {
    let mut sleep: Option<Pin<Box<_>>> = None;
    loop {
        let is_over = poll_fn(|cx| {
            let mut state = shared.lock();
            let before = state.timer.replace(cx.waker().clone());
            if state.machine.is_shutting_down() && state.machine.connections() == 0 {
                return Poll::Ready(true);
            }
            let deadline = state.machine.poll_timeout();
            if deadline != state.armed || sleep.is_none() {
                state.armed = deadline;
                let after = |deadline: Time| (deadline - shared.clock.now()).max(Duration::from_millis(1));
                sleep = deadline.map(|deadline| Box::pin(R::sleep(after(deadline))));
            }
            drop(state);
            drop(before);
            sleep.as_mut().map_or(Poll::Pending, |sleep| sleep.as_mut().poll(cx).map(|()| false))
        })
        .await;
        if is_over {
            return;
        }
        sleep = None;
        shared.call(machine::Server::handle_timeout);
    }
}

/// Accepts connections until the sender is dropped.
async fn accept<R: Runtime>(
    listener: R::Listener,
    shared: Arc<Shared>,
    mut stopped: oneshot::Receiver<Infallible>,
) {
    loop {
        let accepted = match select(pin!(R::accept(&listener)), &mut stopped).await {
            Either::Left((accepted, _)) => accepted,
            Either::Right(_) => return,
        };
        match accepted {
            Ok((stream, address)) => R::spawn(peer::serve::<R>(stream, address, shared.clone())),
            Err(_) => R::sleep(ACCEPT_AGAIN).await,
        }
    }
}
