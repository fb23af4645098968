//! Errors of frames: which field, and why.

use alloc::boxed::Box;
use core::fmt;

use thiserror::Error;

use crate::limits::NESTING;

/// An error in a frame: which field, and what is wrong with it. Never shows the frame's content, which may be secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field}{kind}")]
#[non_exhaustive]
pub struct DecodeError {
    /// The field that is at fault, or an empty path if it is the frame as a whole.
    pub field: Path,
    /// The kind of error.
    pub kind: DecodeErrorKind,
}

impl DecodeError {
    /// An error of the frame as a whole.
    pub(crate) fn frame(kind: DecodeErrorKind) -> Self {
        DecodeError { field: Path::default(), kind }
    }

    /// The same error, in a field of this name.
    pub(crate) fn in_field(mut self: Box<Self>, outer: &'static str) -> Box<Self> {
        self.field = self.field.in_field(outer);
        self
    }
}

/// The kinds of errors in a frame or in one of its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// It is larger than the limit allows.
    #[error("has {length} bytes, the limit is {limit}")]
    TooLarge {
        /// Its size in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// It ends in the middle, or is empty.
    #[error("ends in the middle")]
    Truncated,
    /// It is not of the format at all.
    #[error("is not well-formed {format} (byte {offset})")]
    Malformed {
        /// The format it should have: `JSON` or `CBOR`.
        format: &'static str,
        /// Where it went wrong, in bytes from its start.
        offset: usize,
    },
    /// Something follows after its end.
    #[error("is followed by something else")]
    Trailing,
    /// It is nested deeper than [`NESTING`] levels.
    #[error("is nested deeper than {NESTING} levels")]
    TooDeep,
    /// A map has a key that is not text; only CBOR can say that.
    #[error("has a key that is not text")]
    KeyNotText,
    /// It is not there, or null.
    #[error("is missing")]
    Missing,
    /// It is something else than it must be.
    #[error("is not {expected}")]
    WrongType {
        /// The type that it must have, for people.
        expected: &'static str,
    },
}

/// The way to a field, from the outside in: `history.from.login`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Path {
    /// From the inside out; no message of the protocol goes deeper.
    names: [Option<&'static str>; 4],
}

impl Path {
    fn in_field(mut self, outer: &'static str) -> Self {
        if let Some(free) = self.names.iter_mut().find(|name| name.is_none()) {
            *free = Some(outer);
        }
        self
    }

    /// Returns the names on the way, from the outside in.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.names.into_iter().rev().flatten()
    }

    /// Returns whether the frame as a whole is meant.
    pub fn is_empty(&self) -> bool {
        self.names().next().is_none()
    }

    fn join(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, name) in self.names().enumerate() {
            write!(f, "{}{name}", if n == 0 { "" } else { "." })?;
        }
        Ok(())
    }
}

/// The beginning of a sentence that a [`DecodeErrorKind`] ends: `the field "from.login" `.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("the frame ");
        }
        f.write_str("the field \"")?;
        self.join(f)?;
        f.write_str("\" ")
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Path(")?;
        self.join(f)?;
        f.write_str(")")
    }
}
