//! CBOR (RFC 8949): minicbor reads the items, this makes serde's data model of them.
//!
//! The published serde deserializers refuse tags and `undefined`, which a liberal reader lets pass.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use minicbor::data::Type;
use minicbor::decode::{Decoder, Error as MinicborError};
use serde::Serialize;
use serde::de::{self, DeserializeSeed, Visitor};

use super::error::{DecodeError, Fault};
use super::shape::{Nesting, Parsed, Shape};

pub(super) fn read<'a, T: Shape<'a>>(bytes: &'a [u8]) -> Result<Parsed<T>, DecodeError> {
    let mut reader = Reader(Decoder::new(bytes));
    let parsed = Nesting::TOP.seed().deserialize(&mut reader).map_err(|error| DecodeError::frame(error.0))?;
    match reader.0.position() {
        end if end == bytes.len() => Ok(parsed),
        _ => Err(DecodeError::frame(Fault::Trailing)),
    }
}

#[allow(
    clippy::expect_used,
    reason = "memory takes everything, and the messages need nothing that CBOR lacks"
)]
pub(super) fn write(message: &impl Serialize, out: &mut Vec<u8>) {
    message.serialize(&mut minicbor_serde::Serializer::new(out)).expect("writing CBOR to memory");
}

struct Reader<'de>(Decoder<'de>);

#[derive(Debug)]
struct Error(Fault);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl de::StdError for Error {}

impl de::Error for Error {
    /// The seeds object to one thing only: nesting.
    fn custom<T: fmt::Display>(_: T) -> Self {
        Error(Fault::TooDeep)
    }
}

impl From<MinicborError> for Error {
    #[cold]
    fn from(error: MinicborError) -> Self {
        if error.is_end_of_input() {
            return Error(Fault::Truncated);
        }
        Error(Fault::Malformed { format: "CBOR", offset: error.position().unwrap_or(0) })
    }
}

impl<'de> Reader<'de> {
    /// The type of the next item, past the tags before it: the content is what counts.
    fn next_type(&mut self) -> Result<Type, Error> {
        loop {
            match self.0.datatype()? {
                Type::Tag => _ = self.0.tag()?,
                other => return Ok(other),
            }
        }
    }

    /// Whether another item follows, in a list or map of this many more, or up to its end mark.
    fn has_next(&mut self, left: &mut Option<u64>) -> Result<bool, Error> {
        if let Some(left) = left {
            let any = *left > 0;
            *left = left.saturating_sub(1);
            return Ok(any);
        }
        if self.0.datatype()? != Type::Break {
            return Ok(true);
        }
        self.0.set_position(self.0.position() + 1);
        Ok(false)
    }

    #[cold]
    fn malformed(&self) -> Error {
        Error(Fault::Malformed { format: "CBOR", offset: self.0.position() })
    }

    fn string_in_chunks(&mut self) -> Result<String, Error> {
        let chunks = self.0.str_iter()?;
        Ok(chunks.collect::<Result<_, _>>()?)
    }

    fn bytes_in_chunks(&mut self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        for chunk in self.0.bytes_iter()? {
            bytes.extend_from_slice(chunk?);
        }
        Ok(bytes)
    }
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.next_type()? {
            Type::String => visitor.visit_borrowed_str(self.0.str()?),
            Type::StringIndef => visitor.visit_string(self.string_in_chunks()?),
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => visitor.visit_u64(self.0.u64()?),
            Type::I8 | Type::I16 | Type::I32 | Type::I64 => visitor.visit_i64(self.0.i64()?),
            Type::Int => visitor.visit_f64(i128::from(self.0.int()?) as f64),
            Type::F16 => visitor.visit_f64(self.0.f16()?.into()),
            Type::F32 => visitor.visit_f64(self.0.f32()?.into()),
            Type::F64 => visitor.visit_f64(self.0.f64()?),
            Type::Bool => visitor.visit_bool(self.0.bool()?),
            Type::Map | Type::MapIndef => {
                let left = self.0.map()?;
                visitor.visit_map(Items { reader: self, left })
            }
            Type::Array | Type::ArrayIndef => {
                let left = self.0.array()?;
                visitor.visit_seq(Items { reader: self, left })
            }
            Type::Bytes => visitor.visit_borrowed_bytes(self.0.bytes()?),
            Type::BytesIndef => visitor.visit_byte_buf(self.bytes_in_chunks()?),
            Type::Null | Type::Undefined | Type::Simple => {
                self.0.skip()?;
                visitor.visit_unit()
            }
            Type::Tag | Type::Break | Type::Unknown(_) => Err(self.malformed()),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// What is left of a list or map: so many items, or as many as come before the end mark.
struct Items<'r, 'de> {
    reader: &'r mut Reader<'de>,
    left: Option<u64>,
}

impl<'de> de::SeqAccess<'de> for Items<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        if !self.reader.has_next(&mut self.left)? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

impl<'de> de::MapAccess<'de> for Items<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        if !self.reader.has_next(&mut self.left)? {
            return Ok(None);
        }
        match self.reader.next_type()? {
            Type::String | Type::StringIndef => seed.deserialize(&mut *self.reader).map(Some),
            Type::Break | Type::Unknown(_) => Err(self.reader.malformed()),
            _ => Err(Error(Fault::KeyNotText)),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(&mut *self.reader)
    }
}
