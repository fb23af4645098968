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
mod turns;
mod world;

use adapters::{Adapter, AsyncStd, Blocking};

/// The adapters under test: another one is another line here.
const ADAPTERS: [Tests; 2] = [Tests::of::<AsyncStd>("async-std"), Tests::of::<Blocking>("blocking")];

/// All that is tested of an adapter.
struct Tests {
    name: &'static str,
    scenarios: fn(),
    certificates: fn(),
    ipv6: fn(),
}

impl Tests {
    const fn of<A: Adapter>(name: &'static str) -> Tests {
        Tests {
            name,
            scenarios: scenarios::run::<A>,
            certificates: tls::checks_certificates::<A>,
            ipv6: tls::takes_an_ipv6_address_for_a_name::<A>,
        }
    }
}

fn each(test: impl Fn(&Tests)) {
    for tests in &ADAPTERS {
        eprintln!("{}:", tests.name);
        test(tests);
    }
}

#[test]
fn all_scenarios_in_each_format() {
    each(|tests| (tests.scenarios)());
}

#[test]
fn certificates_are_checked() {
    each(|tests| (tests.certificates)());
}

#[test]
fn an_ipv6_address_is_a_good_name() {
    each(|tests| (tests.ipv6)());
}

#[test]
fn events_come_in_order_and_their_texts_are_not_shown() {
    turns::both_ways_of_reading_share_one_order();
    turns::events_that_were_taken_are_not_shown();
}
