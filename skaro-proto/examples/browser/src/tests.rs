//! Tests of long silence, which would take too long in a browser.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use skaro_proto::client::{Disconnect, Status};
use skaro_proto::message::Registration;
use skaro_proto::server::{self, ConnectionId, Peer, Server};
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
    /// A chat that wants something, and a server that has just taken the connection.
    fn connected(
        registration: Registration<'static>,
        is_confidential: bool,
        want: impl FnOnce(&mut Chat),
    ) -> Self {
        let mut config = server::ServerConfig::default();
        config.registration = registration;
        let mut server = Server::new(config, [7; 32]);
        server.add_user("alice", "secret").unwrap();
        let mut chat = Chat::new([1; 4]);
        want(&mut chat);
        assert_eq!(chat.status(), Status::Dialing);
        chat.handle_connected(Time::ZERO, is_confidential);
        let connection = server.handle_accepted(Time::ZERO, Peer::from([127, 0, 0, 1])).unwrap();
        server.handle_connected(Time::ZERO, connection, Some(Format::Json));
        let mut pair = Pair { now: Time::ZERO, chat, server, connection, news: Vec::new() };
        pair.talk();
        pair
    }

    fn signed_in() -> Self {
        let sign_in = |chat: &mut Chat| chat.sign_in(Time::ZERO, "ws://localhost/", "alice", "secret");
        let mut pair = Pair::connected(Registration::Closed, true, sign_in);
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
    pair.chat.handle_connected(pair.now, true);
    pair.connection = pair.server.connect(pair.now, Some(Format::Json)).unwrap();
    pair.talk();
    let heard: Vec<_> = pair.news.iter().filter(|news| news.contains(r#""event":"message""#)).collect();
    assert!(heard.len() == 1 && heard[0].contains("missed"), "{:?}", pair.news);
    let contacts = pair.news.iter().find(|news| news.contains(r#""event":"contacts""#)).unwrap();
    assert!(contacts.contains(r#""unread":2"#), "{contacts}");
    // Then the own profile, of which the contacts do not tell.
    assert!(pair.news.last().unwrap().contains(r#""event":"user""#), "{:?}", pair.news);
}

fn register(invitation: &str) -> impl FnOnce(&mut Chat) {
    move |chat| chat.register(Time::ZERO, "wss://chat.example/", "dave", "new", invitation)
}

#[test]
fn a_new_user_is_signed_in_with_the_account() {
    let pair = Pair::connected(Registration::Open, true, register(""));
    assert_eq!(pair.chat.status(), Status::SignedIn);
    assert!(pair.news.iter().any(|news| news.contains(r#""login":"dave""#)), "{:?}", pair.news);
}

#[test]
fn an_invitation_is_asked_for_where_one_is_needed() {
    let mut pair = Pair::connected(Registration::Invitation, true, register(""));
    assert!(pair.news.last().unwrap().contains("invitation_needed"), "{:?}", pair.news);
    let (invitation, made) = pair.server.invitation(pair.now);
    _ = pair.server.operate(pair.now, made);
    register("guessed")(&mut pair.chat);
    pair.talk();
    assert!(pair.news.last().unwrap().contains("sign_in_failed"), "{:?}", pair.news);
    register(&invitation)(&mut pair.chat);
    pair.talk();
    assert_eq!(pair.chat.status(), Status::SignedIn);
}

#[test]
fn nobody_registers_where_it_is_closed_or_others_can_listen() {
    for (registration, is_confidential, reason) in [
        (Registration::Closed, true, "nobody can register"),
        (Registration::Open, false, "not confidential"),
        (Registration::Invitation, false, "not confidential"),
    ] {
        let pair = Pair::connected(registration, is_confidential, register(""));
        assert_eq!(pair.chat.status(), Status::Connected);
        let news = pair.news.last().unwrap();
        assert!(news.contains("sign_in_failed") && news.contains(reason), "{news}");
    }
}

#[test]
fn typing_is_told_every_five_seconds_at_most() {
    let mut pair = Pair::signed_in();
    let mut typed = |after: u64| {
        pair.sleep(Duration::from_secs(after));
        pair.chat.typing(pair.now, "bob");
        pair.chat_says().iter().filter(|frame| frame.contains(r#""type":"typing""#)).count()
    };
    assert_eq!([0, 1, 3, 1, 4, 1].map(&mut typed), [1, 0, 0, 1, 0, 1]);
}

#[test]
fn a_session_that_another_device_ends_is_over_though_the_password_is_known() {
    let mut pair = Pair::signed_in();
    pair.chat.handle_disconnected(pair.now, Disconnect::Closed { code: Some(4002), reason: String::new() });
    assert_eq!(pair.chat.status(), Status::Closed);
    assert!(pair.chat.poll_event().unwrap().contains(r#""event":"signed_out""#));
}

#[test]
fn who_leaves_hears_nothing_more_and_the_session_is_over() {
    let mut pair = Pair::signed_in();
    pair.server.add_user("bob", "secret").unwrap();
    pair.chat.sign_out(pair.now);
    pair.server.post(pair.now, "bob", "alice", "wait").unwrap();
    let said = pair.talk();
    assert!(said.iter().any(|frame| frame.contains(r#""type":"sign_out""#)), "{said:?}");
    assert!(pair.news.is_empty(), "{:?}", pair.news);
    assert_eq!(pair.chat.status(), Status::Closed);
}

#[test]
fn what_the_page_asks_for_is_asked_in_the_words_of_the_protocol() {
    let mut pair = Pair::signed_in();
    for (ask, frame) in [
        (r##"{"ask":"add_contact","login":"#team","member":"bob","owner":true}"##, r##""login":"#team""##),
        (r#"{"ask":"add_contact","login":"bob","blocked":true}"#, r#""blocked":true"#),
        (r##"{"ask":"del_contact","login":"#team","member":"bob"}"##, r#""member":"bob""#),
        (r#"{"ask":"search_contacts","login":"b"}"#, r#""prefix":"b""#),
        (
            r#"{"ask":"update_my_data","profile":{"name":"Al","status_text":"","public":false}}"#,
            r#""status_text":null"#,
        ),
        (r#"{"ask":"sign_out","session":"s"}"#, r#""session":"s""#),
        (r#"{"ask":"sign_out","others":true}"#, r#""others":true"#),
    ] {
        pair.chat.ask(pair.now, ask);
        let said = pair.chat_says();
        assert!(said.len() == 1 && said[0].contains(frame), "{ask}: {said:?}");
    }
    pair.chat.ask(pair.now, "no object");
    assert!(pair.chat_says().is_empty());
}
