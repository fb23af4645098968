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
//! The [`guide`] (with the feature `async`) says which adapter is for whom, and how to port this to another runtime.
//!
//! # Promises
//!
//! * Whatever arrives, nothing panics, and memory has a bound: the largest message that is allowed, what the adapter has
//!   not written yet, some KiB of buffers; and less than 1 KiB for a server's connection that is idle.
//! * Secrets (passwords, headers' values, the queries of URLs) appear in no error and in no `Debug` output.
//!
//! # Features
//!
//! * `async`: the async engine, [`asynchronous`](mod@asynchronous).
//! * `tls` (default): TLS for clients through rustls, with the system's trust roots.
#![forbid(unsafe_code)]

#[cfg(feature = "async")]
pub mod asynchronous;
mod channel;
mod clock;
mod connection;
pub mod dial;
mod driver;
mod error;
#[cfg(feature = "async")]
#[doc = include_str!("../GUIDE.md")]
pub mod guide {}
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
pub use clock::{Clock, unix_millis};
pub use connection::{Connection, READ_AT_ONCE, Turn};
pub use driver::{Driver, Next};
pub use error::ConnectError;
pub use mailbox::{Mailbox, Waiter};
pub use opening::{Opened, Opening};
pub use options::Options;
pub use proxy::{Proxy, ProxyHandshake};
pub use url::Url;

/// A seed for a server's secrets, from the operating system.
///
/// # Errors
/// If the operating system has no randomness to give.
pub fn random_seed() -> std::io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    Ok(seed)
}

/// What users of every adapter name: adapters re-export it at their root.
pub mod prelude {
    pub use skaro_proto as proto;
    pub use skaro_proto::client::{
        Authorize, Awaited, Backoff, ClientConfig, Command, CommandError, Delivery, Disconnect, Ended, Event,
        Failure, GetContacts, GetHistory, Incoming, ProtocolError, RegisterType, RequestError, RequestId,
        SendMessage, SessionRestore, SignedOutReason, Status, Ticket,
    };
    pub use skaro_proto::message::{
        Answer, Contacts, Date, History, Message, Notice, Refusal, Registration, SignedIn, StatusCode, User,
    };
    pub use skaro_proto::{Fields, Format, Limits, Secret, Value};

    pub use crate::{ConnectError, Options, Proxy, random_seed};
    #[cfg(feature = "tls")]
    pub use rustls;
}
