//! What every adapter of the skaro protocol needs besides the protocol, once and without I/O: for those who write an
//! adapter. Applications use one.
//!
//! An adapter connects, reads, writes and waits. Everything else is here, as values that take and return bytes:
//!
//! * [`Options`] and [`Url`] say where and how to connect, [`ConnectError`] why there is no connection.
//! * [`dial`] chooses among a host's addresses; [`Opening`] makes a WebSocket of a socket, through proxy, TLS and HTTP.
//! * [`Channel`] lies between the socket and what follows: nothing, or TLS.
//! * [`Driver`] is a client with its WebSocket and its [`Mailbox`]; [`Next`] says what to do next.
//! * [`leader`] says which thread drives the connection, for adapters in which several may.
//! * [`Connection`] is one connection of a server, from its first byte to its last.
//! * [`websocket`] is below both.
//!
//! # Promises
//!
//! * Whatever arrives, nothing panics, and memory has a bound: the largest message that is allowed, what the adapter has
//!   not written yet, some KiB of buffers; and less than 1 KiB for a server's connection that is idle.
//! * Secrets (passwords, headers' values, the queries of URLs) appear in no error and in no `Debug` output.
//!
//! # Features
//!
//! * `tls` (default): TLS for clients through rustls, with the system's trust roots.
#![forbid(unsafe_code)]

mod channel;
mod connection;
pub mod dial;
mod driver;
mod error;
pub mod http;
pub mod leader;
mod mailbox;
mod opening;
mod options;
mod proxy;
#[cfg(feature = "tls")]
pub mod tls;
mod url;
pub mod websocket;

pub use channel::Channel;
pub use connection::{Connection, READ_AT_ONCE, Turn};
pub use driver::{Driver, Next};
pub use error::ConnectError;
pub use mailbox::{Mailbox, Waiter};
pub use opening::{Opened, Opening};
pub use options::Options;
pub use proxy::{Proxy, ProxyHandshake};
pub use url::Url;
