//! Any bytes as a frame, in both directions and both formats.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skaro_fuzz::decoders::run(data));
