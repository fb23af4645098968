//! Writing: serde's data model, as far as messages need it, into a buffer.

use alloc::vec::Vec;
use core::fmt;

use serde::ser::{Error, Impossible, Serialize, SerializeMap, SerializeSeq, Serializer};

/// How a format writes what values consist of.
pub(super) trait Notation: Copy {
    fn null(self, out: &mut Vec<u8>);
    fn bool(self, out: &mut Vec<u8>, value: bool);
    fn unsigned(self, out: &mut Vec<u8>, number: u64);
    fn negative(self, out: &mut Vec<u8>, number: i64);
    fn float(self, out: &mut Vec<u8>, number: f64);
    fn text(self, out: &mut Vec<u8>, text: &str);
    fn bytes(self, out: &mut Vec<u8>, bytes: &[u8]);
    fn begin(self, out: &mut Vec<u8>, kind: Kind, length: usize);
    fn before_item(self, out: &mut Vec<u8>, is_first: bool);
    fn before_value(self, out: &mut Vec<u8>);
    fn end(self, out: &mut Vec<u8>, kind: Kind);
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    List,
    Map,
}

/// Writes one value.
pub(super) struct Writer<'o, N> {
    pub(super) out: &'o mut Vec<u8>,
    pub(super) notation: N,
}

/// Writes what is in a list or map.
pub(super) struct Inside<'o, N> {
    out: &'o mut Vec<u8>,
    notation: N,
    kind: Kind,
    is_first: bool,
}

/// A value that no message has.
#[derive(Debug)]
pub(super) struct Unsupported;

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that no message has")
    }
}

impl core::error::Error for Unsupported {}

impl Error for Unsupported {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Unsupported
    }
}

impl<'o, N: Notation> Writer<'o, N> {
    #[inline]
    fn begin(self, kind: Kind, length: Option<usize>) -> Result<Inside<'o, N>, Unsupported> {
        let Writer { out, notation } = self;
        // All lengths are known beforehand.
        notation.begin(out, kind, length.ok_or(Unsupported)?);
        Ok(Inside { out, notation, kind, is_first: true })
    }
}

impl<N: Notation> Inside<'_, N> {
    #[inline]
    fn write(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Unsupported> {
        value.serialize(Writer { out: self.out, notation: self.notation })
    }

    #[inline]
    fn before_item(&mut self) {
        self.notation.before_item(self.out, core::mem::replace(&mut self.is_first, false));
    }
}

impl<N: Notation> SerializeSeq for Inside<'_, N> {
    type Ok = ();
    type Error = Unsupported;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Unsupported> {
        self.before_item();
        self.write(item)
    }

    fn end(self) -> Result<(), Unsupported> {
        self.notation.end(self.out, self.kind);
        Ok(())
    }
}

impl<N: Notation> SerializeMap for Inside<'_, N> {
    type Ok = ();
    type Error = Unsupported;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), Unsupported> {
        self.before_item();
        self.write(name)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsupported> {
        self.notation.before_value(self.out);
        self.write(value)
    }

    fn end(self) -> Result<(), Unsupported> {
        SerializeSeq::end(self)
    }
}

impl<'o, N: Notation> Serializer for Writer<'o, N> {
    type Ok = ();
    type Error = Unsupported;
    type SerializeSeq = Inside<'o, N>;
    type SerializeMap = Inside<'o, N>;
    type SerializeTuple = Impossible<(), Unsupported>;
    type SerializeTupleStruct = Impossible<(), Unsupported>;
    type SerializeTupleVariant = Impossible<(), Unsupported>;
    type SerializeStruct = Impossible<(), Unsupported>;
    type SerializeStructVariant = Impossible<(), Unsupported>;

    fn serialize_none(self) -> Result<(), Unsupported> {
        self.notation.null(self.out);
        Ok(())
    }

    fn serialize_bool(self, value: bool) -> Result<(), Unsupported> {
        self.notation.bool(self.out, value);
        Ok(())
    }

    fn serialize_u64(self, number: u64) -> Result<(), Unsupported> {
        self.notation.unsigned(self.out, number);
        Ok(())
    }

    fn serialize_i64(self, number: i64) -> Result<(), Unsupported> {
        match u64::try_from(number) {
            Ok(number) => self.notation.unsigned(self.out, number),
            Err(_) => self.notation.negative(self.out, number),
        }
        Ok(())
    }

    fn serialize_f64(self, number: f64) -> Result<(), Unsupported> {
        self.notation.float(self.out, number);
        Ok(())
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Result<(), Unsupported> {
        self.notation.text(self.out, text);
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Unsupported> {
        self.notation.bytes(self.out, bytes);
        Ok(())
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Inside<'o, N>, Unsupported> {
        self.begin(Kind::List, length)
    }

    #[inline]
    fn serialize_map(self, length: Option<usize>) -> Result<Inside<'o, N>, Unsupported> {
        self.begin(Kind::Map, length)
    }

    // What follows no message has.

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_u8(self, _: u8) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_u16(self, _: u16) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_u32(self, _: u32) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_i8(self, _: i8) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_i16(self, _: i16) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_i32(self, _: i32) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_f32(self, _: f32) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_char(self, _: char) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_unit(self) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: &T,
    ) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Unsupported> {
        Err(Unsupported)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Unsupported> {
        Err(Unsupported)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unsupported> {
        Err(Unsupported)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Unsupported> {
        Err(Unsupported)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unsupported> {
        Err(Unsupported)
    }
}

#[cfg(test)]
mod tests {
    use super::super::json::Json;
    use super::*;

    /// What serde knows and no message has.
    enum Odd {
        UnitStruct,
        UnitVariant,
        NewtypeStruct,
        NewtypeVariant,
        ListOfUnknownLength,
        MapOfUnknownLength,
    }

    impl Serialize for Odd {
        fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            match self {
                Odd::UnitStruct => to.serialize_unit_struct("x"),
                Odd::UnitVariant => to.serialize_unit_variant("x", 0, "y"),
                Odd::NewtypeStruct => to.serialize_newtype_struct("x", "y"),
                Odd::NewtypeVariant => to.serialize_newtype_variant("x", 0, "y", "z"),
                Odd::ListOfUnknownLength => to.serialize_seq(None)?.end(),
                Odd::MapOfUnknownLength => to.serialize_map(None)?.end(),
            }
        }
    }

    fn is_refused(value: impl Serialize) -> bool {
        let mut out = Vec::new();
        value.serialize(Writer { out: &mut out, notation: Json }).is_err() && out.is_empty()
    }

    /// Rather than written in some way that nobody has thought about.
    #[test]
    fn what_no_message_has_is_refused() {
        assert!(is_refused(1_u8) && is_refused(1_u16) && is_refused(1_u32));
        assert!(is_refused(1_i8) && is_refused(1_i16) && is_refused(1_i32) && is_refused(0.5_f32));
        assert!(is_refused(Some(1_u64)) && is_refused('x') && is_refused(()) && is_refused((1_u64, 2_u64)));
        assert!(is_refused(Odd::UnitStruct) && is_refused(Odd::UnitVariant));
        assert!(is_refused(Odd::NewtypeStruct) && is_refused(Odd::NewtypeVariant));
        assert!(is_refused(Odd::ListOfUnknownLength) && is_refused(Odd::MapOfUnknownLength));
        assert!(!is_refused(1_u64) && !is_refused("x") && !is_refused(None::<u64>));
    }
}
