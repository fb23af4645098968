//! The server's machine: a message from one user to another.

use std::hint::black_box;

use skaro_proto::message::{ClientMessage, Request, ServerMessage};
use skaro_proto::server::{ConnectionId, Rate, Server, ServerConfig};
use skaro_proto::{Format, Frame, Time, Transmit, auth};

use crate::known::{Buffer, SendMessage};
use crate::samples::{Content, FORMATS};
use crate::{Case, MESSAGES, Work};

pub const NOW: Time = Time::ZERO;

pub fn cases() -> Vec<Case> {
    FORMATS.map(|format| Case::new(format!("{format}: server, routing"), move || Routing::new(format))).into()
}

/// Takes the first waiting frame of a connection.
fn next(server: &mut Server, id: ConnectionId) -> Content {
    match server.poll_transmit(id) {
        Some(Transmit::Frame(frame)) => Content::of(frame.format(), frame.as_bytes().to_vec()),
        other => panic!("{other:?}"),
    }
}

/// Creates a connection with a signed-in user.
pub fn sign_in(server: &mut Server, format: Format, login: &str, password: &str) -> ConnectionId {
    let id = server.connect(NOW, Some(format)).unwrap();
    let challenge = next(server, id);
    let Ok(ServerMessage::CheckConnection(challenge)) = ServerMessage::decode(challenge.frame()) else {
        panic!("no challenge")
    };
    let proof = auth::proof(password, &challenge.token);
    let request = Request::Authorize { login: login.into(), proof: proof.as_str().into(), since: None, log: None };
    let request = Content::of(format, ClientMessage::new(1, request).encode(format));
    server.handle_frame(NOW, id, request.frame()).unwrap();
    next(server, id);
    while server.poll_transmit(id).is_some() {}
    while server.poll_ready().is_some() {}
    id
}

/// Alice sends messages to Bob. Each is stored in their history, answered, and forwarded.
struct Routing {
    server: Server,
    alice: ConnectionId,
    request: Content,
}

impl Routing {
    fn new(format: Format) -> Self {
        let mut config = ServerConfig::default();
        // Full after a few runs: the measurement covers the steady state, in which old messages are evicted.
        config.max_dialog_messages = 100;
        // Rates are counted, but their limits are never reached, since the time stands still here.
        let rate = Some(Rate::new(1_000_000_000, u32::MAX));
        (config.message_rate, config.frame_rate) = (rate, rate);
        let mut server = Server::new(config, [7; 32]);
        for login in ["alice", "bob"] {
            server.add_user(login, "correct horse").unwrap();
        }
        let alice = sign_in(&mut server, format, "alice", "correct horse");
        sign_in(&mut server, format, "bob", "correct horse");
        let mut buffer = Buffer::default();
        buffer.write(format, &SendMessage::sample(20));
        let request = Content::of(format, buffer.bytes().to_vec());
        let mut routing = Routing { server, alice, request };
        routing.run();
        routing.run();
        routing
    }
}

impl Work for Routing {
    fn run(&mut self) {
        let frame: Frame<'_> = self.request.frame();
        for _ in 0..MESSAGES {
            self.server.handle_frame(NOW, self.alice, black_box(frame)).unwrap();
            let mut connections = 0;
            while let Some(id) = self.server.poll_ready() {
                connections += 1;
                while let Some(transmit) = self.server.poll_transmit(id) {
                    black_box(&transmit);
                }
            }
            assert_eq!(connections, 2);
        }
    }

    fn messages(&self) -> u32 {
        MESSAGES
    }
}
