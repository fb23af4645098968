//! The server and its model side by side: what happens to one happens to the other.

use std::time::Duration;

use proptest::prelude::*;
use skaro_proto::message::{
    Answer, AnswerMessage, ClientMessage, Message, Page, Registration, Request, ServerMessage, SignedIn,
};
use skaro_proto::server::{ConnectionId, Server, ServerConfig};
use skaro_proto::{Format, Frame, Time, Transmit, Value, auth};

use super::model::{self, Heard, Model, Outcome, Said, Slot, USERS};
use super::steps::{self, Act, Ask, LOGINS, PASSWORDS, SLOTS, Step, When};

/// Bytes of the longest body, and of the longest frame.
const BODY: usize = 64;
const FRAME: usize = 1024;

pub struct World {
    server: Server,
    model: Model,
    connections: [Option<(ConnectionId, Format)>; SLOTS],
    /// All tokens and session ids there were, in the order in which they came.
    tokens: Vec<String>,
    sids: Vec<String>,
    messages: usize,
}

impl World {
    pub fn new() -> World {
        let mut config = ServerConfig::default();
        config.limits.max_body_bytes = BODY;
        config.limits.max_frame_bytes = FRAME;
        config.max_connections_per_user = model::CONNECTIONS_PER_USER;
        config.max_sessions_per_user = model::SESSIONS_PER_USER;
        config.max_sign_in_attempts = model::ATTEMPTS;
        config.max_invalid_frames = model::FAULTS;
        config.max_dialog_messages = model::HISTORY;
        config.max_history_messages = model::HISTORY_ANSWER;
        // The model knows nothing of silence.
        config.keep_alive = Duration::from_secs(1 << 40);
        config.sign_in_timeout = Duration::from_secs(1 << 40);
        let mut server = Server::new(config, [7; 32]);
        for (login, password) in LOGINS.into_iter().zip(PASSWORDS).take(USERS) {
            server.add_user(login, password).unwrap();
        }
        World {
            server,
            model: Model::new(),
            connections: [None; SLOTS],
            tokens: Vec::new(),
            sids: Vec::new(),
            messages: 0,
        }
    }

    pub fn take(&mut self, step: &Step) {
        let soon = self.model.now + 1;
        self.model.now = match step.when {
            When::Soon => soon,
            When::Later(millis) => self.model.now + millis,
            When::Border { session, offset } => {
                let border =
                    self.model.border(session).map_or(0, |border| border.saturating_add_signed(offset));
                border.max(soon)
            }
        };
        let now = Time::from_millis(self.model.now);
        if step.ticks {
            self.server.handle_timeout(now);
        }
        self.messages += 1;
        let body = self.body(&step.act);
        self.act(now, &step.act, &body);
        let expected = self.model.act(&step.act, &body);
        self.compare(step, expected);
        if step.ticks {
            self.server.handle_timeout(now);
            assert_eq!(self.server.sessions(), self.model.sessions(), "after {step:?}");
        }
        for (user, login) in LOGINS.into_iter().enumerate() {
            assert_eq!(self.server.is_online(login), self.model.is_online(user), "{login} after {step:?}");
        }
    }

    /// What a message says: by whom it was written and for whom, as nothing else does.
    fn body(&self, act: &Act) -> String {
        let (from, to, long) = match *act {
            Act::Ask { slot, ask: Ask::Send { to, long }, .. } => match self.model.slots[slot] {
                Slot::SignedIn { user, .. } => (user, to, long),
                _ => (USERS, to, long),
            },
            Act::Post { from, to } => (from, to, false),
            _ => return String::new(),
        };
        let body = format!("{} to {}, {}", LOGINS[from], LOGINS[to], self.messages);
        if long { format!("{body:BODY$}!") } else { body }
    }

    fn act(&mut self, now: Time, act: &Act, body: &str) {
        match *act {
            Act::Connect { slot, format } => {
                if self.connections[slot].is_none() {
                    let id = self.server.connect(now, Some(format)).unwrap();
                    self.connections[slot] = Some((id, format));
                }
            }
            Act::Disconnect { slot } => {
                if let Some((id, _)) = self.connections[slot].take() {
                    self.server.handle_disconnected(now, id);
                }
            }
            Act::Announce => self.server.announce(now, "news"),
            Act::Post { from, to } => {
                let date = self.server.post(now, LOGINS[from], LOGINS[to], body);
                assert_eq!(date.is_ok(), from < USERS && to < USERS);
            }
            Act::TooLarge { slot, read } => {
                let Some((id, _)) = self.connections[slot] else { return };
                match read {
                    true => _ = self.server.handle_frame(now, id, Frame::Binary(&[0; FRAME + 1])),
                    false => self.server.handle_oversized(now, id),
                }
            }
            Act::Nonsense { slot, number } => {
                let Some((id, _)) = self.connections[slot] else { return };
                let number = number.map(|number| format!(r#","on_request":{number}"#)).unwrap_or_default();
                let frame = format!(r#"{{"type":"get_history"{number}}}"#);
                _ = self.server.handle_frame(now, id, Frame::Text(&frame));
            }
            Act::Ask { slot, format, number, ask } => {
                let Some((id, _)) = self.connections[slot] else { return };
                let frame = ClientMessage::new(number, self.request(slot, ask, body)).encode(format);
                let frame = match format {
                    Format::Json => Frame::Text(std::str::from_utf8(&frame).unwrap()),
                    Format::Cbor => Frame::Binary(&frame),
                };
                self.server.handle_frame(now, id, frame).unwrap();
            }
        }
    }

    fn request<'a>(&self, slot: usize, ask: Ask, body: &'a str) -> Request<'a> {
        match ask {
            Ask::Authorize { login, password, token } => {
                let token = self.model.token(slot, token).map_or("", |token| &self.tokens[token]);
                let proof = auth::proof(PASSWORDS[password], token);
                Request::Authorize {
                    login: LOGINS[login].into(),
                    proof: proof.into(),
                    since: None,
                    log: None,
                    presence: false,
                }
            }
            Ask::Restore(session) => {
                let sid = self.model.session(session).map_or("made up", |session| &self.sids[session]);
                Request::SessionRestore {
                    sid: sid.to_owned().into(),
                    since: None,
                    log: None,
                    presence: false,
                }
            }
            Ask::RegisterType => Request::RegisterType,
            Ask::Contacts => Request::GetContacts,
            Ask::History { with } => {
                Request::GetHistory { login: LOGINS[with].into(), page: Page::default() }
            }
            Ask::Send { to, .. } => {
                Request::SendMessage { to: LOGINS[to].into(), body: body.into(), key: None }
            }
            Ask::Other => Request::Other { kind: "weather".into(), fields: Default::default() },
        }
    }

    /// Everybody hears what the model says, in that order, and nothing else.
    fn compare(&mut self, step: &Step, expected: Vec<(usize, Heard)>) {
        for slot in 0..SLOTS {
            let expected = expected.iter().filter(|(at, _)| *at == slot).map(|(_, heard)| heard.clone());
            let expected: Vec<_> = expected.collect();
            let heard = self.heard(slot);
            assert_eq!(heard, expected, "at {slot} after {step:?}");
            heard.iter().for_each(|heard| self.check_privacy(slot, heard));
        }
    }

    /// What was said between two users is heard by these two only, whatever the model says.
    fn check_privacy(&self, slot: usize, heard: &Heard) {
        let all = match heard {
            Heard::Shown(said) => std::slice::from_ref(said),
            Heard::Answered { outcome: Outcome::History(all), .. } => all,
            _ => return,
        };
        let Slot::SignedIn { user, .. } = self.model.slots[slot] else { panic!("{heard:?} at {slot}") };
        for said in all {
            let names = [format!("{} to ", LOGINS[user]), format!(" to {},", LOGINS[user])];
            assert!(said.body.starts_with(&names[0]) || said.body.contains(&names[1]), "{user}: {said:?}");
        }
    }

    fn heard(&mut self, slot: usize) -> Vec<Heard> {
        let Some((id, format)) = self.connections[slot] else { return Vec::new() };
        let mut all = Vec::new();
        while let Some(transmit) = self.server.poll_transmit(id) {
            match transmit {
                Transmit::Frame(frame) => {
                    assert_eq!(frame.format(), format);
                    let message = ServerMessage::decode(frame).unwrap();
                    all.push(heard(message, &mut self.tokens, &mut self.sids));
                }
                Transmit::Close(code) => all.push(Heard::Closed(code.code())),
                other => panic!("{other:?}"),
            }
        }
        all
    }
}

/// What a message says, in the model's words. Tokens and session ids are numbered as they come.
fn heard(message: ServerMessage<'_>, tokens: &mut Vec<String>, sids: &mut Vec<String>) -> Heard {
    match message {
        ServerMessage::CheckConnection(challenge) => {
            let token = challenge.token.into_owned();
            assert!(!tokens.contains(&token), "a token that was there before");
            tokens.push(token);
            Heard::Challenge
        }
        ServerMessage::ShowMessage(message) => Heard::Shown(said(&message)),
        ServerMessage::Info(notice) => {
            assert_eq!(notice.info, "news");
            Heard::Info
        }
        ServerMessage::Error(_) => Heard::Error,
        ServerMessage::Answer(answer) => answered(answer, sids),
        other => panic!("{other:?}"),
    }
}

fn answered(answer: AnswerMessage<'_>, sids: &mut Vec<String>) -> Heard {
    assert!(answer.extra.is_empty());
    let outcome = match answer.outcome {
        Ok(Answer::Authorized(signed)) => {
            assert!(!sids.contains(&signed.session_id.to_string()), "a session id that was there before");
            sids.push(signed.session_id.to_string());
            signed_in(&signed, sids)
        }
        Ok(Answer::Restored(signed)) => signed_in(&signed, sids),
        Ok(Answer::RegisterType(Registration::Closed)) => Outcome::RegistrationClosed,
        Ok(Answer::Contacts(contacts)) => {
            let online =
                |user: &skaro_proto::message::User<'_>| user.extra.get("online") == Some(Value::Bool(true));
            Outcome::Contacts(contacts.iter().map(|user| (number(&user.login), online(user))).collect())
        }
        Ok(Answer::History(history)) => Outcome::History(history.iter().map(said).collect()),
        Ok(Answer::MessageSent { date, .. }) => Outcome::Sent(date.unwrap().as_integer().unwrap()),
        Err(refusal) => Outcome::Refused(refusal.status.unwrap().code()),
        other => panic!("{other:?}"),
    };
    let kinds = [
        "authorize",
        "register_type",
        "session_restore",
        "get_contacts",
        "get_history",
        "send_message",
        "weather",
    ];
    let kind = kinds.into_iter().find(|kind| *kind == answer.kind).unwrap();
    Heard::Answered { number: answer.id, kind, outcome }
}

fn signed_in(signed_in: &SignedIn<'_>, sids: &[String]) -> Outcome {
    let session = sids.iter().position(|sid| *sid == signed_in.session_id).unwrap();
    Outcome::SignedIn { user: number(&signed_in.user.login), session }
}

fn said(message: &Message<'_>) -> Said {
    let date = message.date.as_ref().unwrap().as_integer().unwrap();
    Said { from: number(&message.from.login), to: number(&message.to), body: message.body.to_string(), date }
}

fn number(login: &str) -> usize {
    LOGINS.iter().position(|other| *other == login).unwrap()
}

/// As many cases as fit into a second, if nothing else is asked for.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    let is_asked = std::env::var_os("PROPTEST_CASES").is_some();
    ProptestConfig { cases: if is_asked { default.cases } else { 1000 }, ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_server_does_what_its_model_says(steps in prop::collection::vec(steps::step(), 0..200)) {
        let mut world = World::new();
        for step in steps {
            world.take(&step);
        }
    }
}
