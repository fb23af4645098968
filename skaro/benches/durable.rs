//! Messages that `skaro serve` answers from the disk, beside the synchronizations that the disk does:
//! `cargo bench -p skaro --bench durable`. Clients, server and disk share the machine.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark"
)]

#[path = "../../skaro-sqlite/benches/disk/mod.rs"]
mod disk;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use skaro_tokio::Client;

/// Users, with one connection each. The server takes 50 messages per second from each of them, and 1,000 at once.
const USERS: usize = 250;
/// Messages that a connection has under way.
const UNDER_WAY: usize = 8;
/// Length of a message in bytes.
const BODY: usize = 200;
/// Time for each figure.
const TIME: Duration = Duration::from_secs(5);
/// Messages per second while the time to an answer is measured.
const RATE: u32 = 1000;

fn main() {
    let place = tempfile::tempdir().unwrap();
    disk::tell_syncs(place.path());
    let (mut server, url) = serve(place.path());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut clients = Vec::new();
        for user in 0..USERS {
            clients.push(connect(&url, user).await);
        }
        let rate = rate(&clients).await;
        println!("{:<50} {rate:>9.0} /s", format!("durable messages, {USERS} connections, {UNDER_WAY} each"));
        let times = answers(&clients).await;
        let at = |share: usize| times[times.len() * share / 1000].as_secs_f64() * 1e3;
        let (median, high, highest) = (at(500), at(990), at(999));
        println!(
            "{:<50} {median:>9.2} ms, 99 %: {high:.2} ms, 99.9 %: {highest:.2} ms",
            format!("answers at {RATE} messages/s, median")
        );
    });
    disk::tell_syncs(place.path());
    server.kill().unwrap();
    server.wait().unwrap();
}

fn serve(place: &Path) -> (Child, String) {
    let users = (0..USERS).fold(String::new(), |mut lines, user| {
        writeln!(lines, "user{user}:secret").unwrap();
        lines
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_skaro"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(place.join("data"));
    command.env("SKARO_USERS", users).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
    (child, url)
}

/// A client that takes what comes.
async fn connect(url: &str, user: usize) -> Client {
    let (client, mut events) = Client::connect(url).await.unwrap();
    client.authorize(&format!("user{user}"), "secret").await.unwrap();
    tokio::spawn(async move { while events.next().await.is_some() {} });
    client
}

async fn send(client: &Client) {
    let to = format!("user{}", fastrand::usize(..USERS));
    client.send_message(&to, &"x".repeat(BODY)).await.unwrap();
}

/// Returns how many messages are answered in a second.
async fn rate(clients: &[Client]) -> f64 {
    let begin = Instant::now();
    let mut senders = Vec::new();
    for n in 0..USERS * UNDER_WAY {
        let client = clients[n % USERS].clone();
        senders.push(tokio::spawn(async move {
            let mut count = 0;
            while begin.elapsed() < TIME {
                send(&client).await;
                count += 1;
            }
            count
        }));
    }
    let mut count = 0;
    for sender in senders {
        count += sender.await.unwrap();
    }
    f64::from(count) / begin.elapsed().as_secs_f64()
}

/// Returns after what times messages are answered that come at [`RATE`], from the moment at which each was due.
async fn answers(clients: &[Client]) -> Vec<Duration> {
    let begin = Instant::now();
    let mut senders = Vec::new();
    for (n, client) in (0..RATE * 5).zip(clients.iter().cycle()) {
        let (due, client) = (begin + Duration::from_secs(1) / RATE * n, client.clone());
        tokio::time::sleep_until(due.into()).await;
        senders.push(tokio::spawn(async move {
            send(&client).await;
            due.elapsed()
        }));
    }
    let mut times = Vec::new();
    for sender in senders {
        times.push(sender.await.unwrap());
    }
    times.sort();
    times
}
