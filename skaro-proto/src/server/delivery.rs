//! Messages for several connections: from one user to another, kept and dated; and from the server to everybody.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::dialogs::Dialogs;
use super::users::UserId;
use super::{ConnectionId, Server};
use crate::codec::{Fields, Format};
use crate::message::{Date, Message, Notice, ServerMessage};
use crate::time::Time;

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
    /// Makes room for a message in the history of its dialog and in the queues of those to whom it is shown.
    pub(super) fn make_room_for_message(&mut self, from: UserId, to: UserId, body: &str) -> bool {
        let online = |user| self.users.get(user).map_or(0, |user| user.online.len());
        let length = body.len() + 256;
        self.make_room(Dialogs::cost(body.len()) + (online(from) + online(to)) * length)
    }

    /// Keeps a message and shows it to everybody concerned but the connection that it came from.
    pub(super) fn deliver(
        &mut self,
        from: UserId,
        to: UserId,
        body: &str,
        origin: Option<ConnectionId>,
    ) -> i64 {
        let now = self.time_of_day.at(self.now);
        let date = self.dialogs.add(from, to, body, now, &self.config);
        self.users.introduce(from, to);
        let mut message = Message::new(self.users.login(from), self.users.login(to), body);
        message.date = Some(Date::Integer(date));
        let message = ServerMessage::ShowMessage(message);
        let online = |user| self.users.get(user).map_or(&[][..], |user| &user.online);
        let others = online(from).iter().filter(|_| from != to);
        let targets = online(to).iter().chain(others).copied().filter(|id| Some(*id) != origin);
        let mut slow = Vec::new();
        self.scratch.begin();
        for id in targets {
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            if connection.is_slow(&self.config) {
                slow.push(id);
                continue;
            }
            let written = self.scratch.write(connection.format, &message);
            connection.push_written(id, written, self.now, &self.config, &mut self.agenda);
        }
        slow.into_iter().for_each(|id| self.cut_off(id));
        date
    }
}
