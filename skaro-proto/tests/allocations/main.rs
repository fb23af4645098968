//! Tests that count allocations, and so have an allocator of their own, which counts those of the calling thread. Nothing
//! here is timed.
//!
//! | module | what it tests |
//! |---|---|
//! | `linear` | memory and work are linear in a frame's length, whatever it holds |
//! | `overload` | what peers can cost a server: memory, places, work for others to wait for |
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod linear;
mod overload;
