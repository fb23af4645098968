//! The operations of both formats' encoders, and writing values with them.

use alloc::borrow::Cow;

use super::field::Field;
use super::frame::Format;
use super::literal::{Key, Start};

/// Appends values to a buffer, with one method for each kind.
pub(crate) trait Encoder: Sized {
    const FORMAT: Format;

    /// The state of a map that is being written.
    type Map;

    /// Begins a map.
    fn begin_map(&mut self) -> Self::Map;

    /// Begins a message: a map whose first field is its type.
    fn begin_message(&mut self, start: &'static Start) -> Self::Map;

    fn end_map(&mut self, map: Self::Map);

    fn begin_list(&mut self, length: usize);

    fn end_list(&mut self);

    /// Writes the name of a listed field. The caller must write its value next.
    fn key(&mut self, key: &'static Key);

    /// Writes the name of any other field. The caller must write its value next.
    fn name(&mut self, name: &str);

    fn null(&mut self);

    fn bool(&mut self, value: bool);

    fn unsigned(&mut self, number: u64);

    /// Writes a negative number.
    fn negative(&mut self, number: i64);

    fn float(&mut self, number: f64);

    fn text(&mut self, text: &str);

    fn bytes(&mut self, bytes: &[u8]);

    /// Writes a value that is already encoded in this format.
    fn raw(&mut self, value: &[u8]);

    /// Writes a field.
    #[inline(always)]
    fn field(&mut self, field: Field, value: &(impl Encode + ?Sized)) {
        self.key(field.key());
        value.encode(self);
    }

    /// Writes a field if it is `true`.
    fn flag(&mut self, field: Field, value: bool) {
        if value {
            self.field(field, &value);
        }
    }

    /// Writes a field if it has a value.
    #[inline(always)]
    fn optional_field(&mut self, field: Field, value: &Option<impl Encode>) {
        if let Some(value) = value {
            self.field(field, value);
        }
    }
}

/// A value that can be written.
pub(crate) trait Encode {
    fn encode<E: Encoder>(&self, to: &mut E);
}

impl Encode for str {
    #[inline(always)]
    fn encode<E: Encoder>(&self, to: &mut E) {
        to.text(self);
    }
}

impl Encode for Cow<'_, str> {
    #[inline(always)]
    fn encode<E: Encoder>(&self, to: &mut E) {
        to.text(self);
    }
}

impl Encode for u64 {
    #[inline(always)]
    fn encode<E: Encoder>(&self, to: &mut E) {
        to.unsigned(*self);
    }
}

impl Encode for i64 {
    #[inline(always)]
    fn encode<E: Encoder>(&self, to: &mut E) {
        match u64::try_from(*self) {
            Ok(number) => to.unsigned(number),
            Err(_) => to.negative(*self),
        }
    }
}

impl Encode for bool {
    fn encode<E: Encoder>(&self, to: &mut E) {
        to.bool(*self);
    }
}

impl<T: Encode> Encode for [T] {
    fn encode<E: Encoder>(&self, to: &mut E) {
        to.begin_list(self.len());
        self.iter().for_each(|item| item.encode(to));
        to.end_list();
    }
}
