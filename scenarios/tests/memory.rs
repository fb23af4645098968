//! Memory that one peer can cost the server, measured on the heap of a process in which nothing else happens. The limits are
//! those that skaro-adapter/GUIDE.md tells operators. They are above those of PROTOCOL.md, section 12, which are the
//! machine's alone: buffers of the adapter and of the runtimes, and what the test itself needs, are among what is measured.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what went wrong by panicking"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use skaro_async_std::{AsyncStd, ServerOptions};
use skaro_blocking::proto::message::Request;
use skaro_scenarios::servers::{Host, Served, serve};
use skaro_scenarios::stranger::{dial, flood, frame, open, send, sign_in};
use skaro_scenarios::world::{PATIENCE, fill_history, machine, until};
use skaro_tokio::Tokio;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const MIB: usize = 1 << 20;

/// What somebody may cost who has not signed in.
const STRANGER: usize = 256 << 10;

/// What somebody may cost who has.
const USER: usize = 4 * MIB;

/// One test, since all share the heap.
#[test]
fn one_peer_costs_little() {
    of::<AsyncStd>("async-std");
    of::<Tokio>("tokio");
}

fn of<R: Host>(runtime: &str) {
    // To each its own server, so that nothing is left of the attack before.
    let costs = |what, limit: usize, attack: fn(SocketAddr)| {
        let server = start::<R>();
        HEAP.reset_peak_usage();
        let before = HEAP.current_usage();
        attack(server.address());
        let cost = HEAP.peak_usage() - before;
        eprintln!("{runtime}: {what}: {} KiB", cost >> 10);
        assert!(cost < limit, "{runtime}: {what}: {cost} bytes");
        server.shut_down("that was it");
    };
    costs("pings without end", STRANGER, pings);
    costs("fragments without end", STRANGER, fragments);
    costs("huge frames, announced", STRANGER, announcements);
    costs("opening handshakes without end", STRANGER, handshakes);
    costs("unread answers", STRANGER, unread_answers);
    costs("pings without end, signed in", USER, pings_of_a_user);
    costs("unread histories", USER, unread_histories);
    idle_connections(runtime, &*start::<R>());
}

/// Starts a server, with all that is made only once.
fn start<R: Host>() -> Box<dyn Served> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let machine = machine(|config| config.close_timeout = Duration::from_millis(500));
    let server = serve::<R>(listener, machine, ServerOptions::default());
    fill_history(&*server);
    drop(sign_in(server.address(), "alice"));
    until("the connection is gone", || server.connections() == 0);
    server
}

/// Sends for a while, and reads nothing.
fn attack(mut stream: TcpStream, piece: &[u8]) {
    stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let taken = flood(&mut stream, piece, 16 * MIB);
    assert!(taken >= 64 << 10, "only {taken} bytes were taken: that is no attack");
    // The system takes much before the server has read anything.
    std::thread::sleep(Duration::from_millis(300));
}

fn pings(address: SocketAddr) {
    attack(open(address).into_inner(), &frame(0x89, &[0; 125]).repeat(100));
}

fn pings_of_a_user(address: SocketAddr) {
    attack(sign_in(address, "alice").into_inner(), &frame(0x89, &[0; 125]).repeat(100));
}

fn fragments(address: SocketAddr) {
    let mut stream = open(address).into_inner();
    stream.write_all(&frame(0x01, b"")).unwrap();
    attack(stream, &frame(0x00, b"x").repeat(1000));
}

fn announcements(address: SocketAddr) {
    let header = [0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, b'{'];
    let streams: Vec<_> = (0..4).map(|_| open(address).into_inner()).collect();
    for mut stream in &streams {
        stream.write_all(&header).unwrap();
    }
    for mut stream in streams {
        _ = std::io::copy(&mut stream, &mut std::io::sink());
    }
}

fn handshakes(address: SocketAddr) {
    let mut stream = dial(address);
    stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    attack(stream, &b"X-Nothing: 0123456789abcdef\r\n".repeat(100));
}

fn unread_answers(address: SocketAddr) {
    let request = frame(0x81, br#"{"type":"register_type","on_request":1}"#);
    attack(open(address).into_inner(), &request.repeat(100));
}

fn unread_histories(address: SocketAddr) {
    let request = frame(0x81, br#"{"type":"get_history","login":"bob","on_request":7}"#);
    attack(sign_in(address, "alice").into_inner(), &request.repeat(100));
}

/// Case 11: connections that fetched a large history, and then have nothing to do.
fn idle_connections(runtime: &str, server: &dyn Served) {
    const COUNT: usize = 32;
    const EACH: usize = 64 << 10;
    let before = HEAP.current_usage();
    let mut buffer = vec![0; 1 << 16];
    let connections: Vec<TcpStream> = (0..COUNT)
        .map(|_| {
            let mut socket = sign_in(server.address(), "alice");
            send(&mut socket, 2, Request::GetHistory { login: "bob".into(), page: Default::default() });
            // Not by the test's own WebSocket, whose buffers would count.
            let mut stream = socket.into_inner();
            let mut header = [0; 10];
            stream.read_exact(&mut header).unwrap();
            let mut rest = u64::from_be_bytes(header[2..].try_into().unwrap()) as usize;
            assert!(rest > MIB / 2, "no large history");
            while rest > 0 {
                let length = rest.min(buffer.len());
                rest -= stream.read(&mut buffer[..length]).unwrap();
            }
            stream
        })
        .collect();
    drop(buffer);
    let start = Instant::now();
    let each = || HEAP.current_usage().saturating_sub(before) / COUNT;
    eprintln!("{runtime}: connections with a history: {} KiB each", each() >> 10);
    // After ten seconds without anything to do a connection gives its buffers back (`IDLE` in skaro-adapter/src/connection).
    while each() > EACH {
        assert!(start.elapsed() < PATIENCE, "{runtime}: an idle connection costs {} bytes", each());
        std::thread::sleep(Duration::from_millis(100));
    }
    eprintln!("{runtime}: after {} s: {} KiB each", start.elapsed().as_secs(), each() >> 10);
    assert_eq!(server.connections(), COUNT);
    drop(connections);
}
