//! The machines, each beside a small model of it.

mod client;
mod log;
mod server;
