//! The answer to `get_history`: written once, with as many of the last messages as fit.

use alloc::vec::Vec;

use super::dialogs::Stored;
use super::refusal::out_of_memory;
use super::{ConnectionId, Server};
use crate::codec::Fields;
use crate::codec::Format;
use crate::message::{Answer, AnswerMessage, Date, History, Message, ServerMessage};

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

/// Bytes of a message in the answer to `get_history`, both logins given as written.
fn message(format: Format, logins: usize, stored: &Stored) -> usize {
    frame(format) + logins + text(format, &stored.body) + date(format, stored.date)
}

impl Server {
    pub(super) fn get_history(&mut self, id: ConnectionId, number: u64, login: &str) {
        let users = self.signed_in_user(id).and_then(|user| Ok((user, self.known_user(login)?)));
        let (user, other) = match users {
            Ok(users) => users,
            Err(refused) => return self.answer(id, number, "get_history", Err(refused)),
        };
        let Some(connection) = self.connections.get(&id) else { return };
        let format = connection.format;
        let answer = |messages: Vec<Message<'_>>, out: &mut Vec<u8>| {
            let outcome = Ok(Answer::History(History::new(messages)));
            let message =
                AnswerMessage { kind: "get_history".into(), id: number, outcome, extra: Fields::new() };
            ServerMessage::Answer(message).encode_into(format, out);
        };
        // Without messages it is a few bytes; the head of a longer list takes up to eight more in CBOR.
        let empty = &mut self.scratch.cbor;
        empty.clear();
        answer(Vec::new(), empty);
        let mut size = empty.len() + 8;
        let logins = [user, other].map(|user| self.users.login(user));
        let logins = logins.iter().map(|login| text(format, login)).sum();
        let mut count = 0;
        for stored in self.dialogs.newest(user, other).take(self.config.max_history_messages) {
            // With the comma in between.
            let larger = size + message(format, logins, stored) + 1;
            if larger > self.config.max_answer_bytes {
                break;
            }
            (size, count) = (larger, count + 1);
        }
        if !self.make_room(size) {
            return self.answer(id, number, "get_history", out_of_memory());
        }
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.is_slow(&self.config) {
            return self.cut_off(id);
        }
        let mut messages = Vec::with_capacity(count);
        for stored in self.dialogs.newest(user, other).take(count) {
            let (from, to) = (self.users.login(stored.from), self.users.login(stored.to));
            let date = Some(Date::Integer(stored.date));
            messages.push(Message { date, ..Message::new(from, to, &*stored.body) });
        }
        messages.reverse();
        connection.note_push(self.now);
        connection.output.reserve(size);
        connection.output.push(format, 0, |out| answer(messages, out));
        connection.wrote(id, &self.config, &mut self.agenda);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use alloc::string::String;

    use proptest::prelude::*;

    use super::*;

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
        ) {
            let body: String = body;
            let written = Message::new(&*logins[0], &*logins[1], &*body);
            let written = Message { date: Some(Date::Integer(at)), ..written };
            let stored = Stored::new(&body, at);
            for format in [Format::Json, Format::Cbor] {
                let names = logins.iter().map(|login| text(format, login)).sum();
                let expected = encoded(format, Vec::from([written.clone()])) - encoded(format, Vec::new());
                prop_assert_eq!(message(format, names, &stored), expected, "{:?}", &written);
            }
        }
    }
}
