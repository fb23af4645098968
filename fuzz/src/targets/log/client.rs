//! A client with a cursor, and a server that tells of any log, beside a model of the cursor: each entry comes once and in
//! order, sign-ins and acknowledgements say where the application is, a message keeps its key until it ends.

use std::collections::BTreeMap;
use std::time::Duration;

use skaro_proto::client::{
    Client, ClientConfig, Command, Disconnect, Event, Failure, LogStart, ProtocolError, RequestId,
    SendMessage, Status,
};
use skaro_proto::message::{
    Answer, AnswerMessage, Challenge, ClientMessage, Cursor, Message, ReadMark, Refusal, Request, Sent,
    ServerMessage, SignedIn, Since, StatusCode, User,
};
use skaro_proto::{Fields, Format, Time, Transmit};

use super::super::{Choices, direction};

const LOGS: [&str; 2] = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"];

pub fn run(choices: &mut Choices<'_>) {
    let mut config = ClientConfig::default();
    config.log = match choices.below(3) {
        0 => LogStart::Head,
        1 => LogStart::Since { log: LOGS[0].into(), position: u64::from(choices.byte()) },
        _ => LogStart::Off,
    };
    let place = match &config.log {
        LogStart::Since { log, position } => Some((log.clone(), *position)),
        _ => None,
    };
    let wants_log = config.log != LogStart::Off;
    let client = Client::new(config, [choices.byte(); 32]);
    let arrived = place.as_ref().map_or(0, |(_, position)| *position);
    let mut run = Run {
        client,
        now: Time::ZERO,
        wants_log,
        place,
        arrived,
        acknowledged: 0,
        is_live: false,
        knows_logs: false,
        asked: Vec::new(),
        commands: BTreeMap::new(),
        keys: BTreeMap::new(),
    };
    while !choices.is_empty() {
        run.step(choices);
        run.collect();
    }
    run.client.close(run.now);
    run.pass(Duration::from_secs(30));
    run.collect();
    assert!(run.commands.values().all(|has_ended| *has_ended), "a command never ended");
}

struct Run {
    client: Client,
    now: Time,
    wants_log: bool,
    /// The model of the cursor: the log and the position that the application has taken; what arrived, what was
    /// acknowledged on this connection, and whether it has a cursor.
    place: Option<(String, u64)>,
    arrived: u64,
    acknowledged: u64,
    is_live: bool,
    /// Set if the server of this connection said that it knows logs.
    knows_logs: bool,
    /// The requests of this connection that have no answer.
    asked: Vec<(u64, String)>,
    /// All commands, and whether they have ended.
    commands: BTreeMap<RequestId, bool>,
    /// The messages that were sent with keys.
    keys: BTreeMap<String, String>,
}

impl Run {
    fn taken(&self) -> u64 {
        self.place.as_ref().map_or(0, |(_, position)| *position)
    }

    fn step(&mut self, choices: &mut Choices<'_>) {
        match choices.below(16) {
            0 | 1 => self.connect(choices),
            2..5 => self.answer(choices),
            5..9 => self.entry(choices),
            9..11 => self.take(choices),
            11 | 12 => self.send(choices),
            13 => self.client.handle_disconnected(self.now, Disconnect::Failed("cut".into())),
            14 => self.pass(Duration::from_millis(u64::from(choices.byte()) * 200)),
            _ => {
                let next = self.client.poll_timeout().unwrap_or(self.now);
                self.pass(next - self.now);
            }
        }
    }

    fn connect(&mut self, choices: &mut Choices<'_>) {
        if !matches!(self.client.status(), Status::Offline | Status::Dialing | Status::Waiting { .. }) {
            return;
        }
        self.client.handle_connected(self.now);
        if self.client.status() != Status::Greeting {
            return;
        }
        self.asked.clear();
        self.knows_logs = choices.below(8) != 7;
        let mut challenge = Challenge::new("3a0cf1b2c7d94e53");
        challenge.extensions.extend(self.knows_logs.then_some("log".into()));
        let format = choices.pick(&[Format::Json, Format::Cbor]);
        self.frame(&ServerMessage::CheckConnection(challenge), format);
        if self.client.status() == Status::Connected {
            let id = self.client.authorize(self.now, "alice", "secret").expect("nobody is signed in");
            self.commands.insert(id, false);
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.client.handle_timeout(self.now);
        assert!(self.client.poll_timeout().is_none_or(|next| next > self.now));
    }

    fn send(&mut self, choices: &mut Choices<'_>) {
        let body = self.commands.len().to_string();
        let key = choices.flag().then(|| format!("key {}", choices.below(4)));
        let before = self.client.clone();
        let message = SendMessage { key: key.as_deref(), ..SendMessage::new("bob", &body) };
        match message.give(&mut self.client, self.now) {
            Ok(id) => assert!(self.commands.insert(id, false).is_none(), "the number {id} came twice"),
            Err(error) => assert!(self.client == before, "{error} left a trace"),
        }
    }

    fn take(&mut self, choices: &mut Choices<'_>) {
        let position = (self.taken() + u64::from(choices.byte())).min(self.arrived + 1);
        self.client.handle_taken(position);
        if let Some((_, taken)) = &mut self.place {
            *taken = (*taken).max(position.min(self.arrived));
        }
    }

    /// The server answers a request; a sign-in with any cursor, mostly the right one.
    fn answer(&mut self, choices: &mut Choices<'_>) {
        let Some(last) = self.asked.len().checked_sub(1) else { return };
        let (number, kind) = self.asked.remove(last - choices.below(last + 1).min(last));
        let outcome = match (&*kind, choices.below(8)) {
            (_, 7) => Err(Refusal::new(Some(StatusCode::new(choices.pick(&[429, 503, 409]))), "no")),
            ("authorize", choice) => Ok(Answer::Authorized(self.signed_in(choice, choices))),
            ("session_restore", choice) => Ok(Answer::Restored(self.signed_in(choice, choices))),
            ("send_message", _) => {
                Ok(Answer::MessageSent { date: None, position: Some(choices.byte().into()) })
            }
            _ => Ok(Answer::Other(Fields::new())),
        };
        let format = choices.pick(&[Format::Json, Format::Cbor]);
        self.frame(&ServerMessage::Answer(AnswerMessage::new(kind, number, outcome)), format);
    }

    fn signed_in(&self, choice: usize, choices: &mut Choices<'_>) -> SignedIn<'static> {
        let (log, taken) = self.place.clone().unwrap_or_else(|| (LOGS[0].into(), 3));
        let head = taken + u64::from(choices.byte());
        let mut signed_in = SignedIn::new("s-1", User::new("alice"));
        signed_in.cursor = match choice {
            _ if !self.knows_logs => None,
            0 => None,
            1 => Some(Cursor::new(choices.pick(&LOGS), head, u64::from(choices.byte()).min(head))),
            2 => Some(Cursor::new(log, head, head)),
            _ => Some(Cursor::new(log, head, taken)),
        };
        signed_in
    }

    /// The server sends an entry, mostly the next one.
    fn entry(&mut self, choices: &mut Choices<'_>) {
        let next = self.arrived + 1;
        let position = match choices.below(16) {
            14 => next + 1 + u64::from(choices.byte()),
            15 => next.saturating_sub(1 + u64::from(choices.byte())).max(1),
            _ => next,
        };
        let known: Vec<&String> = self.keys.keys().collect();
        let key = known.get(choices.below(8)).map(|key| key.to_string().into());
        let message = match choices.below(8) {
            0 => ServerMessage::Read(ReadMark::new("bob", choices.byte().into(), position)),
            1 => {
                let mut sent = Sent::new(position);
                sent.key = key;
                ServerMessage::Sent(sent)
            }
            2 => {
                let mut message = Fields::new();
                message.push("type", "gone");
                message.push("position", position);
                ServerMessage::Unknown { kind: "gone".into(), message }
            }
            choice => {
                let from = if choice == 3 { "alice" } else { "bob" };
                let mut message = Message::new(from, if choice == 3 { "bob" } else { "alice" }, "hello");
                message.position = Some(position);
                message.key = key.filter(|_| choice == 3);
                ServerMessage::ShowMessage(message)
            }
        };
        self.frame(&message, choices.pick(&[Format::Json, Format::Cbor]));
    }

    /// Passes a frame to the machine, and compares what it says with the model.
    fn frame(&mut self, message: &ServerMessage<'_>, format: Format) {
        let bytes = message.encode(format);
        let before = self.client.clone();
        let event = match self.client.handle_frame(self.now, direction::frame(format, &bytes)) {
            Ok(event) => event.into_owned(),
            Err(error) => {
                assert!(self.client == before, "{error} left a trace");
                if let ProtocolError::KnownEntry { position } = error {
                    assert!(self.is_live && position <= self.arrived, "{error}");
                }
                return;
            }
        };
        if let Some(position) = event.position() {
            assert!(self.is_live, "an entry without a cursor: {event:?}");
            assert_eq!(position, self.arrived + 1, "{event:?}");
            self.arrived += 1;
        }
        if let Event::ProtocolError(error) = &event {
            let ProtocolError::MissingEntries { expected, position } = error else { panic!("{error}") };
            assert_eq!(*expected, self.arrived + 1);
            assert!(self.is_live && position > expected);
        }
        let told = match message {
            ServerMessage::Answer(AnswerMessage {
                outcome: Ok(Answer::Authorized(signed_in) | Answer::Restored(signed_in)),
                ..
            }) if self.client.is_authorized() && !before.is_authorized() => Some(signed_in.cursor.as_ref()),
            _ => None,
        };
        self.happened(&event);
        if let Some(told) = told {
            self.begin(told.filter(|_| self.wants_log));
        }
    }

    /// The user is signed in: the next events say whether the log is another one.
    fn begin(&mut self, told: Option<&Cursor<'_>>) {
        let Some(told) = told else { return };
        let was = self.place.replace((told.log.to_string(), told.begin));
        let is_same = was.is_none_or(|(log, taken)| log == told.log && taken == told.begin);
        (self.arrived, self.acknowledged, self.is_live) = (told.begin, told.begin, true);
        let mut changed = false;
        while let Some(event) = self.client.poll_event() {
            changed |= matches!(event, Event::LogChanged { .. });
            self.happened(&event);
        }
        assert_eq!(changed, !is_same, "whether the log is another one");
    }

    fn happened(&mut self, event: &Event<'_>) {
        match event {
            Event::Ended(ended) => {
                match &ended.outcome {
                    Ok(_) | Err(Failure::Refused(_) | Failure::TimedOut | Failure::Lost(_)) => (),
                    Err(other) => panic!("{other:?}"),
                }
                if let Some(has_ended) = self.commands.get_mut(&ended.ticket.id())
                    && !ended.ticket.is_automatic()
                {
                    assert!(!*has_ended, "{} ended twice", ended.ticket.id());
                    *has_ended = true;
                }
            }
            Event::CaughtUp { position, .. } => assert!(*position <= self.arrived, "{event:?}"),
            Event::Disconnected(_) => {
                (self.is_live, self.arrived, self.knows_logs) = (false, self.taken(), false);
                self.asked.clear();
            }
            _ => (),
        }
    }

    /// Takes what the machine has to say.
    fn collect(&mut self) {
        while let Some(event) = self.client.poll_event() {
            self.happened(&event);
        }
        let place = self.place.as_ref().map(|(log, position)| (log.as_str(), *position));
        assert_eq!(self.client.log(), place);
        assert_eq!(self.client.has_cursor(), self.is_live);
        while let Some(transmit) = self.client.poll_transmit() {
            let Transmit::Frame(frame) = transmit else { continue };
            let message = ClientMessage::decode(frame).expect("a client writes what a server reads");
            match &message.request {
                Request::Ack { position } => {
                    let taken = self.place.as_ref().map_or(0, |(_, position)| *position);
                    assert!(self.is_live && *position == taken && taken > self.acknowledged, "{message:?}");
                    self.acknowledged = taken;
                    continue;
                }
                Request::Authorize { since, log, .. } | Request::SessionRestore { since, log, .. } => {
                    let expected = match &self.place {
                        _ if !self.wants_log || !self.knows_logs => (None, None),
                        None => (Some(Since::Head), None),
                        Some((log, taken)) => (Some(Since::Position(*taken)), Some(log.as_str())),
                    };
                    assert_eq!((*since, log.as_deref()), expected);
                }
                Request::SendMessage { body, key, .. } => {
                    assert_eq!(key.is_some(), self.wants_log && self.knows_logs);
                    if let Some(key) = key {
                        self.keys.insert(key.to_string(), body.to_string());
                    }
                }
                _ => (),
            }
            self.asked.push((message.on_request, message.request.kind().into()));
        }
    }
}
