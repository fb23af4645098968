//! Runs the cases of a set, or prints their names. To be run under callgrind, which counts instructions in
//! `measured` and writes them down each time it returns: see `run`.

use skaro_bench::{cases, measured};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let set = arguments.next().unwrap_or_default();
    let wanted = arguments.next().unwrap_or_default();
    for case in cases(&set).iter().filter(|case| case.name.contains(&wanted)) {
        let mut work = (case.begin)();
        // Once to warm up: buffers have grown, the allocator has found its places.
        work.prepare();
        work.run();
        work.prepare();
        measured(&mut *work);
        write_down(work.messages(), &case.name);
    }
}

/// When this is called, callgrind writes the count down.
#[inline(never)]
fn write_down(messages: u32, name: &str) {
    println!("{messages}\t{name}");
}
