//! Bodies of the fuzz targets, compiled once for all of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests"
)]

mod targets;

pub use targets::{client, decoders, formats, log, network, server};
