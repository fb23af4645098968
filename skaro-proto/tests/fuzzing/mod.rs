//! The bodies of the fuzz targets in `fuzz/`: functions over bytes that panic when a promise is broken.
//!
//! They stand here, and use nothing but the public interface, so that `tests/corpora.rs` runs them with a stable
//! compiler over all that fuzzing has collected.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]
#![allow(dead_code, unreachable_pub, reason = "each target uses another part of it")]

mod choices;
pub mod client;
pub mod decoders;
mod direction;
pub mod formats;
mod ledger;
pub mod network;
mod script;
pub mod server;
mod sessions;
mod visitors;
mod writing;

use choices::Choices;
use direction::{Direction, ToClient, ToServer};
