//! One list of scenarios over real sockets, for every adapter and every server.
//!
//! `cargo test -p skaro-scenarios --test list -- tokio` runs those of one adapter, `-- "a cut"` one scenario.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what went wrong by panicking"
)]

mod clients;
mod dialing;
mod dropped;
mod hostile;
mod people;
mod strangers;
mod tls;
mod turns;
mod wakers;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use skaro_async_std::AsyncStd;
use skaro_blocking::Format;
use skaro_scenarios::adapters::{Adapter, Async, Blocking};
use skaro_scenarios::servers::{Host, serve};
use skaro_scenarios::world::{Kind, World};
use skaro_tokio::Tokio;

/// A scenario in a world of its own, of each kind.
type InWorld = (&'static str, fn(&World));

/// A scenario that makes what it needs.
type Alone = (&'static str, fn());

const KINDS: [Kind; 3] = [
    Kind { name: "json", format: Format::Json, tls: false, serve: serve::<AsyncStd> },
    Kind { name: "cbor", format: Format::Cbor, tls: false, serve: serve::<Tokio> },
    Kind { name: "tls", format: Format::Json, tls: true, serve: serve::<Tokio> },
];

/// Most of the time scenarios wait for the network and for time-outs.
const THREADS: usize = 12;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    let trials = [
        // The adapters under test: another one is another line here.
        of_client::<Async<AsyncStd>>("async-std"),
        of_client::<Async<Tokio>>("tokio"),
        of_client::<Blocking>("blocking"),
        of_runtime::<AsyncStd>("async-std"),
        of_runtime::<Tokio>("tokio"),
    ];
    libtest_mimic::run(&arguments, trials.into_iter().flatten().collect()).exit_code()
}

/// All that is tested of an adapter's client.
fn of_client<A: Adapter>(adapter: &str) -> Vec<Trial> {
    let in_worlds = KINDS.iter().flat_map(|kind| {
        let all = clients::all::<A>().into_iter().chain(people::all::<A>());
        all.map(move |one| (*kind, one))
    });
    let in_worlds = in_worlds.map(|(kind, (name, scenario))| {
        trial(format!("{adapter} {}: {name}", kind.name), move || scenario(&World::new(kind)))
    });
    let alone = [dialing::all::<A>(), hostile::all::<A>(), tls::all::<A>()].into_iter().flatten();
    let alone = alone.map(|(name, scenario)| trial(format!("{adapter}: {name}"), scenario));
    in_worlds.chain(alone).collect()
}

/// What is tested of the engine over a runtime besides: its server, and what only async programs can do.
fn of_runtime<R: Host>(adapter: &str) -> Vec<Trial> {
    let all =
        [("server", strangers::all::<R>()), ("wakers", wakers::all::<R>()), ("dropped", dropped::all::<R>())];
    let all = all.into_iter().flat_map(|(group, all)| all.into_iter().map(move |one| (group, one)));
    all.map(|(group, (name, scenario))| trial(format!("{adapter} {group}: {name}"), scenario)).collect()
}

fn trial(name: String, scenario: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, move || {
        scenario();
        Ok(())
    })
}
