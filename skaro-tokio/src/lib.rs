//! Client and server for the skaro instant-messaging protocol over tokio.
//!
//! The protocol is in [`proto`]; the engine, which all async adapters share, is in [`skaro_adapter`]. This crate dials,
//! listens, sleeps and spawns with tokio.
//!
//! ```no_run
//! use skaro_tokio::{Client, Event};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let (client, mut events) = Client::connect("wss://chat.example.org/skaro_client/").await?;
//! client.authorize("alice", "correct horse").await?;
//! client.send_message("bob", "hello").await?;
//! while let Some(event) = events.next().await {
//!     if let Event::Message(incoming) = event {
//!         println!("{}: {}", incoming.dialog(), incoming.message.body);
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! # Features
//!
//! * `tls` (default): `wss://`, through rustls with the system's trust roots.
//! * `tracing`: log lines through the crate `tracing`, without secrets.
#![forbid(unsafe_code)]

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use skaro_adapter::asynchronous::{self, Runtime};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

pub use skaro_adapter::asynchronous::{
    Completions, Events, Hooks, OperateError, Reply, SentMessage, ServerOptions, StoreFailure, Submit,
    VerifierReply, store_in_thread, with_hooks,
};
pub use skaro_adapter::http::AddressHeader;
pub use skaro_adapter::prelude::*;

/// A client over tokio. Must be used within a tokio runtime whose I/O and time are enabled.
pub type Client = asynchronous::Client<Tokio>;

/// A server over tokio. Must be used within a tokio runtime whose I/O and time are enabled.
pub type Server = asynchronous::Server<Tokio>;

/// The tokio runtime, for the engine.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "it has no values")]
pub enum Tokio {}

impl Runtime for Tokio {
    type Stream = Compat<TcpStream>;
    type Listener = TcpListener;

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        tokio::time::sleep(duration)
    }

    async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }

    async fn connect(address: SocketAddr) -> io::Result<Self::Stream> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream.compat())
    }

    fn listen(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        TcpListener::from_std(listener)
    }

    async fn accept(listener: &TcpListener) -> io::Result<(Self::Stream, SocketAddr)> {
        let (stream, address) = listener.accept().await?;
        // It fails if the peer is gone already, which shows when the connection is read.
        _ = stream.set_nodelay(true);
        Ok((stream.compat(), address))
    }
}
