//! The encoder of JSON. Escapes only what RFC 8259, section 7, requires, so that text stays raw UTF-8.

use alloc::vec::Vec;

use super::{is_plain, plain};
use crate::codec::encoder;
use crate::codec::frame::Format;
use crate::codec::literal::{Key, Start};

/// Writes JSON.
pub(in crate::codec) struct Encoder<'o> {
    out: &'o mut Vec<u8>,
    /// Set if a comma must be written before the next field or item.
    comma: bool,
}

impl<'o> Encoder<'o> {
    #[inline(always)]
    pub(in crate::codec) fn new(out: &'o mut Vec<u8>) -> Self {
        Encoder { out, comma: false }
    }

    /// Writes the comma, if needed, before a value or a field's name.
    #[inline(always)]
    fn before(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
    }

    #[inline(always)]
    fn begin(&mut self, bracket: u8) {
        self.before();
        self.out.push(bracket);
        self.comma = false;
    }

    #[inline(always)]
    fn end(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.comma = true;
    }

    #[inline(always)]
    fn quoted(&mut self, text: &str) {
        self.out.push(b'"');
        if is_plain(text.as_bytes()) {
            self.out.extend_from_slice(text.as_bytes());
        } else {
            escaped(text.as_bytes(), self.out);
        }
        self.out.push(b'"');
    }
}

impl encoder::Encoder for Encoder<'_> {
    const FORMAT: Format = Format::Json;
    type Map = ();

    #[inline(always)]
    fn begin_map(&mut self) {
        self.begin(b'{');
    }

    #[inline(always)]
    fn begin_message(&mut self, start: &'static Start) {
        self.before();
        self.out.extend_from_slice(start.json());
    }

    #[inline(always)]
    fn end_map(&mut self, _: ()) {
        self.end(b'}');
    }

    fn begin_list(&mut self, _: usize) {
        self.begin(b'[');
    }

    fn end_list(&mut self) {
        self.end(b']');
    }

    #[inline(always)]
    fn key(&mut self, key: &'static Key) {
        let key = key.json();
        let (_, key) = key.split_at(usize::from(!self.comma));
        self.out.extend_from_slice(key);
        self.comma = false;
    }

    fn name(&mut self, name: &str) {
        self.before();
        self.quoted(name);
        self.out.push(b':');
        self.comma = false;
    }

    fn null(&mut self) {
        self.raw(b"null");
    }

    fn bool(&mut self, value: bool) {
        self.raw(if value { b"true" } else { b"false" });
    }

    #[inline(always)]
    fn unsigned(&mut self, number: u64) {
        self.before();
        digits(number, self.out);
    }

    fn negative(&mut self, number: i64) {
        self.before();
        self.out.push(b'-');
        digits(number.unsigned_abs(), self.out);
    }

    fn float(&mut self, number: f64) {
        self.raw(serde_json::to_string(&number).unwrap_or_default().as_bytes());
    }

    #[inline(always)]
    fn text(&mut self, text: &str) {
        self.before();
        self.quoted(text);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.begin(b'[');
        for byte in bytes {
            self.unsigned((*byte).into());
        }
        self.end(b']');
    }

    fn raw(&mut self, value: &[u8]) {
        self.before();
        self.out.extend_from_slice(value);
    }
}

fn digits(mut number: u64, out: &mut Vec<u8>) {
    // Digits are found in reverse, the last one first. 2^64 has 20.
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    for place in digits.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
        first -= 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(first..).unwrap_or_default());
}

#[cold]
fn escaped(mut text: &[u8], out: &mut Vec<u8>) {
    loop {
        let (plain, special) = text.split_at(plain(text));
        out.extend_from_slice(plain);
        let Some((special, others)) = special.split_first() else { return };
        escape(*special, out);
        text = others;
    }
}

/// Writes the escape of a character that must not appear in a text as it is.
fn escape(special: u8, out: &mut Vec<u8>) {
    let short = match special {
        b'"' | b'\\' => special,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
            let (high, low) = (digit(special >> 4), digit(special & 15));
            return out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}
