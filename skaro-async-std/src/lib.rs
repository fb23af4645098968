//! Client and server of the [skaro](skaro_proto) instant-messaging protocol over async-std and async-tungstenite.
//!
//! Everything that can be decided without I/O is decided in [`skaro_proto`]; this crate connects, reads, writes and
//! waits. async-std is no longer developed (RUSTSEC-2025-0052); the same core runs on any other runtime.
//!
//! ```
//! use futures_util::StreamExt;
//! use skaro_async_std::{Client, Server, proto};
//! use proto::client::Event;
//!
//! # async_std::task::block_on(async {
//! // A server with two users, on a port that the system chooses.
//! let mut machine = proto::server::Server::new(Default::default(), skaro_async_std::random_seed()?);
//! machine.add_user("alice", "correct horse")?;
//! machine.add_user("bob", "battery staple")?;
//! let server = Server::bind("127.0.0.1:0", machine).await?;
//!
//! // Bob is there; Alice writes to him.
//! let (bob, mut bobs_events) = Client::connect(&server.url()).await?;
//! bob.authorize("bob", "battery staple").await?;
//! let (alice, _events) = Client::connect(&server.url()).await?;
//! alice.authorize("alice", "correct horse").await?;
//! alice.send_message("bob", "hello").await?;
//!
//! while let Some(event) = bobs_events.next().await {
//!     if let Event::Message(incoming) = event {
//!         assert_eq!((incoming.dialog(), &*incoming.message.body), ("alice", "hello"));
//!         break;
//!     }
//! }
//! # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
//! ```

mod client;
mod dial;
mod driver;
mod server;
mod shared;
mod tcp;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
mod tls;
mod wakes;

pub use client::{Client, Events};
#[cfg(feature = "tls")]
pub use futures_rustls::rustls;
pub use server::Server;
pub use skaro_proto as proto;
pub use skaro_proto::client::{ConnectError, Options};

/// A seed for a server's secrets, from the operating system.
///
/// # Errors
/// If the operating system has no randomness to give.
pub fn random_seed() -> std::io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    Ok(seed)
}

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
