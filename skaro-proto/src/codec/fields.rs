//! Fields that no message defines, kept undecoded until they are used.

use alloc::borrow::Cow;
use alloc::boxed::Box;

use super::field::{Field, FieldSet};
use super::frame::Frame;
use super::reader::{Decode, Item, MapReader, Nesting, Reader, Result, Slot, skip};
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
pub struct Fields<'a>(pub(super) Option<Box<Kept<'a>>>);

/// A raw map with at least one field that is not hidden.
#[derive(Clone)]
pub(crate) struct Kept<'a> {
    pub(super) map: Raw<'a>,
    /// The fields that belong to the message itself and are skipped here.
    pub(super) hidden: FieldSet,
}

/// A raw map.
#[derive(Clone)]
pub(crate) enum Raw<'a> {
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

    pub(super) fn raw(&self) -> RawFields<'_> {
        match &self.0 {
            None => RawFields::None,
            Some(kept) => RawFields::of(kept.map.frame(), kept.hidden),
        }
    }
}

/// An iterator over fields with their raw values.
pub(crate) enum RawFields<'f> {
    None,
    Json(json::Reader<'f>, json::Left, FieldSet),
    Cbor(cbor::Reader<'f>, cbor::Left, FieldSet),
}

impl<'f> RawFields<'f> {
    pub(super) fn of(map: Frame<'f>, hidden: FieldSet) -> Self {
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

impl<'a> Decode<'a> for Fields<'a> {
    const EXPECTED: &'static str = "a map";

    fn map<R: Reader<'a>>(mut map: MapReader<'_, 'a, R>) -> Result<Slot<Self>> {
        map.skip_all()?;
        Ok(Slot::Value(Fields::all(&map)))
    }
}
