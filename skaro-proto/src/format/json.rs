//! JSON (RFC 8259), by serde_json.

use alloc::vec::Vec;

use serde::Serialize;
use serde::de::DeserializeSeed;
use serde_json::error::Category;

use super::error::{DecodeError, Fault};
use super::shape::{Nesting, Parsed, Shape};

pub(super) fn read<'a, T: Shape<'a>>(text: &'a str) -> Result<Parsed<T>, DecodeError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = Nesting::TOP.seed().deserialize(&mut deserializer);
    let parsed = parsed.map_err(|error| DecodeError::frame(fault(&error, text)))?;
    deserializer.end().map_err(|_| DecodeError::frame(Fault::Trailing))?;
    Ok(parsed)
}

#[cold]
fn fault(error: &serde_json::Error, text: &str) -> Fault {
    match error.classify() {
        Category::Eof => Fault::Truncated,
        // The seeds object to one thing only: nesting.
        Category::Data => Fault::TooDeep,
        Category::Syntax | Category::Io => Fault::Malformed { format: "JSON", offset: offset(error, text) },
    }
}

/// serde_json tells lines and columns, from 1; frames are better served by bytes, from 0.
fn offset(error: &serde_json::Error, text: &str) -> usize {
    let lines_before: usize =
        text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    lines_before + error.column().saturating_sub(1)
}

#[cfg(feature = "std")]
#[allow(clippy::expect_used, reason = "memory takes everything, and the messages have text keys")]
pub(super) fn write(message: &impl Serialize, out: &mut Vec<u8>) {
    serde_json::to_writer(out, message).expect("writing JSON to memory");
}

#[cfg(not(feature = "std"))]
#[allow(clippy::expect_used, reason = "memory takes everything, and the messages have text keys")]
pub(super) fn write(message: &impl Serialize, out: &mut Vec<u8>) {
    out.append(&mut serde_json::to_vec(message).expect("writing JSON to memory"));
}
