use super::*;
use allocation_counter::measure;
use skaro_proto::client::Disconnect;
use skaro_proto::server::store::{MemoryStore, Operation, Store};
use skaro_proto::server::{Peer, ServerConfig};
use skaro_proto::{Frame, Transmit};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Protocol: skaro.json\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn server() -> Server {
    Server::new(ServerConfig::default(), [1; 32])
}

fn accept(server: &mut Server) -> Connection {
    Connection::new(server.handle_accepted(Time::ZERO, Peer::UNKNOWN).unwrap(), None)
}

fn taken(connection: &mut Connection) -> Vec<u8> {
    let mut bytes = Vec::new();
    connection.take_output(&mut bytes);
    bytes
}

/// Creates a connection and its client's side, after the greeting.
fn open(server: &mut Server) -> (Connection, WebSocket) {
    let mut connection = accept(server);
    connection.handle_bytes(REQUEST.as_bytes());
    assert!(!connection.wants_bytes());
    let turn = connection.turn(Time::ZERO, || &mut *server);
    assert!(matches!(turn, Turn::Idle { until: Some(_) }) && connection.wants_bytes(), "{turn:?}");
    let mut client = WebSocket::new(Role::Client, 1 << 20);
    let told = String::from_utf8_lossy(&taken(&mut connection)).into_owned();
    assert!(told.starts_with("HTTP/1.1 101 ") && told.contains("check_connection"), "{told}");
    client.send(Transmit::Ping);
    drop(client_output(&mut client));
    (connection, client)
}

fn client_output(client: &mut WebSocket) -> Vec<u8> {
    let mut bytes = Vec::new();
    client.take_output(&mut bytes);
    bytes
}

/// Returns a masked frame whose mask changes nothing.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[first, 0xfe], &length[..], &[0; 4], payload].concat()
}

/// Sends the same again and again until it is not read any more.
fn flood(connection: &mut Connection, server: &mut Server, bytes: &[u8]) {
    let (mut sent, mut buffer) = (0, Vec::new());
    connection.turn(Time::ZERO, || &mut *server);
    while connection.wants_bytes() {
        connection.handle_bytes(bytes);
        connection.turn(Time::ZERO, || &mut *server);
        buffer.clear();
        connection.take_output(&mut buffer);
        sent += bytes.len();
        assert!(sent < 600_000, "there is no end");
    }
}

/// Returns the client's input as words.
fn hear(client: &mut WebSocket, connection: &mut Connection) -> Vec<String> {
    let bytes = taken(connection);
    let mut input = &bytes[..];
    let mut heard = Vec::new();
    while let Some(received) = client.receive(&mut input).unwrap() {
        heard.push(match received {
            Received::Message(frame) => String::from_utf8_lossy(frame.as_bytes()).into_owned(),
            Received::SignOfLife => "alive".into(),
            Received::Closing(Disconnect::Closed { code, .. }) => format!("closed {code:?}"),
            Received::Closing(_) => "closed".into(),
        });
    }
    heard
}

#[test]
fn requests_are_answered() {
    let mut server = server();
    let (mut connection, mut client) = open(&mut server);
    assert!(server.has_connection(connection.id));
    client.send(Transmit::Frame(Frame::Text(r#"{"type":"register_type","on_request":1}"#)));
    client.send(Transmit::Ping);
    connection.handle_bytes(&client_output(&mut client));
    assert!(!connection.wants_bytes(), "it is the machine's turn");
    connection.turn(Time::ZERO, || &mut server);
    let heard = hear(&mut client, &mut connection);
    let answers = heard.iter().filter(|one| one.contains(r#""status":"200""#)).count();
    let signs_of_life = heard.iter().filter(|one| *one == "alive").count();
    assert_eq!((heard.len(), answers, signs_of_life), (2, 1, 1), "{heard:?}");
}

#[test]
fn the_first_frames_may_come_with_the_request() {
    let mut server = server();
    let mut connection = accept(&mut server);
    let bytes = [REQUEST.as_bytes(), &masked(0x81, b"no"), &masked(0x81, b"sense")].concat();
    connection.handle_bytes(&bytes);
    while connection.turn(Time::ZERO, || &mut server) == Turn::Again {}
    let told = String::from_utf8_lossy(&taken(&mut connection)).into_owned();
    assert_eq!(told.matches(r#""type":"error""#).count(), 2, "{told}");
}

/// Decoded messages wait in memory, so their number is limited.
#[test]
fn tiny_messages_are_handled_a_few_at_a_time() {
    let mut server = server();
    let (mut connection, _) = open(&mut server);
    let flood = [0x81, 0x80, 0, 0, 0, 0].repeat(READ_AT_ONCE / 6);
    let used = measure(|| connection.handle_bytes(&flood));
    assert!(used.bytes_max < 32 << 10 && !connection.wants_bytes(), "{used:?}");
    assert_eq!(flood.len() - connection.unread.len(), 6 * MESSAGES_AT_ONCE);
    assert_eq!(connection.turn(Time::ZERO, || &mut server), Turn::Again);
    assert!(!connection.wants_bytes());
    let mut server = self::server();
    let (mut connection, _) = open(&mut server);
    let pings = [0x89, 0x80, 0, 0, 0, 0].repeat(READ_AT_ONCE / 6);
    connection.handle_bytes(&pings);
    assert_eq!(connection.incoming.len(), 1, "one sign of life says as much as many");
}

/// Case 23.
#[test]
fn a_message_over_the_limit_in_fragments_gets_an_error_and_then_1009() {
    let mut server = server();
    let (mut connection, mut client) = open(&mut server);
    connection.handle_bytes(&masked(0x01, &[b'x'; 1000]));
    for n in 0..300 {
        connection.handle_bytes(&masked(0x00, &[b'x'; 1000]));
        assert!(matches!(connection.turn(Time::ZERO, || &mut server), Turn::Idle { .. }), "{n}");
        assert!(connection.wants_bytes(), "it reads on");
    }
    let heard = hear(&mut client, &mut connection);
    assert!(
        matches!(&heard[..], [error, closed] if error.contains("limit") && closed == "closed Some(1009)"),
        "{heard:?}"
    );
    connection.handle_bytes(&client_output(&mut client));
    assert_eq!(connection.turn(Time::ZERO, || &mut server), Turn::Gone);
    assert_eq!(server.connections(), 0);
}

/// Case 19: RFC 6455, section 7.4.1.
#[test]
fn whoever_breaks_the_rules_is_told_the_code_and_read_on_for_the_answer() {
    for (frame, code) in [(masked(0x83, b"x"), 1002), (masked(0x81, &[0xff]), 1007)] {
        let mut server = server();
        let (mut connection, mut client) = open(&mut server);
        connection.handle_bytes(&masked(0x81, b"handled before"));
        connection.handle_bytes(&frame);
        assert!(matches!(connection.turn(Time::ZERO, || &mut server), Turn::Idle { .. }));
        assert!(server.has_connection(connection.id) && connection.wants_bytes(), "it counts to its end");
        let heard = hear(&mut client, &mut connection);
        assert_eq!(heard.last(), Some(&format!("closed Some({code})")), "{heard:?}");
        assert!(heard.iter().any(|one| one.contains("error")), "what waited is sent before: {heard:?}");
        // Further input is discarded until the answer comes, or the machine gives it up.
        connection.handle_bytes(&masked(0x81, b"more"));
        assert!(matches!(connection.turn(Time::from_secs(1), || &mut server), Turn::Idle { .. }));
        if code == 1002 {
            connection.handle_bytes(&client_output(&mut client));
            assert_eq!(connection.turn(Time::from_secs(1), || &mut server), Turn::Gone);
        } else {
            server.handle_timeout(Time::from_secs(5));
            assert_eq!(connection.turn(Time::from_secs(5), || &mut server), Turn::Gone);
        }
        assert!(!connection.wants_bytes());
        server.handle_disconnected(Time::from_secs(5), connection.id);
        assert_eq!(server.connections(), 0);
    }
}

/// A flood after the end took a whole processor, since only open connections had a rate.
#[test]
fn whatever_comes_too_fast_after_the_end_is_left_in_the_network() {
    let too_large = masked(0x82, &[0; 17 << 10]);
    for frame in [masked(0x83, b"x"), masked(0x81, &[0xff]), too_large, Vec::new()] {
        let mut server = server();
        let (mut connection, _) = open(&mut server);
        connection.handle_bytes(&frame);
        if frame.is_empty() {
            server.shut_down(Time::ZERO, "good night");
        }
        flood(&mut connection, &mut server, &masked(0x81, b"{}").repeat(100));
        // A little later a little more; the peer does not answer, so there is an end to it.
        server.handle_timeout(Time::from_secs(1));
        connection.turn(Time::from_secs(1), || &mut server);
        assert!(connection.wants_bytes());
        server.handle_timeout(Time::from_secs(5));
        assert_eq!(connection.turn(Time::from_secs(5), || &mut server), Turn::Gone);
    }
}

#[test]
fn whatever_follows_a_refused_request_too_fast_is_left_in_the_network() {
    let mut server = server();
    let mut connection = accept(&mut server);
    connection.handle_bytes(b"POST / HTTP/1.1\r\nHost: h\r\n\r\n");
    let mut sent = 0;
    while connection.wants_bytes() {
        connection.turn(Time::ZERO, || &mut server);
        connection.handle_bytes(&[b'x'; READ_AT_ONCE]);
        sent += READ_AT_ONCE;
        assert!(sent < 10 << 20, "there is no end");
    }
    server.handle_disconnected(Time::ZERO, connection.id);
    assert_eq!(connection.turn(Time::ZERO, || &mut server), Turn::Gone, "the machine has no such connection");
}

#[test]
fn a_client_that_closes_gets_its_answer() {
    let mut server = server();
    let (mut connection, mut client) = open(&mut server);
    client.close(1000);
    connection.handle_bytes(&client_output(&mut client));
    assert_eq!(connection.turn(Time::ZERO, || &mut server), Turn::Gone);
    assert_eq!(hear(&mut client, &mut connection), ["closed Some(1000)"]);
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_machine_that_closes_waits_for_the_answer_or_drops_the_connection() {
    for answers in [true, false] {
        let mut server = server();
        let (mut connection, mut client) = open(&mut server);
        server.shut_down(Time::ZERO, "good night");
        assert!(matches!(connection.turn(Time::ZERO, || &mut server), Turn::Idle { .. }));
        let heard = hear(&mut client, &mut connection);
        assert_eq!(heard.last().map(String::as_str), Some("closed Some(1001)"));
        if answers {
            connection.handle_bytes(&client_output(&mut client));
        } else {
            server.handle_timeout(Time::from_secs(5));
        }
        assert_eq!(connection.turn(Time::from_secs(5), || &mut server), Turn::Gone);
        assert_eq!(server.connections(), 0);
    }
}

/// Case 19.
#[test]
fn what_is_no_handshake_is_answered_and_lingers() {
    let mut server = server();
    let mut connection = accept(&mut server);
    connection.handle_bytes(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
    let until = Time::from_secs(11);
    assert_eq!(connection.turn(Time::from_secs(9), || &mut server), Turn::Idle { until: Some(until) });
    assert!(taken(&mut connection).ends_with(b"\r\n\r\nok\n"));
    connection.handle_bytes(b"more");
    assert_eq!(connection.turn(until, || &mut server), Turn::Gone);
}

#[test]
fn a_handshake_that_takes_too_long_is_dropped() {
    let mut server = server();
    let mut connection = accept(&mut server);
    server.handle_timeout(Time::from_secs(14));
    assert_eq!(connection.turn(Time::from_secs(14), || &mut server), Turn::Idle { until: None });
    connection.handle_bytes(b"GET / HTTP/1.1\r\n");
    server.handle_timeout(Time::from_secs(15));
    assert_eq!(connection.turn(Time::from_secs(15), || &mut server), Turn::Gone);
}

#[test]
fn behind_a_proxy_the_address_comes_from_the_header_that_is_trusted() {
    let mut config = ServerConfig::default();
    config.max_connections_per_address = Some(1);
    let mut server = Server::new(config, [1; 32]);
    let request = REQUEST.replace("Host: h", "Host: h\r\nX-Forwarded-For: 192.0.2.1");
    let mut ask = |header| {
        let id = server.handle_accepted(Time::ZERO, Peer::UNKNOWN).unwrap();
        let mut connection = Connection::new(id, header);
        connection.handle_bytes(request.as_bytes());
        connection.turn(Time::ZERO, || &mut server);
        String::from_utf8_lossy(&taken(&mut connection)).into_owned()
    };
    for _ in 0..2 {
        assert!(ask(None).starts_with("HTTP/1.1 101 "));
    }
    assert!(ask(Some(AddressHeader::XForwardedFor)).starts_with("HTTP/1.1 101 "));
    let told = ask(Some(AddressHeader::XForwardedFor));
    assert!(told.starts_with("HTTP/1.1 503 ") && told.contains("from this address"), "{told}");
}

/// Cases 3 and 13: waiting frames stay in the machine, which counts them.
#[test]
fn a_turn_fetches_little_at_once() {
    let mut config = ServerConfig::default();
    config.max_stranger_queued_bytes = 1 << 20;
    let mut server = Server::new(config, [1; 32]);
    let (mut connection, _) = open(&mut server);
    for _ in 0..50 {
        server.announce(Time::ZERO, &"x".repeat(1000));
        connection.turn(Time::ZERO, || &mut server);
    }
    let mut sizes = Vec::new();
    while let bytes @ 1.. = taken(&mut connection).len() {
        sizes.push(bytes);
        connection.turn(Time::ZERO, || &mut server);
    }
    assert!(sizes.len() > 2 && sizes.iter().all(|size| *size < 18 << 10), "{sizes:?}");
    assert!(sizes.iter().sum::<usize>() > 50_000);
}

/// Pings and fragments are not frames for the machine, but cost as much.
#[test]
fn whatever_comes_too_fast_is_left_in_the_network() {
    for frame in [masked(0x89, &[0; 125]), masked(0x00, b"")] {
        let mut server = server();
        let (mut connection, _) = open(&mut server);
        connection.handle_bytes(&masked(0x01, b"x"));
        flood(&mut connection, &mut server, &frame.repeat(100));
        server.handle_timeout(Time::from_secs(1));
        connection.turn(Time::from_secs(1), || &mut server);
        assert!(connection.wants_bytes());
    }
}

/// Cases 1 and 11: the memory that a stranger can make a connection use, besides the machine's queue of answers.
#[test]
fn strangers_cost_little_and_idle_connections_less() {
    let pings = masked(0x89, &[0; 125]).repeat(100);
    let fragments = masked(0x00, &[b'x'; 1000]).repeat(15);
    let floods: [(&str, &[u8], &[u8]); 4] = [
        ("pings", b"", &pings),
        ("pongs", b"", &masked(0x8a, b"").repeat(1000)),
        ("fragments", &masked(0x01, b"x"), &fragments),
        ("empty fragments", &masked(0x01, b"x"), &masked(0x00, b"").repeat(1000)),
    ];
    for (what, first, flood) in floods {
        let mut server = server();
        let (mut connection, _) = open(&mut server);
        let used = measure(|| {
            connection.handle_bytes(first);
            // The output is never taken.
            for _ in 0..8 {
                connection.handle_bytes(flood);
                connection.turn(Time::ZERO, || &mut server);
            }
        });
        assert!(used.bytes_max < 128 << 10, "{what}: {used:?}");
    }
}

#[test]
fn buffers_are_given_back_after_ten_idle_seconds() {
    let mut server = server();
    let (mut client, mut buffer) = (WebSocket::new(Role::Client, 1 << 20), Vec::new());
    client.send(Transmit::Frame(Frame::Text(&"x".repeat(100_000))));
    let bytes = client_output(&mut client);
    let machine = measure(|| _ = server.connect(Time::ZERO, None));
    let mut connection = accept(&mut server);
    let used = measure(|| {
        connection.handle_bytes(REQUEST.as_bytes());
        connection.turn(Time::ZERO, || &mut server);
        for piece in bytes.chunks(READ_AT_ONCE) {
            connection.handle_bytes(piece);
            connection.turn(Time::from_secs(1), || &mut server);
            buffer.clear();
            connection.take_output(&mut buffer);
        }
        assert_eq!(
            connection.turn(Time::from_secs(9), || &mut server),
            Turn::Idle { until: Some(Time::from_secs(11)) }
        );
        assert_eq!(connection.turn(Time::from_secs(11), || &mut server), Turn::Idle { until: None });
        buffer = Vec::new();
    });
    let kept = used.bytes_current - machine.bytes_current;
    assert!(kept < 1 << 10, "{kept}");
    assert!(size_of::<Connection>() < 512, "{}", size_of::<Connection>());
}

/// A signed-in user's connection, whose server has a slow store.
struct Slow {
    server: Server,
    store: MemoryStore,
    connection: Connection,
    /// Messages that the store was given.
    appended: usize,
}

impl Slow {
    /// Carries out so many operations.
    fn carry_out(&mut self, count: usize) {
        for _ in 0..count {
            let Some((id, operation)) = self.server.poll_store() else { return };
            self.appended += usize::from(matches!(operation, Operation::Append { .. }));
            let result = self.store.execute(operation);
            self.server.handle_stored(Time::ZERO, id, result);
        }
    }

    /// Lets a client sign in, send so many messages, and close the connection or not, all at once. Returns its input.
    fn pipelined(count: usize, closes: bool) -> (Self, Vec<u8>) {
        let config = ServerConfig::default();
        let store = MemoryStore::new(config.store_limits());
        let mut server = Server::with_store(config, [1; 32]);
        let add = server.account("alice", "secret").unwrap();
        server.operate(Time::ZERO, add);
        let mut connection = accept(&mut server);
        connection.handle_bytes(REQUEST.as_bytes());
        connection.turn(Time::ZERO, || &mut server);
        let mut slow = Slow { server, store, connection, appended: 0 };
        slow.carry_out(1);
        let greeting = String::from_utf8_lossy(&taken(&mut slow.connection)).into_owned();
        let (_, token) = greeting.split_once(r#""token":""#).unwrap();
        let proof = skaro_proto::auth::proof("secret", &token[..32]);
        let mut client = WebSocket::new(Role::Client, 1 << 20);
        let mut say = |text: String| client.send(Transmit::Frame(Frame::Text(&text)));
        say(format!(r#"{{"type":"authorize","on_request":1,"login":"alice","password":"{proof}"}}"#));
        for number in 2..2 + count {
            say(format!(r#"{{"type":"send_message","on_request":{number},"to":"alice","body":"hi"}}"#));
        }
        if closes {
            client.close(1000);
        }
        let sent = client_output(&mut client);
        let mut output = Vec::new();
        for bytes in sent.chunks(READ_AT_ONCE) {
            while !slow.connection.wants_bytes() {
                slow.turn(&mut output);
            }
            slow.connection.handle_bytes(bytes);
        }
        while slow.turn(&mut output) != Turn::Gone && slow.server.open_operations() > 0 {}
        slow.turn(&mut output);
        (slow, output)
    }

    /// Takes a turn of the connection, and one of the store.
    fn turn(&mut self, output: &mut Vec<u8>) -> Turn {
        let turn = self.connection.turn(Time::ZERO, || &mut self.server);
        output.append(&mut taken(&mut self.connection));
        self.carry_out(1);
        turn
    }
}

/// They were refused from the 128th on.
#[test]
fn a_thousand_messages_at_once_wait_for_a_slow_store_and_are_answered_in_order() {
    let (slow, output) = Slow::pipelined(1000, false);
    let mut client = WebSocket::new(Role::Client, 1 << 20);
    let (mut input, mut answered) = (&output[..], 0);
    while let Some(received) = client.receive(&mut input).unwrap() {
        let Received::Message(frame) = received else { continue };
        let told = String::from_utf8_lossy(frame.as_bytes());
        if told.contains(r#""type":"request""#) {
            answered += 1;
            assert!(told.contains(&format!(r#""id":{answered},"status":"200""#)), "{told}");
        }
    }
    assert_eq!((answered, slow.appended), (1001, 1000));
}

#[test]
fn what_was_sent_before_the_connection_was_closed_is_handled() {
    let (mut slow, _) = Slow::pipelined(300, true);
    slow.carry_out(usize::MAX);
    assert_eq!((slow.appended, slow.server.connections()), (300, 0));
}
