//! The end: all becomes quiet, and everything is compared with the logs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use skaro_proto::client::Status;
use skaro_proto::message::{Answer, AnswerMessage, ClientMessage, Request, ServerMessage, Since};
use skaro_proto::{Format, Frame, Transmit, auth};

use super::super::oracle::{Checked, ensure, number_in};
use super::{End, USERS, What, World, login, user_of};

/// A log as the server has it: its id, and which message is where.
struct Log {
    id: String,
    head: u64,
    messages: BTreeMap<u64, usize>,
    /// The marks that are kept: the other user, and up to where.
    marks: BTreeMap<u64, (usize, u64)>,
}

impl World {
    /// Nothing breaks any more, and nobody says anything new: what is open ends, and everybody catches up.
    pub(super) fn settle(&mut self) -> Checked {
        self.refuses = false;
        if self.keeper.is_some() {
            // What was refused and must not be is tried again after a second.
            self.keep_all();
            self.pass(Duration::from_millis(1001))?;
        }
        for wire in &mut self.wires {
            (wire.up.left, wire.down.left) = (None, None);
        }
        self.move_everything()?;
        // What is missing has to come by itself, too: not only once something follows.
        let is_still = self.keeper.is_some() && self.choices.chance(60);
        if is_still {
            return self.come_to_rest();
        }
        // Windows are full, and whoever waits for an answer now does not take events.
        (0..USERS).try_for_each(|user| self.post_to(user, self.flood))?;
        self.move_packets()?;
        (0..self.devices.len()).try_for_each(|n| self.send(n, n % USERS))?;
        self.come_to_rest()
    }

    fn come_to_rest(&mut self) -> Checked {
        // As long as nothing times out: a minute.
        for _ in 0..1200 {
            while self.move_everything()? {}
            if (0..self.devices.len()).all(|n| self.is_quiet(n)) {
                return Ok(());
            }
            self.pass(Duration::from_millis(50))?;
            for wire in &mut self.wires {
                (wire.up.left, wire.down.left) = (None, None);
            }
        }
        let restless = (0..self.devices.len()).find(|n| !self.is_quiet(*n)).unwrap_or_default();
        let device = &self.devices[restless];
        Err(format!(
            "device {restless} does not come to rest: {:?}, {} events wait, {} messages are open, it awaits: {}",
            device.client.status(),
            device.mailbox.len(),
            device.open.len(),
            device.awaits
        ))
    }

    fn is_quiet(&self, n: usize) -> bool {
        let device = &self.devices[n];
        let is_signed_in = device.client.status() == Status::SignedIn;
        is_signed_in && device.mailbox.is_empty() && device.open.is_empty() && device.kept.open.is_empty()
    }

    fn move_packets(&mut self) -> Checked<bool> {
        let mut moved = false;
        for w in 0..self.wires.len() {
            while self.arrive(w, true)? {
                moved = true;
            }
            while self.arrive(w, false)? {
                moved = true;
            }
        }
        Ok(moved)
    }

    fn move_everything(&mut self) -> Checked<bool> {
        self.keep_all();
        self.pump()?;
        let mut moved = self.move_packets()?;
        for n in 0..self.devices.len() {
            while self.take(n)? {
                moved = true;
            }
        }
        Ok(moved)
    }

    pub(super) fn compare(&mut self) -> Checked {
        let logs: Vec<_> = (0..USERS).map(|user| self.read_log(user)).collect::<Checked<_>>()?;
        for (user, log) in logs.iter().enumerate() {
            self.compare_log(user, log)?;
        }
        for number in 0..self.messages.len() {
            self.compare_message(number, &logs)?;
        }
        (0..self.devices.len()).try_for_each(|n| self.compare_device(n, &logs))
    }

    /// A log has each message once, and those of each sender in their order.
    fn compare_log(&self, user: usize, log: &Log) -> Checked {
        let (mut all, mut last) = (BTreeSet::new(), BTreeMap::new());
        for number in log.messages.values() {
            ensure!(all.insert(number), "message {number} is in the log of {user} twice");
            // What the server could not take, and takes when it is repeated, comes after what it took meanwhile.
            let was_refused = |keeper: &super::Keeper| keeper.refused.contains(number);
            if self.is_strict || self.keeper.as_ref().is_some_and(was_refused) {
                continue;
            }
            let (n, incarnation) = self.messages[*number].sender;
            let keeps = self.devices.get(n).is_none_or(|device| device.keeps);
            let sender = (n, if keeps { 0 } else { incarnation });
            if let Some(before) = last.insert(sender, number) {
                ensure!(before < number, "message {number} of device {n} comes after {before}");
            }
        }
        Ok(())
    }

    fn compare_message(&self, number: usize, logs: &[Log]) -> Checked {
        let message = &self.messages[number];
        let is_in = |user: usize| logs[user].messages.values().any(|known| *known == number);
        let (from, to) = (is_in(message.from), is_in(message.to));
        ensure!(from == to, "message {number} is in one of two logs");
        match message.end {
            End::Open => Err(format!("message {number} never ended")),
            End::Refused => {
                ensure!(self.is_strict || self.keeper.is_some(), "message {number} was refused");
                // What was sent before by an application that ended meanwhile may be there.
                let may_be_in = self.keeper.is_some() && message.heard > 1;
                ensure!(!from || may_be_in, "message {number} was refused, and is in a log");
                Ok(())
            }
            End::Unknown => Ok(()),
            End::Taken => {
                let is_kept = message.epoch == self.epoch;
                ensure!(from || !is_kept, "message {number} was answered, and is in no log");
                Ok(())
            }
        }
    }

    /// A device has had everything from where it began, in order.
    fn compare_device(&self, n: usize, logs: &[Log]) -> Checked {
        let device = &self.devices[n];
        let log = &logs[device.user];
        let (id, taken) = device.client.log().unwrap_or_default();
        ensure!(id == log.id, "device {n} is in log {id}, and its user's is {}", log.id);
        ensure!(taken == log.head, "device {n} has come to {taken}, the head is {}", log.head);
        let handled = device.handled.last().ok_or_else(|| format!("device {n} read nothing"))?;
        ensure!(handled.log == log.id, "device {n} was not told that the log is another one");
        let last = handled.begin + handled.entries.len() as u64;
        ensure!(last == log.head, "device {n} has handled {last}, the head is {}", log.head);
        for (what, position) in handled.entries.iter().zip(handled.begin + 1..) {
            let message = log.messages.get(&position);
            let is_right = match what {
                What::Message(number) => message == Some(number),
                What::Sent => message.is_some_and(|number| self.messages[*number].from == device.user),
                // Only the last one of each dialog is kept.
                What::Read { with, up_to } => {
                    message.is_none() && log.marks.get(&position).is_none_or(|mark| *mark == (*with, *up_to))
                }
                What::Gone => message.is_none() && !log.marks.contains_key(&position),
            };
            ensure!(is_right, "device {n} has {what:?} at {position}, the log has {message:?}");
        }
        Ok(())
    }

    /// Reads a user's log from its beginning, on a connection of its own.
    fn read_log(&mut self, user: usize) -> Checked<Log> {
        let id = self.server.connect(self.now, Some(Format::Json)).map_err(|error| error.to_string())?;
        let mut log = Log { id: String::new(), head: 0, messages: BTreeMap::new(), marks: BTreeMap::new() };
        let mut expected = 1;
        loop {
            let mut said = Vec::new();
            self.keep_all();
            while let Some(transmit) = self.server.poll_transmit(id) {
                if let Transmit::Frame(frame) = transmit {
                    let message = ServerMessage::decode(frame).map_err(|error| error.to_string())?;
                    said.push(message.into_owned());
                }
            }
            if said.is_empty() {
                break;
            }
            for message in said {
                let position = message.position();
                match message {
                    ServerMessage::CheckConnection(challenge) => {
                        let proof = auth::proof(login(user), &challenge.token);
                        let (since, log) = (Some(Since::Position(0)), Some("".into()));
                        let login = login(user).into();
                        let request = Request::Authorize {
                            login,
                            proof: proof.as_str().into(),
                            since,
                            log,
                            presence: false,
                        };
                        self.say(id, &ClientMessage::new(1, request));
                    }
                    ServerMessage::Answer(AnswerMessage {
                        outcome: Ok(Answer::Authorized(signed_in)),
                        ..
                    }) => {
                        let cursor = signed_in.cursor.ok_or("there is no cursor")?;
                        (log.id, log.head, expected) =
                            (cursor.log.into_owned(), cursor.head, cursor.begin + 1);
                    }
                    ServerMessage::ShowMessage(message) => {
                        let number =
                            number_in(message.body.as_bytes()).ok_or("a message without a number")?;
                        log.messages.insert(message.position.unwrap_or(0), number);
                    }
                    ServerMessage::Read(mark) => {
                        log.marks.insert(mark.position, (user_of(&mark.login)?, mark.up_to));
                    }
                    // A mark that a later one has replaced.
                    ServerMessage::Unknown { kind, .. } if kind == "gone" => (),
                    other => return Err(format!("the server says {other:?}")),
                }
                if let Some(position) = position {
                    ensure!(position == expected, "the log of {user} has {position} in place of {expected}");
                    expected += 1;
                    self.say(id, &ClientMessage::ack(position));
                }
            }
        }
        ensure!(expected == log.head + 1, "the log of {user} ends before its head {}", log.head);
        self.server.handle_disconnected(self.now, id);
        Ok(log)
    }

    fn say(&mut self, id: skaro_proto::server::ConnectionId, message: &ClientMessage<'_>) {
        let bytes = message.encode(Format::Json);
        let text = std::str::from_utf8(&bytes).expect("JSON is UTF-8");
        _ = self.server.handle_frame(self.now, id, Frame::Text(text));
    }
}
