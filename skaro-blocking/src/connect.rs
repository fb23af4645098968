//! Makes connections: TCP by Happy Eyeballs, or a stream that the application opens; then the handshakes.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use skaro_adapter::dial::Step;
use skaro_adapter::{Clock, ConnectError, Target};

use crate::io::{Io, Socket, Transport};

/// Function of the application that opens a stream.
pub(crate) type MakeTransport = Box<dyn Fn() -> io::Result<Box<dyn Transport>> + Send + Sync>;

/// Connects. Resolving a name takes as long as the system lets it; all that follows keeps to the time-out.
pub(crate) fn connect(target: &Target, transport: Option<&MakeTransport>) -> Result<Io, ConnectError> {
    let failed = |error| target.failed(error);
    let until = Instant::now() + target.timeout();
    let mut opening = target.opening()?;
    let (transport, address): (Box<dyn Transport>, _) = match transport {
        Some(make) => (make().map_err(failed)?, None),
        None => {
            let (address, stream) = connect_tcp(target, until)?;
            (Box::new(stream), Some(address))
        }
    };
    let mut socket = Socket::new(transport).map_err(failed)?;
    let mut buffer = [0; 4096];
    loop {
        if let Poll::Ready(result) = opening.advance(&mut socket, &mut buffer) {
            let is_confidential = target.is_confidential(address);
            return result.map(|()| Io::new(socket, opening.finish(), is_confidential));
        }
        socket.wait(Some(left(until)?));
    }
}

/// Connects to the first address that takes the connection, and returns it.
fn connect_tcp(target: &Target, until: Instant) -> Result<(SocketAddr, mio::net::TcpStream), ConnectError> {
    let mut dialer = target.dialer((target.host(), target.port()).to_socket_addrs())?;
    let (sender, receiver) = mpsc::channel();
    let clock = Clock::start();
    loop {
        let (now, left) = (clock.now(), left(until)?);
        let wait = match dialer.next(now) {
            Step::Failed(error) => return Err(error),
            Step::Connect(address) => {
                let sender = sender.clone();
                // Connections that come too late are dropped.
                let attempt = move || _ = sender.send((address, TcpStream::connect_timeout(&address, left)));
                if let Err(error) = thread::Builder::new().spawn(attempt) {
                    dialer.failed(address, error);
                }
                continue;
            }
            Step::Wait(next) => next.map_or(left, |next| left.min(next - now)),
        };
        match receiver.recv_timeout(wait) {
            Ok((address, Ok(stream))) => {
                let stream = non_blocking(stream).map_err(|error| target.failed(error))?;
                return Ok((address, stream));
            }
            Ok((address, Err(error))) => dialer.failed(address, error),
            Err(_) => (),
        }
    }
}

/// Returns the time that is left until the deadline.
fn left(until: Instant) -> Result<Duration, ConnectError> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ConnectError::TimedOut) } else { Ok(left) }
}

fn non_blocking(stream: TcpStream) -> io::Result<mio::net::TcpStream> {
    // Chat messages are small and wanted at once.
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(mio::net::TcpStream::from_std(stream))
}
