//! CBOR (RFC 8949). What chat messages consist of is read here: text, integers, lists and maps whose length is told.
//! All else is left to minicbor: floating-point numbers, tags, lengths that are not told, and saying what is wrong.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use minicbor::data::Type;
use minicbor::decode::{Decoder, Error};

use super::error::Fault;
use super::read::{self, Fill, Item, Key, Name, Read};
use super::write::{Kind, Notation};

pub(super) fn read<'a>(bytes: &'a [u8], into: &mut impl Fill<'a>) -> Read<bool> {
    let mut reader = Reader::new(bytes);
    let is_map = read::top(&mut reader, into)?;
    if reader.is_at_end() { Ok(is_map) } else { Err(Box::new(Fault::Trailing)) }
}

#[derive(Clone)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    /// The place of the next byte.
    at: usize,
}

/// How many items of a list, or fields of a map, are left; `None` if an end mark will come.
pub(super) type Left = Option<u64>;

/// The major types (RFC 8949, section 3.1) that are read or written here.
const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const LIST: u8 = 4;
const MAP: u8 = 5;

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, at: 0 }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// The head of the next item: its major type, its argument, and where it ends.
    #[inline]
    fn head(&self) -> Option<(u8, u64, usize)> {
        let (first, rest) = self.bytes.get(self.at..)?.split_first()?;
        let (argument, length) = match first & 31 {
            argument @ ..=23 => (argument.into(), 1),
            24 => ((*rest.first()?).into(), 2),
            25 => (u16::from_be_bytes(*rest.first_chunk()?).into(), 3),
            26 => (u32::from_be_bytes(*rest.first_chunk()?).into(), 5),
            27 => (u64::from_be_bytes(*rest.first_chunk()?), 9),
            _ => return None,
        };
        Some((first >> 5, argument, self.at + length))
    }

    /// The bytes of the next item, if it is text whose length is told; and where it ends.
    #[inline]
    fn text(&self) -> Option<(&'a [u8], usize)> {
        let (major, length, start) = self.head()?;
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        (major == TEXT).then_some((self.bytes.get(start..end)?, end))
    }

    /// Lets minicbor read what it is better at.
    #[cold]
    pub(super) fn otherwise<T>(&mut self, read: impl FnOnce(&mut Decoder<'a>) -> Read<T>) -> Read<T> {
        let mut decoder = Decoder::new(self.bytes);
        decoder.set_position(self.at);
        let value = read(&mut decoder)?;
        self.at = decoder.position();
        Ok(value)
    }
}

impl<'a> read::Reader<'a> for Reader<'a> {
    type Left = Left;

    #[inline]
    fn item(&mut self) -> Read<Item<'a, Left>> {
        let (item, end) = match self.head() {
            Some((UNSIGNED, number, end)) => (Item::Unsigned(number), end),
            // -1 - n is n with each bit turned.
            Some((NEGATIVE, number, end)) if number < 1 << 63 => (Item::Negative(!(number as i64)), end),
            Some((TEXT, ..)) => match self.plain_text() {
                Some(text) => return Ok(Item::Text(Cow::Borrowed(text))),
                None => return self.otherwise(item),
            },
            Some((LIST, length, end)) => (Item::List(Some(length)), end),
            Some((MAP, length, end)) => (Item::Map(Some(length)), end),
            _ => return self.otherwise(item),
        };
        self.at = end;
        Ok(item)
    }

    #[inline]
    fn has_next(&mut self, left: &mut Left) -> Read<bool> {
        match left {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None => self.otherwise(|decoder| {
                let is_end = decoder.datatype().map_err(fault)? == Type::Break;
                decoder.set_position(decoder.position() + usize::from(is_end));
                Ok(!is_end)
            }),
        }
    }

    fn next_name<N: Name>(&mut self, left: &mut Left) -> Read<Option<Key<'a, N>>> {
        if !self.has_next(left)? {
            return Ok(None);
        }
        let name = match self.plain_text() {
            Some(name) => Cow::Borrowed(name),
            None => self.otherwise(name)?,
        };
        Ok(Some(N::of(name.as_bytes()).map_or(Key::Other(name), Key::Listed)))
    }

    #[inline(always)]
    fn plain_name<N: Name>(&mut self, left: &mut Left) -> Option<Option<N>> {
        if !self.has_next(left).ok()? {
            return Some(None);
        }
        // A listed name is known to be UTF-8.
        N::of(self.plain_bytes()?).map(Some)
    }

    #[inline]
    fn plain_text(&mut self) -> Option<&'a str> {
        let (bytes, end) = self.text()?;
        let text = core::str::from_utf8(bytes).ok()?;
        self.at = end;
        Some(text)
    }

    #[inline]
    fn plain_bytes(&mut self) -> Option<&'a [u8]> {
        let (bytes, end) = self.text()?;
        self.at = end;
        Some(bytes)
    }

    #[inline]
    fn plain_number(&mut self) -> Option<u64> {
        let (major, number, end) = self.head()?;
        if major != UNSIGNED {
            return None;
        }
        self.at = end;
        Some(number)
    }
}

#[cold]
fn fault(error: Error) -> Box<Fault> {
    Box::new(match error.is_end_of_input() {
        true => Fault::Truncated,
        false => Fault::Malformed { format: "CBOR", offset: error.position().unwrap_or(0) },
    })
}

#[cold]
fn malformed(decoder: &Decoder<'_>) -> Box<Fault> {
    Box::new(Fault::Malformed { format: "CBOR", offset: decoder.position() })
}

/// The type of the next item, past the tags before it: the content is what counts.
fn next_type(decoder: &mut Decoder<'_>) -> Result<Type, Error> {
    loop {
        match decoder.datatype()? {
            Type::Tag => _ = decoder.tag()?,
            other => return Ok(other),
        }
    }
}

pub(super) fn name<'a>(decoder: &mut Decoder<'a>) -> Read<Cow<'a, str>> {
    match next_type(decoder).map_err(fault)? {
        Type::String => decoder.str().map(Cow::Borrowed).map_err(fault),
        Type::StringIndef => text_in_chunks(decoder).map(Cow::Owned).map_err(fault),
        Type::Break | Type::Unknown(_) => Err(malformed(decoder)),
        _ => Err(Box::new(Fault::KeyNotText)),
    }
}

/// Any item.
pub(super) fn item<'a>(decoder: &mut Decoder<'a>) -> Read<Item<'a, Left>> {
    match well_formed_item(decoder) {
        Ok(Some(item)) => Ok(item),
        Ok(None) => Err(malformed(decoder)),
        Err(error) => Err(fault(error)),
    }
}

fn well_formed_item<'a>(decoder: &mut Decoder<'a>) -> Result<Option<Item<'a, Left>>, Error> {
    Ok(Some(match next_type(decoder)? {
        Type::String => Item::Text(Cow::Borrowed(decoder.str()?)),
        Type::StringIndef => Item::Text(Cow::Owned(text_in_chunks(decoder)?)),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => Item::Unsigned(decoder.u64()?),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 => Item::Negative(decoder.i64()?),
        Type::Int => Item::Float(i128::from(decoder.int()?) as f64),
        Type::F16 => Item::Float(decoder.f16()?.into()),
        Type::F32 => Item::Float(decoder.f32()?.into()),
        Type::F64 => Item::Float(decoder.f64()?),
        Type::Bool => Item::Bool(decoder.bool()?),
        Type::Map | Type::MapIndef => Item::Map(decoder.map()?),
        Type::Array | Type::ArrayIndef => Item::List(decoder.array()?),
        Type::Bytes => Item::Bytes(Cow::Borrowed(decoder.bytes()?)),
        Type::BytesIndef => Item::Bytes(Cow::Owned(bytes_in_chunks(decoder)?)),
        Type::Null | Type::Undefined | Type::Simple => {
            decoder.skip()?;
            Item::Null
        }
        Type::Tag | Type::Break | Type::Unknown(_) => return Ok(None),
    }))
}

fn text_in_chunks(decoder: &mut Decoder<'_>) -> Result<String, Error> {
    decoder.str_iter()?.collect()
}

fn bytes_in_chunks(decoder: &mut Decoder<'_>) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    for chunk in decoder.bytes_iter()? {
        bytes.extend_from_slice(chunk?);
    }
    Ok(bytes)
}

/// How CBOR is written: each item in the shortest way there is, floating-point numbers in 64 bits.
#[derive(Clone, Copy)]
pub(super) struct Cbor;

#[inline]
fn head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    match argument {
        ..=23 => out.push(major | argument as u8),
        24..=0xff => out.extend_from_slice(&[major | 24, argument as u8]),
        _ => long_head(out, major, argument),
    }
}

fn long_head(out: &mut Vec<u8>, major: u8, argument: u64) {
    if let Ok(argument) = u16::try_from(argument) {
        out.push(major | 25);
        out.extend_from_slice(&argument.to_be_bytes());
    } else if let Ok(argument) = u32::try_from(argument) {
        out.push(major | 26);
        out.extend_from_slice(&argument.to_be_bytes());
    } else {
        out.push(major | 27);
        out.extend_from_slice(&argument.to_be_bytes());
    }
}

impl Notation for Cbor {
    fn null(self, out: &mut Vec<u8>) {
        out.push(0xf6);
    }

    fn bool(self, out: &mut Vec<u8>, value: bool) {
        out.push(0xf4 + u8::from(value));
    }

    #[inline]
    fn unsigned(self, out: &mut Vec<u8>, number: u64) {
        head(out, UNSIGNED, number);
    }

    fn negative(self, out: &mut Vec<u8>, number: i64) {
        head(out, NEGATIVE, !number as u64);
    }

    fn float(self, out: &mut Vec<u8>, number: f64) {
        out.push(0xfb);
        out.extend_from_slice(&number.to_be_bytes());
    }

    #[inline(always)]
    fn text(self, out: &mut Vec<u8>, text: &str) {
        head(out, TEXT, text.len() as u64);
        out.extend_from_slice(text.as_bytes());
    }

    fn bytes(self, out: &mut Vec<u8>, bytes: &[u8]) {
        head(out, BYTES, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }

    #[inline]
    fn begin(self, out: &mut Vec<u8>, kind: Kind, length: usize) {
        let major = match kind {
            Kind::List => LIST,
            Kind::Map => MAP,
        };
        head(out, major, length as u64);
    }

    #[inline]
    fn before_item(self, _: &mut Vec<u8>, _: bool) {}

    #[inline]
    fn before_value(self, _: &mut Vec<u8>) {}

    #[inline]
    fn end(self, _: &mut Vec<u8>, _: Kind) {}
}
