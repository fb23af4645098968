//! What stands on the wire: the bytes of the original client, to the byte.

use skaro_proto::client::{Client, ClientConfig, Event};
use skaro_proto::message::{ClientMessage, Page, Request};
use skaro_proto::{Format, Frame, Time, Transmit, auth};

const TOKEN: &str = "3a0cf1b2c7d94e53";
const PASSWORD: &str = "correct horse";
const PROOF: &str = "09588417315960d9c036c409598b667ee6e4cd1d78e4306238c8c2fff4c360c6\
                     9fa3f3283fead5c2d575cac5878d7699b7350ba78653f93be604e4531efa4071";

/// Each request of the original client with its number, and the CBOR that it sent.
fn recorded() -> Vec<(ClientMessage<'static>, String)> {
    let authorize = format!(
        "a4656c6f67696e65616c6963656870617373776f72647880{}64747970656961757468\
         6f72697a656a6f6e5f7265717565737401",
        hex(PROOF.as_bytes())
    );
    let message = ClientMessage::new;
    vec![
        (
            message(1, Request::RegisterType),
            "a264747970656d72656769737465725f747970656a6f6e5f7265717565737401".into(),
        ),
        (message(1, Request::Authorize { login: "alice".into(), proof: PROOF.into(), since: None, log: None, presence: false }), authorize),
        (
            message(1, Request::GetContacts),
            "a264747970656c6765745f636f6e74616374736a6f6e5f7265717565737401".into(),
        ),
        (
            message(2, Request::GetHistory { login: "bob".into(), page: Page::default() }),
            "a364747970656b6765745f686973746f7279656c6f67696e63626f626a6f6e5f7265717565737402".into(),
        ),
        (
            message(3, Request::SendMessage { to: "bob".into(), body: "hello".into(), key: None }),
            "a464747970656c73656e645f6d65737361676562746f63626f6264626f64796568656c6c6f6a6f6e5f7265717565737403"
                .into(),
        ),
        (
            message(5, Request::SessionRestore { sid: "s-1".into(), since: None, log: None, presence: false }),
            "a364747970656f73657373696f6e5f726573746f72656373696463732d316a6f6e5f7265717565737405".into(),
        ),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_proof_is_the_original_s() {
    assert_eq!(auth::proof(PASSWORD, TOKEN), PROOF);
}

#[test]
fn requests_are_written_as_the_original_does() {
    for (message, expected) in recorded() {
        assert_eq!(hex(&message.encode(Format::Cbor)), expected, "{message:?}");
    }
}

#[test]
fn the_original_s_requests_are_read() {
    for (message, bytes) in recorded() {
        let bytes: Vec<u8> =
            (0..bytes.len()).step_by(2).map(|n| u8::from_str_radix(&bytes[n..n + 2], 16).unwrap()).collect();
        assert_eq!(ClientMessage::decode(Frame::Binary(&bytes)).unwrap(), message);
    }
}

/// The same through the machine: what a command makes of a server's greeting in CBOR.
#[test]
fn the_client_sends_what_the_original_sends() {
    let mut client = Client::new(ClientConfig::default(), [0; 32]);
    client.handle_connected(Time::ZERO);
    let greeting = greeting_message().encode(Format::Cbor);
    assert!(matches!(client.handle_frame(Time::ZERO, Frame::Binary(&greeting)), Ok(Event::Connected { .. })));
    client.authorize(Time::ZERO, "alice", PASSWORD).unwrap();
    let Some(Transmit::Frame(Frame::Binary(sent))) = client.poll_transmit() else { panic!("no frame") };
    assert_eq!(hex(sent), recorded()[1].1);
}

fn greeting_message() -> skaro_proto::message::ServerMessage<'static> {
    use skaro_proto::message::{Challenge, ServerMessage};
    ServerMessage::CheckConnection(Challenge::new(TOKEN))
}
