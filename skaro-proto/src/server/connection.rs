//! One connection of the service: its deadlines, its end.

use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};

use super::config::ServerConfig;
use super::cursor::Cursor;
use super::endpoint::{Closed, Endpoint};
use super::notes::Note;
use super::operations::Operations;
use super::peer::Place;
use super::store::{AccountId, SessionKey};
use super::{ConnectionId, Server};
use crate::log::debug;
use crate::output::CloseCode;
use crate::time::Time;

/// Number of open operations of one connection from which its frames are no longer wanted.
const MAX_OPEN: u32 = 64;
/// The same until a user has signed in: each may keep a stranger's frame in memory.
const MAX_OPEN_OF_STRANGER: u32 = 4;

/// One connection of the service.
pub(super) struct Connection {
    pub(super) endpoint: Endpoint<Session>,
    /// Cursor in its user's log, if the client asked for one.
    pub(super) cursor: Option<Box<Cursor>>,
    /// Address or network of the client, if it is known.
    pub(super) place: Option<Place>,
    /// The time for which it is in the list of deadlines.
    deadline: Time,
    /// Set while the connection is in the list of those that have something to send.
    pub(super) is_ready: bool,
    /// Bytes of its queue as they were last added to the sum of all queues.
    counted: usize,
    /// Set if it hears of presence.
    pub(super) hears_presence: bool,
    /// Set if nobody can eavesdrop on it: passwords may travel over it.
    pub(super) is_confidential: bool,
    /// Set while a sign-in is under way.
    pub(super) is_signing_in: bool,
    /// Operations of the store that its requests wait for.
    pub(super) open: u32,
    /// Those of them that have to end before more frames are read.
    pub(super) open_first: u16,
}

/// The user who is signed in on a connection, and the session.
#[derive(Clone, Copy)]
pub(super) struct Session {
    pub(super) user: AccountId,
    pub(super) key: SessionKey,
}

/// State that all connections share.
#[derive(Default)]
pub(super) struct Agenda {
    /// The times at which they need attention.
    pub(super) deadlines: BTreeSet<(Time, ConnectionId)>,
    /// Those that have something to send, or are gone, since it was last asked.
    pub(super) ready: VecDeque<ConnectionId>,
    /// Bytes in the queues of all connections.
    pub(super) queued: usize,
    /// Connections whose cursors wait until there is room in their queues.
    pub(super) held_up: BTreeSet<ConnectionId>,
}

impl Connection {
    pub(super) fn new(endpoint: Endpoint<Session>, place: Option<Place>, is_confidential: bool) -> Self {
        Connection {
            endpoint,
            cursor: None,
            place,
            deadline: Time::ZERO,
            is_ready: false,
            counted: 0,
            hears_presence: false,
            is_confidential,
            is_signing_in: false,
            open: 0,
            open_first: 0,
        }
    }

    /// Returns the account of the user who is signed in.
    pub(super) fn user(&self) -> Option<AccountId> {
        self.endpoint.session().map(|session| session.user)
    }

    /// Returns the number of open operations from which its frames are not wanted.
    pub(super) const fn max_open(&self) -> u32 {
        if self.endpoint.session().is_some() { MAX_OPEN } else { MAX_OPEN_OF_STRANGER }
    }

    /// Returns whether it has asked for so much, although its frames are not wanted, that requests are refused.
    pub(super) fn has_too_many_open(&self, operations: &Operations) -> bool {
        match self.user() {
            Some(user) => self.open >= 2 * MAX_OPEN || operations.has_many_of(user),
            None => self.open >= 2 * MAX_OPEN_OF_STRANGER || operations.has_many_sign_ins(),
        }
    }

    /// Returns whether it is not read because its requests wait for the store. Once it is closing, nothing is asked.
    fn waits_for_store(&self, operations: &Operations) -> bool {
        let has_many = || self.user().is_some_and(|user| operations.has_many_of(user));
        let is_waiting = self.is_signing_in || self.open >= self.max_open() || self.open_first > 0;
        self.endpoint.is_heard() && (is_waiting || has_many())
    }

    /// Puts it on the list of those that have something to send.
    pub(super) fn mark_ready(&mut self, id: ConnectionId, agenda: &mut Agenda) {
        if !self.is_ready {
            self.is_ready = true;
            agenda.ready.push_back(id);
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
        self.endpoint.push_written(now, written);
        self.wrote(id, config, agenda);
    }

    /// Notes that something was put into the queue.
    pub(super) fn wrote(&mut self, id: ConnectionId, config: &ServerConfig, agenda: &mut Agenda) {
        self.mark_ready(id, agenda);
        self.count(agenda);
        // This is rare: only if the deadline is later than it may be. It is computed anew when it passes.
        if let Some(within) = config.write_timeout
            && self.deadline > self.endpoint.progress() + within
        {
            self.move_deadline(id, self.endpoint.progress() + within, agenda);
        }
    }

    /// Updates the sum of all queues by what this one takes.
    pub(super) fn count(&mut self, agenda: &mut Agenda) {
        let capacity = self.endpoint.capacity();
        if capacity != self.counted {
            agenda.queued = agenda.queued - self.counted + capacity;
            self.counted = capacity;
        }
    }

    pub(super) fn set_deadline(&mut self, id: ConnectionId, config: &ServerConfig, agenda: &mut Agenda) {
        if let Some(deadline) = self.endpoint.poll_timeout(config) {
            self.move_deadline(id, deadline, agenda);
        }
    }

    fn move_deadline(&mut self, id: ConnectionId, deadline: Time, agenda: &mut Agenda) {
        agenda.deadlines.remove(&(self.deadline, id));
        self.deadline = deadline;
        agenda.deadlines.insert((deadline, id));
    }
}

/// Ask, about one connection.
impl Server {
    /// Returns whether the adapter is to read frames from this connection. Otherwise frames stay in the network, which
    /// slows the client down.
    ///
    /// They are not wanted:
    ///
    /// * while more than 64 KiB wait to be sent to the client (or more than half of the limit on its queue, if that is
    ///   less);
    /// * while one of these waits for the store: a sign-in or sign-out, a history, a list of contacts, other users, 64
    ///   other requests (4 until a user has signed in), or 256 on all connections of its user;
    /// * for a while after the client has sent frames [faster than it may](ServerConfig::frame_rate).
    ///
    /// Ask after each frame, after [`poll_transmit`](Self::poll_transmit) has taken something away, and when
    /// [`poll_ready`](Self::poll_ready) names the connection. A frame that is handed over anyway is handled.
    #[must_use]
    pub fn wants_frames(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(|connection| {
            connection.endpoint.wants_frames(&self.config) && !connection.waits_for_store(&self.operations)
        })
    }

    /// Returns the present limit in bytes on a frame of this connection. It is lower before a user signs in: see
    /// [`ServerConfig::max_stranger_frame_bytes`].
    #[must_use]
    pub fn max_frame_bytes(&self, id: ConnectionId) -> usize {
        match self.connections.get(&id) {
            Some(connection) => connection.endpoint.max_frame_bytes(&self.config),
            None => self.config.limits.max_frame_bytes.min(self.config.max_stranger_frame_bytes),
        }
    }
}

/// Handle: what the outside reports.
impl Server {
    /// Reports that a connection is gone. Its session can be restored for a while.
    pub fn handle_disconnected(&mut self, now: Time, id: ConnectionId) {
        self.advance(now);
        self.forget(id);
    }

    /// Counts what the adapter has read from this connection besides messages: each control frame or fragment, and each
    /// 4 KiB, counts as a frame, so that none of them can come faster than [`ServerConfig::frame_rate`] allows.
    pub fn handle_read(&mut self, now: Time, id: ConnectionId, bytes: usize, frames: usize) {
        self.advance(now);
        self.charge_frames(id, |connection| connection.endpoint.count_read(bytes, frames));
    }

    /// Reports that a client has answered a ping, or sent one: it is alive.
    pub fn handle_pong(&mut self, now: Time, id: ConnectionId) {
        self.advance(now);
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.endpoint.handle_pong(self.now);
        }
    }

    /// Reports a frame over the limit, which the adapter did not read. The connection is closed.
    pub fn handle_oversized(&mut self, now: Time, id: ConnectionId) {
        self.advance(now);
        self.tell(id, |endpoint, now, config| endpoint.handle_oversized(now, config));
    }

    /// Reports that a client has violated the WebSocket protocol (RFC 6455, section 7.1.7). The connection is closed
    /// with this code after all that waits to be sent. Continue to read it as long as it [exists](Self::has_connection)
    /// and its frames are [wanted](Self::wants_frames).
    pub fn handle_failed(&mut self, now: Time, id: ConnectionId, code: CloseCode) {
        self.advance(now);
        self.tell(id, |endpoint, now, config| endpoint.handle_failed(now, config, code));
    }

    /// Handles the deadlines that have passed. Call it at the time that [`poll_timeout`](Self::poll_timeout) returns;
    /// an earlier call changes nothing.
    pub fn handle_timeout(&mut self, now: Time) {
        self.advance(now);
        self.check_operations();
        while let Some((_, id)) = self.agenda.deadlines.first().copied().filter(|(at, _)| *at <= self.now) {
            self.check_deadline(id);
        }
    }

    /// Handles the deadline of a connection, and sets the next one. What arrived or left meanwhile has not moved the
    /// deadline, which would cost something for each frame; it is taken into account here.
    fn check_deadline(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let is_held_up = connection.waits_for_store(&self.operations);
        if connection.endpoint.handle_timeout(self.now, &self.config, is_held_up) {
            connection.mark_ready(id, &mut self.agenda);
            self.settle(id);
        }
        self.set_deadline(id);
    }

    pub(super) fn set_deadline(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.set_deadline(id, &self.config, &mut self.agenda);
        }
    }

    /// Counts frames for the rate, and stops reading the connection for a while if there were too many.
    pub(super) fn charge_frames(&mut self, id: ConnectionId, count: impl FnOnce(&mut Connection) -> usize) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let count = count(connection);
        if count == 0 {
            return;
        }
        let shared = match (connection.user(), connection.place) {
            (Some(user), _) => self.accounts.get_mut(user).map(|user| &mut user.frames),
            (None, Some(place)) => self.places.frames(place),
            _ => None,
        };
        if connection.endpoint.charge(self.now, &self.config, count, shared) {
            self.set_deadline(id);
        }
    }
}

impl Server {
    /// Calls an endpoint, and handles the consequences: it may have something to send, close its connection or drop it.
    pub(super) fn tell(
        &mut self,
        id: ConnectionId,
        what: impl FnOnce(&mut Endpoint<Session>, Time, &ServerConfig),
    ) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        what(&mut connection.endpoint, self.now, &self.config);
        if connection.endpoint.queued() > 0 {
            connection.wrote(id, &self.config, &mut self.agenda);
        }
        if !connection.endpoint.is_heard() {
            self.check_end(id);
        }
    }

    /// Handles the consequences of a call to an endpoint.
    pub(super) fn settle(&mut self, id: ConnectionId) {
        self.tell(id, |_, _, _| ());
    }

    /// Handles the end of an endpoint's work.
    #[cold]
    fn check_end(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.endpoint.is_gone() {
            connection.mark_ready(id, &mut self.agenda);
            return self.forget(id);
        }
        let Some(Closed { code, session }) = connection.endpoint.poll_closed() else { return };
        connection.set_deadline(id, &self.config, &mut self.agenda);
        let address = connection.place.map(Place::address);
        session.into_iter().for_each(|session| self.signed_out(id, session));
        if let Some(code) = code {
            self.tally.closed(code.code());
            self.tally.notes.add(|| Note::Closed { connection: id, address, code });
        }
    }

    /// Begins the closing handshake after all that waits to be sent. The user is gone from now on. If its opening
    /// handshake is not done, the connection is dropped.
    pub(super) fn begin_close(&mut self, id: ConnectionId, code: CloseCode) {
        self.tell(id, |endpoint, now, config| endpoint.close(now, config, code));
    }

    /// Drops a connection without a handshake; the adapter is to notice.
    pub(super) fn abort(&mut self, id: ConnectionId) {
        self.tell(id, |endpoint, _, _| endpoint.drop_now());
    }

    /// Notes that this connection does not reach its user any more. The session can be restored for a while.
    fn signed_out(&mut self, id: ConnectionId, session: Session) {
        let Session { user, key } = session;
        debug!("connection {id}: signed out");
        self.accounts.leave(user, id, self.now);
        self.presence_changed(user);
        // Unless another connection has taken it.
        if let Some((_, epoch)) = self.sessions.get(&key).copied().filter(|(holder, _)| *holder == id) {
            self.sessions.remove(&key);
            self.leave_session(key, epoch);
        }
    }

    /// Forgets a connection that is gone.
    fn forget(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.remove(&id) else { return };
        let Connection { mut endpoint, place, deadline, counted, .. } = *connection;
        endpoint.handle_disconnected();
        if let Some(session) = endpoint.poll_closed().and_then(|closed| closed.session) {
            self.signed_out(id, session);
        }
        debug!("connection {id}: gone");
        self.agenda.deadlines.remove(&(deadline, id));
        self.agenda.queued -= counted;
        self.agenda.held_up.remove(&id);
        self.no_stranger(id);
        place.into_iter().for_each(|place| self.places.remove(place, self.now));
    }
}
