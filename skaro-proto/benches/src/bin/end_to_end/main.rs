//! A client over loopback, through one of the adapters or the library below it; the peer is the same for all, and a
//! process of its own. Each line on standard input asks for a turn of some work; then how much of it was done per second
//! is printed. So clients in several processes can take turns.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a measurement that fails is to stop")]

mod adapters;
mod bare;
mod peer;

use std::time::Instant;

use async_std::task;

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

type Run = fn(&mut dyn Client, u32);

/// Each kind of work, and how much of it makes a turn: some tens of milliseconds.
const WORK: [(&str, Run, u32); 3] = [
    ("round trips", |client, count| client.round_trips(count), 1_000),
    ("pipelined messages", |client, count| client.pipelined(count), 10_000),
    ("pushed messages", |client, count| client.pushed(count), 20_000),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["peer"] => peer::serve(),
        [client, port] => measure(client, port.parse().unwrap()),
        _ => panic!("end_to_end peer, or end_to_end <client> <the peer's port>"),
    }
}

fn measure(client: &str, port: u16) {
    let mut client: Box<dyn Client> = match client {
        "skaro-async-std" => Box::new(Tasks(Some(task::block_on(adapters::AsyncStd::connect(port))))),
        "async-tungstenite" => Box::new(Tasks(Some(task::block_on(bare::AsyncStd::connect(port))))),
        "skaro-blocking" => Box::new(adapters::Blocking::connect(port)),
        "tungstenite" => Box::new(bare::Blocking::connect(port)),
        _ => panic!("there is no client {client}"),
    };
    for wanted in std::io::stdin().lines().map(Result::unwrap) {
        let (_, run, count) = WORK.into_iter().find(|(work, ..)| *work == wanted).unwrap();
        let start = Instant::now();
        run(&mut *client, count);
        println!("{:.0}", f64::from(count) / start.elapsed().as_secs_f64());
    }
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
