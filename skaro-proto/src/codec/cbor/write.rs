//! The encoder of CBOR: shortest encoding of each item, but floating-point numbers always in 64 bits.

use alloc::vec::Vec;

use super::{BYTES, LIST, MAP, NEGATIVE, TEXT, UNSIGNED};
use crate::codec::encoder;
use crate::codec::frame::Format;
use crate::codec::literal::{Key, Start};

/// Writes CBOR.
pub(in crate::codec) struct Encoder<'o> {
    out: &'o mut Vec<u8>,
    /// The number of fields in the innermost map so far.
    fields: usize,
}

/// A map that is being written: its position, and the number of fields so far in the map around it.
pub(in crate::codec) struct Begun {
    start: usize,
    outer: usize,
}

impl<'o> Encoder<'o> {
    #[inline(always)]
    pub(in crate::codec) fn new(out: &'o mut Vec<u8>) -> Self {
        Encoder { out, fields: 0 }
    }

    #[inline(always)]
    fn begin(&mut self, head: &[u8], fields: usize) -> Begun {
        let start = self.out.len();
        self.out.extend_from_slice(head);
        Begun { start, outer: core::mem::replace(&mut self.fields, fields) }
    }
}

impl encoder::Encoder for Encoder<'_> {
    const FORMAT: Format = Format::Cbor;
    type Map = Begun;

    #[inline(always)]
    fn begin_map(&mut self) -> Begun {
        self.begin(&[MAP << 5], 0)
    }

    #[inline(always)]
    fn begin_message(&mut self, start: &'static Start) -> Begun {
        self.begin(start.cbor(), 1)
    }

    /// Fills in the number of fields.
    #[inline(always)]
    fn end_map(&mut self, map: Begun) {
        let fields = core::mem::replace(&mut self.fields, map.outer);
        match self.out.get_mut(map.start) {
            Some(head) if fields < 24 => *head = MAP << 5 | fields as u8,
            _ => long_map(self.out, map.start, fields),
        }
    }

    fn begin_list(&mut self, length: usize) {
        head(self.out, LIST, length as u64);
    }

    fn end_list(&mut self) {}

    #[inline(always)]
    fn key(&mut self, key: &'static Key) {
        self.fields += 1;
        self.out.extend_from_slice(key.cbor());
    }

    fn name(&mut self, name: &str) {
        self.fields += 1;
        self.text(name);
    }

    fn null(&mut self) {
        self.out.push(0xf6);
    }

    fn bool(&mut self, value: bool) {
        self.out.push(0xf4 + u8::from(value));
    }

    #[inline(always)]
    fn unsigned(&mut self, number: u64) {
        head(self.out, UNSIGNED, number);
    }

    fn negative(&mut self, number: i64) {
        head(self.out, NEGATIVE, !number as u64);
    }

    fn float(&mut self, number: f64) {
        self.out.push(0xfb);
        self.out.extend_from_slice(&number.to_be_bytes());
    }

    #[inline(always)]
    fn text(&mut self, text: &str) {
        head(self.out, TEXT, text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        head(self.out, BYTES, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    fn raw(&mut self, value: &[u8]) {
        self.out.extend_from_slice(value);
    }
}

/// Writes the head of an item: its major type and its argument (RFC 8949, section 3).
#[inline]
fn head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    match argument {
        ..=23 => out.push(major | argument as u8),
        24..=0xff => out.extend_from_slice(&[major | 24, argument as u8]),
        _ => long_head(out, major, argument),
    }
}

fn long_head(out: &mut Vec<u8>, major: u8, argument: u64) {
    if let Ok(argument) = u16::try_from(argument) {
        out.push(major | 25);
        out.extend_from_slice(&argument.to_be_bytes());
    } else if let Ok(argument) = u32::try_from(argument) {
        out.push(major | 26);
        out.extend_from_slice(&argument.to_be_bytes());
    } else {
        out.push(major | 27);
        out.extend_from_slice(&argument.to_be_bytes());
    }
}

/// Makes room for the head of a map with many fields. One byte was reserved for it.
#[cold]
fn long_map(out: &mut Vec<u8>, start: usize, fields: usize) {
    let mut long = Vec::new();
    head(&mut long, MAP, fields as u64);
    out.splice(start..=start, long);
}
