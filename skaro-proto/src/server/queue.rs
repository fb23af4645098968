//! Output of connections: written here, and fetched by the adapter.

use super::refusal::Info;
use super::{ConnectionId, Server};
use crate::output::Transmit;

/// Poll: what to do next with the connections.
impl Server {
    /// Returns a connection that has something to send, whose frames are [wanted](Self::wants_frames) again, or that is
    /// [gone](Self::has_connection), since it was last returned; `None` if there are no more.
    pub fn poll_ready(&mut self) -> Option<ConnectionId> {
        let id = self.agenda.ready.pop_front()?;
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.is_ready = false;
        }
        Some(id)
    }

    /// Returns what the adapter is to do next with a connection; `None` if there is nothing left for now.
    ///
    /// Fetch only as much as the connection takes: what is fetched counts as sent. A client that does not read is cut
    /// off if what waits for it exceeds the limit (entries of its log never do: they wait in the log), or if nothing
    /// leaves for [too long](super::ServerConfig::write_timeout).
    pub fn poll_transmit(&mut self, id: ConnectionId) -> Option<Transmit<'_>> {
        if !self.agenda.held_up.is_empty() {
            self.go_on(id);
        }
        let connection = self.connections.get_mut(&id)?;
        connection.endpoint.begin_transmit(self.now);
        connection.count(&mut self.agenda);
        connection.endpoint.take_transmit(self.now)
    }
}

impl Server {
    /// Drops the queue of a reader that is too slow, and closes its connection. The histories keep the messages.
    pub(super) fn cut_off(&mut self, id: ConnectionId) {
        self.tell(id, |endpoint, now, config| endpoint.cut_off(now, config));
    }

    pub(super) fn notify_error(&mut self, id: ConnectionId, info: Info) {
        self.tell(id, |endpoint, now, config| endpoint.push_error(now, config, info));
    }
}
