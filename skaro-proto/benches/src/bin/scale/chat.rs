//! Chatting on some of the connections, with the latency of each message.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_std::task;
use skaro_async_std::proto::client::{Event, SendMessage};
use skaro_async_std::{Client, Events};

use crate::login;
use crate::system::Work;

/// Time-out after which the last messages count as lost.
const PATIENCE: Duration = Duration::from_secs(10);

const PERCENTILES: [f64; 5] = [50.0, 90.0, 99.0, 99.9, 100.0];

/// The amount of chatting.
#[derive(Clone, Copy)]
pub struct Chat {
    pub chatting: usize,
    /// Messages per second, of all clients together.
    pub rate: usize,
    pub time: Duration,
}

/// The results of all tasks.
#[derive(Default)]
struct Seen {
    sent: AtomicUsize,
    /// Refused commands, broken connections and similar.
    failed: AtomicUsize,
    heard: Mutex<Vec<Delay>>,
}

/// The time until a message reached its reader.
#[derive(Clone, Copy)]
struct Delay {
    /// Since it was given to the sending client.
    given: Duration,
    /// Since it was due: includes delays in this process.
    due: Duration,
}

impl Chat {
    /// Lets the first clients chat, and keeps the others idle.
    pub async fn run(self, pid: &str, clients: Vec<(Client, Events)>) {
        let seen = Arc::new(Seen::default());
        let (mut writers, mut idle) = (Vec::new(), Vec::new());
        let before = Work::so_far(pid);
        let start = Instant::now();
        for (number, (client, events)) in clients.into_iter().enumerate() {
            if number < self.chatting {
                task::spawn(read(events, start, seen.clone()));
                writers.push(task::spawn(self.write(client, start, number, seen.clone())));
            } else {
                idle.push((client, events));
            }
        }
        // Finished clients are kept, as the idle ones are, since dropping them closes their connections.
        let mut done = Vec::new();
        for writer in writers {
            done.push(writer.await);
        }
        let work = Work::so_far(pid).since(before);
        let sent = seen.sent.load(Ordering::Relaxed);
        let until = Instant::now() + PATIENCE;
        while seen.heard.lock().unwrap().len() < sent && Instant::now() < until {
            task::sleep(Duration::from_millis(50)).await;
        }
        let failed = seen.failed.load(Ordering::Relaxed);
        let heard = std::mem::take(&mut *seen.heard.lock().unwrap());
        println!("chat\t{sent}\t{}\t{failed}", heard.len());
        let [server, here, others] = work.map(|time| time as f64 / 100.0 / self.time.as_secs_f64());
        println!("processors\t{server:.2}\t{here:.2}\t{others:.2}");
        print(&heard);
    }

    /// Sends messages to random others, at random times.
    async fn write(self, client: Client, start: Instant, number: usize, seen: Arc<Seen>) -> Client {
        let mut random = Random(number as u64);
        let period = self.chatting as f64 / self.rate as f64;
        let mut due = Duration::ZERO;
        loop {
            // Uniform up to twice the period, so the period on average.
            due += Duration::from_secs_f64(2.0 * period * random.share());
            if due >= self.time {
                return client;
            }
            task::sleep(due.saturating_sub(start.elapsed())).await;
            let other = (number + 1 + random.below(self.chatting - 1)) % self.chatting;
            let to = login(other);
            let given = start.elapsed();
            let body = format!("{} {} hello", due.as_nanos(), given.as_nanos());
            let count = match client.submit(SendMessage::new(&to, &body)) {
                Ok(_) => &seen.sent,
                Err(_) => &seen.failed,
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn read(mut events: Events, start: Instant, seen: Arc<Seen>) {
    while let Some(event) = events.next().await {
        match event {
            Event::Message(incoming) if !incoming.is_own() => {
                let now = start.elapsed();
                let mut times = incoming.message.body.split(' ').map_while(|word| word.parse().ok());
                let mut since = || now - Duration::from_nanos(times.next().unwrap());
                let (due, given) = (since(), since());
                seen.heard.lock().unwrap().push(Delay { given, due });
            }
            Event::Connected { .. } => (),
            Event::Ended(ended) if ended.outcome.is_ok() => (),
            _ => _ = seen.failed.fetch_add(1, Ordering::Relaxed),
        }
    }
}

/// Prints percentiles in microseconds: since a message was given, and since it was due.
fn print(heard: &[Delay]) {
    let sorted = |what: fn(&Delay) -> Duration| {
        let mut times: Vec<_> = heard.iter().map(what).collect();
        times.sort_unstable();
        times
    };
    let (given, due) = (sorted(|delay| delay.given), sorted(|delay| delay.due));
    for percentile in PERCENTILES {
        let place = (heard.len() as f64 * percentile / 100.0).ceil() as usize;
        let at = |times: &[Duration]| times[place.max(1) - 1].as_micros();
        println!("delivery\t{percentile}\t{}\t{}", at(&given), at(&due));
    }
}

/// A simple generator: its quality does not matter.
struct Random(u64);

impl Random {
    /// Returns a number from 0 to 1.
    fn share(&mut self) -> f64 {
        // Knuth's linear congruential generator, whose upper bits are the better ones.
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as f64 / (1u64 << 31) as f64
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.share() * bound as f64) as usize
    }
}
