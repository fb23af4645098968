//! Reading a frame from its start to its end: what the readers of both formats do, and how shapes walk through lists
//! and maps.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

use super::error::Fault;
use super::shape::{Parsed, Shape, Skipped};
use crate::limits::NESTING;
use crate::value::{Fields, Value};

/// What was read, or why a frame is not well-formed. Boxed, since that is rare and results are moved often.
pub(crate) type Read<T> = Result<T, Box<Fault>>;

/// A value, or the beginning of one that holds others.
pub(crate) enum Item<'a, L> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Negative(i64),
    Float(f64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    List(L),
    Map(L),
}

/// Reads the items of a frame, one after the other.
pub(crate) trait Reader<'a>: Clone {
    /// What it takes to find the end of a list or map.
    type Left: Clone;

    /// The next item.
    fn item(&mut self) -> Read<Item<'a, Self::Left>>;

    /// Whether another item follows in a list.
    fn has_next(&mut self, left: &mut Self::Left) -> Read<bool>;

    /// The next field's name in a map, if another one follows. Its value is the next item.
    fn next_name<N: Name>(&mut self, left: &mut Self::Left) -> Read<Option<Key<'a, N>>>;

    // For speed alone: what follows takes only what is usual, and is otherwise of no use, nor is the reader then.

    /// The next field's name in a map, if it is listed; or none if there is no other field.
    fn plain_name<N: Name>(&mut self, left: &mut Self::Left) -> Option<Option<N>>;

    /// The next item, if it is text without anything special in it.
    fn plain_text(&mut self) -> Option<&'a str>;

    /// The same, but not yet known to be UTF-8.
    fn plain_bytes(&mut self) -> Option<&'a [u8]>;

    /// The next item, if it is a whole number without anything special.
    fn plain_number(&mut self) -> Option<u64>;
}

/// The names of fields that somebody has listed.
pub(crate) trait Name: Copy {
    fn of(name: &[u8]) -> Option<Self>;

    fn as_str(self) -> &'static str;
}

/// A field's name.
pub(crate) enum Key<'a, N> {
    Listed(N),
    Other(Cow<'a, str>),
}

impl<'a, N: Name> Key<'a, N> {
    pub(crate) fn into_text(self) -> Cow<'a, str> {
        match self {
            Key::Listed(name) => Cow::Borrowed(name.as_str()),
            Key::Other(name) => name,
        }
    }
}

/// For maps of which no name is listed.
#[derive(Clone, Copy)]
pub(crate) enum Unlisted {}

impl Name for Unlisted {
    fn of(_: &[u8]) -> Option<Self> {
        None
    }

    fn as_str(self) -> &'static str {
        match self {}
    }
}

/// How many levels a value may still have: the one bound on recursion over what a peer sent.
#[derive(Clone, Copy)]
pub(crate) struct Nesting(u8);

impl Nesting {
    pub(super) const TOP: Nesting = Nesting(NESTING);

    pub(super) fn inner(self) -> Read<Nesting> {
        self.0.checked_sub(1).map(Nesting).ok_or_else(|| Box::new(Fault::TooDeep))
    }
}

/// A list or map that is being read.
pub(crate) struct Inside<'r, R, L> {
    reader: &'r mut R,
    left: L,
    nesting: Nesting,
}

impl<'r, 'a, R: Reader<'a>> Inside<'r, R, R::Left> {
    #[inline]
    pub(super) fn new(reader: &'r mut R, left: R::Left, outside: Nesting) -> Read<Self> {
        Ok(Inside { reader, left, nesting: outside.inner()? })
    }

    /// The next item of a list.
    pub(crate) fn next<T: Shape<'a>>(&mut self) -> Read<Option<Parsed<T>>> {
        if self.reader.has_next(&mut self.left)? { self.value().map(Some) } else { Ok(None) }
    }

    /// The name of a map's next field; its value must be read before the next call.
    #[inline]
    pub(crate) fn next_name<N: Name>(&mut self) -> Read<Option<Key<'a, N>>> {
        self.reader.next_name(&mut self.left)
    }

    /// The value of the field whose name came last.
    pub(crate) fn value<T: Shape<'a>>(&mut self) -> Read<Parsed<T>> {
        T::read(self.reader, self.nesting)
    }

    /// Reads the value of a field that nobody wants, and drops it.
    pub(crate) fn skip(&mut self) -> Read<()> {
        self.value::<Skipped>().map(drop)
    }

    /// Keeps the value of a field that nobody has listed.
    pub(crate) fn keep(&mut self, name: Cow<'a, str>, fields: &mut Fields<'a>) -> Read<()> {
        if let Some(Ok(value)) = self.value::<Value<'a>>()? {
            fields.push(name, value);
        }
        Ok(())
    }

    /// Reads what is left of a list.
    pub(crate) fn skip_list(mut self) -> Read<()> {
        while self.next::<Skipped>()?.is_some() {}
        Ok(())
    }

    /// Reads what is left of a map.
    pub(crate) fn skip_map(mut self) -> Read<()> {
        while self.next_name::<Unlisted>()?.is_some() {
            self.skip()?;
        }
        Ok(())
    }

    /// All the items of a list.
    pub(crate) fn items<T: Shape<'a>>(mut self) -> Read<Vec<T>> {
        let mut items = Vec::new();
        while let Some(item) = self.next::<T>()? {
            items.extend(item.and_then(Result::ok));
        }
        Ok(items)
    }
}

/// The short way: see [`Reader`].
impl<'a, R: Reader<'a>> Inside<'_, R, R::Left> {
    /// Tries to read all that is left here; if that yields nothing, nothing was read.
    #[inline]
    pub(crate) fn attempt<T>(&mut self, read: impl FnOnce(Inside<'_, R, R::Left>) -> Option<T>) -> Option<T> {
        let before = self.reader.clone();
        let copy = Inside { reader: self.reader, left: self.left.clone(), nesting: self.nesting };
        let read = read(copy);
        if read.is_none() {
            *self.reader = before;
        }
        read
    }

    #[inline]
    pub(crate) fn plain_name<N: Name>(&mut self) -> Option<Option<N>> {
        self.reader.plain_name(&mut self.left)
    }

    #[inline]
    pub(crate) fn plain_text(&mut self) -> Option<&'a str> {
        self.reader.plain_text()
    }

    #[inline]
    pub(crate) fn plain_bytes(&mut self) -> Option<&'a [u8]> {
        self.reader.plain_bytes()
    }

    #[inline]
    pub(crate) fn plain_number(&mut self) -> Option<u64> {
        self.reader.plain_number()
    }

    /// What can be made of the value, if it is a map.
    #[inline]
    pub(crate) fn plain_map<T>(
        &mut self,
        read: impl FnOnce(Inside<'_, R, R::Left>) -> Option<T>,
    ) -> Option<T> {
        match self.reader.item().ok()? {
            Item::Map(left) => read(Inside::new(self.reader, left, self.nesting).ok()?),
            _ => None,
        }
    }
}

/// Something that takes the fields of a frame's map.
pub(crate) trait Fill<'a> {
    fn fill<R: Reader<'a>>(&mut self, map: Inside<'_, R, R::Left>) -> Read<()>;
}

/// Reads the one value of which a frame consists; whether it is a map.
pub(super) fn top<'a, R: Reader<'a>>(reader: &mut R, into: &mut impl Fill<'a>) -> Read<bool> {
    match reader.item()? {
        Item::Map(left) => {
            into.fill(Inside::new(reader, left, Nesting::TOP)?)?;
            return Ok(true);
        }
        Item::List(left) => Inside::new(reader, left, Nesting::TOP)?.skip_list()?,
        _ => (),
    }
    Ok(false)
}
