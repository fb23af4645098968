//! The operations that the engine needs from an async runtime.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};

/// An async runtime: dials, listens, sleeps, spawns.
///
/// An adapter implements this for a marker type, and exports [`Client<ThatType>`](super::Client) as its client. All
/// other async code is in this crate.
pub trait Runtime: 'static {
    /// A TCP connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;
    /// A listening TCP socket.
    type Listener: Send + Sync + 'static;

    /// Runs a task to its end.
    fn spawn(task: impl Future<Output = ()> + Send + 'static);

    /// Waits for this long.
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static;

    /// Resolves a host's name.
    ///
    /// # Errors
    /// If the system finds no address, or can't ask for one.
    fn resolve(host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;

    /// Connects to one address, with `TCP_NODELAY`: chat messages are small and wanted at once.
    ///
    /// # Errors
    /// If the connection is refused, or the address can't be reached.
    fn connect(address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send + 'static;

    /// Takes over a listening, non-blocking socket.
    ///
    /// # Errors
    /// If the runtime can't register this socket.
    fn listen(listener: std::net::TcpListener) -> io::Result<Self::Listener>;

    /// Waits for the next connection; returns it, with `TCP_NODELAY` if possible, and the peer's address.
    ///
    /// # Errors
    /// Most often if the system is out of resources. The listener stays usable. An accepted connection on which an
    /// option can't be set is returned all the same: an error makes the server drop another one to make room.
    fn accept(
        listener: &Self::Listener,
    ) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;
}
