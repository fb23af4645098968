//! Frames from a server that follows no rules: an event or a typed error, the machine untouched by an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skaro_proto::client::{Client, Config};
use skaro_proto::{Frame, Time};

fuzz_target!(|data: &[u8]| {
    let mut client = Client::new(Config::default(), 1);
    client.handle_connected(Time::ZERO);
    let greeting = Frame::Text(r#"{"type":"check_connection","token":"t"}"#);
    client.handle_frame(Time::ZERO, greeting).expect("a challenge");
    client.authorize(Time::ZERO, "alice", "secret").expect("a request");
    client.register_type(Time::ZERO).expect("a request");
    // Frames follow each other, each with a byte before it that says what it is and one that says how long.
    let mut rest = data;
    while let [kind, length, following @ ..] = rest {
        let (frame, after) = following.split_at(following.len().min(usize::from(*length) * 4));
        rest = after;
        let frame = match (kind % 2, core::str::from_utf8(frame)) {
            (0, Ok(text)) => Frame::Text(text),
            _ => Frame::Binary(frame),
        };
        let before = client.clone();
        match client.handle_frame(Time::ZERO, frame) {
            Ok(event) => drop(event.into_owned()),
            Err(_) => assert!(client == before, "an error left a trace"),
        }
        while client.poll_transmit().is_some() {}
        while client.poll_event().is_some() {}
    }
});
