//! A connection's cursor over its user's log: entries that were sent, that were acknowledged, and that are sent next.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::connection::{Connection, ENOUGH, State};
use super::operations::Pending;
use super::store::{AccountId, Content, Entry, Login, Message, Operation};
use super::{ConnectionId, Server};
use crate::codec::{DecodeError, DecodeErrorKind, Fields};
use crate::message::{self, Date, ReadMark, Sent, ServerMessage, Since};

/// Entries that may be on their way to a client, beyond what it has acknowledged.
const WINDOW: usize = 256;
/// Bytes of these, as encoded.
const WINDOW_BYTES: usize = 1 << 20;
/// Entries that are read at a time.
const READ: usize = 64;

/// A connection's place in its user's log.
#[derive(Debug)]
pub(super) struct Cursor {
    /// The last position that was sent.
    position: u64,
    /// Bytes of each entry that was sent and not acknowledged, oldest first.
    on_way: VecDeque<u32>,
    /// Their sum.
    bytes: usize,
    /// Set while the log is read for it.
    is_reading: bool,
    /// Set if there may be more in the log than is known here: nothing was heard of it before this connection was there.
    must_read: bool,
    /// Positions of messages whose answers this connection had, and that were not sent yet, in order. If there are too many,
    /// the message is sent as a whole.
    answered: VecDeque<u64>,
}

impl Cursor {
    /// A cursor that begins after this position.
    pub(super) const fn new(begin: u64) -> Self {
        Cursor {
            position: begin,
            on_way: VecDeque::new(),
            bytes: 0,
            is_reading: false,
            must_read: true,
            answered: VecDeque::new(),
        }
    }

    /// Returns the position at which a cursor over a log begins, of which this is kept. A position of another log, or of
    /// what is not kept any more, means the log's beginning.
    pub(super) fn begin(begin: u64, head: u64, since: Since, is_same: bool) -> u64 {
        match since {
            Since::Head => head,
            Since::Position(position) if is_same && (begin..=head).contains(&position) => position,
            Since::Position(_) => begin,
        }
    }

    /// This connection has had the answer to a message.
    fn answered(&mut self, position: u64) {
        if position > self.position
            && self.answered.len() < WINDOW
            && let Err(place) = self.answered.binary_search(&position)
        {
            self.answered.insert(place, position);
        }
    }

    fn was_answered(&self, position: u64) -> bool {
        self.answered.binary_search(&position).is_ok()
    }

    /// The log has to be read, whatever is known of its head.
    pub(super) fn look_again(&mut self) {
        self.must_read = true;
    }

    /// A reading of the log has failed, and may be repeated.
    pub(super) fn read_failed(&mut self) {
        (self.is_reading, self.must_read) = (false, true);
    }

    /// Returns whether an entry of this length may be on its way, too. One always may.
    fn has_room(&self, length: usize) -> bool {
        self.on_way.is_empty() || (self.on_way.len() < WINDOW && self.bytes + length <= WINDOW_BYTES)
    }

    fn sent(&mut self, length: usize) {
        self.position += 1;
        self.bytes += length;
        self.on_way.push_back(u32::try_from(length).unwrap_or(u32::MAX));
        while self.answered.front().is_some_and(|answered| *answered <= self.position) {
            self.answered.pop_front();
        }
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
            self.answered.shrink_to_fit();
        }
        Ok(())
    }
}

/// Returns an entry of a user's log as it is sent.
fn entry<'a>(user: &'a Login, position: u64, content: &'a Content, was_answered: bool) -> ServerMessage<'a> {
    match content {
        Content::Message(stored) if was_answered => sent(position, stored.key.as_deref()),
        Content::Message(stored) => {
            let mut message = kept_message(user, stored, Some(position));
            message.key = stored.key.as_deref().map(Into::into);
            ServerMessage::ShowMessage(message)
        }
        Content::Read { with, up_to } => ServerMessage::Read(ReadMark::new(&**with, *up_to, position)),
        Content::Gone => {
            let mut message = Fields::new();
            message.push("type", "gone");
            message.push("position", position);
            ServerMessage::Unknown { kind: "gone".into(), message }
        }
    }
}

/// Returns an entry for the connection that had its answer.
fn sent(position: u64, key: Option<&str>) -> ServerMessage<'_> {
    ServerMessage::Sent(Sent { key: key.map(Into::into), ..Sent::new(position) })
}

/// Returns a message of a user's log.
pub(super) fn kept_message<'a>(
    user: &'a str,
    stored: &'a Message,
    position: Option<u64>,
) -> message::Message<'a> {
    let with = &*stored.with;
    let (from, to) = if stored.is_own { (user, with) } else { (with, user) };
    let message = message::Message::new(from, to, &*stored.body);
    message::Message { date: Some(Date::Integer(stored.date)), position, ..message }
}

impl Connection {
    /// The user who is signed in, and the cursor, if the connection has one and nothing holds it up.
    fn cursor_mut(&mut self) -> Option<(AccountId, &mut Cursor)> {
        match (&self.state, &mut self.cursor) {
            (State::SignedIn { user, .. }, Some(cursor)) => Some((*user, cursor)),
            _ => None,
        }
    }
}

impl Server {
    /// Sends an entry to the connections that have a cursor over its log and are next to it. The others read it. `origin`
    /// is the connection that had its answer.
    pub(super) fn feed(
        &mut self,
        position: u64,
        message: &ServerMessage<'_>,
        key: Option<&str>,
        ids: &[ConnectionId],
        origin: Option<ConnectionId>,
    ) {
        let mut behind = Vec::new();
        self.scratch.begin();
        for id in ids {
            let Some(connection) = self.connections.get_mut(id) else { continue };
            let (format, is_full) = (connection.format, connection.output.len() > ENOUGH);
            let Some((_, cursor)) = connection.cursor_mut() else { continue };
            let is_origin = Some(*id) == origin;
            let is_next = cursor.position + 1 == position && !cursor.is_reading && !cursor.must_read;
            if is_next && !is_full {
                let own;
                let written = if is_origin {
                    own = sent(position, key).encode(format);
                    &*own
                } else {
                    self.scratch.write(format, message)
                };
                if cursor.has_room(written.len()) {
                    cursor.sent(written.len());
                    connection.push_written(*id, written, self.now, &self.config, &mut self.agenda);
                    continue;
                }
            }
            if is_origin {
                cursor.answered(position);
            }
            behind.push(*id);
        }
        behind.into_iter().for_each(|id| self.pump(id));
    }

    /// Reads the next entries for a connection, if it has a cursor and takes some: as many as its window and its queue take.
    /// What does not fit waits in the log.
    pub(super) fn pump(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let waits = connection.output.len();
        let Some((account, cursor)) = connection.cursor_mut() else { return };
        let head = self.accounts.get(account).map_or(0, |account| account.head);
        let is_behind = cursor.position < head || cursor.must_read;
        if !is_behind || cursor.is_reading || !cursor.has_room(0) {
            return;
        }
        if waits > ENOUGH {
            self.agenda.held_up.insert(id);
            return;
        }
        (cursor.is_reading, cursor.must_read) = (true, false);
        let read = Operation::ReadLog {
            account,
            after: cursor.position,
            max_entries: READ.min(WINDOW - cursor.on_way.len()),
            max_bytes: ENOUGH,
        };
        self.ask(read, None, Pending::ReadLog { id });
    }

    /// Goes on in the log for a connection that was held up, once half of its queue has left.
    #[cold]
    pub(super) fn go_on(&mut self, id: ConnectionId) {
        let has_room = |connection: &Connection| connection.output.len() <= ENOUGH / 2;
        if self.connections.get(&id).is_some_and(has_room) && self.agenda.held_up.remove(&id) {
            self.pump(id);
        }
    }

    /// Sends the entries that were read for a connection.
    pub(super) fn log_read(&mut self, id: ConnectionId, entries: &[Entry]) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Some((account, cursor)) = connection.cursor_mut() else { return };
        cursor.is_reading = false;
        if let Some(last) = entries.last() {
            self.accounts.grew(account, last.position);
        }
        let Some(user) = self.accounts.get(account).map(|account| &account.login) else { return };
        for Entry { position, content } in entries {
            let (format, waits) = (connection.format, connection.output.len());
            let Some((_, cursor)) = connection.cursor_mut() else { return };
            if waits > ENOUGH {
                break;
            }
            if *position != cursor.position + 1 {
                return;
            }
            self.scratch.begin();
            let message = entry(user, *position, content, cursor.was_answered(*position));
            let written = self.scratch.write(format, &message);
            if !cursor.has_room(written.len()) {
                return;
            }
            cursor.sent(written.len());
            connection.push_written(id, written, self.now, &self.config, &mut self.agenda);
        }
        if !entries.is_empty() {
            self.pump(id);
        }
    }

    /// This connection had the answer to a message that came before.
    pub(super) fn note_answered(&mut self, id: ConnectionId, position: u64) {
        if let Some((_, cursor)) = self.connections.get_mut(&id).and_then(Connection::cursor_mut) {
            cursor.answered(position);
        }
    }

    /// Handles a client's acknowledgement of the entries up to a position.
    ///
    /// # Errors
    /// If the position is beyond what was sent to it.
    pub(super) fn acknowledge(&mut self, id: ConnectionId, position: u64) -> Result<(), DecodeError> {
        let cursor = self.connections.get_mut(&id).and_then(Connection::cursor_mut);
        let result = cursor.ok_or(()).and_then(|(_, cursor)| cursor.acknowledge(position));
        result.map_err(|()| {
            let kind = DecodeErrorKind::WrongType { expected: "a position that was sent on this connection" };
            *alloc::boxed::Box::new(DecodeError::frame(kind)).in_field("position")
        })
    }
}
