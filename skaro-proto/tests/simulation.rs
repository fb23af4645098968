//! Simulated networks, many short ones: see `network/mod.rs`. For longer ones, see `examples/simulate`.

mod network;

use network::{Choices, Count, Plan, Report};

fn run(seed: u64, trace: bool) -> Report {
    let plan = Plan { clients: 3 + seed as usize % 20, steps: 500, trace };
    match network::run(Choices::seeded(seed), &plan) {
        Ok(report) => report,
        Err(failure) if trace => {
            let last = failure.trace.len().saturating_sub(60);
            panic!("{}\nseed {seed}: {failure}", failure.trace[last..].join("\n"));
        }
        // The same once more, to see how it came about.
        Err(_) => run(seed, true),
    }
}

#[test]
fn promises_hold() {
    let mut all = Report::default();
    for seed in 0..40 {
        all.include(&run(seed, false));
    }
    let missing: Vec<_> = Count::ALL.iter().filter(|count| all.get(**count) == 0).collect();
    assert!(missing.is_empty(), "nobody tried {missing:?}");
}
