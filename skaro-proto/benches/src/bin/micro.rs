//! Runs the cases of a set, or prints their names. For callgrind, which counts the instructions in `measured` and
//! writes the count each time it returns: see `run`.

use skaro_bench::{cases, measured};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let set = arguments.next().unwrap_or_default();
    let wanted = arguments.next().unwrap_or_default();
    for case in cases(&set).iter().filter(|case| case.name.contains(&wanted)) {
        let mut work = (case.begin)();
        // A warm-up, in which buffers grow and the allocator settles.
        work.prepare();
        work.run();
        work.prepare();
        measured(&mut *work);
        write_down(work.messages(), &case.name);
    }
}

/// Callgrind writes its count when this is called.
#[inline(never)]
fn write_down(messages: u32, name: &str) {
    println!("{messages}\t{name}");
}
