//! Errors in frames: the field, and the kind of error.

use alloc::boxed::Box;
use core::fmt;

use thiserror::Error;

use crate::limits::NESTING;

/// An error in a frame: the field, and the kind of error. Never contains the frame's content, which may be secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field}{kind}")]
#[non_exhaustive]
pub struct DecodeError {
    /// The field with the error, or an empty path for the frame as a whole.
    pub field: Path,
    /// The kind of error.
    pub kind: DecodeErrorKind,
}

impl DecodeError {
    /// Creates an error of the frame as a whole.
    pub(crate) fn frame(kind: DecodeErrorKind) -> Self {
        DecodeError { field: Path::default(), kind }
    }

    /// Returns the same error, with this field in front of its path.
    pub(crate) fn in_field(mut self: Box<Self>, outer: &'static str) -> Box<Self> {
        self.field = self.field.in_field(outer);
        self
    }
}

/// The kinds of errors in a frame or in one of its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The frame is larger than the limit.
    #[error("has {length} bytes, the limit is {limit}")]
    TooLarge {
        /// Size of the frame in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The frame is incomplete or empty.
    #[error("ends in the middle")]
    Truncated,
    /// The frame is not well-formed in its format.
    #[error("is not well-formed {format} (byte {offset})")]
    Malformed {
        /// The expected format: `JSON` or `CBOR`.
        format: &'static str,
        /// Offset of the first error, in bytes from the start of the frame.
        offset: usize,
    },
    /// Bytes follow after the end of the value.
    #[error("is followed by something else")]
    Trailing,
    /// The frame is nested deeper than [`NESTING`] levels.
    #[error("is nested deeper than {NESTING} levels")]
    TooDeep,
    /// A map has a key that is not text, which only CBOR can express.
    #[error("has a key that is not text")]
    KeyNotText,
    /// The field is missing or null.
    #[error("is missing")]
    Missing,
    /// The field has the wrong type or value.
    #[error("is not {expected}")]
    WrongType {
        /// The expected type, for people: `text`, `a map`.
        expected: &'static str,
    },
}

/// The path of a field, outermost name first: `history.from.login`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Path {
    /// Innermost name first. No message of the protocol is nested deeper than four fields.
    names: [Option<&'static str>; 4],
}

impl Path {
    fn in_field(mut self, outer: &'static str) -> Self {
        if let Some(free) = self.names.iter_mut().find(|name| name.is_none()) {
            *free = Some(outer);
        }
        self
    }

    /// Returns the names in the path, outermost first.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.names.into_iter().rev().flatten()
    }

    /// Returns whether the error is in the frame as a whole.
    #[must_use]
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

/// Writes the first half of an error text, which a [`DecodeErrorKind`] completes: `the field "from.login" `.
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
