//! What has been received, and decoded as far as that needs no machine.

use crate::websocket::{Payload, WebSocketError};

/// What has been received, in order.
#[derive(Debug)]
pub(super) enum Incoming {
    Frame(Payload),
    SignOfLife,
    Closing,
    Failed(WebSocketError),
}
