//! The adapters over loopback, beside the libraries below them: both do the same work in turn, in one run, with the same
//! peer in a process of its own. Prints for each kind of work the rates and their ratio, of many short turns.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a measurement that fails is to stop")]

mod adapters;
mod bare;
mod peer;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use async_std::task;

/// Turns of each client.
const TURNS: usize = 15;
/// Requests that are sent together before their answers are read.
const TOGETHER: u32 = 100;

/// Work that a client does.
trait Client {
    /// A message is sent, its answer awaited, and so on.
    fn round_trips(&mut self, count: u32);
    /// [`TOGETHER`] messages are sent, then their answers read, and so on.
    fn pipelined(&mut self, count: u32);
    /// The server sends so many messages by itself.
    fn pushed(&mut self, count: u32);
}

/// Each kind of work, and how much of it makes a turn: some tens of milliseconds.
const WORK: [(&str, fn(&mut dyn Client, u32), u32); 3] = [
    ("round trips", |client, count| client.round_trips(count), 1_000),
    ("pipelined messages", |client, count| client.pipelined(count), 10_000),
    ("pushed messages", |client, count| client.pushed(count), 20_000),
];

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("peer") => peer::serve(),
        wanted => measure(wanted.unwrap_or_default()),
    }
}

fn measure(wanted: &str) {
    let mut process = Peer::start();
    let port = process.port();
    let pairs: [(&str, Box<dyn Client>, Box<dyn Client>); 2] = [
        (
            "skaro-async-std / async-tungstenite",
            Box::new(Tasks(Some(task::block_on(adapters::AsyncStd::connect(port))))),
            Box::new(Tasks(Some(task::block_on(bare::AsyncStd::connect(port))))),
        ),
        (
            "skaro-blocking / tungstenite",
            Box::new(adapters::Blocking::connect(port)),
            Box::new(bare::Blocking::connect(port)),
        ),
    ];
    for (names, mut ours, mut bare) in pairs.into_iter().filter(|(names, ..)| names.contains(wanted)) {
        for (work, run, count) in WORK {
            let mut turns: Vec<(f64, f64)> = (0..=TURNS)
                .map(|_| (rate(count, || run(&mut *ours, count)), rate(count, || run(&mut *bare, count))))
                .collect();
            // The first one warms up.
            turns.remove(0);
            let ours = median(turns.iter().map(|turn| turn.0));
            let bare = median(turns.iter().map(|turn| turn.1));
            let ratio = |(ours, bare): &(f64, f64)| ours / bare;
            println!("{names}\t{work}\t{ours:.0}\t{bare:.0}\t{:.3}", median(turns.iter().map(ratio)));
        }
    }
}

fn rate(count: u32, work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    f64::from(count) / start.elapsed().as_secs_f64()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Work in a task of its own: async-std's `block_on` runs its future apart from the other threads, which is slower.
struct Tasks<T>(Option<T>);

macro_rules! in_a_task {
    ($type:ty: $($work:ident)*) => {
        impl Client for Tasks<$type> {
            $(fn $work(&mut self, count: u32) {
                let mut client = self.0.take().unwrap();
                self.0 = Some(task::block_on(task::spawn(async move {
                    client.$work(count).await;
                    client
                })));
            })*
        }
    };
}

in_a_task!(adapters::AsyncStd: round_trips pipelined pushed);
in_a_task!(bare::AsyncStd: round_trips pipelined pushed);

/// The peer's process, which ends with this one.
struct Peer(Child);

impl Peer {
    fn start() -> Self {
        let this = std::env::current_exe().unwrap();
        Peer(Command::new(this).arg("peer").stdout(Stdio::piped()).spawn().unwrap())
    }

    fn port(&mut self) -> u16 {
        let mut line = String::new();
        BufReader::new(self.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        line.trim().parse().unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}
