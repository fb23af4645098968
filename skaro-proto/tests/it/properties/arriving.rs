//! Whatever arrives is an event or a typed error, and an error leaves no trace.

use proptest::collection::vec;
use proptest::prelude::*;
use skaro_proto::client::{Event, ProtocolError};
use skaro_proto::message::{ClientMessage, Request, ServerMessage};
use skaro_proto::{DecodeError, DecodeErrorKind, Frame, Time};

use super::choices::{Choices, choices};
use super::messages::Kind;
use super::stages::{Stage, World, client, stage};
use super::tree::Tree;
use super::{cbor, json, trees};

const ALL: Kind = Kind { bytes: true };

/// A frame with its content.
#[derive(Clone, Debug)]
enum Raw {
    Text(String),
    Binary(Vec<u8>),
}

impl Raw {
    fn frame(&self) -> Frame<'_> {
        match self {
            Raw::Text(text) => Frame::Text(text),
            Raw::Binary(bytes) => Frame::Binary(bytes),
        }
    }

    /// Text frames hold UTF-8: their WebSocket sees to that.
    fn of(bytes: Vec<u8>, as_text: bool) -> Raw {
        if as_text { Raw::Text(String::from_utf8_lossy(&bytes).into_owned()) } else { Raw::Binary(bytes) }
    }
}

/// A change to a frame's bytes.
#[derive(Clone, Debug)]
enum Change {
    Cut { at: usize },
    Flip { at: usize, bit: u8 },
    Put { at: usize, byte: u8 },
    Insert { at: usize, bytes: Vec<u8> },
    Remove { from: usize, count: usize },
    Repeat { from: usize, count: usize, to: usize },
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        let place = |at: usize| at % (length + 1);
        let range = |from: usize, count: usize| place(from)..(place(from) + count).min(length);
        match *self {
            Change::Cut { at } => bytes.truncate(place(at)),
            Change::Flip { at, bit } => _ = bytes.get_mut(place(at)).map(|byte| *byte ^= 1 << bit),
            Change::Put { at, byte } => _ = bytes.get_mut(place(at)).map(|old| *old = byte),
            Change::Insert { at, bytes: ref new } => _ = bytes.splice(place(at)..place(at), new.clone()),
            Change::Remove { from, count } => _ = bytes.drain(range(from, count)),
            Change::Repeat { from, count, to } => {
                let (to, part) = (place(to), bytes[range(from, count)].to_vec());
                _ = bytes.splice(to..to, part);
            }
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<usize>();
    // Bytes that mean something in one of the formats.
    let telling = prop_oneof![
        2 => prop::sample::select(b"{}[]\":,\\u0-9.eE+tfn \x00\x18\x1b\x3b\x40\x5b\x5f\x60\x7b\x7f\x80\x9b\x9f\xa0\xbb\xbf\xc0\xdb\xf4\xf6\xf8\xf9\xfb\xff".to_vec()),
        1 => any::<u8>(),
    ];
    let telling = std::sync::Arc::new(telling);
    prop_oneof![
        at.prop_map(|at| Change::Cut { at }),
        (at, 0..8_u8).prop_map(|(at, bit)| Change::Flip { at, bit }),
        (at, telling.clone()).prop_map(|(at, byte)| Change::Put { at, byte }),
        (at, vec(telling, 1..12)).prop_map(|(at, bytes)| Change::Insert { at, bytes }),
        (at, 1..20_usize).prop_map(|(from, count)| Change::Remove { from, count }),
        (at, 1..40_usize, at).prop_map(|(from, count, to)| Change::Repeat { from, count, to }),
    ]
}

fn written(tree: impl Strategy<Value = Tree>) -> impl Strategy<Value = Raw> {
    (tree, choices(), choices(), any::<bool>()).prop_map(|(tree, what, how, as_text)| {
        let plain = tree.resolve(&mut Choices::of(&what));
        match as_text {
            true => Raw::Text(json::write(&plain, &mut Choices::of(&how))),
            false => Raw::Binary(cbor::write(&plain, &mut Choices::of(&how))),
        }
    })
}

/// Bytes without any sense, pieces of sense, and messages with a few changes, or none.
fn frame(tree: impl Strategy<Value = Tree>) -> impl Strategy<Value = Raw> {
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"type\"",
        "\"request\"",
        "1",
        "-0",
        "1e999",
        "null",
        "\"\\ud83d\"",
        " ",
    ];
    let soup =
        vec(prop::sample::select(pieces.to_vec()), 0..24).prop_map(|pieces| Raw::Text(pieces.concat()));
    let changed = (written(tree), vec(change(), 0..4)).prop_map(|(raw, changes)| {
        let mut bytes = raw.frame().as_bytes().to_vec();
        changes.iter().for_each(|change| change.apply(&mut bytes));
        Raw::of(bytes, matches!(raw, Raw::Text(_)))
    });
    prop_oneof![
        1 => (vec(any::<u8>(), 0..200), any::<bool>()).prop_map(|(bytes, as_text)| Raw::of(bytes, as_text)),
        1 => any::<String>().prop_map(Raw::Text),
        1 => soup,
        7 => changed,
    ]
}

fn from_servers() -> impl Strategy<Value = Tree> {
    ALL.server_message().prop_map(|message| trees::of_server(&message))
}

fn from_clients() -> impl Strategy<Value = Tree> {
    ALL.client_message().prop_map(|message| trees::of_client(&message))
}

/// An error says what is wrong in words, and where within the frame.
fn check_error(error: &DecodeError, frame: Frame<'_>) {
    assert!(error.to_string().starts_with("the f"), "{error}");
    if let DecodeErrorKind::Malformed { offset, .. } = error.kind {
        assert!(offset <= frame.as_bytes().len(), "{error}");
    }
    let of_the_frame = matches!(
        error.kind,
        DecodeErrorKind::Malformed { .. }
            | DecodeErrorKind::Truncated
            | DecodeErrorKind::Trailing
            | DecodeErrorKind::TooDeep
            | DecodeErrorKind::KeyNotText
    );
    assert!(!of_the_frame || error.field.is_empty(), "{error}");
}

proptest! {
    #[test]
    fn clients_take_it_or_are_as_they_were(raw in frame(from_servers()), stage in stage()) {
        let (mut client, now) = client(stage);
        let before = client.clone();
        match client.handle_frame(now, raw.frame()) {
            Ok(event) => {
                prop_assert!(stage >= Stage::Greeting, "{:?}", event);
                let ends = matches!(event, Event::Ended(_));
                let was_asked = before.pending() > client.pending();
                prop_assert_eq!(ends, was_asked, "{:?}", event);
                prop_assert!(!matches!(event, Event::Late(_)) || stage == Stage::Late, "{:?}", event);
                // What it was read from may go.
                let owned = event.clone().into_owned();
                prop_assert_eq!(owned, event);
            }
            Err(error) => {
                prop_assert!(client == before, "{}", error);
                if let ProtocolError::Frame(error) = &error {
                    check_error(error, raw.frame());
                }
            }
        }
    }

    #[test]
    fn servers_answer_it_and_nobody_else_is_disturbed(raw in frame(from_clients()), signed_in: bool) {
        let mut world = World::new();
        let id = if signed_in { world.users[0] } else { world.stranger };
        let before = world.figures();
        let result = world.server.handle_frame(Time::ZERO, id, raw.frame());
        let (frames, closes) = world.sent(id);
        let message = ClientMessage::decode(raw.frame());
        let is = |of: fn(&Request<'_>) -> bool| message.as_ref().is_ok_and(|message| of(&message.request));
        let is_typing = is(|request| matches!(request, Request::Typing { .. }));
        let signs_out = is(|request| matches!(request, Request::SignOut { session: None, others: false }));
        let answers = frames.len();
        prop_assert!(answers == 1 || is_typing && answers == 0, "whatever arrives is answered, once: {answers}");
        let is_too_large = matches!(&result, Err(error)
            if matches!(error.kind, DecodeErrorKind::TooLarge { .. }) && error.field.is_empty());
        prop_assert_eq!(closes, is_too_large || signed_in && signs_out);
        // A connection that closes has a deadline of its own.
        if !closes {
            prop_assert_eq!(world.figures(), before);
        }
        if let Err(error) = result {
            check_error(&error, raw.frame());
            for other in [world.stranger, world.users[0], world.users[1]] {
                prop_assert_eq!(world.sent(other), (Vec::new(), false));
            }
        }
    }

    /// A frame that lacks its end is never taken for a shorter one.
    #[test]
    fn no_part_of_a_frame_makes_sense(to in written(from_servers()), from in written(from_clients()), cut: usize) {
        for (raw, is_to_client) in [(to, true), (from, false)] {
            let length = raw.frame().as_bytes().trim_ascii_end().len();
            let part = match &raw {
                Raw::Text(text) => {
                    let cut = (0..=cut % length).rev().find(|cut| text.is_char_boundary(*cut)).unwrap();
                    Frame::Text(&text[..cut])
                }
                Raw::Binary(bytes) => Frame::Binary(&bytes[..cut % bytes.len()]),
            };
            let error = match is_to_client {
                true => ServerMessage::decode(part).unwrap_err(),
                false => ClientMessage::decode(part).unwrap_err().error,
            };
            prop_assert_eq!(error.kind, DecodeErrorKind::Truncated, "{:?}", part.as_bytes());
        }
    }
}
