//! The skaro instant-messaging protocol as state machines without I/O: bytes, the time and commands go in; events,
//! bytes and deadlines come out. The crate uses no sockets, clocks or random numbers, and is `no_std`.
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
//! * [`client::Client`] is one user's side: it signs in, matches answers to requests, times requests out, detects dead
//!   connections, says when to reconnect, and restores the session.
//! * [`server::Server`] is the other side of all its connections. It keeps users, logs and sessions in a
//!   [store](server::store): in memory, unless another one is used. The [`server::Endpoint`] below it handles one
//!   connection by itself, for services of another kind.
//! * [`message`] defines the messages that both sides exchange. They borrow from the frames. [`Format`] is JSON or
//!   CBOR.
//! * [`auth`] computes and checks the proof of a password.
//!
//! # The run loop
//!
//! An adapter is a loop around a machine. This is the whole loop, here with two machines that talk to each other
//! without a network. (Over TCP and WebSockets, `skaro-adapter` does most of this. Its guide explains how to port it.)
//!
//! ```
//! use skaro_proto::client::{Client, ClientConfig, Event, Status};
//! use skaro_proto::server::{self, Server};
//! use skaro_proto::{Time, Transmit};
//!
//! let mut server = Server::new(server::ServerConfig::default(), [7; 32]);
//! server.add_user("alice", "correct horse")?;
//! let mut client = Client::new(ClientConfig::default(), [1; 32]);
//!
//! let now = Time::ZERO; // a real adapter asks its clock
//! client.handle_connected(now);
//! let connection = server.connect(now, None)?;
//!
//! while !client.is_authorized() {
//!     // The frames that one machine sends are handled by the other.
//!     while let Some(Transmit::Frame(frame)) = client.poll_transmit() {
//!         server.handle_frame(now, connection, frame)?;
//!     }
//!     while let Some(Transmit::Frame(frame)) = server.poll_transmit(connection) {
//!         let event = client.handle_frame(now, frame)?;
//!         // An entry of the user's log leaves for the application, which makes room for another one.
//!         if let Some(position) = event.position() {
//!             client.handle_taken(position);
//!         }
//!         match event {
//!             Event::Connected { .. } => println!("the server has spoken"),
//!             event => println!("{event:?}"),
//!         }
//!     }
//!     // Then the other events, and the time of the next deadline.
//!     while let Some(event) = client.poll_event() {
//!         println!("{event:?}");
//!     }
//!     let _sleep_until = client.poll_timeout();
//!
//!     // The application may give commands at any time.
//!     if client.status() == Status::Connected {
//!         client.authorize(now, "alice", "correct horse")?;
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Over any transport
//!
//! An adapter for another transport (a web page, a device, a test) does the following, in this order, after each event.
//! `examples/thread` does it over a socket of the standard library.
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
//! /// Does everything except reading and waiting. Returns the deadline of the next call.
//! fn turn(client: &mut Client, socket: &mut Option<impl Socket>, now: Time) -> Option<Time> {
//!     // The time first, so that a flood of frames can't delay time-outs.
//!     client.handle_timeout(now);
//!     // The status decides how long the socket lives. Dialing, which it asks for too, is left out here.
//!     if !client.status().has_connection() {
//!         *socket = None;
//!     }
//!     // Only as much as the socket takes: frames that stay in the machine are known not to have been sent.
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
//! /// Handles a message of the socket. Call `handle_pong` for a ping or pong, and `handle_disconnected` once at the
//! /// end of the connection, however it ends.
//! fn receive(client: &mut Client, now: Time, frame: Frame<'_>) {
//!     let event = client.handle_frame(now, frame).unwrap_or_else(Event::ProtocolError);
//!     println!("{event:?}");
//! }
//! ```
//!
//! * Drain `poll_event` before each `handle_frame`, too: the events that it yields then are older than the frame's own
//!   event.
//! * Use one monotonic clock for each machine, and never sleep past `poll_timeout`.
//! * A `Transmit::Close` begins the closing handshake, and the machine waits for its end. Answer the peer's close at
//!   once. After `handle_connected`, no frame of an earlier connection may reach the machine.
//!
//! # Promises
//!
//! * Every command ends exactly once. Nothing is lost silently.
//! * No input causes a panic. An invalid frame, or a command that can't be taken, yields a typed error with the field
//!   and the reason, and leaves the machine unchanged. Missing entries of the log are the exception: they end the
//!   connection.
//! * Every input from a peer has a [limit](Limits). So do all texts in commands, except the fields of
//!   [`request_other`](Client::request_other) and profiles. Every wait has a time-out.
//! * A pushed message or an answer reaches the application without a heap allocation, borrowed from its frame, unless
//!   its text has escapes, it is a list, or it has fields that the protocol does not define.
//! * Secrets (passwords, proofs, tokens, session ids) never appear in `Debug` output or errors, and the machines wipe
//!   their copies when they are dropped. Frames, events and buffers of adapters are not wiped.
//!
//! # Features
//!
//! * `serde`: messages and values implement `Serialize`, for output in an application's own format.
//! * `std` (default): the dependencies may use the standard library. The API is the same without it.
//! * `tracing`: log lines through the crate `tracing`: changes of state, requests, and limits at `debug` (lost
//!   connections and refused ones at `warn`), frames at `trace`. They contain numbers, kinds, statuses and lengths, but
//!   no logins, texts or secrets.
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
mod log;
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

/// Time after the end of its connection during which a session can be restored: five minutes.
pub const SESSION_LIFETIME: core::time::Duration = core::time::Duration::from_secs(5 * 60);
