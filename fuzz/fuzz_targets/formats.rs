//! The same message in JSON and in CBOR.
#![no_main]

#[path = "../../skaro-proto/tests/fuzzing/mod.rs"]
mod fuzzing;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzing::formats::run(data));
