//! One connection: how it begins, what ends it.

use alloc::borrow::Cow;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;

use super::secrets::SessionKey;
use super::users::UserId;
use super::{ConnectError, ConnectionId, Server};
use crate::codec::{DecodeError, DecodeErrorKind, Format};
use crate::keep_alive::{KeepAlive, Silence};
use crate::message::{Challenge, Notice, ServerMessage};
use crate::output::{CloseCode, Output};
use crate::secret::Secret;
use crate::time::Time;

pub(super) struct Connection {
    pub(super) format: Format,
    pub(super) state: State,
    pub(super) output: Output,
    /// Whether it is in the list of those that have something to send.
    pub(super) is_ready: bool,
    keep_alive: KeepAlive,
    /// The moment for which it stands in the list of deadlines.
    deadline: Time,
    /// Frames without sense so far.
    faults: u32,
    /// Refused attempts to sign in so far.
    pub(super) refused: u32,
}

pub(super) enum State {
    /// Somebody may sign in, up to a moment.
    Open { token: Secret, until: Time },
    /// Somebody has.
    SignedIn { user: UserId, session: SessionKey },
    /// The closing handshake is under way, up to a moment. Nothing is heard any more.
    Closing { until: Time },
}

impl Connection {
    pub(super) fn mark_ready(&mut self, id: ConnectionId, ready: &mut VecDeque<ConnectionId>) {
        if !self.is_ready {
            self.is_ready = true;
            ready.push_back(id);
        }
    }
}

/// Handle: what the outside reports.
impl Server {
    /// Somebody has connected, and may have asked for a format (see [`Format::offered`]). The server speaks first.
    ///
    /// # Errors
    /// If the server is full or shutting down: drop the connection.
    pub fn handle_connected(
        &mut self,
        now: Time,
        format: Option<Format>,
    ) -> Result<ConnectionId, ConnectError> {
        self.advance(now);
        if self.shutting_down {
            return Err(ConnectError::ShuttingDown);
        }
        let limit = self.config.connections;
        if self.connections.len() >= limit {
            return Err(ConnectError::Full { limit });
        }
        self.last_connection += 1;
        let id = ConnectionId(self.last_connection);
        let token = Secret::from(self.secrets.next());
        let keep_alive = KeepAlive::new(self.now);
        let deadline = keep_alive.deadline(self.config.keep_alive);
        self.deadlines.insert((deadline, id));
        let connection = Connection {
            format: format.unwrap_or(self.config.format),
            state: State::Open { token: token.clone(), until: self.now + self.config.sign_in_timeout },
            output: Output::default(),
            is_ready: false,
            keep_alive,
            deadline,
            faults: 0,
            refused: 0,
        };
        self.connections.insert(id, connection);
        let token = Cow::Borrowed(token.expose());
        self.push(id, &ServerMessage::CheckConnection(Challenge::new(token)));
        self.mark_secret(id);
        Ok(id)
    }

    /// A connection is gone. Its session can be restored for a while.
    pub fn handle_disconnected(&mut self, now: Time, id: ConnectionId) {
        self.advance(now);
        self.forget(id);
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
        let limit = self.config.limits.frame;
        self.notify_error(id, format!("the frame is over the limit of {limit} bytes").into());
        self.begin_close(id, CloseCode::TooBig);
    }

    /// A deadline has come: see [`poll_timeout`](Self::poll_timeout). Calling it too early is no harm.
    pub fn handle_timeout(&mut self, now: Time) {
        self.advance(now);
        self.sessions.expire(self.now);
        while let Some((_, id)) = self.deadlines.first().copied().filter(|(at, _)| *at <= self.now) {
            self.check_deadline(id);
        }
    }

    /// Looks after a connection whose deadline has come, and sets the next one. Frames that arrived since do not
    /// move the deadline, which would cost something for each; they are taken into account here.
    fn check_deadline(&mut self, id: ConnectionId) {
        let (now, within) = (self.now, self.config.keep_alive);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match connection.state {
            // It has no other deadline.
            State::Closing { .. } => return self.abort(id),
            State::Open { until, .. } if until <= now => {
                self.notify_error(id, "nobody signed in for too long".into());
                self.begin_close(id, CloseCode::Policy);
            }
            State::Open { .. } | State::SignedIn { .. } => match connection.keep_alive.check(now, within) {
                Silence::Bearable => (),
                Silence::Ping => {
                    connection.output.push_ping();
                    connection.mark_ready(id, &mut self.ready);
                }
                Silence::Dead => return self.abort(id),
            },
        }
        self.set_deadline(id);
    }

    fn set_deadline(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        self.deadlines.remove(&(connection.deadline, id));
        let alive = connection.keep_alive.deadline(self.config.keep_alive);
        connection.deadline = match connection.state {
            State::Open { until, .. } => alive.min(until),
            State::SignedIn { .. } => alive,
            State::Closing { until } => until,
        };
        self.deadlines.insert((connection.deadline, id));
    }
}

/// Commands about connections.
impl Server {
    /// Tells something to everybody who is connected.
    pub fn announce(&mut self, now: Time, info: &str) {
        self.advance(now);
        let ids: Vec<_> = self.connections.keys().copied().collect();
        for id in ids {
            let notice = Notice::new(info);
            self.push(id, &ServerMessage::Info(notice));
        }
    }

    /// Shuts down: tells everybody, sends what waits to be sent, closes all connections, takes no new ones.
    pub fn shut_down(&mut self, now: Time, info: &str) {
        self.announce(now, info);
        self.shutting_down = true;
        let ids: Vec<_> = self.connections.keys().copied().collect();
        for id in ids {
            self.begin_close(id, CloseCode::Away);
        }
    }
}

impl Server {
    /// Writes a message to a connection; one that has not read for so long that too much waits is cut off.
    pub(super) fn push(&mut self, id: ConnectionId, message: &ServerMessage<'_>) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if matches!(connection.state, State::Closing { .. }) {
            return;
        }
        if connection.output.len() > self.config.limits.output {
            return self.cut_off(id);
        }
        let format = connection.format;
        connection.output.push(format, 0, |out| message.encode_into(format, out));
        connection.mark_ready(id, &mut self.ready);
    }

    /// What waits for a reader that is too slow is given up; messages wait for it in the histories.
    pub(super) fn cut_off(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.output.clear();
            self.begin_close(id, CloseCode::Policy);
        }
    }

    pub(super) fn mark_secret(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.output.mark_secret();
        }
    }

    pub(super) fn notify_error(&mut self, id: ConnectionId, info: super::Info) {
        self.push(id, &ServerMessage::Error(Notice::new(info)));
    }

    /// Answers a frame without sense, and closes the connection if it was one too many.
    pub(super) fn fault(&mut self, id: ConnectionId, error: &DecodeError) {
        let limit = self.config.faults;
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.faults += 1;
        if matches!(error.kind, DecodeErrorKind::TooLarge { .. }) {
            self.begin_close(id, CloseCode::TooBig);
        } else if connection.faults >= limit {
            self.begin_close(id, CloseCode::Policy);
        }
    }

    /// Begins the closing handshake after all that waits to be sent. The user is gone from now on.
    pub(super) fn begin_close(&mut self, id: ConnectionId, code: CloseCode) {
        self.sign_out(id);
        let until = self.now + self.config.close_timeout;
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if matches!(connection.state, State::Closing { .. }) {
            return;
        }
        connection.state = State::Closing { until };
        connection.output.push_close(code);
        connection.mark_ready(id, &mut self.ready);
        self.set_deadline(id);
    }

    /// Drops a connection without a handshake; the adapter is to notice.
    fn abort(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.mark_ready(id, &mut self.ready);
        }
        self.forget(id);
    }

    /// The user is not reached by this connection any more; the session can be restored for a while.
    pub(super) fn sign_out(&mut self, id: ConnectionId) {
        let Some(State::SignedIn { user, session }) = self.connections.get(&id).map(|it| &it.state) else {
            return;
        };
        let (user, session) = (*user, *session);
        if let Some(user) = self.users.get_mut(user) {
            user.online.retain(|other| *other != id);
        }
        self.sessions.detach(session, id, self.now + self.config.session_lifetime);
    }

    pub(super) fn forget(&mut self, id: ConnectionId) {
        self.sign_out(id);
        if let Some(connection) = self.connections.remove(&id) {
            self.deadlines.remove(&(connection.deadline, id));
        }
    }
}
