//! Messages for several connections: from one user to another, kept and dated; and from the server to everybody.

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;

use super::logs::{Draft, Kept, Logs};
use super::rate::{BYTES_PER_UNIT, seconds};
use super::refusal::{Refused, out_of_memory, refused};
use super::users::UserId;
use super::{ConnectionId, Server, keys};
use crate::codec::{Fields, Format};
use crate::message::{Answer, Date, Message, Notice, ServerMessage};
use crate::time::Time;

/// Bytes of a message's key: a random prefix and a counter take less.
const KEY: usize = 64;

/// The Unix time, in milliseconds, that belongs to a moment.
#[derive(Clone, Copy, Default)]
pub(super) struct TimeOfDay {
    at: Time,
    unix: i64,
}

impl TimeOfDay {
    /// The Unix time now. Until it is told anything else the machine takes its times for Unix times.
    fn at(self, now: Time) -> i64 {
        let passed = i64::try_from((now - self.at).as_millis()).unwrap_or(i64::MAX);
        self.unix.saturating_add(passed)
    }
}

/// Buffers for a message to several connections, written once for each format.
#[derive(Default)]
pub(super) struct Scratch {
    json: Vec<u8>,
    pub(super) cbor: Vec<u8>,
}

/// Bytes of memory that the buffers keep for the next message.
const KEPT: usize = 128 << 10;

impl Scratch {
    /// Another message is written from now on.
    pub(super) fn begin(&mut self) {
        for written in [&mut self.json, &mut self.cbor] {
            written.clear();
            if written.capacity() > KEPT {
                written.shrink_to(KEPT);
            }
        }
    }

    /// The message in this format.
    pub(super) fn write(&mut self, format: Format, message: &ServerMessage<'_>) -> &[u8] {
        let written = match format {
            Format::Json => &mut self.json,
            Format::Cbor => &mut self.cbor,
        };
        if written.is_empty() {
            message.encode_into(format, written);
        }
        written
    }
}

/// Handle: what the outside reports.
impl Server {
    /// The time of day is this, in milliseconds of Unix time: messages are dated by it. It may jump, in either
    /// direction, when somebody sets the clock; the dates of one dialog increase all the same. An adapter tells it
    /// before each of its calls, which costs next to nothing; a machine that is never told takes its
    /// [times](Time) for Unix times.
    pub fn set_time_of_day(&mut self, now: Time, unix_millis: i64) {
        self.advance(now);
        self.time_of_day = TimeOfDay { at: self.now, unix: unix_millis };
    }
}

/// Commands: what whoever runs the server wants.
impl Server {
    /// Tells something to everybody who is connected.
    pub fn announce(&mut self, now: Time, info: &str) {
        self.advance(now);
        let notice = Notice { info: Cow::Borrowed(info), extra: Fields::new() };
        let message = ServerMessage::Info(notice);
        let mut slow = Vec::new();
        self.scratch.begin();
        for (id, connection) in self.connections.iter_mut().filter(|(_, connection)| connection.is_heard()) {
            if connection.is_slow(&self.config) {
                slow.push(*id);
                continue;
            }
            let written = self.scratch.write(connection.format, &message);
            connection.push_written(*id, written, self.now, &self.config, &mut self.agenda);
        }
        slow.into_iter().for_each(|id| self.cut_off(id));
    }
}

impl Server {
    pub(super) fn send_message(
        &mut self,
        id: ConnectionId,
        to: &str,
        body: &str,
        key: Option<&str>,
    ) -> Result<Answer<'static>, Refused> {
        let from = self.signed_in_user(id)?;
        let has_cursor = self.connections.get(&id).is_some_and(|connection| connection.cursor.is_some());
        let kept = match key {
            Some(key) => self.sent_before(id, from, to, body, key)?,
            None => None,
        };
        let kept = match kept {
            Some(kept) => kept,
            None => self.take(id, from, to, body, key)?,
        };
        let tells = key.is_some() || has_cursor;
        let position = tells.then_some(kept.position);
        Ok(Answer::MessageSent { date: Some(Date::Integer(kept.date)), position })
    }

    /// Returns the outcome of the message that the user sent with this key before, if there was one.
    fn sent_before(
        &mut self,
        id: ConnectionId,
        from: UserId,
        to: &str,
        body: &str,
        key: &str,
    ) -> Result<Option<Kept>, Refused> {
        if !(1..=KEY).contains(&key.len()) {
            let length = key.len();
            return refused(400, format!("the field \"key\" has {length} bytes, it may have 1 to {KEY}"));
        }
        let Some(&known) = self.logs.get(from).and_then(|log| log.keys.get(key)) else { return Ok(None) };
        if self.users.find(to) != Some(known.to) || keys::hash(body) != known.body {
            return refused(409, "there is another message with this key: make a new key for each message");
        }
        self.logs.set_answered(from, known.position, id);
        Ok(Some(Kept { position: known.position, date: known.date }))
    }

    /// Takes a message whose key is new, or that has none.
    fn take(
        &mut self,
        id: ConnectionId,
        from: UserId,
        to: &str,
        body: &str,
        key: Option<&str>,
    ) -> Result<Kept, Refused> {
        let to = self.known_user(to)?;
        let (length, limit) = (body.len(), self.config.limits.max_body_bytes);
        if length > limit {
            return refused(413, format!("the field \"body\" has {length} bytes, the limit is {limit}"));
        }
        let count = u32::try_from(length.div_ceil(BYTES_PER_UNIT).max(1)).unwrap_or(u32::MAX);
        if let Some(rate) = self.config.message_rate
            && let Some(user) = self.users.get_mut(from)
            && let Err(wait) = user.messages.try_take(count, self.now, rate)
        {
            return refused(429, format!("too many messages: try again in {} s", seconds(wait)));
        }
        let draft = Draft { from, to, body, key, origin: Some(id) };
        if !self.make_room_for_message(&draft) {
            return out_of_memory();
        }
        Ok(self.deliver(&draft))
    }

    /// Makes room for a message in the logs of its users and in the queues of those to whom it is shown.
    pub(super) fn make_room_for_message(&mut self, draft: &Draft<'_>) -> bool {
        let online = |user| self.users.get(user).map_or(0, |user| user.online.len());
        let (body, key) = (draft.body.len(), draft.key.map_or(0, str::len));
        self.make_room(Logs::cost(body, key) + (online(draft.from) + online(draft.to)) * (body + 256))
    }

    /// Keeps a message and shows it to everybody concerned but the connection that it came from: that one has its
    /// answer first.
    pub(super) fn deliver(&mut self, draft: &Draft<'_>) -> Kept {
        let &Draft { from, to, body, origin, .. } = draft;
        let kept = self.logs.add(draft, self.time_of_day.at(self.now), self.now, &self.config);
        self.users.introduce(from, to);
        let mut message = Message::new(self.users.login(from), self.users.login(to), body);
        message.date = Some(Date::Integer(kept.date));
        let message = ServerMessage::ShowMessage(message);
        let online = |user| self.users.get(user).map_or(&[][..], |user| &user.online);
        let others = online(from).iter().filter(|_| from != to);
        let targets = online(to).iter().chain(others).copied().filter(|id| Some(*id) != origin);
        let (mut slow, mut cursors) = (Vec::new(), Vec::new());
        self.scratch.begin();
        for id in targets {
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            if connection.cursor.is_some() {
                cursors.push(id);
                continue;
            }
            if connection.is_slow(&self.config) {
                slow.push(id);
                continue;
            }
            let written = self.scratch.write(connection.format, &message);
            connection.push_written(id, written, self.now, &self.config, &mut self.agenda);
        }
        slow.into_iter().for_each(|id| self.cut_off(id));
        cursors.into_iter().for_each(|id| self.pump(id));
        kept
    }
}
