//! Servers that send without end: nothing grows without end, nobody waits for ever.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use skaro_blocking::{
    Authorize, ConnectError, Disconnect, Event, Failure, Options, RegisterType, RequestError, Status,
};
use skaro_scenarios::adapters::Adapter;
use skaro_scenarios::world::wait_for;
use tungstenite::{Message, WebSocket};

use crate::Alone;

pub(crate) fn all<A: Adapter>() -> Vec<Alone> {
    vec![
        ("a flood before the greeting", a_flood_before_the_greeting::<A>),
        ("a flood instead of an answer", a_flood_instead_of_an_answer::<A>),
        ("a flood while closing", a_flood_while_closing::<A>),
        ("pings without end do not stop the clock", pings_do_not_stop_the_clock::<A>),
        ("empty fragments without end do not stop the clock", empty_fragments_do_not_stop_the_clock::<A>),
        ("fragments without end", fragments_without_end::<A>),
        ("a huge frame is announced", a_huge_frame_is_announced::<A>),
        ("an opening handshake without end", a_handshake_without_end::<A>),
        ("an opening handshake, byte by byte", a_handshake_byte_by_byte::<A>),
        ("a TLS handshake, byte by byte", a_tls_handshake_byte_by_byte::<A>),
    ]
}

/// What a client may take before it ends the connection: 16 MiB of events, and what is under way in the kernel.
const MAX_TAKEN: usize = 64 << 20;

/// Case 2, before the greeting.
fn a_flood_before_the_greeting<A: Adapter>() {
    let (options, server) = serve(flood);
    match A::connect(options) {
        Err(ConnectError::Ended(Disconnect::Overrun { .. })) => (),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("connected"),
    }
    assert!(server.join().unwrap() < MAX_TAKEN);
}

/// Case 2, instead of an answer.
fn a_flood_instead_of_an_answer<A: Adapter>() {
    let (options, server) = serve(|mut socket| {
        greet(&mut socket);
        _ = socket.read();
        flood(socket)
    });
    let client = A::connect(options).unwrap();
    let result = client.request(Authorize { login: "alice", password: "correct horse" });
    assert!(matches!(result, Err(RequestError::Failure(Failure::Lost(_)))), "{result:?}");
    let reason = why_it_ended(&client);
    assert!(matches!(reason, Disconnect::Overrun { .. }), "{reason:?}");
    assert!(server.join().unwrap() < MAX_TAKEN);
}

/// Case 2, while the client closes.
fn a_flood_while_closing<A: Adapter>() {
    let (options, server) = serve(|mut socket| {
        greet(&mut socket);
        // The client's Close frame.
        _ = socket.read();
        flood(socket)
    });
    let client = A::connect(options).unwrap();
    client.close();
    assert_eq!(client.status(), Status::Closed);
    assert!(server.join().unwrap() < MAX_TAKEN);
}

/// A server that never stops talking: time-outs come all the same, and so does the end.
fn pings_do_not_stop_the_clock<A: Adapter>() {
    clock_goes_on::<A>(|mut socket| while socket.send(Message::Ping(Default::default())).is_ok() {});
}

/// Pieces of a message that never ends, none of which has any length: there is no message to hear, ever.
fn empty_fragments_do_not_stop_the_clock<A: Adapter>() {
    clock_goes_on::<A>(|mut socket| {
        let stream = socket.get_mut();
        stream.write_all(&[0x01, 0]).unwrap();
        while stream.write_all(&[0; 1 << 16]).is_ok() {}
    });
}

fn clock_goes_on<A: Adapter>(flood: fn(WebSocket<TcpStream>)) {
    let (mut options, server) = serve(move |mut socket| {
        greet(&mut socket);
        flood(socket);
        0
    });
    options.config.request_timeout = Duration::from_millis(200);
    options.config.close_timeout = Duration::from_millis(200);
    let client = A::connect(options).unwrap();
    assert_eq!(client.request(RegisterType), Err(Failure::TimedOut.into()));
    client.close();
    drop(client);
    server.join().unwrap();
}

fn fragments_without_end<A: Adapter>() {
    let (options, server) = serve(|mut socket| {
        greet(&mut socket);
        _ = socket.read();
        let stream = socket.get_mut();
        stream.write_all(&[0x01, 0]).unwrap();
        // A continuation of 125 bytes.
        let pieces = [&[0, 125][..], &[b'x'; 125]].concat().repeat(500);
        let mut taken = 0;
        while taken < MAX_TAKEN && stream.write_all(&pieces).is_ok() {
            taken += pieces.len();
        }
        taken
    });
    let client = A::connect(options).unwrap();
    assert!(matches!(client.request(RegisterType), Err(RequestError::Failure(Failure::Lost(_)))));
    let reason = why_it_ended(&client);
    assert!(reason.to_string().contains("limit"), "{reason}");
    assert!(server.join().unwrap() < MAX_TAKEN);
}

fn a_huge_frame_is_announced<A: Adapter>() {
    let (options, server) = serve(|mut socket| {
        greet(&mut socket);
        _ = socket.read();
        let stream = socket.get_mut();
        stream.write_all(&[0x82, 127, 0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]).unwrap();
        // Until the client has gone.
        std::io::copy(stream, &mut std::io::sink()).map_or(0, |_| 0)
    });
    let client = A::connect(options).unwrap();
    assert!(matches!(client.request(RegisterType), Err(RequestError::Failure(Failure::Lost(_)))));
    let reason = why_it_ended(&client);
    assert!(reason.to_string().contains("limit"), "{reason}");
    server.join().unwrap();
}

fn a_handshake_without_end<A: Adapter>() {
    let (options, server) = serve_raw(|mut stream| {
        let line = format!("X-Nothing: {}\r\n", "x".repeat(1000));
        let mut taken = 0;
        _ = stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n");
        while taken < MAX_TAKEN && stream.write_all(line.as_bytes()).is_ok() {
            taken += line.len();
        }
        taken
    });
    let error = A::connect(options).map(|_| ()).unwrap_err();
    assert!(matches!(error, ConnectError::Handshake(_)), "{error:?}");
    assert!(server.join().unwrap() < MAX_TAKEN);
}

fn a_handshake_byte_by_byte<A: Adapter>() {
    byte_by_byte::<A>("ws", b'H');
}

/// The beginning of a TLS record.
fn a_tls_handshake_byte_by_byte<A: Adapter>() {
    byte_by_byte::<A>("wss", 0x16);
}

/// The whole attempt has a time-out, not each byte.
fn byte_by_byte<A: Adapter>(scheme: &str, first: u8) {
    let (mut options, server) = serve_raw(move |mut stream| {
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let (mut next, mut sent) = (vec![first], 0);
        let rest: &[u8] =
            if first == b'H' { b"TTP/1.1 101 Switching Protocols\r\nX: y" } else { &[3, 3, 0x3f] };
        next.extend(rest);
        next.resize(2000, 1);
        for byte in next {
            if stream.write_all(&[byte]).is_err() || matches!(stream.read(&mut [0; 4096]), Ok(0)) {
                break;
            }
            sent += 1;
        }
        _ = stream.shutdown(Shutdown::Both);
        sent
    });
    options.url = options.url.replace("ws:", &format!("{scheme}:"));
    options.tls = Some(skaro_scenarios::certificates::Authority::new("good").trusted());
    options.config.dial_timeout = Duration::from_millis(300);
    let error = A::connect(options).map(|_| ()).unwrap_err();
    assert!(matches!(error, ConnectError::TimedOut), "{error:?}");
    assert!(server.join().unwrap() < 2000, "the client waited for the end");
}

fn why_it_ended<A: Adapter>(client: &A) -> Disconnect {
    wait_for(client, "the end", |event| match event {
        Event::Disconnected(reason) => Some(reason.clone()),
        _ => None,
    })
}

fn serve_raw(talk: impl FnOnce(TcpStream) -> usize + Send + 'static) -> (Options, JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = Options::new(format!("ws://{}/", listener.local_addr().unwrap()));
    options.config.reconnect = None;
    options.config.close_timeout = Duration::from_secs(2);
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        talk(stream)
    });
    (options, server)
}

fn serve(talk: impl FnOnce(WebSocket<TcpStream>) -> usize + Send + 'static) -> (Options, JoinHandle<usize>) {
    serve_raw(move |stream| talk(tungstenite::accept(stream).unwrap()))
}

fn greet(socket: &mut WebSocket<TcpStream>) {
    socket.send(Message::text(r#"{"type":"check_connection","token":"t"}"#)).unwrap();
}

/// Sends information of almost 1 MB without end; returns how many bytes were taken.
fn flood(mut socket: WebSocket<TcpStream>) -> usize {
    let info = format!(r#"{{"type":"info","info":"{}"}}"#, "x".repeat(1_000_000));
    let mut taken = 0;
    while taken < 2 * MAX_TAKEN && socket.send(Message::text(info.as_str())).is_ok() {
        taken += info.len();
    }
    taken
}
