//! The operations of both formats' readers, and decoding values with them.
//!
//! Decoding is lenient: a field of the wrong type must not make a frame invalid if no message needs that field. Fields
//! come in any order, so this is known only when the whole frame has been read. Therefore reading a value yields a
//! [`Slot`], which may hold an error. Only a frame that is not well-formed stops the reading.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::error::{DecodeError, DecodeErrorKind};
use super::field::{Field, FieldSet};
use super::frame::Frame;
use crate::limits::NESTING;

/// A result of reading. The error is boxed, since errors are rare and results are moved often.
pub(crate) type Result<T> = core::result::Result<T, Box<DecodeError>>;

/// A scalar value, or the beginning of a list or map.
pub(crate) enum Item<'a, L> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Negative(i64),
    Float(f64),
    Text(&'a str),
    /// A text that can't be borrowed from the frame: in JSON it has escapes, in CBOR it comes in chunks.
    OddText(String),
    Bytes(Cow<'a, [u8]>),
    List(L),
    Map(L),
}

/// Reads the items of a frame, one after the other.
///
/// Common items are read in place; functions marked `#[cold]` read the others from the same position.
pub(crate) trait Reader<'a>: Sized {
    /// The state that finds the end of a list or map.
    type Left;

    /// Returns the position of the next item.
    fn mark(&mut self) -> usize;

    /// Returns a reader of the same frame at another position.
    fn at(&self, mark: usize) -> Self;

    /// Returns the part of the frame from this position to the current one.
    fn since(&self, mark: usize) -> Frame<'a>;

    /// Reads the next item.
    fn item(&mut self) -> Result<Item<'a, Self::Left>>;

    /// Returns whether another item follows in a list.
    fn has_next(&mut self, left: &mut Self::Left) -> Result<bool>;

    /// Reads the next field's name in a map, if there is another field. Its value is the next item.
    fn next_name(&mut self, left: &mut Self::Left) -> Result<Option<Cow<'a, str>>>;

    /// Reads the next field's name as [`next_name`](Self::next_name) does, and looks it up.
    fn next_field(&mut self, left: &mut Self::Left) -> Result<Option<Field>>;
}

/// The number of levels that a value may still have. Limits all recursion over a peer's input.
#[derive(Clone, Copy)]
pub(crate) struct Nesting(u32);

impl Nesting {
    /// The limit for a frame.
    pub(crate) const FRAME: Nesting = Nesting(NESTING as u32);
    /// The limit for a profile, the map of which is the first level.
    pub(crate) const PROFILE: Nesting = Nesting(4);
    /// No limit, for values that were read before or that the application made.
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
    /// Missing or null.
    #[default]
    Absent,
    /// A value of the requested type.
    Value(T),
    /// A value of another type.
    Wrong(Box<DecodeError>),
}

impl<T> Slot<T> {
    /// Returns the value of a required field.
    #[inline(always)]
    pub(crate) fn required(self, field: Field) -> Result<T> {
        match self {
            Slot::Value(value) => Ok(value),
            Slot::Wrong(error) => Err(error.in_field(field.name())),
            Slot::Absent => Err(missing(field)),
        }
    }

    /// Returns the value of an optional field.
    #[inline(always)]
    pub(crate) fn optional(self, field: Field) -> Result<Option<T>> {
        match self {
            Slot::Value(value) => Ok(Some(value)),
            Slot::Wrong(error) => Err(error.in_field(field.name())),
            Slot::Absent => Ok(None),
        }
    }

    /// Returns the error of an item that can't be used.
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

/// The value of a field that may or may not be needed later: a text or whole number, or the position of any other
/// value. Owns nothing, so copying is cheap.
#[derive(Clone, Copy, Default)]
enum Stored<'a> {
    #[default]
    Absent,
    Text(&'a str),
    Unsigned(u64),
    /// The position of any other well-formed value.
    Other(usize),
}

/// A map that is being read. Stores the values of its fields, from which a message then takes those it needs.
pub(crate) struct MapReader<'r, 'a, R: Reader<'a>> {
    reader: &'r mut R,
    left: R::Left,
    nesting: Nesting,
    /// The position where the map begins.
    start: usize,
    values: [Stored<'a>; Field::SLOTS],
    /// The fields that came.
    seen: FieldSet,
    /// The fields that were taken; all others are kept undecoded.
    taken: FieldSet,
}

impl<'r, 'a, R: Reader<'a>> MapReader<'r, 'a, R> {
    #[inline(always)]
    fn new(reader: &'r mut R, start: usize, left: R::Left, outside: Nesting) -> Result<Self> {
        let nesting = outside.inner()?;
        let values = [Stored::Absent; Field::SLOTS];
        let (seen, taken) = Default::default();
        Ok(MapReader { reader, left, nesting, start, values, seen, taken })
    }

    /// Reads the name of the next field. The caller must read its value before the next call.
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

    /// Decodes the value of the last named field at once.
    #[inline]
    pub(crate) fn value<T: Decode<'a>>(&mut self) -> Result<Slot<T>> {
        T::decode(self.reader, self.nesting)
    }

    /// Reads the value of this field, which was named last, and stores it.
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

    /// Checks and drops the values of all remaining fields.
    pub(crate) fn skip_all(&mut self) -> Result<()> {
        while self.field()?.is_some() {
            skip(self.reader, self.nesting)?;
        }
        Ok(())
    }

    /// Reads and stores all remaining fields.
    #[inline]
    pub(crate) fn store_all(&mut self) -> Result<()> {
        while let Some(field) = self.field()? {
            self.store(field)?;
        }
        Ok(())
    }

    /// Takes the value of a required field.
    #[inline(always)]
    pub(crate) fn required<T: Decode<'a>>(&mut self, field: Field) -> Result<T> {
        let value = self.take(field);
        self.required_value(field, value)
    }

    /// Takes the value of an optional field.
    #[inline(always)]
    pub(crate) fn optional<T: Decode<'a>>(&mut self, field: Field) -> Result<Option<T>> {
        self.take(field).optional(field)
    }

    /// Checks that a required field, which was decoded at once, is there.
    #[inline(always)]
    pub(crate) fn required_value<T>(&mut self, field: Field, value: Slot<T>) -> Result<T> {
        self.ignore(field);
        value.required(field)
    }

    /// Marks a field as taken without decoding its value.
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
            Some(Stored::Absent) => Slot::Absent,
            None if self.seen.has(field) => self.take_rare(field),
            None => Slot::Absent,
        }
    }

    /// Reads the last value of a field that has no slot.
    #[cold]
    fn take_rare<T: Decode<'a>>(&self, field: Field) -> Slot<T> {
        let mut reader = self.reader.at(self.start);
        let mut found = Slot::Absent;
        let Ok(Item::Map(mut left)) = reader.item() else { return found };
        // It was read before, so nothing can be wrong with it.
        while let Ok(Some(name)) = reader.next_field(&mut left) {
            match name == field {
                true => found = T::decode(&mut reader, self.nesting).unwrap_or_default(),
                false => skip(&mut reader, self.nesting).unwrap_or_default(),
            }
        }
        found
    }

    #[cold]
    fn take_other<T: Decode<'a>>(&self, start: usize) -> Slot<T> {
        // The value was read before, so it is well-formed.
        T::decode(&mut self.reader.at(start), self.nesting).unwrap_or_default()
    }

    /// Returns the raw map and the fields that were taken; `None` if all fields were taken.
    #[inline(always)]
    pub(super) fn others(&self) -> Option<(Frame<'a>, FieldSet)> {
        match self.seen.without(self.taken).is_empty() {
            true => None,
            false => Some((self.reader.since(self.start), self.taken)),
        }
    }

    /// Returns the whole raw map, unless it is empty.
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

    /// Reads all items. The first invalid item makes the whole list invalid.
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

    /// Checks and drops all remaining items.
    fn skip_all(&mut self) -> Result<()> {
        while self.reader.has_next(&mut self.left)? {
            skip(self.reader, self.nesting)?;
        }
        Ok(())
    }
}

/// A type that can be decoded from a value. Kinds of values that are not overridden are a type error.
pub(crate) trait Decode<'a>: Sized {
    /// The expected type, for people: `text`, `a map`.
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

    /// Decodes a negative number.
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

    /// Reads the next item of any kind.
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

/// Checks and drops the next item.
#[inline]
pub(super) fn skip<'a, R: Reader<'a>>(reader: &mut R, nesting: Nesting) -> Result<()> {
    let item = reader.item()?;
    skip_rest(item, reader, nesting)
}

/// Checks the rest of an item that has begun.
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

/// Adds an item to a list, whose capacity grows to 16, 128, 256, … items: a history of 100 messages takes two
/// allocations. Reserving room for all that might follow, in each of many short lists, would take more memory than
/// their frame is worth.
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
