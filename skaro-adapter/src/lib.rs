//! Building blocks for adapters of the skaro protocol, without I/O.
//!
//! This crate is for authors of adapters; applications use an adapter.
//!
//! An adapter connects, reads, writes and waits. Everything else is here, as values that take and return bytes:
//!
//! * [`Options`] and [`Url`] configure a connection; [`ConnectError`] is the reason why connecting failed.
//! * [`Target`] is a server to connect to: [`dial`] chooses among a host's addresses, [`Opening`] does the handshakes
//!   of proxy, TLS and HTTP.
//! * [`Link`] reads and writes over a socket that does not block, through a [`Channel`]: plain or TLS.
//! * [`Driver`] is a client with its WebSocket and its [`Mailbox`]; [`Next`] is the adapter's next action.
//! * [`leader`] chooses the thread that drives the connection, for adapters in which several may.
//! * [`Connection`] is one connection of a server, from first byte to last.
//! * [`websocket`] implements WebSockets for both sides.
//!
//! The module `guide` (with the feature `async`) compares the adapters, and explains how to port this to another
//! runtime.
//!
//! # Promises
//!
//! * No input causes a panic, and memory is limited: the largest allowed message, unwritten output, and some KiB of
//!   buffers. An idle [`Connection`] of a server takes less than 1.5 KiB itself, besides what the machine and the
//!   adapter keep for it.
//! * Secrets (passwords, values of headers, queries of URLs) appear in no error and in no `Debug` output.
//!
//! # Features
//!
//! * `async`: the async engine in the module `asynchronous`, and the guide.
//! * `tls` (default): TLS for clients through rustls, with the system's trust roots.
//! * `tracing`: log lines of dialing and of the machines through the crate `tracing`, without secrets.
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
mod link;
mod log;
mod mailbox;
mod opening;
mod options;
mod proxy;
mod target;
#[cfg(feature = "tls")]
mod tls;
mod url;
pub mod websocket;

pub use channel::Channel;
pub use clock::{Clock, unix_millis};
pub use connection::{Connection, READ_AT_ONCE, Turn};
pub use driver::{Driver, Next};
pub use error::ConnectError;
pub use link::Link;
pub use mailbox::{Mailbox, Waiter};
pub use opening::Opening;
pub use options::Options;
pub use proxy::Proxy;
pub use target::Target;
pub use url::Url;

/// Returns a seed for a server's secrets, from the operating system.
///
/// # Errors
/// If the operating system provides no randomness.
pub fn random_seed() -> std::io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    Ok(seed)
}

/// Types that every adapter re-exports at its root.
pub mod prelude {
    pub use skaro_proto as proto;
    pub use skaro_proto::client::{
        Accepted, AddContact, Authorize, Awaited, Backoff, ClientConfig, Command, CommandError, DelContact,
        Delivery, Disconnect, Ended, Event, Failure, Found, GetContacts, GetHistory, GetSessions,
        GetUserData, Incoming, Invite, LogStart, ProtocolError, Read, Register, RegisterType, RequestError,
        RequestId, SearchContacts, SendMessage, SessionRestore, SignOut, SignedOutReason, Status, Ticket,
        UpdateMyData,
    };
    pub use skaro_proto::message::{
        Answer, ContactState, Contacts, Date, History, Invitation, Member, Message, Notice, Page, Refusal,
        Registration, SessionInfo, SignedIn, StatusCode, User,
    };
    pub use skaro_proto::{Fields, Format, Limits, Secret, Value};

    pub use crate::{ConnectError, Options, Proxy, random_seed, unix_millis};
    #[cfg(feature = "tls")]
    pub use rustls;
}
