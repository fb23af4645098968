//! The same message in JSON and in CBOR: both decode alike or fail alike, and nothing is lost.

use std::borrow::Cow;

use skaro_proto::{DecodeErrorKind, Fields, Format, Frame, NESTING, Value};

use super::direction::frame;
use super::{Choices, Direction, ToClient, ToServer, writing};

pub fn run(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let fields = message(&mut choices);
    let json = writing::json(&fields, &mut choices);
    let cbor = writing::cbor(&fields, &mut choices);
    compare::<ToClient>(&fields, [Frame::Text(&json), Frame::Binary(&cbor)]);
    compare::<ToServer>(&fields, [Frame::Text(&json), Frame::Binary(&cbor)]);
}

#[allow(clippy::needless_late_init, reason = "the message that borrows from it is dropped before")]
fn compare<D: Direction>(fields: &Fields<'_>, frames: [Frame<'_>; 2]) {
    let written: [_; 2];
    let [json, cbor] = frames.map(D::decode);
    assert_eq!(json, cbor, "{fields:?}");
    let is_too_deep = json.as_ref().is_err_and(|error| D::fault(error) == DecodeErrorKind::TooDeep);
    assert_eq!(is_too_deep, depth(fields) > NESTING.into(), "{fields:?}");
    let Ok(message) = json else { return };
    let kept = unlisted(D::others(&message));
    assert_eq!(kept, unlisted(fields), "what nobody has listed is kept, in its order");
    written = [Format::Json, Format::Cbor].map(|format| (format, D::encode(&message, format)));
    for (format, bytes) in &written {
        let read = D::decode(frame(*format, bytes)).expect("what was written is read");
        assert_eq!(read, message, "written as {format}");
    }
}

/// Types of messages, with their fields.
const MESSAGES: [(&str, &[&str]); 28] = [
    ("check_connection", &["token"]),
    ("show_message", &["from", "to", "body", "date"]),
    ("info", &["info"]),
    ("error", &["info"]),
    ("request", &["for", "id", "status", "session_id", "user", "info"]),
    ("request", &["for", "id", "status", "register_type", "data", "history", "date"]),
    ("authorize", &["on_request", "login", "password"]),
    ("register_type", &["on_request"]),
    ("session_restore", &["on_request", "sid"]),
    ("get_contacts", &["on_request"]),
    ("get_history", &["on_request", "login"]),
    ("send_message", &["on_request", "to", "body"]),
    ("weather", &["on_request", "login", "for", "id"]),
    ("authorize", &["on_request", "login", "password", "presence"]),
    ("register", &["on_request", "login", "password", "invitation", "profile"]),
    ("add_contact", &["on_request", "login", "blocked", "member", "owner"]),
    ("del_contact", &["on_request", "login", "member"]),
    ("search_contacts", &["on_request", "prefix", "limit"]),
    ("get_user_data", &["on_request", "login"]),
    ("update_my_data", &["on_request", "login", "profile", "password", "old_password", "end_sessions"]),
    ("get_sessions", &["on_request"]),
    ("sign_out", &["on_request", "session", "others"]),
    ("typing", &["login"]),
    ("request", &["for", "id", "status", "invitation", "until", "data", "more", "sessions"]),
    ("contact", &["login", "state", "position"]),
    ("changed_user_data", &["user", "member", "state", "position"]),
    ("typing", &["from"]),
    ("read_by", &["login", "date"]),
];

fn is_listed(name: &str) -> bool {
    name == "type" || MESSAGES.iter().any(|(_, fields)| fields.contains(&name))
}

/// Names that no message of the protocol uses.
fn unlisted<'f>(fields: &'f Fields<'_>) -> Vec<(Cow<'f, str>, Value<'f>)> {
    fields.iter().filter(|(name, _)| !is_listed(name)).collect()
}

/// Maximum nesting in levels, with the map itself as the first.
fn depth(fields: &Fields<'_>) -> usize {
    1 + fields.iter().map(|(_, value)| depth_of(&value)).max().unwrap_or(0)
}

fn depth_of(value: &Value<'_>) -> usize {
    match value {
        Value::List(items) => 1 + items.iter().map(depth_of).max().unwrap_or(0),
        Value::Map(fields) => depth(fields),
        _ => 0,
    }
}

/// Generates a message with roughly its own fields, and with additional ones.
fn message(choices: &mut Choices<'_>) -> Fields<'static> {
    let (kind, names) = choices.pick(&MESSAGES);
    let mut fields = Fields::new();
    let kind_comes_last = choices.flag();
    let push_kind = |fields: &mut Fields<'static>, now| {
        if now {
            fields.push("type", kind);
        }
    };
    push_kind(&mut fields, !kind_comes_last);
    for name in names {
        let choice = choices.byte();
        match choice % 16 {
            0 => continue,
            1 => fields.push(*name, anything(choices, 0)),
            _ => fields.push(*name, fitting(name, choices)),
        }
        // Of fields with the same name the last one counts.
        if choice / 16 == 1 {
            fields.push(*name, fitting(name, choices));
        }
    }
    for _ in 0..choices.below(4) {
        fields.push(some_name(choices), anything(choices, 0));
    }
    push_kind(&mut fields, kind_comes_last);
    fields
}

fn some_name(choices: &mut Choices<'_>) -> String {
    match choices.below(4) {
        0 => choices.text(8),
        1 => choices.pick(&MESSAGES).1[0].into(),
        2 => choices.pick(&["type", "in_conference", "login", "online", "id", "status"]).into(),
        _ => choices.pick(&["color", "é", "", "\u{1f600}", "a\"b", "a\\b", "\n"]).into(),
    }
}

fn fitting(name: &str, choices: &mut Choices<'_>) -> Value<'static> {
    match name {
        "for" => text(choices.pick(&MESSAGES[6..]).0),
        "presence" | "blocked" | "owner" | "end_sessions" | "others" | "more" => Value::Bool(choices.flag()),
        "profile" => Value::Map(user(choices)),
        "state" => text(choices.pick(&["listed", "asks", "blocked", "none", "owner", "muted"])),
        "until" | "limit" | "position" => Value::Unsigned(choices.byte().into()),
        "sessions" => Value::List((0..choices.below(3)).map(|_| Value::Map(session(choices))).collect()),
        "id" | "on_request" => Value::Unsigned(choices.byte().into()),
        "status" => match choices.below(6) {
            0 => Value::Unsigned(choices.byte().into()),
            1 => Value::Text(choices.text(9).into()),
            2 => text("404 Not Found"),
            _ => text("200"),
        },
        "user" => Value::Map(user(choices)),
        "from" => {
            let mut sender = user(choices);
            if choices.flag() {
                sender.push("in_conference", text("all"));
            }
            Value::Map(sender)
        }
        "data" if choices.flag() => Value::Map((0..choices.below(4)).map(|_| named_user(choices)).collect()),
        "data" => Value::List((0..choices.below(4)).map(|_| Value::Map(user(choices))).collect()),
        "history" => Value::List((0..choices.below(3)).map(|_| chat_message(choices)).collect()),
        "date" => number(choices),
        "register_type" => text(choices.pick(&["open", "invitation", "closed", "by post"])),
        _ => Value::Text(choices.text(12).into()),
    }
}

fn text(text: &'static str) -> Value<'static> {
    Value::Text(text.into())
}

fn user(choices: &mut Choices<'_>) -> Fields<'static> {
    let mut user = Fields::new();
    user.push("login", text(choices.pick(&["alice", "bob", "", "\u{1f600}"])));
    for _ in 0..choices.below(3) {
        user.push(some_name(choices), anything(choices, 2));
    }
    user
}

fn session(choices: &mut Choices<'_>) -> Fields<'static> {
    let mut session = Fields::new();
    session.push("session", choices.text(8));
    session.push("current", choices.flag());
    if choices.flag() {
        session.push("until", u64::from(choices.byte()));
    }
    session
}

fn named_user(choices: &mut Choices<'_>) -> (String, Value<'static>) {
    (some_name(choices), Value::Map(user(choices)))
}

fn chat_message(choices: &mut Choices<'_>) -> Value<'static> {
    let mut message = Fields::new();
    for name in ["from", "to", "body", "date"] {
        message.push(name, fitting(name, choices));
    }
    if choices.flag() {
        message.push(some_name(choices), anything(choices, 2));
    }
    Value::Map(message)
}

fn number(choices: &mut Choices<'_>) -> Value<'static> {
    match choices.below(6) {
        0 => Value::Unsigned(choices.byte().into()),
        1 => Value::Unsigned(choices.number()),
        2 => Value::Negative(-1 - (choices.number() >> 1) as i64),
        3 => Value::Float(f64::from(choices.byte()) / 8.0),
        4 => Value::Float(f64::from(choices.byte())),
        _ => {
            let number = f64::from_bits(choices.number());
            Value::Float(if number.is_finite() { number } else { -0.0 })
        }
    }
}

/// Generates a value with this many levels, sometimes more than allowed.
fn anything(choices: &mut Choices<'_>, depth: usize) -> Value<'static> {
    match choices.below(9) {
        0 => Value::Null,
        1 => Value::Bool(choices.flag()),
        2 | 3 => number(choices),
        4 | 5 => Value::Text(choices.text(12).into()),
        6 if depth < 20 => Value::List((0..choices.below(4)).map(|_| anything(choices, depth + 1)).collect()),
        7 if depth < 20 => {
            let field = |choices: &mut Choices<'_>| (some_name(choices), anything(choices, depth + 1));
            Value::Map((0..choices.below(4)).map(|_| field(choices)).collect())
        }
        _ => {
            let mut value = Value::Unsigned(0);
            for _ in 0..choices.below(20) {
                value = match choices.flag() {
                    false => Value::List(vec![value]),
                    true => Value::Map([("in", value)].into_iter().collect()),
                };
            }
            value
        }
    }
}
