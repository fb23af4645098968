//! The server against a small model of what it should do: whatever is asked in whatever order, by users and by
//! strangers who try other people's logins, tokens and sessions, each answer and each push is what the model says.
//!
//! A failure prints the smallest list of steps that shows it, and a line `cc …` that goes into
//! `proptest-regressions/server.txt`: with that line there, the next run begins with the same steps.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test"
)]
#![allow(unreachable_pub, reason = "modules of one test")]

mod model;
mod server;
mod steps;
