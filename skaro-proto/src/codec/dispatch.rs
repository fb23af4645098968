//! Choice of reader and encoder by format.

use alloc::vec::Vec;

use super::encoder::Encode;
use super::frame::{Format, Frame};
use super::reader::{Decode, Nesting, Result, Slot};
use super::{cbor, json};

/// Reads the single value in a frame, or in a part of one.
///
/// # Errors
/// If the frame is not well-formed, has bytes after that value, or is nested too deep.
#[inline(always)]
pub(crate) fn read<'a, T: Decode<'a>>(frame: Frame<'a>, nesting: Nesting) -> Result<Slot<T>> {
    match frame {
        Frame::Text(text) => json::read(text, nesting),
        Frame::Binary(bytes) => cbor::read(bytes, nesting),
    }
}

/// Appends a value to the buffer.
#[inline(always)]
pub(crate) fn write(format: Format, value: &(impl Encode + ?Sized), out: &mut Vec<u8>) {
    match format {
        Format::Cbor => value.encode(&mut cbor::Encoder::new(out)),
        Format::Json => value.encode(&mut json::Encoder::new(out)),
    }
}
