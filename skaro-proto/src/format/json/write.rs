//! How JSON is written. Escapes are as few as RFC 8259, section 7, allows, so that text stays raw UTF-8.

use alloc::vec::Vec;

use super::{is_plain, plain};
use crate::format::write::{Kind, Notation};

/// JSON.
#[derive(Clone, Copy)]
pub(in crate::format) struct Json;

impl Notation for Json {
    fn null(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"null");
    }

    fn bool(self, out: &mut Vec<u8>, value: bool) {
        out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    fn unsigned(self, out: &mut Vec<u8>, mut number: u64) {
        // From behind: the last digit is known first. 2^64 has 20.
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

    fn negative(self, out: &mut Vec<u8>, number: i64) {
        out.push(b'-');
        self.unsigned(out, number.unsigned_abs());
    }

    fn float(self, out: &mut Vec<u8>, number: f64) {
        let text = serde_json::to_string(&number).unwrap_or_default();
        out.extend_from_slice(text.as_bytes());
    }

    fn text(self, out: &mut Vec<u8>, text: &str) {
        out.push(b'"');
        unquoted(out, text);
        out.push(b'"');
    }

    fn bytes(self, out: &mut Vec<u8>, bytes: &[u8]) {
        self.begin(out, Kind::List, bytes.len());
        for (place, byte) in bytes.iter().enumerate() {
            self.before_item(out, place == 0);
            self.unsigned(out, (*byte).into());
        }
        self.end(out, Kind::List);
    }

    #[inline]
    fn begin(self, out: &mut Vec<u8>, kind: Kind, _: usize) {
        out.push(match kind {
            Kind::List => b'[',
            Kind::Map => b'{',
        });
    }

    #[inline]
    fn before_item(self, out: &mut Vec<u8>, is_first: bool) {
        if !is_first {
            out.push(b',');
        }
    }

    #[inline]
    fn before_value(self, out: &mut Vec<u8>) {
        out.push(b':');
    }

    #[inline]
    fn end(self, out: &mut Vec<u8>, kind: Kind) {
        out.push(match kind {
            Kind::List => b']',
            Kind::Map => b'}',
        });
    }
}

/// What stands between the quotes of a text.
#[inline]
pub(in crate::format) fn unquoted(out: &mut Vec<u8>, text: &str) {
    if is_plain(text.as_bytes()) {
        out.extend_from_slice(text.as_bytes());
    } else {
        escaped(text.as_bytes(), out);
    }
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

/// Writes a character that can't stand in a text as it is.
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
            return out.extend_from_slice(&[
                b'\\',
                b'u',
                b'0',
                b'0',
                digit(special >> 4),
                digit(special & 15),
            ]);
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}
