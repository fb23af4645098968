//! The baseline for the core: the same messages read into, and written from, a borrowing struct of known type, by serde
//! alone. No dispatch, limits, additional fields or state.

use std::convert::Infallible;
use std::hint::black_box;

use serde::{Deserialize, Serialize};
use skaro_proto::Format;

use crate::Case;
use crate::samples::{BODY, Content, DATE, FORMATS, TYPE_FIRST, TYPE_LAST, TYPE_MIDDLE, history, sent};

#[derive(Deserialize, Serialize)]
pub struct ShowMessage<'a> {
    #[serde(rename = "type")]
    pub kind: &'a str,
    #[serde(borrow)]
    pub from: Sender<'a>,
    pub to: &'a str,
    pub body: &'a str,
    pub date: i64,
}

#[derive(Deserialize, Serialize)]
pub struct Sender<'a> {
    pub login: &'a str,
}

#[derive(Deserialize, Serialize)]
pub struct Sent<'a> {
    #[serde(rename = "type")]
    pub kind: &'a str,
    #[serde(rename = "for")]
    pub request: &'a str,
    pub id: u64,
    pub status: &'a str,
    pub date: i64,
}

#[derive(Deserialize)]
pub struct History<'a> {
    #[serde(rename = "type")]
    pub kind: &'a str,
    #[serde(rename = "for")]
    pub request: &'a str,
    pub id: u64,
    pub status: &'a str,
    #[serde(borrow)]
    pub history: Vec<Past<'a>>,
}

#[derive(Deserialize)]
pub struct Past<'a> {
    #[serde(borrow)]
    pub from: Sender<'a>,
    pub to: &'a str,
    pub body: &'a str,
    pub date: i64,
}

#[derive(Clone, serde::Deserialize, serde::Serialize)]
pub struct SendMessage<'a> {
    #[serde(rename = "type")]
    pub kind: &'a str,
    pub to: &'a str,
    pub body: &'a str,
    pub on_request: u64,
}

impl SendMessage<'static> {
    pub fn sample(number: u64) -> Self {
        SendMessage { kind: "send_message", to: "bob", body: BODY, on_request: number }
    }
}

impl ShowMessage<'static> {
    pub fn sample() -> Self {
        ShowMessage {
            kind: "show_message",
            from: Sender { login: "alice" },
            to: "bob",
            body: BODY,
            date: DATE,
        }
    }
}

impl Sent<'static> {
    pub fn sample(id: u64) -> Self {
        Sent { kind: "request", request: "send_message", id, status: "200", date: DATE }
    }
}

/// Readers of the same struct: one for JSON, two for CBOR.
#[derive(Clone, Copy)]
enum By {
    SerdeJson,
    Minicbor,
    Cbor4ii,
}

impl By {
    const ALL: [By; 3] = [By::SerdeJson, By::Minicbor, By::Cbor4ii];

    fn format(self) -> Format {
        match self {
            By::SerdeJson => Format::Json,
            By::Minicbor | By::Cbor4ii => Format::Cbor,
        }
    }

    fn name(self) -> &'static str {
        match self {
            By::SerdeJson => "serde_json",
            By::Minicbor => "minicbor-serde",
            By::Cbor4ii => "cbor4ii",
        }
    }

    fn read<'a, T: Deserialize<'a>>(self, content: &'a Content) -> T {
        match self {
            By::SerdeJson => serde_json::from_str(content.text()).unwrap(),
            By::Minicbor => minicbor_serde::from_slice(content.bytes()).unwrap(),
            By::Cbor4ii => cbor4ii::serde::from_slice(content.bytes()).unwrap(),
        }
    }
}

macro_rules! reading {
    ($by:expr, $name:expr, $content:expr, $type:ty) => {{
        let (by, content): (By, Content) = ($by, $content);
        Case::repeated(format!("known struct, {}: {}", by.name(), $name), move || {
            black_box(&by.read::<$type>(black_box(&content)));
        })
    }};
}

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for by in By::ALL {
        let show = |json| Content::translated(by.format(), json);
        cases.extend([
            reading!(by, "message, type first", show(TYPE_FIRST), ShowMessage<'_>),
            reading!(by, "message, type in the middle", show(TYPE_MIDDLE), ShowMessage<'_>),
            reading!(by, "message, type last", show(TYPE_LAST), ShowMessage<'_>),
            reading!(by, "answer to send_message", sent(by.format(), 20), Sent<'_>),
            reading!(by, "history of 100", history(by.format(), 20), History<'_>),
        ]);
    }
    for format in FORMATS {
        let mut buffer = Buffer::default();
        let message = SendMessage::sample(20);
        cases.push(Case::repeated(format!("writing a known struct, {format}: send_message"), move || {
            buffer.write(format, black_box(&message));
            black_box(buffer.bytes());
        }));
        cases.push(routing(format));
    }
    cases
}

/// A server's minimal work for one message: reads the request, writes the message for the recipient and the answer for
/// the sender, from and into known structs.
fn routing(format: Format) -> Case {
    let mut request = Buffer::default();
    request.write(format, &SendMessage::sample(20));
    let request = Content::of(format, request.bytes().to_vec());
    let by = if format == Format::Json { By::SerdeJson } else { By::Cbor4ii };
    let mut buffer = Buffer::default();
    Case::repeated(format!("known structs, {format}: decode, encode twice"), move || {
        let read: SendMessage<'_> = by.read(black_box(&request));
        let show = ShowMessage { to: read.to, body: read.body, ..ShowMessage::sample() };
        buffer.write(format, &show);
        black_box(buffer.bytes());
        buffer.write(format, &Sent::sample(read.on_request));
        black_box(buffer.bytes());
    })
}

/// A buffer that is reused for writing.
#[derive(Clone, Default)]
pub struct Buffer(Vec<u8>);

impl Buffer {
    pub fn write(&mut self, format: Format, message: &impl Serialize) {
        self.0.clear();
        match format {
            Format::Json => serde_json::to_writer(&mut self.0, message).unwrap(),
            Format::Cbor => {
                let mut serializer = cbor4ii::serde::Serializer::new(Appending(&mut self.0));
                message.serialize(&mut serializer).unwrap();
            }
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// cbor4ii's own writer to memory reserves room before each piece, which makes it half as slow again.
struct Appending<'a>(&'a mut Vec<u8>);

impl cbor4ii::core::enc::Write for Appending<'_> {
    type Error = Infallible;

    fn push(&mut self, input: &[u8]) -> Result<(), Infallible> {
        self.0.extend_from_slice(input);
        Ok(())
    }
}
