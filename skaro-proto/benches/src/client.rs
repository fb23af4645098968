//! The client's machine: frames to events, commands to frames.

use std::hint::black_box;

use skaro_proto::client::{Client, ClientConfig, Event};
use skaro_proto::message::{Answer, ClientMessage, Cursor, Request, SignedIn, User};
use skaro_proto::{Format, Frame, Time};

use crate::samples::{self, BODY, Content, FORMATS, MORE, TYPE_FIRST, TYPE_LAST, TYPE_MIDDLE};
use crate::{Case, MESSAGES, Work};

pub const NOW: Time = Time::ZERO;

/// Returns Bob's client, signed in; the number of the next request is 2.
pub fn signed_in(format: Format, config: ClientConfig) -> Client {
    let mut client = Client::new(config, [1; 32]);
    client.handle_connected(NOW);
    let challenge = r#"{"type":"check_connection","token":"3a0cf1b2c7d94e53"}"#;
    client.handle_frame(NOW, Content::translated(format, challenge).frame()).unwrap();
    client.authorize(NOW, "bob", "correct horse").unwrap();
    drain(&mut client);
    let signed_in = SignedIn::new("s-1", User::new("bob"));
    let answer = samples::answer(format, "authorize", 1, Answer::Authorized(signed_in));
    client.handle_frame(NOW, answer.frame()).unwrap();
    assert!(client.is_authorized());
    client
}

/// Returns Bob's client, signed in with this cursor, in CBOR.
pub fn signed_in_at(cursor: Cursor<'static>) -> Client {
    let mut client = Client::new(ClientConfig::default(), [1; 32]);
    client.handle_connected(NOW);
    let challenge = r#"{"type":"check_connection","token":"3a0cf1b2c7d94e53","extensions":["log"]}"#;
    client.handle_frame(NOW, Frame::Text(challenge)).unwrap();
    client.authorize(NOW, "bob", "correct horse").unwrap();
    drain(&mut client);
    let mut signed_in = SignedIn::new("s-1", User::new("bob"));
    signed_in.cursor = Some(cursor);
    let answer = samples::answer(Format::Cbor, "authorize", 1, Answer::Authorized(signed_in));
    client.handle_frame(NOW, answer.frame()).unwrap();
    assert!(client.has_cursor());
    client
}

/// Takes all output, as an adapter does.
pub fn drain(client: &mut Client) {
    while let Some(transmit) = client.poll_transmit() {
        black_box(&transmit);
    }
}

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for format in FORMATS {
        for (name, json) in [
            ("message, type first", TYPE_FIRST),
            ("message, type in the middle", TYPE_MIDDLE),
            ("message, type last", TYPE_LAST),
            ("message, with a field that nobody has listed", MORE),
        ] {
            cases.push(Case::new(format!("{format}: {name}"), move || Message {
                client: signed_in(format, ClientConfig::default()),
                content: Content::translated(format, json),
            }));
        }
        let sent = Case::new(format!("{format}: answer to send_message"), move || Answers {
            client: signed_in(format, ClientConfig::default()),
            frames: Vec::new(),
            next: 2,
            count: MESSAGES,
            command: |client: &mut Client| _ = client.send_message(NOW, "alice", BODY, Some(7)).unwrap(),
            answer: move |id| samples::sent(format, id),
        });
        let history = Case::new(format!("{format}: history of 100"), move || Answers {
            client: signed_in(format, ClientConfig::default()),
            frames: Vec::new(),
            next: 2,
            count: 4,
            command: |client: &mut Client| _ = client.get_history(NOW, "alice").unwrap(),
            answer: move |id| samples::history(format, id),
        });
        let send_message = Case::new(format!("{format}: send_message"), move || Commands {
            client: signed_in(format, ClientConfig::default()),
            format,
            next: 2,
        });
        let mut buffer = Vec::new();
        let writing = Case::repeated(format!("{format}: send_message, writing it alone"), move || {
            let request = Request::SendMessage { to: "alice".into(), body: BODY.into(), key: None };
            buffer.clear();
            ClientMessage::new(20, black_box(request)).encode_into(format, &mut buffer);
            black_box(&buffer);
        });
        cases.extend([sent, history, send_message, writing]);
    }
    cases
}

/// A received message.
struct Message {
    client: Client,
    content: Content,
}

impl Work for Message {
    fn run(&mut self) {
        let frame = self.content.frame();
        for _ in 0..MESSAGES {
            let event = self.client.handle_frame(NOW, black_box(frame)).unwrap();
            assert!(matches!(black_box(&event), Event::Message(_)));
        }
    }

    fn messages(&self) -> u32 {
        MESSAGES
    }
}

/// Answers in the order of their commands.
struct Answers<C, A> {
    client: Client,
    frames: Vec<Content>,
    next: u64,
    count: u32,
    command: C,
    answer: A,
}

impl<C: Fn(&mut Client), A: Fn(u64) -> Content> Work for Answers<C, A> {
    fn prepare(&mut self) {
        for _ in 0..self.count {
            (self.command)(&mut self.client);
            self.frames.push((self.answer)(self.next));
            self.next += 1;
        }
        drain(&mut self.client);
    }

    fn run(&mut self) {
        let first = self.frames.len() - self.count as usize;
        for content in &self.frames[first..] {
            let event = self.client.handle_frame(NOW, black_box(content.frame())).unwrap();
            assert!(matches!(black_box(&event), Event::Ended(_)));
        }
    }

    fn messages(&self) -> u32 {
        self.count
    }
}

/// Commands whose frames are taken at once. The answers are not part of the measurement.
struct Commands {
    client: Client,
    format: Format,
    next: u64,
}

impl Work for Commands {
    fn prepare(&mut self) {
        // Answers the requests of the previous run, so that the same number is under way in each.
        if self.client.pending() > 0 {
            for _ in 0..MESSAGES {
                let answer = samples::sent(self.format, self.next);
                self.client.handle_frame(NOW, answer.frame()).unwrap();
                self.next += 1;
            }
        }
    }

    fn run(&mut self) {
        for _ in 0..MESSAGES {
            let id = self.client.send_message(NOW, black_box("alice"), black_box(BODY), Some(7));
            _ = black_box(id.unwrap());
            drain(&mut self.client);
        }
    }

    fn messages(&self) -> u32 {
        MESSAGES
    }
}
