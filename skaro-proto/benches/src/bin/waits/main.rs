//! Measures the answer time of a well-behaved user while others attack the server: nobody, 64 strangers, 16 users, and
//! all of them. Server, user and attackers are in this process, over loopback.
//!
//! Prints a line for each: the attackers, the number of round trips, their median and maximum in microseconds, and the
//! attackers' frames and connections per second. Limits by address are off, since all have the same address.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a measurement that fails is to stop")]

mod attack;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use async_std::task::block_on;
use skaro_async_std::proto::server::{Server as Machine, ServerConfig};
use skaro_async_std::{Format, Server, random_seed};
use skaro_blocking::Client;

use attack::{Attack, PASSWORD, Target, user};

const STRANGERS: usize = 64;
const USERS: usize = 16;

/// Time of attack before the measurement begins.
const WARM_UP: Duration = Duration::from_secs(2);

/// Duration of each measurement.
const TIME: Duration = Duration::from_secs(8);

/// Interval between two messages of the user, who may send 50 per second.
const PAUSE: Duration = Duration::from_millis(20);

fn main() {
    for (name, strangers, users) in [
        ("nobody", 0, 0),
        ("64 strangers", STRANGERS, 0),
        ("16 users", 0, USERS),
        ("64 strangers and 16 users", STRANGERS, USERS),
    ] {
        let server = serve();
        let target = Arc::new(Target::new(server.local_addr()));
        // Before the attack: guesses by others from the same address would delay signing in, too.
        let (friend, _) = Client::connect(server.url()).unwrap();
        friend.authorize("alice", PASSWORD).unwrap();
        let attackers: Vec<_> = (0..strangers)
            .map(Attack::of_stranger)
            .chain((0..users).map(Attack::of_user))
            .map(|attack| {
                let target = target.clone();
                thread::spawn(move || target.attack(attack))
            })
            .collect();
        let (waits, sent) = measure(&friend, &target);
        target.stop();
        attackers.into_iter().for_each(|attacker| attacker.join().unwrap());
        let (median, most) = (waits[waits.len() / 2], waits[waits.len() - 1]);
        let per_second = sent as f64 / TIME.as_secs_f64();
        println!("{name}\t{}\t{}\t{}\t{per_second:.0}", waits.len(), median.as_micros(), most.as_micros());
    }
}

fn serve() -> Server {
    let mut config = ServerConfig::default();
    config.format = Format::Json;
    config.open_directory = true;
    (config.max_connections_per_address, config.guesses_per_address) = (None, None);
    let mut machine = Machine::new(config, random_seed().unwrap());
    for login in (0..USERS).map(user).chain(["alice".to_owned(), "bob".to_owned()]) {
        machine.add_user(&login, PASSWORD).unwrap();
    }
    let server = block_on(Server::bind("127.0.0.1:0", machine)).unwrap();
    server.with(|machine, now| {
        // Histories with answers of 1 MiB.
        for login in (0..USERS).map(user) {
            for _ in 0..62 {
                machine.post(now, &login, &login, &"x".repeat(16_384)).unwrap();
            }
        }
    });
    server
}

/// Sends messages one by one; returns the answer times in ascending order, and the number of frames sent by others
/// meanwhile.
fn measure(friend: &Client, target: &Target) -> (Vec<Duration>, u64) {
    thread::sleep(WARM_UP);
    let (begin, before) = (Instant::now(), target.sent());
    let mut waits = Vec::new();
    while begin.elapsed() < TIME {
        let start = Instant::now();
        friend.send_message("bob", "hello").unwrap();
        waits.push(start.elapsed());
        thread::sleep(PAUSE);
    }
    waits.sort_unstable();
    (waits, target.sent() - before)
}
