//! Reading liberally: each message in both formats, in any order, with anything besides; and what is refused, and how.

use serde::Serialize;
use serde_json::{Value as Json, json};
use skaro_proto::client::{Client, ClientConfig, Event, Failure, ProtocolError};
use skaro_proto::message::{Answer, Contacts, Date, Message, Registration, ServerMessage, StatusCode, User};
use skaro_proto::{DecodeError, DecodeErrorKind, Fields, Format, Frame, Time, Value};

/// A message in both formats, written by other hands than ours.
struct Both(String, Vec<u8>);

impl Both {
    fn of(message: &Json) -> Both {
        let mut cbor = Vec::new();
        let mut serializer = minicbor_serde::Serializer::new(&mut cbor);
        message.serialize(serializer.serialize_unit_as_null(true)).unwrap();
        Both(message.to_string(), cbor)
    }

    fn frames(&self) -> [Frame<'_>; 2] {
        [Frame::Text(&self.0), Frame::Binary(&self.1)]
    }
}

/// Reads a message in both formats, which must say the same.
fn read(message: &Json) -> Result<ServerMessage<'static>, DecodeError> {
    let both = Both::of(message);
    let [json, cbor] = both.frames().map(|frame| ServerMessage::decode(frame).map(ServerMessage::into_owned));
    assert_eq!(json, cbor, "{message}");
    json
}

fn answer(message: &Json) -> Answer<'static> {
    let ServerMessage::Answer(answer) = read(message).unwrap() else { panic!() };
    assert_eq!(answer.extra, Fields::new(), "{message}");
    answer.outcome.unwrap()
}

#[test]
fn each_message_of_a_server() {
    let ServerMessage::CheckConnection(it) =
        read(&json!({"type": "check_connection", "token": "t"})).unwrap()
    else {
        panic!()
    };
    assert_eq!(it.token, "t");
    for kind in ["authorize", "session_restore"] {
        let signed_in = match answer(&json!({"type": "request", "for": kind, "id": 1, "status": "200",
            "session_id": "s-1", "user": {"login": "alice", "age": 7}}))
        {
            Answer::Authorized(it) if kind == "authorize" => it,
            Answer::Restored(it) if kind == "session_restore" => it,
            other => panic!("{other:?}"),
        };
        assert_eq!((&*signed_in.session_id, &*signed_in.user.login), ("s-1", "alice"));
        assert_eq!(signed_in.user.extra.get("age"), Some(Value::Unsigned(7)));
    }
    for (word, registration) in [
        ("open", Registration::Open),
        ("invitation", Registration::Invitation),
        ("closed", Registration::Closed),
        ("by post", Registration::Other("by post".into())),
    ] {
        let message = json!({"type": "request", "for": "register_type", "id": 1, "status": "200",
            "register_type": word});
        assert_eq!(answer(&message), Answer::RegisterType(registration));
    }
    let history = json!({"type": "request", "for": "get_history", "id": 1, "status": "200", "history": [
        {"from": {"login": "bob"}, "to": "alice", "body": "hi", "date": 5, "color": "red"},
    ]});
    let Answer::History(history) = answer(&history) else { panic!() };
    assert_eq!(history[0].body, "hi");
    assert_eq!(history[0].extra.get("color"), Some("red".into()));
    let sent = json!({"type": "request", "for": "send_message", "id": 1, "status": "200", "date": 5});
    assert_eq!(answer(&sent), Answer::MessageSent { date: Some(Date::Integer(5)), position: None });
    let other = json!({"type": "request", "for": "weather", "id": 1, "status": "200", "user": "x"});
    assert_eq!(answer(&other), Answer::Other([("user", "x".into())].into_iter().collect()));
    assert!(
        matches!(read(&json!({"type": "info", "info": "i"})), Ok(ServerMessage::Info(it)) if it.info == "i")
    );
    assert!(
        matches!(read(&json!({"type": "error", "info": "e"})), Ok(ServerMessage::Error(it)) if it.info == "e")
    );
}

#[test]
fn contacts_as_a_list_or_as_a_map() {
    let contacts = |data: Json| {
        answer(&json!({"type": "request", "for": "get_contacts", "id": 1, "status": "200", "data": data}))
    };
    let mut bob = User::new("bob");
    bob.extra.push("online", true);
    let expected = Answer::Contacts(Contacts::from(vec![bob.clone()]));
    assert_eq!(contacts(json!([{"login": "bob", "online": true}])), expected);
    assert_eq!(contacts(json!({"bob": {"online": true}})), expected);
    assert_eq!(contacts(json!({"bob": {"login": "bob", "online": true}})), expected);
    assert_eq!(contacts(json!([])), Answer::Contacts(Contacts::default()));
}

#[test]
fn dates_of_any_kind() {
    for (date, expected) in [
        (json!(5), Some(Date::Integer(5))),
        (json!(-5), Some(Date::Integer(-5))),
        (json!(5.5), Some(Date::Float(5.5))),
        (json!("today"), Some(Date::Text("today".into()))),
        (json!(null), None),
        // Whole numbers that 64 bits with a sign do not hold are floating-point numbers, in both formats.
        (json!(i64::MAX), Some(Date::Integer(i64::MAX))),
        (json!(1_u64 << 63), Some(Date::Float(9_223_372_036_854_775_808.0))),
        (json!(u64::MAX), Some(Date::Float(18_446_744_073_709_551_615.0))),
    ] {
        let sent = json!({"type": "request", "for": "send_message", "id": 1, "status": 200, "date": date});
        assert_eq!(answer(&sent), Answer::MessageSent { date: expected, position: None });
    }
}

/// Found by fuzzing: the zeros were lost, so that a refusal became a success when it was written again.
#[test]
fn a_status_of_zeros_stays_a_refusal_when_it_is_written_again() {
    for status in ["000200", "000", "000 OK"] {
        let message = json!({"type": "request", "for": "x", "id": 1, "status": status, "info": "why"});
        let message = read(&message).unwrap();
        for format in [Format::Json, Format::Cbor] {
            let written = message.encode(format);
            let frame = match format {
                Format::Json => Frame::Text(std::str::from_utf8(&written).unwrap()),
                Format::Cbor => Frame::Binary(&written),
            };
            assert_eq!(ServerMessage::decode(frame).unwrap(), message);
        }
        let ServerMessage::Answer(answer) = message else { panic!() };
        let Err(refusal) = answer.outcome else { panic!() };
        let kept = refusal.status.unwrap();
        assert_eq!((kept.code(), &*kept.to_string()), (0, status));
    }
}

#[test]
fn the_first_three_characters_of_a_status_decide() {
    for (status, code, shown) in [
        (json!("200"), 200, "200"),
        (json!("200 OK"), 200, "200 OK"),
        (json!("2000"), 200, "2000"),
        (json!(200), 200, "200"),
        (json!("404 not found"), 404, "404 not found"),
        (json!(404), 404, "404"),
        (json!(999), 999, "999"),
        (json!(1000), 100, "1000"),
        (json!("20"), 0, "20"),
        (json!("ok"), 0, "ok"),
        (json!("²00"), 0, "²00"),
        (json!("000"), 0, "000"),
        (json!("000200"), 0, "000200"),
        (json!(""), 0, ""),
    ] {
        let message = json!({"type": "request", "for": "x", "id": 1, "status": status, "info": "why"});
        let ServerMessage::Answer(answer) = read(&message).unwrap() else { panic!() };
        assert_eq!(answer.outcome.is_ok(), code == 200, "{status}");
        if let Err(refusal) = answer.outcome {
            let status = refusal.status.unwrap();
            assert_eq!((status.code(), &*status.to_string(), &*refusal.info), (code, shown, "why"));
        }
    }
    // A missing status is a refusal, with or without a reason.
    for message in [
        json!({"type": "request", "for": "authorize", "id": 1}),
        json!({"type": "request", "for": "authorize", "id": 1, "status": null, "info": null}),
    ] {
        let ServerMessage::Answer(answer) = read(&message).unwrap() else { panic!() };
        let refusal = answer.outcome.unwrap_err();
        assert_eq!((refusal.status, &*refusal.info), (None, ""));
    }
    assert_eq!(StatusCode::new(1000).code(), 0);
}

/// Zeros in front were lost in writing, which made a success of this.
#[test]
fn a_refusal_written_again_is_still_a_refusal() {
    let refusal = r#"{"type":"request","for":"x","id":1,"status":"000200","info":"no"}"#;
    let read = ServerMessage::decode(Frame::Text(refusal)).unwrap();
    assert_eq!(String::from_utf8(read.encode(Format::Json)).unwrap(), refusal);
}

#[test]
fn the_order_of_fields_does_not_matter() {
    let fields = [
        r#""type":"show_message""#,
        r#""from":{"login":"a"}"#,
        r#""to":"b""#,
        r#""body":"x""#,
        r#""date":1"#,
        r#""more":[1]"#,
    ];
    let expected = |rotated: &[&str]| {
        let text = format!("{{{}}}", rotated.join(","));
        let ServerMessage::ShowMessage(message) = ServerMessage::decode(Frame::Text(&text)).unwrap() else {
            panic!()
        };
        message.into_owned()
    };
    let first = expected(&fields);
    for n in 1..fields.len() {
        let mut rotated = fields;
        rotated.rotate_left(n);
        assert_eq!(expected(&rotated), first);
        rotated.reverse();
        assert_eq!(expected(&rotated), first);
    }
}

#[test]
fn fields_that_nobody_listed_are_kept() {
    let message = json!({"type": "show_message", "from": {"login": "a", "mood": "good"}, "to": "b", "body": "x",
        "date": 1, "color": "red", "id": 5, "user": "not a map", "nested": {"list": [1, -2, 2.5, null, true, "t"]}});
    let ServerMessage::ShowMessage(message) = read(&message).unwrap() else { panic!() };
    assert_eq!(message.from.extra.get("mood"), Some("good".into()));
    assert_eq!(message.extra.get("color"), Some("red".into()));
    // Names that mean something in other messages mean nothing here.
    assert_eq!(message.extra.get("id"), Some(Value::Unsigned(5)));
    assert_eq!(message.extra.get("user"), Some("not a map".into()));
    let Some(Value::Map(nested)) = message.extra.get("nested") else { panic!() };
    let list = vec![
        Value::Unsigned(1),
        Value::Negative(-2),
        Value::Float(2.5),
        Value::Null,
        Value::Bool(true),
        "t".into(),
    ];
    assert_eq!(nested.get("list"), Some(Value::List(list)));
    assert_eq!(message.extra.len(), 4);
}

#[test]
fn messages_of_unknown_type_reach_the_application_whole() {
    let message = json!({"type": "forecast", "user": {"login": "bob"}, "id": 3});
    let ServerMessage::Unknown { kind, message } = read(&message).unwrap() else { panic!() };
    assert_eq!(kind, "forecast");
    assert_eq!(message.get("type"), Some("forecast".into()));
    assert!(matches!(message.get("user"), Some(Value::Map(user)) if user.get("login") == Some("bob".into())));
    assert_eq!(message.len(), 3);
}

#[test]
fn of_two_fields_of_the_same_name_the_last_counts_in_both_formats() {
    // Nobody has listed "x" at all, and "to" not for this message.
    let json = r#"{"type":"info","info":"first","info":"last","x":1,"x":2,"to":1,"to":2}"#;
    let mut cbor = vec![0xa7];
    let others = [("x", "1"), ("x", "2"), ("to", "1"), ("to", "2")];
    for (key, value) in [("type", "info"), ("info", "first"), ("info", "last")].into_iter().chain(others) {
        for text in [key, value] {
            cbor.push(0x60 + text.len() as u8);
            cbor.extend(text.bytes());
        }
    }
    for (frame, two) in [(Frame::Text(json), Value::Unsigned(2)), (Frame::Binary(&cbor), "2".into())] {
        let ServerMessage::Info(notice) = ServerMessage::decode(frame).unwrap() else { panic!() };
        assert_eq!(notice.info, "last");
        assert_eq!([notice.extra.get("x"), notice.extra.get("to")], [Some(two.clone()), Some(two.clone())]);
    }
    let json = r#"{"type":"info","info":"x","to":1,"to":2}"#;
    let ServerMessage::Info(notice) = ServerMessage::decode(Frame::Text(json)).unwrap() else { panic!() };
    assert_eq!(notice.extra.get("to"), Some(Value::Unsigned(2)), "and is kept without others, too");
}

#[test]
fn cbor_in_all_its_variety() {
    let info = |bytes: &[u8]| match ServerMessage::decode(Frame::Binary(bytes)).unwrap() {
        ServerMessage::Info(notice) => notice.into_owned(),
        other => panic!("{other:?}"),
    };
    let plain = b"\xa2\x64type\x64info\x64info\x62hi";
    assert_eq!(info(plain).info, "hi");
    // Maps, keys and texts of indefinite length; lengths longer than need be; tags before anything.
    assert_eq!(info(b"\xbf\x64type\x64info\x64info\x62hi\xff").info, "hi");
    assert_eq!(info(b"\xa2\x7f\x62ty\x62pe\xff\x64info\x64info\x7f\x61h\x61i\xff").info, "hi");
    assert_eq!(info(b"\xb8\x02\x78\x04type\x64info\x79\x00\x04info\x7a\x00\x00\x00\x02hi").info, "hi");
    assert_eq!(info(b"\xd9\xd9\xf7\xa2\x64type\xc1\x64info\xc0\x64info\xd8\x20\x62hi").info, "hi");
    for (value, expected) in [
        (&b"\xf7"[..], Value::Null),
        (b"\xf6", Value::Null),
        (b"\xf9\x3e\x00", Value::Float(1.5)),
        (b"\xfa\x3f\xc0\x00\x00", Value::Float(1.5)),
        (b"\xfb\x3f\xf8\0\0\0\0\0\0", Value::Float(1.5)),
        (b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff", Value::Unsigned(u64::MAX)),
        (b"\x3b\x7f\xff\xff\xff\xff\xff\xff\xff", Value::Negative(i64::MIN)),
        (b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff", Value::Float(-18_446_744_073_709_551_616.0)),
        (b"\x43\x01\x02\x03", Value::Bytes(vec![1, 2, 3].into())),
        (b"\x5f\x41\x01\x42\x02\x03\xff", Value::Bytes(vec![1, 2, 3].into())),
        (b"\x9f\x01\x9f\xff\xff", Value::List(vec![Value::Unsigned(1), Value::List(vec![])])),
        (b"\xc2\x41\x05", Value::Bytes(vec![5].into())),
    ] {
        let mut frame = b"\xa3\x64type\x64info\x64info\x62hi\x61x".to_vec();
        frame.extend(value);
        assert_eq!(info(&frame).extra.get("x"), Some(expected), "{value:02x?}");
    }
}

#[test]
fn json_in_all_its_variety() {
    let text = "\u{20}\n{\"\\u0074ype\" : \"info\",\t\"info\":\"a\\\"\\u00e9\\ud83d\\ude00é\"}\r\n";
    let ServerMessage::Info(notice) = ServerMessage::decode(Frame::Text(text)).unwrap() else { panic!() };
    assert_eq!(notice.info, "a\"é😀é");
}

/// Which field is at fault, and why, in both formats.
#[test]
fn what_a_message_lacks_is_named() {
    let missing = |message: Json| {
        let error = read(&message).unwrap_err();
        (error.field.names().collect::<Vec<_>>().join("."), error.kind)
    };
    let wrong = |expected| DecodeErrorKind::WrongType { expected };
    for (message, field, fault) in [
        (json!({}), "type", DecodeErrorKind::Missing),
        (json!({"type": 5}), "type", wrong("text")),
        (json!({"type": "check_connection"}), "token", DecodeErrorKind::Missing),
        (json!({"type": "check_connection", "token": ["t"]}), "token", wrong("text")),
        (json!({"type": "info"}), "info", DecodeErrorKind::Missing),
        (json!({"type": "error", "info": {"a": 1}}), "info", wrong("text")),
        (json!({"type": "request", "id": 1}), "for", DecodeErrorKind::Missing),
        (json!({"type": "request", "for": "x"}), "id", DecodeErrorKind::Missing),
        (json!({"type": "request", "for": "x", "id": "1"}), "id", wrong("a whole number from 0 to 2^64 - 1")),
        (json!({"type": "request", "for": "x", "id": -1}), "id", wrong("a whole number from 0 to 2^64 - 1")),
        (
            json!({"type": "request", "for": "x", "id": 1, "status": []}),
            "status",
            wrong("text or a whole number"),
        ),
        (json!({"type": "show_message", "to": "b", "body": "x"}), "from", DecodeErrorKind::Missing),
        (json!({"type": "show_message", "from": "a", "to": "b", "body": "x"}), "from", wrong("a map")),
        (
            json!({"type": "show_message", "from": {}, "to": "b", "body": "x"}),
            "from.login",
            DecodeErrorKind::Missing,
        ),
        (
            json!({"type": "show_message", "from": {"login": "a"}, "to": "b"}),
            "body",
            DecodeErrorKind::Missing,
        ),
        (
            json!({"type": "request", "for": "get_history", "id": 1, "status": "200", "history": [
                {"from": {"login": "a"}, "to": "b", "body": "x"}, {"from": {"login": 7}, "to": "b", "body": "x"}]}),
            "history.from.login",
            wrong("text"),
        ),
        (
            json!({"type": "request", "for": "get_history", "id": 1, "status": "200", "history": {}}),
            "history",
            wrong("a list of messages"),
        ),
        (
            json!({"type": "request", "for": "get_history", "id": 1, "status": "200", "history": [null]}),
            "history",
            DecodeErrorKind::Missing,
        ),
        (
            json!({"type": "request", "for": "get_contacts", "id": 1, "status": "200", "data": {"bob": 1}}),
            "data",
            wrong("a map"),
        ),
        (
            json!({"type": "request", "for": "authorize", "id": 1, "status": "200"}),
            "session_id",
            DecodeErrorKind::Missing,
        ),
        (
            json!({"type": "request", "for": "authorize", "id": 1, "status": "200", "session_id": "s", "user": {}}),
            "user.login",
            DecodeErrorKind::Missing,
        ),
    ] {
        assert_eq!(missing(message.clone()), (field.to_owned(), fault), "{message}");
    }
}

#[test]
fn frames_that_are_no_messages() {
    let fault = |frame: Frame<'_>| {
        let error = ServerMessage::decode(frame).unwrap_err();
        assert!(error.field.is_empty());
        error.kind
    };
    let malformed = |format, offset| DecodeErrorKind::Malformed { format, offset };
    let not_a_map = DecodeErrorKind::WrongType { expected: "a map" };
    for (text, expected) in [
        ("", DecodeErrorKind::Truncated),
        (" ", DecodeErrorKind::Truncated),
        ("{", DecodeErrorKind::Truncated),
        (r#"{"type"#, DecodeErrorKind::Truncated),
        ("hello", malformed("JSON", 0)),
        ("{\n  oops}", malformed("JSON", 4)),
        ("[]", not_a_map),
        ("null", not_a_map),
        ("5", not_a_map),
        (r#"{"type":"info";"info":"x"}"#, malformed("JSON", 14)),
        (r#"{"type":"info"]"info":"x"}"#, malformed("JSON", 14)),
        (r#"{,"type":"info","info":"x"}"#, malformed("JSON", 1)),
        (r#"{"type":"info","info":"x",}"#, malformed("JSON", 26)),
        (r#"{"type";"info","info":"x"}"#, malformed("JSON", 7)),
        (r#"{"type":"info","info":"x"} {}"#, DecodeErrorKind::Trailing),
        (&"[".repeat(1_000_000), DecodeErrorKind::TooDeep),
        (&r#"{"x":"#.repeat(1_000_000), DecodeErrorKind::TooDeep),
    ] {
        assert_eq!(fault(Frame::Text(text)), expected, "{:.40}", text);
    }
    for (bytes, expected) in [
        (&b""[..], DecodeErrorKind::Truncated),
        (b"\xa1", DecodeErrorKind::Truncated),
        (b"\xa1\x64typ", DecodeErrorKind::Truncated),
        (b"{\"type\":1}", DecodeErrorKind::Truncated),
        (b"\xff", malformed("CBOR", 0)),
        (b"\xa1\x01\x02", DecodeErrorKind::KeyNotText),
        (b"\xa1\x44type\x02", DecodeErrorKind::KeyNotText),
        (b"\x80", not_a_map),
        (b"\xf6", not_a_map),
        (b"\xa0\xa0", DecodeErrorKind::Trailing),
        (&[0x81; 1_000_000], DecodeErrorKind::TooDeep),
        (&[0xc1; 1_000_000], DecodeErrorKind::Truncated),
        // Huge lengths that nothing follows cost nothing.
        (b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff", DecodeErrorKind::Truncated),
        (b"\xa1\x61x\x9b\x7f\xff\xff\xff\xff\xff\xff\xff", DecodeErrorKind::Truncated),
        (b"\xa1\x61x\x7b\x7f\xff\xff\xff\xff\xff\xff\xff", DecodeErrorKind::Truncated),
        (b"\xa1\x61x\x5b\xff\xff\xff\xff\xff\xff\xff\xff", DecodeErrorKind::Truncated),
    ] {
        assert_eq!(fault(Frame::Binary(bytes)), expected, "{:02x?}", &bytes[..bytes.len().min(12)]);
    }
    // Text that is not UTF-8; where a name should be, the end of what has none, or a head that there is not.
    for bytes in [b"\xa1\x61\xff\x01", b"\xa1\xff\x01\x01", b"\xa1\x1c\x01\x01"] {
        assert!(matches!(fault(Frame::Binary(bytes)), DecodeErrorKind::Malformed { .. }), "{bytes:02x?}");
    }
}

#[test]
fn nesting_has_a_limit_which_real_messages_are_far_from() {
    let nested =
        |levels: usize| format!(r#"{{"type":"x","y":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    assert!(ServerMessage::decode(Frame::Text(&nested(15))).is_ok());
    let error = ServerMessage::decode(Frame::Text(&nested(16))).unwrap_err();
    assert_eq!(error.to_string(), "the frame is nested deeper than 16 levels");
}

#[test]
fn the_dialog_of_a_message() {
    let message = |from: &'static str, conference: Option<&'static str>| {
        let mut message = Message::new(from, "bob", "x");
        message.from.in_conference = conference.map(Into::into);
        message
    };
    for (from, conference, user, dialog) in [
        ("alice", None, Some("alice"), "bob"),
        ("alice", Some("room"), Some("alice"), "bob"),
        ("alice", None, Some("bob"), "alice"),
        ("alice", Some("room"), Some("bob"), "room"),
        ("alice", Some(""), Some("bob"), ""),
        ("alice", None, None, "alice"),
        ("bob", None, Some("bob"), "bob"),
    ] {
        assert_eq!(message(from, conference).dialog(user), dialog, "{from} {conference:?} {user:?}");
    }
}

// The machine.

fn connected() -> Client {
    let mut client = Client::new(ClientConfig::default(), [1; 32]);
    client.handle_connected(Time::ZERO);
    client.handle_frame(Time::ZERO, Frame::Text(r#"{"type":"check_connection","token":"t"}"#)).unwrap();
    client
}

/// Whatever makes no sense leaves the machine exactly as it was.
#[test]
fn nonsense_leaves_no_trace() {
    let mut client = connected();
    client.register_type(Time::ZERO).unwrap();
    let before = client.clone();
    let deep = "[".repeat(1000);
    let large = " ".repeat((1 << 20) + 1);
    for frame in [
        "",
        "{}",
        deep.as_str(),
        large.as_str(),
        r#"{"type":"check_connection"}"#,
        r#"{"type":"request","for":"register_type","id":2,"status":"200","register_type":"open"}"#,
        r#"{"type":"request","for":"get_contacts","id":1,"status":"200","data":[]}"#,
        r#"{"type":"request","for":"register_type","id":1,"status":"200"}"#,
        r#"{"type":"request","for":"register_type","id":1,"status":"200","register_type":5}"#,
    ] {
        client.handle_frame(Time::from_secs(9), Frame::Text(frame)).unwrap_err();
        assert!(client == before, "{:.80}", frame);
    }
    let long = format!(r#"{{"type":"check_connection","token":"{}"}}"#, "t".repeat(257));
    let error = client.handle_frame(Time::ZERO, Frame::Text(&long)).unwrap_err();
    assert_eq!(error, ProtocolError::TooLong { field: "token", length: 257, limit: 256 });
    assert!(client == before);
}

#[test]
fn answers_to_nothing_and_second_answers_are_errors() {
    let mut client = connected();
    client.register_type(Time::ZERO).unwrap();
    let answer = r#"{"type":"request","for":"register_type","id":1,"status":"200","register_type":"open"}"#;
    assert!(matches!(client.handle_frame(Time::ZERO, Frame::Text(answer)), Ok(Event::Ended(_))));
    let again = client.handle_frame(Time::ZERO, Frame::Text(answer)).unwrap_err();
    assert_eq!(again, ProtocolError::UnexpectedAnswer { id: 1 });
    client.register_type(Time::ZERO).unwrap();
    let other = r#"{"type":"request","for":"get_contacts","id":2,"status":"200","data":[]}"#;
    let wrong = client.handle_frame(Time::ZERO, Frame::Text(other)).unwrap_err();
    assert_eq!(wrong, ProtocolError::WrongAnswer { id: 2, expected: "register_type" });
    assert_eq!(client.pending(), 1);
}

#[test]
fn a_refusal_ends_the_command_and_says_why() {
    let mut client = connected();
    let id = client.authorize(Time::ZERO, "alice", "wrong").unwrap();
    let answer = r#"{"type":"request","for":"authorize","id":1,"status":"401 no","info":"wrong password"}"#;
    let Ok(Event::Ended(ended)) = client.handle_frame(Time::ZERO, Frame::Text(answer)) else { panic!() };
    assert_eq!((ended.ticket.id(), ended.ticket.kind().as_str()), (id, "authorize"));
    let Err(Failure::Refused(refusal)) = ended.outcome else { panic!() };
    assert_eq!(refusal.info, "wrong password");
    assert!(!client.is_authorized());
    client.authorize(Time::ZERO, "alice", "right").unwrap();
}

/// The client answers in the format in which the server spoke.
#[test]
fn the_server_chooses_the_format() {
    for (n, format) in [Format::Json, Format::Cbor].into_iter().enumerate() {
        let mut client = Client::new(ClientConfig::default(), [1; 32]);
        client.handle_connected(Time::ZERO);
        let greeting = Both::of(&json!({"type": "check_connection", "token": "t"}));
        client.handle_frame(Time::ZERO, greeting.frames()[n]).unwrap();
        client.register_type(Time::ZERO).unwrap();
        let Some(skaro_proto::Transmit::Frame(frame)) = client.poll_transmit() else { panic!() };
        assert_eq!(frame.format(), format);
    }
}

/// An event borrows from its frame, not from the machine: the obvious bot compiles.
#[test]
fn a_bot_answers_from_within_the_event() {
    let mut client = connected();
    client.authorize(Time::ZERO, "bot", "secret").unwrap();
    let answer = r#"{"type":"request","for":"authorize","id":1,"status":"200","session_id":"s","user":{"login":"bot"}}"#;
    client.handle_frame(Time::ZERO, Frame::Text(answer)).unwrap();
    let frame = r#"{"type":"show_message","from":{"login":"alice"},"to":"bot","body":"hello","date":1}"#;
    if let Event::Message(incoming) = client.handle_frame(Time::ZERO, Frame::Text(frame)).unwrap() {
        assert_eq!(incoming.dialog(), "alice");
        client.send_message(Time::ZERO, incoming.dialog(), &incoming.message.body, None).unwrap();
    }
    assert_eq!(client.pending(), 1);
}

#[test]
fn secrets_stay_out_of_debug_output_and_errors() {
    let mut client = connected();
    client.authorize(Time::ZERO, "alice", "my password").unwrap();
    let answer = r#"{"type":"request","for":"authorize","id":1,"status":"200","session_id":"my session","user":{"login":"alice"}}"#;
    let event = client.handle_frame(Time::ZERO, Frame::Text(answer)).unwrap();
    let shown = format!("{event:?} {client:?} {:?}", client.session_id());
    let challenge = ServerMessage::decode(Frame::Text(r#"{"type":"check_connection","token":"my token"}"#));
    let shown = format!("{shown} {challenge:?} {:?}", Frame::Text("my frame"));
    for seen in ["alice", "SignedIn { user", "Challenge { extensions: [], extra"] {
        assert!(shown.contains(seen), "{shown}");
    }
    assert!(!shown.contains("my "), "{shown}");
}

/// A number that is no three digits ends its request, too: it does not make the answer senseless.
#[test]
fn whatever_number_a_status_is_it_ends_the_request() {
    for (status, code, success) in [
        ("200", "", true),
        ("7", "007", false),
        ("-200", "-200", false),
        ("70000", "70000", false),
        ("2000", "", true),
    ] {
        let frame =
            format!(r#"{{"type":"request","for":"get_contacts","id":1,"status":{status},"data":[]}}"#);
        let ServerMessage::Answer(answer) = ServerMessage::decode(Frame::Text(&frame)).unwrap() else {
            panic!()
        };
        let refused = answer.outcome.as_ref().err().and_then(|refusal| refusal.status.as_ref());
        assert_eq!(refused.map(ToString::to_string).unwrap_or_default(), code, "{status}");
        assert_eq!(answer.outcome.is_ok(), success, "{status}");
    }
}
