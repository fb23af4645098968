//! Properties of the formats and of whatever may arrive, on messages and bytes that proptest makes up.
//!
//! A failure prints the smallest input that shows it, and a line `cc …` that goes into
//! `proptest-regressions/formats.txt` or `…/arriving.txt`: with that line there, the next run begins with the same
//! input.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]
#![allow(unreachable_pub, reason = "modules of one test")]

mod arriving;
mod cbor;
mod choices;
mod formats;
mod json;
mod messages;
mod stages;
mod tree;
mod trees;
