//! Any bytes as a frame, in both directions and both formats.
#![no_main]

#[path = "../../skaro-proto/tests/fuzzing/mod.rs"]
mod fuzzing;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzing::decoders::run(data));
