//! Splits the input into frames (RFC 6455, section 5.2) for the decoder.

use std::io::{self, Read, Write};
use std::mem;

/// Length of the longest header in bytes: two bytes, a length of eight, a mask of four.
const MAX_HEADER: usize = 14;

/// The position of the input within the stream of frames.
pub(super) struct Incoming {
    /// The received part of the current frame's header.
    header: [u8; MAX_HEADER],
    length: usize,
    /// Payload bytes that are still missing, once the header is complete.
    missing: Option<u64>,
    /// Set between the first and the last fragment of a message.
    is_fragmented: bool,
    /// Length in bytes of the largest frame since this was last taken.
    largest: u64,
    /// Number of frames that have begun since this was last taken.
    frames: usize,
}

/// A part of a frame: its header, if that has just become complete, and the payload received so far.
pub(super) struct Part<'a> {
    pub(super) pipe: Pipe<'a>,
    /// Set if this is the beginning of a Close frame.
    pub(super) is_close: bool,
}

impl Incoming {
    pub(super) const fn new() -> Self {
        Incoming {
            header: [0; MAX_HEADER],
            length: 0,
            missing: None,
            is_fragmented: false,
            largest: 0,
            frames: 0,
        }
    }

    /// Returns whether the input so far ends between two messages.
    pub(super) const fn is_between_messages(&self) -> bool {
        self.length == 0 && !self.is_fragmented
    }

    /// Returns the length in bytes of the largest frame since the last call.
    pub(super) fn take_largest(&mut self) -> u64 {
        mem::take(&mut self.largest)
    }

    /// Returns the number of frames that have begun since the last call.
    pub(super) fn take_frames(&mut self) -> usize {
        mem::take(&mut self.frames)
    }

    /// Takes the next part off the input; `None` if the input is used up.
    pub(super) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Option<Part<'a>> {
        let (header, missing) = match self.missing {
            Some(_) if input.is_empty() => return None,
            Some(missing) => (Header::default(), missing),
            None => {
                let length = self.read_header(input)?;
                self.largest = self.largest.max(length);
                self.frames += 1;
                (Header { bytes: self.header, start: 0, end: self.length }, length)
            }
        };
        let available = usize::try_from(missing).unwrap_or(usize::MAX).min(input.len());
        let (payload, rest) = input.split_at(available);
        *input = rest;
        let is_close = header.end > 0 && self.opcode() == 8;
        let missing = missing - available as u64;
        self.missing = Some(missing);
        if missing == 0 {
            self.end_frame();
        }
        Some(Part { pipe: Pipe { header, payload }, is_close })
    }

    /// Reads the header; returns the length of the payload once it is complete.
    fn read_header(&mut self, input: &mut &[u8]) -> Option<u64> {
        loop {
            if let Some(length) = self.payload_length() {
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

    const fn opcode(&self) -> u8 {
        self.header[0] & 0x0f
    }

    fn end_frame(&mut self) {
        let is_data = self.opcode() < 8;
        if is_data {
            let is_final = self.header[0] & 0x80 != 0;
            self.is_fragmented = !is_final;
        }
        self.length = 0;
        self.missing = None;
    }
}

#[derive(Default)]
pub(super) struct Header {
    bytes: [u8; MAX_HEADER],
    start: usize,
    end: usize,
}

/// The stream that the decoder reads from: the received rest of the current frame.
pub(super) struct Pipe<'a> {
    header: Header,
    payload: &'a [u8],
}

impl Read for Pipe<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let header = self.header.bytes.get(self.header.start..self.header.end).unwrap_or_default();
        let read = header.chain(self.payload).read(buffer)?;
        let of_header = read.min(header.len());
        self.header.start += of_header;
        self.payload = self.payload.get(read - of_header..).unwrap_or_default();
        if read == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(read) }
    }
}

/// Discards the decoder's own answers to pings and Close frames.
impl Write for Pipe<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
