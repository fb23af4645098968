//! Admission of connections, from the moment they are accepted until the server's first message.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;

use super::accept_error::AcceptError;
use super::connection::Connection;
use super::endpoint::Endpoint;
use super::memory::CONNECTION;
use super::peer::{Peer, Place};
use super::{ConnectionId, Server};
use crate::codec::Format;
use crate::log::{debug, warn};
use crate::secret::Secret;
use crate::time::Time;

/// The extensions of the protocol that this server knows.
const EXTENSIONS: [&str; 2] = ["log", "people"];

/// Connections on which nobody has signed in.
#[derive(Default)]
pub(super) struct Strangers {
    /// Those whose opening handshake is under way, the oldest first.
    opening: BTreeSet<ConnectionId>,
    /// All of them, the oldest first.
    all: BTreeSet<ConnectionId>,
}

/// Handle: what the outside reports.
impl Server {
    /// Reports that a connection was accepted, and its opening handshake begins.
    ///
    /// Until [`handle_connected`](Self::handle_connected) there is nothing to send. The connection may
    /// [cease to exist](Self::has_connection) at any time, to make room for a new one or because the handshake takes
    /// [too long](super::ServerConfig::handshake_timeout): drop it then.
    ///
    /// # Errors
    /// If the server does not accept it. There is nothing else to report about it.
    pub fn handle_accepted(&mut self, now: Time, peer: Peer) -> Result<ConnectionId, AcceptError> {
        self.advance(now);
        let place = Place::of(peer);
        if let Err(error) = self.admit(place) {
            self.note_not_accepted(place, error);
            return Err(error);
        }
        self.tally.accepted += 1;
        self.last_connection += 1;
        let id = ConnectionId(self.last_connection);
        let endpoint = Endpoint::new(id, self.now, &self.config);
        let mut connection = Connection::new(endpoint, place, peer.is_confidential());
        connection.set_deadline(id, &self.config, &mut self.agenda);
        self.connections.insert(id, Box::new(connection));
        debug!("connection {id}: accepted");
        self.strangers.opening.insert(id);
        self.strangers.all.insert(id);
        place.into_iter().for_each(|place| self.places.add(place));
        Ok(id)
    }

    /// Reports that the opening handshake is done. In it the client may have asked for a format (see
    /// [`Format::offered`]). The server speaks first.
    pub fn handle_connected(&mut self, now: Time, id: ConnectionId, format: Option<Format>) {
        self.advance(now);
        if !self.connections.get(&id).is_some_and(|connection| connection.endpoint.is_opening()) {
            return;
        }
        self.strangers.opening.remove(&id);
        let token = Secret::from(self.secrets.next());
        self.tell(id, |endpoint, now, config| {
            endpoint.handle_connected(now, config, format, token, &EXTENSIONS);
        });
        self.set_deadline(id);
    }

    /// Reports where a connection really comes from: a proxy in front of the server has told it in a header that the
    /// operator trusts. From now on the connection counts for this address.
    ///
    /// # Errors
    /// If there are as many from this address as allowed. The connection then counts for no address: tell the client,
    /// and report [`handle_disconnected`](Self::handle_disconnected).
    pub fn handle_forwarded(
        &mut self,
        now: Time,
        id: ConnectionId,
        address: core::net::IpAddr,
    ) -> Result<(), AcceptError> {
        self.advance(now);
        let place = Place::of(address.into());
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        connection.place.take().into_iter().for_each(|place| self.places.remove(place, self.now));
        if let Some(limit) = self.is_full_for(place) {
            let error = AcceptError::TooManyFromAddress { limit };
            self.note_not_accepted(place, error);
            return Err(error);
        }
        if let (Some(connection), Some(place)) = (self.connections.get_mut(&id), place) {
            connection.place = Some(place);
            self.places.add(place);
        }
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.is_confidential = self.config.proxy_ends_tls || address.is_loopback();
        }
        Ok(())
    }

    /// Reports that the system can't accept connections, because no file descriptors are left: the oldest connection on
    /// which nobody has signed in makes room. Returns whether there was one.
    pub fn handle_exhausted(&mut self, now: Time) -> bool {
        self.advance(now);
        self.evict(self.strangers.all.first().copied())
    }

    /// Adds a connection from an unknown peer: [`handle_accepted`](Self::handle_accepted) and
    /// [`handle_connected`](Self::handle_connected) in one, for tests and for transports without a handshake.
    ///
    /// # Errors
    /// As [`handle_accepted`](Self::handle_accepted).
    pub fn connect(&mut self, now: Time, format: Option<Format>) -> Result<ConnectionId, AcceptError> {
        let id = self.handle_accepted(now, Peer::UNKNOWN)?;
        self.handle_connected(now, id, format);
        Ok(id)
    }
}

impl Server {
    fn note_not_accepted(&mut self, place: Option<Place>, error: AcceptError) {
        warn!("connection refused: {error}");
        self.tally.not_accepted(error.kind());
        self.tally.notes.add_not_accepted(place.map(Place::address), error);
    }

    /// Returns the limit on connections from one address, if this one has reached it.
    fn is_full_for(&self, place: Option<Place>) -> Option<usize> {
        let limit = self.config.max_connections_per_address?;
        (self.places.count(place?) >= limit).then_some(limit)
    }

    /// Makes room for a new connection, if possible.
    fn admit(&mut self, place: Option<Place>) -> Result<(), AcceptError> {
        if self.shutting_down {
            return Err(AcceptError::ShuttingDown);
        }
        if let Some(limit) = self.is_full_for(place) {
            return Err(AcceptError::TooManyFromAddress { limit });
        }
        if !self.make_room(CONNECTION) {
            return Err(AcceptError::OutOfMemory { limit: self.config.max_memory.unwrap_or(usize::MAX) });
        }
        if self.config.max_handshakes.is_some_and(|limit| self.strangers.opening.len() >= limit) {
            self.evict(self.strangers.opening.first().copied());
        }
        let are_many = self.config.max_strangers.is_some_and(|limit| self.strangers.all.len() >= limit);
        let limit = self.config.max_connections;
        let are_all = self.connections.len() >= limit;
        let has_made_room = (are_many || are_all) && self.evict(self.strangers.all.first().copied());
        if are_all && !has_made_room {
            return Err(AcceptError::Full { limit });
        }
        Ok(())
    }

    /// Drops the oldest stranger, to make room for a new connection; returns whether there was one.
    fn evict(&mut self, oldest: Option<ConnectionId>) -> bool {
        let Some(id) = oldest else { return false };
        debug!("connection {id}: evicted");
        self.abort(id);
        true
    }

    /// Notes that a user has signed in on this connection, or that it is gone.
    pub(super) fn no_stranger(&mut self, id: ConnectionId) {
        self.strangers.opening.remove(&id);
        self.strangers.all.remove(&id);
    }
}
