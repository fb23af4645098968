//! Entries of logs on their way to connections: fed as they are appended, or read.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

use super::connection::Connection;
use super::cursor::{Cursor, WINDOW};
use super::endpoint::ENOUGH;
use super::pending::Pending;
use super::store::{AccountId, Content, Entry, Login, Message, Operation, is_conference};
use super::told::told_user;
use super::{ConnectionId, Server};
use crate::codec::{DecodeError, DecodeErrorKind, Fields};
use crate::message::{self, Date, InvalidRequest, ReadMark, Sent, ServerMessage};

/// Entries that are read at a time.
const READ: usize = 64;

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
        Content::Contact { with, state } => {
            let state = message::ContactState::from(Cow::Borrowed(state.as_str()));
            ServerMessage::ContactChanged(message::ContactChange::new(&**with, state, position))
        }
        Content::Changed { with, profile, member } => {
            let mut changed = message::ChangedUserData::new(told_user(with, profile));
            changed.position = Some(position);
            if let Some((member, state)) = member {
                changed.member = Some((&**member).into());
                changed.state = Some(Cow::Borrowed(state.as_str()).into());
            }
            ServerMessage::ChangedUserData(changed)
        }
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
    let (from, to) = match &stored.sender {
        Some(sender) => (&**sender, with),
        None if stored.is_own => (user, with),
        None => (with, user),
    };
    let mut message = message::Message::new(from, to, &*stored.body);
    message.from.in_conference = is_conference(with).then(|| with.into());
    message::Message { date: Some(Date::Integer(stored.date)), position, ..message }
}

impl Connection {
    /// Returns the user who is signed in, and the cursor, if the connection has one and nothing holds it up.
    fn cursor_mut(&mut self) -> Option<(AccountId, &mut Cursor)> {
        let user = self.endpoint.session()?.user;
        Some((user, self.cursor.as_mut()?))
    }
}

impl Server {
    /// Sends an entry to the connections that have a cursor over its log and expect it next. The others read it from
    /// the log. `origin` is the connection that had its answer.
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
            let (format, is_full) = (connection.endpoint.format(), connection.endpoint.queued() > ENOUGH);
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
                if cursor.takes(written.len()) {
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

    /// Reads the next entries for a connection, if it has a cursor and takes some: as many as its window and its queue
    /// take. The others wait in the log.
    pub(super) fn pump(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let waits = connection.endpoint.queued();
        let Some((account, cursor)) = connection.cursor_mut() else { return };
        let head = self.accounts.get(account).map_or(0, |account| account.head);
        let is_behind = cursor.position < head || cursor.must_read;
        if !is_behind || cursor.is_reading || !cursor.has_room() {
            return;
        }
        if waits > ENOUGH {
            self.agenda.held_up.insert(id);
            return;
        }
        (cursor.is_reading, cursor.reads_all, cursor.must_read) = (true, cursor.must_read, false);
        cursor.read_head = head;
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
        let waits = self.connections.get(&id).map_or(usize::MAX, |connection| connection.endpoint.queued());
        if waits <= ENOUGH / 2 && self.agenda.held_up.remove(&id) {
            self.pump(id);
        }
    }

    /// Sends the entries that were read for a connection.
    pub(super) fn log_read(&mut self, id: ConnectionId, entries: &[Entry]) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Some((account, cursor)) = connection.cursor_mut() else { return };
        cursor.is_reading = false;
        cursor.must_read |= cursor.reads_all && !entries.is_empty();
        if let Some(last) = entries.last() {
            self.accounts.grew(account, last.position);
        }
        let Some(user) = self.accounts.get(account).map(|account| &account.login) else { return };
        for Entry { position, content } in entries {
            let (format, waits) = (connection.endpoint.format(), connection.endpoint.queued());
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
            if !cursor.takes(written.len()) {
                return;
            }
            cursor.sent(written.len());
            connection.push_written(id, written, self.now, &self.config, &mut self.agenda);
        }
        // More may have come meanwhile. A store that does not have what it reported is not asked again and again.
        let Some((account, cursor)) = connection.cursor_mut() else { return };
        let has_grown = self.accounts.get(account).is_some_and(|account| account.head > cursor.read_head);
        if has_grown || cursor.must_read || !entries.is_empty() {
            self.pump(id);
        }
    }

    /// This connection had the answer to a message that came before.
    pub(super) fn note_answered(&mut self, id: ConnectionId, position: u64) {
        if let Some((_, cursor)) =
            self.connections.get_mut(&id).and_then(|connection| connection.cursor_mut())
        {
            cursor.answered(position);
        }
    }

    /// Handles a client's acknowledgement of the entries up to a position.
    ///
    /// # Errors
    /// If the position is beyond what was sent to it.
    pub(super) fn acknowledge(&mut self, id: ConnectionId, position: u64) -> Result<(), DecodeError> {
        let cursor = self.connections.get_mut(&id).and_then(|connection| connection.cursor_mut());
        let result = cursor.ok_or(()).and_then(|(_, cursor)| cursor.acknowledge(position));
        if result.is_ok() {
            return Ok(());
        }
        let kind = DecodeErrorKind::WrongType { expected: "a position that was sent on this connection" };
        let error = *Box::new(DecodeError::frame(kind)).in_field("position");
        let rejected = InvalidRequest { error: error.clone(), request: None };
        self.tell(id, |endpoint, now, config| _ = endpoint.reject(now, config, rejected));
        Err(error)
    }
}
