//! Tests of long silence, which would take too long in a browser.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use skaro_proto::client::{Disconnect, Status};
use skaro_proto::server::{self, ConnectionId, Server};
use skaro_proto::{Format, Frame, Time, Transmit};

use crate::chat::{Chat, Sending};

struct Pair {
    now: Time,
    chat: Chat,
    server: Server,
    connection: ConnectionId,
    /// News that the page received.
    news: Vec<String>,
}

impl Pair {
    fn signed_in() -> Self {
        let mut server = Server::new(server::ServerConfig::default(), [7; 32]);
        server.add_user("alice", "secret").unwrap();
        let mut chat = Chat::new([1; 4]);
        chat.sign_in(Time::ZERO, "ws://localhost/", "alice", "secret");
        assert_eq!(chat.status(), Status::Dialing);
        chat.handle_connected(Time::ZERO);
        let connection = server.connect(Time::ZERO, Some(Format::Json)).unwrap();
        let mut pair = Pair { now: Time::ZERO, chat, server, connection, news: Vec::new() };
        pair.talk();
        assert_eq!(pair.chat.status(), Status::SignedIn);
        pair.news.clear();
        pair
    }

    /// Passes frames between both sides until none are left; returns the chat's frames.
    fn talk(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        loop {
            let before = said.len();
            said.extend(self.chat_says());
            for frame in &said[before..] {
                self.server.handle_frame(self.now, self.connection, Frame::Text(frame)).unwrap();
            }
            let mut is_quiet = said.len() == before;
            while let Some(Transmit::Frame(frame)) = self.server.poll_transmit(self.connection) {
                is_quiet = false;
                self.chat.handle_frame(self.now, frame);
            }
            self.news.extend(core::iter::from_fn(|| self.chat.poll_event()));
            if is_quiet {
                return said;
            }
        }
    }

    fn chat_says(&mut self) -> Vec<String> {
        let (mut said, mut output) = (Vec::new(), Vec::new());
        while let Sending::Text = self.chat.poll_transmit(self.now, &mut output) {
            said.push(String::from_utf8(output.clone()).unwrap());
        }
        said
    }

    fn sleep(&mut self, duration: Duration) {
        self.now = self.now + duration;
        self.chat.handle_timeout(self.now);
    }
}

#[test]
fn a_quiet_server_is_asked_something_in_place_of_a_ping() {
    let mut pair = Pair::signed_in();
    for _ in 0..10 {
        pair.sleep(Duration::from_secs(30));
        let said = pair.talk();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains(r#""type":"register_type""#), "{said:?}");
    }
    assert_eq!(pair.chat.status(), Status::SignedIn);
    assert!(pair.news.is_empty(), "{:?}", pair.news);
}

#[test]
fn a_dead_connection_is_noticed_within_a_minute() {
    let mut pair = Pair::signed_in();
    pair.sleep(Duration::from_secs(30));
    assert_eq!(pair.chat_says().len(), 1);
    pair.sleep(Duration::from_secs(30));
    assert!(matches!(pair.chat.status(), Status::Waiting { .. }));
    let news: Vec<_> = core::iter::from_fn(|| pair.chat.poll_event()).collect();
    assert!(news.iter().any(|news| news.contains(r#""event":"reconnecting""#)), "{news:?}");
}

#[test]
fn unread_messages_are_counted_until_they_are_read_on_any_device() {
    let mut pair = Pair::signed_in();
    pair.server.add_user("bob", "secret").unwrap();
    for body in ["one", "two"] {
        pair.server.post(pair.now, "bob", "alice", body).unwrap();
    }
    pair.talk();
    let positions: Vec<_> = pair.news.iter().filter(|news| news.contains(r#""position":"#)).collect();
    assert_eq!(positions.len(), 2, "{:?}", pair.news);
    pair.chat.read(pair.now, "bob", 2);
    pair.talk();
    assert!(pair.news.iter().any(|news| news.contains(r#""event":"read""#)), "{:?}", pair.news);
}

#[test]
fn what_came_during_a_break_comes_once_and_then_the_contacts() {
    let mut pair = Pair::signed_in();
    pair.server.add_user("bob", "secret").unwrap();
    pair.server.post(pair.now, "bob", "alice", "heard").unwrap();
    pair.talk();
    pair.server.handle_disconnected(pair.now, pair.connection);
    pair.chat.handle_disconnected(pair.now, Disconnect::Failed("cut".into()));
    pair.server.post(pair.now, "bob", "alice", "missed").unwrap();
    pair.news.clear();
    pair.chat.reconnect(pair.now);
    pair.chat.handle_connected(pair.now);
    pair.connection = pair.server.connect(pair.now, Some(Format::Json)).unwrap();
    pair.talk();
    let heard: Vec<_> = pair.news.iter().filter(|news| news.contains(r#""event":"message""#)).collect();
    assert!(heard.len() == 1 && heard[0].contains("missed"), "{:?}", pair.news);
    assert!(pair.news.last().unwrap().contains(r#""unread":2"#), "{:?}", pair.news);
}
