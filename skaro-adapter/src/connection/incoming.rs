//! What has been received, before and after it is decoded.

use skaro_proto::server::{self, Decoded};

use crate::websocket::{Payload, WebSocketError};

/// What has been received.
#[derive(Debug)]
pub(super) enum Incoming {
    Message(Payload),
    SignOfLife,
    Closing,
    Failed(WebSocketError),
}

/// The same, ready for the machine.
pub(super) enum Ready<'a> {
    Message(Decoded<'a>),
    SignOfLife,
    Closing,
    Failed(&'a WebSocketError),
}

impl Incoming {
    /// Decodes a message of at most so many bytes, which needs no machine and so no lock.
    pub(super) fn decode(&self, max_frame_bytes: usize) -> Ready<'_> {
        match self {
            Incoming::Message(payload) => Ready::Message(server::decode(payload.frame(), max_frame_bytes)),
            Incoming::SignOfLife => Ready::SignOfLife,
            Incoming::Closing => Ready::Closing,
            Incoming::Failed(error) => Ready::Failed(error),
        }
    }
}
