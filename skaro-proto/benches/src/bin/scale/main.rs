//! Opens thousands of connections to a running server, and prints their costs: `scale.py` starts the server, calls
//! this, and makes tables of the output.
//!
//! ```console
//! $ scale URL PID connect CONNECTIONS
//! $ scale URL PID sign-in CONNECTIONS
//! $ scale URL PID chat CONNECTIONS CHATTING MESSAGES-PER-SECOND SECONDS
//! ```
#![allow(clippy::unwrap_used, clippy::panic, reason = "a measurement that fails is to stop")]

mod chat;
mod system;

use std::sync::Arc;
use std::time::Duration;

use async_std::task;
use skaro_async_std::proto::client::Status;
use skaro_async_std::{Client, Events, Options};

use chat::Chat;

/// Number of connections between two measurements of the server's memory.
const STEP: usize = 1_000;

/// Number of concurrent attempts to connect: less than the server's backlog.
const AT_ONCE: usize = 50;

/// The password of all users: a single one, so that the server's command line is short.
const PASSWORD: &str = "secret";

/// The logins of the server's users: `user0`, `user1` and so on.
fn login(number: usize) -> String {
    format!("user{number}")
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, pid, what, numbers @ ..] = &arguments[..] else { panic!("see the top of this file") };
    let numbers: Vec<usize> = numbers.iter().map(|number| number.parse().unwrap()).collect();
    task::block_on(async {
        match (what.as_str(), &numbers[..]) {
            ("connect", &[count]) => drop(connect(url, pid, count, false).await),
            ("sign-in", &[count]) => drop(connect(url, pid, count, true).await),
            ("chat", &[count, chatting, rate, seconds]) => {
                let clients = connect(url, pid, count, true).await;
                let chat = Chat { chatting, rate, time: Duration::from_secs(seconds as u64) };
                chat.run(pid, clients).await;
            }
            _ => panic!("see the top of this file"),
        }
    });
}

/// Makes this many connections, signing in on each or on none; prints the server's memory from time to time.
async fn connect(url: &str, pid: &str, count: usize, signs_in: bool) -> Vec<(Client, Events)> {
    let url: Arc<str> = url.into();
    let mut clients = Vec::new();
    system::print_memory(pid, 0);
    while clients.len() < count {
        let next: Vec<usize> = (clients.len()..count).take(AT_ONCE.min(STEP)).collect();
        let dials = next.into_iter().map(|number| task::spawn(dial(url.clone(), number, signs_in)));
        // Collected, so that all attempts start before the first is awaited.
        for dial in dials.collect::<Vec<_>>() {
            clients.push(dial.await);
        }
        if clients.len() % STEP == 0 {
            // The last handshakes may still be running in the server.
            task::sleep(Duration::from_millis(500)).await;
            system::print_memory(pid, clients.len());
        }
    }
    let expected = if signs_in { Status::SignedIn } else { Status::Connected };
    let lost = clients.iter().filter(|(client, _)| client.with(|client| client.status()) != expected).count();
    assert_eq!(lost, 0, "connections were lost");
    clients
}

async fn dial(url: Arc<str>, number: usize, signs_in: bool) -> (Client, Events) {
    let mut options = Options::new(&*url);
    // A broken connection spoils the measurement, so it must be reported.
    options.config.reconnect = None;
    let (client, events) = Client::connect(options).await.unwrap();
    if signs_in {
        client.authorize(&login(number), PASSWORD).await.unwrap();
    }
    (client, events)
}
