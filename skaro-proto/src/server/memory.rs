//! Estimate of the machine's memory, and its limit.

use super::connection::Connection;
use super::cursor::Cursor;
use super::{ConnectionId, Server};

/// Bytes that a connection takes besides its queue, in the trees of connections, deadlines and strangers. A tree's
/// nodes are two thirds full on average.
pub(super) const CONNECTION: usize =
    size_of::<Connection>() + 2 * (size_of::<usize>() + 5 * size_of::<ConnectionId>()) + size_of::<Cursor>();
/// Bytes that a session takes that is in use here.
pub(super) const SESSION: usize =
    2 * (size_of::<super::store::SessionKey>() + size_of::<(ConnectionId, u64)>());
/// Bytes that an entry in a table of addresses or of logins takes: wrong passwords, rates, places.
const ADDRESS: usize = 128;
const REGULAR: usize = 256;

impl Server {
    /// Estimate of the bytes of memory that the machine takes, with its store if that is [inside](Server::new): it is
    /// exact to some 20 %.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.memory_by_kind().map(|(_, bytes)| bytes).sum()
    }

    /// Returns what takes memory, and how much.
    pub(super) fn memory_by_kind(&self) -> impl Iterator<Item = (&'static str, usize)> {
        let inside = self.operations.inside.as_ref().map(|store| ("store", store.bytes()));
        self.own_memory_by_kind().into_iter().chain(inside)
    }

    fn own_memory_by_kind(&self) -> [(&'static str, usize); 6] {
        let addresses = self.guesses_by_address.len() + self.guesses_by_login.len() + self.places.left();
        [
            ("accounts", self.accounts.bytes()),
            ("queues", self.agenda.queued),
            ("connections", self.connections.len() * CONNECTION),
            ("sessions", self.sessions.len() * SESSION),
            (
                "addresses",
                (addresses + self.registrations.len() + self.joins.len()) * ADDRESS
                    + self.conference_rates.bytes()
                    + self.regulars.len() * REGULAR,
            ),
            ("operations", self.operations.bytes()),
        ]
    }

    /// Bytes that the machine takes itself, without a store inside.
    fn own_memory(&self) -> usize {
        self.own_memory_by_kind().iter().map(|(_, bytes)| bytes).sum()
    }

    /// Returns whether there is room for this many bytes. A store inside has half of the limit for itself, so that
    /// queues of clients that do not read can't push out messages.
    pub(super) fn make_room(&self, bytes: usize) -> bool {
        let limit = self.config.max_memory.map(|limit| match self.operations.inside {
            Some(_) => limit - limit / 2,
            None => limit,
        });
        limit.is_none_or(|limit| self.own_memory() + bytes <= limit)
    }
}
