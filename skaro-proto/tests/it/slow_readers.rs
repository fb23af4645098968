//! Whoever asks and asks, and never reads the answers, costs the server no more than the limit.

use skaro_proto::server::{ConnectionId, Server, ServerConfig};
use skaro_proto::{CloseCode, Format, Frame, Time, Transmit, auth};

const NOW: Time = Time::ZERO;
const LIMIT: usize = 10_000;

/// A server with little patience, and a user who is signed in.
fn signed_in() -> (Server, ConnectionId) {
    let mut config = ServerConfig::default();
    config.limits.max_queued_bytes = LIMIT;
    let mut server = Server::new(config, [7; 32]);
    server.add_user("alice", "correct horse").unwrap();
    let id = server.connect(NOW, Some(Format::Json)).unwrap();
    let Some(Transmit::Frame(Frame::Text(challenge))) = server.poll_transmit(id) else { panic!() };
    let challenge: serde_json::Value = serde_json::from_str(challenge).unwrap();
    let proof = auth::proof("correct horse", challenge["token"].as_str().unwrap());
    ask(
        &mut server,
        id,
        &format!(r#"{{"type":"authorize","on_request":1,"login":"alice","password":"{proof}"}}"#),
    );
    while server.poll_transmit(id).is_some() {}
    assert!(server.is_online("alice"));
    (server, id)
}

fn ask(server: &mut Server, id: ConnectionId, request: &str) {
    server.handle_frame(NOW, id, Frame::Text(request)).unwrap();
}

/// Asks without reading, until the connection is closed; tells how often.
fn ask_until_cut_off(server: &mut Server, id: ConnectionId, request: &str) -> usize {
    let asked = (1..1000).find(|_| {
        ask(server, id, request);
        !server.is_online("alice")
    });
    // What waited is given up. Nothing more is heard.
    assert_eq!(server.poll_transmit(id), Some(Transmit::Close(CloseCode::Policy)));
    ask(server, id, request);
    assert_eq!(server.poll_transmit(id), None);
    assert_eq!(server.sessions(), 1);
    asked.expect("an end of the server's patience")
}

#[test]
fn a_flood_of_short_requests_is_cut_off() {
    let (mut server, id) = signed_in();
    let asked = ask_until_cut_off(&mut server, id, r#"{"type":"register_type","on_request":2}"#);
    assert!((20..200).contains(&asked), "{asked}");
}

#[test]
fn a_flood_of_long_answers_is_cut_off_after_the_first_over_the_limit() {
    let (mut server, id) = signed_in();
    server.post(NOW, "alice", "alice", &"x".repeat(LIMIT)).unwrap();
    while server.poll_transmit(id).is_some() {}
    let asked =
        ask_until_cut_off(&mut server, id, r#"{"type":"get_history","login":"alice","on_request":2}"#);
    assert_eq!(asked, 2);
}

/// Who reads what comes may ask for as much as they like.
#[test]
fn a_flood_that_is_read_is_answered() {
    let (mut server, id) = signed_in();
    for _ in 0..1000 {
        ask(&mut server, id, r#"{"type":"register_type","on_request":2}"#);
        assert!(matches!(server.poll_transmit(id), Some(Transmit::Frame(_))));
    }
    assert!(server.is_online("alice"));
}
