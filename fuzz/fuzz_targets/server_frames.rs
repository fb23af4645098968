//! Frames from a client that follows no rules: the server answers, refuses or closes, and never panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skaro_proto::server::{Config, Server};
use skaro_proto::{Format, Frame, Time};

fuzz_target!(|data: &[u8]| {
    let mut server = Server::new(Config::default(), [1; 32]);
    server.add_user("alice", "secret").expect("a user");
    let connection = server.handle_connected(Time::ZERO, Some(Format::Json)).expect("a connection");
    let mut rest = data;
    while let [kind, length, following @ ..] = rest {
        let (frame, after) = following.split_at(following.len().min(usize::from(*length) * 4));
        rest = after;
        let frame = match (kind % 2, core::str::from_utf8(frame)) {
            (0, Ok(text)) => Frame::Text(text),
            _ => Frame::Binary(frame),
        };
        _ = server.handle_frame(Time::ZERO, connection, frame);
        while server.poll_transmit(connection).is_some() {}
    }
    server.handle_timeout(Time::from_secs(1000));
});
