//! The encoder of frames (RFC 6455, section 5.2).

use std::mem;

use tungstenite::Bytes;
use tungstenite::protocol::Role;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, OpCode};

use super::{KEPT, OUTPUT_AT_ONCE};

/// Frames that wait to be written to the connection.
pub(super) struct Output {
    bytes: Vec<u8>,
    /// The content of the latest ping that has no answer yet because much output waits.
    ping: Option<Vec<u8>>,
    /// Set if a Close frame was written. No frame may follow it.
    pub(super) is_closed: bool,
}

impl Output {
    pub(super) const fn new() -> Self {
        Output { bytes: Vec::new(), ping: None, is_closed: false }
    }

    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn write(&mut self, role: Role, opcode: OpCode, payload: &[u8]) {
        if self.is_closed {
            return;
        }
        let mask: Option<[u8; 4]> = (role == Role::Client).then(rand::random);
        let header = FrameHeader { opcode, mask, ..FrameHeader::default() };
        let length = payload.len() as u64;
        self.bytes.reserve(header.len(length) + payload.len());
        // Writing to memory does not fail.
        _ = header.format(length, &mut self.bytes);
        let start = self.bytes.len();
        self.bytes.extend_from_slice(payload);
        if let (Some(key), Some(payload)) = (mask, self.bytes.get_mut(start..)) {
            apply_mask(key, payload);
        }
    }

    pub(super) fn close(&mut self, role: Role, code: Option<u16>) {
        let code = code.map(u16::to_be_bytes);
        self.write(role, OpCode::Control(Control::Close), code.as_ref().map_or(&[], |code| code));
        self.is_closed = true;
    }

    /// Answers a ping, at once or when less output waits.
    pub(super) fn pong(&mut self, role: Role, content: Bytes) {
        if self.len() <= OUTPUT_AT_ONCE {
            self.write(role, OpCode::Control(Control::Pong), &content);
        } else {
            self.ping = Some(content.to_vec());
        }
    }

    pub(super) fn take(&mut self, role: Role, into: &mut Vec<u8>) {
        if !into.is_empty() {
            return;
        }
        if into.capacity() > KEPT {
            *into = Vec::new();
        }
        mem::swap(&mut self.bytes, into);
        if let Some(content) = self.ping.take() {
            self.write(role, OpCode::Control(Control::Pong), &content);
        }
    }

    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }
}

/// Masks a payload (RFC 6455, section 5.3).
fn apply_mask(key: [u8; 4], payload: &mut [u8]) {
    let [a, b, c, d] = key;
    let words = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = payload.as_chunks_mut();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ words).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip([a, b, c, d, a, b, c]) {
        *byte ^= key;
    }
}
