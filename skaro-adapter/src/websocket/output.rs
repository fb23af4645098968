//! The encoder of frames (RFC 6455, section 5.2).

use std::mem;

use super::{KEPT, MAX_HEADER, OUTPUT_AT_ONCE, Role, mask, opcode};

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

    pub(super) fn write(&mut self, role: Role, opcode: u8, payload: &[u8]) {
        if self.is_closed {
            return;
        }
        let key: Option<[u8; 4]> = (role == Role::Client).then(rand::random);
        let is_masked = if key.is_some() { 0x80 } else { 0 };
        self.bytes.reserve(MAX_HEADER + payload.len());
        self.bytes.push(0x80 | opcode);
        match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
            (Ok(length @ ..126), _) => self.bytes.push(is_masked | length),
            (_, Ok(length)) => {
                self.bytes.push(is_masked | 126);
                self.bytes.extend(length.to_be_bytes());
            }
            _ => {
                self.bytes.push(is_masked | 127);
                self.bytes.extend((payload.len() as u64).to_be_bytes());
            }
        }
        self.bytes.extend(key.iter().flatten());
        let start = self.bytes.len();
        self.bytes.extend_from_slice(payload);
        if let (Some(key), Some(payload)) = (key, self.bytes.get_mut(start..)) {
            mask(key, payload);
        }
    }

    pub(super) fn close(&mut self, role: Role, code: Option<u16>) {
        let code = code.map(u16::to_be_bytes);
        self.write(role, opcode::CLOSE, code.as_ref().map_or(&[], |code| code));
        self.is_closed = true;
    }

    /// Answers a ping, at once or when less output waits.
    pub(super) fn pong(&mut self, role: Role, content: &[u8]) {
        if self.len() <= OUTPUT_AT_ONCE {
            self.write(role, opcode::PONG, content);
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
            self.write(role, opcode::PONG, &content);
        }
    }

    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }
}
