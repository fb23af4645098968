//! Agreement of the fast readers with slow reference readers that use only the libraries: serde_json's own
//! deserializer, and minicbor's decoder.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::borrow::ToOwned;
use std::format;
use std::string::String;
use std::vec::Vec;

use alloc::borrow::Cow;
use core::fmt;

use proptest::prelude::*;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use super::reader::{Decode, Item, MapReader, Nesting, Reader, SeqReader, Slot};
use super::{DecodeError, DecodeErrorKind, Field, Fields, Format, Frame, Value, cbor, json, read, write};
use crate::limits::NESTING;

/// A decoded value with all nested values.
#[derive(Debug, PartialEq)]
enum Tree {
    Null,
    Bool(bool),
    Unsigned(u64),
    Negative(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl From<Value<'_>> for Tree {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Null => Tree::Null,
            Value::Bool(value) => Tree::Bool(value),
            Value::Unsigned(number) => Tree::Unsigned(number),
            Value::Negative(number) => Tree::Negative(number),
            Value::Float(number) => Tree::Float(number),
            Value::Text(text) => Tree::Text(text.into_owned()),
            Value::Bytes(bytes) => Tree::Bytes(bytes.into_owned()),
            Value::List(items) => Tree::List(items.into_iter().map(Tree::from).collect()),
            Value::Map(fields) => Tree::from(&fields),
        }
    }
}

impl From<&Fields<'_>> for Tree {
    fn from(fields: &Fields<'_>) -> Self {
        Tree::Map(fields.iter().map(|(name, value)| (name.into_owned(), value.into())).collect())
    }
}

impl<'a> Decode<'a> for Tree {
    const EXPECTED: &'static str = "anything";

    fn null() -> Slot<Self> {
        Slot::Value(Tree::Null)
    }

    fn bool(value: bool) -> Slot<Self> {
        Slot::Value(Tree::Bool(value))
    }

    fn unsigned(number: u64) -> Slot<Self> {
        Slot::Value(Tree::Unsigned(number))
    }

    fn negative(number: i64) -> Slot<Self> {
        Slot::Value(Tree::Negative(number))
    }

    fn float(number: f64) -> Slot<Self> {
        Slot::Value(Tree::Float(number))
    }

    fn text(text: Cow<'a, str>) -> Slot<Self> {
        Slot::Value(Tree::Text(text.into_owned()))
    }

    fn bytes(bytes: Cow<'a, [u8]>) -> Slot<Self> {
        Slot::Value(Tree::Bytes(bytes.into_owned()))
    }

    fn list<R: Reader<'a>>(mut list: SeqReader<'_, 'a, R>) -> super::Result<Slot<Self>> {
        let mut items = Vec::new();
        while let Some(item) = list.next()? {
            items.extend(value(item));
        }
        Ok(Slot::Value(Tree::List(items)))
    }

    fn map<R: Reader<'a>>(mut map: MapReader<'_, 'a, R>) -> super::Result<Slot<Self>> {
        let mut fields = Vec::new();
        while let Some(name) = map.name()? {
            fields.extend(value(map.value()?).map(|value| (name.into_owned(), value)));
        }
        Ok(Slot::Value(Tree::Map(fields)))
    }
}

fn value<T>(slot: Slot<T>) -> Option<T> {
    match slot {
        Slot::Value(value) => Some(value),
        Slot::Absent | Slot::Wrong(_) => None,
    }
}

fn map(read: super::Result<Slot<Tree>>) -> Result<Tree, DecodeError> {
    match read {
        Ok(Slot::Value(Tree::Map(fields))) => Ok(Tree::Map(fields)),
        Ok(_) => Err(DecodeError::frame(DecodeErrorKind::WrongType { expected: "a map" })),
        Err(error) => Err(*error),
    }
}

/// Reads the frame by our readers, at once and later from the kept raw value; both must give the same result.
fn quick(frame: Frame<'_>) -> Result<Tree, DecodeError> {
    let at_once = map(read(frame, Nesting::FRAME));
    let kept = read::<Fields<'_>>(frame, Nesting::FRAME);
    let later = map(kept.map(|fields| value(fields).map_or(Slot::Absent, |it| Slot::Value(Tree::from(&it)))));
    // Compared as text, because NaN does not equal itself.
    assert_eq!(format!("{at_once:?}"), format!("{later:?}"), "{frame:?}");
    at_once
}

/// Reads JSON by serde_json alone.
fn slow_json(text: &str) -> Result<Tree, DecodeError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let kind = |error: serde_json::Error| match error.classify() {
        Category::Eof => DecodeErrorKind::Truncated,
        Category::Data => DecodeErrorKind::TooDeep,
        _ => DecodeErrorKind::Malformed { format: "JSON", offset: json::offset(&error, text) },
    };
    let value =
        Levels(NESTING).deserialize(&mut deserializer).map_err(|error| DecodeError::frame(kind(error)))?;
    deserializer.end().map_err(|_| DecodeError::frame(DecodeErrorKind::Trailing))?;
    map(Ok(Slot::Value(value)))
}

/// The number of levels that a value may still have.
#[derive(Clone, Copy)]
struct Levels(u8);

impl Levels {
    fn inner<E: Error>(self) -> Result<Levels, E> {
        self.0.checked_sub(1).map(Levels).ok_or_else(|| E::custom("too deep"))
    }
}

impl<'de> DeserializeSeed<'de> for Levels {
    type Value = Tree;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Levels {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Unsigned(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Negative(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Tree, E> {
        Ok(Tree::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let inner = self.inner()?;
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let inner = self.inner()?;
        let mut fields = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            fields.push((name, map.next_value_seed(inner)?));
        }
        Ok(Tree::Map(fields))
    }
}

/// Reads CBOR by minicbor alone.
fn slow_cbor(bytes: &[u8]) -> Result<Tree, DecodeError> {
    let mut reader = Slow(cbor::Reader::new(bytes));
    let value = Tree::decode(&mut reader, Nesting::FRAME);
    if value.is_ok() && !reader.0.is_at_end() {
        return Err(DecodeError::frame(DecodeErrorKind::Trailing));
    }
    map(value)
}

fn agree_on(bytes: &[u8]) {
    let (quick, slow) = (quick(Frame::Binary(bytes)), slow_cbor(bytes));
    // Compared as text, because NaN does not equal itself.
    assert_eq!(format!("{quick:?}"), format!("{slow:?}"), "{bytes:02x?}");
}

struct Slow<'a>(cbor::Reader<'a>);

impl<'a> Reader<'a> for Slow<'a> {
    type Left = cbor::Left;

    fn mark(&mut self) -> usize {
        self.0.mark()
    }

    fn at(&self, mark: usize) -> Self {
        Slow(self.0.at(mark))
    }

    fn since(&self, mark: usize) -> Frame<'a> {
        self.0.since(mark)
    }

    fn item(&mut self) -> super::Result<Item<'a, cbor::Left>> {
        self.0.otherwise(cbor::item)
    }

    fn has_next(&mut self, left: &mut cbor::Left) -> super::Result<bool> {
        self.0.has_next(left)
    }

    fn next_name(&mut self, left: &mut cbor::Left) -> super::Result<Option<Cow<'a, str>>> {
        if !self.0.has_next(left)? {
            return Ok(None);
        }
        self.0.otherwise(cbor::name).map(Some)
    }

    fn next_field(&mut self, left: &mut cbor::Left) -> super::Result<Option<Field>> {
        Ok(self.next_name(left)?.map(|name| Field::of(&name)))
    }
}

/// Generates fragments of JSON and joins them, so that the result is often valid and often almost valid.
fn json_value() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        r#"[a-zé€😀 ]{0,20}"#.prop_map(|text| format!("\"{text}\"")),
        r#"([a-z]|\\["\\/bfnrt]|\\u[0-9a-f]{4}|\\ud83d\\ude00|\\x|[\x00-\x1f]){0,9}"#
            .prop_map(|text| format!("\"{text}\"")),
    ];
    let number = prop_oneof![
        any::<i64>().prop_map(|number| format!("{number}")),
        any::<u64>().prop_map(|number| format!("{number}")),
        any::<f64>().prop_map(|number| format!("{number:e}")),
        "-?[0-9]{0,21}(\\.[0-9]{0,3})?([eE][-+]?[0-9]{0,3})?",
    ];
    let word = prop::sample::select(&["true", "false", "null", "nul", "NaN", ""][..]).prop_map(str::to_owned);
    let leaf = prop_oneof![4 => text, 4 => number, 1 => word];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let name = prop_oneof![
            3 => r#"(type|from|history|on_request|in_conference|x|€)"#,
            1 => r#"([a-z]|\\u00[0-9a-f]{2}|\\n){0,12}"#,
        ];
        let field =
            (name, space(), inner.clone()).prop_map(|(name, s, value)| format!("\"{name}\"{s}:{s}{value}"));
        let all = |open: &'static str, close: &'static str| {
            move |(items, s): (Vec<String>, String)| {
                format!("{open}{s}{}{s}{close}", items.join(&format!("{s},{s}")))
            }
        };
        prop_oneof![
            (prop::collection::vec(inner, 0..5), space()).prop_map(all("[", "]")),
            (prop::collection::vec(field, 0..5), space()).prop_map(all("{", "}")),
        ]
    })
}

fn space() -> impl Strategy<Value = String> {
    prop_oneof![5 => "", 1 => "[ \n\t\r]{1,3}"]
}

/// A text with one character changed, or none.
fn damaged(text: &str, at: prop::sample::Index, with: Option<char>, how: u8) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    let Some(place) = (!characters.is_empty()).then(|| at.index(characters.len())) else {
        return text.into();
    };
    match (how, with) {
        (0, Some(with)) => characters[place] = with,
        (1, Some(with)) => characters.insert(place, with),
        (2, _) => _ = characters.remove(place),
        (3, _) => characters.truncate(place),
        _ => (),
    }
    characters.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn json_is_read_as_serde_json_reads_it(
        value in json_value(),
        at in any::<prop::sample::Index>(),
        with in prop::sample::select(&['"', '\\', ',', ':', '{', '}', '[', ']', '0', '-', '.', 'e', ' ', '\n', '\0', 'é'][..]),
        how in 0..8_u8,
    ) {
        let map = format!("{{\"x\":{value}}}");
        for text in [value.as_str(), &map, &damaged(&map, at, Some(with), how)] {
            prop_assert_eq!(quick(Frame::Text(text)), slow_json(text), "{}", text);
        }
    }

    #[test]
    fn cbor_is_read_as_minicbor_reads_it(
        value in json_value(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        random in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        // The CBOR is made from JSON by serializing it, in the same order of fields, and is damaged afterwards.
        let map = format!("{{\"x\":{value}}}");
        let mut bytes = Vec::new();
        if let Some(fields) = fields(&map) {
            write(Format::Cbor, &fields, &mut bytes);
        }
        for (at, with) in changes {
            if !bytes.is_empty() {
                let place = at.index(bytes.len());
                bytes[place] = with;
            }
        }
        agree_on(&bytes);
        agree_on(&random);
    }
}

/// Returns the fields of a frame in well-formed JSON.
fn fields(text: &str) -> Option<Fields<'_>> {
    value(read(Frame::Text(text), Nesting::FRAME).ok()?)
}

/// Compares the libraries' encoding of a value with ours.
fn written_alike(value: &Value<'_>) {
    let (mut json, mut cbor) = (Vec::new(), Vec::new());
    write(Format::Json, value, &mut json);
    write(Format::Cbor, value, &mut cbor);
    assert_eq!(String::from_utf8(json).unwrap(), serde_json::to_string(value).unwrap());
    assert_eq!(cbor, minicbor_serde::to_vec(value).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn values_are_written_as_the_libraries_write_them(value in json_value(), text in "\\PC{0,30}", float in any::<f64>()) {
        // Decodes first, because undecoded fields are copied as they are.
        if let Some(fields) = fields(&format!("{{\"x\":{value}}}")) {
            let fields: Fields<'_> = fields.iter().collect();
            written_alike(&Value::Map(fields));
        }
        written_alike(&Value::Text(text.into()));
        written_alike(&Value::Float(float));
    }
}

#[test]
fn what_is_at_the_borders_is_written_as_the_libraries_write_it() {
    for bits in 0..64 {
        for number in [1_u64 << bits, (1 << bits) - 1, u64::MAX >> bits] {
            written_alike(&Value::Unsigned(number));
            written_alike(&Value::Negative((number >> 1) as i64 - i64::MAX - 1));
        }
    }
    for length in [0, 1, 23, 24, 255, 256, 65_535, 65_536] {
        written_alike(&Value::Text("x".repeat(length).into()));
        written_alike(&Value::Bytes(std::vec![7; length].into()));
        written_alike(&Value::List(std::vec![Value::Bool(true); length]));
    }
    // The head of a map is filled in when the number of fields is known.
    for count in [0, 1, 23, 24, 255, 256, 70_000] {
        let inner = Value::Map([("x", Value::Null)].into_iter().collect());
        let fields =
            (0..count).map(|n| (format!("{n}"), inner.clone())).chain([("last".into(), 1_u64.into())]);
        written_alike(&Value::Map(fields.collect()));
    }
    for character in '\0'..='\u{ff}' {
        written_alike(&Value::Text(format!("Shall we{character}meet{character}{character}").into()));
    }
    for float in [0.0, -0.0, 1e300, f64::NAN, f64::INFINITY] {
        written_alike(&Value::Float(float));
    }
    written_alike(&Value::Null);
}

#[test]
fn numbers_at_the_borders_are_read_as_serde_json_reads_them() {
    for number in [
        "0",
        "-0",
        "00",
        "01",
        "-01",
        "1.",
        ".1",
        "1e",
        "1e5",
        "1E+5",
        "1e-5",
        "1e400",
        "-1e400",
        "+1",
        "-",
        "--1",
        "999999999999999999",
        "1000000000000000000",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        "18446744073709551616",
        "100000000000000000000",
        "1.0",
        "-1.5",
        "0.1",
        "1x",
        "1-2",
        "1 2",
    ] {
        let text = format!("{{\"x\":{number}}}");
        assert_eq!(quick(Frame::Text(&text)), slow_json(&text), "{text}");
    }
}

#[test]
fn every_byte_at_every_place_of_a_text_is_read_as_serde_json_reads_it() {
    for character in '\0'..='\u{ff}' {
        for before in 0..17 {
            let text = format!("{{\"x\":\"{:before$}{character}\",\"y\":\"\"}}", "");
            assert_eq!(quick(Frame::Text(&text)), slow_json(&text), "{text}");
        }
    }
}

#[test]
fn every_head_of_an_item_is_read_as_minicbor_reads_it() {
    for first in 0..=u8::MAX {
        for argument in [0_u64, 1, 23, 24, 1 << 32, (1 << 63) - 1, 1 << 63, u64::MAX] {
            for length in 0..=8 {
                let mut bytes = b"\xa1\x61x".to_vec();
                bytes.push(first);
                bytes.extend_from_slice(&argument.to_be_bytes()[..length]);
                agree_on(&bytes);
            }
        }
    }
}

#[test]
fn a_listed_name_may_hide_behind_escapes() {
    let message = r#"{"ty\u0070e":"info","\u0069nfo":"x"}"#;
    let message = crate::message::ServerMessage::decode(Frame::Text(message)).unwrap();
    assert!(
        matches!(message, crate::message::ServerMessage::Info(notice) if notice.info == Cow::Borrowed("x"))
    );
}
