//! One list of scenarios over real sockets, run against each adapter in each format.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod adapters;
mod proxy;
mod scenarios;
mod tls;
mod world;

use adapters::{Adapter, AsyncStd, Blocking};
use skaro_blocking::proto::Format;

/// To test another adapter add a line to each of these two.
#[test]
fn async_std_passes_all_scenarios() {
    run::<AsyncStd>();
}

#[test]
fn blocking_passes_all_scenarios() {
    run::<Blocking>();
}

fn run<A: Adapter>() {
    for (name, scenario) in scenarios::all::<A>() {
        for format in [Format::Json, Format::Cbor] {
            eprintln!("{name} ({format})");
            scenario(&world::World::new(format));
        }
    }
}
