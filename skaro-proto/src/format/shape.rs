//! Reading liberally: what a field should look like, and what becomes of it when it looks otherwise.
//!
//! A field of the wrong type must not spoil a frame in which nobody asked for that field, and whether somebody does
//! is known only when the whole frame has been read, since fields come in any order. So reading a field never fails:
//! it yields the value, or what is wrong with it, and the message that is made of the fields decides. Only a frame
//! that is not well-formed ends the reading.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::error::{DecodeError, Fault};
use crate::limits::NESTING;
use crate::value::{Fields, Value};

/// A value, or what is wrong with it. Boxed, since errors are rare and fields are moved often.
pub(crate) type Decoded<T> = Result<T, Box<DecodeError>>;

/// What was read for a field: nothing (or null), a value, or something else than a value of that shape.
pub(crate) type Parsed<T> = Option<Decoded<T>>;

/// The value of a field that a message can't do without.
pub(crate) fn required<T>(field: Parsed<T>, name: &'static str) -> Decoded<T> {
    optional(field, name)?.ok_or_else(|| Box::new(DecodeError::field(name, Fault::Missing)))
}

/// The value of a field that may be missing.
pub(crate) fn optional<T>(field: Parsed<T>, name: &'static str) -> Decoded<Option<T>> {
    field.transpose().map_err(|error| Box::new(error.within(name)))
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

    fn list<A: SeqAccess<'de>>(mut list: A, nesting: Nesting) -> Result<Decoded<Self>, A::Error> {
        while list.next_element_seed(nesting.seed::<Skipped>())?.is_some() {}
        Ok(Self::wrong())
    }

    fn map<A: MapAccess<'de>>(mut map: A, nesting: Nesting) -> Result<Decoded<Self>, A::Error> {
        while map.next_entry_seed(nesting.seed::<Skipped>(), nesting.seed::<Skipped>())?.is_some() {}
        Ok(Self::wrong())
    }
}

/// How many levels a value may still have: the one bound on recursion over what a peer sent.
#[derive(Clone, Copy)]
pub(crate) struct Nesting(u8);

impl Nesting {
    pub(crate) const TOP: Nesting = Nesting(NESTING);

    pub(crate) fn seed<T>(self) -> Seed<T> {
        Seed { nesting: self, shape: PhantomData }
    }

    fn inner<E: Error>(self) -> Result<Nesting, E> {
        // The readers know that this is the one thing that seeds object to, and report it as `Fault::TooDeep`.
        self.0.checked_sub(1).map(Nesting).ok_or_else(|| E::custom("too deep"))
    }
}

/// Walks through the fields of a map.
pub(crate) struct Keys<A> {
    map: A,
    nesting: Nesting,
}

impl<'de, A: MapAccess<'de>> Keys<A> {
    pub(crate) fn new(map: A, nesting: Nesting) -> Self {
        Keys { map, nesting }
    }

    /// The next field's name; its value must be read before the next call.
    pub(crate) fn next(&mut self) -> Result<Option<Cow<'de, str>>, A::Error> {
        self.map.next_key_seed(KeySeed)
    }

    /// The value of the field whose name came last.
    pub(crate) fn value<T: Shape<'de>>(&mut self) -> Result<Parsed<T>, A::Error> {
        self.map.next_value_seed(self.nesting.seed())
    }

    /// Reads the value of a field that nobody has listed, and drops it.
    pub(crate) fn skip(&mut self) -> Result<(), A::Error> {
        self.value::<Skipped>().map(drop)
    }

    /// Keeps the value of a field that nobody has listed.
    pub(crate) fn keep(&mut self, name: Cow<'de, str>, fields: &mut Fields<'de>) -> Result<(), A::Error> {
        if let Some(Ok(value)) = self.value::<Value<'de>>()? {
            fields.push(name, value);
        }
        Ok(())
    }
}

/// Reads a value of a shape, whatever stands there.
pub(crate) struct Seed<T> {
    nesting: Nesting,
    shape: PhantomData<T>,
}

impl<'de, T: Shape<'de>> DeserializeSeed<'de> for Seed<T> {
    type Value = Parsed<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Shape<'de>> Visitor<'de> for Seed<T> {
    type Value = Parsed<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(T::null())
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(T::bool(value)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(T::integer(number.into())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(T::integer(number.into())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(T::float(number)))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(T::text(Cow::Borrowed(text))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        self.visit_string(text.into())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Some(T::text(Cow::Owned(text))))
    }

    fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
        Ok(Some(T::bytes(Cow::Borrowed(bytes))))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Self::Value, E> {
        Ok(Some(T::bytes(Cow::Owned(bytes))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        T::list(list, self.nesting.inner()?).map(Some)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::map(map, self.nesting.inner()?).map(Some)
    }
}

/// Reads a field's name; the readers see to it that it is text.
struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.into()))
    }

    fn visit_string<E>(self, name: String) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name))
    }
}

/// Anything, not kept.
struct Skipped;

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

    fn list<A: SeqAccess<'de>>(mut list: A, nesting: Nesting) -> Result<Decoded<Self>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(nesting.seed::<Value<'de>>())? {
            items.extend(item.and_then(Result::ok));
        }
        Ok(Ok(Value::List(items)))
    }

    fn map<A: MapAccess<'de>>(map: A, nesting: Nesting) -> Result<Decoded<Self>, A::Error> {
        Ok(Fields::map(map, nesting)?.map(Value::Map))
    }
}

impl<'de> Shape<'de> for Fields<'de> {
    const EXPECTED: &'static str = "a map";

    fn map<A: MapAccess<'de>>(map: A, nesting: Nesting) -> Result<Decoded<Self>, A::Error> {
        let mut keys = Keys::new(map, nesting);
        let mut fields = Fields::new();
        while let Some(name) = keys.next()? {
            keys.keep(name, &mut fields)?;
        }
        Ok(Ok(fields))
    }
}
