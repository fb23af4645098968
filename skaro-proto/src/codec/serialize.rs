//! Serialization by serde, so that applications can write messages in other formats.

use alloc::vec::Vec;

use serde::ser::{Serialize, Serializer};

use super::fields::Fields;
use super::value::Value;

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_none(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Unsigned(number) => serializer.serialize_u64(*number),
            Value::Negative(number) => serializer.serialize_i64(*number),
            Value::Float(number) => serializer.serialize_f64(*number),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Value::List(items) => serializer.collect_seq(items),
            Value::Map(fields) => fields.serialize(serializer),
        }
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Some formats require the length.
        serializer.collect_map(self.iter().collect::<Vec<_>>())
    }
}

/// Serializes an encodable value by way of CBOR, so that each message is described only once.
#[cfg(feature = "serde")]
pub(crate) fn serialize_encoded<S: Serializer>(
    value: &(impl super::Encode + ?Sized),
    serializer: S,
) -> Result<S::Ok, S::Error> {
    use super::{Format, Frame, Slot, reader::Nesting};
    let mut bytes = Vec::new();
    super::write(Format::Cbor, value, &mut bytes);
    match super::read::<Value<'_>>(Frame::Binary(&bytes), Nesting::KNOWN) {
        Ok(Slot::Value(value)) => value.serialize(serializer),
        _ => Err(serde::ser::Error::custom("the value can't be decoded again")),
    }
}
