//! Everything that a connection asks of a server's machine, in one place.

use skaro_proto::server::{ConnectError, ConnectionId, Server};
use skaro_proto::{Format, Time};

use crate::websocket::{Payload, WebSocketError};

/// What has been received, and decoded as far as that needs no machine.
#[derive(Debug)]
pub(super) enum Incoming {
    Frame(Payload),
    SignOfLife,
    Closing,
    Failed(WebSocketError),
}

/// Decodes a message. The machine's lock need not be held.
pub(super) const fn decode(payload: Payload) -> Incoming {
    Incoming::Frame(payload)
}

pub(super) fn connect(
    server: &mut Server,
    now: Time,
    format: Option<Format>,
) -> Result<ConnectionId, ConnectError> {
    server.handle_connected(now, format)
}

pub(super) fn handle_message(server: &mut Server, now: Time, id: ConnectionId, payload: &Payload) {
    // The client has been told what is wrong with its frame.
    _ = server.handle_frame(now, id, payload.frame());
}

/// How many bytes a message may have.
pub(super) const fn max_message_bytes(server: &Server, _: ConnectionId) -> usize {
    server.config().limits.frame
}

/// Whether to read from the connection.
pub(super) const fn wants_frames(_: &Server, _: ConnectionId) -> bool {
    true
}
