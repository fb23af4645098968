//! Received input, before and after decoding.

use skaro_proto::server::{self, Decoded};

use crate::websocket::{Payload, WebSocketError};

/// Received input that is not handled yet.
#[derive(Debug)]
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
