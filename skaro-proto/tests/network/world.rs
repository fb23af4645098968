//! The network itself: the machines, the connections between them, the agenda of what happens next, the clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use skaro_proto::client::{Disconnect, Status};
use skaro_proto::message::{ClientMessage, ServerMessage};
use skaro_proto::server::{Config, ConnectionId, Server};
use skaro_proto::{Frame, Time, Transmit};

use super::choices::Choices;
use super::model::{Checked, Model, ensure, password};
use super::peer::Peer;
use super::report::{Count, Plan, Report};
use super::wire::{Content, Put, Told, Wire, frame};

/// Whether something goes to the server or to a client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Way {
    Up,
    Down,
}

/// Something on the agenda.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Next {
    Arrival { wire: usize, way: Way },
    Client { peer: usize },
    Server,
    Dialed { peer: usize, attempt: usize, succeeds: bool },
    Restart { generation: usize },
    Resume { peer: usize, wire: usize },
}

/// Who is at the other end of one of the server's connections.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Party {
    Wire(usize),
    /// An adversary, with nothing in between; perhaps one that does not read.
    Raw {
        reads: bool,
    },
}

pub(super) struct Network {
    pub(super) choices: Choices,
    pub(super) report: Report,
    pub(super) tracing: bool,
    pub(super) now: Time,
    pub(super) config: Config,
    pub(super) server: Server,
    pub(super) model: Model,
    pub(super) peers: Vec<Peer>,
    pub(super) wires: Vec<Wire>,
    pub(super) parties: BTreeMap<ConnectionId, Party>,
    /// Until when nobody can dial.
    pub(super) unreachable_until: Time,
    agenda: BinaryHeap<Reverse<(Time, u64, Next)>>,
    count: u64,
    server_timer: Option<Time>,
    generation: usize,
}

impl Network {
    pub(super) fn new(mut choices: Choices, plan: &Plan) -> Network {
        let config = server_config(&mut choices, plan);
        let users = 2 + plan.clients / 3;
        let model = Model::new(config.clone(), users);
        let peers = (0..plan.clients).map(|n| Peer::new(&mut choices, n, n % users)).collect();
        let server = Server::new(config.clone(), [0; 32]);
        let mut network = Network {
            choices,
            report: Report::default(),
            tracing: plan.trace,
            now: Time::ZERO,
            config,
            server,
            model,
            peers,
            wires: Vec::new(),
            parties: BTreeMap::new(),
            unreachable_until: Time::ZERO,
            agenda: BinaryHeap::new(),
            count: 0,
            server_timer: None,
            generation: 0,
        };
        network.start_server();
        network
    }

    /// Writes down what happens, if somebody wants to read it.
    pub(super) fn note(&mut self, what: impl FnOnce(&Network) -> String) {
        if self.tracing {
            let line = format!("{:>12} {}", self.now.to_string(), what(self));
            self.report.trace.push(line);
        }
    }

    fn start_server(&mut self) {
        self.generation += 1;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&(self.generation as u64).to_le_bytes());
        seed[8..16].copy_from_slice(&(self.choices.below(1 << 30) as u64).to_le_bytes());
        self.server = Server::new(self.config.clone(), seed);
        self.model.restarted();
        let users = self.model.logins.len();
        for user in 0..users {
            self.server.add_user(&self.model.logins[user], &password(user)).expect("logins differ");
        }
        // Everybody knows the next one.
        for user in 0..users {
            let next = (user + 1) % users;
            let (one, other) = (&self.model.logins[user], &self.model.logins[next]);
            self.server.introduce(one, other).expect("both exist");
            self.model.introduce(user, next);
        }
        self.server.handle_timeout(self.now);
        self.server_timer = None;
    }

    /// The server's program ends, without a word, and another one begins, which remembers nothing.
    pub(super) fn crash(&mut self) {
        self.note(|_| "the server crashes and starts again".into());
        for wire in &mut self.wires {
            if wire.server.take().is_some() {
                wire.sound = false;
                if !wire.down.swallows {
                    wire.down.enqueue(self.now, Content::End);
                }
            }
        }
        self.parties.clear();
        self.start_server();
        for wire in 0..self.wires.len() {
            self.schedule(wire, Way::Down);
        }
    }

    /// The server says good-bye, and starts again a little later.
    pub(super) fn shut_down(&mut self) -> Checked {
        self.report.add(Count::Shutdowns, 1);
        self.note(|_| "the server shuts down".into());
        self.server.shut_down(self.now, "maintenance");
        self.model.shut_down(self.now);
        let after = self.choices.millis(10_000);
        self.plan(self.now + after, Next::Restart { generation: self.generation });
        self.pump()
    }
}

fn server_config(choices: &mut Choices, plan: &Plan) -> Config {
    let mut config = Config::default();
    config.limits.output = choices.pick(&[1 << 20, 1 << 20, 4096, 20_000]);
    config.connections_per_user = choices.pick(&[64, 64, 3]);
    config.sessions_per_user = choices.pick(&[128, 128, 4]).max(config.connections_per_user);
    config.sign_in_attempts = choices.pick(&[10, 3]);
    config.faults = choices.pick(&[100, 5]);
    config.connections = choices.pick(&[20_000, plan.clients + 2]);
    (config.history, config.history_answer) =
        choices.pick(&[(100_000, 100_000), (1000, 200), (1000, 200), (30, 100), (100, 10)]);
    config.open_directory = choices.chance(20);
    config
}

/// The agenda.
impl Network {
    fn plan(&mut self, at: Time, next: Next) {
        self.count += 1;
        self.agenda.push(Reverse((at.max(self.now), self.count, next)));
    }

    /// A client will read again.
    pub(super) fn plan_resumption(&mut self, peer: usize, wire: usize, at: Time) {
        self.plan(at, Next::Resume { peer, wire });
    }

    /// Lets time go on until this moment, doing what is to be done up to it, this moment included.
    pub(super) fn pass_until(&mut self, end: Time) -> Checked {
        let mut at_once = 0;
        while let Some(Reverse((at, _, _))) = self.agenda.peek().filter(|next| next.0.0 <= end) {
            at_once = if *at > self.now { 0 } else { at_once + 1 };
            self.now = *at;
            ensure!(at_once < 1_000_000, "the machines do not come to rest");
            let Some(Reverse((_, _, next))) = self.agenda.pop() else { break };
            self.happens(next)?;
        }
        self.now = self.now.max(end);
        Ok(())
    }

    fn happens(&mut self, next: Next) -> Checked {
        match next {
            Next::Arrival { wire, way } => {
                let (wire_, now) = (&mut self.wires[wire], self.now);
                let direction = if way == Way::Up { &mut wire_.up } else { &mut wire_.down };
                direction.scheduled = false;
                match (direction.take(now), way) {
                    (Some(content), Way::Up) => self.arrives_at_server(wire, content)?,
                    (Some(content), Way::Down) => self.arrives_at_client(wire, content)?,
                    (None, _) => (),
                }
                self.schedule(wire, way);
                Ok(())
            }
            Next::Client { peer } => {
                self.peers[peer].timer = None;
                let client = &mut self.peers[peer].client;
                client.handle_timeout(self.now);
                let next = client.poll_timeout();
                ensure!(
                    next.is_none_or(|next| next > self.now),
                    "{}'s deadline lies in the past",
                    self.name(peer)
                );
                self.attend(peer)
            }
            Next::Server => {
                self.server_timer = None;
                self.server.handle_timeout(self.now);
                let next = self.server.poll_timeout();
                ensure!(next.is_none_or(|next| next > self.now), "the server's deadline lies in the past");
                self.pump()
            }
            Next::Dialed { peer, attempt, succeeds } => self.dialed(peer, attempt, succeeds),
            Next::Restart { generation } if generation == self.generation => {
                self.crash();
                Ok(())
            }
            Next::Restart { .. } => Ok(()),
            Next::Resume { peer, wire } => self.resume_reading(peer, wire),
        }
    }

    /// Puts the next arrival of a direction on the agenda.
    pub(super) fn schedule(&mut self, wire: usize, way: Way) {
        let (has_client, reads) = (self.wires[wire].has_client, self.peers[self.wires[wire].client].reads);
        let direction = match way {
            Way::Up => &mut self.wires[wire].up,
            Way::Down => &mut self.wires[wire].down,
        };
        // Who does not read gets nothing, and the connection fills up.
        if direction.scheduled || way == Way::Down && has_client && !reads {
            return;
        }
        if let Some(at) = direction.next() {
            direction.scheduled = true;
            self.plan(at, Next::Arrival { wire, way });
        }
    }
}

/// Connections.
impl Network {
    /// Begins to connect a client; how that goes is known later.
    pub(super) fn dial(&mut self, peer: usize) {
        let attempt = self.peers[peer].attempts + 1;
        self.peers[peer].attempts = attempt;
        self.peers[peer].dialing = Some(attempt);
        let succeeds = self.now >= self.unreachable_until;
        let takes = self.choices.millis(300);
        // Some attempts are never heard of again.
        if succeeds || !self.choices.chance(20) {
            self.plan(self.now + takes, Next::Dialed { peer, attempt, succeeds });
        }
    }

    fn dialed(&mut self, n: usize, attempt: usize, succeeds: bool) -> Checked {
        let peer = &mut self.peers[n];
        if peer.dialing != Some(attempt) {
            return Ok(());
        }
        peer.dialing = None;
        peer.dials_by_itself = false;
        let format = peer.format;
        let connected = if succeeds { self.connect_to_server(Some(format))? } else { None };
        let Some(id) = connected else {
            self.report.add(Count::Unreachable, 1);
            self.note(|net| format!("{} can't connect", net.name(n)));
            let reason = Disconnect::Failed("unreachable".into());
            self.peers[n].client.handle_disconnected(self.now, reason);
            return self.attend(n);
        };
        let (latency, jitter) = (self.choices.millis(200), self.choices.below(100_000) as u64);
        let seed = self.choices.below(1 << 30) as u64;
        let wire = self.wires.len();
        self.wires.push(Wire::new(n, id, latency, jitter, seed));
        if self.choices.chance(4) {
            self.report.add(Count::Narrow, 1);
            self.wires[wire].down.window = 200 + self.choices.below(4000);
            self.wires[wire].up.window = 200 + self.choices.below(4000);
            self.wires[wire].sound = false;
        }
        if self.choices.chance(2) {
            self.plan_cut(wire);
        }
        self.parties.insert(id, Party::Wire(wire));
        self.peers[n].wire = Some(wire);
        self.peers[n].reads = true;
        self.peers[n].heard = self.now;
        self.note(|net| format!("{} connects: connection {id}, wire {wire}", net.name(n)));
        self.peers[n].client.handle_connected(self.now);
        self.attend(n)?;
        self.pump()
    }

    /// Connects somebody to the server, if it takes more connections.
    pub(super) fn connect_to_server(
        &mut self,
        format: Option<skaro_proto::Format>,
    ) -> Checked<Option<ConnectionId>> {
        let is_full = self.model.connections() >= self.config.connections;
        let refuses = is_full || self.server.is_shutting_down();
        match self.server.handle_connected(self.now, format) {
            Ok(id) => {
                ensure!(!refuses, "the server takes one connection too many");
                self.report.add(Count::Connections, 1);
                self.model.connected(id, self.now);
                Ok(Some(id))
            }
            Err(error) => {
                ensure!(refuses, "the server takes no connections: {error}");
                self.report.add(Count::Full, 1);
                Ok(None)
            }
        }
    }

    /// The connection will break after so many bytes in one direction.
    pub(super) fn plan_cut(&mut self, wire: usize) {
        let reach = self.choices.pick(&[4, 100, 600, 5000]);
        let after = self.choices.below(reach);
        let told = self.choices.pick(&[
            Told::Both,
            Told::Both,
            Told::Both,
            Told::Client,
            Told::Server,
            Told::Nobody,
        ]);
        let down = self.choices.chance(50);
        self.note(|_| {
            format!("wire {wire} will break after {after} more bytes (down: {down}, told: {told:?})")
        });
        let wire = &mut self.wires[wire];
        wire.sound = false;
        let direction = if down { &mut wire.down } else { &mut wire.up };
        direction.cut_after = Some((after, told));
    }

    /// A connection breaks: nothing passes any more, and those who are told learn it after what is on its way.
    pub(super) fn break_wire(&mut self, n: usize, told: Told) {
        self.report.add(if told == Told::Both { Count::Cuts } else { Count::HalfOpen }, 1);
        self.note(|_| format!("wire {n} breaks, told: {told:?}"));
        let wire = &mut self.wires[n];
        wire.sound = false;
        (wire.up.swallows, wire.down.swallows) = (true, true);
        if matches!(told, Told::Both | Told::Client) {
            wire.down.enqueue(self.now, Content::End);
        }
        if matches!(told, Told::Both | Told::Server) {
            wire.up.enqueue(self.now, Content::End);
        }
        self.schedule(n, Way::Up);
        self.schedule(n, Way::Down);
    }

    /// Puts something on a wire.
    pub(super) fn put(&mut self, n: usize, way: Way, content: Content) {
        let wire = &mut self.wires[n];
        let direction = if way == Way::Up { &mut wire.up } else { &mut wire.down };
        match direction.put(self.now, content) {
            Put::OnItsWay => self.schedule(n, way),
            Put::Lost => (),
            Put::Cut { inside, told } => {
                self.report.add(Count::InsideFrame, usize::from(inside));
                self.break_wire(n, told);
            }
        }
    }
}

/// The server's adapter.
impl Network {
    fn arrives_at_server(&mut self, n: usize, content: Content) -> Checked {
        let was_full = std::mem::take(&mut self.wires[n].up.full);
        if let Some(id) = self.wires[n].server {
            match content {
                Content::Frame(format, bytes) => self.server_hears(id, frame(format, &bytes))?,
                Content::Ping => {
                    self.report.add(Count::Pings, 1);
                    self.model.heard(id, self.now);
                    self.server.handle_pong(self.now, id);
                    self.put(n, Way::Down, Content::Pong);
                }
                Content::Pong => {
                    self.report.add(Count::Pings, 1);
                    self.model.heard(id, self.now);
                    self.server.handle_pong(self.now, id);
                }
                Content::Close(code) => {
                    self.put(n, Way::Down, Content::Close(code));
                    self.leave_server(id)?;
                }
                Content::End => self.leave_server(id)?,
            }
            self.pump()?;
        }
        if was_full { self.attend(self.wires[n].client) } else { Ok(()) }
    }

    pub(super) fn server_hears(&mut self, id: ConnectionId, frame: Frame<'_>) -> Checked {
        self.report.add(Count::ToServer, 1);
        self.report.add(Count::Bytes, frame.as_bytes().len());
        self.note(|net| format!("{} -> server: {}", net.name_of(id), heard(frame)));
        self.model.hears(id, frame, self.now)?;
        _ = self.server.handle_frame(self.now, id, frame);
        Ok(())
    }

    /// The server's adapter notices the end of a connection.
    pub(super) fn leave_server(&mut self, id: ConnectionId) -> Checked {
        self.weigh(id)?;
        self.note(|net| format!("the server knows that connection {id} of {} has ended", net.name_of(id)));
        self.server.handle_disconnected(self.now, id);
        self.forget(id);
        Ok(())
    }

    fn forget(&mut self, id: ConnectionId) {
        self.model.ended(id, self.now);
        if let Some(Party::Wire(wire)) = self.parties.remove(&id) {
            self.wires[wire].server = None;
        }
    }

    /// How much waits for a connection that is about to end? No more than the limit allows.
    fn weigh(&mut self, id: ConnectionId) -> Checked {
        let (mut bytes, mut last) = (0, 0);
        while let Some(transmit) = self.server.poll_transmit(id) {
            if let Transmit::Frame(frame) = transmit {
                last = frame.as_bytes().len();
                bytes += last;
            }
        }
        let limit = self.config.limits.output;
        ensure!(bytes - last <= limit, "{bytes} bytes wait for connection {id}, the limit is {limit}");
        Ok(())
    }

    /// Passes on what the server has to say.
    pub(super) fn pump(&mut self) -> Checked {
        while let Some(id) = self.server.poll_ready() {
            self.drain(id)?;
        }
        let next = self.server.poll_timeout();
        if let Some(next) = next.filter(|next| self.server_timer.is_none_or(|timer| *next < timer)) {
            self.server_timer = Some(next);
            self.plan(next, Next::Server);
        }
        Ok(())
    }

    /// Takes from the server what this connection has room for.
    pub(super) fn drain(&mut self, id: ConnectionId) -> Checked {
        let Some(party) = self.parties.get(&id).copied() else { return Ok(()) };
        if !self.server.has_connection(id) {
            return self.dropped_by_server(id, party);
        }
        loop {
            let has_room = match party {
                Party::Wire(wire) => self.wires[wire].down.has_room(),
                Party::Raw { reads } => reads,
            };
            if !has_room {
                self.model.is_blocked(id, self.now);
                if self.model.is_undecided(id) {
                    return self.leave_server(id);
                }
                if let Party::Wire(wire) = party {
                    self.wires[wire].down.full = true;
                }
                return Ok(());
            }
            let Some(transmit) = self.server.poll_transmit(id) else { break };
            let closes = matches!(transmit, Transmit::Close(_));
            let content = Content::of(transmit);
            self.server_says(id, party, &content)?;
            if let Party::Wire(wire) = party {
                self.put(wire, Way::Down, content);
            }
            if closes {
                return Ok(());
            }
        }
        if self.model.is_undecided(id) {
            // The network makes certain what can't be known: it is a cut like any other.
            return self.leave_server(id);
        }
        self.model.is_silent(id)
    }

    fn server_says(&mut self, id: ConnectionId, party: Party, content: &Content) -> Checked {
        match content {
            Content::Frame(format, bytes) => {
                let message = ServerMessage::decode(frame(*format, bytes));
                let message = message.map_err(|error| format!("the server writes nonsense: {error}"))?;
                if self.tracing {
                    self.note(|net| format!("server -> {}: {}", net.name_of(id), said(&message)));
                }
                let shown = self.model.says(id, &message, self.now)?;
                if let Some(number) = shown {
                    self.report.add(Count::Pushed, 1);
                    if let Party::Wire(wire) = party {
                        self.wires[wire].shown.push_back(number);
                    }
                }
            }
            Content::Close(code) => {
                self.report.add(Count::Closed, 1);
                self.note(|net| format!("server -> {}: close, {code}", net.name_of(id)));
                let blocked = matches!(party, Party::Wire(wire) if !self.wires[wire].sound)
                    || matches!(party, Party::Raw { .. });
                self.report
                    .add(Count::CutOffs, usize::from(blocked && self.model.is_behind(id) && *code == 1008));
                self.model.closes(id, *code, self.now)?;
            }
            Content::Ping | Content::Pong | Content::End => (),
        }
        Ok(())
    }

    /// The server has given a connection up without a handshake.
    fn dropped_by_server(&mut self, id: ConnectionId, party: Party) -> Checked {
        self.report.add(Count::DeadForServer, 1);
        self.note(|net| format!("the server drops connection {id} of {}", net.name_of(id)));
        self.model.may_be_dropped(id, self.now)?;
        self.forget(id);
        if let Party::Wire(wire) = party {
            ensure!(!self.wires[wire].sound, "the server drops connection {id}, on which all was well");
            self.put(wire, Way::Down, Content::End);
        }
        Ok(())
    }
}

/// The clients' adapters.
impl Network {
    fn arrives_at_client(&mut self, w: usize, content: Content) -> Checked {
        if self.wires[w].has_client {
            let n = self.wires[w].client;
            self.peers[n].heard = self.now;
            match content {
                Content::Frame(format, bytes) => self.client_hears(w, frame(format, &bytes))?,
                Content::Ping => {
                    self.report.add(Count::Pings, 1);
                    self.peers[n].client.handle_pong(self.now);
                    self.put(w, Way::Up, Content::Pong);
                }
                Content::Pong => {
                    self.report.add(Count::Pings, 1);
                    self.peers[n].client.handle_pong(self.now);
                }
                Content::Close(code) => {
                    let (left, sound) = (self.wires[w].shown.len(), self.wires[w].sound);
                    ensure!(left == 0 || !sound, "{} never told of {left} messages", self.name(n));
                    self.put(w, Way::Up, Content::Close(code));
                    self.leave_client(w, Disconnect::Closed { code: Some(code), reason: String::new() });
                }
                Content::End => self.leave_client(w, Disconnect::Failed("the connection broke".into())),
            }
            self.attend(n)?;
        }
        // There is room again for what the server has to say.
        if std::mem::take(&mut self.wires[w].down.full)
            && let Some(id) = self.wires[w].server
        {
            self.drain(id)?;
            self.pump()?;
        }
        Ok(())
    }

    fn leave_client(&mut self, w: usize, reason: Disconnect) {
        let n = self.wires[w].client;
        self.note(|net| format!("{} knows that wire {w} has ended: {reason}", net.name(n)));
        self.wires[w].has_client = false;
        self.peers[n].wire = None;
        self.peers[n].client.handle_disconnected(self.now, reason);
    }

    /// Does what a client's adapter does after each call to its machine.
    pub(super) fn attend(&mut self, n: usize) -> Checked {
        loop {
            self.send(n);
            let mut happened = false;
            while let Some(event) = self.peers[n].client.poll_event() {
                happened = true;
                self.event(n, event)?;
            }
            if !happened {
                break;
            }
        }
        let status = self.peers[n].client.status();
        if let Some(wire) = self.peers[n].wire.filter(|_| !status.has_connection()) {
            self.note(|net| format!("{} drops wire {wire}", net.name(n)));
            self.peers[n].wire = None;
            self.wires[wire].has_client = false;
            self.wires[wire].shown.clear();
            self.put(wire, Way::Up, Content::End);
            self.schedule(wire, Way::Down);
        }
        let peer = &mut self.peers[n];
        peer.dials_by_itself &= status == Status::Offline;
        if status != Status::Dialing && !peer.dials_by_itself {
            peer.dialing = None;
        } else if peer.dialing.is_none() {
            self.dial(n);
        }
        self.peers[n].check(self.now)?;
        if let Some(next) = self.peers[n].due_timer() {
            self.plan(next, Next::Client { peer: n });
        }
        Ok(())
    }

    fn send(&mut self, n: usize) {
        let Some(wire) = self.peers[n].wire else { return };
        loop {
            if !self.wires[wire].up.has_room() {
                self.wires[wire].up.full = true;
                return;
            }
            let Some(transmit) = self.peers[n].client.poll_transmit() else { return };
            if let Transmit::Frame(frame) = transmit
                && let Some(number) = super::model::number_in(frame.as_bytes())
            {
                self.model.sent[number].left += 1;
            }
            let content = Content::of(transmit);
            self.put(wire, Way::Up, content);
        }
    }

    pub(super) fn name(&self, peer: usize) -> String {
        format!("{}/{peer}", self.model.logins[self.peers[peer].user])
    }

    pub(super) fn name_of(&self, id: ConnectionId) -> String {
        match self.parties.get(&id) {
            Some(Party::Wire(wire)) => self.name(self.wires[*wire].client),
            _ => format!("adversary/{id}"),
        }
    }
}

/// How long from now to a moment just before another one.
pub(super) fn before(moment: Time) -> Time {
    Time::since_epoch(moment.elapsed().saturating_sub(Duration::from_nanos(1)))
}

/// A frame to the server, for people.
fn heard(frame: Frame<'_>) -> String {
    match ClientMessage::decode(frame) {
        Ok(message) => shorten(format!("{} {:?}", message.on_request, message.request)),
        Err(rejected) => shorten(format!("nonsense, {}", rejected.error)),
    }
}

/// A frame from the server, for people.
fn said(message: &ServerMessage<'_>) -> String {
    shorten(match message {
        ServerMessage::Answer(answer) => match &answer.outcome {
            Ok(_) => format!("{} {} carried out", answer.id, answer.kind),
            Err(refusal) => {
                let status = refusal.status.as_ref().map(ToString::to_string).unwrap_or_default();
                format!("{} {} refused: {status} {}", answer.id, answer.kind, refusal.info)
            }
        },
        ServerMessage::ShowMessage(message) => {
            format!("message from {} to {}: {}", message.from.login, message.to, message.body)
        }
        ServerMessage::CheckConnection(_) => "greeting".into(),
        ServerMessage::Info(notice) => format!("info: {}", notice.info),
        ServerMessage::Error(notice) => format!("error: {}", notice.info),
        other => format!("{other:?}"),
    })
}

fn shorten(text: String) -> String {
    let text = text.replace('\n', "⏎");
    match text.char_indices().nth(100) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}
