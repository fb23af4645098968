//! Tests that count allocations, and so have an allocator of their own, which counts those of the calling thread.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod linear;
