//! The client's machine, as an adapter and an application treat it.

use std::time::Duration;

use serde_json::Value as Json;
use skaro_proto::client::{Client, ClientConfig, Disconnect, SignOut, Status};
use skaro_proto::{Frame, Time, Transmit};

use super::explore::Machine;

#[derive(Clone)]
pub(crate) struct Subject {
    client: Client,
    now: Time,
    /// The last attempt to sign in on this connection that was not answered: its number and type.
    sign_in: Option<(u64, String)>,
    /// The number of the request to end the own session that was not answered.
    sign_out: Option<u64>,
}

/// A client in each configuration in which the machine behaves differently.
pub(crate) fn machines() -> [Subject; 4] {
    let usual = ClientConfig::default();
    let mut forgets = ClientConfig::default();
    forgets.keep_credentials = false;
    let mut gives_up = ClientConfig::default();
    gives_up.reconnect.as_mut().unwrap().attempts = Some(1);
    let mut never_again = ClientConfig::default();
    never_again.reconnect = None;
    let configs = [usual, forgets, gives_up, never_again];
    configs.map(|config| Subject {
        client: Client::new(config, [1; 32]),
        now: Time::from_secs(1),
        sign_in: None,
        sign_out: None,
    })
}

impl Machine for Subject {
    const INPUTS: &'static [&'static str] = &[
        "connected",
        "connecting failed",
        "connection lost",
        "check_connection",
        "authorize",
        "session_restore",
        "sign_out",
        "answer 200",
        "answer 401",
        "answer 503",
        "time-out",
        "close",
        "reconnect",
        "stop_reconnecting",
        // What changes no state, at least not at once.
        "another request",
        "a frame without sense",
        "pause",
        "resume",
        "the session's lifetime passes",
    ];

    fn state(&self) -> &'static str {
        match self.client.status() {
            Status::Offline => "Offline",
            Status::Waiting { .. } => "Waiting",
            Status::Dialing => "Dialing",
            Status::Greeting => "Greeting",
            Status::Connected => "Connected",
            Status::SigningIn => "SigningIn",
            Status::SignedIn => "SignedIn",
            Status::Closing => "Closing",
            Status::Closed => "Closed",
            other => panic!("{other:?}"),
        }
    }

    fn details(&self) -> String {
        let signs_in = self.sign_in.as_ref().map_or("", |(_, kind)| kind);
        let signs_out = self.sign_out.is_some();
        format!("{} {} {signs_in} {signs_out}", self.client.user().is_some(), self.client.pending().min(2))
    }

    fn after(&self, input: &'static str) -> Option<Self> {
        let mut next = self.clone();
        next.take(input)?;
        while let Some(transmit) = next.client.poll_transmit() {
            let Transmit::Frame(Frame::Text(text)) = transmit else { continue };
            let sent: Json = serde_json::from_str(text).unwrap();
            let kind = sent["type"].as_str().unwrap();
            if kind == "sign_out" {
                next.sign_out = Some(sent["on_request"].as_u64().unwrap());
            }
            if ["authorize", "session_restore"].contains(&kind) {
                next.sign_in = Some((sent["on_request"].as_u64().unwrap(), kind.to_owned()));
            }
        }
        while next.client.poll_event().is_some() {}
        if !next.client.status().has_connection() {
            (next.sign_in, next.sign_out) = (None, None);
        }
        Some(next)
    }
}

impl Subject {
    fn take(&mut self, input: &'static str) -> Option<()> {
        let (now, status) = (self.now, self.client.status());
        match input {
            // The adapter's part: it dials when the status says so, or for the first time.
            "connected" if matches!(status, Status::Offline | Status::Dialing) => {
                self.client.handle_connected(now);
            }
            "connecting failed" if status == Status::Dialing => self.disconnected(),
            "connection lost" if status.has_connection() => self.disconnected(),
            "pause" if status.has_connection() => self.client.handle_paused(now),
            "resume" if status.has_connection() => self.client.handle_resumed(now),
            "time-out" => {
                self.now = self.client.poll_timeout()?.max(now);
                self.client.handle_timeout(self.now);
            }
            "the session's lifetime passes" => self.now = now + Duration::from_secs(301),
            // The server's.
            "check_connection" if status.has_connection() => {
                _ = self.receive(r#"{"type":"check_connection","token":"t","extensions":["people"]}"#);
            }
            "a frame without sense" if status.has_connection() => assert!(self.receive("nonsense").is_none()),
            "answer 200" | "answer 401" | "answer 503" => self.answer(input.strip_prefix("answer ")?)?,
            // The application's: whatever is refused changes nothing.
            "authorize" => _ = self.client.authorize(now, "alice", "correct horse"),
            "session_restore" => _ = self.client.session_restore(now, "s-1"),
            "sign_out" => _ = self.client.sign_out(now, SignOut::Own),
            "another request" => _ = self.client.register_type(now),
            "close" => self.client.close(now),
            "reconnect" => _ = self.client.reconnect(now),
            "stop_reconnecting" => self.client.stop_reconnecting(now),
            _ => return None,
        }
        Some(())
    }

    fn disconnected(&mut self) {
        self.client.handle_disconnected(self.now, Disconnect::Failed("broken".into()));
    }

    fn receive(&mut self, frame: &str) -> Option<()> {
        self.client.handle_frame(self.now, Frame::Text(frame)).ok().map(drop)
    }

    /// Answers the attempt to sign in, perhaps after the client gave up waiting.
    fn answer(&mut self, status: &str) -> Option<()> {
        let sign_in = self.sign_in.take();
        let (id, kind) = sign_in.or_else(|| Some((self.sign_out.take()?, "sign_out".into())))?;
        let answer = format!(
            r#"{{"type":"request","for":"{kind}","id":{id},"status":"{status}","info":"","session_id":"s-1",
                "user":{{"login":"alice"}}}}"#
        );
        self.receive(&answer)
    }
}
