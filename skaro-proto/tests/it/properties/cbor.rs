//! A writer of CBOR (RFC 8949) that takes every liberty which the format leaves.

use super::choices::Choices;
use super::tree::Plain;

pub fn write(value: &Plain, choices: &mut Choices<'_>) -> Vec<u8> {
    let mut writer = Writer { out: Vec::new(), choices };
    writer.value(value);
    writer.out
}

const BREAK: u8 = 0xff;

struct Writer<'w, 'c> {
    out: Vec<u8>,
    choices: &'w mut Choices<'c>,
}

impl Writer<'_, '_> {
    /// An item's head: its major type, and its argument in as many bytes as it needs, or more.
    fn head(&mut self, major: u8, argument: u64) {
        let needed = match argument {
            0..=23 => 0,
            24..=0xff => 1,
            0x100..=0xffff => 2,
            0x1_0000..=0xffff_ffff => 3,
            _ => 4,
        };
        let taken = (needed + self.choices.pick(5)).min(4);
        let bytes = argument.to_be_bytes();
        match taken {
            0 => self.out.push(major << 5 | bytes[7]),
            width => {
                self.out.push(major << 5 | (23 + width as u8));
                self.out.extend_from_slice(&bytes[8 - (1 << (width - 1))..]);
            }
        }
    }

    /// Tags, which say what is meant by the item that follows. They may be heaped up.
    fn tags(&mut self) {
        for _ in 0..3 {
            if !self.choices.one_in(8) {
                return;
            }
            let tags = [0, 1, 2, 4, 24, 55799, u64::MAX];
            let tag = tags[self.choices.pick(tags.len())];
            self.head(6, tag);
        }
    }

    fn value(&mut self, value: &Plain) {
        self.tags();
        match value {
            Plain::Null => {
                let null = [&[0xf6][..], &[0xf7], &[0xf8, 0xff], &[0xe0]];
                let null = null[self.choices.pick(null.len())];
                self.out.extend_from_slice(null);
            }
            Plain::Bool(value) => self.out.push(0xf4 + u8::from(*value)),
            Plain::Integer(number) => match u64::try_from(*number) {
                Ok(number) => self.head(0, number),
                Err(_) => self.head(1, u64::try_from(-1 - number).expect("an integer of CBOR")),
            },
            Plain::Float(number) => self.float(*number),
            Plain::Text(text) => {
                let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).skip(1).collect();
                self.string(3, text.as_bytes(), &ends);
            }
            Plain::Bytes(bytes) => self.string(2, bytes, &(1..bytes.len()).collect::<Vec<_>>()),
            Plain::List(items) => {
                let counted = self.begin(4, items.len());
                items.iter().for_each(|item| self.value(item));
                self.end(counted);
            }
            Plain::Map(fields) => {
                let counted = self.begin(5, fields.len());
                for (name, value) in fields {
                    self.value(&Plain::Text(name.clone()));
                    self.value(value);
                }
                self.end(counted);
            }
        }
    }

    /// A list or map either tells its length or has an end mark.
    fn begin(&mut self, major: u8, length: usize) -> bool {
        let counted = !self.choices.one_in(3);
        match counted {
            true => self.head(major, length as u64),
            false => self.out.push(major << 5 | 31),
        }
        counted
    }

    fn end(&mut self, counted: bool) {
        if !counted {
            self.out.push(BREAK);
        }
    }

    /// Text or bytes: at once, or in chunks that may end at these places.
    fn string(&mut self, major: u8, bytes: &[u8], ends: &[usize]) {
        if !self.choices.one_in(3) {
            self.head(major, bytes.len() as u64);
            return self.out.extend_from_slice(bytes);
        }
        self.out.push(major << 5 | 31);
        let mut start = 0;
        for end in ends.iter().copied().chain([bytes.len()]) {
            if end == bytes.len() || self.choices.one_in(4) {
                self.head(major, (end - start) as u64);
                self.out.extend_from_slice(&bytes[start..end]);
                start = end;
            }
            if self.choices.one_in(16) {
                self.head(major, 0);
            }
        }
        self.out.push(BREAK);
    }

    /// A floating-point number in 64 bits, or in fewer if these hold it exactly.
    fn float(&mut self, number: f64) {
        let single = number as f32;
        let is_single = f64::from(single).to_bits() == number.to_bits();
        match (self.choices.pick(3), half(number)) {
            (2, Some(half)) => {
                self.out.push(0xf9);
                self.out.extend_from_slice(&half.to_be_bytes());
            }
            (1, _) if is_single => {
                self.out.push(0xfa);
                self.out.extend_from_slice(&single.to_be_bytes());
            }
            _ => {
                self.out.push(0xfb);
                self.out.extend_from_slice(&number.to_be_bytes());
            }
        }
    }
}

/// The number in IEEE 754's 16 bits, if it is zero or normal there and loses nothing.
fn half(number: f64) -> Option<u16> {
    let bits = number.to_bits();
    let (sign, exponent, fraction) = (bits >> 63, (bits >> 52 & 0x7ff) as i64 - 1023, bits & ((1 << 52) - 1));
    let exponent = match (number == 0.0, exponent) {
        (true, _) => 0,
        (false, -14..=15) if fraction.trailing_zeros() >= 42 => (exponent + 15) as u64,
        _ => return None,
    };
    Some((sign << 15 | exponent << 10 | fraction >> 42) as u16)
}
