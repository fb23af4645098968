//! Properties of the formats and of whatever may arrive, on messages and bytes that proptest makes up.
//!
//! A failure prints the smallest input that shows it, and a line `cc …` that goes into
//! `proptest-regressions/properties/formats.txt` or `…/arriving.txt`: with that line there, the next run begins with the same
//! input.

mod arriving;
mod cbor;
mod choices;
mod formats;
mod json;
mod messages;
mod stages;
mod tree;
mod trees;
