//! A network of machines in one thread: a server, clients, connections that can be cut, a clock that jumps.

use std::collections::BTreeSet;
use std::time::Duration;

use skaro_proto::client::{Client, ClientConfig, Disconnect, Ended, Event, Failure, RequestId, Status};
use skaro_proto::message::Answer;
use skaro_proto::server::{self, ConnectionId, Server};
use skaro_proto::{Format, Frame, Time, Transmit};

/// A frame on its way.
#[derive(Clone, Debug, PartialEq)]
pub enum Sent {
    Text(String),
    Binary(Vec<u8>),
    Ping,
    Close(u16),
}

impl Sent {
    pub fn of(transmit: Transmit<'_>) -> Sent {
        match transmit {
            Transmit::Frame(Frame::Text(text)) => Sent::Text(text.into()),
            Transmit::Frame(Frame::Binary(bytes)) => Sent::Binary(bytes.into()),
            Transmit::Ping => Sent::Ping,
            Transmit::Close(code) => Sent::Close(code.code()),
            other => panic!("{other:?}"),
        }
    }

    pub fn frame(&self) -> Option<Frame<'_>> {
        match self {
            Sent::Text(text) => Some(Frame::Text(text)),
            Sent::Binary(bytes) => Some(Frame::Binary(bytes)),
            _ => None,
        }
    }

    /// Bytes on the wire, more or less.
    pub fn len(&self) -> usize {
        self.frame().map_or(2, |frame| frame.as_bytes().len())
    }
}

/// A client with its connection, and all that it experienced.
pub struct Peer {
    pub client: Client,
    pub connection: Option<ConnectionId>,
    pub format: Format,
    pub events: Vec<Event<'static>>,
    /// Frames pass only as long as there are bytes left; `None` for no limit. At 0 the connection breaks.
    pub bytes_left: Option<usize>,
    /// Whether frames vanish in both directions, and nobody is told.
    pub stalled: bool,
}

pub struct Net {
    pub server: Server,
    pub now: Time,
    pub peers: Vec<Peer>,
    /// Whether dialing succeeds.
    pub reachable: bool,
    /// Connections about which the server has said that there is something to do.
    ready: BTreeSet<ConnectionId>,
}

pub const USERS: [(&str, &str); 3] =
    [("alice", "correct horse"), ("bob", "battery staple"), ("carol", "tr0ub4dor")];

pub fn password(login: &str) -> &'static str {
    USERS.iter().find(|(name, _)| *name == login).unwrap().1
}

pub fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

impl Net {
    /// A server with three users who know each other, and as many clients as wanted, not connected.
    pub fn new(clients: usize) -> Net {
        Net::with(server::ServerConfig::default(), (0..clients).map(|_| ClientConfig::default()))
    }

    pub fn with(config: server::ServerConfig, clients: impl IntoIterator<Item = ClientConfig>) -> Net {
        let peers = clients.into_iter().enumerate().map(|(n, config)| Peer {
            client: Client::new(config, [n as u8; 32]),
            connection: None,
            format: if n % 2 == 0 { Format::Json } else { Format::Cbor },
            events: Vec::new(),
            bytes_left: None,
            stalled: false,
        });
        let server = new_server(config, 1);
        Net { server, now: Time::ZERO, peers: peers.collect(), reachable: true, ready: BTreeSet::new() }
    }

    /// The server's program ends and is started again, with the same users: connections break, sessions are gone.
    pub fn restart_server(&mut self) {
        for n in 0..self.peers.len() {
            self.cut(n);
        }
        let config = self.server.config().clone();
        self.server = new_server(config, 2 + self.now.elapsed().as_nanos() as u64);
        self.server.handle_timeout(self.now);
    }

    /// A client that knows nothing takes the place of another, whose connection breaks.
    pub fn replace(&mut self, n: usize) {
        self.cut(n);
        let config = self.peers[n].client.config().clone();
        self.peers[n].client = Client::new(config, [n as u8; 32]);
        self.peers[n].events.clear();
    }

    /// Connects a client, whatever its machine wants.
    pub fn connect(&mut self, n: usize) {
        let peer = &mut self.peers[n];
        assert_eq!(peer.connection, None);
        peer.client.handle_connected(self.now);
        peer.connection = self.server.connect(self.now, Some(peer.format)).ok();
        self.drive();
    }

    pub fn connect_and_sign_in(&mut self, n: usize, login: &str) {
        self.connect(n);
        self.peers[n].client.authorize(self.now, login, password(login)).unwrap();
        self.drive();
        assert!(self.peers[n].client.is_authorized());
    }

    /// The connection breaks, and both ends notice.
    pub fn cut(&mut self, n: usize) {
        if let Some(id) = self.peers[n].connection.take() {
            self.server.handle_disconnected(self.now, id);
            self.peers[n].client.handle_disconnected(self.now, Disconnect::Failed("cut".into()));
            self.drive();
        }
    }

    /// Passes frames until all is quiet.
    pub fn drive(&mut self) {
        loop {
            let moved = (0..self.peers.len()).fold(false, |moved, n| self.step(n) | moved);
            if !moved {
                return;
            }
        }
    }

    /// Passes what one client has to say and to hear; tells whether that was anything.
    fn step(&mut self, n: usize) -> bool {
        let now = self.now;
        let mut moved = false;
        while let Some(sent) = self.peers[n].client.poll_transmit().map(Sent::of) {
            moved = true;
            self.deliver_to_server(n, sent);
        }
        // As adapters do: a connection that one end has given up hears nothing more.
        moved |= self.drop_connections(n);
        self.ready.extend(std::iter::from_fn(|| self.server.poll_ready()));
        if let Some(id) = self.peers[n].connection.filter(|id| self.ready.remove(id)) {
            while let Some(sent) = self.server.poll_transmit(id).map(Sent::of) {
                moved = true;
                self.deliver_to_client(n, sent);
            }
        }
        moved |= self.drop_connections(n);
        let peer = &mut self.peers[n];
        while let Some(event) = peer.client.poll_event() {
            peer.take(event);
            moved = true;
        }
        if peer.client.status() == Status::Dialing {
            moved = true;
            if self.reachable {
                assert_eq!(peer.connection, None);
                peer.client.handle_connected(now);
                peer.connection = self.server.connect(now, Some(peer.format)).ok();
            } else {
                peer.client.handle_disconnected(now, Disconnect::Failed("unreachable".into()));
            }
        }
        moved
    }

    /// When one end has dropped a connection, the other one notices, unless what is sent vanishes.
    fn drop_connections(&mut self, n: usize) -> bool {
        let peer = &mut self.peers[n];
        let Some(id) = peer.connection else { return false };
        let (client_has, server_has) =
            (peer.client.status().has_connection(), self.server.has_connection(id));
        if client_has && (server_has || peer.stalled) {
            return false;
        }
        peer.connection = None;
        if client_has {
            peer.client.handle_disconnected(self.now, Disconnect::Failed("dropped".into()));
        } else if !peer.stalled {
            self.server.handle_disconnected(self.now, id);
        }
        true
    }

    /// Whether a frame of this length still gets through; if not, the connection breaks in its middle.
    fn passes(&mut self, n: usize, sent: &Sent) -> bool {
        let peer = &mut self.peers[n];
        if peer.stalled || peer.connection.is_none() {
            return false;
        }
        let Some(left) = peer.bytes_left.as_mut() else { return true };
        if let Some(rest) = left.checked_sub(sent.len()) {
            *left = rest;
            return true;
        }
        peer.bytes_left = None;
        let id = peer.connection.take().unwrap();
        peer.client.handle_disconnected(self.now, Disconnect::Failed("cut".into()));
        self.server.handle_disconnected(self.now, id);
        false
    }

    fn deliver_to_server(&mut self, n: usize, sent: Sent) {
        let Some(id) = self.peers[n].connection else { return };
        if !self.passes(n, &sent) {
            return;
        }
        match &sent {
            Sent::Ping => {
                self.server.handle_pong(self.now, id);
                self.peers[n].client.handle_pong(self.now);
            }
            Sent::Close(_) => {
                self.server.handle_disconnected(self.now, id);
                self.peers[n].connection = None;
                let reason = Disconnect::Closed { code: Some(1000), reason: String::new() };
                self.peers[n].client.handle_disconnected(self.now, reason);
            }
            sent => _ = self.server.handle_frame(self.now, id, sent.frame().unwrap()),
        }
    }

    fn deliver_to_client(&mut self, n: usize, sent: Sent) {
        if !self.passes(n, &sent) {
            return;
        }
        let (now, peer) = (self.now, &mut self.peers[n]);
        match &sent {
            Sent::Ping => {
                peer.client.handle_pong(now);
                self.server.handle_pong(now, peer.connection.unwrap());
            }
            Sent::Close(code) => {
                let reason = Disconnect::Closed { code: Some(*code), reason: String::new() };
                peer.client.handle_disconnected(now, reason);
                self.server.handle_disconnected(now, peer.connection.take().unwrap());
            }
            sent => {
                while let Some(earlier) = peer.client.poll_event() {
                    peer.take(earlier);
                }
                // What the frame causes comes after it.
                let event = peer.client.handle_frame(now, sent.frame().unwrap()).unwrap().into_owned();
                peer.take(event);
                while let Some(caused) = peer.client.poll_event() {
                    peer.take(caused);
                }
            }
        }
    }

    /// Lets time pass, stopping at each deadline on the way.
    pub fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            let deadlines = self.peers.iter().map(|peer| peer.client.poll_timeout());
            let next = deadlines.chain([self.server.poll_timeout()]).flatten().min();
            self.now = next.map_or(end, |next| next.clamp(self.now, end));
            self.server.handle_timeout(self.now);
            for peer in &mut self.peers {
                peer.client.handle_timeout(self.now);
            }
            self.drive();
            if self.now == end && next.is_none_or(|next| next >= end) {
                return;
            }
        }
    }
}

fn new_server(config: server::ServerConfig, seed: u64) -> Server {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut server = Server::new(config, bytes);
    for (login, password) in USERS {
        server.add_user(login, password).unwrap();
    }
    server.introduce("alice", "bob").unwrap();
    server.introduce("alice", "carol").unwrap();
    server
}

impl Peer {
    /// The application takes an event.
    fn take(&mut self, event: Event<'static>) {
        if let Some(position) = event.position() {
            self.client.handle_taken(position);
        }
        self.events.push(event);
    }

    /// What happened since this was last asked.
    pub fn happened(&mut self) -> Vec<Event<'static>> {
        std::mem::take(&mut self.events)
    }

    /// The one end of this command, if it has ended; fails if it ended twice.
    pub fn end_of(&self, id: RequestId) -> Option<&Ended<'static>> {
        let mut ends = self.events.iter().filter_map(|event| match event {
            Event::Ended(ended) if ended.ticket.id() == id => Some(ended),
            _ => None,
        });
        let end = ends.next();
        assert!(ends.next().is_none(), "{id} ended twice");
        end
    }

    pub fn answer_to(&self, id: RequestId) -> Answer<'static> {
        self.end_of(id).expect("an end").outcome.clone().expect("an answer")
    }

    pub fn failure_of(&self, id: RequestId) -> Failure<'static> {
        self.end_of(id).expect("an end").outcome.clone().expect_err("a failure")
    }

    /// The bodies of the messages that arrived by themselves, with their dialogs.
    pub fn messages(&self) -> Vec<(String, String)> {
        let message = |event: &Event<'_>| match event {
            Event::Message(incoming) => {
                Some((incoming.dialog().to_string(), incoming.message.body.to_string()))
            }
            _ => None,
        };
        self.events.iter().filter_map(message).collect()
    }

    /// The ends of what the machine asked by itself, as words.
    pub fn automatic(&self) -> Vec<String> {
        let automatic = |event: &Event<'_>| match event {
            Event::Ended(ended) if ended.ticket.is_automatic() => {
                let how = match &ended.outcome {
                    Ok(_) => "ok",
                    Err(Failure::Refused(_)) => "refused",
                    Err(Failure::TimedOut) => "timed out",
                    Err(_) => "lost",
                };
                Some(format!("{} {how}", ended.ticket.kind()))
            }
            _ => None,
        };
        self.events.iter().filter_map(automatic).collect()
    }
}
