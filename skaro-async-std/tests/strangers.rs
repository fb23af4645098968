//! Strangers at the server's door, over real sockets: whatever they send, they are told what is wrong with it, and
//! nobody else notices.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_std::task::block_on;
use async_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes, WebSocket, client::client};
use futures_util::StreamExt;
use skaro_async_std::{Client, Events, Server, proto, random_seed};

const PATIENCE: Duration = Duration::from_secs(20);

fn server(change: impl FnOnce(&mut proto::server::Config)) -> Server {
    let mut config = proto::server::Config::default();
    config.open_directory = true;
    change(&mut config);
    let mut machine = proto::server::Server::new(config, random_seed().unwrap());
    for login in ["alice", "bob"] {
        machine.add_user(login, "secret").unwrap();
    }
    block_on(Server::bind("127.0.0.1:0", machine)).unwrap()
}

fn stranger(server: &Server) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(server.local_addr()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    client(server.url(), stream).unwrap().0
}

/// A pair of friends whose chat must not be disturbed.
async fn friends(server: &Server) -> (Client, Client, Events) {
    let (alice, _) = Client::connect(server.url()).await.unwrap();
    alice.authorize("alice", "secret").await.unwrap();
    let (bob, events) = Client::connect(server.url()).await.unwrap();
    bob.authorize("bob", "secret").await.unwrap();
    (alice, bob, events)
}

async fn are_undisturbed((alice, bob, _): &(Client, Client, Events)) {
    alice.send_message("bob", "still there?").await.unwrap();
    bob.send_message("alice", "yes").await.unwrap();
}

#[test]
fn frames_without_sense_are_answered_one_by_one() {
    let server = server(|_| ());
    let friends = block_on(friends(&server));
    let mut socket = stranger(&server);
    assert!(socket.read().unwrap().is_binary(), "the server speaks first, in CBOR");
    let text = |text: &str| Message::Text(Utf8Bytes::from(text));
    let binary = |bytes: &[u8]| Message::Binary(Bytes::copy_from_slice(bytes));
    for (message, told) in [
        (text(""), "ends in the middle"),
        (text("hello"), "not well-formed JSON"),
        (text("{\"type\":\"get_contacts\"}"), "on_request"),
        (text(&"[".repeat(10_000)), "nested deeper"),
        (binary(b""), "ends in the middle"),
        (binary(b"{\"type\":1}"), "ends in the middle"),
        (binary(b"\xff"), "not well-formed CBOR"),
        (binary(b"\xa1\x64type\x01"), "\"type\" is not text"),
        (binary(b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff"), "ends in the middle"),
        (binary(b"\xa1\x64type\x7b\x7f\xff\xff\xff\xff\xff\xff\xff"), "ends in the middle"),
    ] {
        socket.send(message.clone()).unwrap();
        let answer = socket.read().unwrap().into_data();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.contains(told), "{message:?}: {answer}");
    }
    block_on(are_undisturbed(&friends));
}

/// One write brings the requests, one read fetches all answers: over loopback, what is written at once arrives at once.
/// Answers that leave one by one may by chance be there together, but not each time.
#[test]
fn answers_to_what_came_together_leave_together() {
    let server = server(|config| config.format = proto::Format::Json);
    let mut socket = stranger(&server);
    socket.read().unwrap();
    let mut bytes = vec![0; 1 << 16];
    for _ in 0..20 {
        for number in 1..=10 {
            let request = format!(r#"{{"type":"register_type","on_request":{number}}}"#);
            socket.write(Message::text(request)).unwrap();
        }
        socket.flush().unwrap();
        let length = socket.get_mut().read(&mut bytes).unwrap();
        let answers = String::from_utf8_lossy(&bytes[..length]).matches("status").count();
        assert_eq!(answers, 10);
    }
}

#[test]
fn requests_before_authorization_are_refused() {
    let server = server(|config| config.format = proto::Format::Json);
    let mut socket = stranger(&server);
    socket.read().unwrap();
    for request in [
        r#"{"type":"get_contacts","on_request":5}"#,
        r#"{"type":"get_history","login":"bob","on_request":5}"#,
        r#"{"type":"send_message","to":"bob","body":"x","on_request":5}"#,
        r#"{"type":"session_restore","sid":"made up","on_request":5}"#,
    ] {
        socket.send(Message::Text(Utf8Bytes::from(request))).unwrap();
        let answer = socket.read().unwrap();
        let answer = answer.to_text().unwrap();
        assert!(answer.contains(r#""id":5"#) && answer.contains(r#""status":"401""#), "{answer}");
    }
}

/// Somewhat too large: told, and closed with the code that means it. Far too large: not even read.
#[test]
fn frames_over_the_limit_end_the_connection() {
    let server = server(|_| ());
    let friends = block_on(friends(&server));
    let limit = server.with(|machine, _| machine.config().limits.frame);
    let mut socket = stranger(&server);
    socket.read().unwrap();
    socket.send(Message::Text("x".repeat(limit + 1).into())).unwrap();
    let told = socket.read().unwrap().into_data();
    assert!(String::from_utf8_lossy(&told).contains("limit"));
    let Message::Close(Some(close)) = socket.read().unwrap() else { panic!("no close") };
    assert_eq!(u16::from(close.code), 1009);

    let mut socket = stranger(&server);
    socket.read().unwrap();
    _ = socket.send(Message::Text("x".repeat(limit * 5).into()));
    while socket.read().is_ok() {}
    block_on(are_undisturbed(&friends));
}

/// Pieces of a message that never ends, none of which has any length: there is no message to hear, ever. More strangers
/// do that than there are threads, and nobody has to wait for them.
#[test]
fn pieces_without_end_hold_nobody_up() {
    let server = server(|_| ());
    let friends = block_on(friends(&server));
    let strangers = std::thread::available_parallelism().unwrap().get() + 1;
    let until = Instant::now() + PATIENCE;
    let is_over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        for _ in 0..strangers {
            threads.spawn(|| {
                let mut stream = stranger(&server).into_inner();
                // Masked, as clients' frames are: each of six bytes.
                stream.write_all(&[0x01, 0x80, 0, 0, 0, 0]).unwrap();
                let pieces = [0, 0x80, 0, 0, 0, 0].repeat(10_000);
                while !is_over.load(Ordering::Relaxed) && Instant::now() < until {
                    stream.write_all(&pieces).unwrap();
                }
            });
        }
        for _ in 0..20 {
            block_on(are_undisturbed(&friends));
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(Instant::now() < until, "the friends had to wait until the strangers were done");
}

#[test]
fn who_is_no_websocket_client_gets_nowhere() {
    let server = server(|_| ());
    let friends = block_on(friends(&server));
    for nonsense in [&b"GET / HTTP/1.0\r\n\r\n"[..], b"\0\0\0\0\r\n\r\n", b"hello\r\n\r\n"] {
        let mut stream = TcpStream::connect(server.local_addr()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(nonsense).unwrap();
        // It ends: with an HTTP error or without a word, but it ends.
        _ = stream.read_to_end(&mut Vec::new());
    }
    // Who connects and says nothing holds nobody up.
    let _silent: Vec<_> = (0..50).map(|_| TcpStream::connect(server.local_addr()).unwrap()).collect();
    block_on(are_undisturbed(&friends));
}

/// A reader that is too slow is cut off; the sender, and the friends, go on.
#[test]
fn who_does_not_read_is_cut_off() {
    let server = server(|config| (config.limits.output, config.messages) = (100_000, None));
    let (alice, bob, mut events) = block_on(friends(&server));
    let mut slow = stranger(&server);
    let proof = {
        let greeting = slow.read().unwrap().into_data();
        let proto::message::ServerMessage::CheckConnection(challenge) =
            proto::message::ServerMessage::decode(proto::Frame::Binary(&greeting)).unwrap()
        else {
            panic!("no challenge")
        };
        proto::auth::proof("secret", &challenge.token)
    };
    let request = proto::message::Request::Authorize { login: "bob".into(), proof: proof.into() };
    let frame = proto::message::ClientMessage::new(1, request).encode(proto::Format::Cbor);
    slow.send(Message::Binary(frame.into())).unwrap();
    slow.read().unwrap();
    assert_eq!(server.with(|machine, _| machine.connections()), 3);
    let body = "x".repeat(16 * 1024);
    let start = Instant::now();
    block_on(async {
        while server.with(|machine, _| machine.connections()) == 3 {
            assert!(start.elapsed() < PATIENCE, "the slow reader is still connected");
            alice.send_message("bob", &body).await.unwrap();
            // In step with Bob, who does read: he must not fall behind just because this machine is busy.
            while !matches!(events.next().await, Some(proto::client::Event::Message { .. })) {}
        }
        are_undisturbed(&(alice, bob, events)).await;
    });
}

#[test]
fn the_server_can_be_dropped_and_its_port_used_again() {
    let first = server(|_| ());
    let address = first.local_addr();
    let _friends = block_on(friends(&first));
    block_on(first.shut_down("bye"));
    let machine = proto::server::Server::new(Default::default(), [1; 32]);
    block_on(Server::bind(address, machine)).unwrap();
}
