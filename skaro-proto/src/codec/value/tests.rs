//! Fields keep what was put in, wherever they come from.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::borrow::ToOwned;
use std::vec;

use proptest::prelude::*;

use super::*;
use crate::codec::{Field, Format, read, write};

fn value() -> impl Strategy<Value = Value<'static>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::Float),
        "[a-z\"\n\u{e9}]{0,30}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            fields(inner).prop_map(|fields| Value::Map(fields.into_iter().collect())),
        ]
    })
}

fn fields<T: core::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<(String, T)>> {
    prop::collection::vec(("(login|type|x|y|\"|\u{e9})", value), 0..6)
}

fn frame(format: Format, bytes: &[u8]) -> Frame<'_> {
    match format {
        Format::Json => Frame::Text(core::str::from_utf8(bytes).unwrap()),
        Format::Cbor => Frame::Binary(bytes),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Fields equal what was put in, wherever they come from and whichever of them are hidden.
    #[test]
    fn fields_hold_what_was_put_in(put_in in fields(value()), more in value(), hide in any::<bool>()) {
        let made: Fields<'_> = put_in.iter().cloned().collect();
        for format in [Format::Json, Format::Cbor] {
            let mut bytes = Vec::new();
            write(format, &made, &mut bytes);
            let Ok(Slot::Value(mut read)) = read::<Fields<'_>>(frame(format, &bytes), Nesting::FRAME) else {
                panic!("not read")
            };
            let mut expected = put_in.clone();
            if hide && let Some(kept) = &mut read.0 {
                kept.hidden = FieldSet::default().with(Field::Login);
                expected.retain(|(name, _)| name != "login");
            }
            let holds = |fields: &Fields<'_>, expected: &[(String, Value<'_>)]| {
                assert_eq!(fields.len(), expected.len());
                let all: Vec<_> = fields.iter().map(|(name, value)| (name.into_owned(), value)).collect();
                assert_eq!(all, expected);
                for (name, _) in expected {
                    let last = expected.iter().rfind(|(other, _)| other == name).map(|(_, value)| value);
                    assert_eq!(fields.get(name).as_ref(), last);
                }
            };
            holds(&read, &expected);
            let mut owned = read.clone().into_owned();
            holds(&owned, &expected);
            assert!(read == owned && owned.heap_bytes() <= read.heap_bytes() + 8);
            read.push("more", more.clone());
            owned.extend([("more", more.clone())]);
            expected.push(("more".to_owned(), more.clone()));
            holds(&read, &expected);
            holds(&owned, &expected);
        }
    }
}

#[test]
fn fields_are_empty_or_not() {
    let mut fields = Fields::new();
    assert!(
        fields.is_empty()
            && fields.iter().next().is_none()
            && fields.heap_bytes() == 0
            && fields == Fields::default()
    );
    fields.push("x", Value::List(vec![1_i64.into(), (-1_i64).into(), 0.5.into(), "text".into()]));
    assert!(!fields.is_empty());
    let list = [Value::Unsigned(1), Value::Negative(-1), Value::Float(0.5), Value::Text("text".into())];
    assert_eq!(fields.get("x"), Some(Value::List(list.to_vec())));
    assert_eq!(fields.get("y"), None);
    assert_eq!(std::format!("{fields:?}").matches("text").count(), 1);
}

/// An application may make fields that are nested deeper than a peer may send.
#[test]
fn fields_may_be_deeper_than_frames() {
    let mut value = Value::Null;
    for _ in 0..100 {
        value = Value::List(vec![value]);
    }
    let fields: Fields<'_> = [("deep", value.clone())].into_iter().collect();
    assert_eq!(fields.get("deep"), Some(value));
}
