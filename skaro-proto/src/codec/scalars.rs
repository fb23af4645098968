//! Decoding of texts, whole numbers and truth values.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::reader::{Decode, Reader, Result, SeqReader, Slot};

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

impl Decode<'_> for i64 {
    const EXPECTED: &'static str = "a whole number from -2^63 to 2^63 - 1";

    fn unsigned(number: u64) -> Slot<Self> {
        i64::try_from(number).map_or_else(|_| Self::wrong(), Slot::Value)
    }

    fn negative(number: i64) -> Slot<Self> {
        Slot::Value(number)
    }
}

impl Decode<'_> for bool {
    const EXPECTED: &'static str = "true or false";

    fn bool(value: bool) -> Slot<Self> {
        Slot::Value(value)
    }
}

impl<'a> Decode<'a> for Vec<Cow<'a, str>> {
    const EXPECTED: &'static str = "a list of texts";

    fn list<R: Reader<'a>>(list: SeqReader<'_, 'a, R>) -> Result<Slot<Self>> {
        list.items()
    }
}
