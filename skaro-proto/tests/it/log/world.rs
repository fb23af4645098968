//! A server and connections whose frames are JSON by hand.

use std::time::Duration;

use serde_json::{Value as Json, json};
use skaro_proto::server::{ConnectionId, Server, ServerConfig};
use skaro_proto::{CloseCode, DecodeError, Format, Frame, Time, Transmit, auth};

pub const USERS: [&str; 4] = ["alice", "bob", "carol", "dave"];
const PASSWORD: &str = "correct horse";

pub struct World {
    pub server: Server,
    pub now: Time,
}

impl World {
    pub fn new(config: ServerConfig) -> World {
        let mut server = Server::new(config, [7; 32]);
        USERS.iter().for_each(|login| server.add_user(login, PASSWORD).unwrap());
        World { server, now: Time::from_secs(1_000_000) }
    }

    pub fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
        self.server.handle_timeout(self.now);
    }

    pub fn send(&mut self, id: ConnectionId, frame: &Json) -> Result<(), DecodeError> {
        self.server.handle_frame(self.now, id, Frame::Text(&frame.to_string()))
    }

    /// The next message that waits for a connection.
    pub fn next(&mut self, id: ConnectionId) -> Option<Json> {
        match self.server.poll_transmit(id)? {
            Transmit::Frame(frame) => Some(serde_json::from_slice(frame.as_bytes()).unwrap()),
            Transmit::Close(CloseCode::Policy) => Some(json!("closed")),
            other => panic!("{other:?}"),
        }
    }

    /// All that waits for a connection.
    pub fn read(&mut self, id: ConnectionId) -> Vec<Json> {
        std::iter::from_fn(|| self.next(id)).collect()
    }

    /// Sends a request, and returns its answer and what follows.
    pub fn ask(&mut self, id: ConnectionId, request: Json) -> (Json, Vec<Json>) {
        let mut request = request;
        request["on_request"] = json!(7);
        self.send(id, &request).unwrap();
        let mut all = self.read(id);
        let answer = all.iter().position(|it| it["type"] == "request").expect("an answer");
        (all.remove(answer), all)
    }

    pub fn status(&mut self, id: ConnectionId, request: Json) -> String {
        self.ask(id, request).0["status"].as_str().unwrap().to_owned()
    }

    /// Signs in on a new connection, with these fields besides; returns the answer and what follows.
    pub fn sign_in(&mut self, login: &str, fields: Json) -> (ConnectionId, Json, Vec<Json>) {
        let id = self.server.connect(self.now, Some(Format::Json)).unwrap();
        let challenge = self.next(id).unwrap();
        assert_eq!(challenge["extensions"], json!(["log", "people"]));
        let proof = auth::proof(PASSWORD, challenge["token"].as_str().unwrap());
        let mut request = json!({"type": "authorize", "login": login, "password": proof.as_str()});
        request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let (answer, entries) = self.ask(id, request);
        assert_eq!(answer["status"], "200", "{answer}");
        (id, answer, entries)
    }

    pub fn plain(&mut self, login: &str) -> ConnectionId {
        self.sign_in(login, json!({})).0
    }

    pub fn head(&mut self, login: &str) -> ConnectionId {
        self.sign_in(login, json!({"since": "head"})).0
    }

    /// Sends a message, and returns the answer and what follows.
    pub fn say(&mut self, id: ConnectionId, to: &str, body: &str) -> (Json, Vec<Json>) {
        self.ask(id, json!({"type": "send_message", "to": to, "body": body}))
    }

    pub fn say_with(&mut self, id: ConnectionId, to: &str, body: &str, key: &str) -> (Json, Vec<Json>) {
        self.ask(id, json!({"type": "send_message", "to": to, "body": body, "key": key}))
    }

    pub fn ack(&mut self, id: ConnectionId, position: u64) -> Result<(), DecodeError> {
        self.send(id, &json!({"type": "ack", "position": position}))
    }
}

/// The positions of entries.
pub fn positions(entries: &[Json]) -> Vec<u64> {
    entries.iter().map(|entry| entry["position"].as_u64().unwrap_or_else(|| panic!("{entry}"))).collect()
}

/// The bodies of messages.
pub fn bodies(messages: &[Json]) -> Vec<&str> {
    messages.iter().map(|message| message["body"].as_str().unwrap_or_else(|| panic!("{message}"))).collect()
}
