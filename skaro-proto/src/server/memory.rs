//! Estimate of the machine's memory, and the steps that keep it under its limit.

use super::connection::Connection;
use super::{ConnectionId, Server};

/// Bytes that a connection takes besides its queue, in the trees of connections, deadlines and strangers. A tree's
/// nodes are two thirds full on average.
pub(super) const CONNECTION: usize =
    size_of::<Connection>() + 2 * (size_of::<usize>() + 5 * size_of::<ConnectionId>());
/// Bytes that a session takes, in three trees.
pub(super) const SESSION: usize = 256;
/// Bytes that an entry in a table of wrong passwords takes.
const GUESS: usize = 128;

impl Server {
    /// Estimate of the bytes of memory that the machine takes: logs, queues, sessions, users, connections and tables of
    /// addresses. It is exact to some 20 %; [`ServerConfig::max_memory`](super::ServerConfig::max_memory) limits it.
    pub fn memory(&self) -> usize {
        let guesses = self.guesses_by_address.len() + self.guesses_by_login.len();
        self.logs.bytes() + self.memory_besides_logs() + guesses * GUESS
    }

    fn memory_besides_logs(&self) -> usize {
        self.users.bytes()
            + self.agenda.queued
            + self.connections.len() * CONNECTION
            + self.sessions.len() * SESSION
    }

    /// Makes room for so many bytes, if need be by giving the oldest messages up; returns whether there is room.
    pub(super) fn make_room(&mut self, bytes: usize) -> bool {
        match self.config.max_memory {
            Some(limit) if self.memory() + bytes > limit => self.forget_messages(bytes, limit),
            _ => true,
        }
    }

    #[cold]
    fn forget_messages(&mut self, bytes: usize, limit: usize) -> bool {
        // If giving everything up would not help, nothing is given up.
        if self.memory_besides_logs() + bytes > limit {
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
