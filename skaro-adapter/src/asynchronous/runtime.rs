//! The few things that the engine needs of an async runtime.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};

/// An async runtime: dials, listens, sleeps, spawns.
///
/// An adapter implements this for a type without values, and names [`Client<ThatType>`](super::Client) its client.
/// Nothing else of an adapter is asynchronous code.
pub trait Runtime: 'static {
    /// A TCP connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;
    /// A listening TCP socket.
    type Listener: Send + Sync + 'static;

    /// Runs a task to its end.
    fn spawn(task: impl Future<Output = ()> + Send + 'static);

    /// Waits for this long.
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static;

    /// Looks up the addresses of a host.
    ///
    /// # Errors
    /// If the system finds none, or can't ask.
    fn resolve(host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;

    /// Connects to one address, with `TCP_NODELAY`: chat messages are small and wanted at once.
    ///
    /// # Errors
    /// If nobody listens there, or nobody can be reached.
    fn connect(address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send + 'static;

    /// Takes over a socket that listens already; it does not block.
    ///
    /// # Errors
    /// If the runtime can't wait for this socket.
    fn listen(listener: std::net::TcpListener) -> io::Result<Self::Listener>;

    /// Waits for the next connection, and for who it is.
    ///
    /// # Errors
    /// If the system has no resources left, most often. The listener goes on.
    fn accept(
        listener: &Self::Listener,
    ) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;
}
