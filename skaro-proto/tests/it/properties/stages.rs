//! Machines at every stage of their lives, for frames to arrive at.

use std::time::Duration;

use proptest::prelude::*;
use skaro_proto::client::{Client, ClientConfig};
use skaro_proto::server::{self, ConnectionId, Server};
use skaro_proto::{Format, Frame, Time, Transmit, auth};

/// How far a client has come.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub enum Stage {
    Offline,
    Greeting,
    Connected,
    SigningIn,
    SignedIn,
    /// Requests 2 to 6 are under way, one of each type.
    Asking,
    /// These have timed out, and may still be answered.
    Late,
    Closing,
}

pub fn stage() -> impl Strategy<Value = Stage> {
    use Stage::*;
    prop::sample::select(vec![Offline, Greeting, Connected, SigningIn, SignedIn, Asking, Late, Closing])
}

/// A client at this stage, at this time.
pub fn client(stage: Stage) -> (Client, Time) {
    let mut config = ClientConfig::default();
    config.keep_alive = None;
    let mut client = Client::new(config, [1; 32]);
    advance(&mut client, stage);
    while client.poll_transmit().is_some() || client.poll_event().is_some() {}
    (client, Time::from_secs(100))
}

fn advance(client: &mut Client, stage: Stage) {
    let now = Time::ZERO;
    if stage >= Stage::Greeting {
        client.handle_connected(now);
    }
    if stage >= Stage::Connected {
        arrive(client, r#"{"type":"check_connection","token":"t"}"#);
    }
    if stage >= Stage::SigningIn {
        client.authorize(now, "alice", "correct horse").unwrap();
    }
    if stage >= Stage::SignedIn {
        arrive(
            client,
            r#"{"type":"request","for":"authorize","id":1,"status":"200","session_id":"s","user":{"login":"alice"}}"#,
        );
    }
    if stage >= Stage::Asking {
        client.register_type(now).unwrap();
        client.get_contacts(now).unwrap();
        client.get_history(now, "bob").unwrap();
        client.send_message(now, "bob", "hello", Some(1)).unwrap();
        client.request_other(now, "weather", Default::default()).unwrap();
    }
    if stage == Stage::Late {
        client.handle_timeout(now + Duration::from_secs(30));
    }
    if stage == Stage::Closing {
        client.close(now);
    }
}

fn arrive(client: &mut Client, frame: &str) {
    client.handle_frame(Time::ZERO, Frame::Text(frame)).unwrap();
}

/// A server with a stranger and two users, each on a connection of its own.
pub struct World {
    pub server: Server,
    pub stranger: ConnectionId,
    pub users: [ConnectionId; 2],
}

impl World {
    pub fn new() -> World {
        // A frame over the limit closes its connection; that is tested elsewhere.
        let mut config = server::ServerConfig::default();
        (config.limits.max_frame_bytes, config.max_stranger_frame_bytes) = (usize::MAX, usize::MAX);
        let mut server = Server::new(config, [7; 32]);
        server.add_user("alice", "correct horse").unwrap();
        server.add_user("bob", "battery staple").unwrap();
        let stranger = server.connect(Time::ZERO, Some(Format::Cbor)).unwrap();
        let alice = sign_in(&mut server, "alice", "correct horse");
        let bob = sign_in(&mut server, "bob", "battery staple");
        let mut world = World { server, stranger, users: [alice, bob] };
        world.sent(stranger);
        world
    }

    /// The frames that wait for a connection, and whether it was told to close.
    pub fn sent(&mut self, id: ConnectionId) -> (Vec<Vec<u8>>, bool) {
        let (mut frames, mut closes) = (Vec::new(), false);
        while let Some(transmit) = self.server.poll_transmit(id) {
            match transmit {
                Transmit::Frame(frame) => frames.push(frame.as_bytes().to_vec()),
                Transmit::Close(_) => closes = true,
                other => panic!("{other:?}"),
            }
        }
        (frames, closes)
    }

    /// What can be asked of the server about everybody.
    pub fn figures(&self) -> (usize, usize, [bool; 2], Option<Time>) {
        let online = ["alice", "bob"].map(|login| self.server.is_online(login));
        (self.server.connections(), self.server.sessions(), online, self.server.poll_timeout())
    }
}

fn sign_in(server: &mut Server, login: &str, password: &str) -> ConnectionId {
    let id = server.connect(Time::ZERO, Some(Format::Json)).unwrap();
    let Some(Transmit::Frame(Frame::Text(challenge))) = server.poll_transmit(id) else { panic!() };
    let challenge: serde_json::Value = serde_json::from_str(challenge).unwrap();
    let proof = auth::proof(password, challenge["token"].as_str().unwrap());
    let request = format!(r#"{{"type":"authorize","on_request":1,"login":"{login}","password":"{proof}"}}"#);
    server.handle_frame(Time::ZERO, id, Frame::Text(&request)).unwrap();
    assert!(server.is_online(login));
    while server.poll_transmit(id).is_some() {}
    id
}
