//! The connections to the fuzzed server: the frames they received, and those they should have received.

use std::collections::{BTreeMap, BTreeSet};

use skaro_proto::message::{Answer, AnswerMessage, ServerMessage};
use skaro_proto::server::{ConnectionId, Server};
use skaro_proto::{Format, Time, Transmit};

use super::Choices;
use super::sessions::Sessions;

pub const USERS: [(&str, &str); 3] = [("alice", "horse"), ("bob", "staple"), ("carol", "dor")];

#[derive(Default)]
pub struct Visitors {
    all: Vec<Visitor>,
    sessions: Sessions,
    /// The expected result of the session_restore under way, if it is known.
    restoration: Option<bool>,
    now: Time,
    bodies: u32,
    /// The messages of each dialog.
    dialogs: BTreeMap<[String; 2], Vec<String>>,
    /// The last request, until its answer was checked.
    asked: Option<Asked>,
    /// The last message, until its delivery was checked.
    sent: Option<Sending>,
    /// Set if a random frame was a valid message, so that dialogs may contain more than is recorded here.
    more_was_said: bool,
}

struct Visitor {
    id: ConnectionId,
    format: Format,
    token: String,
    user: Option<String>,
    is_reading: bool,
    /// Set once the server has begun to close the connection.
    is_closing: bool,
    has_left: bool,
    /// The other user of the dialog that was requested last.
    history: String,
}

struct Asked {
    visitor: usize,
    number: u64,
    kind: String,
}

struct Sending {
    /// The sender's connection; none if the server itself sends.
    visitor: Option<usize>,
    from: String,
    to: String,
    body: String,
    was_taken: bool,
    /// The expected recipients: those who are online when it is sent.
    targets: BTreeSet<usize>,
}

/// The state between two checks.
#[derive(Default)]
struct Looked {
    answers: usize,
    shown_to: Vec<usize>,
}

impl Visitors {
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// Returns one of the newest connections.
    pub fn choose(&self, choices: &mut Choices<'_>) -> usize {
        self.all.len().saturating_sub(1 + choices.below(6))
    }

    /// Returns the connection, if it still exists.
    pub fn id(&self, visitor: usize) -> Option<ConnectionId> {
        self.all.get(visitor).filter(|visitor| !visitor.has_left).map(|visitor| visitor.id)
    }

    pub fn token(&self, visitor: usize) -> String {
        self.all.get(visitor).map(|visitor| visitor.token.clone()).unwrap_or_default()
    }

    pub fn some_session(&self, choices: &mut Choices<'_>) -> Option<String> {
        self.sessions.last(choices.below(8))
    }

    pub fn new_body(&mut self, choices: &mut Choices<'_>) -> String {
        self.bodies += 1;
        // Long bodies take few bytes of input, and JSON escapes some of them; the longest exceed the limit.
        let rest = match choices.below(4) {
            0 => choices.text(70),
            1 => "\u{1}".repeat(choices.below(66)),
            _ => "x".repeat(choices.below(66)),
        };
        format!("{} {rest}", self.bodies)
    }

    pub fn came(&mut self, id: ConnectionId, format: Format) {
        self.all.push(Visitor {
            id,
            format,
            token: String::new(),
            user: None,
            is_reading: true,
            is_closing: false,
            has_left: false,
            history: String::new(),
        });
    }

    pub fn left(&mut self, visitor: usize) -> Option<ConnectionId> {
        let id = self.id(visitor)?;
        self.all[visitor].has_left = true;
        self.sessions.ended(visitor, self.now);
        Some(id)
    }

    pub fn stop_reading(&mut self, visitor: usize) {
        self.sessions.unseen(visitor);
        self.all.get_mut(visitor).into_iter().for_each(|visitor| visitor.is_reading = false);
    }

    pub fn read_again(&mut self, visitor: usize) {
        self.all.get_mut(visitor).into_iter().for_each(|visitor| visitor.is_reading = true);
    }

    pub fn is_reading(&self, visitor: usize) -> bool {
        self.all.get(visitor).is_some_and(|visitor| visitor.is_reading)
    }

    pub fn sends_by_chance(&mut self) {
        self.more_was_said = true;
    }

    pub fn asks(&mut self, visitor: usize, number: u64, kind: &str) {
        let asking = &self.all[visitor];
        let is_heard = asking.is_reading && !asking.is_closing && !asking.has_left;
        self.asked = is_heard.then(|| Asked { visitor, number, kind: kind.into() });
    }

    pub fn asks_for_session(&mut self, visitor: usize, id: &str, server: &Server) {
        let asking = self.all.get(visitor).filter(|asking| asking.is_reading && !asking.is_closing);
        let is_free = asking.is_some_and(|asking| !asking.has_left && asking.user.is_none());
        let lifetime = server.config().session_lifetime;
        let restorable = || self.sessions.is_restorable(id, visitor, self.now, lifetime);
        self.restoration = if is_free { restorable() } else { None };
    }

    pub fn asks_for_history(&mut self, visitor: usize, login: &str) {
        self.all.get_mut(visitor).into_iter().for_each(|visitor| visitor.history = login.into());
    }

    /// Sends a message as a user; the answer tells whether the server accepts it.
    pub fn sends(&mut self, visitor: usize, to: &str, body: &str) {
        let user = self.all.get(visitor).and_then(|visitor| visitor.user.clone());
        self.sending(Some(visitor), user, to, body);
    }

    /// Sends a message from the server in a user's name.
    pub fn posts(&mut self, from: &str, to: &str, body: &str) {
        self.sending(None, Some(from.into()), to, body);
        self.sent.iter_mut().for_each(|sent| sent.was_taken = true);
    }

    pub fn was_not_posted(&mut self) {
        self.sent = None;
    }

    fn sending(&mut self, visitor: Option<usize>, from: Option<String>, to: &str, body: &str) {
        let Some(from) = from else { return };
        let is_target = |(n, other): &(usize, &Visitor)| {
            let is_online = other.is_reading && !other.is_closing && !other.has_left;
            let user = other.user.as_deref();
            is_online && Some(*n) != visitor && (user == Some(to) || user == Some(&from))
        };
        let targets = self.all.iter().enumerate().filter(is_target).map(|(n, _)| n).collect();
        let (to, body) = (to.into(), body.into());
        self.sent = Some(Sending { visitor, from, to, body, was_taken: false, targets });
    }

    /// Takes the server's frames for connections that are read, and checks them.
    pub fn fetch(&mut self, server: &mut Server, now: Time) {
        self.now = now;
        let mut looked = Looked::default();
        let mut ready = BTreeSet::new();
        while let Some(id) = server.poll_ready() {
            ready.insert(id);
        }
        for n in 0..self.all.len() {
            let visitor = &mut self.all[n];
            if visitor.has_left {
                continue;
            }
            if !server.has_connection(visitor.id) {
                assert!(
                    ready.contains(&visitor.id) || !visitor.is_reading,
                    "nobody was told that it is gone"
                );
                visitor.has_left = true;
                self.sessions.ended(n, now);
            } else if visitor.is_reading {
                self.read(n, server, &mut looked);
            }
        }
        self.look(&looked, server);
    }

    fn read(&mut self, n: usize, server: &mut Server, looked: &mut Looked) {
        let (id, format) = (self.all[n].id, self.all[n].format);
        let (answer, output) = (server.config().max_answer_bytes, server.config().limits.max_queued_bytes);
        let mut sizes = Vec::new();
        while let Some(transmit) = server.poll_transmit(id) {
            assert!(!self.all[n].is_closing, "{transmit:?} after the end");
            let frame = match transmit {
                Transmit::Frame(frame) => frame,
                Transmit::Ping => continue,
                Transmit::Close(_) => {
                    self.all[n].is_closing = true;
                    self.sessions.ended(n, self.now);
                    continue;
                }
                other => panic!("{other:?}"),
            };
            assert_eq!(frame.format(), format);
            let size = frame.as_bytes().len();
            sizes.push(size);
            match ServerMessage::decode(frame).expect("a server writes what a client reads") {
                ServerMessage::CheckConnection(challenge) => {
                    self.all[n].token = challenge.token.into_owned();
                }
                ServerMessage::ShowMessage(message) => {
                    let user = self.all[n].user.as_deref();
                    assert!(user.is_some(), "a message for nobody");
                    assert!(user == Some(&message.to) || user == Some(&message.from.login), "not theirs");
                    let is_last = self.sent.as_ref().is_some_and(|sent| sent.body == message.body);
                    looked.shown_to.extend(is_last.then_some(n));
                }
                ServerMessage::Answer(message) => {
                    assert!(message.kind != "get_history" || size <= answer);
                    self.answered(n, &message, looked);
                }
                ServerMessage::Info(_) | ServerMessage::Error(_) => (),
                other => panic!("{other:?}"),
            }
        }
        let all_but_last: usize = sizes.iter().rev().skip(1).sum();
        assert!(all_but_last <= output, "{all_but_last} bytes waited");
    }

    fn answered(&mut self, n: usize, message: &AnswerMessage<'_>, looked: &mut Looked) {
        if let Some(asked) = self.asked.as_ref().filter(|asked| asked.visitor == n) {
            assert_eq!((message.id, &*message.kind), (asked.number, &*asked.kind));
            looked.answers += 1;
        }
        if message.kind == "session_restore" && looked.answers > 0 {
            let is_restored = message.outcome.is_ok();
            assert!(self.restoration.take().is_none_or(|expected| is_restored == expected), "{message:?}");
        }
        match &message.outcome {
            Ok(Answer::Authorized(signed_in)) => {
                let (id, user) = (&*signed_in.session_id, &*signed_in.user.login);
                self.sessions.began(id, user, n);
                self.signed_in(n, user);
            }
            Ok(Answer::Restored(signed_in)) => {
                let (id, user) = (&*signed_in.session_id, &*signed_in.user.login);
                self.sessions.restored(id, user, n);
                self.signed_in(n, user);
            }
            Ok(Answer::MessageSent { .. }) => self.sent.iter_mut().for_each(|sent| sent.was_taken = true),
            Ok(Answer::History(history)) => {
                let dates: Vec<_> = history.iter().map(|it| it.date.as_ref().unwrap().as_integer()).collect();
                assert!(dates.is_sorted_by(|one, next| one < next), "{dates:?}");
                let bodies: Vec<_> = history.iter().map(|it| it.body.to_string()).collect();
                let visitor = &self.all[n];
                let dialog = self.dialogs.get(&key(visitor.user.as_deref().unwrap(), &visitor.history));
                if !self.more_was_said {
                    assert!(dialog.map_or(&[][..], |all| all).ends_with(&bodies), "{bodies:?}");
                }
            }
            _ => (),
        }
    }

    fn signed_in(&mut self, n: usize, user: &str) {
        assert_eq!(self.all[n].user, None, "somebody was signed in already");
        self.all[n].user = Some(user.into());
    }

    /// Checks the answer to the last request, and the delivery of the last message.
    fn look(&mut self, looked: &Looked, server: &Server) {
        if self.asked.take().is_some() {
            assert_eq!(looked.answers, 1, "answers to one request");
        }
        let all_read = self.all.iter().all(|visitor| visitor.is_reading || visitor.has_left);
        if let Some(sent) = self.sent.take() {
            let shown_to: BTreeSet<_> = looked.shown_to.iter().copied().collect();
            assert_eq!(shown_to.len(), looked.shown_to.len(), "shown twice");
            assert!(sent.visitor.is_none_or(|visitor| !shown_to.contains(&visitor)), "shown to its sender");
            if sent.was_taken {
                assert_eq!(shown_to, sent.targets);
                self.dialogs.entry(key(&sent.from, &sent.to)).or_default().push(sent.body);
            } else {
                assert!(shown_to.is_empty(), "shown but refused");
            }
        }
        if all_read {
            for (login, _) in USERS {
                let is_online = |visitor: &Visitor| {
                    !visitor.has_left && !visitor.is_closing && visitor.user.as_deref() == Some(login)
                };
                assert_eq!(server.is_online(login), self.all.iter().any(is_online), "{login}");
            }
        }
    }

    pub fn check(&self, server: &Server) {
        assert!(server.sessions() <= self.sessions.users() * server.config().max_sessions_per_user);
        assert_eq!(
            server.connections(),
            self.all.iter().filter(|visitor| !visitor.has_left).count(),
            "connections"
        );
    }
}

fn key(one: &str, other: &str) -> [String; 2] {
    [one.min(other).into(), one.max(other).into()]
}
