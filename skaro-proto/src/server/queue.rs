//! The queue of a connection: what waits to be sent, what is fetched, and who is too slow.

use super::config::ServerConfig;
use super::connection::{Agenda, Connection};
use super::refusal::Info;
use super::{ConnectionId, Server};
use crate::codec::Fields;
use crate::log::{debug, trace};
use crate::message::{Notice, ServerMessage};
use crate::output::{CloseCode, Transmit};
use crate::time::Time;

/// Bytes that may wait for a connection until its frames are not wanted any more: a client that asks for much and reads
/// nothing is slowed down by its network, long before it is cut off.
pub(super) const ENOUGH: usize = 64 << 10;

impl Connection {
    /// Returns whether so much waits to be sent that the connection is to be cut off.
    pub(super) fn is_slow(&self, config: &ServerConfig) -> bool {
        self.output.len() > self.output_limit(config)
    }

    /// Returns whether so little waits to be sent that further frames are read.
    pub(super) fn has_room(&self, config: &ServerConfig) -> bool {
        self.output.len() <= ENOUGH.min(self.output_limit(config) / 2)
    }

    fn output_limit(&self, config: &ServerConfig) -> usize {
        let limit = config.limits.max_queued_bytes;
        if self.is_signed_in() { limit } else { limit.min(config.max_stranger_queued_bytes) }
    }

    /// Puts it on the list of those that have something to send.
    pub(super) fn mark_ready(&mut self, id: ConnectionId, agenda: &mut Agenda) {
        if !self.is_ready {
            self.is_ready = true;
            agenda.ready.push_back(id);
        }
    }

    /// Something is about to be put into the queue.
    pub(super) fn note_push(&mut self, now: Time) {
        if self.output.is_empty() {
            self.progress = now;
        }
    }

    /// Puts a message that was written for several connections into the queue.
    pub(super) fn push_written(
        &mut self,
        id: ConnectionId,
        written: &[u8],
        now: Time,
        config: &ServerConfig,
        agenda: &mut Agenda,
    ) {
        self.note_push(now);
        self.output.push_written(self.format, written);
        self.wrote(id, config, agenda);
    }

    /// Something was put into the queue.
    pub(super) fn wrote(&mut self, id: ConnectionId, config: &ServerConfig, agenda: &mut Agenda) {
        self.mark_ready(id, agenda);
        self.count(agenda);
        // Only if the deadline is later than it may be, so hardly ever: it is computed anew when it comes.
        if let Some(within) = config.write_timeout
            && self.deadline > self.progress + within
        {
            agenda.deadlines.remove(&(self.deadline, id));
            self.deadline = self.progress + within;
            agenda.deadlines.insert((self.deadline, id));
        }
    }

    /// Tells the sum of all queues what this one takes.
    pub(super) fn count(&mut self, agenda: &mut Agenda) {
        let capacity = self.output.capacity();
        agenda.queued = agenda.queued - self.counted + capacity;
        self.counted = capacity;
    }

    /// Returns the time by which something must have left the queue, if it must.
    pub(super) fn write_deadline(&self, config: &ServerConfig) -> Option<Time> {
        config.write_timeout.filter(|_| !self.output.is_empty()).map(|within| self.progress + within)
    }
}

/// Poll: what to do next with the connections.
impl Server {
    /// A connection that has something to send, whose frames are [wanted](Self::wants_frames) again, or that is
    /// [gone](Self::has_connection), since it was last asked about; `None` when that was all.
    pub fn poll_ready(&mut self) -> Option<ConnectionId> {
        let id = self.agenda.ready.pop_front()?;
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.is_ready = false;
        }
        Some(id)
    }

    /// Returns what the adapter is to do next with a connection; `None` when there is nothing left for now.
    ///
    /// Fetch only as much as the connection takes: what was fetched counts as sent. A client that does not read is cut
    /// off when what waits for it exceeds the limit (entries of its log do not: they wait there), or when nothing leaves for
    /// [too long](ServerConfig::write_timeout).
    pub fn poll_transmit(&mut self, id: ConnectionId) -> Option<Transmit<'_>> {
        if !self.agenda.held_up.is_empty() {
            self.go_on(id);
        }
        let connection = self.connections.get_mut(&id)?;
        connection.output.settle();
        connection.count(&mut self.agenda);
        connection.progress = self.now;
        let transmit = connection.output.take();
        if let Some(transmit) = &transmit {
            trace!("connection {id}: sends {transmit:?}");
        }
        transmit
    }
}

impl Server {
    /// Writes a message to a connection; one that has not read for so long that too much waits is cut off.
    pub(super) fn push(&mut self, id: ConnectionId, message: &ServerMessage<'_>) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if !connection.is_heard() {
            return;
        }
        if connection.is_slow(&self.config) {
            return self.cut_off(id);
        }
        let (format, now) = (connection.format, self.now);
        if connection.output.is_large() {
            self.scratch.begin();
            let written = self.scratch.write(format, message);
            return connection.push_written(id, written, now, &self.config, &mut self.agenda);
        }
        connection.note_push(now);
        connection.output.push(format, 0, |out| message.encode_into(format, out));
        connection.wrote(id, &self.config, &mut self.agenda);
    }

    /// Drops the queue of a reader that is too slow, and closes its connection. The histories keep the messages.
    pub(super) fn cut_off(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            debug!("connection {id}: too much waits for it");
            connection.output.clear();
            connection.count(&mut self.agenda);
            self.begin_close(id, CloseCode::Policy);
        }
    }

    /// Prepares the queue for a message with a secret: it does not move, which would leave a copy behind, and is wiped once
    /// it is sent.
    pub(super) fn expect_secret(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.output.reserve_for_secret();
            connection.output.mark_secret();
        }
    }

    pub(super) fn notify_error(&mut self, id: ConnectionId, info: Info) {
        self.push(id, &ServerMessage::Error(Notice { info, extra: Fields::new() }));
    }
}
