//! Streams of the application's own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_std::task::block_on;
use skaro_async_std::Server;
use skaro_blocking::mio::event::Source;
use skaro_blocking::mio::{self, Interest, Registry, Token};
use skaro_blocking::proto::server;
use skaro_blocking::{Client, CommandError, Event, GetContacts, NoEvent, Options, Status};

const URL: &str = "ws://localhost/skaro_client/";

fn serve() -> Server {
    let mut machine = server::Server::new(server::ServerConfig::default(), [1; 32]);
    machine.add_user("alice", "correct horse").unwrap();
    block_on(Server::bind("127.0.0.1:0", machine)).unwrap()
}

#[cfg(unix)]
#[test]
fn a_client_over_a_unix_socket() {
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::thread;

    let server = serve();
    let path = std::env::temp_dir().join(format!("skaro-{}.socket", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    let address = server.local_addr();
    thread::spawn(move || {
        let (near, far) = (listener.accept().unwrap().0, std::net::TcpStream::connect(address).unwrap());
        let (mut from, mut to): (UnixStream, _) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        thread::spawn(move || io::copy(&mut from, &mut to));
        _ = io::copy(&mut &far, &mut &near);
    });
    let own = path.clone();
    let (client, events) =
        Client::connect_over(URL, move || Ok(Box::new(mio::net::UnixStream::connect(&own)?))).unwrap();
    client.authorize("alice", "correct horse").unwrap();
    assert_eq!((client.status(), client.user().as_deref()), (Status::SignedIn, Some("alice")));
    assert!(client.session_id().is_some());
    assert!(matches!(events.next_event(Duration::from_secs(20)), Ok(Event::Connected { .. })));
    client.close();
    std::fs::remove_file(path).unwrap();
}

/// A stream that panics when it is told to.
struct Panics {
    stream: mio::net::TcpStream,
    is_due: Arc<AtomicBool>,
}

impl Panics {
    fn check(&self) {
        assert!(!self.is_due.load(Ordering::SeqCst), "as the test wants it");
    }
}

impl Read for Panics {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.check();
        self.stream.read(buffer)
    }
}

impl Write for Panics {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check();
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Source for Panics {
    fn register(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.stream.register(registry, token, interest)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.stream.reregister(registry, token, interest)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.stream.deregister(registry)
    }
}

fn connect(address: SocketAddr) -> (Client, skaro_blocking::Events, Arc<AtomicBool>) {
    let is_due = Arc::new(AtomicBool::new(false));
    let own = is_due.clone();
    let transport = move || {
        let stream = mio::net::TcpStream::connect(address)?;
        Ok(Box::new(Panics { stream, is_due: own.clone() }) as Box<_>)
    };
    let (client, events) = Client::connect_over(URL, transport).unwrap();
    client.authorize("alice", "correct horse").unwrap();
    (client, events, is_due)
}

/// Case 29: whoever drives the connection panics.
#[test]
fn a_panic_closes_the_client_and_its_status_says_so() {
    let server = serve();
    // A caller that waits alone.
    let (client, events, is_due) = connect(server.local_addr());
    is_due.store(true, Ordering::SeqCst);
    let caller = client.clone();
    let panicked = std::thread::spawn(move || caller.request(GetContacts)).join();
    assert!(panicked.is_err());
    check_closed(&client, &events);
    // The client's own thread, which drives when nobody waits.
    let (client, events, is_due) = connect(server.local_addr());
    is_due.store(true, Ordering::SeqCst);
    client.submit(GetContacts).unwrap();
    client.close();
    check_closed(&client, &events);
}

/// Case 29: what the application connects with panics.
#[test]
fn a_panic_while_connecting_again_closes_the_client() {
    let server = serve();
    let (address, is_first) = (server.local_addr(), AtomicBool::new(true));
    let transport = move || {
        assert!(is_first.swap(false, Ordering::SeqCst), "as the test wants it");
        Ok(Box::new(mio::net::TcpStream::connect(address)?) as Box<_>)
    };
    let mut options = Options::new(URL);
    options.config.reconnect.as_mut().unwrap().base = Duration::ZERO;
    let (client, events) = Client::connect_over(options, transport).unwrap();
    block_on(server.shut_down("good night"));
    check_closed(&client, &events);
}

fn check_closed(client: &Client, events: &skaro_blocking::Events) {
    let mut ends = std::iter::from_fn(|| match events.next_event(Duration::from_secs(20)) {
        Ok(event) => Some(event),
        Err(NoEvent::Closed) => None,
        Err(NoEvent::TimedOut) => panic!("nobody tells that it is over"),
    });
    assert!(ends.by_ref().count() > 0);
    assert_eq!(client.status(), Status::Closed);
    assert_eq!(client.request(GetContacts).map(drop), Err(CommandError::Closed.into()));
    client.close();
}
