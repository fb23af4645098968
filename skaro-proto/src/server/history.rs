//! The answer to `get_history`: written once, with as many of the last messages as fit.

use alloc::vec::Vec;

use super::Server;
use super::entries::kept_message;
use super::pending::{Asker, Pending};
use super::refusal::{not_stored, out_of_memory, refused, unknown_user, wrong_outcome};
use super::store::{self, DialogMessage, Login, Operation, Outcome, StoreError, is_conference};
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

/// Bytes of the logins in a message of a user's dialog.
fn logins(format: Format, user: &str, stored: &store::Message) -> usize {
    let both = text(format, stored.sender.as_deref().unwrap_or(user)) + text(format, &stored.with);
    if !is_conference(&stored.with) {
        return both;
    }
    let field = match format {
        Format::Json => r#","in_conference":"""#.len(),
        Format::Cbor => b"\x6din_conference".len(),
    };
    both + field + text(format, &stored.with)
}

/// Bytes of a message in the answer to `get_history`, both logins given as written.
fn message(format: Format, logins: usize, stored: &store::Message, at: Option<u64>) -> usize {
    let position = at.map_or(0, |at| position(format, at));
    frame(format) + logins + text(format, &stored.body) + date(format, stored.date) + position
}

impl Server {
    pub(super) fn get_history(&mut self, asker: Asker, login: &str, page: Page) {
        let user = match page.limit {
            Some(0) => refused(400, "the field \"limit\" is 0, it must be at least 1"),
            _ => self.signed_in_user(asker.id).and_then(|user| self.check_login(login).map(|()| user)),
        };
        let account = match user {
            Ok(account) => account,
            Err(refused) => return self.answer(asker.id, asker.number, "get_history", Err(refused)),
        };
        let limit = page.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        let max_messages = limit.min(self.config.max_history_messages);
        let (with, max_bytes) = (Login::from(login), self.config.max_answer_bytes);
        let read = Operation::ReadDialog { account, with, page, max_messages, max_bytes };
        self.ask(read, Some(asker), Pending::History { page });
    }

    /// A dialog was read: it is answered with as many of the messages as fit.
    pub(super) fn history_read(
        &mut self,
        asker: Option<Asker>,
        page: Page,
        result: Result<Outcome, StoreError>,
    ) {
        let Some(Asker { id, number }) = asker else { return };
        let read = match result {
            Ok(Outcome::Dialog { messages, more }) => {
                self.signed_in_user(id).map(|user| (user, messages, more))
            }
            Ok(Outcome::NoSuchUser) => unknown_user(),
            Ok(_) => wrong_outcome(),
            Err(error) => not_stored(error),
        };
        let (user, messages, mut more) = match read {
            Ok(read) => read,
            Err(refused) => return self.answer(id, number, "get_history", Err(refused)),
        };
        let Some(connection) = self.connections.get(&id) else { return };
        let format = connection.endpoint.format();
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
        let Some(user) = self.accounts.get(user).map(|account| account.login.clone()) else { return };
        let (length, mut count) = (messages.len(), 0);
        while count < length {
            let place = if page.is_forward() { count } else { length - 1 - count };
            let Some(DialogMessage { position, message: stored }) = messages.get(place) else { break };
            // With the comma in between.
            let larger = size
                + message(format, logins(format, &user, stored), stored, is_paged.then_some(*position))
                + 1;
            if larger > self.config.max_answer_bytes {
                break;
            }
            (size, count) = (larger, count + 1);
        }
        more |= count < length;
        let (from, to) = if page.is_forward() { (0, count) } else { (length - count, length) };
        if !self.make_room(size) {
            return self.answer(id, number, "get_history", out_of_memory());
        }
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.endpoint.is_slow(&self.config) {
            return self.cut_off(id);
        }
        let messages = messages.get(from..to).unwrap_or_default();
        let messages =
            messages.iter().map(|it| kept_message(&user, &it.message, is_paged.then_some(it.position)));
        let messages = messages.collect();
        connection.endpoint.push_long(self.now, size, |out| answer(messages, more, out));
        connection.wrote(id, &self.config, &mut self.agenda);
        self.tally.answered("get_history", &Answer::History(History::default()));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use alloc::string::{String, ToString};

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
            user in "[a-z\"\u{1}é]{1,70}",
            with in "#?[a-z\\\\\n]{1,30}",
            sender in proptest::option::of("[a-z\"\u{1}é]{1,70}"),
            body in prop_oneof!["[ -~\\PC\u{0}-\u{1f}\"\\\\]{0,40}", (0..70_000_usize).prop_map(|n| "x".repeat(n))],
            at in any::<i64>().prop_flat_map(|most| prop_oneof![Just(most), 0..=most.saturating_abs()]),
            position in proptest::option::of(any::<u64>().prop_flat_map(|most| prop_oneof![Just(most), 0..=most])),
        ) {
            let body: String = body;
            let conference = with.strip_prefix('#').map(|_| with.clone());
            let mut stored = store::Message::new(with.as_str().into(), true, at, body.as_str().into());
            stored.sender = sender.filter(|_| conference.is_some()).map(|sender| sender.as_str().into());
            let from = stored.sender.as_deref().unwrap_or(&user).to_string();
            let mut written = Message::new(from, &*with, &*body);
            written.from.in_conference = conference.map(Into::into);
            let written = Message { date: Some(Date::Integer(at)), position, ..written };
            for format in [Format::Json, Format::Cbor] {
                let expected = encoded(format, Vec::from([written.clone()])) - encoded(format, Vec::new());
                let told = message(format, logins(format, &user, &stored), &stored, position);
                prop_assert_eq!(told, expected, "{:?}", &written);
            }
        }
    }
}
