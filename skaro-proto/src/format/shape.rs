//! Reading liberally: what a field should look like, and what becomes of it when it looks otherwise.
//!
//! A field of the wrong type must not spoil a frame in which nobody asked for that field, and whether somebody does
//! is known only when the whole frame has been read, since fields come in any order. So reading a field never fails:
//! it yields the value, or what is wrong with it, and the message that is made of the fields decides. Only a frame
//! that is not well-formed ends the reading.

use alloc::borrow::Cow;
use alloc::boxed::Box;

use super::error::{DecodeError, Fault};
use super::read::{Fill, Inside, Item, Nesting, Read, Reader, Unlisted};
use crate::value::{Fields, Value};

/// A value, or what is wrong with it. Boxed, since errors are rare and fields are moved often.
pub(crate) type Decoded<T> = Result<T, Box<DecodeError>>;

/// What was read for a field: nothing (or null), a value, or something else than a value of that shape.
pub(crate) type Parsed<T> = Option<Decoded<T>>;

/// The value of a field that a message can't do without.
#[inline]
pub(crate) fn required<T>(field: Parsed<T>, name: &'static str) -> Decoded<T> {
    match field {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(within(name, *error)),
        None => Err(missing(name)),
    }
}

/// The value of a field that may be missing.
#[inline]
pub(crate) fn optional<T>(field: Parsed<T>, name: &'static str) -> Decoded<Option<T>> {
    match field {
        Some(Ok(value)) => Ok(Some(value)),
        Some(Err(error)) => Err(within(name, *error)),
        None => Ok(None),
    }
}

#[cold]
fn within(name: &'static str, error: DecodeError) -> Box<DecodeError> {
    Box::new(error.within(name))
}

#[cold]
fn missing(name: &'static str) -> Box<DecodeError> {
    Box::new(DecodeError::field(name, Fault::Missing))
}

/// What can be made of the values that a frame holds; each kind of value that a shape does not speak of is wrong.
pub(crate) trait Shape<'de>: Sized {
    /// What a value of this shape is, for people: `text`, `a map`.
    const EXPECTED: &'static str;

    #[cold]
    fn wrong() -> Decoded<Self> {
        Err(Box::new(DecodeError::frame(Fault::WrongType { expected: Self::EXPECTED })))
    }

    fn null() -> Parsed<Self> {
        None
    }

    fn bool(_: bool) -> Decoded<Self> {
        Self::wrong()
    }

    fn integer(_: i128) -> Decoded<Self> {
        Self::wrong()
    }

    fn float(_: f64) -> Decoded<Self> {
        Self::wrong()
    }

    fn text(_: Cow<'de, str>) -> Decoded<Self> {
        Self::wrong()
    }

    fn bytes(_: Cow<'de, [u8]>) -> Decoded<Self> {
        Self::wrong()
    }

    fn list<R: Reader<'de>>(list: Inside<'_, R, R::Left>) -> Read<Decoded<Self>> {
        list.skip_list()?;
        Ok(Self::wrong())
    }

    fn map<R: Reader<'de>>(map: Inside<'_, R, R::Left>) -> Read<Decoded<Self>> {
        map.skip_map()?;
        Ok(Self::wrong())
    }

    /// Reads a value of this shape, whatever stands there.
    fn read<R: Reader<'de>>(reader: &mut R, nesting: Nesting) -> Read<Parsed<Self>> {
        Ok(Some(match reader.item()? {
            Item::Null => return Ok(Self::null()),
            Item::Bool(value) => Self::bool(value),
            Item::Unsigned(number) => Self::integer(number.into()),
            Item::Negative(number) => Self::integer(number.into()),
            Item::Float(number) => Self::float(number),
            Item::Text(text) => Self::text(text),
            Item::Bytes(bytes) => Self::bytes(bytes),
            Item::List(left) => Self::list(Inside::new(reader, left, nesting)?)?,
            Item::Map(left) => Self::map(Inside::new(reader, left, nesting)?)?,
        }))
    }
}

/// Anything, not kept.
pub(super) struct Skipped;

impl Shape<'_> for Skipped {
    const EXPECTED: &'static str = "anything";

    fn wrong() -> Decoded<Self> {
        Ok(Skipped)
    }
}

impl<'de> Shape<'de> for Cow<'de, str> {
    const EXPECTED: &'static str = "text";

    fn text(text: Cow<'de, str>) -> Decoded<Self> {
        Ok(text)
    }
}

impl Shape<'_> for u64 {
    const EXPECTED: &'static str = "a whole number from 0 to 2^64 - 1";

    fn integer(number: i128) -> Decoded<Self> {
        number.try_into().or_else(|_| Self::wrong())
    }
}

impl<'de> Shape<'de> for Value<'de> {
    const EXPECTED: &'static str = "anything";

    fn null() -> Parsed<Self> {
        Some(Ok(Value::Null))
    }

    fn bool(value: bool) -> Decoded<Self> {
        Ok(Value::Bool(value))
    }

    fn integer(number: i128) -> Decoded<Self> {
        let unsigned = u64::try_from(number).map(Value::Unsigned);
        let negative = |_| i64::try_from(number).map(Value::Negative);
        Ok(unsigned.or_else(negative).unwrap_or(Value::Float(number as f64)))
    }

    fn float(number: f64) -> Decoded<Self> {
        Ok(Value::Float(number))
    }

    fn text(text: Cow<'de, str>) -> Decoded<Self> {
        Ok(Value::Text(text))
    }

    fn bytes(bytes: Cow<'de, [u8]>) -> Decoded<Self> {
        Ok(Value::Bytes(bytes))
    }

    fn list<R: Reader<'de>>(list: Inside<'_, R, R::Left>) -> Read<Decoded<Self>> {
        Ok(Ok(Value::List(list.items()?)))
    }

    fn map<R: Reader<'de>>(map: Inside<'_, R, R::Left>) -> Read<Decoded<Self>> {
        Ok(Fields::map(map)?.map(Value::Map))
    }
}

impl<'de> Shape<'de> for Fields<'de> {
    const EXPECTED: &'static str = "a map";

    fn map<R: Reader<'de>>(map: Inside<'_, R, R::Left>) -> Read<Decoded<Self>> {
        let mut fields = Fields::new();
        fields.fill(map)?;
        Ok(Ok(fields))
    }
}

impl<'de> Fill<'de> for Fields<'de> {
    fn fill<R: Reader<'de>>(&mut self, mut map: Inside<'_, R, R::Left>) -> Read<()> {
        while let Some(name) = map.next_name::<Unlisted>()? {
            map.keep(name.into_text(), self)?;
        }
        Ok(())
    }
}
