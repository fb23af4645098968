//! A listening server: one task for each connection, one that accepts, one for deadlines.

use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::marker::PhantomData;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use skaro_proto::Time;
use skaro_proto::server::store::{Operation, Outcome};
use skaro_proto::server::{self as machine, Peer};

use super::peer;
use super::polled::Timer;
use super::runtime::Runtime;
use super::served::{Completions, ServerOptions, Shared};
use super::store::{OperateError, StoreFailure, Submit};

/// Wait after a failed accept, most often because no file descriptors are left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// The same wait if a connection was dropped to make room: its task closes the socket in a moment.
const ROOM_MADE: Duration = Duration::from_millis(1);

/// A listening server. Dropping it shuts it down; [`shut_down`](Server::shut_down) also waits for the end.
pub struct Server<R> {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// Dropped to stop accepting.
    accepting: Option<oneshot::Sender<Infallible>>,
    /// Resolves when the listening socket is closed; never yields a value.
    closed: oneshot::Receiver<Infallible>,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> Server<R> {
    /// Listens on an address (port 0 lets the system choose one), and serves the machine there, on any path.
    ///
    /// A host's name is resolved before this returns, which blocks the thread.
    ///
    /// # Errors
    /// If the system refuses to listen there.
    pub async fn bind(address: impl ToSocketAddrs, machine: machine::Server) -> io::Result<Self> {
        Self::bind_with(address, machine, ServerOptions::default()).await
    }

    /// Listens as [`bind`](Self::bind) does, with options: TLS, or a proxy in front.
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

    /// Serves the machine on a listening socket.
    ///
    /// # Errors
    /// If the runtime can't register this socket.
    pub fn listen(
        listener: std::net::TcpListener,
        machine: machine::Server,
        options: ServerOptions,
    ) -> io::Result<Self> {
        Self::serve(listener, machine, options, |_| Ok(None))
    }

    /// Serves a machine whose store is [outside of it](machine::Server::with_store) on a listening socket.
    ///
    /// The last argument starts the store, which reports the outcomes of operations through the [`Completions`].
    ///
    /// # Errors
    /// If the runtime can't register this socket, or the store can't be started.
    pub fn listen_with_store(
        listener: std::net::TcpListener,
        machine: machine::Server,
        options: ServerOptions,
        start: impl FnOnce(Completions) -> io::Result<Submit>,
    ) -> io::Result<Self> {
        Self::serve(listener, machine, options, |completions| start(completions).map(Some))
    }

    fn serve(
        listener: std::net::TcpListener,
        machine: machine::Server,
        options: ServerOptions,
        start: impl FnOnce(Completions) -> io::Result<Option<Submit>>,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = R::listen(listener)?;
        let shared = Arc::new(Shared::new(machine, options));
        let store = start(Completions::new(Arc::downgrade(&shared)))?;
        shared.lock().store = store;
        let (accepting, stopped) = oneshot::channel();
        let (closing, closed) = oneshot::channel();
        R::spawn(keep_time::<R>(shared.clone()));
        let accept = accept::<R>(listener, shared.clone(), stopped);
        R::spawn(async move {
            accept.await;
            drop(closing);
        });
        Ok(Server { shared, address, accepting: Some(accepting), closed, runtime: PhantomData })
    }
}

impl<R> Server<R> {
    /// Returns the address on which it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL for clients.
    #[must_use]
    pub fn url(&self) -> String {
        #[cfg(feature = "tls")]
        let scheme = if self.shared.options().tls.is_some() { "wss" } else { "ws" };
        #[cfg(not(feature = "tls"))]
        let scheme = "ws";
        format!("{scheme}://{}/skaro_client/", self.address)
    }

    /// Calls a function with the machine and the time: to announce something, to look something up, or,
    /// with a store inside, to add a user or post a message.
    ///
    /// All connections are locked meanwhile: return quickly, and do not call this server from within, which would
    /// deadlock.
    pub fn with<T>(&self, call: impl FnOnce(&mut machine::Server, Time) -> T) -> T {
        self.shared.call(call)
    }

    /// Changes the options for new connections, for example after a certificate was renewed. Existing connections keep
    /// theirs.
    pub fn set_options(&self, options: ServerOptions) {
        self.shared.set_options(options);
    }

    /// Carries out an operation of the store on behalf of the server's operator, and waits for its outcome.
    ///
    /// Connected users are told of its changes, as [`operate`](machine::Server::operate) describes. The operation is
    /// carried out even if this future is dropped after its first poll. It bypasses the [hooks](super::Hooks), so tasks
    /// that work for hooks can use it.
    ///
    /// # Errors
    /// If the operation was not carried out, or if the store has failed and the outcome is unknown.
    pub async fn operate(&self, operation: Operation) -> Result<Outcome, OperateError> {
        let (waits, outcome) = oneshot::channel();
        self.shared.operate(operation, waits);
        outcome.await.map_or(Err(OperateError::Unknown), |result| result.map_err(OperateError::Refused))
    }

    /// Waits until the store has failed, and returns the reason.
    ///
    /// The server has then shut down, and operations that were under way have no outcome. The
    /// built-in store in memory does not fail.
    pub async fn store_failed(&self) -> StoreFailure {
        poll_fn(|cx| {
            let mut state = self.shared.lock();
            if let Some(failure) = &state.failure {
                return Poll::Ready(failure.clone());
            }
            wait(&mut state.failing, cx.waker());
            Poll::Pending
        })
        .await
    }

    /// Shuts the server down, waits for its end, and returns the store's failure, if it failed.
    ///
    /// It stops listening, so that the address is free afterwards. It notifies all clients, closes all connections
    /// after their queued messages, and waits for the closing handshakes, at most
    /// [`close_timeout`](machine::ServerConfig::close_timeout). Then it waits until the store has carried out its
    /// operations, and closes the store, which may block the thread for a moment.
    ///
    /// It does not wait for replies of [hooks](super::Hooks) once all connections are closed. The wait for the store
    /// has no limit, since what is durable is unknown until the store answers: if a disk hangs, end the process.
    pub async fn shut_down(mut self, info: &str) -> Option<StoreFailure> {
        self.accepting = None;
        self.with(|machine, now| machine.shut_down(now, info));
        poll_fn(|cx| {
            let mut state = self.shared.lock();
            if state.is_idle() {
                return Poll::Ready(());
            }
            wait(&mut state.idle, cx.waker());
            Poll::Pending
        })
        .await;
        // So that the address is free for the next server.
        _ = (&mut self.closed).await;
        // Outside of the lock, which the store's last completions need.
        let store = self.shared.lock().store.take();
        drop(store);
        self.shared.lock().failure.clone()
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

/// Adds a waker, unless one for the same task is there.
fn wait(wakers: &mut Vec<Waker>, waker: &Waker) {
    if !wakers.iter().any(|other| other.will_wake(waker)) {
        wakers.push(waker.clone());
    }
}

/// Calls the machine at its deadlines, until the last connection has ended.
async fn keep_time<R: Runtime>(shared: Arc<Shared>) {
    let mut timer = Timer::<R>::new();
    loop {
        let is_over = poll_fn(|cx| {
            let mut state = shared.lock();
            let before = state.timer.replace(cx.waker().clone());
            if state.machine.is_shutting_down() && state.machine.connections() == 0 {
                return Poll::Ready(true);
            }
            let deadline = state.machine.poll_timeout();
            state.armed = deadline;
            drop(state);
            drop(before);
            timer.poll(deadline, &shared.clock, cx).map(|()| false)
        })
        .await;
        if is_over {
            return;
        }
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
            Ok((stream, address)) => {
                let options = shared.options();
                let peer = peer_at(address, &options);
                // Here, not in the task: tasks begin in any order, and the oldest connection makes room for others.
                if let Ok(id) = shared.call(|machine, now| machine.handle_accepted(now, peer)) {
                    R::spawn(peer::serve::<R>(stream, id, options, shared.clone()));
                }
            }
            Err(error) if is_of_one_connection(&error) => (),
            Err(_) => {
                let has_made_room = shared.call(machine::Server::handle_exhausted);
                R::sleep(if has_made_room { ROOM_MADE } else { ACCEPT_AGAIN }).await;
            }
        }
    }
}

/// Returns what is known of a peer that connects from an address.
fn peer_at(address: SocketAddr, options: &ServerOptions) -> Peer {
    if options.address_header.is_some() {
        // The address is the proxy's, and nobody knows how clients reach the proxy.
        return Peer::UNKNOWN;
    }
    let peer = Peer::from(address.ip());
    #[cfg(feature = "tls")]
    if options.tls.is_some() {
        return peer.encrypted();
    }
    peer
}

/// Returns whether only the accepted connection has failed, so that the next one can be accepted at once (accept(2)).
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::future::{pending, ready};
    use std::io::ErrorKind;
    use std::sync::Mutex;
    use std::task::Context;

    use skaro_proto::server::ServerConfig;

    use super::*;

    #[cfg(feature = "tls")]
    #[test]
    fn a_peer_is_confidential_by_tls_but_not_behind_a_proxy() {
        use rustls::crypto::ring::default_provider;
        use rustls::server::ResolvesServerCertUsingSni;

        let provider = Arc::new(default_provider());
        let builder =
            rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let names = Arc::new(ResolvesServerCertUsingSni::new());
        let tls = Arc::new(builder.unwrap().with_no_client_auth().with_cert_resolver(names));
        let address = SocketAddr::from(([203, 0, 113, 5], 1));
        let mut options = ServerOptions::default();
        assert_eq!(peer_at(address, &options), Peer::from(address.ip()));
        options.tls = Some(tls);
        assert_eq!(peer_at(address, &options), Peer::from(address.ip()).encrypted());
        options.address_header = Some(crate::http::AddressHeader::XForwardedFor);
        assert_eq!(peer_at(address, &options), Peer::UNKNOWN);
    }

    thread_local! {
        static WAITS: RefCell<Vec<Duration>> = const { RefCell::new(Vec::new()) };
    }

    /// A runtime whose listener fails as it is told, and that waits for nothing.
    enum Scripted {}

    impl Runtime for Scripted {
        type Stream = smol::net::TcpStream;
        type Listener = Mutex<VecDeque<ErrorKind>>;

        fn spawn(_: impl Future<Output = ()> + Send + 'static) {}

        fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
            WAITS.with_borrow_mut(|waits| waits.push(duration));
            ready(())
        }

        async fn resolve(_: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
            Ok(Vec::new())
        }

        async fn connect(_: SocketAddr) -> io::Result<Self::Stream> {
            Err(ErrorKind::Unsupported.into())
        }

        fn listen(_: std::net::TcpListener) -> io::Result<Self::Listener> {
            Err(ErrorKind::Unsupported.into())
        }

        async fn accept(listener: &Self::Listener) -> io::Result<(Self::Stream, SocketAddr)> {
            let next = listener.lock().unwrap().pop_front();
            match next {
                Some(kind) => Err(kind.into()),
                None => pending().await,
            }
        }
    }

    /// 50 ms after each failure let in 20 connections per second while somebody else took all file descriptors.
    #[test]
    fn accepting_goes_on_at_once_or_when_there_is_room() {
        let mut machine = machine::Server::new(ServerConfig::default(), [7; 32]);
        machine.handle_accepted(Time::ZERO, Peer::UNKNOWN).unwrap();
        let shared = Arc::new(Shared::new(machine, ServerOptions::default()));
        let of_one = [ErrorKind::ConnectionAborted, ErrorKind::ConnectionReset, ErrorKind::Interrupted];
        // No file descriptors, twice: there is a stranger to make room, and then there is none.
        let failures = of_one.into_iter().chain([ErrorKind::Other, ErrorKind::Other]).collect();
        let (_accepting, stopped) = oneshot::channel();
        let accepting = pin!(accept::<Scripted>(Mutex::new(failures), shared.clone(), stopped));
        assert!(accepting.poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(WAITS.take(), [ROOM_MADE, ACCEPT_AGAIN]);
        assert_eq!(shared.lock().machine.connections(), 0);
    }
}
