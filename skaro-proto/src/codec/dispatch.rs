//! The choice of reader and encoder by the format.

use alloc::vec::Vec;

use super::encoder::Encode;
use super::frame::{Format, Frame};
use super::reader::{Decode, Nesting, Result, Slot};
use super::{cbor, json};

/// Reads the one value of which a frame, or a part of one, consists.
///
/// # Errors
/// If the frame is not well-formed, goes on after that value, or is nested too deep.
#[inline(always)]
pub(crate) fn read<'a, T: Decode<'a>>(frame: Frame<'a>, nesting: Nesting) -> Result<Slot<T>> {
    match frame {
        Frame::Text(text) => json::read(text, nesting),
        Frame::Binary(bytes) => cbor::read(bytes, nesting),
    }
}

/// Writes a value after what is in the buffer already.
#[inline(always)]
pub(crate) fn write(format: Format, value: &(impl Encode + ?Sized), out: &mut Vec<u8>) {
    match format {
        Format::Cbor => value.encode(&mut cbor::Encoder::new(out)),
        Format::Json => value.encode(&mut json::Encoder::new(out)),
    }
}
