//! A client over loopback, through one of the adapters or the library below it. The peer is the same for all, in a
//! process of its own. Each line on standard input starts a turn of one kind of work; afterwards the rate per second is
//! printed. So clients in several processes can take turns.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a measurement that fails is to stop")]

mod adapters;
mod bare;
mod peer;

use std::future::Future;
use std::time::Instant;

/// Number of requests that are sent together before their answers are read.
const TOGETHER: u32 = 100;

/// A kind of work of a client.
trait Client {
    /// Sends a message, and waits for its answer, repeatedly.
    fn round_trips(&mut self, count: u32);
    /// Sends [`TOGETHER`] messages, then reads their answers, repeatedly.
    fn pipelined(&mut self, count: u32);
    /// Receives messages that the server sends by itself.
    fn pushed(&mut self, count: u32);
}

/// The same for a client whose calls are awaited.
trait AsyncClient: Send + 'static {
    fn round_trips(&mut self, count: u32) -> impl Future<Output = ()> + Send;
    fn pipelined(&mut self, count: u32) -> impl Future<Output = ()> + Send;
    fn pushed(&mut self, count: u32) -> impl Future<Output = ()> + Send;
}

type Run = fn(&mut dyn Client, u32);

/// Each kind of work, with the amount that makes a turn of some tens of milliseconds.
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
        "skaro-async-std" => tasks(AsyncStd, adapters::Async::<skaro_async_std::AsyncStd>::connect(port)),
        "async-tungstenite" => tasks(AsyncStd, bare::Async::connect_async_std(port)),
        "skaro-tokio" => tasks(tokio(), adapters::Async::<skaro_tokio::Tokio>::connect(port)),
        "tokio-tungstenite" => tasks(tokio(), bare::Async::connect_tokio(port)),
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

/// Runs a future as a task on the threads of a runtime. As the future of `block_on` it would run outside of them, which
/// is slower.
trait Executor {
    fn run<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> T;
}

struct AsyncStd;

impl Executor for AsyncStd {
    fn run<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> T {
        async_std::task::block_on(async_std::task::spawn(task))
    }
}

fn tokio() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

impl Executor for tokio::runtime::Runtime {
    fn run<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> T {
        self.block_on(self.spawn(task)).unwrap()
    }
}

struct Tasks<E, C> {
    executor: E,
    client: Option<C>,
}

fn tasks<E: Executor + 'static, C: AsyncClient>(
    executor: E,
    connecting: impl Future<Output = C> + Send + 'static,
) -> Box<dyn Client> {
    let client = Some(executor.run(connecting));
    Box::new(Tasks { executor, client })
}

impl<E: Executor, C: AsyncClient> Tasks<E, C> {
    fn run<F: Future<Output = C> + Send + 'static>(&mut self, work: impl FnOnce(C) -> F) {
        let client = self.client.take().unwrap();
        self.client = Some(self.executor.run(work(client)));
    }
}

impl<E: Executor, C: AsyncClient> Client for Tasks<E, C> {
    fn round_trips(&mut self, count: u32) {
        self.run(|mut client| async move {
            client.round_trips(count).await;
            client
        });
    }

    fn pipelined(&mut self, count: u32) {
        self.run(|mut client| async move {
            client.pipelined(count).await;
            client
        });
    }

    fn pushed(&mut self, count: u32) {
        self.run(|mut client| async move {
            client.pushed(count).await;
            client
        });
    }
}
