//! Fifty clients send messages to each other while their connections break after any byte: not one message is lost,
//! doubled, out of order or unknown.
//!
//! `BREAKS=20000 cargo test -p skaro-scenarios --test storm -- --nocapture blocking` makes the storm of one adapter
//! longer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what went wrong by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use skaro_async_std::{AsyncStd, ServerOptions};
use skaro_blocking::proto::client::LogStart;
use skaro_blocking::proto::server::Server;
use skaro_blocking::{Authorize, Event, Format, NoEvent, Options, SendMessage};
use skaro_scenarios::adapters::{Adapter, Async, Blocking};
use skaro_scenarios::cable::Cable;
use skaro_scenarios::servers::{Host, Served, serve};
use skaro_scenarios::world::{PATIENCE, machine, quick, until};
use skaro_tokio::Tokio;

/// Each user has two devices.
const USERS: usize = 25;
const DEVICES: usize = 2 * USERS;

/// A connection breaks within so many bytes in either direction. Signing in takes some 600.
const WITHIN: usize = 8000;

/// Connections that break in a storm of the usual tests.
const BREAKS: usize = 1000;

/// Messages of one device that may be open.
const OPEN: usize = 20;

#[test]
fn over_blocking() {
    storm::<Blocking, Tokio>("blocking");
}

#[test]
fn over_tokio() {
    storm::<Async<Tokio>, Tokio>("tokio");
}

#[test]
fn over_async_std() {
    storm::<Async<AsyncStd>, AsyncStd>("async-std");
}

fn storm<A: Adapter, R: Host>(adapter: &str) {
    let breaks = std::env::var("BREAKS").map_or(BREAKS, |breaks| breaks.parse().expect("a number"));
    let server = new_server::<R>();
    let cable = Cable::new(server.address());
    let mut devices: Vec<_> = (0..DEVICES).map(|n| Device::<A>::new(n, cable.address)).collect();
    cable.be_fragile(Some(WITHIN));
    cable.cut();

    let is_over = AtomicBool::new(false);
    thread::scope(|threads| {
        for device in &mut devices {
            threads.spawn(|| device.chat(&is_over));
        }
        until_broken(&cable, breaks, &is_over);
    });

    let logs: Vec<_> = (0..USERS).map(|user| read_log::<A>(user, server.address())).collect();
    for device in &mut devices {
        device.compare(&logs[device.user]);
    }
    let messages: usize = devices.iter().map(|device| device.sent).sum();
    compare_logs(&logs, &devices);
    eprintln!("{adapter}: {messages} messages, {} connections broke", cable.breaks());
    devices.iter().for_each(|device| device.client.close());
    server.shut_down("that was it");
}

/// Waits for so many breaks; then nothing breaks any more.
fn until_broken(cable: &Cable, breaks: usize, is_over: &AtomicBool) {
    // A device that panics breaks nothing any more: whoever waits for breaks must not wait for ever.
    let (mut before, mut idle) = (0, 0);
    while cable.breaks() < breaks && idle < 200 {
        thread::sleep(Duration::from_millis(50));
        idle = if cable.breaks() == before { idle + 1 } else { 0 };
        before = cable.breaks();
    }
    cable.be_fragile(None);
    is_over.store(true, Ordering::Relaxed);
    assert!(cable.breaks() >= breaks, "only {} connections broke", cable.breaks());
}

fn login(user: usize) -> String {
    format!("user{user}")
}

fn new_server<R: Host>() -> Box<dyn Served> {
    let mut machine: Server = machine(|config| {
        // Nothing is pushed out.
        (config.max_dialog_messages, config.max_log_entries, config.max_keys) = (1 << 20, 1 << 20, 1 << 20);
    });
    for user in 0..USERS {
        machine.add_user(&login(user), &login(user)).unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    serve::<R>(listener, machine, ServerOptions::default())
}

fn options(address: SocketAddr, n: usize) -> Options {
    let mut options = quick(format!("ws://{address}/skaro_client/"));
    options.config.reconnect.as_mut().unwrap().cap = Duration::from_millis(200);
    options.format = Some(if n.is_multiple_of(2) { Format::Json } else { Format::Cbor });
    options
}

/// The name of a message, which is its key and its text: the device and the number that it gave it.
type Name = String;

fn sender(name: &str) -> (usize, usize) {
    let (device, number) = name.split_once(' ').unwrap();
    (device.parse().unwrap(), number.parse().unwrap())
}

/// Returns which message an entry is.
fn name(event: &Event<'_>) -> Name {
    match event {
        Event::Message(incoming) => incoming.message.body.to_string(),
        Event::Sent(sent) => sent.key.as_deref().unwrap().to_owned(),
        other => panic!("{other:?}"),
    }
}

struct Device<A> {
    n: usize,
    user: usize,
    client: A,
    sent: usize,
    /// Messages that have not ended, by their numbers, which are their markers.
    open: BTreeSet<u64>,
    /// The entries of the log that it has seen, from the first on.
    seen: Vec<Name>,
}

impl<A: Adapter> Device<A> {
    fn new(n: usize, address: SocketAddr) -> Self {
        let user = n % USERS;
        let client = A::connect(options(address, n)).expect("a connection");
        let login = login(user);
        client.request(Authorize { login: &login, password: &login }).unwrap();
        Device { n, user, client, sent: 0, open: BTreeSet::new(), seen: Vec::new() }
    }

    /// Sends until the storm is over, and waits until everything that it sent has ended.
    fn chat(&mut self, is_over: &AtomicBool) {
        while !is_over.load(Ordering::Relaxed) {
            self.send();
            while self.take(Duration::from_millis(5)) {}
        }
        until("all messages have ended", || {
            while self.take(Duration::from_millis(5)) {}
            self.open.is_empty()
        });
    }

    /// Some await each answer, and take no events meanwhile; the others don't.
    fn send(&mut self) {
        if self.open.len() >= OPEN {
            return;
        }
        let number = self.sent;
        let (name, to) = (format!("{} {number}", self.n), login((self.user + number) % USERS));
        let message =
            SendMessage { marker: Some(number as u64), key: Some(&name), ..SendMessage::new(&to, &name) };
        if self.n.is_multiple_of(3) {
            let answer = self.client.request(message);
            assert!(answer.is_ok(), "message {name}: {answer:?}");
        } else {
            let taken = self.client.submit(message);
            assert!(taken.is_ok(), "message {name}: {taken:?}");
            self.open.insert(number as u64);
        }
        self.sent += 1;
    }

    /// Takes an event, if one comes in time.
    fn take(&mut self, time: Duration) -> bool {
        let event = match self.client.next_event(time) {
            Ok(event) => event,
            Err(NoEvent::TimedOut) => return false,
            Err(error) => panic!("device {}: {error}", self.n),
        };
        match &event {
            Event::Ended(ended) => {
                let Some(number) = ended.ticket.marker() else { return true };
                assert!(ended.outcome.is_ok(), "message {} {number}: {:?}", self.n, ended.outcome);
                assert!(self.open.remove(&number), "message {} {number} ended twice", self.n);
            }
            Event::Message(_) | Event::Sent(_) => {
                assert_eq!(
                    event.position(),
                    Some(self.seen.len() as u64 + 1),
                    "device {}: {event:?}",
                    self.n
                );
                self.seen.push(name(&event));
            }
            Event::ProtocolError(_) | Event::LogChanged { .. } | Event::SignedOut { .. } | Event::GaveUp => {
                panic!("device {}: {event:?}", self.n)
            }
            _ => (),
        }
        true
    }

    /// Takes what is still to come: then it has seen the whole log, each entry once and in order.
    fn compare(&mut self, log: &[Name]) {
        until("everything has come", || {
            while self.take(Duration::from_millis(5)) {}
            self.seen.len() >= log.len()
        });
        assert_eq!(self.seen, log, "device {}", self.n);
    }
}

/// Reads a user's log from its beginning, past the storm.
fn read_log<A: Adapter>(user: usize, address: SocketAddr) -> Vec<Name> {
    let mut options = options(address, user);
    options.config.log = LogStart::Since { log: "another".into(), position: 0 };
    let client = A::connect(options).expect("a connection");
    let login = login(user);
    client.request(Authorize { login: &login, password: &login }).unwrap();
    let mut log = Vec::new();
    loop {
        match client.next_event(PATIENCE).expect("an event") {
            event @ (Event::Message(_) | Event::Sent(_)) => {
                log.push(name(&event));
                assert_eq!(event.position(), Some(log.len() as u64));
            }
            Event::CaughtUp { position, .. } => {
                assert_eq!(position, log.len() as u64);
                client.close();
                return log;
            }
            _ => (),
        }
    }
}

/// Everything that was sent is in the logs of both users, once, and each sender's messages are in their order.
fn compare_logs<A>(logs: &[Vec<Name>], devices: &[Device<A>]) {
    let mut found = BTreeMap::new();
    for (user, log) in logs.iter().enumerate() {
        let mut last = BTreeMap::new();
        for name in log {
            let (device, number) = sender(name);
            let before = last.insert(device, number);
            assert!(before.is_none_or(|before| before < number), "user {user} has {name} after {before:?}");
            found.entry((device, number)).or_insert_with(BTreeSet::new).insert(user);
        }
    }
    for device in devices {
        for number in 0..device.sent {
            let users = BTreeSet::from([device.user, (device.user + number) % USERS]);
            assert_eq!(found.remove(&(device.n, number)), Some(users), "message {number} of {}", device.n);
        }
    }
    assert_eq!(found.len(), 0, "messages that nobody sent: {found:?}");
}
