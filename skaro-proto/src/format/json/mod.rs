//! JSON (RFC 8259). What chat messages consist of is read here: plain text, whole numbers, lists and maps. All else is
//! left to serde_json: escapes, other numbers, and saying what is wrong.

mod write;

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use super::error::Fault;
use super::read::{self, Fill, Item, Key, Name, Read};

pub(super) use write::{Json, unquoted};

pub(super) fn read<'a>(text: &'a str, into: &mut impl Fill<'a>) -> Read<bool> {
    let mut reader = Reader { text, at: 0 };
    let is_map = read::top(&mut reader, into).map_err(|fault| judged(fault, text))?;
    if reader.after_space().is_some() { Err(Box::new(Fault::Trailing)) } else { Ok(is_map) }
}

#[derive(Clone)]
struct Reader<'a> {
    text: &'a str,
    /// The place of the next byte.
    at: usize,
}

impl<'a> Reader<'a> {
    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The first byte that is no white space.
    #[inline]
    fn after_space(&mut self) -> Option<u8> {
        loop {
            match self.peek() {
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.at += 1,
                other => return other,
            }
        }
    }

    /// Whether another field follows in a map; if so, its name's opening quote is the next byte.
    #[inline]
    fn has_name(&mut self, left: &mut Left) -> Read<bool> {
        let is_first = core::mem::replace(&mut left.is_first, false);
        let mut next = self.after_space();
        if next == Some(b'}') {
            self.at += 1;
            return Ok(false);
        }
        if !is_first && next == Some(b',') {
            self.at += 1;
            next = self.after_space();
        } else if !is_first {
            return Err(self.malformed());
        }
        if next == Some(b'"') { Ok(true) } else { Err(self.malformed()) }
    }

    #[inline]
    fn takes_colon(&mut self) -> bool {
        let is_colon = self.after_space() == Some(b':');
        self.at += usize::from(is_colon);
        is_colon
    }

    #[cold]
    fn malformed(&self) -> Box<Fault> {
        Box::new(Fault::Malformed { format: "JSON", offset: self.at })
    }

    /// Where a text without escapes, whose opening quote is the next byte, begins and ends.
    #[inline]
    fn plain_bounds(&self) -> Option<(usize, usize)> {
        let bytes = self.text.as_bytes();
        let (quote, rest) = bytes.get(self.at..)?.split_first()?;
        let length = plain(rest);
        (*quote == b'"' && rest.get(length) == Some(&b'"')).then_some((self.at + 1, self.at + 1 + length))
    }

    /// What comes before the next quote, if that is near; the next byte is a quote too.
    #[inline]
    fn short(&self) -> Option<&'a [u8]> {
        let rest = self.text.as_bytes().get(self.at + 1..)?;
        let quote = u64::from_le_bytes(*rest.first_chunk()?) ^ (ONES * u64::from(b'"'));
        let found = quote.wrapping_sub(ONES) & !quote & HIGH;
        rest.get(..found.trailing_zeros() as usize / 8).filter(|_| found != 0)
    }

    /// A text whose opening quote is the next byte.
    fn text(&mut self) -> Read<Cow<'a, str>> {
        match read::Reader::plain_text(self) {
            Some(text) => Ok(Cow::Borrowed(text)),
            None => {
                self.at += 1;
                self.escaped(self.at)
            }
        }
    }

    /// A text that began here and has escapes: finds its end, and lets serde_json read it.
    fn escaped(&mut self, start: usize) -> Read<Cow<'a, str>> {
        let bytes = self.text.as_bytes();
        loop {
            self.at += plain(bytes.get(self.at..).unwrap_or_default());
            match self.peek() {
                Some(b'\\') => self.at += 2,
                Some(b'"') => break,
                _ => return Err(self.malformed()),
            }
        }
        self.at += 1;
        let quoted = self.text.get(start - 1..self.at).unwrap_or_default();
        serde_json::from_str(quoted).map(Cow::Owned).map_err(|_| self.malformed())
    }

    /// A whole number from 0 up to eighteen digits, which fit into 63 bits, from this place on; and its end.
    #[inline]
    fn digits(&self, start: usize) -> Option<(u64, usize)> {
        let digits = self.text.as_bytes().get(start..)?;
        let (mut number, mut count) = (0_u64, 0);
        while let Some(digit @ b'0'..=b'9') = digits.get(count) {
            number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            count += 1;
        }
        let is_plain = match count {
            1 => true,
            2..=18 => digits.first() != Some(&b'0'),
            _ => false,
        };
        let goes_on = matches!(digits.get(count), Some(b'.' | b'e' | b'E'));
        (is_plain && !goes_on).then_some((number, start + count))
    }

    fn number(&mut self) -> Read<Item<'a, Left>> {
        let is_negative = self.peek() == Some(b'-');
        match self.digits(self.at + usize::from(is_negative)) {
            Some((number, end)) if !is_negative => {
                self.at = end;
                Ok(Item::Unsigned(number))
            }
            // -0 is a floating-point number.
            Some((number @ 1.., end)) => {
                self.at = end;
                Ok(Item::Negative(-(number as i64)))
            }
            _ => self.other_number(),
        }
    }

    /// A number that is large, or not whole, or none: lets serde_json read it.
    #[cold]
    fn other_number(&mut self) -> Read<Item<'a, Left>> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end = rest.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'));
        let number = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        self.at += number.len();
        let number: serde_json::Number = serde_json::from_str(number).map_err(|_| self.malformed())?;
        let whole = number.as_u64().map(Item::Unsigned).or(number.as_i64().map(Item::Negative));
        whole.or(number.as_f64().map(Item::Float)).ok_or_else(|| self.malformed())
    }

    fn word(&mut self, word: &str, item: Item<'a, Left>) -> Read<Item<'a, Left>> {
        if !self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            return Err(self.malformed());
        }
        self.at += word.len();
        Ok(item)
    }
}

/// For looking at eight bytes at a time, as in "Bit Twiddling Hacks" (Sean Anderson), "Determine if a word has a byte
/// less than n".
const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGH: u64 = u64::from_le_bytes([0x80; 8]);

/// How many bytes come before a quote, a backslash, a control character or the end.
#[inline]
fn plain(text: &[u8]) -> usize {
    let (mut rest, mut count) = (text, 0);
    while let Some((eight, others)) = rest.split_first_chunk() {
        let found = specials(*eight);
        if found != 0 {
            return count + found.trailing_zeros() as usize / 8;
        }
        (rest, count) = (others, count + 8);
    }
    count + rest.iter().position(is_special).unwrap_or(rest.len())
}

fn is_special(byte: &u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..0x20)
}

/// A bit in the place of the first special byte, and perhaps others in later places: a borrow may set those.
#[inline]
fn specials(eight: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(eight);
    let (quote, backslash) = (word ^ (ONES * u64::from(b'"')), word ^ (ONES * u64::from(b'\\')));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (control | quote.wrapping_sub(ONES) & !quote | backslash.wrapping_sub(ONES) & !backslash) & HIGH
}

/// Whether there is no special byte at all.
#[inline]
fn is_plain(text: &[u8]) -> bool {
    let Some((_, last)) = text.split_last_chunk() else { return !text.iter().any(is_special) };
    let (eights, _) = text.as_chunks();
    // What does not fill eight bytes at the end is looked at with some of those before it.
    eights.iter().chain([last]).all(|eight| specials(*eight) == 0)
}

/// Whether a list or map has just begun, so that no comma is due.
#[derive(Clone)]
struct Left {
    is_first: bool,
}

impl<'a> read::Reader<'a> for Reader<'a> {
    type Left = Left;

    #[inline]
    fn item(&mut self) -> Read<Item<'a, Left>> {
        match self.after_space() {
            Some(b'"') => self.text().map(Item::Text),
            Some(b'0'..=b'9' | b'-') => self.number(),
            Some(b'{') => {
                self.at += 1;
                Ok(Item::Map(Left { is_first: true }))
            }
            Some(b'[') => {
                self.at += 1;
                Ok(Item::List(Left { is_first: true }))
            }
            Some(b't') => self.word("true", Item::Bool(true)),
            Some(b'f') => self.word("false", Item::Bool(false)),
            Some(b'n') => self.word("null", Item::Null),
            _ => Err(self.malformed()),
        }
    }

    #[inline]
    fn has_next(&mut self, left: &mut Left) -> Read<bool> {
        let is_first = core::mem::replace(&mut left.is_first, false);
        match self.after_space() {
            Some(b']') => {
                self.at += 1;
                Ok(false)
            }
            Some(_) if is_first => Ok(true),
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            _ => Err(self.malformed()),
        }
    }

    fn next_name<N: Name>(&mut self, left: &mut Left) -> Read<Option<Key<'a, N>>> {
        if !self.has_name(left)? {
            return Ok(None);
        }
        let name = self.text()?;
        if !self.takes_colon() {
            return Err(self.malformed());
        }
        Ok(Some(N::of(name.as_bytes()).map_or(Key::Other(name), Key::Listed)))
    }

    #[inline(always)]
    fn plain_name<N: Name>(&mut self, left: &mut Left) -> Option<Option<N>> {
        if !self.has_name(left).ok()? {
            return Some(None);
        }
        let name = match self.short() {
            Some(name) => name,
            None => {
                let (start, end) = self.plain_bounds()?;
                self.text.as_bytes().get(start..end)?
            }
        };
        self.at += name.len() + 2;
        let name = N::of(name)?;
        self.takes_colon().then_some(Some(name))
    }

    #[inline(always)]
    fn plain_text(&mut self) -> Option<&'a str> {
        self.after_space();
        let (start, end) = self.plain_bounds()?;
        self.at = end + 1;
        self.text.get(start..end)
    }

    #[inline]
    fn plain_bytes(&mut self) -> Option<&'a [u8]> {
        self.after_space();
        let (start, end) = self.plain_bounds()?;
        self.at = end + 1;
        self.text.as_bytes().get(start..end)
    }

    #[inline]
    fn plain_number(&mut self) -> Option<u64> {
        self.after_space();
        let (number, end) = self.digits(self.at)?;
        self.at = end;
        Some(number)
    }
}

/// What serde_json says is wrong with a text that is not well-formed; nesting it does not know about.
#[cold]
fn judged(fault: Box<Fault>, text: &str) -> Box<Fault> {
    if *fault == Fault::TooDeep {
        return fault;
    }
    match serde_json::from_str::<Anything>(text) {
        Err(error) if error.classify() == Category::Eof => Box::new(Fault::Truncated),
        Err(error) => Box::new(Fault::Malformed { format: "JSON", offset: offset(&error, text) }),
        Ok(Anything) => fault,
    }
}

/// serde_json tells lines and columns, from 1; frames are better served by bytes, from 0.
pub(super) fn offset(error: &serde_json::Error, text: &str) -> usize {
    let lines_before: usize =
        text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    lines_before + error.column().saturating_sub(1)
}

/// Takes whatever stands there, but only if it is well-formed: serde's own `IgnoredAny` lets serde_json look less
/// closely.
struct Anything;

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

impl<'de> Visitor<'de> for Anything {
    type Value = Anything;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<Anything, E> {
        Ok(Anything)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Anything, E> {
        Ok(Anything)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Anything, E> {
        Ok(Anything)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Anything, E> {
        Ok(Anything)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Anything, E> {
        Ok(Anything)
    }

    fn visit_str<E>(self, _: &str) -> Result<Anything, E> {
        Ok(Anything)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Anything, A::Error> {
        while list.next_element::<Anything>()?.is_some() {}
        Ok(Anything)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Anything, A::Error> {
        while map.next_entry::<String, Anything>()?.is_some() {}
        Ok(Anything)
    }
}
