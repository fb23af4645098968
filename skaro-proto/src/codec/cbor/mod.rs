//! CBOR (RFC 8949).

mod read;
mod write;

pub(super) use read::{Left, Reader, read};
#[cfg(test)]
pub(super) use read::{item, name};
pub(super) use write::Encoder;

/// The major types (RFC 8949, section 3.1) that are read or written here.
const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const LIST: u8 = 4;
const MAP: u8 = 5;
