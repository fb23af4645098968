//! Simulated networks, many short ones: see `network/mod.rs`. For long ones, see `examples/simulate`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod network;

use network::{Choices, Count, Failure, Plan, Report};

/// Lines of the trace that are shown of a run that failed.
const LAST_LINES: usize = 60;

fn try_run(seed: u64, trace: bool) -> Result<Report, Failure> {
    let plan = Plan { clients: 3 + seed as usize % 20, steps: 500, trace };
    network::run(Choices::seeded(seed), &plan)
}

fn run(seed: u64) -> Report {
    let failure = match try_run(seed, false) {
        Ok(report) => return report,
        Err(failure) => failure,
    };
    // The same once more, to see how it came about.
    let trace = try_run(seed, true).map_or_else(|failure| failure.trace, |report| report.trace);
    let last = trace.len().saturating_sub(LAST_LINES);
    panic!("{}\nseed {seed}: {failure}", trace[last..].join("\n"));
}

#[test]
fn all_promises_hold_and_everything_was_tried() {
    let mut all = Report::default();
    for seed in 0..40 {
        all.include(&run(seed));
    }
    let missing: Vec<_> = Count::ALL.iter().filter(|count| all.get(**count) == 0).collect();
    assert!(missing.is_empty(), "nobody tried {missing:?}");
}

#[test]
fn the_same_seed_is_the_same_run() {
    let [one, other] = [3, 3].map(|seed| try_run(seed, true).expect("it holds"));
    assert!(one.trace.len() > 1000);
    assert_eq!(one, other);
    assert_ne!(one.trace, try_run(4, true).expect("it holds").trace);
    // Writing it down changes nothing.
    let silent = try_run(3, false).expect("it holds");
    assert!(Count::ALL.iter().all(|count| one.get(*count) == silent.get(*count)));
}

#[test]
fn a_string_of_bytes_is_a_network_too() {
    let plan = Plan { clients: 3, steps: 500, trace: true };
    let bytes: Vec<_> = (0..2000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let [one, other] = [&bytes, &bytes].map(|bytes| network::run(Choices::from_bytes(bytes), &plan));
    let one = one.expect("it holds");
    assert!(one.frames() > 100, "{} frames", one.frames());
    assert_eq!(one, other.expect("it holds"));
    let empty = network::run(Choices::from_bytes(&[]), &plan).expect("it holds");
    assert_eq!(empty.get(Count::Cuts) + empty.get(Count::Garbage), 0);
}

/// What was exercised by networks of these seeds.
fn of_logs(
    seeds: std::ops::Range<u64>,
    run: fn(Choices, usize, usize) -> Result<network::logs::Exercised, String>,
) -> network::logs::Exercised {
    let mut all = network::logs::Exercised::default();
    for seed in seeds {
        let run = run(Choices::seeded(seed), 3 + seed as usize % 5, 4000);
        let run = run.unwrap_or_else(|what| panic!("seed {seed}: {what}"));
        all.include(&run);
    }
    let network =
        [all.messages, all.repeated, all.entries, all.cuts, all.half_dead, all.restarts, all.lost_logs];
    let ends = [all.full_windows, all.unknown, all.read_marks, all.postponed, all.refused];
    assert!(network.into_iter().chain(ends).all(|times| times > 10), "{all:?}");
    assert!(all.people.least() > 10, "{all:?}");
    all
}

#[test]
fn all_promises_hold_that_logs_make() {
    of_logs(0..60, network::logs::run);
}

#[test]
fn all_promises_hold_while_the_store_is_slow_and_the_server_crashes() {
    let all = of_logs(0..40, network::logs::run_with_store);
    assert!(all.crashes > 10 && all.stuck > 10 && all.refused > 0, "{all:?}");
}

#[test]
fn the_same_decisions_are_the_same_network_of_logs() {
    for n in 0..30_u32 {
        let bytes: Vec<_> =
            (0..1500_u32).map(|it| ((it + 1500 * n).wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let decisions = || Choices::from_bytes(&bytes);
        let run = |choices, steps| {
            let run = network::logs::run(choices, 1 + n as usize % 4, steps);
            format!("{:?}", run.unwrap_or_else(|what| panic!("{n}: {what}")))
        };
        assert_eq!(run(decisions(), 400), run(decisions(), 400));
        assert_eq!(run(Choices::seeded(n.into()), 300), run(Choices::seeded(n.into()), 300));
    }
}
