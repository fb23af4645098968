//! Between the machines and tungstenite: values in both directions, and the opening handshake.
#![cfg(feature = "tungstenite")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use skaro_proto::client::{ConnectError, Disconnect, Options};
use skaro_proto::tungstenite::{Received, choose_format, config, request};
use skaro_proto::{CloseCode, Format, Frame, Transmit};
use tungstenite::Error;
use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::handshake::server::{Request, Response};
use tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tungstenite::protocol::{CloseFrame, Message};

fn received(message: &Message) -> String {
    format!("{:?}", Received::from(message))
}

#[test]
fn what_is_sent_is_received() {
    for (transmit, told) in [
        (Transmit::Frame(Frame::Text("{}")), "Frame(Frame(JSON, 2 bytes))"),
        (Transmit::Frame(Frame::Binary(&[0xa0])), "Frame(Frame(CBOR, 1 bytes))"),
        (Transmit::Ping, "SignOfLife"),
        (Transmit::Close(CloseCode::Normal), "Closing(Closed { code: Some(1000), reason: \"\" })"),
        (Transmit::Close(CloseCode::Away), "Closing(Closed { code: Some(1001), reason: \"\" })"),
        (Transmit::Close(CloseCode::Policy), "Closing(Closed { code: Some(1008), reason: \"\" })"),
        (Transmit::Close(CloseCode::TooBig), "Closing(Closed { code: Some(1009), reason: \"\" })"),
    ] {
        assert_eq!(received(&Message::from(transmit)), told);
    }
    assert_eq!(received(&Message::Pong(Default::default())), "SignOfLife");
    assert_eq!(received(&Message::Close(None)), "Closing(Closed { code: None, reason: \"\" })");
    let frame = CloseFrame { code: 1013.into(), reason: "full".into() };
    let told = received(&Message::Close(Some(frame)));
    assert_eq!(told, "Closing(Closed { code: Some(1013), reason: \"full\" })");
}

#[test]
fn errors_become_reasons() {
    let closed = Disconnect::Closed { code: None, reason: String::new() };
    assert_eq!(Disconnect::from(&Error::ConnectionClosed), closed);
    assert_eq!(Disconnect::from(&Error::AlreadyClosed), closed);
    let long = Error::Capacity(CapacityError::MessageTooLong { size: 9, max_size: 8 });
    let told = "the server sent a frame of 9 bytes or more, the limit is 8";
    assert_eq!(Disconnect::from(&long), Disconnect::Failed(told.into()));
    let reset = || Error::Protocol(ProtocolError::ResetWithoutClosingHandshake);
    assert_eq!(Disconnect::from(&reset()), Disconnect::Failed(reset().to_string()));
    assert_eq!(ConnectError::from(reset()), ConnectError::Handshake(reset().to_string()));
    let not_found = tungstenite::http::Response::builder().status(404).body(None).unwrap();
    assert_eq!(ConnectError::from(Error::Http(Box::new(not_found))), ConnectError::Status(404));
}

#[test]
fn the_handshake_asks_for_a_format_and_confirms_it() {
    let mut options = Options::new("ws://localhost:8000/skaro_client/");
    let plain = request(&options).unwrap();
    assert_eq!(plain.headers().get(SEC_WEBSOCKET_PROTOCOL), None);
    let mut response = Response::default();
    assert_eq!(choose_format(&plain, &mut response), None);
    assert_eq!(response.headers().get(SEC_WEBSOCKET_PROTOCOL), None);
    options.headers.push(("cookie".into(), "a=b".into()));
    for format in [Format::Json, Format::Cbor] {
        options.format = Some(format);
        let asking: Request = request(&options).unwrap();
        assert_eq!(asking.headers()["cookie"], "a=b");
        assert_eq!(choose_format(&asking, &mut response), Some(format));
        assert_eq!(response.headers()[SEC_WEBSOCKET_PROTOCOL], format.subprotocol());
    }
}

#[test]
fn what_can_t_be_sent_is_refused_without_showing_it() {
    let mut options = Options::new("ws://host/ ?secret");
    let bad = request(&options).unwrap_err();
    assert!(matches!(bad, ConnectError::Url { .. }) && !bad.to_string().contains("secret"), "{bad}");
    for (name, value) in [("co okie", "secret"), ("cookie", "sec\nret")] {
        options = Options::new("ws://host/");
        options.headers.push((name.into(), value.into()));
        assert_eq!(request(&options).unwrap_err(), ConnectError::Header(name.into()));
    }
}

#[test]
fn frames_and_buffers_are_bounded() {
    let config = config(1 << 20);
    assert_eq!((config.max_message_size, config.max_frame_size), (Some(1 << 20), Some(1 << 20)));
    // Small for many connections, and yet room enough for a usual message at once. What is written has room when it is
    // needed only.
    for (size, most) in [(config.read_buffer_size, 4 << 10), (config.write_buffer_size, 16 << 10)] {
        assert!((1 << 10..=most).contains(&size), "{size}");
    }
}
