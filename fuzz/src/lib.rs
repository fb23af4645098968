//! What all fuzz targets are made of, compiled once: see `skaro-proto/tests/fuzzing`.

#[path = "../../skaro-proto/tests/fuzzing/mod.rs"]
mod fuzzing;

pub use fuzzing::{client, decoders, formats, network, server};
