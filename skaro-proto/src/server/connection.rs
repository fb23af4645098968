//! One connection: its state and its queue, its deadlines, its end.

use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::format;

use super::config::ServerConfig;
use super::cursor::Cursor;
use super::notes::Note;
use super::operations::Operations;
use super::peer::Place;
use super::rate::{BYTES_PER_UNIT, Bucket};
use super::store::{AccountId, SessionKey};
use super::{ConnectionId, Server};
use crate::codec::{DecodeError, DecodeErrorKind, Format};
use crate::keep_alive::{KeepAlive, Silence};
use crate::log::debug;
use crate::output::{CloseCode, Output};
use crate::secret::Secret;
use crate::time::Time;

/// Operations of one connection that may be open until its frames are not wanted any more.
const MAX_OPEN: u32 = 64;
/// The same until somebody has signed in: each may keep a frame of a stranger.
const MAX_OPEN_OF_STRANGER: u32 = 4;

pub(super) struct Connection {
    pub(super) format: Format,
    pub(super) state: State,
    pub(super) output: Output,
    /// Cursor in its user's log, if the client asked for one.
    pub(super) cursor: Option<Box<Cursor>>,
    pub(super) keep_alive: KeepAlive,
    /// Address or network of the client, if it is known.
    pub(super) place: Option<Place>,
    /// The moment for which it stands in the list of deadlines.
    pub(super) deadline: Time,
    /// Set while the connection is in the list of those that have something to send.
    pub(super) is_ready: bool,
    /// The time at which something last left its queue, or there was nothing in it.
    pub(super) progress: Time,
    /// Bytes of its queue as they were last added to the sum of all queues.
    pub(super) counted: usize,
    /// Limit on the rate of frames, if neither its user nor its address is known.
    frames: Bucket,
    /// Bytes read since some of them counted as a frame.
    read: usize,
    /// The time until which it is not read, after frames that came too fast.
    pub(super) throttled: Option<Time>,
    /// Frames without sense so far.
    faults: u32,
    /// Refused attempts to sign in so far.
    pub(super) refused: u32,
    /// Set if it hears of presence.
    pub(super) hears_presence: bool,
    /// Set if nobody can listen to it: passwords may travel over it.
    pub(super) is_confidential: bool,
    /// Set while a sign-in is under way.
    pub(super) is_signing_in: bool,
    /// Operations of the store that its requests wait for.
    pub(super) open: u32,
    /// Those of them until whose end no frames are read.
    pub(super) open_first: u16,
}

pub(super) enum State {
    /// The opening handshake is under way, up to a moment.
    Opening { until: Time },
    /// Somebody may sign in, up to a moment.
    Open { token: Secret, until: Time },
    /// Somebody has.
    SignedIn { user: AccountId, session: SessionKey },
    /// The closing handshake is under way, up to a moment. What still comes is not heard, but counts for the rate.
    Closing { until: Time },
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
    pub(super) fn new(now: Time, format: Format, place: Option<Place>, state: State) -> Self {
        let mut connection = Connection {
            format,
            state,
            output: Output::default(),
            cursor: None,
            keep_alive: KeepAlive::new(now),
            place,
            deadline: now,
            is_ready: false,
            progress: now,
            counted: 0,
            frames: Bucket::default(),
            read: 0,
            throttled: None,
            faults: 0,
            refused: 0,
            hears_presence: false,
            is_confidential: false,
            is_signing_in: false,
            open: 0,
            open_first: 0,
        };
        if let State::Opening { until } = connection.state {
            connection.deadline = until;
        }
        connection
    }

    pub(super) const fn is_heard(&self) -> bool {
        matches!(self.state, State::Open { .. } | State::SignedIn { .. })
    }

    /// Returns the account of the user who is signed in.
    pub(super) const fn user(&self) -> Option<AccountId> {
        match self.state {
            State::SignedIn { user, .. } => Some(user),
            _ => None,
        }
    }

    /// Returns the number of open operations from which its frames are not wanted.
    pub(super) const fn max_open(&self) -> u32 {
        if self.is_signed_in() { MAX_OPEN } else { MAX_OPEN_OF_STRANGER }
    }

    /// Returns whether it is not read because of what its requests have asked the store for. After the end nothing is asked.
    fn waits_for_store(&self, operations: &Operations) -> bool {
        let has_many = || self.user().is_some_and(|user| operations.has_many_of(user));
        let is_waiting = self.is_signing_in || self.open >= self.max_open() || self.open_first > 0;
        self.is_heard() && (is_waiting || has_many())
    }

    pub(super) const fn is_signed_in(&self) -> bool {
        matches!(self.state, State::SignedIn { .. })
    }

    fn next_deadline(&self, config: &ServerConfig) -> Time {
        let alive = self.keep_alive.deadline(config.keep_alive);
        let alive = self.write_deadline(config).map_or(alive, |until| until.min(alive));
        let deadline = match self.state {
            State::Opening { until } | State::Closing { until } => until,
            State::Open { until, .. } => until.min(alive),
            State::SignedIn { .. } => alive,
        };
        self.throttled.map_or(deadline, |until| until.min(deadline))
    }
}

/// Ask, about one connection.
impl Server {
    /// Returns whether the adapter is to read frames of this connection. It is not while more than 64 KiB wait to be
    /// sent to the client (or more than half of the limit on its queue, if that is less), nor while a sign-in or sign-out, a
    /// history, a list of contacts, other users, 64 other requests (4 until somebody has signed in), or 256 on all connections of its user, wait for
    /// the store, nor after the client has sent frames [faster than it may](ServerConfig::frame_rate). Frames then stay in the
    /// network, which slows the client down.
    ///
    /// Ask after each frame, after [`poll_transmit`](Self::poll_transmit) has taken something away, and when
    /// [`poll_ready`](Self::poll_ready) names the connection. A frame that is handed over anyway is handled.
    #[must_use]
    pub fn wants_frames(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(|connection| {
            connection.throttled.is_none()
                && !connection.waits_for_store(&self.operations)
                && connection.has_room(&self.config)
        })
    }

    /// Limit in bytes on a frame of this connection at present. It is lower before a user signs in: see
    /// [`ServerConfig::max_stranger_frame_bytes`].
    #[must_use]
    pub fn max_frame_bytes(&self, id: ConnectionId) -> usize {
        let limit = self.config.limits.max_frame_bytes;
        match self.connections.get(&id) {
            Some(connection) if connection.is_signed_in() => limit,
            _ => limit.min(self.config.max_stranger_frame_bytes),
        }
    }
}

/// Handle: what the outside reports.
impl Server {
    /// A connection is gone. Its session can be restored for a while.
    pub fn handle_disconnected(&mut self, now: Time, id: ConnectionId) {
        self.advance(now);
        self.forget(id);
    }

    /// Counts what the adapter has read from this connection besides messages: each control frame or fragment, and each
    /// 4 KiB, count as a frame, so that none of them can come faster than [`ServerConfig::frame_rate`] allows.
    pub fn handle_read(&mut self, now: Time, id: ConnectionId, bytes: usize, frames: usize) {
        self.advance(now);
        self.charge_frames(id, |connection| {
            let read = connection.read.saturating_add(bytes);
            connection.read = read % BYTES_PER_UNIT;
            frames.saturating_add(read / BYTES_PER_UNIT)
        });
    }

    /// A client has answered a ping, or sent one: it is alive.
    pub fn handle_pong(&mut self, now: Time, id: ConnectionId) {
        self.advance(now);
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.keep_alive.heard(self.now);
        }
    }

    /// A client has sent a frame over the limit, which the adapter did not even read. The connection is closed.
    pub fn handle_oversized(&mut self, now: Time, id: ConnectionId) {
        self.advance(now);
        let limit = self.max_frame_bytes(id);
        debug!("connection {id}: a frame over the limit of {limit} bytes");
        self.notify_error(id, format!("the frame is over the limit of {limit} bytes").into());
        self.begin_close(id, CloseCode::TooBig);
    }

    /// A client has violated the WebSocket protocol (RFC 6455, section 7.1.7). The connection is closed with this code
    /// after all that waits to be sent; read it on as long as it [exists](Self::has_connection), and its frames are
    /// [wanted](Self::wants_frames).
    pub fn handle_failed(&mut self, now: Time, id: ConnectionId, code: CloseCode) {
        self.advance(now);
        debug!("connection {id}: violates the WebSocket protocol");
        self.begin_close(id, code);
    }

    /// Handles the deadlines that have passed: call it at the time that [`poll_timeout`](Self::poll_timeout) returns. An
    /// earlier call changes nothing.
    pub fn handle_timeout(&mut self, now: Time) {
        self.advance(now);
        self.check_operations();
        while let Some((_, id)) = self.agenda.deadlines.first().copied().filter(|(at, _)| *at <= self.now) {
            self.check_deadline(id);
        }
    }

    /// Looks after a connection whose deadline has come, and sets the next one. What arrived or left since does not
    /// move the deadline, which would cost something for each frame; it is taken into account here.
    fn check_deadline(&mut self, id: ConnectionId) {
        let (now, within) = (self.now, self.config.keep_alive);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.throttled.take_if(|until| *until <= now).is_some() {
            connection.mark_ready(id, &mut self.agenda);
        }
        let is_stuck = connection.write_deadline(&self.config).is_some_and(|until| until <= now);
        match connection.state {
            State::Opening { until } | State::Closing { until } if until <= now => {
                debug!("connection {id}: its handshake takes too long");
                return self.abort(id);
            }
            State::Opening { .. } | State::Closing { .. } => (),
            // A closing handshake would have to wait behind what does not leave.
            _ if is_stuck => {
                debug!("connection {id}: does not read");
                return self.abort(id);
            }
            State::Open { until, .. } if until <= now => {
                self.notify_error(id, "nobody signed in for too long: connect again to sign in".into());
                self.begin_close(id, CloseCode::Policy);
            }
            State::Open { .. } | State::SignedIn { .. } => match connection.keep_alive.check(now, within) {
                Silence::Bearable => (),
                Silence::Ping => {
                    connection.note_push(now);
                    connection.output.push_ping();
                    connection.wrote(id, &self.config, &mut self.agenda);
                }
                // Its pongs were not read.
                Silence::Dead if connection.waits_for_store(&self.operations) => {
                    connection.keep_alive.heard(now)
                }
                Silence::Dead => {
                    debug!("connection {id}: silent for too long");
                    return self.abort(id);
                }
            },
        }
        self.set_deadline(id);
    }

    pub(super) fn set_deadline(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        self.agenda.deadlines.remove(&(connection.deadline, id));
        connection.deadline = connection.next_deadline(&self.config);
        self.agenda.deadlines.insert((connection.deadline, id));
    }

    /// Counts frames for the rate, and stops reading the connection for a while if there were too many.
    pub(super) fn charge_frames(&mut self, id: ConnectionId, count: impl FnOnce(&mut Connection) -> usize) {
        let Some(rate) = self.config.frame_rate else { return };
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let count = u32::try_from(count(connection)).unwrap_or(u32::MAX);
        if count == 0 {
            return;
        }
        let shared = match (&connection.state, connection.place) {
            (State::SignedIn { user, .. }, _) => self.accounts.get_mut(*user).map(|user| &mut user.frames),
            (_, Some(place)) => self.places.frames(place),
            _ => None,
        };
        if let Some(until) = shared.unwrap_or(&mut connection.frames).take(count, self.now, rate) {
            debug!("connection {id}: sends too fast, not read until {until:?}");
            connection.throttled = Some(until);
            self.set_deadline(id);
        }
    }
}

impl Server {
    /// Answers a frame without sense, and closes the connection if it was one too many.
    pub(super) fn fault(&mut self, id: ConnectionId, error: &DecodeError) {
        let limit = self.config.max_invalid_frames;
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.faults += 1;
        debug!("connection {id}: a frame without sense, number {}", connection.faults);
        if matches!(error.kind, DecodeErrorKind::TooLarge { .. }) && error.field.is_empty() {
            self.begin_close(id, CloseCode::TooBig);
        } else if connection.faults >= limit {
            self.begin_close(id, CloseCode::Policy);
        }
    }

    /// Begins the closing handshake after all that waits to be sent. The user is gone from now on. A connection whose
    /// opening handshake is not done is dropped.
    pub(super) fn begin_close(&mut self, id: ConnectionId, code: CloseCode) {
        self.sign_out(id);
        let until = self.now + self.config.close_timeout;
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match connection.state {
            State::Closing { .. } => return,
            State::Opening { .. } => return self.abort(id),
            State::Open { .. } | State::SignedIn { .. } => (),
        }
        debug!("connection {id}: closing with code {}", code.code());
        self.tally.closed(code.code());
        let address = connection.place.map(Place::address);
        self.tally.notes.add(|| Note::Closed { connection: id, address, code });
        connection.state = State::Closing { until };
        connection.output.push_close(code);
        connection.wrote(id, &self.config, &mut self.agenda);
        self.set_deadline(id);
    }

    /// Drops a connection without a handshake; the adapter is to notice.
    pub(super) fn abort(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.mark_ready(id, &mut self.agenda);
        }
        self.forget(id);
    }

    /// The user is not reached by this connection any more; the session can be restored for a while.
    pub(super) fn sign_out(&mut self, id: ConnectionId) {
        let Some(State::SignedIn { user, session }) = self.connections.get(&id).map(|it| &it.state) else {
            return;
        };
        let (user, session) = (*user, *session);
        debug!("connection {id}: signed out");
        self.accounts.leave(user, id, self.now);
        self.presence_changed(user);
        // Unless another connection has taken it.
        if let Some((_, epoch)) = self.sessions.get(&session).copied().filter(|(holder, _)| *holder == id) {
            self.sessions.remove(&session);
            self.leave_session(session, epoch);
        }
    }

    pub(super) fn forget(&mut self, id: ConnectionId) {
        self.sign_out(id);
        if let Some(connection) = self.connections.remove(&id) {
            debug!("connection {id}: gone");
            self.agenda.deadlines.remove(&(connection.deadline, id));
            self.agenda.queued -= connection.counted;
            self.agenda.held_up.remove(&id);
            self.no_stranger(id);
            connection.place.into_iter().for_each(|place| self.places.remove(place, self.now));
        }
    }
}
