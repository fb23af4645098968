//! The async engine: clients and servers over any [`Runtime`].
//!
//! A client has one task, which drives its connection: reads, writes, dials and sleeps, and wakes the tasks that wait
//! for an answer or an event. A server has a task for each connection, one that accepts, and one for deadlines.

mod client;
mod dial;
mod hooks;
mod lock;
mod passing;
mod peer;
mod people;
mod polled;
mod runtime;
mod served;
mod server;
mod shared;
mod store;
mod store_in_thread;
mod task;

pub use client::{Client, Events};
pub use hooks::{Hooks, Reply, VerifierReply, with_hooks};
pub use passing::SentMessage;
pub use runtime::Runtime;
pub use served::{Completions, ServerOptions};
pub use server::Server;
pub use store::{OperateError, StoreFailure, Submit};
pub use store_in_thread::store_in_thread;
