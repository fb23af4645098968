//! Any bytes as a frame: decoding fails, or the message stays the same when it is written and read again.

use skaro_proto::{DecodeErrorKind, Format, Frame};

use super::direction::frame;
use super::{Direction, ToClient, ToServer};

pub fn run(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        read::<ToClient>(Frame::Text(text));
        read::<ToServer>(Frame::Text(text));
    }
    read::<ToClient>(Frame::Binary(bytes));
    read::<ToServer>(Frame::Binary(bytes));
}

fn read<D: Direction>(received: Frame<'_>) {
    let (written, in_json);
    let Ok(message) = D::decode(received) else { return };
    let format = received.format();
    written = D::encode(&message, format);
    let again = D::decode(frame(format, &written)).expect("what was written is read");
    // NaN does not equal itself, so the encoded messages are compared.
    assert!(D::encode(&again, format) == written, "{message:?} is not written alike twice");
    if message == message.clone() {
        assert_eq!(again, message);
    }
    // JSON can't express everything that CBOR can, but CBOR can express all JSON.
    in_json = D::encode(&message, Format::Json);
    match D::decode(frame(Format::Json, &in_json)) {
        Ok(said) => both_say::<D>(&said),
        // A byte string is a list in JSON, which is nested one level deeper.
        Err(error) => assert_eq!(D::fault(&error), DecodeErrorKind::TooDeep, "{message:?}"),
    }
}

/// A message read from JSON and written in both formats must be the same in both.
fn both_say<D: Direction>(message: &D::Message<'_>) {
    let written = [Format::Json, Format::Cbor].map(|format| (format, D::encode(message, format)));
    let [json, cbor] = written.each_ref().map(|(format, bytes)| D::decode(frame(*format, bytes)));
    assert_eq!(json, cbor);
    let read = json.expect("what was written is read");
    assert!(D::encode(&read, Format::Cbor) == written[1].1, "{read:?} is not {message:?}");
}
