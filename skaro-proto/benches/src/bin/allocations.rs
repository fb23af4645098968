//! Counts the heap allocations of each case, or (`memory`) the memory of idle connections.

use std::alloc::System;

use skaro_bench::{cases, measured, memory};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let set = std::env::args().nth(1).unwrap_or_default();
    if set == "memory" {
        return memory::print(COUNTING);
    }
    for case in cases(&set) {
        let mut work = (case.begin)();
        work.prepare();
        work.run();
        work.prepare();
        let region = Region::new(COUNTING);
        measured(&mut *work);
        let change = region.change();
        let each = |count: usize| count as f64 / f64::from(work.messages());
        println!("{}\t{}\t{}", each(change.allocations), each(change.reallocations), case.name);
    }
}
