//! One list of scenarios over real sockets, run against each adapter in each format.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod adapters;
mod hostile;
mod proxy;
mod scenarios;
mod tls;
mod turns;
mod world;

use adapters::{Adapter, AsyncStd, Blocking};
use skaro_blocking::Format;
use world::World;

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

/// Not for the async-std adapter as it is: it would take memory without end.
#[test]
fn hostile_servers_and_unread_events() {
    use hostile as h;
    for format in [Format::Json, Format::Cbor] {
        let world = World::new(format);
        h::a_flood_before_the_greeting_ends_the_connection::<Blocking>(&world);
        h::a_flood_instead_of_an_answer_ends_the_connection::<Blocking>(&world);
        h::a_flood_while_closing_ends_the_connection::<Blocking>(&world);
        h::an_answer_behind_3000_unread_events_comes::<Blocking>(&world);
    }
}
