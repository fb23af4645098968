//! Anything that can happen to a client, in any order.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skaro_fuzz::client::run(data));
