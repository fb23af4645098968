//! Measures the cases of a set by the clock: nanoseconds per message, in the fastest of several runs, since other work
//! on the machine only adds time. For comparisons with things that callgrind can't count.

use std::time::{Duration, Instant};

use skaro_bench::{cases, measured};

/// Time during which each case is repeated.
const TIME: Duration = Duration::from_millis(500);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let set = arguments.next().unwrap_or_default();
    let wanted = arguments.next().unwrap_or_default();
    for case in cases(&set).iter().filter(|case| case.name.contains(&wanted)) {
        let mut work = (case.begin)();
        let until = Instant::now() + TIME;
        let mut fastest = Duration::MAX;
        while Instant::now() < until {
            work.prepare();
            let start = Instant::now();
            measured(&mut *work);
            fastest = fastest.min(start.elapsed());
        }
        println!("{}\t{}", fastest.as_nanos() as f64 / f64::from(work.messages()), case.name);
    }
}
