//! Writing the short way: pieces of which each format has its own, with texts and numbers between them.

use alloc::vec::Vec;

use super::write::Notation;
use super::{Format, cbor, json};

/// A message that is written piece by piece.
///
/// The pieces are constants wherever this is called, and everything here is inlined there: then appending one is a
/// move or two, instead of a call for each name and each value.
pub(crate) struct Pieces<'o> {
    format: Format,
    out: &'o mut Vec<u8>,
}

impl<'o> Pieces<'o> {
    #[inline(always)]
    pub(crate) fn new(format: Format, out: &'o mut Vec<u8>) -> Self {
        Pieces { format, out }
    }

    /// What stands here in JSON, the quotes around texts included; and what does in CBOR.
    #[inline(always)]
    pub(crate) fn piece(&mut self, json: &str, cbor: &[u8]) {
        match self.format {
            Format::Json => self.out.extend_from_slice(json.as_bytes()),
            Format::Cbor => self.out.extend_from_slice(cbor),
        }
    }

    #[inline(always)]
    pub(crate) fn text(&mut self, text: &str) {
        match self.format {
            Format::Json => json::unquoted(self.out, text),
            Format::Cbor => cbor::Cbor.text(self.out, text),
        }
    }

    #[inline(always)]
    pub(crate) fn number(&mut self, number: u64) {
        match self.format {
            Format::Json => json::Json.unsigned(self.out, number),
            Format::Cbor => cbor::Cbor.unsigned(self.out, number),
        }
    }
}
