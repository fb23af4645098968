//! Logs and cursors: a client, a server, and both in a small simulated network.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skaro_fuzz::log::run(data));
