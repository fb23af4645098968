//! The client against a small model of what it should do, with a server that says anything at any time: no event
//! comes before its cause, and every command ends exactly once, as the model says.
//!
//! A failure prints the smallest list of steps that shows it, and a line `cc …` that goes into
//! `proptest-regressions/client.txt`: with that line there, the next run begins with the same steps.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test"
)]
#![allow(unreachable_pub, reason = "modules of one test")]

mod client;
mod model;
mod steps;
