//! Strangers at the server's door: whatever they send, they are told what is wrong with it, and nobody else notices.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use skaro_async_std::{AddressHeader, ServerOptions};
use skaro_blocking::proto::server::{Rate, ServerConfig};
use skaro_blocking::{Event, Format, GetContacts, Options, SendMessage};
use skaro_scenarios::adapters::{Adapter, Async};
use skaro_scenarios::certificates::Authority;
use skaro_scenarios::servers::{self, Host, Served};
use skaro_scenarios::stranger::{dial, flood, frame, open, sign_in};
use skaro_scenarios::world::{self, PATIENCE, are_undisturbed, fill_history, machine, until, wait_for};
use tungstenite::{Bytes, Message, Utf8Bytes, WebSocket};

use crate::Alone;

pub(crate) fn all<R: Host>() -> Vec<Alone> {
    vec![
        ("frames without sense are answered one by one", frames_without_sense::<R>),
        ("answers to what came together leave together", answers_leave_together::<R>),
        ("requests before authorization are refused", requests_before_authorization::<R>),
        ("frames over the limit end the connection", frames_over_the_limit::<R>),
        ("fragments over the limit end the connection", fragments_over_the_limit::<R>),
        ("a huge frame is announced", a_huge_frame_is_announced::<R>),
        ("frames that break the protocol get their code", frames_that_break_the_protocol::<R>),
        ("fragments without end hold nobody up", fragments_without_end::<R>),
        ("pings without end hold nobody up", pings_without_end::<R>),
        ("requests whose answers nobody reads", unread_answers::<R>),
        ("histories that nobody reads", unread_histories::<R>),
        ("what is no opening handshake is told what is wrong", http_answers::<R>),
        ("who is no WebSocket client gets nowhere", no_websocket_clients::<R>),
        ("an opening handshake without end", a_handshake_without_end::<R>),
        ("an opening handshake, byte by byte", a_handshake_byte_by_byte::<R>),
        ("a TLS handshake, byte by byte", a_tls_handshake_byte_by_byte::<R>),
        ("silent connections make room", silent_connections_make_room::<R>),
        ("who does not read is cut off", a_slow_reader::<R>),
        ("too many connections from one address", too_many_connections::<R>),
        ("addresses that a proxy tells", addresses_behind_a_proxy::<R>),
        ("messages beyond the rate are refused", messages_beyond_the_rate::<R>),
        ("frames beyond the rate wait", frames_beyond_the_rate::<R>),
        ("the server can be dropped and its port used again", the_port_is_free_again::<R>),
    ]
}

type Friends<R> = (Async<R>, Async<R>);

/// A server, and a pair of friends whose chat must not be disturbed.
fn begin<R: Host>(change: impl FnOnce(&mut ServerConfig)) -> (Box<dyn Served>, Friends<R>) {
    let server = serve::<R>(change);
    let client = |login| {
        let client = connect::<R>(server.address());
        world::sign_in(&client, login);
        client
    };
    let friends = (client("alice"), client("bob"));
    (server, friends)
}

fn serve<R: Host>(change: impl FnOnce(&mut ServerConfig)) -> Box<dyn Served> {
    serve_with::<R>(change, ServerOptions::default())
}

fn serve_with<R: Host>(change: impl FnOnce(&mut ServerConfig), options: ServerOptions) -> Box<dyn Served> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    servers::serve::<R>(listener, machine(change), options)
}

fn connect<R: Host>(address: SocketAddr) -> Async<R> {
    Async::<R>::connect(Options::new(format!("ws://{address}/"))).unwrap()
}

fn frames_without_sense<R: Host>() {
    let (server, friends) = begin::<R>(|_| ());
    let mut socket = open(server.address());
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
    are_undisturbed(&friends);
}

/// One write brings the requests, one read fetches all answers: over loopback, what is written at once arrives at once.
/// Answers that leave one by one may by chance be there together, but not each time.
fn answers_leave_together<R: Host>() {
    let server = serve::<R>(|config| config.format = Format::Json);
    let mut socket = open(server.address());
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

fn requests_before_authorization<R: Host>() {
    let server = serve::<R>(|config| config.format = Format::Json);
    let mut socket = open(server.address());
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
fn frames_over_the_limit<R: Host>() {
    let (server, friends) = begin::<R>(|_| ());
    let (stranger, user) = server.with(|machine, _| {
        let config = machine.config();
        (config.max_stranger_frame_bytes, config.limits.max_frame_bytes)
    });
    let mut socket = open(server.address());
    socket.read().unwrap();
    socket.send(Message::Text("x".repeat(stranger + 1).into())).unwrap();
    is_too_large(socket);
    let mut socket = sign_in(server.address(), "alice");
    socket.send(Message::Text("x".repeat(user + 1).into())).unwrap();
    is_too_large(socket);
    let mut socket = open(server.address());
    socket.read().unwrap();
    _ = socket.send(Message::Text("x".repeat(user * 5).into()));
    while socket.read().is_ok() {}
    are_undisturbed(&friends);
}

/// Checks that the server says `error`, and closes with 1009.
fn is_too_large(mut socket: WebSocket<TcpStream>) {
    let told = socket.read().unwrap().into_data();
    assert!(String::from_utf8_lossy(&told).contains("limit"));
    let Message::Close(Some(close)) = socket.read().unwrap() else { panic!("no close") };
    assert_eq!(u16::from(close.code), 1009);
}

/// Case 23.
fn fragments_over_the_limit<R: Host>() {
    let (server, friends) = begin::<R>(|_| ());
    let mut socket = sign_in(server.address(), "alice");
    let stream = socket.get_mut();
    stream.write_all(&frame(0x01, &[b'x'; 1000])).unwrap();
    for _ in 0..2000 {
        stream.write_all(&frame(0x00, &[b'x'; 1000])).unwrap();
    }
    stream.write_all(&frame(0x80, b"x")).unwrap();
    is_too_large(socket);
    are_undisturbed(&friends);
}

fn a_huge_frame_is_announced<R: Host>() {
    let (server, friends) = begin::<R>(|_| ());
    let mut socket = open(server.address());
    socket.read().unwrap();
    let header = [0x82, 0xff, 0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1, 2, 3];
    socket.get_mut().write_all(&header).unwrap();
    is_too_large(socket);
    are_undisturbed(&friends);
}

/// Case 19, after the opening handshake.
fn frames_that_break_the_protocol<R: Host>() {
    let (server, friends) = begin::<R>(|_| ());
    for (bytes, code) in [
        (frame(0x81, b"\xff"), 1007),
        // A reserved bit, an unknown type, a continuation of nothing, a ping in fragments.
        (frame(0xc1, b"{}"), 1002),
        (frame(0x83, b"{}"), 1002),
        (frame(0x80, b"{}"), 1002),
        (frame(0x09, b"{}"), 1002),
        // Not masked.
        (vec![0x81, 2, b'{', b'}'], 1002),
    ] {
        let mut socket = open(server.address());
        socket.read().unwrap();
        socket.get_mut().write_all(&bytes).unwrap();
        let closed = socket.read();
        let Ok(Message::Close(Some(close))) = closed else { panic!("{bytes:?}: {closed:?}") };
        assert_eq!(u16::from(close.code), code, "{bytes:?}");
    }
    are_undisturbed(&friends);
}

/// Pieces of a message that never ends, none of which has any length: there is no message to hear, ever.
fn fragments_without_end<R: Host>() {
    let mut stranger = |stream: &mut TcpStream| _ = stream.write_all(&frame(0x01, b""));
    held_up_by_nobody::<R>(&mut stranger, &frame(0x00, b"").repeat(10_000));
}

fn pings_without_end<R: Host>() {
    held_up_by_nobody::<R>(&mut |_| (), &frame(0x89, &[0; 125]).repeat(500));
}

/// More strangers than there are threads send without end and read nothing, and nobody has to wait for them.
fn held_up_by_nobody<R: Host>(begins: &mut dyn FnMut(&mut TcpStream), piece: &[u8]) {
    let (server, friends) = begin::<R>(|_| ());
    let strangers = thread::available_parallelism().unwrap().get() + 1;
    let (busy, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let start = Instant::now();
    thread::scope(|threads| {
        let streams: Vec<_> = (0..strangers)
            .map(|_| {
                let mut stream = open(server.address()).into_inner();
                begins(&mut stream);
                let ours = stream.try_clone().unwrap();
                let (busy, is_over) = (&busy, &is_over);
                threads.spawn(move || {
                    stream.write_all(piece).unwrap();
                    busy.fetch_add(1, Ordering::Relaxed);
                    while start.elapsed() < PATIENCE && stream.write_all(piece).is_ok() {}
                    assert!(is_over.load(Ordering::Relaxed), "the strangers had to stop before");
                });
                ours
            })
            .collect();
        until("all strangers are busy", || busy.load(Ordering::Relaxed) == strangers);
        for _ in 0..20 {
            are_undisturbed(&friends);
        }
        is_over.store(true, Ordering::Relaxed);
        // Ends writes that wait because the server reads slowly.
        for stream in streams {
            _ = stream.shutdown(Shutdown::Both);
        }
    });
    assert!(start.elapsed() < PATIENCE, "the friends had to wait until the strangers were done");
}

fn unread_answers<R: Host>() {
    let (server, friends) = begin::<R>(|_| ());
    let mut stream = open(server.address()).into_inner();
    is_not_read_for_ever(&mut stream, &frame(0x81, br#"{"type":"register_type","on_request":1}"#).repeat(50));
    are_undisturbed(&friends);
}

/// Each answer is as large as answers get.
fn unread_histories<R: Host>() {
    let (server, friends) = begin::<R>(|_| ());
    fill_history(&*server);
    let mut stream = sign_in(server.address(), "alice").into_inner();
    let request = br#"{"type":"get_history","login":"bob","on_request":7}"#;
    is_not_read_for_ever(&mut stream, &frame(0x81, request).repeat(50));
    are_undisturbed(&friends);
}

/// Checks that at some time nothing more is taken: the server stops reading, or ends the connection.
fn is_not_read_for_ever(stream: &mut TcpStream, piece: &[u8]) {
    stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let start = Instant::now();
    stream.write_all(piece).expect("the server takes one piece at least");
    while flood(stream, piece, 1 << 20) >= 1 << 20 {
        assert!(start.elapsed() < PATIENCE, "the server reads for ever");
    }
}

/// Case 19, without an opening handshake.
fn http_answers<R: Host>() {
    let (server, friends) = begin::<R>(|_| ());
    let handshake = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n";
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (request, status, header) in [
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), "426", "Sec-WebSocket-Version: 13"),
        ("GET / HTTP/1.0\r\n\r\n".to_owned(), "426", "Upgrade: websocket"),
        ("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), "200", "ok"),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi".to_owned(), "405", "Allow: GET"),
        (format!("{handshake}{key}Sec-WebSocket-Version: 8\r\n\r\n"), "426", "Sec-WebSocket-Version: 13"),
        (format!("{handshake}Sec-WebSocket-Version: 13\r\n\r\n"), "400", "Sec-WebSocket-Key"),
        ("hello\r\n\r\n".to_owned(), "400", ""),
    ] {
        let response = answer(server.address(), request.as_bytes());
        let is_told = response.starts_with(&format!("HTTP/1.1 {status} ")) && response.contains(header);
        assert!(is_told, "{request}: {response}");
    }
    // A list of tokens is as good as one (case 21).
    let mut stream = dial(server.address());
    stream.write_all(format!("{handshake}{key}Sec-WebSocket-Version: 13\r\n\r\n").as_bytes()).unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 101");
    are_undisturbed(&friends);
}

/// Returns what the server says before it ends the connection.
fn answer(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = dial(address);
    stream.write_all(request).unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).unwrap();
    String::from_utf8_lossy(&response).into_owned()
}

fn no_websocket_clients<R: Host>() {
    let (server, friends) = begin::<R>(|_| ());
    for nonsense in [&b"\0\0\0\0\r\n\r\n"[..], b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", b"hello\r\n\r\n"]
    {
        answer(server.address(), nonsense);
    }
    // Who connects and says nothing holds nobody up.
    let _silent: Vec<_> = (0..50).map(|_| dial(server.address())).collect();
    are_undisturbed(&friends);
}

fn a_handshake_without_end<R: Host>() {
    let (server, friends) = begin::<R>(|_| ());
    let mut stream = dial(server.address());
    stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    is_not_read_for_ever(&mut stream, &b"X-Nothing: 0123456789abcdef\r\n".repeat(1000));
    are_undisturbed(&friends);
}

fn a_handshake_byte_by_byte<R: Host>() {
    byte_by_byte::<R>(b"GET / HTTP/1.1\r\nX: ", ServerOptions::default());
}

fn a_tls_handshake_byte_by_byte<R: Host>() {
    let mut options = ServerOptions::default();
    options.tls = Some(Authority::new("good").certified(&["127.0.0.1"], false));
    // A record with a handshake of 16 KiB.
    byte_by_byte::<R>(&[0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0], options);
}

/// The whole handshake has a time-out, not each byte.
fn byte_by_byte<R: Host>(begin: &[u8], options: ServerOptions) {
    let server = serve_with::<R>(|config| config.handshake_timeout = Duration::from_millis(300), options);
    let mut stream = dial(server.address());
    stream.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let start = Instant::now();
    for byte in begin.iter().chain(std::iter::repeat(&b'x')) {
        assert!(start.elapsed() < PATIENCE, "the server waits for the end");
        let is_open = stream.write_all(&[*byte]).is_ok()
            && matches!(stream.read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
        if !is_open {
            break;
        }
    }
    until("the server has forgotten it", || server.connections() == 0);
}

/// Case 5: connections that say nothing take all places and are renewed again and again; friends come in.
fn silent_connections_make_room<R: Host>() {
    const HANDSHAKES: usize = 16;
    let server = serve::<R>(|config| {
        (config.max_handshakes, config.max_strangers, config.max_connections) =
            (Some(HANDSHAKES), Some(32), 48);
    });
    let silent = || TcpStream::connect(server.address()).unwrap();
    let mut connections: VecDeque<_> = (0..48).map(|_| silent()).collect();
    until("all places are taken", || server.connections() == HANDSHAKES);
    for _ in 0..20 {
        let friend = thread::scope(|threads| {
            let friend = threads.spawn(|| connect::<R>(server.address()));
            // Not so many that the friend were the oldest.
            for _ in 1..HANDSHAKES {
                connections.pop_front();
                connections.push_back(silent());
            }
            friend.join().unwrap()
        });
        world::sign_in(&friend, "alice");
    }
}

/// A reader that is too slow is cut off; the sender, and the friends, go on.
fn a_slow_reader<R: Host>() {
    let (server, friends) = begin::<R>(|config| config.limits.max_queued_bytes = 100_000);
    let _slow = sign_in(server.address(), "bob");
    assert_eq!(server.connections(), 3);
    let body = "x".repeat(16 * 1024);
    let start = Instant::now();
    while server.connections() == 3 {
        assert!(start.elapsed() < PATIENCE, "the slow reader is still connected");
        friends.0.request(SendMessage::new("bob", &body)).unwrap();
        // In step with Bob, who does read: he must not fall behind just because this machine is busy.
        wait_for(&friends.1, "the message", |event| matches!(event, Event::Message(_)).then_some(()));
    }
    are_undisturbed(&friends);
}

fn too_many_connections<R: Host>() {
    let (server, friends) = begin::<R>(|config| {
        config.max_connections_per_address = Some(4);
        // Not this is what ends the one that is refused.
        config.handshake_timeout = PATIENCE * 2;
    });
    let first: Vec<_> = (0..2).map(|_| open(server.address())).collect();
    let mut refused = dial(server.address());
    // Without a word; a reset is an end as well, waiting in vain is none.
    match refused.read_to_end(&mut Vec::new()) {
        Ok(length) => assert_eq!(length, 0),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
    }
    assert_eq!(server.connections(), 4);
    are_undisturbed(&friends);
    drop(first);
    until("there is room", || server.connections() == 2);
    connect::<R>(server.address());
}

/// Behind a proxy they are what limits count by, and connections themselves are not counted.
fn addresses_behind_a_proxy<R: Host>() {
    let mut options = ServerOptions::default();
    options.address_header = Some(AddressHeader::XForwardedFor);
    let server = serve_with::<R>(|config| config.max_connections_per_address = Some(1), options);
    let status = |address: &str| {
        let mut stream = dial(server.address());
        let request = format!(
            "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Forwarded-For: 203.0.113.9, {address}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        (stream, String::from_utf8_lossy(&status[9..]).into_owned())
    };
    let (_one, first) = status("192.0.2.1");
    let (_other, second) = status("192.0.2.2");
    let (_again, third) = status("192.0.2.1");
    assert_eq!([&*first, &*second, &*third], ["101", "101", "503"]);
}

/// Refused, and the connection goes on.
fn messages_beyond_the_rate<R: Host>() {
    let (server, (alice, bob)) = begin::<R>(|config| config.message_rate = Some(Rate::new(1, 10)));
    let results: Vec<_> = (0..30).map(|_| alice.request(SendMessage::new("bob", "x"))).collect();
    let refused = results.iter().filter(|result| result.is_err()).count();
    assert!((1..=20).contains(&refused), "{refused} of 30 were refused");
    assert!(results[..10].iter().all(Result::is_ok), "{results:?}");
    // Bob has a rate of his own.
    bob.request(SendMessage::new("alice", "x")).unwrap();
    assert_eq!(server.connections(), 2);
}

/// They wait in the network, and are answered later.
fn frames_beyond_the_rate<R: Host>() {
    let (_server, (alice, _)) = begin::<R>(|config| config.frame_rate = Some(Rate::new(500, 20)));
    let start = Instant::now();
    for _ in 0..600 {
        alice.submit(GetContacts).unwrap();
    }
    for _ in 0..600 {
        wait_for(&alice, "an answer", |event| match event {
            Event::Ended(ended) => Some(ended.outcome.as_ref().unwrap().clone()),
            _ => None,
        });
    }
    // What was read at once, 300 frames say, was handled; the rest had to wait for its time.
    assert!(start.elapsed() > Duration::from_millis(300), "no frame had to wait");
}

fn the_port_is_free_again<R: Host>() {
    let (server, (alice, _)) = begin::<R>(|_| ());
    let address = server.address();
    server.shut_down("bye");
    wait_for(&alice, "the end", |event| matches!(event, Event::Disconnected(_)).then_some(()));
    let listener = TcpListener::bind(address).unwrap();
    let _server = servers::serve::<R>(listener, machine(|_| ()), ServerOptions::default());
    // And she comes back by herself.
    wait_for(&alice, "the connection", |event| match event {
        Event::Ended(ended) => (ended.ticket.kind().as_str() == "authorize").then_some(()),
        _ => None,
    });
}
