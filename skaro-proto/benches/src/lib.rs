//! Benchmark cases: parts of the core, and alternatives for comparison.
//!
//! The same cases are counted in instructions (`bin/micro.rs`, under callgrind), in allocations (`bin/allocations.rs`)
//! and in time (`bin/time.rs`).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a measurement that fails is to stop")]

pub mod client;
pub mod in_flight;
pub mod known;
pub mod memory;
mod ordered;
#[cfg(feature = "peers")]
pub mod peers;
pub mod samples;
pub mod server;

/// A benchmark case.
pub struct Case {
    /// The case's name in tables and in `instructions.toml`.
    pub name: String,
    /// Prepares the work once.
    pub begin: Box<dyn Fn() -> Box<dyn Work>>,
}

/// Repeatable work.
pub trait Work {
    /// Prepares the next [`run`](Work::run), outside of the measurement.
    fn prepare(&mut self) {}

    /// Does the measured work.
    fn run(&mut self);

    /// Returns the number of messages that one run handles.
    fn messages(&self) -> u32;
}

/// Number of messages in one run of most cases: enough to include the share of occasional work.
pub const MESSAGES: u32 = 64;

/// The function in which callgrind counts instructions, with all functions that it calls.
#[inline(never)]
pub fn measured(work: &mut dyn Work) {
    work.run();
}

impl Case {
    pub fn new<W: Work + 'static>(name: impl Into<String>, begin: impl Fn() -> W + 'static) -> Self {
        Case { name: name.into(), begin: Box::new(move || Box::new(begin())) }
    }

    /// Creates work without preparation and state.
    pub fn repeated(name: impl Into<String>, work: impl FnMut() + Clone + 'static) -> Self {
        Case::new(name, move || Repeated(work.clone()))
    }
}

struct Repeated<F>(F);

impl<F: FnMut()> Work for Repeated<F> {
    fn run(&mut self) {
        (0..MESSAGES).for_each(|_| (self.0)());
    }

    fn messages(&self) -> u32 {
        MESSAGES
    }
}

/// Returns all cases that the regression guard checks, and their baselines.
pub fn hot_paths() -> Vec<Case> {
    [known::cases(), client::cases(), server::cases()].into_iter().flatten().collect()
}

/// Returns the cases of a set by its name.
pub fn cases(set: &str) -> Vec<Case> {
    match set {
        "micro" => hot_paths(),
        "in-flight" => in_flight::cases(),
        "in-flight, timed" => in_flight::timed_cases(),
        #[cfg(feature = "peers")]
        "peers" => peers::cases(),
        _ => panic!("no such set of cases: {set}"),
    }
}
