//! The server's machine: a message from one user to another.

use std::hint::black_box;

use skaro_proto::message::{ClientMessage, Request, ServerMessage, Since};
use skaro_proto::server::{ConnectionId, Rate, Server, ServerConfig};
use skaro_proto::{Format, Frame, Time, Transmit, auth};

use crate::known::{Buffer, SendMessage};
use crate::samples::{BODY, Content, FORMATS};
use crate::{Case, MESSAGES, Work};

pub const NOW: Time = Time::ZERO;

pub fn cases() -> Vec<Case> {
    let plain =
        FORMATS.map(|format| Case::new(format!("{format}: server, routing"), move || Routing::new(format)));
    let keyed = FORMATS.map(|format| {
        Case::new(format!("{format}: server, routing with keys and logs"), move || Keyed::new(format))
    });
    plain.into_iter().chain(keyed).collect()
}

/// Takes the first waiting frame of a connection.
fn next(server: &mut Server, id: ConnectionId) -> Content {
    match server.poll_transmit(id) {
        Some(Transmit::Frame(frame)) => Content::of(frame.format(), frame.as_bytes().to_vec()),
        other => panic!("{other:?}"),
    }
}

/// Creates a connection with a signed-in user, with a cursor if a position is given, for which nothing waits.
pub fn sign_in(
    server: &mut Server,
    format: Format,
    login: &str,
    password: &str,
    since: Option<Since>,
) -> ConnectionId {
    let id = sign_in_only(server, format, login, password, since);
    while server.poll_transmit(id).is_some() {}
    id
}

/// Creates a connection with a signed-in user. Entries of the log may wait for it.
pub fn sign_in_only(
    server: &mut Server,
    format: Format,
    login: &str,
    password: &str,
    since: Option<Since>,
) -> ConnectionId {
    let id = server.connect(NOW, Some(format)).unwrap();
    let challenge = next(server, id);
    let Ok(ServerMessage::CheckConnection(challenge)) = ServerMessage::decode(challenge.frame()) else {
        panic!("no challenge")
    };
    let proof = auth::proof(password, &challenge.token);
    let request = Request::Authorize {
        login: login.into(),
        proof: proof.as_str().into(),
        since,
        log: None,
        presence: false,
    };
    let request = Content::of(format, ClientMessage::new(1, request).encode(format));
    server.handle_frame(NOW, id, request.frame()).unwrap();
    next(server, id);
    while server.poll_ready().is_some() {}
    id
}

/// Returns a server with Alice and Bob that is soon full: the measurement covers the steady state, in which old messages
/// and keys are evicted.
fn full_server() -> Server {
    let mut config = ServerConfig::default();
    (config.max_dialog_messages, config.max_keys) = (100, 100);
    // Rates are counted, but their limits are never reached, since the time stands still here.
    let rate = Some(Rate::new(1_000_000_000, u32::MAX));
    (config.message_rate, config.frame_rate) = (rate, rate);
    let mut server = Server::new(config, [7; 32]);
    for login in ["alice", "bob"] {
        server.add_user(login, "correct horse").unwrap();
    }
    server
}

/// Alice sends messages to Bob. Each is stored in their history, answered, and forwarded.
struct Routing {
    server: Server,
    alice: ConnectionId,
    request: Content,
}

impl Routing {
    fn new(format: Format) -> Self {
        let mut server = full_server();
        let alice = sign_in(&mut server, format, "alice", "correct horse", None);
        sign_in(&mut server, format, "bob", "correct horse", None);
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

/// Messages after which a client acknowledges what came.
const ACKNOWLEDGED: u64 = 16;

/// Alice sends messages with keys to Bob, and both have cursors. Each message enters both logs, is answered, and comes to
/// both as an entry, which both acknowledge as clients do.
struct Keyed {
    server: Server,
    format: Format,
    both: [ConnectionId; 2],
    sent: u64,
    requests: Vec<Content>,
    acknowledgements: Vec<Content>,
}

impl Keyed {
    fn new(format: Format) -> Self {
        let mut server = full_server();
        let both = ["alice", "bob"]
            .map(|login| sign_in(&mut server, format, login, "correct horse", Some(Since::Head)));
        let (requests, acknowledgements) = (Vec::new(), Vec::new());
        let mut keyed = Keyed { server, format, both, sent: 0, requests, acknowledgements };
        for _ in 0..4 {
            keyed.prepare();
            keyed.run();
        }
        keyed
    }
}

impl Work for Keyed {
    fn prepare(&mut self) {
        self.requests.clear();
        self.acknowledgements.clear();
        for _ in 0..MESSAGES {
            self.sent += 1;
            // As long as those that a client makes.
            let key = format!("0123456789abcdef0123456789abcdef-{}", self.sent);
            let request = Request::SendMessage { to: "bob".into(), body: BODY.into(), key: Some(key.into()) };
            let write = |message: ClientMessage<'_>| Content::of(self.format, message.encode(self.format));
            self.requests.push(write(ClientMessage::new(20, request)));
            if self.sent.is_multiple_of(ACKNOWLEDGED) {
                self.acknowledgements.push(write(ClientMessage::ack(self.sent)));
            }
        }
    }

    fn run(&mut self) {
        let mut acknowledgements = self.acknowledgements.iter();
        for (request, number) in self.requests.iter().zip(1..) {
            self.server.handle_frame(NOW, self.both[0], black_box(request.frame())).unwrap();
            let mut frames = 0;
            while let Some(id) = self.server.poll_ready() {
                while let Some(transmit) = self.server.poll_transmit(id) {
                    frames += 1;
                    black_box(&transmit);
                }
            }
            // The answer, Alice's entry and Bob's.
            assert_eq!(frames, 3);
            if number % ACKNOWLEDGED == 0 {
                let acknowledgement = acknowledgements.next().unwrap();
                for id in self.both {
                    self.server.handle_frame(NOW, id, black_box(acknowledgement.frame())).unwrap();
                }
            }
        }
    }

    fn messages(&self) -> u32 {
        MESSAGES
    }
}
