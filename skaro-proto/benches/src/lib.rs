//! What is measured: cases, each some work of the core or something to compare it with.
//!
//! The same cases are counted in instructions (`bin/micro.rs`, under callgrind), in allocations
//! (`bin/allocations.rs`) and in time (`bin/time.rs`).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a measurement that fails is to stop")]

pub mod client;
pub mod in_flight;
pub mod known;
pub mod memory;
#[cfg(feature = "peers")]
pub mod peers;
pub mod samples;
pub mod server;

/// Something to measure.
pub struct Case {
    /// What it is called in tables and in `instructions.toml`.
    pub name: String,
    /// Makes everything ready, once.
    pub begin: Box<dyn Fn() -> Box<dyn Work>>,
}

/// Work that can be repeated.
pub trait Work {
    /// What the next [`run`](Work::run) needs but what is not measured.
    fn prepare(&mut self) {}

    /// What is measured.
    fn run(&mut self);

    /// How many messages one run handles.
    fn messages(&self) -> u32;
}

/// Messages that one run handles, in most cases: so many that what happens now and then counts with its share.
pub const MESSAGES: u32 = 64;

/// The function that callgrind counts instructions in, with all that it calls.
#[inline(never)]
pub fn measured(work: &mut dyn Work) {
    work.run();
}

impl Case {
    pub fn new<W: Work + 'static>(name: impl Into<String>, begin: impl Fn() -> W + 'static) -> Self {
        Case { name: name.into(), begin: Box::new(move || Box::new(begin())) }
    }

    /// Work that needs no preparation, and keeps no state.
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

/// All that the regression guard looks at, and what it is compared with.
pub fn hot_paths() -> Vec<Case> {
    [known::cases(), client::cases(), server::cases()].into_iter().flatten().collect()
}

/// The cases of a set by its name.
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
