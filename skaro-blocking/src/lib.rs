//! Client of the [skaro](skaro_proto) instant-messaging protocol for programs without an async runtime.
//!
//! Everything that can be decided without I/O is decided in [`skaro_proto`] and [`skaro_adapter`]; this crate connects,
//! reads, writes and waits. It uses the leader/followers pattern: a thread that waits alone for an answer or an event
//! drives the connection meanwhile. Otherwise the background thread of the client does, which ends with the client. Any
//! number of threads may send and wait at once.
//!
//! ```
//! use skaro_blocking::{Client, Event};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let server = async_std::task::block_on(async {
//! #     let mut machine = skaro_async_std::proto::server::Server::new(Default::default(), [1; 32]);
//! #     machine.add_user("alice", "correct horse").unwrap();
//! #     machine.add_user("bob", "battery staple").unwrap();
//! #     skaro_async_std::Server::bind("127.0.0.1:0", machine).await
//! # })?;
//! # let url = server.url();
//! let (bob, bobs_events) = Client::connect(&url)?;
//! bob.authorize("bob", "battery staple")?;
//!
//! let (alice, _) = Client::connect(&url)?;
//! alice.authorize("alice", "correct horse")?;
//! alice.send_message("bob", "hello")?;
//!
//! for event in bobs_events {
//!     if let Event::Message(incoming) = event {
//!         assert_eq!((incoming.dialog(), &*incoming.message.body), ("alice", "hello"));
//!         break;
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

mod client;
mod connect;
mod io;
mod people;
mod shared;

pub use client::{Client, Events, NoEvent};
pub use io::Transport;

pub use mio;
pub use skaro_adapter::prelude::*;
