//! Values of any type.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::dispatch::read;
use super::encoder::{Encode, Encoder};
use super::fields::Fields;
use super::frame::Frame;
use super::reader::{Decode, MapReader, Nesting, Reader, Result, SeqReader, Slot};

/// A value of any type that JSON and CBOR share.
///
/// CBOR tags are dropped and their content is kept; `undefined` becomes [`Value::Null`]; integers below -2⁶³ and big
/// numbers beyond 64 bits become floating-point numbers. JSON has no byte strings: they are written there as lists of
/// numbers.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the formats have no other types")]
pub enum Value<'a> {
    /// JSON's `null`, CBOR's `null` and `undefined`.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer from 0 to 2⁶⁴ - 1.
    Unsigned(u64),
    /// An integer from -2⁶³ to -1.
    Negative(i64),
    /// A floating-point number.
    Float(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// Bytes; exists only in CBOR.
    Bytes(Cow<'a, [u8]>),
    /// A list.
    List(Vec<Value<'a>>),
    /// A map with text keys.
    Map(Fields<'a>),
}

impl<'a> Value<'a> {
    /// Returns the text, if the value is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the integer, if the value is one.
    #[must_use]
    pub fn as_integer(&self) -> Option<i128> {
        match *self {
            Value::Unsigned(number) => Some(number.into()),
            Value::Negative(number) => Some(number.into()),
            _ => None,
        }
    }

    /// Returns the boolean, if the value is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match *self {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// Returns the fields, if the value is a map.
    #[must_use]
    pub fn as_map(&self) -> Option<&Fields<'a>> {
        match self {
            Value::Map(fields) => Some(fields),
            _ => None,
        }
    }

    /// Returns the same value, no longer borrowed from the frame.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::Bool(value) => Value::Bool(value),
            Value::Unsigned(number) => Value::Unsigned(number),
            Value::Negative(number) => Value::Negative(number),
            Value::Float(number) => Value::Float(number),
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
            Value::List(items) => Value::List(items.into_iter().map(Value::into_owned).collect()),
            Value::Map(fields) => Value::Map(fields.into_owned()),
        }
    }

    /// Reads a raw value that was read before or that the application made.
    pub(super) fn known(raw: Frame<'a>) -> Option<Self> {
        match read(raw, Nesting::KNOWN) {
            Ok(Slot::Value(value)) => Some(value),
            _ => None,
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Value::Text(Cow::Owned(text))
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Value::Unsigned(number)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        u64::try_from(number).map_or(Value::Negative(number), Value::Unsigned)
    }
}

impl From<f64> for Value<'_> {
    fn from(number: f64) -> Self {
        Value::Float(number)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl<'a> From<Fields<'a>> for Value<'a> {
    fn from(fields: Fields<'a>) -> Self {
        Value::Map(fields)
    }
}

impl<'a> Decode<'a> for Value<'a> {
    const EXPECTED: &'static str = "anything";

    fn null() -> Slot<Self> {
        Slot::Value(Value::Null)
    }

    fn bool(value: bool) -> Slot<Self> {
        Slot::Value(Value::Bool(value))
    }

    fn unsigned(number: u64) -> Slot<Self> {
        Slot::Value(Value::Unsigned(number))
    }

    fn negative(number: i64) -> Slot<Self> {
        Slot::Value(Value::Negative(number))
    }

    fn float(number: f64) -> Slot<Self> {
        Slot::Value(Value::Float(number))
    }

    fn text(text: Cow<'a, str>) -> Slot<Self> {
        Slot::Value(Value::Text(text))
    }

    fn bytes(bytes: Cow<'a, [u8]>) -> Slot<Self> {
        Slot::Value(Value::Bytes(bytes))
    }

    fn list<R: Reader<'a>>(mut list: SeqReader<'_, 'a, R>) -> Result<Slot<Self>> {
        let mut items = Vec::new();
        while let Some(item) = list.next()? {
            if let Slot::Value(item) = item {
                items.push(item);
            }
        }
        Ok(Slot::Value(Value::List(items)))
    }

    fn map<R: Reader<'a>>(mut map: MapReader<'_, 'a, R>) -> Result<Slot<Self>> {
        map.skip_all()?;
        Ok(Slot::Value(Value::Map(Fields::all(&map))))
    }
}

impl Encode for Value<'_> {
    fn encode<E: Encoder>(&self, to: &mut E) {
        match self {
            Value::Null => to.null(),
            Value::Bool(value) => to.bool(*value),
            Value::Unsigned(number) => to.unsigned(*number),
            Value::Negative(number) => number.encode(to),
            Value::Float(number) => to.float(*number),
            Value::Text(text) => to.text(text),
            Value::Bytes(bytes) => to.bytes(bytes),
            Value::List(items) => items.encode(to),
            Value::Map(fields) => fields.encode(to),
        }
    }
}
