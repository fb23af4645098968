//! Values of any type, and fields as values.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::dispatch::read;
use super::encoder::{Encode, Encoder};
use super::field::FieldSet;
use super::fields::{Fields, Kept, Raw, RawFields};
use super::frame::Frame;
use super::reader::{Decode, MapReader, Nesting, Reader, Result, SeqReader, Slot};
use super::{cbor, json};

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

/// The head and the end mark of a map of indefinite length (RFC 8949, section 3.2.2), to which fields can be appended.
const OPEN: u8 = 0xbf;
const END: u8 = 0xff;

/// Fields by their values.
impl Fields<'_> {
    /// Returns the value of the last field with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value<'_>> {
        let (_, value) = self.raw().filter(|(other, _)| other == name).last()?;
        Value::known(value)
    }

    /// Returns the value of the last field with this name, if it is of this type.
    pub(crate) fn typed<'f, T: Decode<'f>>(&'f self, name: &str) -> Option<T> {
        let (_, value) = self.raw().filter(|(other, _)| other == name).last()?;
        match read(value, Nesting::KNOWN) {
            Ok(Slot::Value(value)) => Some(value),
            _ => None,
        }
    }

    /// Appends a field.
    pub fn push<'v>(&mut self, name: impl AsRef<str>, value: impl Into<Value<'v>>) {
        let mut map = self.take_open_map();
        let mut to = cbor::Encoder::new(&mut map);
        to.name(name.as_ref());
        value.into().encode(&mut to);
        map.push(END);
        self.0 = Some(Box::new(Kept { map: Raw::Cbor(Cow::Owned(map)), hidden: FieldSet::default() }));
    }

    /// Takes the fields out as a CBOR map without its end mark.
    fn take_open_map(&mut self) -> Vec<u8> {
        let fields = core::mem::take(self);
        match fields.0.map(|kept| *kept) {
            Some(Kept { map: Raw::Cbor(Cow::Owned(mut map)), hidden })
                if hidden.is_empty() && map.first() == Some(&OPEN) =>
            {
                map.pop();
                map
            }
            kept => {
                let mut map = Vec::from([OPEN]);
                Fields(kept.map(Box::new)).encode_fields(&mut cbor::Encoder::new(&mut map));
                map
            }
        }
    }

    /// Returns an iterator over the fields, in order.
    #[must_use]
    pub fn iter(&self) -> FieldsIter<'_> {
        FieldsIter(self.raw())
    }

    /// Returns the same fields, no longer borrowed from the frame.
    #[inline]
    #[must_use]
    pub fn into_owned(self) -> Fields<'static> {
        match self.0 {
            None => Fields::new(),
            Some(kept) => Fields(Some(Box::new(kept.into_owned()))),
        }
    }

    /// Writes the fields into a map after its other fields.
    #[inline]
    pub(crate) fn encode_fields<E: Encoder>(&self, to: &mut E) {
        if !self.is_empty() {
            copy_fields(self.raw(), to);
        }
    }
}

impl Kept<'_> {
    /// Copies the fields that are not hidden, unless they are owned already.
    #[cold]
    fn into_owned(self) -> Kept<'static> {
        let hidden = self.hidden;
        match self.map {
            Raw::Json(Cow::Owned(text)) => Kept { map: Raw::Json(Cow::Owned(text)), hidden },
            Raw::Cbor(Cow::Owned(bytes)) => Kept { map: Raw::Cbor(Cow::Owned(bytes)), hidden },
            Raw::Json(Cow::Borrowed(text)) => {
                let mut bytes = Vec::new();
                copy_map(RawFields::of(Frame::Text(text), hidden), &mut json::Encoder::new(&mut bytes));
                bytes.shrink_to_fit();
                let text = String::from_utf8(bytes).unwrap_or_default();
                Kept { map: Raw::Json(Cow::Owned(text)), hidden: FieldSet::default() }
            }
            Raw::Cbor(Cow::Borrowed(bytes)) => {
                let mut copy = Vec::new();
                copy_map(RawFields::of(Frame::Binary(bytes), hidden), &mut cbor::Encoder::new(&mut copy));
                copy.shrink_to_fit();
                Kept { map: Raw::Cbor(Cow::Owned(copy)), hidden: FieldSet::default() }
            }
        }
    }
}

#[cold]
fn copy_fields<E: Encoder>(fields: RawFields<'_>, to: &mut E) {
    for (name, value) in fields {
        to.name(&name);
        if value.format() == E::FORMAT {
            to.raw(value.as_bytes());
        } else if let Some(value) = Value::known(value) {
            value.encode(to);
        }
    }
}

fn copy_map<E: Encoder>(fields: RawFields<'_>, to: &mut E) {
    let map = to.begin_map();
    copy_fields(fields, to);
    to.end_map(map);
}

/// An iterator over the fields of [`Fields`], in order. Each value is decoded when it is reached.
pub struct FieldsIter<'f>(RawFields<'f>);

impl<'f> Iterator for FieldsIter<'f> {
    type Item = (Cow<'f, str>, Value<'f>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.0.next()?;
        Some((name, Value::known(value)?))
    }
}

impl<'f> IntoIterator for &'f Fields<'_> {
    type Item = (Cow<'f, str>, Value<'f>);
    type IntoIter = FieldsIter<'f>;

    fn into_iter(self) -> FieldsIter<'f> {
        self.iter()
    }
}

impl<'v, N: AsRef<str>> Extend<(N, Value<'v>)> for Fields<'_> {
    fn extend<I: IntoIterator<Item = (N, Value<'v>)>>(&mut self, fields: I) {
        fields.into_iter().for_each(|(name, value)| self.push(name, value));
    }
}

impl<'v, N: AsRef<str>> FromIterator<(N, Value<'v>)> for Fields<'_> {
    fn from_iter<I: IntoIterator<Item = (N, Value<'v>)>>(fields: I) -> Self {
        let mut all = Fields::new();
        all.extend(fields);
        all
    }
}

/// Compares names and values in order, independent of their encoding.
impl<'b> PartialEq<Fields<'b>> for Fields<'_> {
    fn eq(&self, other: &Fields<'b>) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl Encode for Fields<'_> {
    fn encode<E: Encoder>(&self, to: &mut E) {
        copy_map(self.raw(), to);
    }
}

#[cfg(test)]
mod tests;
