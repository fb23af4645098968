//! A small simulated network in which everything is decided by the bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skaro_fuzz::network::run(data));
