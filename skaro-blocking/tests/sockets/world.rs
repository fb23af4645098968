//! A server with users, a proxy before it, and what tests ask of clients.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_std::task::block_on;
use skaro_async_std::Server;
use skaro_blocking::proto::server;
use skaro_blocking::{Authorize, Event, Format, Options, SignedIn};

use crate::adapters::Adapter;
use crate::proxy::Proxy;

/// How long anything may take that is expected to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const USERS: [(&str, &str); 2] = [("alice", "correct horse"), ("bob", "battery staple")];

pub(crate) struct World {
    pub(crate) format: Format,
    pub(crate) server: Mutex<Option<Server>>,
    pub(crate) proxy: Proxy,
}

impl World {
    pub(crate) fn new(format: Format) -> World {
        let server = new_server();
        let proxy = Proxy::new(server.local_addr());
        World { format, server: Mutex::new(Some(server)), proxy }
    }

    /// Options for a client behind the proxy.
    pub(crate) fn options(&self) -> Options {
        options(self.proxy.address, self.format)
    }

    pub(crate) fn client<A: Adapter>(&self, login: &str, change: impl FnOnce(&mut Options)) -> A {
        let mut options = self.options();
        change(&mut options);
        let client = A::connect(options, None).expect("a connection");
        sign_in(&client, login);
        client
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&Server) -> T) -> T {
        look(self.server.lock().unwrap().as_ref().unwrap())
    }

    /// The server ends, and another one with the same users takes its place.
    pub(crate) fn restart(&self) {
        let old = self.server.lock().unwrap().take().unwrap();
        block_on(old.shut_down("restarting"));
        let new = new_server();
        self.proxy.retarget(new.local_addr());
        *self.server.lock().unwrap() = Some(new);
    }
}

pub(crate) fn options(address: SocketAddr, format: Format) -> Options {
    let mut options = Options::new(format!("ws://{address}/skaro_client/"));
    options.format = Some(format);
    options.config.reconnect.as_mut().unwrap().base = Duration::from_millis(50);
    options
}

pub(crate) fn machine() -> server::Server {
    let mut config = server::Config::default();
    config.open_directory = true;
    let mut machine = server::Server::new(config, skaro_async_std::random_seed().unwrap());
    for (login, password) in USERS {
        machine.add_user(login, password).unwrap();
    }
    machine
}

fn new_server() -> Server {
    block_on(Server::bind("127.0.0.1:0", machine())).unwrap()
}

pub(crate) fn sign_in<A: Adapter>(client: &A, login: &str) -> SignedIn<'static> {
    let password = USERS.iter().find(|(name, _)| *name == login).unwrap().1;
    client.request(Authorize { login, password }).unwrap()
}

/// Reads events until one is what was waited for.
pub(crate) fn wait_for<A: Adapter, T>(
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

/// Waits until something is so.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < PATIENCE, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
