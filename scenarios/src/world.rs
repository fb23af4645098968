//! A server with users, behind a proxy that can cut connections, and shared steps of tests.

use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use skaro_async_std::ServerOptions;
use skaro_blocking::proto::server;
use skaro_blocking::{Authorize, Event, Format, Options, SendMessage, SignedIn, Status};

use crate::adapters::Adapter;
use crate::cable::Cable;
use crate::certificates::Authority;
use crate::servers::{Serve, Served};

/// Time-out of everything that is expected to happen.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Users of every server, with their passwords.
pub const USERS: [(&str, &str); 2] = [("alice", "correct horse"), ("bob", "battery staple")];

/// One way in which clients and server communicate.
#[derive(Clone, Copy)]
pub struct Kind {
    /// The name in the names of tests.
    pub name: &'static str,
    /// The format that clients ask for.
    pub format: Format,
    /// Set if the connections use TLS.
    pub tls: bool,
    /// The runtime of the server.
    pub serve: Serve,
}

/// A server, and a proxy that leads to it.
pub struct World {
    /// The way in which clients and server communicate.
    pub kind: Kind,
    /// The proxy.
    pub cable: Cable,
    server: Mutex<Option<Box<dyn Served>>>,
    authority: Option<Authority>,
}

impl World {
    /// Starts a server.
    pub fn new(kind: Kind) -> World {
        let authority = kind.tls.then(|| Authority::new("good"));
        let server = new_server(kind, authority.as_ref());
        let cable = Cable::new(server.address());
        World { kind, cable, server: Mutex::new(Some(server)), authority }
    }

    /// Returns options for a client that connects through the proxy.
    pub fn options(&self) -> Options {
        let scheme = if self.kind.tls { "wss" } else { "ws" };
        let mut options = quick(format!("{scheme}://{}/skaro_client/", self.cable.address));
        options.format = Some(self.kind.format);
        options.tls = self.authority.as_ref().map(Authority::trusted);
        options
    }

    /// Connects a client and signs it in.
    pub fn client<A: Adapter>(&self, login: &str, change: impl FnOnce(&mut Options)) -> A {
        let mut options = self.options();
        change(&mut options);
        let client = A::connect(options).expect("a connection");
        sign_in(&client, login);
        client
    }

    /// Connects Alice and Bob.
    pub fn friends<A: Adapter>(&self) -> (A, A) {
        (self.client("alice", |_| ()), self.client("bob", |_| ()))
    }

    /// Calls the server's machine.
    pub fn with<T>(&self, look: impl FnOnce(&mut server::Server, skaro_blocking::proto::Time) -> T) -> T {
        self.server.lock().unwrap().as_ref().unwrap().with(look)
    }

    /// Shuts the server down.
    pub fn shut_down(&self, info: &str) {
        let server = self.server.lock().unwrap().take().unwrap();
        server.shut_down(info);
    }

    /// Replaces the server by another one with the same users.
    pub fn restart(&self) {
        self.shut_down("restarting");
        let new = new_server(self.kind, self.authority.as_ref());
        self.cable.retarget(new.address());
        *self.server.lock().unwrap() = Some(new);
    }
}

/// Returns options for a client that reconnects after a short delay.
pub fn quick(url: impl Into<String>) -> Options {
    let mut options = Options::new(url);
    options.config.reconnect.as_mut().unwrap().base = Duration::from_millis(50);
    options
}

/// Returns a machine with users and high rate limits, for scenarios that send more than people do.
pub fn machine(change: impl FnOnce(&mut server::ServerConfig)) -> server::Server {
    let mut config = server::ServerConfig::default();
    config.open_directory = true;
    (config.message_rate, config.frame_rate) = (None, None);
    change(&mut config);
    let mut machine = server::Server::new(config, skaro_async_std::random_seed().unwrap());
    for (login, password) in USERS {
        machine.add_user(login, password).unwrap();
    }
    machine
}

fn new_server(kind: Kind, authority: Option<&Authority>) -> Box<dyn Served> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = ServerOptions::default();
    options.tls = authority.map(|authority| authority.certified(&["127.0.0.1"], false));
    (kind.serve)(listener, machine(|_| ()), options)
}

/// Signs in with the user's password.
pub fn sign_in<A: Adapter>(client: &A, login: &str) -> SignedIn<'static> {
    let password = USERS.iter().find(|(name, _)| *name == login).unwrap().1;
    client.request(Authorize { login, password }).unwrap()
}

/// Checks that two people can chat: what one says reaches the other, in both directions, and neither was disconnected.
pub fn are_undisturbed<A: Adapter>((alice, bob): &(A, A)) {
    // No body comes twice: earlier messages may still wait to be read.
    static MESSAGES: AtomicU64 = AtomicU64::new(0);
    for (from, to, login) in [(alice, bob, "bob"), (bob, alice, "alice")] {
        let body = format!("still there? {}", MESSAGES.fetch_add(1, Ordering::Relaxed));
        from.request(SendMessage::new(login, &body)).unwrap();
        wait_for(to, "what the other said", |event| match event {
            Event::Message(incoming) => (incoming.message.body == body).then_some(()),
            Event::Disconnected(reason) => panic!("{login} was disconnected: {reason:?}"),
            _ => None,
        });
    }
    assert_eq!((alice.status(), bob.status()), (Status::SignedIn, Status::SignedIn));
}

/// Fills the history of Alice and Bob to its limit.
pub fn fill_history(server: &dyn Served) {
    let body = "x".repeat(16 << 10);
    for _ in 0..64 {
        server.with(|machine, now| machine.post(now, "alice", "bob", &body).unwrap());
    }
}

/// Reads events until the expected one.
pub fn wait_for<A: Adapter, T>(
    client: &A,
    what: &str,
    mut wanted: impl FnMut(&Event<'static>) -> Option<T>,
) -> T {
    let start = Instant::now();
    let mut seen = Vec::new();
    while start.elapsed() < PATIENCE {
        match client.next_event(PATIENCE) {
            Ok(event) => match wanted(&event) {
                Some(found) => return found,
                None => seen.push(event),
            },
            Err(error) => panic!("waiting for {what}: {error}; seen: {seen:?}"),
        }
    }
    panic!("waited too long for {what}; seen: {seen:?}");
}

/// Waits until a condition is true.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < PATIENCE, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
