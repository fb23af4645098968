//! The two formats, and frames in them.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The format of messages: JSON (RFC 8259) in text frames, or CBOR (RFC 8949) in binary ones.
///
/// A frame's kind tells its format, so nobody ever has to be told: a client answers in the format in which the
/// server spoke first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// CBOR in binary frames, as the original client speaks.
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

    /// Returns the first format among the subprotocols that a client offers, as the header `Sec-WebSocket-Protocol`
    /// lists them.
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
}

/// Shows the kind and the length only: the content may be secret.
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
