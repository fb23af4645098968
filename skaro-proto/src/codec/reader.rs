//! Reading: what the readers of both formats do, and how values are made of what they read.
//!
//! Reading is liberal. A field of the wrong type must not spoil a frame in which nobody needs that field, and whether
//! somebody does is known only when the whole frame has been read, since fields come in any order. So reading a value
//! yields a [`Slot`], which may say that the value is wrong. Only a frame that is not well-formed ends the reading.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::error::{DecodeError, DecodeErrorKind};
use super::field::{Field, FieldSet};
use super::frame::Frame;
use crate::limits::NESTING;

/// Something read, or what is wrong. Boxed, since errors are rare and results are moved often.
pub(crate) type Result<T> = core::result::Result<T, Box<DecodeError>>;

/// A value, or the beginning of one that holds others.
pub(crate) enum Item<'a, L> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Negative(i64),
    Float(f64),
    Text(&'a str),
    /// A text that does not stand in the frame as it is: in JSON it has escapes, in CBOR it comes in chunks.
    OddText(String),
    Bytes(Cow<'a, [u8]>),
    List(L),
    Map(L),
}

/// Reads the items of a frame, one after the other.
///
/// The usual items are read in place; functions that are `#[cold]` read the others, and go on from the same place.
pub(crate) trait Reader<'a>: Sized {
    /// The state by which the end of a list or map is found.
    type Left;

    /// Returns the place where the next item begins.
    fn mark(&mut self) -> usize;

    /// Returns a reader of the same frame that stands at another place.
    fn at(&self, mark: usize) -> Self;

    /// Returns what was read since that place.
    fn since(&self, mark: usize) -> Frame<'a>;

    /// Reads the next item.
    fn item(&mut self) -> Result<Item<'a, Self::Left>>;

    /// Returns whether another item follows in a list.
    fn has_next(&mut self, left: &mut Self::Left) -> Result<bool>;

    /// Reads the next field's name in a map, if another field follows. Its value is the next item.
    fn next_name(&mut self, left: &mut Self::Left) -> Result<Option<Cow<'a, str>>>;

    /// Does the same, and returns the field of that name.
    fn next_field(&mut self, left: &mut Self::Left) -> Result<Option<Field>>;
}

/// The number of levels that a value may still have. It bounds all recursion over what a peer sent.
#[derive(Clone, Copy)]
pub(crate) struct Nesting(u32);

impl Nesting {
    /// The limit for a frame.
    pub(crate) const FRAME: Nesting = Nesting(NESTING as u32);
    /// No limit, for what was read before or is of our own making.
    pub(super) const KNOWN: Nesting = Nesting(u32::MAX);

    #[inline]
    fn inner(self) -> Result<Nesting> {
        match self.0.checked_sub(1) {
            Some(levels) => Ok(Nesting(levels)),
            None => Err(too_deep()),
        }
    }
}

#[cold]
fn too_deep() -> Box<DecodeError> {
    Box::new(DecodeError::frame(DecodeErrorKind::TooDeep))
}

/// The value of a field or item.
#[derive(Default)]
pub(crate) enum Slot<T> {
    /// There is none, or null.
    #[default]
    Absent,
    /// A value of the type that was asked for.
    Value(T),
    /// Something else.
    Wrong(Box<DecodeError>),
}

impl<T> Slot<T> {
    /// Returns the value of a field that must be there.
    #[inline(always)]
    pub(crate) fn required(self, field: Field) -> Result<T> {
        match self {
            Slot::Value(value) => Ok(value),
            Slot::Wrong(error) => Err(error.in_field(field.name())),
            Slot::Absent => Err(missing(field)),
        }
    }

    /// Returns the value of a field that may be missing.
    #[inline(always)]
    pub(crate) fn optional(self, field: Field) -> Result<Option<T>> {
        match self {
            Slot::Value(value) => Ok(Some(value)),
            Slot::Wrong(error) => Err(error.in_field(field.name())),
            Slot::Absent => Ok(None),
        }
    }

    /// Returns why the value of an item can't be used.
    #[cold]
    pub(crate) fn error(self) -> Box<DecodeError> {
        match self {
            Slot::Wrong(error) => error,
            Slot::Absent | Slot::Value(_) => Box::new(DecodeError::frame(DecodeErrorKind::Missing)),
        }
    }

    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Slot<U> {
        match self {
            Slot::Value(value) => Slot::Value(change(value)),
            Slot::Wrong(error) => Slot::Wrong(error),
            Slot::Absent => Slot::Absent,
        }
    }
}

impl<T> From<Result<T>> for Slot<T> {
    #[inline]
    fn from(result: Result<T>) -> Self {
        match result {
            Ok(value) => Slot::Value(value),
            Err(error) => Slot::Wrong(error),
        }
    }
}

#[cold]
fn missing(field: Field) -> Box<DecodeError> {
    Box::new(DecodeError::frame(DecodeErrorKind::Missing)).in_field(field.name())
}

/// The value of a field, until it is known whether it is needed: a text or whole number, or the place of anything else.
/// Copied freely, since it owns nothing.
#[derive(Clone, Copy, Default)]
enum Stored<'a> {
    #[default]
    Absent,
    Text(&'a str),
    Unsigned(u64),
    /// Anything else that is well-formed, from this place on.
    Other(usize),
}

/// A map that is being read. When that is done, it holds the values of its fields, of which a message takes what it needs.
pub(crate) struct MapReader<'r, 'a, R: Reader<'a>> {
    reader: &'r mut R,
    left: R::Left,
    nesting: Nesting,
    /// The place where the map begins.
    start: usize,
    values: [Stored<'a>; Field::COUNT],
    /// The fields that came.
    seen: FieldSet,
    /// The fields that were taken: all others are kept as they are.
    taken: FieldSet,
}

impl<'r, 'a, R: Reader<'a>> MapReader<'r, 'a, R> {
    #[inline(always)]
    fn new(reader: &'r mut R, start: usize, left: R::Left, outside: Nesting) -> Result<Self> {
        let nesting = outside.inner()?;
        let values = [Stored::Absent; Field::COUNT];
        let (seen, taken) = Default::default();
        Ok(MapReader { reader, left, nesting, start, values, seen, taken })
    }

    /// Reads the name of the next field. Its value must be read before the next call.
    #[inline(always)]
    pub(crate) fn field(&mut self) -> Result<Option<Field>> {
        let field = self.reader.next_field(&mut self.left)?;
        if let Some(field) = field {
            self.seen = self.seen.with(field);
        }
        Ok(field)
    }

    /// Reads the name of the next field as text.
    pub(crate) fn name(&mut self) -> Result<Option<Cow<'a, str>>> {
        self.reader.next_name(&mut self.left)
    }

    /// Reads the value of the field whose name came last, at once.
    #[inline]
    pub(crate) fn value<T: Decode<'a>>(&mut self) -> Result<Slot<T>> {
        T::decode(self.reader, self.nesting)
    }

    /// Reads the value of this field, whose name came last, and stores it.
    #[inline(always)]
    pub(crate) fn store(&mut self, field: Field) -> Result<()> {
        let start = self.reader.mark();
        let value = match self.reader.item()? {
            Item::Text(text) => Stored::Text(text),
            Item::Unsigned(number) => Stored::Unsigned(number),
            item => self.store_other(start, item)?,
        };
        if let Some(place) = self.values.get_mut(field as usize) {
            *place = value;
        }
        Ok(())
    }

    #[cold]
    fn store_other(&mut self, start: usize, item: Item<'a, R::Left>) -> Result<Stored<'a>> {
        if let Item::Null = item {
            return Ok(Stored::Absent);
        }
        skip_rest(item, self.reader, self.nesting)?;
        Ok(Stored::Other(start))
    }

    /// Checks the values of all fields that are left, and drops them.
    pub(crate) fn skip_all(&mut self) -> Result<()> {
        while self.field()?.is_some() {
            skip(self.reader, self.nesting)?;
        }
        Ok(())
    }

    /// Reads and stores all fields that are left.
    #[inline]
    pub(crate) fn store_all(&mut self) -> Result<()> {
        while let Some(field) = self.field()? {
            self.store(field)?;
        }
        Ok(())
    }

    /// Takes the value of a field that must be there.
    #[inline(always)]
    pub(crate) fn required<T: Decode<'a>>(&mut self, field: Field) -> Result<T> {
        let value = self.take(field);
        self.required_value(field, value)
    }

    /// Takes the value of a field that may be missing.
    #[inline(always)]
    pub(crate) fn optional<T: Decode<'a>>(&mut self, field: Field) -> Result<Option<T>> {
        self.take(field).optional(field)
    }

    /// Takes a field that must be there, and whose value was read at once.
    #[inline(always)]
    pub(crate) fn required_value<T>(&mut self, field: Field, value: Slot<T>) -> Result<T> {
        self.ignore(field);
        value.required(field)
    }

    /// Takes a field, but not its value.
    #[inline(always)]
    pub(crate) fn ignore(&mut self, field: Field) {
        self.taken = self.taken.with(field);
    }

    #[inline(always)]
    fn take<T: Decode<'a>>(&mut self, field: Field) -> Slot<T> {
        self.ignore(field);
        match self.values.get(field as usize) {
            Some(Stored::Text(text)) => T::text(Cow::Borrowed(text)),
            Some(Stored::Unsigned(number)) => T::unsigned(*number),
            Some(Stored::Other(start)) => self.take_other(*start),
            Some(Stored::Absent) | None => Slot::Absent,
        }
    }

    #[cold]
    fn take_other<T: Decode<'a>>(&self, start: usize) -> Slot<T> {
        // It was read before, so nothing can be wrong with it.
        T::decode(&mut self.reader.at(start), self.nesting).unwrap_or_default()
    }

    /// Returns the map as it stands in the frame, and the fields that were taken; or nothing, if these are all.
    #[inline(always)]
    pub(super) fn others(&self) -> Option<(Frame<'a>, FieldSet)> {
        match self.seen.without(self.taken).is_empty() {
            true => None,
            false => Some((self.reader.since(self.start), self.taken)),
        }
    }

    /// Returns the whole map as it stands in the frame, unless it has no fields.
    pub(super) fn all(&self) -> Option<(Frame<'a>, FieldSet)> {
        match self.seen.is_empty() {
            true => None,
            false => Some((self.reader.since(self.start), FieldSet::default())),
        }
    }
}

/// A list that is being read.
pub(crate) struct SeqReader<'r, 'a, R: Reader<'a>> {
    reader: &'r mut R,
    left: R::Left,
    nesting: Nesting,
}

impl<'a, R: Reader<'a>> SeqReader<'_, 'a, R> {
    /// Reads the next item.
    #[inline]
    pub(crate) fn next<T: Decode<'a>>(&mut self) -> Result<Option<Slot<T>>> {
        match self.reader.has_next(&mut self.left)? {
            true => T::decode(self.reader, self.nesting).map(Some),
            false => Ok(None),
        }
    }

    /// Reads all items. The first one that is wrong makes the list wrong.
    pub(crate) fn items<T: Decode<'a>>(mut self) -> Result<Slot<Vec<T>>> {
        let mut items = Vec::new();
        while let Some(item) = self.next::<T>()? {
            match item {
                Slot::Value(item) => push(&mut items, item),
                wrong => {
                    drop(items);
                    self.skip_all()?;
                    return Ok(Slot::Wrong(wrong.error()));
                }
            }
        }
        Ok(Slot::Value(items))
    }

    /// Skips what is left.
    fn skip_all(&mut self) -> Result<()> {
        while self.reader.has_next(&mut self.left)? {
            skip(self.reader, self.nesting)?;
        }
        Ok(())
    }
}

/// Something that can be made of a value. Each kind of value of which an implementation does not speak is wrong.
pub(crate) trait Decode<'a>: Sized {
    /// The name of what is expected, for people: `text`, `a map`.
    const EXPECTED: &'static str;

    #[cold]
    fn wrong() -> Slot<Self> {
        let expected = Self::EXPECTED;
        Slot::Wrong(Box::new(DecodeError::frame(DecodeErrorKind::WrongType { expected })))
    }

    fn null() -> Slot<Self> {
        Slot::Absent
    }

    fn bool(_: bool) -> Slot<Self> {
        Self::wrong()
    }

    fn unsigned(_: u64) -> Slot<Self> {
        Self::wrong()
    }

    /// A number below 0.
    fn negative(_: i64) -> Slot<Self> {
        Self::wrong()
    }

    fn float(_: f64) -> Slot<Self> {
        Self::wrong()
    }

    fn text(_: Cow<'a, str>) -> Slot<Self> {
        Self::wrong()
    }

    fn bytes(_: Cow<'a, [u8]>) -> Slot<Self> {
        Self::wrong()
    }

    fn list<R: Reader<'a>>(mut list: SeqReader<'_, 'a, R>) -> Result<Slot<Self>> {
        list.skip_all()?;
        Ok(Self::wrong())
    }

    fn map<R: Reader<'a>>(mut map: MapReader<'_, 'a, R>) -> Result<Slot<Self>> {
        map.skip_all()?;
        Ok(Self::wrong())
    }

    /// Reads the next item, whatever it is.
    #[inline]
    fn decode<R: Reader<'a>>(reader: &mut R, nesting: Nesting) -> Result<Slot<Self>> {
        let start = reader.mark();
        Ok(match reader.item()? {
            Item::Map(left) => return Self::map(MapReader::new(reader, start, left, nesting)?),
            Item::List(left) => return Self::list(SeqReader { reader, left, nesting: nesting.inner()? }),
            Item::Text(text) => Self::text(Cow::Borrowed(text)),
            Item::OddText(text) => Self::text(Cow::Owned(text)),
            Item::Unsigned(number) => Self::unsigned(number),
            Item::Null => Self::null(),
            Item::Bool(value) => Self::bool(value),
            Item::Negative(number) => Self::negative(number),
            Item::Float(number) => Self::float(number),
            Item::Bytes(bytes) => Self::bytes(bytes),
        })
    }
}

/// Checks the next item, and drops it.
#[inline]
pub(super) fn skip<'a, R: Reader<'a>>(reader: &mut R, nesting: Nesting) -> Result<()> {
    let item = reader.item()?;
    skip_rest(item, reader, nesting)
}

/// Checks what is in an item that has begun.
fn skip_rest<'a, R: Reader<'a>>(item: Item<'a, R::Left>, reader: &mut R, nesting: Nesting) -> Result<()> {
    match item {
        Item::Map(mut left) => {
            let nesting = nesting.inner()?;
            while reader.next_field(&mut left)?.is_some() {
                skip(reader, nesting)?;
            }
        }
        Item::List(mut left) => {
            let nesting = nesting.inner()?;
            while reader.has_next(&mut left)? {
                skip(reader, nesting)?;
            }
        }
        _ => (),
    }
    Ok(())
}

impl<'a> Decode<'a> for Cow<'a, str> {
    const EXPECTED: &'static str = "text";

    #[inline]
    fn text(text: Cow<'a, str>) -> Slot<Self> {
        Slot::Value(text)
    }
}

impl Decode<'_> for u64 {
    const EXPECTED: &'static str = "a whole number from 0 to 2^64 - 1";

    #[inline]
    fn unsigned(number: u64) -> Slot<Self> {
        Slot::Value(number)
    }
}

/// Adds an item to a list, which grows to 16, 128, 256, … items: a history of 100 messages takes two allocations. Room for
/// all that might follow, in each of many lists that stay short, would be more than their frame is worth.
pub(crate) fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(match list.len() {
            0 => 16,
            16 => 112,
            length => length,
        });
    }
    list.push(item);
}
