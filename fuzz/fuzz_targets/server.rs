//! Several connections to a server, and whatever may come from them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skaro_fuzz::server::run(data));
