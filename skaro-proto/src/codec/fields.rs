//! Fields that no message defines, kept undecoded until they are used.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::encoder::{Encode, Encoder};
use super::field::{Field, FieldSet};
use super::frame::Frame;
use super::reader::{Decode, Item, MapReader, Nesting, Reader, Result, Slot, skip};
use super::value::Value;
use super::{cbor, json};

/// Additional fields of a message or a map, in their original order.
///
/// They are kept as the raw part of the frame and decoded on access: each call of [`get`](Self::get),
/// [`len`](Self::len) or [`iter`](Self::iter) goes through them once. Fields made by an application are kept as CBOR.
/// Writing them into a message of the same format copies their values.
///
/// A duplicate name is kept twice; [`Fields::get`] returns the last one, in both formats.
///
/// ```
/// use skaro_proto::{Fields, Value};
/// let mut fields = Fields::new();
/// fields.push("color", "red");
/// fields.extend([("size", Value::from(5_i64))]);
/// assert_eq!(fields.get("color").as_ref().and_then(Value::as_text), Some("red"));
/// for (name, value) in &fields {
///     println!("{name}: {value:?}");
/// }
/// ```
#[derive(Clone, Default)]
pub struct Fields<'a>(Option<Box<Kept<'a>>>);

/// A raw map with at least one field that is not hidden.
#[derive(Clone)]
struct Kept<'a> {
    map: Raw<'a>,
    /// The fields that belong to the message itself and are skipped here.
    hidden: FieldSet,
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

/// A raw map.
#[derive(Clone)]
enum Raw<'a> {
    Json(Cow<'a, str>),
    Cbor(Cow<'a, [u8]>),
}

impl Raw<'_> {
    fn frame(&self) -> Frame<'_> {
        match self {
            Raw::Json(text) => Frame::Text(text),
            Raw::Cbor(bytes) => Frame::Binary(bytes),
        }
    }
}

/// The head and the end mark of a map of indefinite length (RFC 8949, section 3.2.2), to which fields can be appended.
const OPEN: u8 = 0xbf;
const END: u8 = 0xff;

impl<'a> Fields<'a> {
    /// Creates an empty set of fields.
    #[must_use]
    pub const fn new() -> Self {
        Fields(None)
    }

    /// Keeps the fields of a completely read map, except those that were taken.
    #[inline(always)]
    pub(crate) fn others<R: Reader<'a>>(map: &MapReader<'_, 'a, R>) -> Self {
        map.others().map_or(Fields::new(), Fields::kept)
    }

    /// Keeps all fields of a completely read map.
    pub(crate) fn all<R: Reader<'a>>(map: &MapReader<'_, 'a, R>) -> Self {
        map.all().map_or(Fields::new(), Fields::kept)
    }

    #[cold]
    fn kept((map, hidden): (Frame<'a>, FieldSet)) -> Self {
        let map = match map {
            Frame::Text(text) => Raw::Json(Cow::Borrowed(text)),
            Frame::Binary(bytes) => Raw::Cbor(Cow::Borrowed(bytes)),
        };
        Fields(Some(Box::new(Kept { map, hidden })))
    }

    /// Returns the value of the last field with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value<'_>> {
        let (_, value) = self.raw().filter(|(other, _)| other == name).last()?;
        Value::known(value)
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

    /// Returns the number of fields.
    #[must_use]
    pub fn len(&self) -> usize {
        self.raw().count()
    }

    /// Returns whether there are no fields.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
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

    /// Returns an upper bound of the heap memory that the fields take once they are owned, in bytes.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let Some(kept) = &self.0 else { return 0 };
        let map = match &kept.map {
            Raw::Json(Cow::Owned(text)) => text.capacity(),
            Raw::Cbor(Cow::Owned(bytes)) => bytes.capacity(),
            map => map.frame().as_bytes().len(),
        };
        size_of::<Kept<'_>>() + map
    }

    fn raw(&self) -> RawFields<'_> {
        match &self.0 {
            None => RawFields::None,
            Some(kept) => RawFields::of(kept.map.frame(), kept.hidden),
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

/// An iterator over fields with their raw values.
enum RawFields<'f> {
    None,
    Json(json::Reader<'f>, json::Left, FieldSet),
    Cbor(cbor::Reader<'f>, cbor::Left, FieldSet),
}

impl<'f> RawFields<'f> {
    fn of(map: Frame<'f>, hidden: FieldSet) -> Self {
        match map {
            Frame::Text(text) => {
                let mut reader = json::Reader::new(text);
                match reader.item() {
                    Ok(Item::Map(left)) => RawFields::Json(reader, left, hidden),
                    _ => RawFields::None,
                }
            }
            Frame::Binary(bytes) => {
                let mut reader = cbor::Reader::new(bytes);
                match reader.item() {
                    Ok(Item::Map(left)) => RawFields::Cbor(reader, left, hidden),
                    _ => RawFields::None,
                }
            }
        }
    }
}

impl<'f> Iterator for RawFields<'f> {
    type Item = (Cow<'f, str>, Frame<'f>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            RawFields::None => None,
            RawFields::Json(reader, left, hidden) => next_shown(reader, left, *hidden),
            RawFields::Cbor(reader, left, hidden) => next_shown(reader, left, *hidden),
        }
    }
}

/// Reads the next field that is not hidden. The map was read before, so it is well-formed.
fn next_shown<'f, R: Reader<'f>>(
    reader: &mut R,
    left: &mut R::Left,
    hidden: FieldSet,
) -> Option<(Cow<'f, str>, Frame<'f>)> {
    loop {
        let name = reader.next_name(left).ok()??;
        let start = reader.mark();
        skip(reader, Nesting::KNOWN).ok()?;
        if !hidden.has(Field::of(&name)) {
            return Some((name, reader.since(start)));
        }
    }
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

impl<'a> Decode<'a> for Fields<'a> {
    const EXPECTED: &'static str = "a map";

    fn map<R: Reader<'a>>(mut map: MapReader<'_, 'a, R>) -> Result<Slot<Self>> {
        map.skip_all()?;
        Ok(Slot::Value(Fields::all(&map)))
    }
}

impl Encode for Fields<'_> {
    fn encode<E: Encoder>(&self, to: &mut E) {
        copy_map(self.raw(), to);
    }
}

#[cfg(test)]
mod tests;
