//! The same cases in time. `cargo bench --bench wall`, with a part of a name to choose.

use std::cell::RefCell;

use divan::Bencher;
use divan::counter::ItemsCount;
use skaro_bench::{cases, measured};

fn main() {
    divan::main();
}

fn names() -> Vec<String> {
    cases("micro").into_iter().map(|case| case.name).collect()
}

/// One case; the items are messages.
#[divan::bench(args = names())]
fn micro(bencher: Bencher<'_, '_>, name: &str) {
    let Some(case) = cases("micro").into_iter().find(|case| case.name == name) else { return };
    let work = RefCell::new((case.begin)());
    let messages = work.borrow().messages();
    bencher
        .counter(ItemsCount::new(messages))
        .with_inputs(|| work.borrow_mut().prepare())
        .bench_local_values(|()| measured(&mut **work.borrow_mut()));
}
