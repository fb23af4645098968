//! Bytes to messages and back: the two formats, and how to tell them apart.

#[cfg(test)]
mod agreement;
mod cbor;
mod error;
mod json;
mod pieces;
mod read;
mod shape;
mod write;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

pub use error::{DecodeError, Fault, Path};
pub(crate) use pieces::Pieces;
pub(crate) use read::{Fill, Inside, Key, Name, Read, Reader};
pub(crate) use shape::{Decoded, Parsed, Shape, optional, required};
use write::Writer;

/// How messages are written: JSON (RFC 8259) in text frames, or CBOR (RFC 8949) in binary ones.
///
/// A frame's kind tells its format, so nobody ever has to be told: a client answers in the format in which the
/// server spoke first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// CBOR in binary frames: what the original client speaks.
    Cbor,
    /// JSON in text frames.
    Json,
}

impl Format {
    /// The WebSocket subprotocol (RFC 6455, section 1.9) by which a client asks for this format.
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Format::Cbor => "skaro.cbor",
            Format::Json => "skaro.json",
        }
    }

    /// The first format among the subprotocols that a client offers, as the header `Sec-WebSocket-Protocol` lists
    /// them.
    ///
    /// ```
    /// use skaro_proto::Format;
    /// assert_eq!(Format::offered("chat, skaro.json, skaro.cbor"), Some(Format::Json));
    /// assert_eq!(Format::offered("chat"), None);
    /// ```
    pub fn offered(subprotocols: &str) -> Option<Format> {
        let named =
            |name: &str| [Format::Cbor, Format::Json].into_iter().find(|f| f.subprotocol() == name.trim());
        subprotocols.split(',').find_map(named)
    }

    /// Writes a message after what is in the buffer already.
    pub(crate) fn write(self, message: &impl Serialize, out: &mut Vec<u8>) {
        let written = match self {
            Format::Cbor => message.serialize(Writer { out, notation: cbor::Cbor }),
            Format::Json => message.serialize(Writer { out, notation: json::Json }),
        };
        debug_assert!(written.is_ok(), "messages consist of what can be written");
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Cbor => "CBOR",
            Format::Json => "JSON",
        })
    }
}

/// The content of one WebSocket message: the unit in which the protocol speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A text message: JSON.
    Text(&'a str),
    /// A binary message: CBOR.
    Binary(&'a [u8]),
}

impl<'a> Frame<'a> {
    /// The frame's content.
    pub const fn as_bytes(&self) -> &'a [u8] {
        match self {
            Frame::Text(text) => text.as_bytes(),
            Frame::Binary(bytes) => bytes,
        }
    }

    /// The format that a frame of this kind has.
    pub const fn format(&self) -> Format {
        match self {
            Frame::Text(_) => Format::Json,
            Frame::Binary(_) => Format::Cbor,
        }
    }

    /// Reads the fields of the map of which the frame must consist.
    pub(crate) fn read(self, into: &mut impl Fill<'a>) -> Result<(), DecodeError> {
        let is_map = match self {
            Frame::Text(text) => json::read(text, into),
            Frame::Binary(bytes) => cbor::read(bytes, into),
        };
        match is_map {
            Ok(true) => Ok(()),
            Ok(false) => Err(DecodeError::frame(Fault::WrongType { expected: "a map" })),
            Err(fault) => Err(DecodeError::frame(*fault)),
        }
    }
}

/// Only the kind and the length: the content may be secret.
impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({}, {} bytes)", self.format(), self.as_bytes().len())
    }
}

impl<'a> From<&'a str> for Frame<'a> {
    fn from(text: &'a str) -> Self {
        Frame::Text(text)
    }
}

impl<'a> From<&'a String> for Frame<'a> {
    fn from(text: &'a String) -> Self {
        Frame::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Frame<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Frame::Binary(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Frame<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Frame::Binary(bytes)
    }
}
