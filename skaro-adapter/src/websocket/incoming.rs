//! Puts messages together from frames (RFC 6455, sections 5.2 to 5.6).

use std::str;

use super::{KEPT, MAX_HEADER, Role, WebSocketError, mask, opcode};

/// Maximum length in bytes of a control frame's payload (RFC 6455, section 5.5).
const MAX_CONTROL: u64 = 125;

/// The position of the input within the stream of frames, and the current message.
pub(super) struct Incoming {
    /// The received part of the current frame's header.
    header: [u8; MAX_HEADER],
    length: usize,
    /// Payload bytes that are still missing, once the header is complete.
    missing: Option<u64>,
    /// The opcode of the current message, between its first and its last frame.
    opcode: Option<u8>,
    /// The payload of the current message, as far as it came in other parts before.
    message: Vec<u8>,
    /// The payload of the current control frame.
    control: Vec<u8>,
    /// Number of frames that have begun since this was last taken.
    frames: usize,
}

/// A complete message or control frame. Its payload is part of the input, if it came as a whole and without a mask.
pub(super) enum Whole<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    Ping(&'a [u8]),
    Pong,
    /// The code, if there is one, and the reason.
    Close(Option<u16>, &'a str),
}

/// Place of a complete payload.
enum Place<'a> {
    Input(&'a [u8]),
    Message,
    Control,
}

/// A part of a frame's payload.
struct Part<'a> {
    payload: &'a [u8],
    /// Set if this is all of the frame.
    is_whole: bool,
    /// Set if this ends the frame.
    is_last: bool,
    /// The mask, beginning with the byte for the first byte here.
    mask: Option<[u8; 4]>,
}

impl Incoming {
    pub(super) const fn new() -> Self {
        Incoming {
            header: [0; MAX_HEADER],
            length: 0,
            missing: None,
            opcode: None,
            message: Vec::new(),
            control: Vec::new(),
            frames: 0,
        }
    }

    /// Returns the number of frames that have begun since the last call.
    pub(super) const fn take_frames(&mut self) -> usize {
        std::mem::replace(&mut self.frames, 0)
    }

    /// Frees memory that is not needed between two messages.
    pub(super) fn shrink(&mut self) {
        if self.opcode.is_none() {
            self.message = Vec::new();
        }
        if self.length == 0 {
            self.control = Vec::new();
        }
    }

    /// Frees the current message, for a stream of which only a Close frame is of interest any more.
    pub(super) fn discard(&mut self) {
        (self.message, self.control) = (Vec::new(), Vec::new());
    }

    /// Skips input up to the header of a Close frame; returns whether there is one.
    pub(super) fn skip_to_close(&mut self, input: &mut &[u8]) -> bool {
        loop {
            if self.missing.is_none() {
                if self.read_header(input).is_none() {
                    return false;
                }
                if self.header[0] & 0x0f == opcode::CLOSE {
                    return true;
                }
            }
            if self.take_part(input).is_none() {
                return false;
            }
        }
    }

    /// Reads the next message or control frame, and advances the input past it. `None` if the input is used up.
    pub(super) fn next<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
        role: Role,
        limit: usize,
    ) -> Result<Option<Whole<'a>>, WebSocketError> {
        loop {
            if self.missing.is_none() {
                let Some(length) = self.read_header(input) else { return Ok(None) };
                self.check(length, role, limit)?;
            }
            let Some(part) = self.take_part(input) else { return Ok(None) };
            if let Some((opcode, place)) = self.take(part) {
                let payload = match place {
                    Place::Input(payload) => payload,
                    Place::Message => &self.message,
                    Place::Control => &self.control,
                };
                return whole(opcode, payload).map(Some);
            }
        }
    }

    /// Reads the header; returns the length of the payload once it is complete.
    fn read_header(&mut self, input: &mut &[u8]) -> Option<u64> {
        loop {
            if let Some(length) = self.payload_length() {
                self.missing = Some(length);
                self.frames += 1;
                return Some(length);
            }
            let (byte, rest) = input.split_first()?;
            *self.header.get_mut(self.length)? = *byte;
            self.length += 1;
            *input = rest;
        }
    }

    /// Returns the length of the payload, if the header is complete.
    fn payload_length(&self) -> Option<u64> {
        let header = self.header.get(..self.length)?;
        let second = *header.get(1)?;
        let extended = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        if header.len() < 2 + extended + mask {
            return None;
        }
        Some(match extended {
            0 => u64::from(second & 0x7f),
            _ => header.get(2..2 + extended)?.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        })
    }

    /// Checks the header of a new frame.
    fn check(&mut self, length: u64, role: Role, limit: usize) -> Result<(), WebSocketError> {
        let [first, second, ..] = self.header;
        let (opcode, is_final) = (first & 0x0f, first & 0x80 != 0);
        let is_data = opcode < opcode::CLOSE;
        let wrong = if first & 0x70 != 0 {
            "a reserved bit is set"
        } else if (second & 0x80 != 0) != (role == Role::Server) {
            "clients must mask frames, and servers must not"
        } else if is_data && opcode > opcode::BINARY || opcode > opcode::PONG {
            "an unknown opcode"
        } else if !is_data && !is_final {
            "a control frame in fragments"
        } else if !is_data && length > MAX_CONTROL {
            "a control frame that is too long"
        } else if opcode == opcode::CONTINUATION && self.opcode.is_none() {
            "a fragment of no message"
        } else if is_data && opcode != opcode::CONTINUATION && self.opcode.is_some() {
            "a message within another"
        } else {
            if !is_data {
                self.control.clear();
            } else {
                if self.opcode.is_none() {
                    self.opcode = Some(opcode);
                    self.message.clear();
                    self.message.shrink_to(KEPT);
                }
                let before = self.message.len() as u64;
                if length > (limit as u64).saturating_sub(before) {
                    return Err(WebSocketError::TooLarge { limit });
                }
            }
            return Ok(());
        };
        Err(WebSocketError::Protocol(wrong))
    }

    /// Takes the available part of the current frame's payload off the input; `None` if there is nothing.
    fn take_part<'a>(&mut self, input: &mut &'a [u8]) -> Option<Part<'a>> {
        let missing = self.missing?;
        if missing > 0 && input.is_empty() {
            return None;
        }
        let (payload, rest) = input.split_at(usize::try_from(missing).unwrap_or(usize::MAX).min(input.len()));
        *input = rest;
        let length = self.payload_length().unwrap_or_default();
        let mask =
            self.header.get(..self.length).and_then(|header| header.last_chunk()).map(|mask: &[u8; 4]| {
                let mut mask = *mask;
                mask.rotate_left(usize::try_from((length - missing) % 4).unwrap_or_default());
                mask
            });
        let mask = mask.filter(|_| self.header[1] & 0x80 != 0);
        let left = missing - payload.len() as u64;
        let (is_whole, is_last) = (payload.len() as u64 == length, left == 0);
        self.missing = Some(left).filter(|left| *left > 0);
        if is_last {
            self.length = 0;
        }
        Some(Part { payload, is_whole, is_last, mask })
    }

    /// Keeps a part, unless it is all of a message. Returns opcode and payload of what it completes.
    fn take<'a>(&mut self, part: Part<'a>) -> Option<(u8, Place<'a>)> {
        let [first, ..] = self.header;
        let (opcode, is_final) = (first & 0x0f, first & 0x80 != 0);
        let is_data = opcode < opcode::CLOSE;
        if is_data && is_final && part.is_whole && part.mask.is_none() && opcode != opcode::CONTINUATION {
            self.opcode = None;
            return Some((opcode, Place::Input(part.payload)));
        }
        let buffer = if is_data { &mut self.message } else { &mut self.control };
        let start = buffer.len();
        buffer.extend_from_slice(part.payload);
        if let (Some(key), Some(new)) = (part.mask, buffer.get_mut(start..)) {
            mask(key, new);
        }
        if !part.is_last || !is_final {
            return None;
        }
        if is_data {
            self.opcode.take().map(|opcode| (opcode, Place::Message))
        } else {
            Some((opcode, Place::Control))
        }
    }
}

fn whole(opcode: u8, payload: &[u8]) -> Result<Whole<'_>, WebSocketError> {
    let text = |bytes| str::from_utf8(bytes).map_err(|_| WebSocketError::InvalidText);
    Ok(match (opcode, payload) {
        (opcode::TEXT, _) => Whole::Text(text(payload)?),
        (opcode::BINARY, _) => Whole::Binary(payload),
        (opcode::PING, _) => Whole::Ping(payload),
        (opcode::PONG, _) => Whole::Pong,
        (_, []) => Whole::Close(None, ""),
        (_, [_]) => return Err(WebSocketError::Protocol("a Close frame of one byte")),
        (_, [high, low, reason @ ..]) => Whole::Close(Some(u16::from_be_bytes([*high, *low])), text(reason)?),
    })
}
