//! One connection of the server, as its client, other clients and whoever runs the server treat it.

use std::time::Duration;

use serde_json::Value as Json;
use skaro_proto::server::{ConnectionId, Peer, Server, ServerConfig};
use skaro_proto::{CloseCode, Format, Frame, Time, Transmit, auth};

use super::explore::Machine;

/// A server can't be cloned: what was done to it is done once more to another one.
pub(crate) struct Subject {
    config: ServerConfig,
    done: Vec<&'static str>,
    server: Server,
    id: ConnectionId,
    now: Time,
    token: String,
    /// The session of an earlier connection that broke.
    earlier: String,
    /// The session on this connection.
    session: Option<String>,
    /// Whether the opening handshake is done, and whether the closing handshake has begun.
    opened: bool,
    closing: bool,
}

/// A connection in each configuration in which another deadline comes first. Limits are low, so that they are met.
pub(crate) fn machines() -> [Subject; 2] {
    let mut patient = ServerConfig::default();
    (patient.max_sign_in_attempts, patient.max_invalid_frames, patient.limits.max_queued_bytes) =
        (2, 2, 4096);
    patient.max_strangers = Some(1);
    let mut strict = patient.clone();
    strict.sign_in_timeout = Duration::from_secs(90);
    [patient, strict].map(Subject::new)
}

impl Machine for Subject {
    const INPUTS: &'static [&'static str] = &[
        "handshake done",
        "a newcomer",
        "nothing leaves",
        "authorize",
        "session_restore",
        "session restored elsewhere",
        "refused too often",
        "frames without sense",
        "frame over the limit",
        "WebSocket violated",
        "reader too slow",
        "time-out",
        "shut_down",
        "connection gone",
        "sign_out",
        "another request",
        "pong",
    ];

    fn state(&self) -> &'static str {
        match () {
            () if !self.server.has_connection(self.id) => "Gone",
            () if !self.opened => "Opening",
            () if self.closing => "Closing",
            () if self.server.is_online("alice") => "SignedIn",
            () => "Open",
        }
    }

    fn details(&self) -> String {
        format!("{} {}", self.server.connections(), self.server.sessions())
    }

    fn after(&self, input: &'static str) -> Option<Self> {
        if !self.server.has_connection(self.id) {
            return None;
        }
        let mut next = Subject::new(self.config.clone());
        for done in self.done.iter().copied().chain([input]) {
            next.take(done)?;
            next.drain();
            next.done.push(done);
        }
        Some(next)
    }
}

impl Subject {
    fn new(config: ServerConfig) -> Self {
        let now = Time::from_secs(1);
        let mut server = Server::new(config.clone(), [7; 32]);
        server.add_user("alice", "correct horse").unwrap();
        let id = server.connect(now, Some(Format::Json)).unwrap();
        let (done, text) = (Vec::new(), String::new());
        let mut subject = Subject {
            config,
            done,
            server,
            id,
            now,
            token: text.clone(),
            earlier: text,
            session: None,
            opened: true,
            closing: false,
        };
        subject.drain();
        subject.authorize("correct horse");
        subject.drain();
        subject.earlier = subject.session.take().unwrap();
        subject.server.handle_disconnected(now, id);
        subject.id = subject.server.handle_accepted(now, Peer::UNKNOWN).unwrap();
        subject.opened = false;
        subject
    }

    fn take(&mut self, input: &'static str) -> Option<()> {
        let (now, id) = (self.now, self.id);
        match input {
            "handshake done" => {
                self.server.handle_connected(now, id, Some(Format::Json));
                self.opened = true;
            }
            "a newcomer" => {
                let newcomer = self.server.connect(now, Some(Format::Json)).ok()?;
                self.server.handle_disconnected(now, newcomer);
            }
            // Whatever else is asked of it is done first.
            "nothing leaves" => {
                self.server.announce(now, "news");
                self.now = now + Duration::from_secs(60);
                self.server.handle_pong(self.now, id);
                self.server.handle_timeout(self.now);
            }
            // A second time it would be refused: see below.
            "authorize" | "session_restore" if self.state() == "SignedIn" => return None,
            "authorize" => self.authorize("correct horse"),
            "session_restore" => self.send(&restore(&self.earlier)),
            "session restored elsewhere" => {
                let other = self.server.connect(now, Some(Format::Json)).ok()?;
                let sid = self.session.clone()?;
                _ = self.server.handle_frame(now, other, Frame::Text(&restore(&sid)));
                self.server.handle_disconnected(now, other);
            }
            "refused too often" => (0..2).for_each(|_| self.authorize("wrong horse")),
            "frames without sense" => (0..2).for_each(|_| self.send("nonsense")),
            "frame over the limit" => self.server.handle_oversized(now, id),
            "WebSocket violated" => self.server.handle_failed(now, id, CloseCode::Protocol),
            "reader too slow" => (0..3).for_each(|_| self.server.announce(now, &"x".repeat(4096))),
            "time-out" => {
                // That it is told who has come or gone is none.
                self.now = now + Duration::from_secs(2);
                self.server.handle_timeout(self.now);
                let now = self.now;
                self.now = self.server.poll_timeout()?.max(now);
                self.server.handle_timeout(self.now);
            }
            "shut_down" => self.server.shut_down(now, "good night"),
            "connection gone" => self.server.handle_disconnected(now, id),
            "sign_out" if self.state() != "SignedIn" => return None,
            "sign_out" => self.send(r#"{"type":"sign_out","on_request":1}"#),
            "another request" => self.send(r#"{"type":"register_type","on_request":1}"#),
            "pong" => self.server.handle_pong(now, id),
            other => panic!("{other}"),
        }
        Some(())
    }

    fn send(&mut self, frame: &str) {
        // A frame without sense is an error for the adapter too, which need not care.
        _ = self.server.handle_frame(self.now, self.id, Frame::Text(frame));
    }

    fn authorize(&mut self, password: &str) {
        let proof = auth::proof(password, &self.token);
        self.send(&format!(r#"{{"type":"authorize","login":"alice","password":"{proof}","on_request":1}}"#));
    }

    /// Takes note of what the server sends.
    fn drain(&mut self) {
        while let Some(transmit) = self.server.poll_transmit(self.id) {
            match transmit {
                Transmit::Frame(Frame::Text(text)) => {
                    let message: Json = serde_json::from_str(text).unwrap();
                    message["token"].as_str().into_iter().for_each(|token| self.token = token.into());
                    self.session = message["session_id"].as_str().map(Into::into).or(self.session.take());
                }
                Transmit::Close(_) => self.closing = true,
                _ => (),
            }
        }
    }
}

fn restore(sid: &str) -> String {
    format!(r#"{{"type":"session_restore","sid":"{sid}","on_request":1}}"#)
}
