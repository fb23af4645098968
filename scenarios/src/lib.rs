//! The environment of the scenarios: adapters behind one trait, servers behind another, and a world that connects them.
#![allow(
    clippy::exhaustive_structs,
    clippy::must_use_candidate,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what went wrong by panicking"
)]

pub mod adapters;
pub mod cable;
pub mod certificates;
pub mod devices;
pub mod servers;
pub mod stranger;
pub mod world;
