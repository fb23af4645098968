//! Devices of many users who send messages to each other while everything breaks, and checks that not one message is lost,
//! doubled, out of order or unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use skaro_blocking::proto::client::LogStart;
use skaro_blocking::{Authorize, Event, Format, NoEvent, Options, SendMessage};

use crate::adapters::Adapter;
use crate::world::{PATIENCE, quick, until};

/// Each user has two devices.
pub const USERS: usize = 25;
/// Number of all devices.
pub const DEVICES: usize = 2 * USERS;

/// Messages of one device that may be open.
const OPEN: usize = 20;

/// Returns a user's login, which is also the password.
pub fn login(user: usize) -> String {
    format!("user{user}")
}

/// Returns options for a device, or another client of its user.
pub fn options(address: SocketAddr, n: usize) -> Options {
    let mut options = quick(format!("ws://{address}/skaro_client/"));
    options.config.reconnect.as_mut().unwrap().cap = Duration::from_millis(200);
    options.format = Some(if n.is_multiple_of(2) { Format::Json } else { Format::Cbor });
    options
}

/// The name of a message, which is its key and its text: the device and the number that it gave it.
pub type Name = String;

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

/// A client of one of the users.
pub struct Device<A> {
    n: usize,
    /// Its user.
    pub user: usize,
    /// The client.
    pub client: A,
    /// Time between two messages at least.
    pub pace: Duration,
    /// Number of messages that it has sent.
    pub sent: usize,
    /// Messages that have not ended, by their numbers, which are their markers.
    open: BTreeSet<u64>,
    /// The entries of the log that it has seen, from the first on.
    seen: Vec<Name>,
}

impl<A: Adapter> Device<A> {
    /// Connects, and signs in.
    pub fn new(n: usize, options: Options) -> Self {
        let user = n % USERS;
        let client = A::connect(options).expect("a connection");
        let login = login(user);
        client.request(Authorize { login: &login, password: &login }).unwrap();
        Device { n, user, client, pace: Duration::ZERO, sent: 0, open: BTreeSet::new(), seen: Vec::new() }
    }

    /// Sends until the storm is over, and waits until everything that it sent has ended.
    pub fn chat(&mut self, is_over: &AtomicBool) {
        while !is_over.load(Ordering::Relaxed) {
            self.send();
            let next = Instant::now() + self.pace;
            while self.take(Duration::from_millis(5)) || Instant::now() < next {}
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
    pub fn compare(&mut self, log: &[Name]) {
        until("everything has come", || {
            while self.take(Duration::from_millis(5)) {}
            self.seen.len() >= log.len()
        });
        assert_eq!(self.seen, log, "device {}", self.n);
    }
}

/// Reads a user's log from its beginning, past the storm.
pub fn read_log<A: Adapter>(user: usize, address: SocketAddr) -> Vec<Name> {
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
pub fn compare_logs<A>(logs: &[Vec<Name>], devices: &[Device<A>]) {
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
