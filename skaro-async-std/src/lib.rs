//! Client and server for the skaro instant-messaging protocol over async-std.
//!
//! The protocol is in [`proto`]; the engine, which all async adapters share, is in [`skaro_adapter`]. This crate dials,
//! listens, sleeps and spawns with async-std.
//!
//! async-std is no longer developed (RUSTSEC-2025-0052). Its reactor has its own threads, so this crate works under any
//! runtime; under tokio, `skaro-tokio` is the better choice.
//!
//! ```
//! use skaro_async_std::{Client, Event, Server, proto::server, random_seed};
//!
//! # async_std::task::block_on(async {
//! // A server with two users, on a port that the system chooses.
//! let mut machine = server::Server::new(server::ServerConfig::default(), random_seed()?);
//! machine.add_user("alice", "correct horse")?;
//! machine.add_user("bob", "battery staple")?;
//! let server = Server::bind("127.0.0.1:0", machine).await?;
//!
//! // Bob is online; Alice writes to him.
//! let (bob, mut events) = Client::connect(server.url()).await?;
//! bob.authorize("bob", "battery staple").await?;
//! let (alice, _events) = Client::connect(server.url()).await?;
//! alice.authorize("alice", "correct horse").await?;
//! alice.send_message("bob", "hello").await?;
//!
//! while let Some(event) = events.next().await {
//!     if let Event::Message(incoming) = event {
//!         assert_eq!((incoming.dialog(), &*incoming.message.body), ("alice", "hello"));
//!         break;
//!     }
//! }
//! # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
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

use async_std::net::{TcpListener, TcpStream, ToSocketAddrs};
use async_std::task;
use skaro_adapter::asynchronous::{self, Runtime};

pub use skaro_adapter::asynchronous::{
    Completions, Events, Hooks, OperateError, Reply, SentMessage, ServerOptions, StoreFailure, Submit,
    VerifierReply, store_in_thread, with_hooks,
};
pub use skaro_adapter::http::AddressHeader;
pub use skaro_adapter::prelude::*;

/// A client over async-std.
pub type Client = asynchronous::Client<AsyncStd>;

/// A server over async-std.
pub type Server = asynchronous::Server<AsyncStd>;

/// The async-std runtime, for the engine.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "it has no values")]
pub enum AsyncStd {}

impl Runtime for AsyncStd {
    type Stream = TcpStream;
    type Listener = TcpListener;

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        task::spawn(task);
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        task::sleep(duration)
    }

    async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((host, port).to_socket_addrs().await?.collect())
    }

    async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn listen(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        Ok(listener.into())
    }

    async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, address) = listener.accept().await?;
        // It fails if the peer is gone already, which shows when the connection is read.
        _ = stream.set_nodelay(true);
        Ok((stream, address))
    }
}
