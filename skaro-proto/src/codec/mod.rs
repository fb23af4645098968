//! Encoding and decoding: one reader and one writer for each format. Knows the names of fields, but no messages.

#[cfg(test)]
mod agreement;
mod cbor;
mod dispatch;
mod encoder;
mod error;
mod field;
mod fields;
mod frame;
mod json;
mod literal;
mod reader;
mod scalars;
#[cfg(any(test, feature = "serde"))]
mod serialize;
mod value;

pub(crate) use dispatch::{read, write};
pub(crate) use encoder::{Encode, Encoder};
pub use error::{DecodeError, DecodeErrorKind, Path};
pub(crate) use field::Field;
pub use fields::Fields;
pub use frame::{Format, Frame};
pub(crate) use literal::Start;
pub(crate) use reader::{Decode, MapReader, Nesting, Reader, Result, SeqReader, Slot, push};
#[cfg(feature = "serde")]
pub(crate) use serialize::serialize_encoded;
pub use value::{FieldsIter, Value};
