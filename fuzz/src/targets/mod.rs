//! Bodies of the fuzz targets in `fuzz/`: functions over bytes that panic if a promise is broken.
//!
//! They use only the public interface, so that the module `corpora` of `skaro-proto/tests/it` can run them with a
//! stable compiler over everything that fuzzing has collected.

mod choices;
pub mod client;
pub mod decoders;
mod direction;
pub mod formats;
mod ledger;
pub mod log;
pub mod network;
mod script;
pub mod server;
mod sessions;
mod visitors;
mod writing;

use choices::Choices;
use direction::{Direction, ToClient, ToServer};
