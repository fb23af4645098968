//! The skaro instant-messaging protocol as a value: bytes, the time and wishes go in; events, bytes and deadlines
//! come out. No socket, no clock, no dice, no standard library.
//!
//! ```text
//!                      frames, the time                      commands
//!                            │                                   │
//!                            ▼                                   ▼
//!  ┌─────────┐  handle_…  ┌──────────────────────────────────────────┐  authorize, send_message, …
//!  │ socket, │ ─────────► │  client::Client      server::Server      │ ◄───────── application
//!  │ timer   │ ◄───────── │                                          │ ─────────►
//!  └─────────┘  poll_…    └──────────────────────────────────────────┘  events
//!          frames to send, deadlines
//! ```
//!
//! * [`client::Client`] is one user's side: it signs in, matches answers to requests, times them out, notices dead
//!   connections, says when to dial again, restores the session.
//! * [`server::Server`] is the other side of all its connections: users, contacts, dialogs, sessions, in memory.
//! * [`message`] has what both exchange, borrowed from the frames; [`Format`] writes it as JSON or CBOR.
//! * [`auth`] is the proof of a password.
//!
//! # The run loop
//!
//! An adapter is a loop around a machine. This is all that it does, here with two machines facing each other and
//! no network between them. (Over TCP and WebSockets, `skaro-adapter` does most of it, and has the guide for porting it.)
//!
//! ```
//! use skaro_proto::client::{Client, ClientConfig, Event, Status};
//! use skaro_proto::server::{self, Server};
//! use skaro_proto::{Time, Transmit};
//!
//! let mut server = Server::new(server::ServerConfig::default(), [7; 32]);
//! server.add_user("alice", "correct horse")?;
//! let mut client = Client::new(ClientConfig::default(), 1);
//!
//! let now = Time::ZERO; // a real adapter asks its clock
//! client.handle_connected(now);
//! let connection = server.connect(now, None)?;
//!
//! while !client.is_authorized() {
//!     // What one machine wants to send is a frame for the other one to handle.
//!     while let Some(Transmit::Frame(frame)) = client.poll_transmit() {
//!         server.handle_frame(now, connection, frame)?;
//!     }
//!     while let Some(Transmit::Frame(frame)) = server.poll_transmit(connection) {
//!         match client.handle_frame(now, frame)? {
//!             Event::Connected { .. } => println!("the server has spoken"),
//!             event => println!("{event:?}"),
//!         }
//!     }
//!     // Then what happened besides, and how long there is nothing to do.
//!     while let Some(event) = client.poll_event() {
//!         println!("{event:?}");
//!     }
//!     let _sleep_until = client.poll_timeout();
//!
//!     // The application may want something at any time.
//!     if client.status() == Status::Connected {
//!         client.authorize(now, "alice", "correct horse")?;
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Over any transport
//!
//! An adapter for something else than a socket (a page, a device, a test) does the following in this order, each time
//! something has happened. `examples/thread` is one over a socket of the standard library.
//!
//! ```
//! use skaro_proto::client::{Client, Event};
//! use skaro_proto::{Frame, Time, Transmit};
//!
//! /// A WebSocket of any make.
//! trait Socket {
//!     fn send(&mut self, frame: Frame<'_>);
//!     fn ping(&mut self);
//!     fn close(&mut self, code: u16);
//! }
//!
//! /// Does everything but reading and waiting. Returns when to be back if nothing happens before.
//! fn turn(client: &mut Client, socket: &mut Option<impl Socket>, now: Time) -> Option<Time> {
//!     // The time comes first: a flood of frames must not stop the clock.
//!     client.handle_timeout(now);
//!     // A socket lives as long as the status says. To dial when it says so is left out here.
//!     if !client.status().has_connection() {
//!         *socket = None;
//!     }
//!     // Only as far as the socket takes it: what stays in the machine is known not to have been sent.
//!     while let Some(transmit) = client.poll_transmit() {
//!         let Some(socket) = socket else { continue };
//!         match transmit {
//!             Transmit::Frame(frame) => socket.send(frame),
//!             Transmit::Ping => socket.ping(),
//!             Transmit::Close(code) => socket.close(code.code()),
//!             _ => (),
//!         }
//!     }
//!     while let Some(event) = client.poll_event() {
//!         println!("{event:?}");
//!     }
//!     client.poll_timeout()
//! }
//!
//! /// Handles a message of the socket. A ping or pong is `handle_pong`; its end, however it comes, is
//! /// `handle_disconnected`, once.
//! fn receive(client: &mut Client, now: Time, frame: Frame<'_>) {
//!     let event = client.handle_frame(now, frame).unwrap_or_else(Event::ProtocolError);
//!     println!("{event:?}");
//! }
//! ```
//!
//! * Drain `poll_event` before a frame is handled, too: what it yields then is older than the frame's own event.
//! * Use one monotonic clock for each machine, and never sleep past `poll_timeout`.
//! * A `Transmit::Close` begins the closing handshake, and the machine waits for its end. A close from the other end is
//!   answered at once. No frame of an earlier connection may reach the machine after `handle_connected` of the next one.
//!
//! # Promises
//!
//! * Every command ends exactly once. Nothing is lost silently.
//! * Whatever arrives, nothing panics; a frame without sense is a typed error that names field and reason, and leaves
//!   the machine exactly as it was. So does a command that can't be taken.
//! * Every input has a [limit](Limits), every wait a time-out.
//! * A pushed message or an answer reaches the application without a heap allocation, borrowed from its frame, unless
//!   its text has escapes, it is a list, or it has fields that nobody listed.
//! * Secrets (passwords, proofs, tokens, session ids) never appear in `Debug` output or errors, and the machines
//!   wipe what they keep of them when it is dropped. What a frame, an event or an adapter's buffer holds is theirs.
//!
//! # Features
//!
//! * `std` (default): the dependencies may use the standard library. Without it nothing changes.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod auth;
pub mod client;
mod codec;
mod keep_alive;
mod limits;
pub mod message;
mod output;
mod secret;
pub mod server;
mod time;

pub use client::{Client, ClientConfig, Event};
pub use codec::{DecodeError, DecodeErrorKind, Fields, FieldsIter, Format, Frame, Path, Value};
pub use limits::{Limits, NESTING};
pub use output::{CloseCode, Transmit};
pub use secret::Secret;
pub use server::{Server, ServerConfig};
pub use time::Time;

/// How long after the end of its connection a session can be restored.
pub const SESSION_LIFETIME: core::time::Duration = core::time::Duration::from_secs(5 * 60);
