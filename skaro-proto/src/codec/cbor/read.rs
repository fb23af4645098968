//! The reader of CBOR. Text, integers, and lists and maps of definite length are read here. minicbor handles the rest:
//! floating-point numbers, tags, indefinite lengths, and errors.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use minicbor::data::Type;
use minicbor::decode::{Decoder, Error};

use super::{LIST, MAP, NEGATIVE, TEXT, UNSIGNED};
use crate::codec::error::{DecodeError, DecodeErrorKind};
use crate::codec::field::Field;
use crate::codec::frame::Frame;
use crate::codec::reader::{self, Decode, Nesting, Result, Slot};

pub(in crate::codec) type Item<'a> = reader::Item<'a, Left>;

/// Reads the single item in these bytes.
pub(in crate::codec) fn read<'a, T: Decode<'a>>(bytes: &'a [u8], nesting: Nesting) -> Result<Slot<T>> {
    let mut reader = Reader::new(bytes);
    let value = T::decode(&mut reader, nesting);
    match reader.is_at_end() {
        true => value,
        false => value.and(Err(error(DecodeErrorKind::Trailing))),
    }
}

pub(in crate::codec) struct Reader<'a> {
    bytes: &'a [u8],
    /// The bytes that are not read yet.
    rest: &'a [u8],
}

/// The number of items left in a list, or of fields in a map; `None` if the length is indefinite.
pub(in crate::codec) type Left = Option<u64>;

impl<'a> Reader<'a> {
    pub(in crate::codec) fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, rest: bytes }
    }

    pub(in crate::codec) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Returns the head of the next item: its major type, its argument, and the bytes after the head.
    #[inline(always)]
    fn head(&self) -> Option<(u8, u64, &'a [u8])> {
        let (first, rest) = self.rest.split_first()?;
        let (argument, rest) = match first & 31 {
            argument @ ..=23 => (argument.into(), rest),
            24 => rest.split_first().map(|(argument, rest)| ((*argument).into(), rest))?,
            25 => rest
                .split_first_chunk()
                .map(|(argument, rest)| (u16::from_be_bytes(*argument).into(), rest))?,
            26 => rest
                .split_first_chunk()
                .map(|(argument, rest)| (u32::from_be_bytes(*argument).into(), rest))?,
            27 => rest.split_first_chunk().map(|(argument, rest)| (u64::from_be_bytes(*argument), rest))?,
            _ => return None,
        };
        Some((first >> 5, argument, rest))
    }

    /// Reads a rare item by minicbor.
    #[cold]
    pub(in crate::codec) fn otherwise<T>(
        &mut self,
        read: impl FnOnce(&mut Decoder<'a>) -> Result<T>,
    ) -> Result<T> {
        let mut decoder = Decoder::new(self.bytes);
        decoder.set_position(self.bytes.len() - self.rest.len());
        let value = read(&mut decoder)?;
        self.rest = self.bytes.get(decoder.position()..).unwrap_or_default();
        Ok(value)
    }
}

impl<'a> reader::Reader<'a> for Reader<'a> {
    type Left = Left;

    #[inline]
    fn mark(&mut self) -> usize {
        self.bytes.len() - self.rest.len()
    }

    fn at(&self, mark: usize) -> Self {
        Reader { bytes: self.bytes, rest: self.bytes.get(mark..).unwrap_or_default() }
    }

    fn since(&self, mark: usize) -> Frame<'a> {
        let end = self.bytes.len() - self.rest.len();
        Frame::Binary(self.bytes.get(mark..end).unwrap_or_default())
    }

    #[inline(always)]
    fn item(&mut self) -> Result<Item<'a>> {
        let Some((major, argument, rest)) = self.head() else { return self.otherwise(item) };
        let (item, rest) = match major {
            TEXT => match split_text(rest, argument) {
                Some((text, rest)) => (Item::Text(text), rest),
                None => return self.otherwise(item),
            },
            UNSIGNED => (Item::Unsigned(argument), rest),
            MAP => (Item::Map(Some(argument)), rest),
            LIST => (Item::List(Some(argument)), rest),
            // -1 - n is n with all bits inverted.
            NEGATIVE if argument < 1 << 63 => (Item::Negative(!(argument as i64)), rest),
            _ => return self.otherwise(item),
        };
        self.rest = rest;
        Ok(item)
    }

    #[inline]
    fn has_next(&mut self, left: &mut Left) -> Result<bool> {
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

    fn next_name(&mut self, left: &mut Left) -> Result<Option<Cow<'a, str>>> {
        if self.has_next(left)? { self.otherwise(name).map(Some) } else { Ok(None) }
    }

    #[inline(always)]
    fn next_field(&mut self, left: &mut Left) -> Result<Option<Field>> {
        if !self.has_next(left)? {
            return Ok(None);
        }
        // The listed names are ASCII, so a match needs no check for UTF-8.
        if let Some((TEXT, length, rest)) = self.head()
            && let Some((name, rest)) = split(rest, length)
            && let Some(field) = Field::listed(name)
        {
            self.rest = rest;
            return Ok(Some(field));
        }
        self.otherwise(name).map(|name| Some(Field::of(&name)))
    }
}

/// Splits off this many bytes, if there are enough.
#[inline(always)]
fn split(bytes: &[u8], length: u64) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(usize::try_from(length).ok()?)
}

/// Splits off this many bytes, if they are text.
#[inline(always)]
fn split_text(bytes: &[u8], length: u64) -> Option<(&str, &[u8])> {
    let (bytes, rest) = split(bytes, length)?;
    let text = match WORDS.into_iter().find(|word| word.as_bytes() == bytes) {
        Some(word) => word,
        None => core::str::from_utf8(bytes).ok()?,
    };
    Some((text, rest))
}

/// The texts in almost every message. Checking each time that they are UTF-8 would take a fifth of the time.
const WORDS: [&str; 4] = ["show_message", "send_message", "request", "200"];

#[cold]
fn error(kind: DecodeErrorKind) -> Box<DecodeError> {
    Box::new(DecodeError::frame(kind))
}

/// The result of a read by minicbor.
type Decoded<T> = core::result::Result<T, Error>;

#[cold]
fn fault(cause: Error) -> Box<DecodeError> {
    error(match cause.is_end_of_input() {
        true => DecodeErrorKind::Truncated,
        false => DecodeErrorKind::Malformed { format: "CBOR", offset: cause.position().unwrap_or(0) },
    })
}

#[cold]
fn malformed(decoder: &Decoder<'_>) -> Box<DecodeError> {
    error(DecodeErrorKind::Malformed { format: "CBOR", offset: decoder.position() })
}

/// Returns the type of the next item. Tags before it are skipped.
fn next_type(decoder: &mut Decoder<'_>) -> Decoded<Type> {
    loop {
        match decoder.datatype()? {
            Type::Tag => _ = decoder.tag()?,
            other => return Ok(other),
        }
    }
}

pub(in crate::codec) fn name<'a>(decoder: &mut Decoder<'a>) -> Result<Cow<'a, str>> {
    match next_type(decoder).map_err(fault)? {
        Type::String => decoder.str().map(Cow::Borrowed).map_err(fault),
        Type::StringIndef => text_in_chunks(decoder).map(Cow::Owned).map_err(fault),
        Type::Break | Type::Unknown(_) => Err(malformed(decoder)),
        _ => Err(error(DecodeErrorKind::KeyNotText)),
    }
}

/// Reads any item.
pub(in crate::codec) fn item<'a>(decoder: &mut Decoder<'a>) -> Result<Item<'a>> {
    match well_formed_item(decoder) {
        Ok(Some(item)) => Ok(item),
        Ok(None) => Err(malformed(decoder)),
        Err(cause) => Err(fault(cause)),
    }
}

fn well_formed_item<'a>(decoder: &mut Decoder<'a>) -> Decoded<Option<Item<'a>>> {
    Ok(Some(match next_type(decoder)? {
        Type::String => Item::Text(decoder.str()?),
        Type::StringIndef => Item::OddText(text_in_chunks(decoder)?),
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

fn text_in_chunks(decoder: &mut Decoder<'_>) -> Decoded<String> {
    decoder.str_iter()?.collect()
}

fn bytes_in_chunks(decoder: &mut Decoder<'_>) -> Decoded<Vec<u8>> {
    let mut bytes = Vec::new();
    for chunk in decoder.bytes_iter()? {
        bytes.extend_from_slice(chunk?);
    }
    Ok(bytes)
}
