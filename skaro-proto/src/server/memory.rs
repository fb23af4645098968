//! Estimate of the machine's memory, and the steps that keep it under its limit.

use super::connection::Connection;
use super::{ConnectionId, Server};

/// Bytes that a connection takes besides its queue, in the trees of connections, deadlines and strangers. A tree's
/// nodes are two thirds full on average.
pub(super) const CONNECTION: usize =
    size_of::<Connection>() + 2 * (size_of::<usize>() + 5 * size_of::<ConnectionId>());
/// Bytes that a session takes, in three trees.
pub(super) const SESSION: usize = 256;
/// Bytes that an entry in a table of addresses takes: wrong passwords, or a rate.
const ADDRESS: usize = 128;

impl Server {
    /// Estimate of the bytes of memory that the machine takes: logs, queues, sessions, users, connections and tables of
    /// addresses. It is exact to some 20 %; [`ServerConfig::max_memory`](super::ServerConfig::max_memory) limits it.
    #[must_use]
    pub fn memory(&self) -> usize {
        let addresses = self.guesses_by_address.len() + self.guesses_by_login.len() + self.places.left();
        self.logs.bytes()
            + self.users.bytes()
            + self.agenda.queued
            + self.connections.len() * CONNECTION
            + self.sessions.len() * SESSION
            + addresses * ADDRESS
    }

    /// Makes room for so many bytes; returns whether there is room. If need be, the oldest entries of logs are given up,
    /// but only while logs take more than half of the limit: other things, such as queues of clients that do not read,
    /// can't push out what was said.
    pub(super) fn make_room(&mut self, bytes: usize) -> bool {
        match self.config.max_memory {
            Some(limit) if self.memory() + bytes > limit => self.forget_entries(bytes, limit),
            _ => true,
        }
    }

    #[cold]
    fn forget_entries(&mut self, bytes: usize, limit: usize) -> bool {
        // If giving up all that may be given up would not help, nothing is given up.
        let spare = self.logs.bytes().saturating_sub(limit / 2);
        if self.memory() - spare + bytes > limit {
            return false;
        }
        while self.memory() + bytes > limit {
            if !self.logs.forget_oldest() {
                return false;
            }
        }
        true
    }
}
