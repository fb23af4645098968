//! Sample messages.

use skaro_proto::message::{Answer, AnswerMessage, Date, History, Message, ServerMessage};
use skaro_proto::{Format, Frame};

/// A body of 28 bytes, which makes the message 118 bytes of JSON.
pub const BODY: &str = "Shall we meet at the bridge?";
pub const DATE: i64 = 1_753_358_400_000;
pub const FORMATS: [Format; 2] = [Format::Json, Format::Cbor];

pub const TYPE_FIRST: &str = r#"{"type":"show_message","from":{"login":"alice"},"to":"bob","body":"Shall we meet at the bridge?","date":1753358400000}"#;
pub const TYPE_MIDDLE: &str = r#"{"date":1753358400000,"from":{"login":"alice"},"type":"show_message","to":"bob","body":"Shall we meet at the bridge?"}"#;
pub const TYPE_LAST: &str = r#"{"from":{"login":"alice"},"to":"bob","body":"Shall we meet at the bridge?","date":1753358400000,"type":"show_message"}"#;

/// A message with an unknown field.
pub const MORE: &str = r#"{"type":"show_message","from":{"login":"alice"},"to":"bob","body":"Shall we meet at the bridge?","date":1753358400000,"read":false}"#;

/// The stored content of a frame. Text is stored as such, since a WebSocket library has checked it already.
#[derive(Clone, Debug)]
pub enum Content {
    Text(String),
    Binary(Vec<u8>),
}

impl Content {
    pub fn of(format: Format, bytes: Vec<u8>) -> Self {
        match format {
            Format::Json => Content::Text(String::from_utf8(bytes).unwrap()),
            Format::Cbor => Content::Binary(bytes),
        }
    }

    /// Creates a frame of this JSON, or of the same data as CBOR in the same order.
    pub fn translated(format: Format, json: &str) -> Self {
        match format {
            Format::Json => Content::Text(json.into()),
            Format::Cbor => Content::Binary(as_cbor(json)),
        }
    }

    pub fn frame(&self) -> Frame<'_> {
        match self {
            Content::Text(text) => Frame::Text(text),
            Content::Binary(bytes) => Frame::Binary(bytes),
        }
    }

    pub fn bytes(&self) -> &[u8] {
        match self {
            Content::Text(text) => text.as_bytes(),
            Content::Binary(bytes) => bytes,
        }
    }

    pub fn text(&self) -> &str {
        match self {
            Content::Text(text) => text,
            Content::Binary(_) => panic!("not text"),
        }
    }
}

/// Converts JSON to CBOR, through a type of this crate, since serde_json's own value does not keep the order.
fn as_cbor(json: &str) -> Vec<u8> {
    let ordered: crate::ordered::Ordered = serde_json::from_str(json).unwrap();
    minicbor_serde::to_vec(&ordered).unwrap()
}

/// The answer to `send_message`.
pub fn sent(format: Format, id: u64) -> Content {
    answer(
        format,
        "send_message",
        id,
        Answer::MessageSent { date: Some(Date::Integer(DATE)), position: None },
    )
}

/// The answer to `get_history`: 100 messages.
pub fn history(format: Format, id: u64) -> Content {
    let messages = (0..100).map(|n| {
        let (from, to) = if n % 2 == 0 { ("alice", "bob") } else { ("bob", "alice") };
        let mut message = Message::new(from, to, BODY);
        message.date = Some(Date::Integer(DATE + n));
        message
    });
    answer(format, "get_history", id, Answer::History(History::new(messages.collect())))
}

pub fn answer(format: Format, kind: &str, id: u64, answer: Answer<'_>) -> Content {
    let message = AnswerMessage::new(kind, id, Ok(answer));
    Content::of(format, ServerMessage::Answer(message).encode(format))
}
