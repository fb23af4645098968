//! What almost all frames are, read the short way: every field is one that belongs there, of the usual type, without
//! escapes. Of anything else these functions make nothing, and it is read as it has to be, from the beginning.
//!
//! What stands in their loops is always inlined, here and in the readers: left to itself the compiler calls some of it,
//! which costs a seventh of all instructions per message.

use super::client::{ClientMessage, Request};
use super::field::Field;
use super::parts::{Date, Message, Sender};
use super::server::{Answer, AnswerMessage, ServerMessage};
use crate::format::{Inside, Reader};
use crate::value::Fields;

/// A message of the two types that matter most: a chat message, or the answer to a `send_message` that was carried
/// out. The fields come in any order.
pub(super) fn server_message<'a, R: Reader<'a>>(
    mut map: Inside<'_, R, R::Left>,
) -> Option<ServerMessage<'a>> {
    let (mut kind, mut request, mut id, mut status) = (None, None, None, None);
    let mut parts = Parts::default();
    while let Some(name) = map.plain_name()? {
        match name {
            Field::Type => kind = Some(map.plain_bytes()?),
            Field::For => request = Some(map.plain_bytes()?),
            Field::Id => id = Some(map.plain_number()?),
            Field::Status => status = Some(map.plain_bytes()?),
            field => parts.take(field, &mut map)?,
        }
    }
    match (kind?, request, id, status) {
        (b"show_message", None, None, None) => parts.message().map(ServerMessage::ShowMessage),
        (b"request", Some(b"send_message"), Some(id), Some(b"200")) => {
            let outcome = Ok(Answer::MessageSent(Some(parts.only_date()?)));
            let extra = Fields::new();
            Some(ServerMessage::Answer(AnswerMessage { kind: "send_message".into(), id, outcome, extra }))
        }
        _ => None,
    }
}

/// A request to send a message.
pub(super) fn client_message<'a, R: Reader<'a>>(
    mut map: Inside<'_, R, R::Left>,
) -> Option<ClientMessage<'a>> {
    let (mut kind, mut number, mut to, mut body) = (None, None, None, None);
    while let Some(field) = map.plain_name()? {
        match field {
            Field::Type => kind = Some(map.plain_bytes()?),
            Field::OnRequest => number = Some(map.plain_number()?),
            Field::To => to = Some(map.plain_text()?),
            Field::Body => body = Some(map.plain_text()?),
            _ => return None,
        }
    }
    if kind? != b"send_message" || number? == 0 {
        return None;
    }
    Some(ClientMessage::new(number?, Request::SendMessage { to: to?.into(), body: body?.into() }))
}

/// A chat message of a history.
pub(super) fn message<'a, R: Reader<'a>>(mut map: Inside<'_, R, R::Left>) -> Option<Message<'a>> {
    let mut parts = Parts::default();
    while let Some(field) = map.plain_name()? {
        parts.take(field, &mut map)?;
    }
    parts.message()
}

/// What a chat message consists of.
#[derive(Default)]
struct Parts<'a> {
    /// Login and conference.
    from: Option<(&'a str, Option<&'a str>)>,
    to: Option<&'a str>,
    body: Option<&'a str>,
    date: Option<u64>,
}

impl<'a> Parts<'a> {
    #[inline(always)]
    fn take<R: Reader<'a>>(&mut self, field: Field, map: &mut Inside<'_, R, R::Left>) -> Option<()> {
        match field {
            Field::From => self.from = Some(map.plain_map(sender)?),
            Field::To => self.to = Some(map.plain_text()?),
            Field::Body => self.body = Some(map.plain_text()?),
            Field::Date => self.date = Some(map.plain_number()?),
            _ => return None,
        }
        Some(())
    }

    #[inline]
    fn message(self) -> Option<Message<'a>> {
        let (login, in_conference) = self.from?;
        let in_conference = in_conference.map(Into::into);
        let from = Sender { login: login.into(), in_conference, extra: Fields::new() };
        let (to, body) = (self.to?.into(), self.body?.into());
        Some(Message { from, to, body, date: Some(whole(self.date?)?), extra: Fields::new() })
    }

    #[inline]
    fn only_date(self) -> Option<Date<'a>> {
        match self {
            Parts { from: None, to: None, body: None, date: Some(date) } => whole(date),
            _ => None,
        }
    }
}

fn whole(date: u64) -> Option<Date<'static>> {
    i64::try_from(date).ok().map(Date::Integer)
}

fn sender<'a, R: Reader<'a>>(mut map: Inside<'_, R, R::Left>) -> Option<(&'a str, Option<&'a str>)> {
    let (mut login, mut in_conference) = (None, None);
    while let Some(name) = map.plain_name()? {
        match name {
            Field::Login => login = Some(map.plain_text()?),
            Field::InConference => in_conference = Some(map.plain_text()?),
            _ => return None,
        }
    }
    Some((login?, in_conference))
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use std::string::{String, ToString};
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::format::{Fill, Format, Frame, Read};
    use crate::message::Message;
    use crate::value::Value;

    fn texts(texts: &'static [&'static str]) -> impl Strategy<Value = Value<'static>> {
        prop::sample::select(texts).prop_map(Value::from)
    }

    /// Whatever a field may hold; escapes are needed for some of the texts.
    fn unusual() -> impl Strategy<Value = Value<'static>> {
        let sender = prop::collection::vec((Just("login".to_string()), texts(&["alice"])), 1);
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (i64::MIN..0).prop_map(Value::Negative),
            any::<f32>()
                .prop_filter("JSON has no others", |n| n.is_finite())
                .prop_map(|n| Value::Float(n.into())),
            "[a-z\"\n\u{e9}]{0,9}".prop_map(|text: String| Value::Text(text.into())),
            Just(Value::List(Vec::new())),
            sender.prop_map(|fields| Value::Map(map(fields))),
        ]
    }

    fn map(fields: Vec<(String, Value<'static>)>) -> Fields<'static> {
        fields.into_iter().map(|(name, value)| (name.into(), value)).collect()
    }

    /// Fields of messages, most of them of the usual type, with gaps, repetitions, and some that do not belong there.
    pub(in crate::message) fn fields() -> impl Strategy<Value = Fields<'static>> {
        const SHAPES: [&[usize]; 3] = [&[0, 1, 2, 3, 4], &[3, 4, 5, 6], &[7, 8, 9, 10, 11]];
        let sender = prop::collection::vec(
            prop_oneof![
                8 => texts(&["alice", "b\u{e9}a"]).prop_map(|login| ("login".to_string(), login)),
                2 => texts(&["rust"]).prop_map(|conference| ("in_conference".to_string(), conference)),
                1 => ("(login|in_conference|type|x)", unusual()),
            ],
            0..3,
        );
        let field = |name: &'static str, value: BoxedStrategy<Value<'static>>| {
            prop_oneof![12 => value, 1 => unusual()].prop_map(move |value| (name.to_string(), value)).boxed()
        };
        let number = || prop_oneof![4 => 0..100_u64, 1 => any::<u64>()].prop_map(Value::from).boxed();
        let text = || texts(&["", "alice", "Shall we meet?", "say \"hello\""]).boxed();
        let kinds = texts(&["show_message", "request", "send_message", "info"]).boxed();
        let usual = [
            field("type", texts(&["show_message"]).boxed()),
            field("from", sender.prop_map(|fields| Value::Map(map(fields))).boxed()),
            field("date", number()),
            field("to", text()),
            field("body", text()),
            field("type", texts(&["send_message"]).boxed()),
            field("on_request", number()),
            field("type", texts(&["request"]).boxed()),
            field("for", texts(&["send_message", "send_message", "get_history"]).boxed()),
            field("id", number()),
            field("status", texts(&["200", "200", "200 OK", "404", "2"]).boxed()),
            field("date", number()),
            field("type", kinds),
            ("(info|login|x|session_id)", unusual()).boxed(),
        ];
        // A chat message, a request, or an answer; often with a gap, something besides or twice; in any order.
        let places = prop::sample::select(&SHAPES[..]);
        let gap = prop_oneof![3 => Just(usize::MAX), 1 => 0..usual.len()];
        let more = prop_oneof![2 => Just(None), 1 => (0..usual.len()).prop_map(Some)];
        (places, gap, more).prop_flat_map(move |(places, gap, more)| {
            let places = places.iter().copied().filter(|place| *place != gap).chain(more);
            let fields: Vec<_> = places.filter_map(|place| usual.get(place).cloned()).collect();
            fields.prop_shuffle().prop_map(map)
        })
    }

    pub(in crate::message) fn both(fields: &Fields<'_>) -> (String, Vec<u8>) {
        let (mut json, mut cbor) = (Vec::new(), Vec::new());
        Format::Json.write(fields, &mut json);
        Format::Cbor.write(fields, &mut cbor);
        (String::from_utf8(json).unwrap(), cbor)
    }

    /// What the short ways make of a frame.
    #[derive(Default)]
    struct Short<'a> {
        server: Option<ServerMessage<'a>>,
        client: Option<ClientMessage<'a>>,
        message: Option<Message<'a>>,
    }

    impl<'a> Short<'a> {
        fn read(frame: Frame<'a>) -> Short<'a> {
            let mut short = Short::default();
            frame.read(&mut short).unwrap();
            short
        }
    }

    impl<'a> Fill<'a> for Short<'a> {
        fn fill<R: Reader<'a>>(&mut self, mut map: Inside<'_, R, R::Left>) -> Read<()> {
            self.server = map.attempt(server_message);
            if self.server.is_none() {
                self.client = map.attempt(client_message);
            }
            if self.server.is_none() && self.client.is_none() {
                self.message = map.attempt(message);
            }
            Ok(())
        }
    }

    fn frames<'a>(json: &'a String, cbor: &'a Vec<u8>) -> [Frame<'a>; 2] {
        [json.into(), cbor.into()]
    }

    /// Whatever their lengths and numbers are, up to what has 18 digits, with or without spaces.
    #[test]
    fn the_usual_is_read_the_short_way() {
        let lengths = [0, 1, 7, 8, 23, 24, 255, 256, 65_535, 65_536];
        let numbers =
            [9, 10, 23, 24, 255, 256, 65_535, 65_536, (1 << 32) - 1, 1 << 32, 999_999_999_999_999_999];
        for (length, number) in lengths.into_iter().flat_map(|length| numbers.map(|number| (length, number)))
        {
            let body = "x".repeat(length);
            let written = |encode: &dyn Fn(Format) -> Vec<u8>| {
                let json = String::from_utf8(encode(Format::Json)).unwrap();
                let spaced = json.replace("\":", "\" : ").replace(",\"", "\t, \"").replace('}', "\r}\n");
                [(json, encode(Format::Cbor)), (spaced, encode(Format::Cbor))]
            };
            let mut shown = Message::new("alice", "bob", &*body);
            shown.date = Some(Date::Integer(number));
            let id = number as u64;
            let outcome = Ok(Answer::MessageSent(shown.date.clone()));
            let answer = AnswerMessage { kind: "send_message".into(), id, outcome, extra: Fields::new() };
            for message in [ServerMessage::ShowMessage(shown.clone()), ServerMessage::Answer(answer)] {
                for (json, cbor) in written(&|format| message.encode(format)) {
                    for frame in frames(&json, &cbor) {
                        assert_eq!(Short::read(frame).server.as_ref(), Some(&message), "{frame:?}");
                    }
                }
            }
            let request = Request::SendMessage { to: "bob".into(), body: body.as_str().into() };
            let request = ClientMessage::new(id, request);
            for (json, cbor) in written(&|format| request.encode(format)) {
                for frame in frames(&json, &cbor) {
                    assert_eq!(Short::read(frame).client.as_ref(), Some(&request), "{frame:?}");
                }
            }
            // In a history, in a conference.
            shown.from.in_conference = Some("rust".into());
            let from = [("login", "alice".into()), ("in_conference", "rust".into())];
            let fields = [
                ("from", Value::Map(map(from.map(|(name, value)| (name.to_string(), value)).into()))),
                ("to", "bob".into()),
                ("body", Value::Text(body.clone().into())),
                ("date", id.into()),
            ];
            let (json, cbor) = both(&map(fields.map(|(name, value)| (name.to_string(), value)).into()));
            for frame in frames(&json, &cbor) {
                assert_eq!(Short::read(frame).message.as_ref(), Some(&shown), "{frame:?}");
            }
        }
    }
}
