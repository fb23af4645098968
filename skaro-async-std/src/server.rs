//! An accept loop around the core's server.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant, SystemTime};

use async_std::future::timeout;
use async_std::net::{TcpListener, TcpStream, ToSocketAddrs};
use async_std::task::{self, JoinHandle};
use async_tungstenite::tungstenite::handshake::server::{Request, Response};
use async_tungstenite::tungstenite::{Error, Message};
use async_tungstenite::{WebSocketStream, accept_hdr_async_with_config};
use futures_util::future::Either;
use skaro_proto::server::{self as machine, ConnectionId};
use skaro_proto::tungstenite::{Received, Socket, choose_format, config};
use skaro_proto::{Format, Time};

use crate::dial::Stream;
use crate::tcp::Tcp;
use crate::tls;

/// Opening handshakes at the same time: somebody who connects and says nothing must not cost much.
const HANDSHAKES: usize = 1024;

/// How long an opening handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(15);

/// Messages of one connection before the others have their turn.
const AT_ONCE: usize = 64;

/// A server that listens. When it is dropped it shuts down: see [`Server::shut_down`], which also waits for that.
///
/// ```no_run
/// use skaro_async_std::{Server, proto::server, random_seed};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mut machine = server::Server::new(server::Config::default(), random_seed()?);
/// machine.add_user("alice", "correct horse")?;
/// let server = Server::bind("127.0.0.1:8000", machine).await?;
/// println!("{}", server.url());
/// // While it runs, the machine can be asked and told things.
/// let alice_is_there = server.with(|machine, _now| machine.is_online("alice"));
/// server.with(|machine, now| machine.announce(now, "closing in five minutes"));
/// server.shut_down("good night").await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    start: Instant,
    handshakes: AtomicUsize,
    /// What puts TLS around connections, if anything does.
    tls: Option<tls::Acceptor>,
}

struct State {
    machine: machine::Server,
    /// The tasks that look after connections.
    tasks: HashMap<ConnectionId, Waker>,
    /// The task that looks after the time, and the moment for which it waits.
    clock: Option<Waker>,
    armed: Option<Time>,
    /// Who waits for the last connection to end.
    idle: Vec<Waker>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.lock().machine.fmt(f)
    }
}

impl Shared {
    fn now(&self) -> Time {
        Time::since_epoch(self.start.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls the machine, and wakes everybody whom that concerns.
    fn call<T>(&self, call: impl FnOnce(&mut machine::Server, Time) -> T) -> T {
        let mut state = self.lock();
        let now = self.now();
        let unix = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
        state.machine.set_time_of_day(now, i64::try_from(unix).unwrap_or(i64::MAX));
        let result = call(&mut state.machine, now);
        state.wake();
        result
    }
}

impl State {
    fn wake(&mut self) {
        while let Some(id) = self.machine.poll_ready() {
            self.tasks.get(&id).into_iter().for_each(Waker::wake_by_ref);
        }
        if let Some(deadline) = self.machine.poll_timeout()
            && self.armed.is_none_or(|armed| deadline < armed)
        {
            self.clock.take().into_iter().for_each(Waker::wake);
        }
        if self.machine.connections() == 0 {
            self.idle.drain(..).for_each(Waker::wake);
            // Whoever looks after the time has nothing to do any more after the end.
            let ended = self.machine.is_shutting_down();
            self.clock.take_if(|_| ended).into_iter().for_each(Waker::wake);
        }
    }
}

impl Server {
    /// Listens on an address (port 0 lets the system choose one), and serves the machine there, on any path.
    ///
    /// # Errors
    /// If the system does not let us listen there.
    pub async fn bind(address: impl ToSocketAddrs, machine: machine::Server) -> io::Result<Server> {
        Self::start(address, machine, None).await
    }

    /// As [`bind`](Self::bind), but clients connect by TLS.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    #[cfg(feature = "tls")]
    pub async fn bind_with_tls(
        address: impl ToSocketAddrs,
        machine: machine::Server,
        tls: Arc<futures_rustls::rustls::ServerConfig>,
    ) -> io::Result<Server> {
        Self::start(address, machine, Some(tls.into())).await
    }

    async fn start(
        address: impl ToSocketAddrs,
        machine: machine::Server,
        tls: Option<tls::Acceptor>,
    ) -> io::Result<Server> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let state = State { machine, tasks: HashMap::new(), clock: None, armed: None, idle: Vec::new() };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            start: Instant::now(),
            handshakes: AtomicUsize::new(0),
            tls,
        });
        task::spawn(keep_time(shared.clone()));
        let accepting = Some(task::spawn(accept(listener, shared.clone())));
        Ok(Server { shared, address, accepting })
    }

    /// Where it listens.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What clients connect to.
    pub fn url(&self) -> String {
        let scheme = if self.shared.tls.is_some() { "wss" } else { "ws" };
        format!("{scheme}://{}/skaro_client/", self.address)
    }

    /// Calls the machine: to add a user, post a message, look at something. The second argument is the time.
    pub fn with<T>(&self, call: impl FnOnce(&mut machine::Server, Time) -> T) -> T {
        self.shared.call(call)
    }

    /// Tells everybody, closes all connections after what waits to be sent, and waits for the closing handshakes,
    /// for [a few seconds](machine::Config::close_timeout) at most.
    pub async fn shut_down(mut self, info: &str) {
        self.stop_accepting().await;
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

    async fn stop_accepting(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.cancel().await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            task::spawn(accepting.cancel());
        }
        self.with(|machine, now| {
            if !machine.is_shutting_down() {
                machine.shut_down(now, "the server is shutting down");
            }
        });
    }
}

/// Calls the machine at its deadlines, as long as there is anything to look after.
async fn keep_time(shared: Arc<Shared>) {
    loop {
        let mut sleep = None;
        let done = poll_fn(|cx| {
            let mut state = shared.lock();
            state.clock = Some(cx.waker().clone());
            if state.machine.is_shutting_down() && state.machine.connections() == 0 {
                return Poll::Ready(true);
            }
            let deadline = state.machine.poll_timeout();
            if deadline != state.armed || sleep.is_none() {
                state.armed = deadline;
                sleep = deadline.map(|deadline| Box::pin(task::sleep(deadline - shared.now())));
            }
            drop(state);
            sleep.as_mut().map_or(Poll::Pending, |sleep| sleep.as_mut().poll(cx).map(|()| false))
        })
        .await;
        if done {
            return;
        }
        shared.call(machine::Server::handle_timeout);
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if shared.handshakes.fetch_add(1, Ordering::Relaxed) >= HANDSHAKES {
                    shared.handshakes.fetch_sub(1, Ordering::Relaxed);
                    continue;
                }
                task::spawn(serve(stream, shared.clone()));
            }
            // No file descriptors left, say: that passes when others leave.
            Err(_) => task::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Looks after one connection from its beginning to its end.
async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    // In a box, which is gone afterwards: the task itself would keep its place, almost 3 KB each.
    let Some(mut connection) = Box::pin(begin(stream, shared)).await else { return };
    // A client that sends without end must not keep the thread from the others.
    while !poll_fn(|cx| connection.poll_some(cx)).await {
        task::yield_now().await;
    }
    let Connection { id, shared, .. } = connection;
    let mut state = shared.lock();
    state.tasks.remove(&id);
    let now = shared.now();
    state.machine.handle_disconnected(now, id);
    state.wake();
}

/// Opens a connection and tells the machine; none if that fails, takes too long, or the machine does not want it.
async fn begin(stream: TcpStream, shared: Arc<Shared>) -> Option<Connection> {
    let opened = timeout(HANDSHAKE, open(stream, &shared)).await;
    shared.handshakes.fetch_sub(1, Ordering::Relaxed);
    let (socket, format) = opened.ok()?.ok()?;
    let id = shared.call(|machine, now| machine.connect(now, format)).ok()?;
    Some(Connection { socket, id, shared })
}

/// The opening handshake, in which the client may ask for a format.
async fn open(
    stream: TcpStream,
    shared: &Shared,
) -> Result<(Socket<WebSocketStream<Stream>>, Option<Format>), Error> {
    stream.set_nodelay(true)?;
    let stream = Tcp::from(stream);
    let stream = match &shared.tls {
        None => Either::Left(stream),
        Some(acceptor) => Either::Right(Box::new(tls::accept(acceptor, stream).await?)),
    };
    // What is somewhat over the limit gets to the machine, which says so before it closes the connection.
    let largest = shared.lock().machine.config().limits.frame.saturating_mul(4);
    let mut format = None;
    #[allow(clippy::result_large_err, reason = "tungstenite's type")]
    let choose = |request: &Request, mut response: Response| {
        format = choose_format(request, &mut response);
        Ok(response)
    };
    let stream = accept_hdr_async_with_config(stream, choose, Some(config(largest))).await?;
    Ok((Socket::new(stream), format))
}

struct Connection {
    socket: Socket<WebSocketStream<Stream>>,
    id: ConnectionId,
    shared: Arc<Shared>,
}

impl Connection {
    /// Serves some messages, and lets all answers leave together; tells whether the connection has ended.
    fn poll_some(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let ended = self.poll_messages(cx);
        match self.socket.poll_flush(cx) {
            Poll::Ready(Err(_)) => Poll::Ready(true),
            Poll::Ready(Ok(())) | Poll::Pending => ended,
        }
    }

    /// Serves so many messages at most, or until there are no more for now; tells whether the connection has ended.
    fn poll_messages(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        for _ in 0..AT_ONCE {
            if !ready!(self.poll(cx)) {
                return Poll::Ready(true);
            }
        }
        Poll::Ready(false)
    }

    /// Writes what there is to send, then receives one message; tells whether to go on.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let (id, shared) = (self.id, &self.shared);
        let mut state = shared.lock();
        state.tasks.insert(id, cx.waker().clone());
        if !state.machine.has_connection(id) {
            return Poll::Ready(false);
        }
        match self.socket.poll_write(cx, || state.machine.poll_transmit(id).map(Message::from)) {
            Poll::Ready(Ok(())) | Poll::Pending => (),
            Poll::Ready(Err(_)) => return Poll::Ready(false),
        }
        drop(state);
        let message = match self.socket.poll_receive(cx) {
            Poll::Ready(message) => message,
            Poll::Pending => return Poll::Pending,
        };
        Poll::Ready(match message {
            Ok(message) => match Received::from(&message) {
                Received::Frame(frame) => {
                    // The client has been told what is wrong with its frame.
                    _ = shared.call(|machine, now| machine.handle_frame(now, id, frame));
                    true
                }
                Received::SignOfLife => {
                    shared.call(|machine, now| machine.handle_pong(now, id));
                    true
                }
                Received::Closing(_) => false,
            },
            Err(Error::Capacity(_)) => {
                shared.call(|machine, now| machine.handle_oversized(now, id));
                true
            }
            Err(_) => false,
        })
    }
}
