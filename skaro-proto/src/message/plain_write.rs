//! What almost all frames are, written the short way: piece by piece, byte for byte as the long way writes it. Anything
//! else these functions leave alone, and it is written the long way.

use alloc::vec::Vec;

use super::client::{ClientMessage, Request};
use super::parts::{Date, Message};
use super::server::{Answer, AnswerMessage, ServerMessage};
use crate::format::{Format, Pieces};

impl ClientMessage<'_> {
    /// Writes the message if it is one that goes the short way.
    pub(super) fn write_plain(&self, format: Format, out: &mut Vec<u8>) -> Option<()> {
        match &self.request {
            Request::SendMessage { to, body } if self.extra.is_empty() => {
                send_message(format, out, self.on_request, to, body);
                Some(())
            }
            _ => None,
        }
    }
}

impl ServerMessage<'_> {
    /// Writes the message if it is one that goes the short way.
    pub(super) fn write_plain(&self, format: Format, out: &mut Vec<u8>) -> Option<()> {
        match self {
            ServerMessage::ShowMessage(message) => show_message(format, out, message),
            ServerMessage::Answer(answer) => message_sent(format, out, answer),
            _ => None,
        }
    }
}

/// Writes a request to send a message.
pub(crate) fn send_message(format: Format, out: &mut Vec<u8>, number: u64, to: &str, body: &str) {
    let mut pieces = Pieces::new(format, out);
    pieces.piece(r#"{"type":"send_message","to":""#, b"\xa4\x64type\x6csend_message\x62to");
    pieces.text(to);
    pieces.piece(r#"","body":""#, b"\x64body");
    pieces.text(body);
    pieces.piece(r#"","on_request":"#, b"\x6aon_request");
    pieces.number(number);
    pieces.piece("}", b"");
}

/// Writes a chat message with its date, and nothing besides.
fn show_message(format: Format, out: &mut Vec<u8>, message: &Message<'_>) -> Option<()> {
    let Message { from, to, body, date, extra } = message;
    let date = whole(date.as_ref()?)?;
    if from.in_conference.is_some() || !from.extra.is_empty() || !extra.is_empty() {
        return None;
    }
    let mut pieces = Pieces::new(format, out);
    pieces.piece(
        r#"{"type":"show_message","from":{"login":""#,
        b"\xa5\x64type\x6cshow_message\x64from\xa1\x65login",
    );
    pieces.text(&from.login);
    pieces.piece(r#""},"to":""#, b"\x62to");
    pieces.text(to);
    pieces.piece(r#"","body":""#, b"\x64body");
    pieces.text(body);
    pieces.piece(r#"","date":"#, b"\x64date");
    pieces.number(date);
    pieces.piece("}", b"");
    Some(())
}

/// Writes the answer that a message was sent, with its date.
fn message_sent(format: Format, out: &mut Vec<u8>, answer: &AnswerMessage<'_>) -> Option<()> {
    let AnswerMessage { kind, id, outcome: Ok(Answer::MessageSent(Some(date))), extra } = answer else {
        return None;
    };
    let date = whole(date)?;
    if !extra.is_empty() {
        return None;
    }
    let mut pieces = Pieces::new(format, out);
    pieces.piece(r#"{"type":"request","for":""#, b"\xa5\x64type\x67request\x63for");
    pieces.text(kind);
    pieces.piece(r#"","id":"#, b"\x62id");
    pieces.number(*id);
    pieces.piece(r#","status":"200","date":"#, b"\x66status\x63200\x64date");
    pieces.number(date);
    pieces.piece("}", b"");
    Some(())
}

fn whole(date: &Date<'_>) -> Option<u64> {
    match date {
        Date::Integer(date) => u64::try_from(*date).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString};

    use proptest::prelude::*;
    use serde::Serialize;

    use super::*;
    use crate::message::Sender;
    use crate::value::{Fields, Value};

    const FORMATS: [Format; 2] = [Format::Json, Format::Cbor];

    /// Texts of which some need escapes, some have a length that takes more than a byte, or than two.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "[a-z]{0,30}",
            4 => "[a-z\"\\\\\n\u{0}\u{7f}\u{e9}\u{20ac}\u{1f600}]{0,30}",
            1 => (0..70_000_usize).prop_map(|length| "x".repeat(length)),
        ]
    }

    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![0..300_u64, any::<u64>().prop_flat_map(|most| 0..=most)]
    }

    fn date() -> impl Strategy<Value = Option<Date<'static>>> {
        prop_oneof![
            4 => (0..=i64::MAX).prop_map(|date| Some(Date::Integer(date))),
            1 => any::<i64>().prop_map(|date| Some(Date::Integer(date))),
            1 => Just(Some(Date::Float(0.5))),
            1 => Just(Some(Date::Text("yesterday".into()))),
            1 => Just(None),
        ]
    }

    fn extra() -> impl Strategy<Value = Fields<'static>> {
        let some: Fields<'_> = [("x".into(), Value::from(true))].into_iter().collect();
        prop_oneof![4 => Just(Fields::new()), 1 => Just(some)]
    }

    fn the_long_way(format: Format, message: &impl Serialize) -> Vec<u8> {
        let mut out = b"before".to_vec();
        format.write(message, &mut out);
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_request_is_written_as_the_long_way_writes_it(
            number in number(), to in text(), body in text(), extra in extra(),
        ) {
            let request = Request::SendMessage { to: to.into(), body: body.into() };
            let message = ClientMessage { on_request: number, request, extra };
            for format in FORMATS {
                let mut out = b"before".to_vec();
                message.encode_into(format, &mut out);
                prop_assert_eq!(out, the_long_way(format, &message), "{:?}", &message);
            }
        }

        #[test]
        fn what_a_server_sends_is_written_as_the_long_way_writes_it(
            texts in [text(), text(), text()], id in number(), date in date(),
            in_conference in prop_oneof![4 => Just(None), 1 => text().prop_map(Some)],
            extras in [extra(), extra()],
        ) {
            let ([login, to, body], [extra, extra_of_sender]) = (texts, extras);
            let kind = if id % 2 == 0 { "send_message".to_string() } else { to.clone() };
            let sender =
                Sender { login: login.into(), in_conference: in_conference.map(Into::into), extra: extra_of_sender };
            let message = Message {
                from: sender, to: to.into(), body: body.into(), date: date.clone(), extra: extra.clone(),
            };
            let outcome = Ok(Answer::MessageSent(date));
            let answer = AnswerMessage { kind: kind.into(), id, outcome, extra };
            for message in [ServerMessage::ShowMessage(message), ServerMessage::Answer(answer)] {
                for format in FORMATS {
                    let mut out = b"before".to_vec();
                    message.encode_into(format, &mut out);
                    prop_assert_eq!(out, the_long_way(format, &message), "{:?}", &message);
                }
            }
        }
    }

    #[test]
    fn the_usual_goes_the_short_way() {
        let request = Request::SendMessage { to: "bob".into(), body: "hello".into() };
        assert!(ClientMessage::new(1, request).write_plain(Format::Json, &mut Vec::new()).is_some());
        let mut message = Message::new("alice", "bob", "hello");
        message.date = Some(Date::Integer(1));
        let outcome = Ok(Answer::MessageSent(message.date.clone()));
        let answer = AnswerMessage { kind: "send_message".into(), id: 1, outcome, extra: Fields::new() };
        for message in [ServerMessage::ShowMessage(message), ServerMessage::Answer(answer)] {
            assert!(message.write_plain(Format::Json, &mut Vec::new()).is_some());
        }
    }
}
