//! Connections: how they come and go, and what passes.

use std::time::Duration;

use skaro_proto::client::{Disconnect, Status};
use skaro_proto::message::ServerMessage;
use skaro_proto::server::Server;
use skaro_proto::{CloseCode, Format};

use super::super::oracle::{Checked, ensure, number_in};
use super::super::wire::{Content, frame};
use super::deeds::{Deed, Said};
use super::keeper::Keeper;
use super::{Way, Wire, World, new_config, new_server};

/// The network.
impl World {
    pub(super) fn dial(&mut self, n: usize) -> Checked {
        let format = if n.is_multiple_of(2) { Format::Json } else { Format::Cbor };
        let server = self.server.connect(self.now, Some(format)).map_err(|error| error.to_string())?;
        let mut wire =
            Wire { device: n, client: true, server: Some(server), up: Way::default(), down: Way::default() };
        if self.choices.chance(10) {
            let left = Some(self.choices.below(3000));
            if self.choices.chance(50) { wire.up.left = left } else { wire.down.left = left }
        }
        self.devices[n].wire = Some(self.wires.len());
        self.wires.push(wire);
        self.devices[n].client.handle_connected(self.now);
        self.attend(n)?;
        self.pump()
    }

    /// Does what an adapter does after each call to a client's machine.
    pub(super) fn attend(&mut self, n: usize) -> Checked {
        loop {
            let device = &mut self.devices[n];
            while let Some(transmit) = device.client.poll_transmit() {
                let content = Content::of(transmit);
                if let Some(wire) = device.wire {
                    self.wires[wire].up.packets.push_back(content);
                }
            }
            let Some(event) = self.devices[n].client.poll_event() else { break };
            self.happens(n, event)?;
        }
        let status = self.devices[n].client.status();
        if let Some(wire) = self.devices[n].wire.filter(|_| !status.has_connection()) {
            self.wires[wire].client = false;
            self.devices[n].wire = None;
        }
        match status {
            // The first connection broke before the server spoke.
            Status::Offline => {
                self.devices[n].client.reconnect(self.now).map_err(|error| error.to_string())?;
                self.dial(n)
            }
            Status::Dialing => self.dial(n),
            _ => Ok(()),
        }
    }

    /// Passes on what the server has to say.
    pub(super) fn pump(&mut self) -> Checked {
        self.keep();
        self.fetch()
    }

    fn fetch(&mut self) -> Checked {
        while let Some(id) = self.server.poll_ready() {
            let Some(wire) = self.wires.iter_mut().rev().find(|wire| wire.server == Some(id)) else {
                continue;
            };
            while let Some(transmit) = self.server.poll_transmit(id) {
                wire.down.packets.push_back(Content::of(transmit));
            }
            if !self.server.has_connection(id) {
                wire.server = None;
            }
        }
        Ok(())
    }

    /// Somebody's connection breaks for its client; if it is half dead, what was sent may arrive nevertheless.
    pub(super) fn leave(&mut self, n: usize, half_dead: bool) {
        let Some(w) = self.devices[n].wire.take() else { return };
        self.wires[w].client = false;
        if !half_dead {
            self.wires[w].up.packets.clear();
            if let Some(id) = self.wires[w].server.take() {
                self.server.handle_disconnected(self.now, id);
            }
        }
    }

    pub(super) fn cut(&mut self, n: usize, half_dead: bool) -> Checked {
        if self.devices[n].wire.is_none() {
            return Ok(());
        }
        let count = if half_dead { &mut self.exercised.half_dead } else { &mut self.exercised.cuts };
        *count += 1;
        self.leave(n, half_dead);
        self.devices[n].client.handle_disconnected(self.now, Disconnect::Failed("cut".into()));
        self.attend(n)?;
        self.pump()
    }

    /// Whether a packet still passes; else the connection breaks in its middle.
    fn passes(&mut self, w: usize, up: bool, length: usize) -> Checked<bool> {
        let way = if up { &mut self.wires[w].up } else { &mut self.wires[w].down };
        let Some(left) = &mut way.left else { return Ok(true) };
        if let Some(rest) = left.checked_sub(length) {
            *left = rest;
            return Ok(true);
        }
        way.left = None;
        let n = self.wires[w].device;
        if self.devices[n].wire == Some(w) {
            let half_dead = !up && self.choices.chance(50);
            self.cut(n, half_dead)?;
        } else if let Some(id) = self.wires[w].server.take() {
            // Nothing arrives behind what was lost.
            self.wires[w].up.packets.clear();
            self.server.handle_disconnected(self.now, id);
        }
        Ok(false)
    }

    /// One packet arrives; returns whether there was one.
    pub(super) fn arrive(&mut self, w: usize, up: bool) -> Checked<bool> {
        if up && self.wires[w].server.is_some_and(|id| !self.wants_frames(id)) {
            return Ok(false);
        }
        let way = if up { &mut self.wires[w].up } else { &mut self.wires[w].down };
        let Some(content) = way.packets.pop_front() else { return Ok(false) };
        let n = self.wires[w].device;
        if up {
            if self.wires[w].server.is_none() || !self.passes(w, up, content.len())? {
                return Ok(true);
            }
            let Some(id) = self.wires[w].server else { return Ok(true) };
            match &content {
                Content::Frame(format, bytes) => {
                    if let Some(number) = number_in(bytes) {
                        let message = &mut self.messages[number];
                        message.heard += 1;
                        self.exercised.repeated += usize::from(message.heard > 1);
                    }
                    let deed = self.keeper.is_none().then(|| Deed::heard(*format, bytes)).flatten();
                    let waiting = self.wires[w].down.packets.len();
                    let result = self.server.handle_frame(self.now, id, frame(*format, bytes));
                    ensure!(result.is_ok(), "the server is confused by device {n}: {result:?}");
                    if let Some((request, deed)) = deed {
                        self.pump()?;
                        self.answered(w, waiting, request, &deed)?;
                    }
                }
                Content::Close(_) | Content::End => self.server.handle_disconnected(self.now, id),
                Content::Ping => {
                    self.server.handle_pong(self.now, id);
                    self.wires[w].down.packets.push_back(Content::Pong);
                }
                Content::Pong => self.server.handle_pong(self.now, id),
            }
            return self.pump().map(|()| true);
        }
        if !self.wires[w].client || !self.passes(w, up, content.len())? {
            return Ok(true);
        }
        match &content {
            Content::Frame(format, bytes) => {
                let event = self.devices[n].client.handle_frame(self.now, frame(*format, bytes));
                let event = event.map_err(|error| format!("device {n} does not understand: {error}"))?;
                self.happens(n, event.into_owned())?;
            }
            // What was sent on a connection that was thought dead took its session: it takes that back.
            Content::Close(code) if self.keeper.is_some() && *code == CloseCode::Replaced.code() => {
                return self.cut(n, false).map(|()| true);
            }
            Content::Close(code) => {
                return Err(format!("the server closes the connection of device {n}: {code}"));
            }
            Content::Ping => {
                self.devices[n].client.handle_pong(self.now);
                self.wires[w].up.packets.push_back(Content::Pong);
            }
            Content::Pong | Content::End => self.devices[n].client.handle_pong(self.now),
        }
        self.attend(n).map(|()| true)
    }

    /// The server, whose store is inside, has answered a request among what it said since.
    fn answered(&mut self, w: usize, since: usize, request: u64, deed: &Deed) -> Checked {
        for content in self.wires[w].down.packets.iter().skip(since) {
            let Content::Frame(format, bytes) = content else { continue };
            let message = ServerMessage::decode(frame(*format, bytes)).map_err(|error| error.to_string())?;
            if let ServerMessage::Answer(answer) = &message
                && answer.id == request
            {
                let user = self.devices[self.wires[w].device].user;
                self.people.hears(user, deed, &Said::answered(&answer.outcome));
                return Ok(());
            }
        }
        // Somebody else has taken the session: it does not listen any more.
        Ok(())
    }

    pub(super) fn pass(&mut self, time: Duration) -> Checked {
        self.now = self.now + time;
        self.server.handle_timeout(self.now);
        self.pump()?;
        for n in 0..self.devices.len() {
            self.devices[n].client.handle_timeout(self.now);
            self.attend(n)?;
        }
        Ok(())
    }

    /// The server's program ends, and another one begins, which remembers nothing.
    pub(super) fn lose_everything(&mut self) -> Checked {
        self.exercised.lost_logs += 1;
        self.epoch += 1;
        self.people.lose_everything();
        if self.keeper.is_some() {
            self.keeper = Some(Keeper::new());
            self.server = Server::with_store(new_config(self.is_strict), [2 + self.epoch as u8; 32]);
            self.add_users();
        } else {
            self.server = new_server(2 + self.epoch, self.is_strict);
        }
        self.everybody_is_cut_off()
    }

    pub(super) fn everybody_is_cut_off(&mut self) -> Checked {
        for wire in &mut self.wires {
            wire.server = None;
            wire.up.packets.clear();
            wire.down.packets.clear();
        }
        (0..self.devices.len()).try_for_each(|n| self.cut(n, false))
    }
}
