//! The test vectors in `tests/vectors/`: messages with their bytes, for this implementation and for any other one.
//! `tests/vectors/README.md` says what stands in them; `check.py` there checks them without this implementation.

mod machines;
mod typed;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value as Json;
use skaro_proto::message::{ClientMessage, ServerMessage};
use skaro_proto::{DecodeError, DecodeErrorKind, Format, Frame, auth};

/// The vectors of a file, each of which has all of the required keys and none that is unknown.
fn vectors(file: &str, required: &[&str], optional: &[&str]) -> Vec<Json> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let vectors: Vec<Json> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert!(!vectors.is_empty(), "{file} is empty");
    let mut names = BTreeSet::new();
    for vector in &vectors {
        let name = string(vector, "name");
        assert!(names.insert(name.to_owned()), "{file}: two vectors are called {name}");
        for key in vector.as_object().unwrap().keys() {
            let key = key.as_str();
            assert!(
                key == "name" || required.contains(&key) || optional.contains(&key),
                "{file}: {name}: {key}?"
            );
        }
        for key in required {
            assert!(!vector[key].is_null(), "{file}: {name}: no {key}");
        }
    }
    vectors
}

fn string<'v>(vector: &'v Json, key: &str) -> &'v str {
    vector[key].as_str().unwrap_or_else(|| panic!("{vector}: {key}"))
}

fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "{text}");
    (0..text.len()).step_by(2).map(|n| u8::from_str_radix(&text[n..n + 2], 16).unwrap()).collect()
}

/// The one encoding that a vector has, as a frame's content.
enum Encoded {
    Json(String),
    Cbor(Vec<u8>),
}

impl Encoded {
    fn of(vector: &Json) -> Encoded {
        match (vector["json"].as_str(), vector["cbor"].as_str()) {
            (Some(text), None) => Encoded::Json(text.into()),
            (None, Some(digits)) => Encoded::Cbor(hex(digits)),
            _ => panic!("{vector}: either json or cbor"),
        }
    }

    fn frame(&self) -> Frame<'_> {
        match self {
            Encoded::Json(text) => Frame::Text(text),
            Encoded::Cbor(bytes) => Frame::Binary(bytes),
        }
    }
}

/// What a frame says, written by this implementation as JSON.
fn meaning(direction: &str, frame: Frame<'_>) -> Result<Json, DecodeError> {
    let written = match direction {
        "client" => ClientMessage::decode(frame).map_err(|rejected| rejected.error)?.encode(Format::Json),
        "server" => ServerMessage::decode(frame)?.encode(Format::Json),
        other => panic!("direction {other}"),
    };
    Ok(serde_json::from_slice(&written).unwrap())
}

/// Each message has exactly one encoding in each format, and both are read as that message.
fn check_exact(file: &str, direction: &str, optional: &[&str]) {
    let server = direction == "server";
    let required = ["direction", "message", "json", "cbor", "event"];
    for vector in vectors(file, &required[..if server { 5 } else { 4 }], optional) {
        let (name, message) = (string(&vector, "name"), &vector["message"]);
        let (json, cbor) = (string(&vector, "json"), hex(string(&vector, "cbor")));
        assert_eq!(string(&vector, "direction"), direction, "{name}");
        assert_eq!(&serde_json::from_str::<Json>(json).unwrap(), message, "{name}: json is not message");
        let (written_json, written_cbor) = if server {
            let typed = typed::server_message(message);
            assert_eq!(ServerMessage::decode(Frame::Text(json)).unwrap(), typed, "{name}: JSON");
            assert_eq!(ServerMessage::decode(Frame::Binary(&cbor)).unwrap(), typed, "{name}: CBOR");
            (typed.encode(Format::Json), typed.encode(Format::Cbor))
        } else {
            let typed = typed::client_message(message);
            assert_eq!(ClientMessage::decode(Frame::Text(json)).unwrap(), typed, "{name}: JSON");
            assert_eq!(ClientMessage::decode(Frame::Binary(&cbor)).unwrap(), typed, "{name}: CBOR");
            (typed.encode(Format::Json), typed.encode(Format::Cbor))
        };
        assert_eq!(String::from_utf8(written_json).unwrap(), json, "{name}: written as JSON");
        assert_eq!(written_cbor, cbor, "{name}: written as CBOR");
        if server {
            check_event(&vector, message, &[Frame::Text(json), Frame::Binary(&cbor)]);
        }
    }
}

/// What a client on which alice is signed in makes of a server's message: the event, and a chat message's dialog.
fn check_event(vector: &Json, message: &Json, frames: &[Frame<'_>]) {
    let name = string(vector, "name");
    for frame in frames {
        let (event, dialog) = machines::event(message, *frame);
        assert_eq!(event, string(vector, "event"), "{name}");
        assert_eq!(dialog.as_deref(), vector["dialog"].as_str(), "{name}");
        assert_eq!(vector["user"] == "alice", dialog.is_some(), "{name}");
    }
}

#[test]
fn requests() {
    check_exact("requests.json", "client", &["origin"]);
}

#[test]
fn greeting() {
    check_exact("greeting.json", "server", &[]);
}

#[test]
fn answers() {
    check_exact("answers.json", "server", &[]);
}

#[test]
fn pushes() {
    check_exact("pushes.json", "server", &["user", "dialog"]);
}

/// What the original client sent is among the vectors, for each of its six requests.
#[test]
fn the_original_is_among_them() {
    let requests = vectors("requests.json", &[], &["origin", "direction", "message", "json", "cbor"]);
    let original = requests.iter().filter(|vector| vector["origin"] == "libskaro 0.3");
    let types: BTreeSet<_> = original.map(|vector| string(&vector["message"], "type")).collect();
    let all =
        ["authorize", "get_contacts", "get_history", "register_type", "send_message", "session_restore"];
    assert_eq!(types, BTreeSet::from(all));
}

#[test]
fn proofs() {
    for vector in vectors("auth.json", &["token", "password", "proof"], &["origin"]) {
        let (token, password) = (string(&vector, "token"), string(&vector, "password"));
        let proof = string(&vector, "proof");
        assert_eq!(auth::proof(password, token), proof, "{}", vector["name"]);
        let verifier = auth::Verifier::new(password);
        assert!(verifier.verify(token, proof), "{}", vector["name"]);
        assert!(!verifier.verify(&format!("{token}!"), proof), "{}", vector["name"]);
    }
}

#[test]
fn liberal_reading() {
    let optional = ["json", "cbor", "means", "event", "user", "dialog"];
    for vector in vectors("liberal.json", &["direction", "message"], &optional) {
        let (name, direction) = (string(&vector, "name"), string(&vector, "direction"));
        let means = vector.get("means").unwrap_or(&vector["message"]);
        let encoded = Encoded::of(&vector);
        assert_eq!(&meaning(direction, encoded.frame()).unwrap(), means, "{name}");
        assert_eq!(vector["event"].is_string(), direction == "server", "{name}");
        if direction == "server" {
            check_event(&vector, means, &[encoded.frame()]);
        }
    }
}

#[test]
fn malformed() {
    let (required, optional) = (["direction", "wrong_with", "error"], ["json", "cbor", "reply"]);
    for vector in vectors("malformed.json", &required, &optional) {
        let (name, direction) = (string(&vector, "name"), string(&vector, "direction"));
        assert!(["format", "message", "limit"].contains(&string(&vector, "wrong_with")), "{name}");
        let encoded = Encoded::of(&vector);
        let error = meaning(direction, encoded.frame()).expect_err(name);
        let field: Vec<_> = error.field.names().collect();
        assert_eq!(field.join("."), string(&vector["error"], "field"), "{name}");
        assert_eq!(kind(error.kind), string(&vector["error"], "kind"), "{name}");
        assert_eq!(vector["reply"].is_string(), direction == "client", "{name}");
        if direction == "client" {
            let reply = machines::reply(false, encoded.frame());
            assert_eq!(reply["type"], vector["reply"], "{name}");
            // Only an answer has a status.
            assert_eq!(reply["status"] == "400", reply["type"] == "request", "{name}");
            assert_eq!(reply["info"], error.to_string(), "{name}");
        }
    }
}

fn kind(fault: DecodeErrorKind) -> &'static str {
    match fault {
        DecodeErrorKind::TooLarge { .. } => "too_large",
        DecodeErrorKind::Truncated => "truncated",
        DecodeErrorKind::Malformed { .. } => "malformed",
        DecodeErrorKind::Trailing => "trailing",
        DecodeErrorKind::TooDeep => "too_deep",
        DecodeErrorKind::KeyNotText => "key_not_text",
        DecodeErrorKind::Missing => "missing",
        DecodeErrorKind::WrongType { .. } => "wrong_type",
        other => panic!("{other:?}"),
    }
}

#[test]
fn messages_that_nobody_expected() {
    for vector in vectors("unexpected.json", &["direction", "state", "error", "json"], &[]) {
        let name = string(&vector, "name");
        assert_eq!(string(&vector, "direction"), "server", "{name}");
        let (kind, field) = machines::unexpected(string(&vector, "state"), string(&vector, "json"));
        assert_eq!(kind, string(&vector["error"], "kind"), "{name}");
        assert_eq!(field, string(&vector["error"], "field"), "{name}");
    }
}

#[test]
fn statuses_of_the_server() {
    for vector in vectors("statuses.json", &["direction", "state", "json", "status"], &[]) {
        let (name, text) = (string(&vector, "name"), string(&vector, "json"));
        let request: Json = serde_json::from_str(text).unwrap();
        let signed_in = match string(&vector, "state") {
            "open" => false,
            "signed_in" => true,
            other => panic!("{name}: state {other}"),
        };
        let reply = machines::reply(signed_in, Frame::Text(text));
        assert_eq!(reply["status"], vector["status"], "{name}: {reply}");
        assert_eq!((&reply["for"], &reply["id"]), (&request["type"], &request["on_request"]), "{name}");
        assert_eq!(reply["info"].is_string(), reply["status"] != "200", "{name}: {reply}");
    }
}

/// Each file of vectors is read by a test above.
#[test]
fn no_file_is_left_out() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let names =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<_> = names.filter(|name| name.ends_with(".json")).collect();
    let source = include_str!("mod.rs");
    assert!(!files.is_empty());
    for file in files {
        assert!(source.contains(&format!("(\"{file}\"")), "nobody reads {file}");
    }
}
