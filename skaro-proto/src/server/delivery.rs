//! Messages for several connections: from one user to another, kept and dated; and from the server to everybody.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::pending::{Asker, Pending, Sending};
use super::rate::{BYTES_PER_UNIT, seconds};
use super::refusal::{
    Refused, denied, nobody_signed_in, not_stored, out_of_memory, refused, refused_elsewhere, unknown_user,
    wrong_outcome,
};
use super::store::{AccountId, Appended, Login, Mark, Operation, Outcome, StoreError, is_conference};
use super::{ConnectionId, Server};
use crate::codec::{Fields, Format};
use crate::message::{Answer, Date, Message, Notice, ServerMessage};
use crate::output::CloseCode;
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
    /// Returns the Unix time now. Until the time of day is set, the machine takes its times for Unix times.
    fn at(self, now: Time) -> i64 {
        let passed = i64::try_from((now - self.at).as_millis()).unwrap_or(i64::MAX);
        self.unix.saturating_add(passed)
    }

    /// Returns the moment that belongs to a Unix time; that of the latest setting, if it is earlier.
    pub(super) fn when(self, unix: i64) -> Time {
        let millis = u64::try_from(unix.saturating_sub(self.unix)).unwrap_or(0);
        self.at + core::time::Duration::from_millis(millis)
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
    /// Begins another message.
    pub(super) fn begin(&mut self) {
        for written in [&mut self.json, &mut self.cbor] {
            written.clear();
            if written.capacity() > KEPT {
                written.shrink_to(KEPT);
            }
        }
    }

    /// Returns the message in this format, which is written at the first call.
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
    /// Sets the time of day, in milliseconds of Unix time, by which messages are dated.
    ///
    /// It may jump in either direction when the clock is set; the dates of one dialog increase nevertheless. An adapter
    /// sets it before each of its calls, which costs next to nothing. If it is never set, the machine takes its
    /// [times](Time) for Unix times.
    pub fn set_time_of_day(&mut self, now: Time, unix_millis: i64) {
        self.advance(now);
        self.time_of_day = TimeOfDay { at: self.now, unix: unix_millis };
    }
}

/// Commands: what the operator wants.
impl Server {
    /// Sends a text to all connected clients, signed in or not, as a notice (`info`).
    ///
    /// It is kept in no log: see [`post`](Self::post) for a message that is.
    pub fn announce(&mut self, now: Time, info: &str) {
        self.advance(now);
        let notice = Notice { info: Cow::Borrowed(info), extra: Fields::new() };
        let message = ServerMessage::Info(notice);
        let mut slow = Vec::new();
        self.scratch.begin();
        for (id, connection) in
            self.connections.iter_mut().filter(|(_, connection)| connection.endpoint.is_heard())
        {
            if connection.endpoint.is_slow(&self.config) {
                slow.push(*id);
                continue;
            }
            let written = self.scratch.write(connection.endpoint.format(), &message);
            connection.push_written(*id, written, self.now, &self.config, &mut self.agenda);
        }
        slow.into_iter().for_each(|id| self.cut_off(id));
    }

    /// Shuts down: tells all clients, sends what waits to be sent, closes all connections, and accepts no new ones.
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
    /// The Unix time now, in milliseconds.
    pub(super) fn unix_now(&self) -> i64 {
        self.time_of_day.at(self.now)
    }

    pub(super) fn send_message(&mut self, asker: Asker, to: &str, body: &str, key: Option<&str>) {
        let refuse = |server: &mut Server, refused: Refused| {
            server.answer(asker.id, asker.number, "send_message", Err(refused));
        };
        let from = match self.signed_in_user(asker.id) {
            Ok(from) => from,
            Err(refused) => return refuse(self, refused),
        };
        if let Some(length) = key.map(str::len).filter(|length| !(1..=KEY).contains(length)) {
            let info = format!("the field \"key\" has {length} bytes, it may have 1 to {KEY}");
            return refuse(self, (400, info.into()));
        }
        if let Err(refused) = self.check_login(to) {
            return refuse(self, refused);
        }
        match (self.charge_message(from, to, body), key) {
            (Ok((charged, sender)), _) => {
                let (to, body, key) = (Login::from(to), Arc::<str>::from(body), key.map(Arc::<str>::from));
                let append = Operation::Append {
                    from,
                    sender: sender.clone(),
                    to: to.clone(),
                    body: body.clone(),
                    key: key.clone(),
                    contacts_only: self.config.contacts_only,
                    now: self.unix_now(),
                };
                let sending = Sending { from, sender, to, body, key, charged };
                self.ask(append, Some(asker), Pending::Send(sending));
            }
            (Err(refused), None) => refuse(self, refused),
            // It may be a repetition, which is not refused.
            (Err(refused), Some(key)) => {
                let find = Operation::FindKey { from, to: to.into(), body: body.into(), key: key.into() };
                self.ask(find, Some(asker), Pending::Refuse(Box::new(refused)));
            }
        }
    }

    /// Checks what needs no store, and takes what the message costs from its sender's rate. Returns how much that was,
    /// and the sender's login.
    fn charge_message(&mut self, from: AccountId, to: &str, body: &str) -> Result<(u32, Login), Refused> {
        let (length, limit) = (body.len(), self.config.limits.max_body_bytes);
        if length > limit {
            return refused(413, format!("the field \"body\" has {length} bytes, the limit is {limit}"));
        }
        // In the queues of those to whom it is shown, and until it is stored.
        let each = length + 256;
        if !self.make_room(2 * self.config.max_connections_per_user * each) {
            let online = self.accounts.online(from).len() + self.accounts.count(to) + 1;
            if !self.make_room(online * each) {
                return out_of_memory();
            }
        }
        let count = u32::try_from(length.div_ceil(BYTES_PER_UNIT).max(1)).unwrap_or(u32::MAX);
        let charged = match is_conference(to) {
            true => self.charge_conference(from, to, count),
            false => self.charge_entries(from, count),
        };
        charged.map(|sender| (count, sender))
    }

    /// Takes the cost of log entries from the rate of a user. Returns the user's login.
    pub(super) fn charge_entries(&mut self, user: AccountId, count: u32) -> Result<Login, Refused> {
        let Some(user) = self.accounts.get_mut(user) else { return nobody_signed_in() };
        if let Some(rate) = self.config.message_rate
            && let Err(wait) = user.messages.try_take(count, self.now, rate)
        {
            return refused(429, format!("too many messages: try again in {} s", seconds(wait)));
        }
        Ok(user.login.clone())
    }

    /// Refuses a message, unless it was accepted before.
    pub(super) fn refuse_unless_repeated(
        &mut self,
        asker: Option<Asker>,
        refused: Refused,
        result: Result<Outcome, StoreError>,
    ) {
        let Some(asker) = asker else { return };
        let outcome = match result {
            Ok(Outcome::Appended(appended)) => return self.answer_sent(asker, true, &appended),
            Ok(Outcome::KeyTaken) => key_taken(),
            Ok(_) => Err(refused),
            Err(error) => not_stored(error),
        };
        self.answer(asker.id, asker.number, "send_message", outcome);
    }

    pub(super) fn answer_sent(&mut self, asker: Asker, has_key: bool, appended: &Appended) {
        let Asker { id, number } = asker;
        let has_cursor = self.connections.get(&id).is_some_and(|connection| connection.cursor.is_some());
        let position = (has_key || has_cursor).then_some(appended.position);
        let answer = Answer::MessageSent { date: Some(Date::Integer(appended.date)), position };
        self.answer(id, number, "send_message", Ok(answer));
        if appended.is_repetition {
            self.note_answered(id, appended.position);
        }
    }

    /// Answers the sender of a message that was appended, or was not, and delivers it.
    pub(super) fn sent(
        &mut self,
        asker: Option<Asker>,
        sending: &Sending,
        result: Result<Outcome, StoreError>,
    ) {
        let outcome = match result {
            Ok(Outcome::Appended(appended)) => {
                if let Some(asker) = asker {
                    self.answer_sent(asker, sending.key.is_some(), &appended);
                }
                if appended.is_repetition {
                    self.refund(sending);
                }
                let origin = asker.map(|asker| asker.id);
                return self.deliver(sending, &appended, origin);
            }
            Ok(Outcome::Posted { appended, logs }) => return self.posted(asker, sending, &appended, &logs),
            Ok(Outcome::KeyTaken) => key_taken(),
            Ok(Outcome::NoSuchUser) => unknown_user(),
            Ok(Outcome::Denied(denial)) => denied(denial),
            Ok(Outcome::Refused(refusal)) => refused_elsewhere(refusal),
            Ok(_) => wrong_outcome(),
            Err(error) => not_stored(error),
        };
        self.refund(sending);
        if let Some(asker) = asker {
            self.answer(asker.id, asker.number, "send_message", outcome);
        }
    }

    /// Gives back the cost of entries that are not written.
    pub(super) fn give_back(&mut self, user: AccountId, count: u32) {
        if let Some(rate) = self.config.message_rate
            && let Some(user) = self.accounts.get_mut(user)
        {
            user.messages.give_back(count, rate);
        }
    }

    /// Shows an appended message to everybody concerned, except the connection that it came from, which has had its
    /// answer.
    pub(super) fn deliver(&mut self, sending: &Sending, appended: &Appended, origin: Option<ConnectionId>) {
        let &Sending { from, ref sender, ref to, ref body, .. } = sending;
        if appended.is_repetition {
            // Unless something as new was heard of, nobody here may have been told of the first time.
            if self.accounts.get(from).is_none_or(|sender| sender.head < appended.position) {
                self.accounts.grew(from, appended.position);
                self.pump_all(from, None);
                self.look_again(appended.to);
            }
            return;
        }
        let mut message = Message::new(&**sender, &**to, &**body);
        message.date = Some(Date::Integer(appended.date));
        let other = (from != appended.to).then_some(from);
        let accounts = core::iter::once(appended.to).chain(other);
        let has_cursors = self.show_without_cursor(&ServerMessage::ShowMessage(message), accounts, origin);
        if has_cursors {
            self.feed_cursors(sending, appended, origin);
        }
    }

    /// Shows a message to all connections of these users that have no cursor, except the one that had its answer.
    /// Returns whether there are others.
    #[inline]
    pub(super) fn show_without_cursor(
        &mut self,
        message: &ServerMessage<'_>,
        accounts: impl Iterator<Item = AccountId>,
        origin: Option<ConnectionId>,
    ) -> bool {
        let (mut slow, mut has_cursors) = (Vec::new(), false);
        self.scratch.begin();
        for account in accounts {
            for &id in self.accounts.online(account) {
                let Some(connection) = self.connections.get_mut(&id) else { continue };
                if connection.cursor.is_some() {
                    has_cursors = true;
                    continue;
                }
                if Some(id) == origin {
                    continue;
                }
                if connection.endpoint.is_slow(&self.config) {
                    slow.push(id);
                    continue;
                }
                let written = self.scratch.write(connection.endpoint.format(), message);
                connection.push_written(id, written, self.now, &self.config, &mut self.agenda);
            }
        }
        slow.into_iter().for_each(|id| self.cut_off(id));
        has_cursors
    }

    /// Sends a message's entries to the cursors over both logs.
    #[inline(never)]
    fn feed_cursors(&mut self, sending: &Sending, appended: &Appended, origin: Option<ConnectionId>) {
        let Sending { from, sender, to, body, key, .. } = sending;
        let theirs = (*from != appended.to).then_some((appended.to, appended.their_position, None));
        let own = (*from, appended.position, key.as_deref());
        for (account, position, key) in [Some(own), theirs].into_iter().flatten() {
            self.accounts.grew(account, position);
            let mut message = Message::new(&**sender, &**to, &**body);
            message.date = Some(Date::Integer(appended.date));
            (message.position, message.key) = (Some(position), key.map(Into::into));
            let ids = self.accounts.online(account).to_vec();
            self.feed(position, &ServerMessage::ShowMessage(message), key, &ids, origin);
        }
    }

    /// Lets the cursors over a log read on: it may have grown beyond what is known here.
    fn look_again(&mut self, account: AccountId) {
        let ids = self.accounts.online(account).to_vec();
        for id in ids {
            if let Some(cursor) = self.connections.get_mut(&id).and_then(|it| it.cursor.as_mut()) {
                cursor.look_again();
                self.pump(id);
            }
        }
    }

    /// Tells connected users what an operation of the operator has changed.
    pub(super) fn operated(&mut self, operation: &Operation, result: &Result<Outcome, StoreError>) {
        match (operation, result) {
            (Operation::Append { from, sender, to, body, key, .. }, Ok(Outcome::Appended(appended))) => {
                let (sender, to, body, key) = (sender.clone(), to.clone(), body.clone(), key.clone());
                let sending = Sending { from: *from, sender, to, body, key, charged: 0 };
                self.deliver(&sending, appended, None);
            }
            (
                Operation::Append { from, sender, to, body, key, .. },
                Ok(Outcome::Posted { appended, logs }),
            ) => {
                let (sender, to, body, key) = (sender.clone(), to.clone(), body.clone(), key.clone());
                let sending = Sending { from: *from, sender, to, body, key, charged: 0 };
                self.posted(None, &sending, appended, logs);
            }
            (
                Operation::MoveMark { account, .. },
                Ok(Outcome::Marked(Mark { position: Some(position), .. })),
            ) => {
                self.accounts.grew(*account, *position);
                self.pump_all(*account, None);
            }
            (operation, Ok(Outcome::Done)) => self.account_changed(operation),
            (operation, Ok(Outcome::Changed(logs))) => {
                self.account_changed(operation);
                self.logs_grew(logs);
            }
            _ => (),
        }
    }
}

fn key_taken<T>() -> Result<T, Refused> {
    refused(409, "there is another message with this key, to somebody else or with another text")
}
