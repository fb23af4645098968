//! The reader of JSON. Text without escapes, whole numbers, lists and maps are read here. serde_json handles the rest:
//! escapes, other numbers, and errors.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use super::{HIGH, ONES, plain};
use crate::codec::error::{DecodeError, DecodeErrorKind};
use crate::codec::field::Field;
use crate::codec::frame::Frame;
use crate::codec::reader::{self, Decode, Item, Nesting, Result, Slot};

/// Reads the single value in the text.
pub(in crate::codec) fn read<'a, T: Decode<'a>>(text: &'a str, nesting: Nesting) -> Result<Slot<T>> {
    let mut reader = Reader::new(text);
    let value = T::decode(&mut reader, nesting);
    match reader.after_space() {
        None if value.is_ok() => value,
        _ => value
            .map_err(|error| judged(error, text))
            .and(Err(Box::new(DecodeError::frame(DecodeErrorKind::Trailing)))),
    }
}

pub(in crate::codec) struct Reader<'a> {
    text: &'a str,
    /// The position of the next byte.
    at: usize,
}

impl<'a> Reader<'a> {
    #[inline]
    pub(in crate::codec) fn new(text: &'a str) -> Self {
        Reader { text, at: 0 }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Returns the first byte that is not white space.
    #[inline]
    fn after_space(&mut self) -> Option<u8> {
        loop {
            match self.peek() {
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.at += 1,
                other => return other,
            }
        }
    }

    /// Returns whether another field follows in a map; if so, its name's opening quote is the next byte.
    #[inline(always)]
    fn has_name(&mut self, left: &mut Left) -> Result<bool> {
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
    fn colon(&mut self) -> Result<()> {
        if self.after_space() != Some(b':') {
            return Err(self.malformed());
        }
        self.at += 1;
        Ok(())
    }

    #[cold]
    fn malformed(&self) -> Box<DecodeError> {
        Box::new(DecodeError::frame(DecodeErrorKind::Malformed { format: "JSON", offset: self.at }))
    }

    /// Returns the bytes before the next quote, if that is near. The position is then at the quote.
    #[inline(always)]
    fn short(&self) -> Option<&'a [u8]> {
        let rest = self.text.as_bytes().get(self.at + 1..)?;
        let quote = u64::from_le_bytes(*rest.first_chunk()?) ^ (ONES * u64::from(b'"'));
        let found = quote.wrapping_sub(ONES) & !quote & HIGH;
        rest.get(..found.trailing_zeros() as usize / 8).filter(|_| found != 0)
    }

    /// Reads a text without escapes, if the next byte is its opening quote.
    #[inline(always)]
    fn plain_text(&mut self) -> Option<&'a str> {
        let start = self.at + 1;
        let length = plain(self.text.as_bytes().get(start..)?);
        let end = start + length;
        if self.text.as_bytes().get(end) != Some(&b'"') {
            return None;
        }
        self.at = end + 1;
        self.text.get(start..end)
    }

    /// Reads a field's name, whose opening quote is the next byte.
    fn name(&mut self) -> Result<Cow<'a, str>> {
        match self.plain_text() {
            Some(name) => Ok(Cow::Borrowed(name)),
            None => self.escaped_text().map(Cow::Owned),
        }
    }

    /// Reads a text with escapes, whose opening quote is the next byte: finds its end, and unescapes it by serde_json.
    #[cold]
    fn escaped_text(&mut self) -> Result<String> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        self.at += 1;
        loop {
            self.at += plain(bytes.get(self.at..).unwrap_or_default());
            match self.peek() {
                Some(b'\\') => self.at += 2,
                Some(b'"') => break,
                _ => return Err(self.malformed()),
            }
        }
        self.at += 1;
        let quoted = self.text.get(start..self.at).unwrap_or_default();
        serde_json::from_str(quoted).map_err(|_| self.malformed())
    }

    /// Reads an unsigned whole number of at most eighteen digits, which fits into 63 bits, from this position; returns
    /// it and its end.
    #[inline(always)]
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

    #[cold]
    fn negative(&mut self) -> Result<Item<'a, Left>> {
        match self.digits(self.at + 1) {
            // -0 is a floating-point number.
            Some((number @ 1.., end)) => {
                self.at = end;
                Ok(Item::Negative(-(number as i64)))
            }
            _ => self.other_number(),
        }
    }

    /// Reads a large or fractional number by serde_json, which also reports the error if this is no number.
    #[cold]
    fn other_number(&mut self) -> Result<Item<'a, Left>> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end = rest.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'));
        let number = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        self.at += number.len();
        let number: serde_json::Number = serde_json::from_str(number).map_err(|_| self.malformed())?;
        let whole = number.as_u64().map(Item::Unsigned).or(number.as_i64().map(Item::Negative));
        whole.or(number.as_f64().map(Item::Float)).ok_or_else(|| self.malformed())
    }

    fn word(&mut self, word: &str, item: Item<'a, Left>) -> Result<Item<'a, Left>> {
        if !self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            return Err(self.malformed());
        }
        self.at += word.len();
        Ok(item)
    }

    #[cold]
    fn word_or_none(&mut self, first: Option<u8>) -> Result<Item<'a, Left>> {
        match first {
            Some(b't') => self.word("true", Item::Bool(true)),
            Some(b'f') => self.word("false", Item::Bool(false)),
            Some(b'n') => self.word("null", Item::Null),
            _ => Err(self.malformed()),
        }
    }
}

/// The state of a list or map: whether it has just begun, so that no comma is expected.
pub(in crate::codec) struct Left {
    is_first: bool,
}

impl<'a> reader::Reader<'a> for Reader<'a> {
    type Left = Left;

    #[inline]
    fn mark(&mut self) -> usize {
        self.after_space();
        self.at
    }

    fn at(&self, mark: usize) -> Self {
        Reader { text: self.text, at: mark }
    }

    fn since(&self, mark: usize) -> Frame<'a> {
        Frame::Text(self.text.get(mark..self.at).unwrap_or_default())
    }

    #[inline(always)]
    fn item(&mut self) -> Result<Item<'a, Left>> {
        match self.after_space() {
            Some(b'"') => match self.plain_text() {
                Some(text) => Ok(Item::Text(text)),
                None => self.escaped_text().map(Item::OddText),
            },
            Some(b'0'..=b'9') => match self.digits(self.at) {
                Some((number, end)) => {
                    self.at = end;
                    Ok(Item::Unsigned(number))
                }
                None => self.other_number(),
            },
            Some(b'{') => {
                self.at += 1;
                Ok(Item::Map(Left { is_first: true }))
            }
            Some(b'[') => {
                self.at += 1;
                Ok(Item::List(Left { is_first: true }))
            }
            Some(b'-') => self.negative(),
            other => self.word_or_none(other),
        }
    }

    #[inline]
    fn has_next(&mut self, left: &mut Left) -> Result<bool> {
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

    fn next_name(&mut self, left: &mut Left) -> Result<Option<Cow<'a, str>>> {
        if !self.has_name(left)? {
            return Ok(None);
        }
        let name = self.name()?;
        self.colon()?;
        Ok(Some(name))
    }

    #[inline(always)]
    fn next_field(&mut self, left: &mut Left) -> Result<Option<Field>> {
        if !self.has_name(left)? {
            return Ok(None);
        }
        // The listed names have no escapes, so a match needs no check for them.
        let field = match self.short().map(|name| (Field::listed(name), name.len())) {
            Some((Some(field), length)) => {
                self.at += length + 2;
                field
            }
            _ => Field::of(&self.name()?),
        };
        self.colon()?;
        Ok(Some(field))
    }
}

/// Returns serde_json's error for a text that is not well-formed. The limit of nesting is checked elsewhere.
#[cold]
fn judged(error: Box<DecodeError>, text: &str) -> Box<DecodeError> {
    if error.kind == DecodeErrorKind::TooDeep {
        return error;
    }
    let kind = match serde_json::from_str::<Anything>(text) {
        Err(verdict) if verdict.classify() == Category::Eof => DecodeErrorKind::Truncated,
        Err(verdict) => DecodeErrorKind::Malformed { format: "JSON", offset: offset(&verdict, text) },
        Ok(Anything) => return error,
    };
    Box::new(DecodeError::frame(kind))
}

/// Converts serde_json's line and column, counted from 1, to an offset in bytes from 0.
pub(in crate::codec) fn offset(error: &serde_json::Error, text: &str) -> usize {
    let lines_before: usize =
        text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    lines_before + error.column().saturating_sub(1)
}

/// Accepts any well-formed value. serde's own `IgnoredAny` is not used, because serde_json checks less when it skips a
/// value.
struct Anything;

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> core::result::Result<Self, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

impl<'de> Visitor<'de> for Anything {
    type Value = Anything;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> core::result::Result<Anything, E> {
        Ok(Anything)
    }

    fn visit_bool<E>(self, _: bool) -> core::result::Result<Anything, E> {
        Ok(Anything)
    }

    fn visit_u64<E>(self, _: u64) -> core::result::Result<Anything, E> {
        Ok(Anything)
    }

    fn visit_i64<E>(self, _: i64) -> core::result::Result<Anything, E> {
        Ok(Anything)
    }

    fn visit_f64<E>(self, _: f64) -> core::result::Result<Anything, E> {
        Ok(Anything)
    }

    fn visit_str<E>(self, _: &str) -> core::result::Result<Anything, E> {
        Ok(Anything)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> core::result::Result<Anything, A::Error> {
        while list.next_element::<Anything>()?.is_some() {}
        Ok(Anything)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> core::result::Result<Anything, A::Error> {
        while map.next_entry::<String, Anything>()?.is_some() {}
        Ok(Anything)
    }
}
