//! Values of any shape: the fields that nobody has listed, kept for the application.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use serde::ser::{Serialize, SerializeMap, Serializer};

/// A value of any shape that JSON and CBOR share.
///
/// A CBOR tag is left out, its content kept; `undefined` is [`Value::Null`]; an integer below -2⁶³ and a big number
/// beyond what fits are floating-point numbers. JSON has no byte strings: they are written there as lists of numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Nothing: JSON's `null`, CBOR's `null` and `undefined`.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer from 0 to 2⁶⁴ - 1.
    Unsigned(u64),
    /// An integer from -2⁶³ to -1.
    Negative(i64),
    /// A floating-point number.
    Float(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// Bytes; only CBOR has them.
    Bytes(Cow<'a, [u8]>),
    /// A list.
    List(Vec<Value<'a>>),
    /// A map with text keys.
    Map(Fields<'a>),
}

impl<'a> Value<'a> {
    /// The text, if it is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if it is one.
    pub fn as_integer(&self) -> Option<i128> {
        match *self {
            Value::Unsigned(number) => Some(number.into()),
            Value::Negative(number) => Some(number.into()),
            _ => None,
        }
    }

    /// The same value, independent of the frame that it was borrowed from.
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
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Text(Cow::Borrowed(text))
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Value::Unsigned(number)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

/// Fields in the order in which they came, with their names.
///
/// A name that came twice stands here twice; [`Fields::get`] finds the last one, in both formats.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

impl<'a> Fields<'a> {
    /// No fields.
    pub const fn new() -> Self {
        Fields(Vec::new())
    }

    /// The value of the last field of this name.
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Adds a field after the others.
    pub fn push(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Value<'a>>) {
        self.0.push((name.into(), value.into()));
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// The same fields, independent of the frame that they were borrowed from.
    pub fn into_owned(self) -> Fields<'static> {
        // As almost always; collecting nothing costs something, too.
        if self.0.is_empty() {
            return Fields::new();
        }
        let owned = |(name, value): (Cow<'a, str>, Value<'a>)| (name.into_owned().into(), value.into_owned());
        Fields(self.0.into_iter().map(owned).collect())
    }

    /// Without the fields whose names these are.
    pub(crate) fn without(mut self, named: impl Fn(&str) -> bool) -> Self {
        self.0.retain(|(name, _)| !named(name));
        self
    }

    /// Writes the fields into a map that has others too.
    pub(crate) fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        self.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))
    }
}

impl<'a> FromIterator<(Cow<'a, str>, Value<'a>)> for Fields<'a> {
    fn from_iter<I: IntoIterator<Item = (Cow<'a, str>, Value<'a>)>>(fields: I) -> Self {
        Fields(fields.into_iter().collect())
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_none(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Unsigned(number) => serializer.serialize_u64(*number),
            Value::Negative(number) => serializer.serialize_i64(*number),
            Value::Float(number) => serializer.serialize_f64(*number),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Value::List(items) => serializer.collect_seq(items),
            Value::Map(fields) => fields.serialize(serializer),
        }
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        self.write(&mut map)?;
        map.end()
    }
}
