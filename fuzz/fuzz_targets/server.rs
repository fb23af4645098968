//! Several connections to a server, and whatever may come from them.
#![no_main]

#[path = "../../skaro-proto/tests/fuzzing/mod.rs"]
mod fuzzing;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzing::server::run(data));
