//! Every message survives both formats, and means the same however it is written.

use proptest::prelude::*;
use skaro_proto::message::{ClientMessage, ServerMessage};
use skaro_proto::{DecodeError, DecodeErrorKind, Format, Frame};

use super::choices::{Choices, choices};
use super::messages::Kind;
use super::tree::{Plain, Tree};
use super::{cbor, json, trees};

const COMMON: Kind = Kind { bytes: false };
const ALL: Kind = Kind { bytes: true };

fn text(written: &[u8]) -> Frame<'_> {
    Frame::Text(std::str::from_utf8(written).expect("JSON is UTF-8"))
}

proptest! {
    #[test]
    fn messages_of_servers_survive_both_formats(message in COMMON.server_message()) {
        let (json, cbor) = (message.encode(Format::Json), message.encode(Format::Cbor));
        prop_assert_eq!(&ServerMessage::decode(text(&json)).unwrap(), &message);
        prop_assert_eq!(&ServerMessage::decode(Frame::Binary(&cbor)).unwrap(), &message);
    }

    #[test]
    fn messages_of_clients_survive_both_formats(message in COMMON.client_message()) {
        let (json, cbor) = (message.encode(Format::Json), message.encode(Format::Cbor));
        prop_assert_eq!(&ClientMessage::decode(text(&json)).unwrap(), &message);
        prop_assert_eq!(&ClientMessage::decode(Frame::Binary(&cbor)).unwrap(), &message);
    }

    /// Byte strings are CBOR's alone. Besides, what we write there is the plainest way to write it, to the byte.
    #[test]
    fn cbor_is_written_plainly_and_carries_bytes(to in ALL.server_message(), from in ALL.client_message()) {
        let (to_bytes, from_bytes) = (to.encode(Format::Cbor), from.encode(Format::Cbor));
        prop_assert_eq!(&ServerMessage::decode(Frame::Binary(&to_bytes)).unwrap(), &to);
        prop_assert_eq!(&ClientMessage::decode(Frame::Binary(&from_bytes)).unwrap(), &from);
        let plain = |tree: Tree| cbor::write(&tree.resolve(&mut Choices::of(&[])), &mut Choices::of(&[]));
        prop_assert_eq!(plain(trees::of_server(&to)), to_bytes);
        prop_assert_eq!(plain(trees::of_client(&from)), from_bytes);
    }

    #[test]
    fn messages_of_servers_mean_the_same_however_written(
        message in COMMON.server_message(),
        what in choices(),
        how in choices(),
    ) {
        let plain = trees::of_server(&message).resolve(&mut Choices::of(&what));
        let json = json::write(&plain, &mut Choices::of(&how));
        let cbor = cbor::write(&plain, &mut Choices::of(&how));
        prop_assert_eq!(&ServerMessage::decode(Frame::Text(&json)), &Ok(message.clone()), "{}", json);
        prop_assert_eq!(&ServerMessage::decode(Frame::Binary(&cbor)), &Ok(message.clone()), "{:02x?}", cbor);
    }

    #[test]
    fn messages_of_clients_mean_the_same_however_written(
        message in COMMON.client_message(),
        what in choices(),
        how in choices(),
    ) {
        let plain = trees::of_client(&message).resolve(&mut Choices::of(&what));
        let json = json::write(&plain, &mut Choices::of(&how));
        let cbor = cbor::write(&plain, &mut Choices::of(&how));
        prop_assert_eq!(&ClientMessage::decode(Frame::Text(&json)), &Ok(message.clone()), "{}", json);
        prop_assert_eq!(&ClientMessage::decode(Frame::Binary(&cbor)), &Ok(message), "{:02x?}", cbor);
    }

    #[test]
    fn byte_strings_mean_the_same_however_written(
        message in ALL.server_message(),
        what in choices(),
        how in choices(),
    ) {
        let plain = trees::of_server(&message).resolve(&mut Choices::of(&what));
        let cbor = cbor::write(&plain, &mut Choices::of(&how));
        prop_assert_eq!(&ServerMessage::decode(Frame::Binary(&cbor)), &Ok(message.clone()), "{:02x?}", cbor);
        // JSON has lists of numbers instead: what is written there is read as such, and is written so again.
        let json = message.encode(Format::Json);
        let read = ServerMessage::decode(text(&json)).unwrap();
        prop_assert_eq!(read.encode(Format::Json), json);
    }

    /// Whatever else there is: the field at fault is named, in both formats alike.
    #[test]
    fn a_field_of_the_wrong_type_is_named(
        to in COMMON.server_message(),
        from in COMMON.client_message(),
        which: usize,
        what in choices(),
        how in choices(),
    ) {
        let reads: [Read; 2] = [
            |frame| ServerMessage::decode(frame).err(),
            |frame| ClientMessage::decode(frame).err().map(|rejected| rejected.error),
        ];
        for (tree, read) in [trees::of_server(&to), trees::of_client(&from)].into_iter().zip(reads) {
            let Some((name, wrong)) = with_a_wrong_field(tree, which) else { continue };
            let plain = wrong.resolve(&mut Choices::of(&what));
            let json = json::write(&plain, &mut Choices::of(&how));
            let cbor = cbor::write(&plain, &mut Choices::of(&how));
            for frame in [Frame::Text(&json), Frame::Binary(&cbor)] {
                let error = read(frame).expect("an error");
                prop_assert_eq!(error.field.names().collect::<Vec<_>>(), [name.as_str()], "{}", json);
                prop_assert!(matches!(error.kind, DecodeErrorKind::WrongType { .. }), "{}", error);
            }
        }
    }
}

/// What is wrong with a frame.
type Read = fn(Frame<'_>) -> Option<DecodeError>;

/// The message with a truth value in one of its listed fields; with a number where a truth value belongs.
fn with_a_wrong_field(tree: Tree, which: usize) -> Option<(String, Tree)> {
    let Tree::Record(mut entries) = tree else { panic!("{tree:?}") };
    let mut listed: Vec<_> = entries.iter_mut().filter(|entry| entry.listed).collect();
    let count = listed.len();
    let entry = listed.get_mut(which.checked_rem(count)?)?;
    let name = entry.name.clone();
    entry.value = Tree::Plain(match &*name {
        "more" | "presence" | "blocked" | "owner" | "end_sessions" | "others" => Plain::Integer(1),
        _ => Plain::Bool(true),
    });
    Some((name, Tree::Record(entries)))
}
