//! A connection's cursor over its user's log: entries that were sent, that were acknowledged, and that are sent next.

use alloc::collections::VecDeque;

use super::config::ServerConfig;
use super::connection::{Agenda, Connection, ENOUGH, State};
use super::delivery::Scratch;
use super::entries::{Entry, Stored, What};
use super::log::Log;
use super::logs::Logs;
use super::users::{UserId, Users};
use super::{ConnectionId, Server};
use crate::codec::{DecodeError, DecodeErrorKind, Fields};
use crate::message::{Date, Message, ReadMark, Sent, ServerMessage, Since};
use crate::time::Time;

/// Entries that may be on their way to a client, beyond what it has acknowledged.
const WINDOW: usize = 256;
/// Bytes of these, as encoded.
const WINDOW_BYTES: usize = 1 << 20;

/// A connection's place in its user's log.
#[derive(Debug)]
pub(super) struct Cursor {
    /// The last position that was sent.
    position: u64,
    /// Bytes of each entry that was sent and not acknowledged, oldest first.
    on_way: VecDeque<u32>,
    /// Their sum.
    bytes: usize,
}

impl Cursor {
    /// A cursor that begins after this position.
    pub(super) const fn new(begin: u64) -> Self {
        Cursor { position: begin, on_way: VecDeque::new(), bytes: 0 }
    }

    /// Returns the position at which a cursor over this log begins. A position of another log, or of what is not kept any
    /// more, means the log's beginning.
    pub(super) fn begin(log: Option<&Log>, since: Since, is_same: bool) -> u64 {
        let (begin, head) = log.map_or((0, 0), |log| (log.entries.begin(), log.entries.head()));
        match since {
            Since::Head => head,
            Since::Position(position) if is_same && (begin..=head).contains(&position) => position,
            Since::Position(_) => begin,
        }
    }

    /// Returns whether an entry of this length may be on its way, too. One always may.
    fn has_room(&self, length: usize) -> bool {
        self.on_way.is_empty() || (self.on_way.len() < WINDOW && self.bytes + length <= WINDOW_BYTES)
    }

    fn sent(&mut self, length: usize) {
        self.position += 1;
        self.bytes += length;
        self.on_way.push_back(u32::try_from(length).unwrap_or(u32::MAX));
    }

    /// Takes an acknowledgement. One of a position that was acknowledged before changes nothing.
    ///
    /// # Errors
    /// If the position is beyond what was sent.
    fn acknowledge(&mut self, position: u64) -> Result<(), ()> {
        let left = self.position.checked_sub(position).ok_or(())?;
        while self.on_way.len() as u64 > left {
            self.bytes -= self.on_way.pop_front().unwrap_or_default() as usize;
        }
        // An idle connection keeps nothing of it.
        if self.on_way.is_empty() {
            self.on_way = VecDeque::new();
        }
        Ok(())
    }
}

/// Returns the entry at this position as this connection is to see it.
fn message<'a>(
    users: &'a Users,
    user: UserId,
    id: ConnectionId,
    position: u64,
    entry: Option<&'a Entry>,
) -> ServerMessage<'a> {
    match entry.map(|entry| (entry.with, &entry.what)) {
        Some((with, What::Message(stored))) => {
            if stored.answered == Some(id) {
                return ServerMessage::Sent(Sent {
                    key: stored.key.as_deref().map(Into::into),
                    ..Sent::new(position)
                });
            }
            let mut message = kept_message(users, user, with, stored, Some(position));
            message.key = stored.key.as_deref().map(Into::into);
            ServerMessage::ShowMessage(message)
        }
        Some((with, What::Read { up_to })) => {
            ServerMessage::Read(ReadMark::new(users.login(with), *up_to, position))
        }
        Some((_, What::Gone)) | None => {
            let mut message = Fields::new();
            message.push("type", "gone");
            message.push("position", position);
            ServerMessage::Unknown { kind: "gone".into(), message }
        }
    }
}

/// Returns a message of a user's log.
pub(super) fn kept_message<'a>(
    users: &'a Users,
    user: UserId,
    with: UserId,
    stored: &'a Stored,
    position: Option<u64>,
) -> Message<'a> {
    let (from, to) = if stored.is_own { (user, with) } else { (with, user) };
    let message = Message::new(users.login(from), users.login(to), &*stored.body);
    Message { date: Some(Date::Integer(stored.date)), position, ..message }
}

impl Connection {
    /// The user who is signed in, and the cursor, if the connection has one and nothing holds it up.
    fn cursor_mut(&mut self) -> Option<(UserId, &mut Cursor)> {
        match (&self.state, &mut self.cursor) {
            (State::SignedIn { user, .. }, Some(cursor)) => Some((*user, cursor)),
            _ => None,
        }
    }
}

/// The state from which entries for connections are written.
pub(super) struct Source<'s> {
    pub(super) users: &'s Users,
    pub(super) logs: &'s Logs,
    pub(super) config: &'s ServerConfig,
    pub(super) now: Time,
}

impl Source<'_> {
    /// Writes the next entries to a connection with a cursor, as many as its window and its queue take: what does not
    /// fit waits in the log.
    pub(super) fn fill(
        &self,
        id: ConnectionId,
        connection: &mut Connection,
        scratch: &mut Scratch,
        agenda: &mut Agenda,
    ) {
        while connection.output.len() <= ENOUGH
            && let format = connection.format
            && let Some((user, cursor)) = connection.cursor_mut()
            && let Some(log) = self.logs.get(user)
            && cursor.position < log.entries.head()
            && cursor.has_room(0)
        {
            let position = cursor.position + 1;
            let message = message(self.users, user, id, position, log.entries.get(position));
            scratch.begin();
            let written = scratch.write(format, &message);
            if !cursor.has_room(written.len()) {
                return;
            }
            cursor.sent(written.len());
            connection.push_written(id, written, self.now, self.config, agenda);
        }
    }
}

impl Server {
    /// Writes the next entries to a connection, if it has a cursor.
    pub(super) fn pump(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let source = Source { users: &self.users, logs: &self.logs, config: &self.config, now: self.now };
        source.fill(id, connection, &mut self.scratch, &mut self.agenda);
    }

    /// Handles a client's acknowledgement of the entries up to a position.
    ///
    /// # Errors
    /// If the position is beyond what was sent to it.
    pub(super) fn acknowledge(&mut self, id: ConnectionId, position: u64) -> Result<(), DecodeError> {
        let cursor = self.connections.get_mut(&id).and_then(|connection| connection.cursor_mut());
        let result = cursor.ok_or(()).and_then(|(_, cursor)| cursor.acknowledge(position));
        result.map_err(|()| {
            let kind = DecodeErrorKind::WrongType { expected: "a position that was sent on this connection" };
            *alloc::boxed::Box::new(DecodeError::frame(kind)).in_field("position")
        })
    }
}
