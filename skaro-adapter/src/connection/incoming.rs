//! Received input, before and after decoding.

use skaro_proto::Frame;
use skaro_proto::server::{self, Decoded};

use crate::websocket::WebSocketError;

/// The content of a received message.
pub(super) enum Payload {
    Text(Box<str>),
    Binary(Box<[u8]>),
}

impl From<Frame<'_>> for Payload {
    fn from(frame: Frame<'_>) -> Self {
        match frame {
            Frame::Text(text) => Payload::Text(text.into()),
            Frame::Binary(bytes) => Payload::Binary(bytes.into()),
        }
    }
}

impl Payload {
    const fn frame(&self) -> Frame<'_> {
        match self {
            Payload::Text(text) => Frame::Text(text),
            Payload::Binary(bytes) => Frame::Binary(bytes),
        }
    }
}

/// Received input that is not handled yet.
pub(super) enum Incoming {
    Message(Payload),
    SignOfLife,
    Closing,
    Failed(WebSocketError),
}

/// The same input, decoded for the machine.
pub(super) enum Ready<'a> {
    Message(Decoded<'a>),
    SignOfLife,
    Closing,
    Failed(&'a WebSocketError),
}

impl Incoming {
    /// Decodes a message of at most this many bytes. Needs no machine, and so no lock.
    pub(super) fn decode(&self, max_frame_bytes: usize) -> Ready<'_> {
        match self {
            Incoming::Message(payload) => Ready::Message(server::decode(payload.frame(), max_frame_bytes)),
            Incoming::SignOfLife => Ready::SignOfLife,
            Incoming::Closing => Ready::Closing,
            Incoming::Failed(error) => Ready::Failed(error),
        }
    }
}
