//! Constant parts of messages, encoded in both formats at compile time.

/// A field's encoded name.
pub(crate) struct Key {
    name: &'static str,
    json: Bytes,
    cbor: Bytes,
}

/// The encoded beginning of a message: the head of its map, and its type as the first field.
pub(crate) struct Start {
    json: Bytes,
    cbor: Bytes,
}

/// Bytes that are joined at compile time.
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
                // A name that is too long does not compile.
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

/// The head of a text in CBOR (RFC 8949, section 3.1) of at most 23 bytes, which suffices for names and types.
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

    /// Returns a comma, the name in quotes, and a colon.
    #[inline(always)]
    pub(super) const fn json(&self) -> &[u8] {
        self.json.as_slice()
    }

    /// Returns the name as a CBOR text.
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

    /// Returns the opening brace and the first field.
    #[inline(always)]
    pub(super) const fn json(&self) -> &[u8] {
        self.json.as_slice()
    }

    /// Returns the head of the map, whose length is filled in later, and the first field.
    #[inline(always)]
    pub(super) const fn cbor(&self) -> &[u8] {
        self.cbor.as_slice()
    }
}
