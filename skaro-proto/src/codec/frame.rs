//! The two formats, and frames in them.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The format of messages: JSON (RFC 8259) in text frames, or CBOR (RFC 8949) in binary ones.
///
/// The kind of a frame (text or binary) identifies its format, so it is never negotiated: a client uses the format of
/// the server's first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the protocol has two formats")]
pub enum Format {
    /// CBOR in binary frames, which the original client uses.
    Cbor,
    /// JSON in text frames.
    Json,
}

impl Format {
    /// Returns the WebSocket subprotocol (RFC 6455, section 1.9) with which a client asks for this format.
    #[must_use]
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Format::Cbor => "skaro.cbor",
            Format::Json => "skaro.json",
        }
    }

    /// Returns the first known format among the subprotocols that a client offers, as the header
    /// `Sec-WebSocket-Protocol` lists them.
    ///
    /// ```
    /// use skaro_proto::Format;
    /// assert_eq!(Format::offered("chat, skaro.json, skaro.cbor"), Some(Format::Json));
    /// assert_eq!(Format::offered("chat"), None);
    /// ```
    #[must_use]
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

/// The content of one WebSocket message: one message of the protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "WebSocket has two kinds of messages (RFC 6455, section 5.6)")]
pub enum Frame<'a> {
    /// A text message: JSON.
    Text(&'a str),
    /// A binary message: CBOR.
    Binary(&'a [u8]),
}

impl<'a> Frame<'a> {
    /// Returns the frame's content.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        match self {
            Frame::Text(text) => text.as_bytes(),
            Frame::Binary(bytes) => bytes,
        }
    }

    /// Returns the format of a frame of this kind.
    #[must_use]
    pub const fn format(&self) -> Format {
        match self {
            Frame::Text(_) => Format::Json,
            Frame::Binary(_) => Format::Cbor,
        }
    }
}

/// Shows only kind and length: the content may be secret.
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
