//! The adapters between the machines and the wires, as short as they are for real sockets.

use skaro_proto::client::{Disconnect, Status};
use skaro_proto::message::{ClientMessage, ServerMessage};
use skaro_proto::server::ConnectionId;
use skaro_proto::{Frame, Transmit};

use super::oracle::{Checked, ensure, number_in};
use super::report::Count;
use super::wire::{Content, frame};
use super::world::{Network, Next, Party, Way};

/// What waited for a connection, in bytes; and the last frame of it, which may be as large as it likes.
#[derive(Default)]
struct Waiting {
    bytes: usize,
    last: usize,
}

impl Waiting {
    fn add(&mut self, transmit: &Transmit<'_>) {
        if let Transmit::Frame(frame) = transmit {
            self.last = frame.as_bytes().len();
            self.bytes += self.last;
        }
    }

    fn check(&self, id: ConnectionId, limit: usize) -> Checked {
        let Waiting { bytes, last } = self;
        ensure!(bytes - last <= limit, "{bytes} bytes waited for connection {id}, the limit is {limit}");
        Ok(())
    }
}

/// The server's adapter.
impl Network {
    pub(super) fn arrives_at_server(&mut self, n: usize, content: Content) -> Checked {
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
        let mut waiting = Waiting::default();
        while let Some(transmit) = self.server.poll_transmit(id) {
            waiting.add(&transmit);
        }
        waiting.check(id, self.config.limits.max_queued_bytes)
    }

    /// Passes on what the server has to say.
    pub(super) fn pump(&mut self) -> Checked {
        while let Some(id) = self.server.poll_ready() {
            self.drain(id)?;
        }
        let next = self.server.poll_timeout().map(|next| next.max(self.now));
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
        let mut waiting = Waiting::default();
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
            self.model.takes(id, self.now);
            waiting.add(&transmit);
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
        waiting.check(id, self.config.limits.max_queued_bytes)?;
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
        let made_room = self.model.has_made_room(id);
        self.forget(id);
        if let Party::Wire(wire) = party {
            self.wires[wire].sound &= !made_room;
            ensure!(!self.wires[wire].sound, "the server drops connection {id}, on which all was well");
            self.put(wire, Way::Down, Content::End);
        }
        Ok(())
    }
}

/// The clients' adapters.
impl Network {
    pub(super) fn arrives_at_client(&mut self, w: usize, content: Content) -> Checked {
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
        if let Some(next) = self.peers[n].due_timer(self.now) {
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
                && let Some(number) = number_in(frame.as_bytes())
            {
                self.model.sent[number].left += 1;
            }
            let content = Content::of(transmit);
            self.put(wire, Way::Up, content);
        }
    }
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
