//! The tests of the core's public interface, in one program.
//!
//! | module | what it tests |
//! |---|---|
//! | `connection` | time-outs, keep-alive, reconnection and restoration, on a virtual clock |
//! | `commands` | commands as types, each with an answer of its own |
//! | `exactly_once` | every command that was taken ends once, whatever happens (a property) |
//! | `endpoint` | the server's end of one connection, without a service, and with one of its own |
//! | `server`, `slow_readers` | what the server does, seen from its clients |
//! | `stored` | the server with a store behind it |
//! | `log` | logs, cursors, keys, read marks, pages of histories |
//! | `people` | registering, contacts, profiles, conferences, presence, signing out |
//! | `reading`, `original_bytes` | what is read, what is refused, and the original client's bytes |
//! | `properties` | the formats and whatever may arrive, on generated messages and bytes |
//! | `models` | the client and the server, each beside a small model of it |
//! | `vectors` | the test vectors in `tests/vectors`, for any implementation |
//! | `specification` | the examples and numbers in PROTOCOL.md |
//! | `diagrams` | the state diagrams in STATES.md |
//! | `words` | the texts of errors, events and settings, and what they must not show |
//! | `logs` | log lines, with the feature `tracing`: no secrets, logins and texts |
//! | `corpora` | what fuzzing has collected, through the fuzz targets in `fuzz/src/targets` |
//!
//! | module | what the others share |
//! |---|---|
//! | `support` | a server, clients and connections that can be cut, on a clock that jumps |
//! | `targets` | the fuzz targets' bodies |
//!
//! Programs of their own are `tests/allocations`, whose allocator counts (what peers can cost is tested there, too), and
//! `tests/simulation.rs`, which `.ci/run planted` builds alone. Its network, `tests/network`, is also a fuzz target and
//! `examples/simulate`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "tests"
)]

mod commands;
mod connection;
mod corpora;
mod diagrams;
mod endpoint;
mod exactly_once;
mod log;
#[cfg(feature = "tracing")]
mod logs;
mod models;
mod original_bytes;
mod overload;
mod people;
mod properties;
mod reading;
mod server;
mod slow_readers;
mod specification;
mod stored;
mod support;
#[path = "../../../fuzz/src/targets/mod.rs"]
mod targets;
mod vectors;
mod words;
