//! The examples run, and do what they say; the bot survives its users.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests say what went wrong by panicking; helpers outside of test functions are not recognized as tests"
)]

mod bot;
mod exactly_once;
mod others;
mod process;
mod proxy;
mod someone;
