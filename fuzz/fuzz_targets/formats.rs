//! The same message in JSON and in CBOR.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skaro_fuzz::formats::run(data));
