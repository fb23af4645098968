//! The answer to `get_history`: written once, with as many of the last messages as fit.

use alloc::vec::Vec;

use super::cursor::kept_message;
use super::entries::Stored;
use super::log::{Dialog, Log};
use super::refusal::{out_of_memory, refused};
use super::{ConnectionId, Server};
use crate::codec::Fields;
use crate::codec::Format;
use crate::message::{Answer, AnswerMessage, History, Message, Page, ServerMessage};

/// Bytes that escapes add to a text in JSON: one for each quotation mark, backslash and control character that has a
/// short escape, five for each other control character (RFC 8259, section 7).
fn escapes(text: &str) -> usize {
    let more = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 1,
        0..0x20 => 5,
        _ => 0,
    };
    text.bytes().map(more).sum()
}

/// Bytes of a number or length in the head of a CBOR item (RFC 8949, section 3).
const fn cbor_head(number: u64) -> usize {
    match number {
        0..24 => 1,
        24..0x100 => 2,
        0x100..0x1_0000 => 3,
        0x1_0000..0x1_0000_0000 => 5,
        _ => 9,
    }
}

/// Bytes of a text as JSON, without the quotation marks, or as CBOR.
fn text(format: Format, text: &str) -> usize {
    match format {
        Format::Json => text.len() + escapes(text),
        Format::Cbor => cbor_head(text.len() as u64) + text.len(),
    }
}

/// Bytes of a message's date.
fn date(format: Format, date: i64) -> usize {
    match format {
        Format::Json => {
            usize::from(date < 0) + date.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1
        }
        Format::Cbor if date < 0 => cbor_head(date.unsigned_abs() - 1),
        Format::Cbor => cbor_head(date.unsigned_abs()),
    }
}

/// Bytes of a message without its texts and its date.
const fn frame(format: Format) -> usize {
    match format {
        Format::Json => r#"{"from":{"login":""},"to":"","body":"","date":}"#.len(),
        Format::Cbor => b"\xa4\x64from\xa1\x65login\x62to\x64body\x64date".len(),
    }
}

/// Bytes of a message's position, with the field's name.
fn position(format: Format, position: u64) -> usize {
    match format {
        Format::Json => r#","position":"#.len() + position.checked_ilog10().unwrap_or(0) as usize + 1,
        Format::Cbor => b"\x68position".len() + cbor_head(position),
    }
}

/// Bytes of a message in the answer to `get_history`, both logins given as written.
fn message(format: Format, logins: usize, stored: &Stored, at: Option<u64>) -> usize {
    let position = at.map_or(0, |at| position(format, at));
    frame(format) + logins + text(format, &stored.body) + date(format, stored.date) + position
}

/// The places of the messages of a dialog that are asked for, from the first to the one after the last.
fn places(log: &Log, dialog: &Dialog, page: Page) -> (usize, usize) {
    // Dates increase with positions.
    let date = |position: u64| log.entries.message(position).map_or(i64::MIN, |stored| stored.date);
    let before = |of: &dyn Fn(u64) -> bool| dialog.positions().partition_point(|position| of(*position));
    let from = before(&|position| {
        page.after.is_some_and(|after| position <= after)
            || page.after_date.is_some_and(|after| date(position) <= after)
    });
    let to = before(&|position| {
        page.before.is_none_or(|before| position < before)
            && page.before_date.is_none_or(|before| date(position) < before)
    });
    (from, to.max(from))
}

impl Server {
    pub(super) fn get_history(&mut self, id: ConnectionId, number: u64, login: &str, page: Page) {
        let users = self.signed_in_user(id).and_then(|user| Ok((user, self.known_user(login)?)));
        let users = match page.limit {
            Some(0) => refused(400, "the field \"limit\" is 0, it must be at least 1"),
            _ => users,
        };
        let (user, other) = match users {
            Ok(users) => users,
            Err(refused) => return self.answer(id, number, "get_history", Err(refused)),
        };
        let Some(connection) = self.connections.get(&id) else { return };
        let format = connection.format;
        let is_paged = connection.cursor.is_some() || page != Page::default();
        let answer = |messages: Vec<Message<'_>>, more: bool, out: &mut Vec<u8>| {
            let mut history = History::new(messages);
            history.more = is_paged.then_some(more);
            let outcome = Ok(Answer::History(history));
            let message =
                AnswerMessage { kind: "get_history".into(), id: number, outcome, extra: Fields::new() };
            ServerMessage::Answer(message).encode_into(format, out);
        };
        // Without messages it is a few bytes; the head of a longer list takes up to eight more in CBOR.
        let empty = &mut self.scratch.cbor;
        empty.clear();
        answer(Vec::new(), false, empty);
        let mut size = empty.len() + 8;
        let logins = [user, other].map(|user| self.users.login(user));
        let logins = logins.iter().map(|login| text(format, login)).sum();
        let limit = page.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        let limit = limit.min(self.config.max_history_messages);
        // The first and the last position in the answer, how many there are, and whether there are more beyond them.
        let (mut from, mut to, mut count, mut more) = (u64::MAX, 0, 0, false);
        if let Some(log) = self.logs.get(user)
            && let Some(dialog) = log.dialog(other)
        {
            let (first, end) = places(log, dialog, page);
            let is_forward = (page.after.is_some() || page.after_date.is_some())
                && page.before.is_none()
                && page.before_date.is_none();
            let length = end - first;
            while count < limit.min(length) {
                let place = if is_forward { first + count } else { end - 1 - count };
                let Some(at) = dialog.positions().get(place).copied() else { break };
                let Some(stored) = log.entries.message(at) else { break };
                // With the comma in between.
                let larger = size + message(format, logins, stored, is_paged.then_some(at)) + 1;
                if larger > self.config.max_answer_bytes {
                    break;
                }
                (size, count, from, to) = (larger, count + 1, from.min(at), to.max(at));
            }
            more = count < length;
        }
        if !self.make_room(size) {
            return self.answer(id, number, "get_history", out_of_memory());
        }
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.is_slow(&self.config) {
            return self.cut_off(id);
        }
        let mut messages = Vec::with_capacity(count);
        if let Some(log) = self.logs.get(user)
            && let Some(dialog) = log.dialog(other)
        {
            // To make room, the oldest of them may have been given up.
            let first = dialog.positions().partition_point(|at| *at < from);
            for at in dialog.positions().iter().skip(first).take_while(|at| **at <= to) {
                let Some(stored) = log.entries.message(*at) else { continue };
                messages.push(kept_message(&self.users, user, other, stored, is_paged.then_some(*at)));
            }
        }
        connection.note_push(self.now);
        connection.output.reserve(size);
        connection.output.push(format, 0, |out| answer(messages, more, out));
        connection.wrote(id, &self.config, &mut self.agenda);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use alloc::string::String;

    use proptest::prelude::*;

    use super::*;
    use crate::message::Date;

    fn encoded(format: Format, messages: Vec<Message<'_>>) -> usize {
        let outcome = Ok(Answer::History(History::new(messages)));
        let message = AnswerMessage { kind: "get_history".into(), id: 1, outcome, extra: Fields::new() };
        ServerMessage::Answer(message).encode(format).len()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// If this fails the answer may exceed its limit, or leave out a message that would fit.
        #[test]
        fn the_size_of_a_message_is_known_before_it_is_written(
            logins in ["[a-z\"\u{1}é]{1,70}", "[a-z\\\\\n]{1,30}"],
            body in prop_oneof!["[ -~\\PC\u{0}-\u{1f}\"\\\\]{0,40}", (0..70_000_usize).prop_map(|n| "x".repeat(n))],
            at in any::<i64>().prop_flat_map(|most| prop_oneof![Just(most), 0..=most.saturating_abs()]),
            position in proptest::option::of(any::<u64>().prop_flat_map(|most| prop_oneof![Just(most), 0..=most])),
        ) {
            let body: String = body;
            let written = Message::new(&*logins[0], &*logins[1], &*body);
            let written = Message { date: Some(Date::Integer(at)), position, ..written };
            let stored = Stored::new(&body, at);
            for format in [Format::Json, Format::Cbor] {
                let names = logins.iter().map(|login| text(format, login)).sum();
                let expected = encoded(format, Vec::from([written.clone()])) - encoded(format, Vec::new());
                prop_assert_eq!(message(format, names, &stored, position), expected, "{:?}", &written);
            }
        }
    }
}
