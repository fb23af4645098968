//! Streams of the application's own.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use async_std::task::block_on;
use skaro_async_std::Server;
use skaro_blocking::mio::event::Source;
use skaro_blocking::mio::{self, Interest, Registry, Token};
use skaro_blocking::proto::server;
use skaro_blocking::{Client, CommandError, Event, GetContacts, NoEvent, Options, SendMessage, Status};

const URL: &str = "ws://localhost/skaro_client/";

fn serve() -> Server {
    let mut machine = server::Server::new(server::ServerConfig::default(), [1; 32]);
    machine.add_user("alice", "correct horse").unwrap();
    machine.add_user("bob", "battery staple").unwrap();
    block_on(Server::bind("127.0.0.1:0", machine)).unwrap()
}

fn is_confidential(client: &Client) -> bool {
    client.with(skaro_blocking::proto::Client::is_confidential)
}

/// Passwords that travel themselves leave over no other connection.
#[test]
fn a_connection_to_this_machine_is_confidential_and_one_over_any_stream_is_not() {
    let server = serve();
    let (client, _events) = Client::connect(server.url()).unwrap();
    assert!(is_confidential(&client));
    let address = server.local_addr();
    let stream = move || Ok(Box::new(mio::net::TcpStream::connect(address)?) as Box<_>);
    let (client, _events) = Client::connect_over(URL, stream).unwrap();
    assert!(!is_confidential(&client));
}

#[cfg(unix)]
#[test]
fn a_client_over_a_unix_socket() {
    use std::os::unix::net::{UnixListener, UnixStream};

    let server = serve();
    let path = std::env::temp_dir().join(format!("skaro-{}.socket", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    let address = server.local_addr();
    thread::spawn(move || {
        let (near, far) = (listener.accept().unwrap().0, TcpStream::connect(address).unwrap());
        let (mut from, mut to): (UnixStream, _) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        thread::spawn(move || io::copy(&mut from, &mut to));
        _ = io::copy(&mut &far, &mut &near);
    });
    let own = path.clone();
    let mut options = Options::from(URL);
    options.confidential = true;
    let (client, mut events) =
        Client::connect_over(options, move || Ok(Box::new(mio::net::UnixStream::connect(&own)?))).unwrap();
    client.authorize("alice", "correct horse").unwrap();
    assert!(is_confidential(&client), "the application vouches for it");
    assert_eq!((client.status(), client.user().as_deref()), (Status::SignedIn, Some("alice")));
    assert!(client.session_id().is_some());
    assert!(matches!(events.next_event(Duration::from_secs(20)), Ok(Event::Connected { .. })));
    client.close();
    std::fs::remove_file(path).unwrap();
}

/// A stream over which a test decides: how many of so many bytes may be written, or none, or a panic.
struct Odd {
    stream: mio::net::TcpStream,
    allowed: Arc<Allowed>,
}

type Allowed = dyn Fn(usize) -> io::Result<usize> + Send + Sync;

impl Read for Odd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (self.allowed)(0)?;
        self.stream.read(buffer)
    }
}

impl Write for Odd {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = (self.allowed)(bytes.len())?;
        self.stream.write(&bytes[..length])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Source for Odd {
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

fn connect(address: SocketAddr, allowed: Arc<Allowed>) -> (Client, skaro_blocking::Events) {
    let transport = move || {
        let stream = mio::net::TcpStream::connect(address)?;
        Ok(Box::new(Odd { stream, allowed: allowed.clone() }) as Box<_>)
    };
    let (client, events) = Client::connect_over(URL, transport).unwrap();
    client.authorize("alice", "correct horse").unwrap();
    (client, events)
}

/// A frame that is given while the one before it is written by half leaves with the other half.
#[test]
fn what_comes_while_a_rest_is_to_be_written_is_not_left_behind() {
    let server = serve();
    let (bob, mut news) = Client::connect(server.url()).unwrap();
    bob.authorize("bob", "battery staple").unwrap();
    // Nothing comes from the server after a while: an answer would wake whoever is to write.
    let (listener, address) = (TcpListener::bind("127.0.0.1:0").unwrap(), server.local_addr());
    let near = listener.local_addr().unwrap();
    let is_mute = Arc::new(AtomicBool::new(false));
    let mute = is_mute.clone();
    thread::spawn(move || {
        let (near, far) = (listener.accept().unwrap().0, TcpStream::connect(address).unwrap());
        let (mut from, mut to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        thread::spawn(move || io::copy(&mut from, &mut to));
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = (&far).read(&mut buffer) {
            if !mute.load(Ordering::SeqCst) {
                _ = (&near).write_all(&buffer[..length]);
            }
        }
    });
    // So many bytes are taken until the stream is full.
    let (room, is_full) = (Arc::new(AtomicUsize::new(usize::MAX)), Arc::new(AtomicBool::new(false)));
    let (own_room, own_full) = (room.clone(), is_full.clone());
    let allowed = move |wanted: usize| {
        let room = own_room.load(Ordering::SeqCst);
        if wanted > 0 && room == 0 {
            own_full.store(true, Ordering::SeqCst);
            return Err(ErrorKind::WouldBlock.into());
        }
        let length = wanted.min(room);
        if room < usize::MAX {
            own_room.store(room - length, Ordering::SeqCst);
        }
        Ok(length)
    };
    let (alice, _events) = connect(near, Arc::new(allowed));
    let given = |body: &str| _ = alice.submit(SendMessage::new("bob", body)).unwrap();
    let mut received = || loop {
        if let Event::Message(incoming) = news.next_event(Duration::from_secs(10)).unwrap() {
            return incoming.message.body.len();
        }
    };
    // Whatever the answer to the sign-in still has to wake is awake now.
    thread::sleep(Duration::from_millis(100));
    is_mute.store(true, Ordering::SeqCst);
    for (first, second) in [(3, 4), (16_384, 5), (6, 16_384)] {
        is_full.store(false, Ordering::SeqCst);
        room.store(10.max(first / 2), Ordering::SeqCst);
        given(&"x".repeat(first));
        while !is_full.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
        room.store(usize::MAX, Ordering::SeqCst);
        given(&"x".repeat(second));
        assert_eq!((received(), received()), (first, second));
    }
    is_mute.store(false, Ordering::SeqCst);
}

/// Returns a switch, and a stream that panics once it is set.
fn panics() -> (Arc<AtomicBool>, Arc<Allowed>) {
    let is_due = Arc::new(AtomicBool::new(false));
    let own = is_due.clone();
    let allowed = move |wanted| {
        assert!(!own.load(Ordering::SeqCst), "as the test wants it");
        Ok(wanted)
    };
    (is_due, Arc::new(allowed))
}

/// Case 29: whoever drives the connection panics.
#[test]
fn a_panic_closes_the_client_and_its_status_says_so() {
    let server = serve();
    // A caller that waits alone.
    let (is_due, allowed) = panics();
    let (client, mut events) = connect(server.local_addr(), allowed);
    is_due.store(true, Ordering::SeqCst);
    let caller = client.clone();
    let panicked = thread::spawn(move || caller.request(GetContacts)).join();
    assert!(panicked.is_err());
    check_closed(&client, &mut events);
    // The client's own thread, which drives when nobody waits.
    let (is_due, allowed) = panics();
    let (client, mut events) = connect(server.local_addr(), allowed);
    is_due.store(true, Ordering::SeqCst);
    client.submit(GetContacts).unwrap();
    client.close();
    check_closed(&client, &mut events);
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
    let (client, mut events) = Client::connect_over(options, transport).unwrap();
    block_on(server.shut_down("good night"));
    check_closed(&client, &mut events);
}

fn check_closed(client: &Client, events: &mut skaro_blocking::Events) {
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
