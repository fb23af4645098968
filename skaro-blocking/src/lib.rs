//! Client of the [skaro](skaro_proto) instant-messaging protocol for programs without an async runtime.
//!
//! Everything that can be decided without I/O is decided in [`skaro_proto`]; this crate connects, reads, writes and
//! waits. Whoever waits for an answer or an event does that meanwhile, else one thread per client, which ends with it; any
//! number of threads may send and wait at once.
//!
//! ```
//! use skaro_blocking::{Client, proto::client::Event};
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

mod client;
mod dial;
mod driver;
mod shared;
mod stream;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
mod tls;

pub use client::{Client, Events, NoEvent};
#[cfg(feature = "tls")]
pub use rustls;
pub use skaro_proto as proto;
pub use skaro_proto::client::{ConnectError, Options};
