//! The server beside the model.

use std::collections::VecDeque;

use serde_json::{Value as Json, json};
use skaro_proto::Format;
use skaro_proto::auth;
use skaro_proto::server::{ConnectionId, ServerConfig};

use super::model::{HISTORY, LOG, Message, Model, What};
use super::steps::{CONFERENCE, DEVICES, Start, Step, USERS};
use crate::log::world::{self, positions};

/// Entries that may be on their way.
const WINDOW: u64 = 256;

struct Connection {
    id: ConnectionId,
    /// A number that no other connection has.
    number: u64,
    /// The last position that arrived, and the last one acknowledged, with a cursor.
    cursor: Option<(u64, u64)>,
    /// The answers that are due: the fields that they have besides.
    due: VecDeque<Json>,
}

#[derive(Default)]
struct Device {
    connection: Option<Connection>,
    /// The last position that it has taken, and of which log.
    handled: u64,
}

pub struct World {
    inner: world::World,
    model: Model,
    devices: [Device; DEVICES],
    connections: u64,
}

fn login(user: usize) -> &'static str {
    if user == CONFERENCE { "#team" } else { world::USERS[user] }
}

impl World {
    pub fn new() -> World {
        let mut config = ServerConfig::default();
        (config.max_dialog_messages, config.max_log_entries, config.max_invalid_frames) =
            (HISTORY, LOG, 1_000_000);
        (config.message_rate, config.frame_rate, config.conference_rate) = (None, None, None);
        config.users_found_conferences = true;
        let mut inner = world::World::new(config);
        let id = inner.plain(login(0));
        inner.ask(id, json!({"type": "add_contact", "login": "#team"}));
        inner.ask(id, json!({"type": "update_my_data", "login": "#team", "profile": {"public": true}}));
        inner.server.handle_disconnected(inner.now, id);
        World { inner, model: Model::new(), devices: Default::default(), connections: 0 }
    }

    pub fn step(&mut self, step: &Step) {
        match *step {
            Step::SignIn { device, start } => self.sign_in(device, start),
            Step::Cut { device } => self.cut(device),
            Step::Send { device, to, body, key } => self.send(device, to, body, key),
            Step::Post { from, to, count } => (0..count).for_each(|n| self.post(from, to, n)),
            Step::Join { device } => self.change_members(device, "add_contact"),
            Step::Leave { device } => self.change_members(device, "del_contact"),
            Step::Read { device, with, back } => self.read(device, with, back),
            Step::Take { device, count } => _ = (0..count).find(|_| !self.take(device)),
            Step::Ack { device, but } => self.ack(device, but),
            Step::Page { device, with, limit, is_forward, at } => {
                self.page(device, with, limit, is_forward, at)
            }
        }
    }

    fn cut(&mut self, device: usize) {
        if let Some(connection) = self.devices[device].connection.take() {
            self.inner.server.handle_disconnected(self.inner.now, connection.id);
        }
    }

    fn sign_in(&mut self, device: usize, start: Start) {
        self.cut(device);
        let user = device / 2;
        let (begin, head) = (self.model.logs[user].begin, self.model.head(user));
        let handled = self.devices[device].handled;
        let id = self.inner.server.connect(self.inner.now, Some(Format::Json)).unwrap();
        let challenge = self.inner.next(id).unwrap();
        let proof = auth::proof("correct horse", challenge["token"].as_str().unwrap());
        let mut request =
            json!({"type": "authorize", "login": login(user), "password": proof.as_str(), "on_request": 1});
        let log = self.log_id(user);
        let expected = match start {
            Start::Plain => None,
            Start::Head => {
                request["since"] = json!("head");
                Some(head)
            }
            Start::Handled => {
                (request["since"], request["log"]) = (json!(handled), log.clone());
                Some(if handled >= begin { handled } else { begin })
            }
            Start::Beyond => {
                (request["since"], request["log"]) = (json!(head + 1), log.clone());
                Some(begin)
            }
            Start::OtherLog => {
                (request["since"], request["log"]) = (json!(handled), json!("0".repeat(32)));
                Some(begin)
            }
        };
        self.inner.send(id, &request).unwrap();
        let answer = self.inner.next(id).unwrap();
        assert_eq!(answer["status"], "200");
        match expected {
            None => assert_eq!(answer.get("log"), None),
            Some(begin) => {
                assert_eq!((&answer["log"], &answer["head"]), (&log, &json!(head)));
                assert_eq!(answer["begin"], begin, "{start:?}");
            }
        }
        self.connections += 1;
        let cursor = expected.map(|begin| (begin, begin));
        let connection = Connection { id, number: self.connections, cursor, due: VecDeque::new() };
        self.devices[device].connection = Some(connection);
    }

    fn log_id(&mut self, user: usize) -> Json {
        let (id, answer, _) = self.inner.sign_in(login(user), json!({"since": "head"}));
        self.inner.server.handle_disconnected(self.inner.now, id);
        answer["log"].clone()
    }

    /// Sends a request; its answer, with these fields, is due.
    fn ask(&mut self, device: usize, mut request: Json, fields: Json) {
        let Some(connection) = &mut self.devices[device].connection else { return };
        request["on_request"] = json!(1);
        let id = connection.id;
        connection.due.push_back(fields);
        self.inner.send(id, &request).unwrap();
    }

    fn send(&mut self, device: usize, to: usize, body: usize, key: Option<usize>) {
        let from = device / 2;
        let Some(connection) = &self.devices[device].connection else { return };
        let (number, has_cursor) = (connection.number, connection.cursor.is_some());
        let text = format!("{body} {}", "x".repeat(body * 3000));
        let mut request = json!({"type": "send_message", "to": login(to), "body": text});
        if let Some(key) = key {
            request["key"] = json!(format!("key {key}"));
        }
        let before = key.and_then(|key| self.model.keys.get(&(from, key))).copied();
        if let Some(before) = before {
            let message = &mut self.model.messages[before];
            let is_same = (message.to, &message.body) == (to, &text);
            if is_same {
                message.answered.push(number);
            }
            let fields = match is_same {
                true => json!({"status": "200", "position": message.position, "message": before}),
                false => json!({"status": "409"}),
            };
            return self.ask(device, request, fields);
        }
        if to == CONFERENCE && !self.model.members.contains(&from) {
            return self.ask(device, request, json!({"status": "403"}));
        }
        let key_text = key.map(|key| format!("key {key}"));
        let message =
            Message { from, to, body: text, key: key_text, date: None, answered: vec![number], position: 0 };
        let message = self.model.add(message);
        if let Some(key) = key {
            self.model.keys.insert((from, key), message);
        }
        let mut fields = json!({"status": "200", "message": message});
        if key.is_some() || has_cursor {
            fields["position"] = json!(self.model.messages[message].position);
        }
        self.ask(device, request, fields);
    }

    fn post(&mut self, from: usize, to: usize, n: usize) {
        let body = format!("post {n}");
        let date = self.inner.server.post(self.inner.now, login(from), login(to), &body).unwrap();
        let message =
            Message { from, to, body, key: None, date: Some(date), answered: Vec::new(), position: 0 };
        self.model.add(message);
    }

    fn change_members(&mut self, device: usize, kind: &str) {
        if self.devices[device].connection.is_some() {
            self.model.change_members(device / 2, kind == "add_contact");
            self.ask(device, json!({"type": kind, "login": "#team"}), json!({"status": "200"}));
        }
    }

    fn read(&mut self, device: usize, with: usize, back: u64) {
        let user = device / 2;
        if self.devices[device].connection.is_none() {
            return;
        }
        let up_to = self.model.head(user).saturating_sub(back);
        self.model.read(user, with, up_to);
        let request = json!({"type": "read", "login": login(with), "up_to": up_to});
        self.ask(device, request, json!({"status": "200"}));
    }

    /// Takes the next frame that waits, if one does.
    fn take(&mut self, device: usize) -> bool {
        let user = device / 2;
        let Some(connection) = &mut self.devices[device].connection else { return false };
        let Some(frame) = self.inner.next(connection.id) else { return false };
        if frame["type"] == "request" {
            let expected = connection.due.pop_front().expect("a request");
            assert_eq!(frame["status"], expected["status"], "{frame}");
            assert_eq!(frame.get("position"), expected.get("position"), "{frame}");
            if let Some(message) = expected["message"].as_u64() {
                let date = frame["date"].as_i64().unwrap();
                let known = self.model.messages[message as usize].date.get_or_insert(date);
                assert_eq!(*known, date, "both logs and all answers have the same date");
            }
            return true;
        }
        let Some((position, acknowledged)) = &mut connection.cursor else {
            assert_eq!(
                (&frame["type"], frame.get("position"), frame.get("key")),
                (&json!("show_message"), None, None)
            );
            return true;
        };
        *position += 1;
        assert_eq!(frame["position"], *position, "no holes, no doubles");
        assert!(*position - *acknowledged <= WINDOW);
        let (position, number) = (*position, connection.number);
        self.devices[device].handled = position;
        self.check_entry(user, position, number, &frame);
        true
    }

    fn check_entry(&mut self, user: usize, position: u64, connection: u64, frame: &Json) {
        let (what, is_kept) = self.model.entry(user, position).clone();
        if frame["type"] == "gone" {
            assert!(!is_kept, "{frame} is kept");
            return;
        }
        match what {
            What::Read { with, up_to } => {
                let expected =
                    json!({"type": "read", "login": login(with), "up_to": up_to, "position": position});
                assert_eq!(frame, &expected);
            }
            What::Contact(state) => {
                let expected =
                    json!({"type": "contact", "login": "#team", "state": state, "position": position});
                assert_eq!(frame, &expected);
            }
            What::Changed(member) => {
                let user = json!({"login": "#team", "profile": {"public": true}});
                let mut expected = json!({"type": "changed_user_data", "user": user, "position": position});
                if let Some((member, state)) = member {
                    (expected["member"], expected["state"]) = (json!(login(member)), json!(state));
                }
                assert_eq!(frame, &expected);
            }
            What::Message(number) => {
                let message = &mut self.model.messages[number];
                let key = message.key.as_ref().filter(|_| message.from == user);
                assert_eq!(frame.get("key"), key.map(|key| json!(key)).as_ref());
                let had_answer = message.from == user && message.answered.contains(&connection);
                if frame["type"] == "sent" {
                    assert!(had_answer && frame.get("body").is_none());
                    return;
                }
                assert!(!had_answer || message.answered.iter().any(|other| *other != connection));
                assert_eq!(frame["body"], *message.body);
                assert_eq!(
                    (&frame["from"]["login"], &frame["to"]),
                    (&json!(login(message.from)), &json!(login(message.to)))
                );
                let conference = (message.to == CONFERENCE).then(|| json!("#team"));
                assert_eq!(frame["from"].get("in_conference"), conference.as_ref());
                let date = frame["date"].as_i64().unwrap();
                assert_eq!(*message.date.get_or_insert(date), date);
            }
        }
    }

    fn ack(&mut self, device: usize, but: u64) {
        let Some(connection) = &mut self.devices[device].connection else { return };
        let Some((position, acknowledged)) = &mut connection.cursor else { return };
        let upto = position.saturating_sub(but);
        *acknowledged = upto.max(*acknowledged);
        self.inner.ack(connection.id, upto).unwrap();
    }

    /// Takes and acknowledges all that there is.
    fn drain(&mut self, device: usize) {
        while self.take(device) {
            self.ack(device, 0);
        }
    }

    fn page(&mut self, device: usize, with: usize, limit: u64, is_forward: bool, at: u64) {
        self.drain(device);
        let Some(connection) = &self.devices[device].connection else { return };
        let user = device / 2;
        let field = if is_forward { "after" } else { "before" };
        let request = json!({"type": "get_history", "login": login(with), "limit": limit, field: at});
        let (answer, _) = self.inner.ask(connection.id, request);
        let dialog = self.model.dialog(user, with);
        let all: Vec<_> =
            dialog.into_iter().filter(|it| if is_forward { *it > at } else { *it < at }).collect();
        let limit = (limit as usize).min(all.len());
        let expected = if is_forward { &all[..limit] } else { &all[all.len() - limit..] };
        assert_eq!(positions(answer["history"].as_array().unwrap()), expected);
        assert_eq!(answer["more"], all.len() > limit);
    }

    /// Lets everything come to rest: each cursor is at the head, each answer was given, each log is as it should be.
    pub fn finish(&mut self) {
        for device in 0..DEVICES {
            self.drain(device);
            let user = device / 2;
            if let Some(connection) = &self.devices[device].connection {
                assert_eq!(connection.due.len(), 0);
                assert!(connection.cursor.is_none_or(|(position, _)| position == self.model.head(user)));
            }
        }
        for user in 0..USERS {
            let fresh = 2 * user;
            self.devices[fresh].handled = 0;
            self.sign_in(fresh, Start::Handled);
            self.drain(fresh);
            for with in 0..=CONFERENCE {
                self.page(fresh, with, 7, true, 0);
                self.page(fresh, with, 200, false, 1_000_000);
                self.check_contact(fresh, with);
            }
        }
        self.check_both_logs();
    }

    fn check_contact(&mut self, device: usize, with: usize) {
        let Some(connection) = &self.devices[device].connection else { return };
        let (contacts, _) = self.inner.ask(connection.id, json!({"type": "get_contacts"}));
        let contact = contacts["data"].as_array().unwrap().iter().find(|it| it["login"] == login(with));
        let Some(contact) = contact else { return };
        assert_eq!(contact["unread"], self.model.unread(device / 2, with));
        let last = self.model.dialog(device / 2, with).last().copied();
        assert_eq!(contact["last"]["position"].as_u64(), last);
    }

    /// Dates increase within a dialog, so they do in both logs.
    fn check_both_logs(&self) {
        for one in 0..USERS {
            for other in 0..USERS {
                let of = |it: &&Message| (it.from, it.to) == (one, other) || (it.to, it.from) == (one, other);
                self.check_dates(of);
            }
        }
        self.check_dates(|it| it.to == CONFERENCE);
    }

    fn check_dates(&self, of: impl Fn(&&Message) -> bool) {
        let dates: Vec<_> = self.model.messages.iter().filter(of).filter_map(|it| it.date).collect();
        assert!(dates.is_sorted_by(|one, other| one < other), "{dates:?}");
    }
}
