//! Constant parts of messages, as both formats write them.

/// A field's name, with what surrounds it.
pub(crate) struct Key {
    name: &'static str,
    json: Bytes,
    cbor: Bytes,
}

/// The beginning of a message: its map, and its type as the first field.
pub(crate) struct Start {
    json: Bytes,
    cbor: Bytes,
}

/// Bytes that are put together when the crate is compiled.
struct Bytes {
    bytes: [u8; 48],
    length: usize,
}

impl Bytes {
    const fn of(parts: &[&[u8]]) -> Bytes {
        let (mut bytes, mut length) = ([0; 48], 0);
        let mut parts = parts;
        while let [part, other_parts @ ..] = parts {
            let mut part = *part;
            while let [byte, other_bytes @ ..] = part {
                // Evaluated while compiling: a name that is too long does not compile.
                #[allow(clippy::indexing_slicing, reason = "evaluated while compiling")]
                {
                    bytes[length] = *byte;
                }
                length += 1;
                part = other_bytes;
            }
            parts = other_parts;
        }
        Bytes { bytes, length }
    }

    #[inline(always)]
    const fn as_slice(&self) -> &[u8] {
        self.bytes.split_at(self.length).0
    }
}

/// The head of a text in CBOR (RFC 8949, section 3.1): names and types have at most 23 bytes.
const fn text_head(text: &[u8]) -> u8 {
    assert!(text.len() < 24, "a name or type needs a longer head");
    0x60 | text.len() as u8
}

impl Key {
    pub(crate) const fn new(name: &'static [u8]) -> Key {
        let json = Bytes::of(&[b",\"", name, b"\":"]);
        let cbor = Bytes::of(&[&[text_head(name)], name]);
        let name = match core::str::from_utf8(name) {
            Ok(name) => name,
            Err(_) => "",
        };
        Key { name, json, cbor }
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// A comma, the name in quotes, a colon.
    #[inline(always)]
    pub(super) const fn json(&self) -> &[u8] {
        self.json.as_slice()
    }

    /// The name as a text.
    #[inline(always)]
    pub(super) const fn cbor(&self) -> &[u8] {
        self.cbor.as_slice()
    }
}

impl Start {
    pub(crate) const fn new(kind: &str) -> Start {
        let kind = kind.as_bytes();
        Start {
            json: Bytes::of(&[b"{\"type\":\"", kind, b"\""]),
            cbor: Bytes::of(&[b"\xa0\x64type", &[text_head(kind)], kind]),
        }
    }

    /// A brace and the first field.
    #[inline(always)]
    pub(super) const fn json(&self) -> &[u8] {
        self.json.as_slice()
    }

    /// The head of a map whose length is still to be filled in, and the first field.
    #[inline(always)]
    pub(super) const fn cbor(&self) -> &[u8] {
        self.cbor.as_slice()
    }
}
