//! The network itself: the machines, the connections between them, the agenda of what happens next, the clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use skaro_proto::Time;
use skaro_proto::client::Disconnect;
use skaro_proto::server::{ConnectionId, Server, ServerConfig};

use super::choices::Choices;
use super::oracle::{Checked, Model, ensure, password};
use super::peer::Peer;
use super::report::{Count, Plan, Report};
use super::wire::{Content, Put, Told, Wire};

/// Whether something goes to the server or to a client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Way {
    Up,
    Down,
}

/// Something on the agenda.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Next {
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
    pub(super) config: ServerConfig,
    pub(super) server: Server,
    pub(super) model: Model,
    pub(super) peers: Vec<Peer>,
    pub(super) wires: Vec<Wire>,
    pub(super) parties: BTreeMap<ConnectionId, Party>,
    /// Until when nobody can dial.
    pub(super) unreachable_until: Time,
    agenda: BinaryHeap<Reverse<(Time, u64, Next)>>,
    count: u64,
    pub(super) server_timer: Option<Time>,
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

fn server_config(choices: &mut Choices, plan: &Plan) -> ServerConfig {
    let mut config = ServerConfig::default();
    config.limits.max_queued_bytes = choices.pick(&[1 << 20, 20_000, 3000, 600]);
    config.max_connections_per_user = choices.pick(&[64, 64, 3]);
    config.max_sessions_per_user = choices.pick(&[128, 128, 4]).max(config.max_connections_per_user);
    config.max_sign_in_attempts = choices.pick(&[10, 3]);
    config.max_invalid_frames = choices.pick(&[100, 5]);
    config.max_connections = choices.pick(&[20_000, plan.clients + 2]);
    (config.max_dialog_messages, config.max_history_messages) =
        choices.pick(&[(100_000, 100_000), (1000, 200), (1000, 200), (30, 100), (100, 10)]);
    config.open_directory = choices.chance(20);
    // Adversaries without addresses would lock users out.
    (config.guesses_per_login, config.max_strangers) = (None, choices.pick(&[Some(1024), None]));
    config
}

/// The agenda.
impl Network {
    pub(super) fn plan(&mut self, at: Time, next: Next) {
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
            // It was set for an earlier moment since.
            Next::Client { peer } if self.peers[peer].timer != Some(self.now) => Ok(()),
            Next::Server if self.server_timer != Some(self.now) => Ok(()),
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
        let is_full = self.model.connections() >= self.config.max_connections;
        let is_shutting_down = self.server.is_shutting_down();
        let refuses = is_full || is_shutting_down;
        match self.server.connect(self.now, format) {
            Ok(id) => {
                ensure!(!is_shutting_down, "the server takes connections although it shuts down");
                if is_full {
                    let gone = self.model.ids().find(|id| !self.server.has_connection(*id));
                    let Some(gone) = gone else {
                        return Err("the server takes one connection too many".into());
                    };
                    self.report.add(Count::MadeRoom, 1);
                    self.model.makes_room(gone)?;
                }
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

/// The moment just before another one.
pub(super) fn before(moment: Time) -> Time {
    Time::since_epoch(moment.elapsed().saturating_sub(Duration::from_nanos(1)))
}

/// For people.
impl Network {
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
