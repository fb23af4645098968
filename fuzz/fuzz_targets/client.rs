//! Anything that can happen to a client, in any order.
#![no_main]

#[path = "../../skaro-proto/tests/fuzzing/mod.rs"]
mod fuzzing;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzing::client::run(data));
