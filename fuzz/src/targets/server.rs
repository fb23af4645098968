//! Several connections to a server, some with users who sign in properly, with any input: each request is answered
//! once, messages reach the users who are online, and nothing remains when all have disconnected.

use std::time::Duration;

use skaro_proto::message::{ClientMessage, Page, Request};
use skaro_proto::server::{Server, ServerConfig};
use skaro_proto::{Format, Frame, Time, auth};

use super::Choices;
use super::visitors::{USERS, Visitors};

pub fn run(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let config = config(&mut choices);
    let mut server = Server::new(config, [1; 32]);
    for (login, password) in USERS {
        server.add_user(login, password).unwrap();
    }
    let mut run = Run { server, now: Time::ZERO, visitors: Visitors::default() };
    while !choices.is_empty() {
        run.step(&mut choices);
        run.visitors.fetch(&mut run.server, run.now);
        run.visitors.check(&run.server);
    }
    run.end();
}

/// Small limits, so that they are reached.
fn config(choices: &mut Choices<'_>) -> ServerConfig {
    let mut config = ServerConfig::default();
    let flags = choices.byte();
    config.open_directory = flags & 1 != 0;
    config.limits.max_frame_bytes = 600;
    config.limits.max_body_bytes = 60;
    config.limits.max_queued_bytes = if flags & 2 == 0 { 1000 } else { 0 };
    config.max_connections = 6;
    config.max_connections_per_user = 2;
    config.max_sessions_per_user = 3;
    config.max_sign_in_attempts = 3;
    config.max_invalid_frames = 4;
    config.max_dialog_messages = 4;
    config.max_dialog_bytes = 150;
    config.max_history_messages = 3;
    config.max_answer_bytes = 400;
    config.max_contacts = 1;
    config
}

struct Run {
    server: Server,
    now: Time,
    visitors: Visitors,
}

impl Run {
    fn step(&mut self, choices: &mut Choices<'_>) {
        let visitor = self.visitors.choose(choices);
        match choices.below(32) {
            0..4 => self.connect(choices),
            4 => self.leave(visitor),
            5..9 => self.authorize(visitor, choices),
            9..11 => self.restore(visitor, choices),
            11 => self.request(visitor, choices, Request::GetContacts),
            12..14 => self.history(visitor, choices),
            14..19 => self.send(visitor, choices),
            19 => self.request(visitor, choices, Request::RegisterType),
            20 => {
                // Never one of the known types.
                let kind = format!("my {}", choices.text(12)).into();
                self.request(visitor, choices, Request::Other { kind, fields: Default::default() });
            }
            21 | 22 => self.raw(visitor, choices),
            23 => {
                if let Some(id) = self.visitors.id(visitor) {
                    self.server.handle_pong(self.now, id);
                }
            }
            24 => {
                if let Some(id) = self.visitors.id(visitor) {
                    self.server.handle_oversized(self.now, id);
                }
            }
            25 => self.pass(Duration::from_secs(u64::from(choices.byte()) * 4)),
            26 => {
                let next = self.server.poll_timeout().unwrap_or(self.now);
                self.pass(next - self.now);
            }
            27 => self.visitors.stop_reading(visitor),
            28 => self.visitors.read_again(visitor),
            29 => {
                let (from, to) = (choices.pick(&USERS).0, choices.pick(&USERS).0);
                let body = self.visitors.new_body(choices);
                self.visitors.posts(from, to, &body);
                if self.server.post(self.now, from, to, &body).is_err() {
                    self.visitors.was_not_posted();
                }
            }
            30 => self.server.announce(self.now, "hear"),
            _ if choices.below(8) == 0 => self.server.shut_down(self.now, "good night"),
            _ => (),
        }
    }

    fn connect(&mut self, choices: &mut Choices<'_>) {
        let format = choices.pick(&[Format::Json, Format::Cbor]);
        let count = self.server.connections();
        match self.server.connect(self.now, Some(format)) {
            Ok(id) => self.visitors.came(id, format),
            Err(_) => {
                assert!(count == self.server.config().max_connections || self.server.is_shutting_down());
            }
        }
        assert!(self.server.connections() <= self.server.config().max_connections);
    }

    fn leave(&mut self, visitor: usize) {
        if let Some(id) = self.visitors.left(visitor) {
            self.server.handle_disconnected(self.now, id);
        }
    }

    /// Signs in, mostly with the right proof.
    fn authorize(&mut self, visitor: usize, choices: &mut Choices<'_>) {
        // Only connections that are read, since otherwise the result would be unknown.
        if !self.visitors.is_reading(visitor) {
            return;
        }
        let (login, password) = choices.pick(&USERS);
        let token = self.visitors.token(visitor);
        let (login, proof) = match choices.below(8) {
            6 => (login, auth::proof("wrong", &token)),
            7 => ("nobody", auth::proof(password, &token)),
            _ => (login, auth::proof(password, &token)),
        };
        self.request(
            visitor,
            choices,
            Request::Authorize {
                login: login.into(),
                proof: proof.into(),
                since: None,
                log: None,
                presence: false,
            },
        );
    }

    fn restore(&mut self, visitor: usize, choices: &mut Choices<'_>) {
        if !self.visitors.is_reading(visitor) {
            return;
        }
        let sid = self.visitors.some_session(choices).unwrap_or_else(|| "junk".into());
        self.visitors.asks_for_session(visitor, &sid, &self.server);
        self.request(
            visitor,
            choices,
            Request::SessionRestore { sid: sid.into(), since: None, log: None, presence: false },
        );
    }

    fn history(&mut self, visitor: usize, choices: &mut Choices<'_>) {
        let login = choices.pick(&["alice", "bob", "carol", "nobody"]);
        // Answers that are read much later can't be told apart.
        if !self.visitors.is_reading(visitor) {
            return;
        }
        self.visitors.asks_for_history(visitor, login);
        self.request(visitor, choices, Request::GetHistory { login: login.into(), page: Page::default() });
    }

    fn send(&mut self, visitor: usize, choices: &mut Choices<'_>) {
        let to = choices.pick(&["alice", "bob", "carol", "bob", "alice", "nobody"]);
        let body = self.visitors.new_body(choices);
        // If the connection is not read, it is unknown whether the message was accepted.
        if !self.visitors.is_reading(visitor) {
            return;
        }
        self.visitors.sends(visitor, to, &body);
        self.request(visitor, choices, Request::SendMessage { to: to.into(), body: body.into(), key: None });
    }

    /// Makes a request in either format. The answer comes in the connection's format.
    fn request(&mut self, visitor: usize, choices: &mut Choices<'_>, request: Request<'_>) {
        let Some(id) = self.visitors.id(visitor) else { return };
        let choice = choices.byte();
        let (format, number) =
            ([Format::Json, Format::Cbor][usize::from(choice % 2)], u64::from(choice / 2) + 1);
        let message = ClientMessage::new(number, request);
        self.visitors.asks(visitor, number, message.request.kind());
        let frame = message.encode(format);
        let result = self.server.handle_frame(self.now, id, super::direction::frame(format, &frame));
        assert_eq!(result, Ok(()), "a request that makes sense");
    }

    fn raw(&mut self, visitor: usize, choices: &mut Choices<'_>) {
        let Some(id) = self.visitors.id(visitor) else { return };
        let (is_text, length) = (choices.flag(), usize::from(choices.byte()) * 4);
        let bytes = choices.take(length);
        let frame = match std::str::from_utf8(bytes) {
            Ok(text) if is_text => Frame::Text(text),
            _ => Frame::Binary(bytes),
        };
        if let Ok(ClientMessage { request: Request::SendMessage { .. }, .. }) = ClientMessage::decode(frame) {
            self.visitors.sends_by_chance();
        }
        _ = self.server.handle_frame(self.now, id, frame);
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.server.handle_timeout(self.now);
        assert!(self.server.poll_timeout().is_none_or(|next| next > self.now));
    }

    /// Disconnects everybody, and lets the last session expire.
    fn end(mut self) {
        for visitor in 0..self.visitors.count() {
            self.leave(visitor);
        }
        self.visitors.fetch(&mut self.server, self.now);
        assert_eq!(self.server.connections(), 0);
        assert!(USERS.iter().all(|(login, _)| !self.server.is_online(login)));
        self.pass(self.server.config().session_lifetime + Duration::from_millis(1));
        assert_eq!((self.server.sessions(), self.server.poll_timeout()), (0, None));
        assert_eq!(self.server.poll_ready(), None);
    }
}
