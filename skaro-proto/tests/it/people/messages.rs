//! What the messages of the extension `people` tell.

use serde_json::{Value as Json, json};
use skaro_proto::message::{
    Answer, ClientMessage, ContactState, Date, Member, Request, ServerMessage, SessionInfo, User,
};
use skaro_proto::{DecodeErrorKind, Format, Frame, Value};

/// Reads a message in both formats, which must say the same.
fn read(message: &Json) -> ServerMessage<'static> {
    let text = message.to_string();
    let json = ServerMessage::decode(Frame::Text(&text)).unwrap().into_owned();
    let bytes = json.encode(Format::Cbor);
    assert_eq!(ServerMessage::decode(Frame::Binary(&bytes)).unwrap(), json, "{message}");
    json
}

fn answer(kind: &str, rest: Json) -> Answer<'static> {
    let mut message = json!({"type": "request", "for": kind, "id": 1, "status": "200"});
    message.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    let ServerMessage::Answer(answer) = read(&message) else { panic!("{message}") };
    assert!(answer.extra.is_empty(), "{message}");
    answer.outcome.unwrap()
}

fn fault(message: &Json) -> (String, DecodeErrorKind) {
    let error = ServerMessage::decode(Frame::Text(&message.to_string())).unwrap_err();
    (error.field.names().collect::<Vec<_>>().join("."), error.kind)
}

#[test]
fn a_user_tells_what_the_server_told() {
    let Answer::User(team) = answer(
        "get_user_data",
        json!({"user": {"login": "#team", "profile": {"name": "The team", "public": true}, "state": "listed",
            "online": false, "read_date": 7, "unread": 2, "more": true,
            "members": [{"login": "alice", "owner": true}, {"login": "bob", "since": 5}]}}),
    ) else {
        panic!()
    };
    assert_eq!((team.online(), team.unread()), (Some(false), Some(2)));
    assert_eq!(team.state(), Some(ContactState::Listed));
    assert_eq!(team.read_date(), Some(Date::Integer(7)));
    let profile = team.profile().unwrap();
    assert_eq!((profile.get("name"), profile.len()), (Some("The team".into()), 2));
    let mut alice = Member::new("alice");
    alice.owner = true;
    assert_eq!(team.members(), Some(vec![alice, Member::new("bob")]));
    assert!(team.has_more_members());
}

#[test]
fn what_the_server_does_not_tell_or_tells_otherwise_is_missing() {
    let mut odd = User::new("bob");
    for (name, value) in [
        ("online", Value::from("yes")),
        ("profile", true.into()),
        ("state", 5_u64.into()),
        ("members", "alice".into()),
        ("read_date", Value::Null),
        ("unread", Value::Negative(-1)),
        ("more", 1_u64.into()),
    ] {
        odd.extra.push(name, value);
    }
    for user in [User::new("bob"), odd] {
        assert_eq!((user.online(), user.unread(), user.state()), (None, None, None));
        assert_eq!((user.profile(), user.members(), user.read_date()), (None, None, None));
        assert!(!user.has_more_members());
    }
}

#[test]
fn words_for_states_are_kept_even_if_they_are_new() {
    for (word, state) in [
        ("listed", ContactState::Listed),
        ("asks", ContactState::Asks),
        ("blocked", ContactState::Blocked),
        ("none", ContactState::None),
        ("owner", ContactState::Owner),
        ("muted", ContactState::Other("muted".into())),
    ] {
        let message = json!({"type": "contact", "login": "bob", "state": word, "position": 3});
        let ServerMessage::ContactChanged(change) = read(&message) else { panic!() };
        assert_eq!((&change.state, change.state.as_str(), change.position), (&state, word, 3));
    }
}

#[test]
fn entries_and_presence_differ_by_the_position() {
    let entry = read(&json!({"type": "changed_user_data", "user": {"login": "#team"}, "member": "bob",
        "state": "owner", "position": 9}));
    assert_eq!(entry.position(), Some(9));
    let ServerMessage::ChangedUserData(changed) = entry else { panic!() };
    assert_eq!((changed.member.as_deref(), changed.state), (Some("bob"), Some(ContactState::Owner)));
    let presence = read(&json!({"type": "changed_user_data", "user": {"login": "bob", "online": true}}));
    assert_eq!(presence.position(), None);
    let ServerMessage::ChangedUserData(changed) = presence else { panic!() };
    assert_eq!(changed.user.online(), Some(true));
    let typing = read(&json!({"type": "typing", "from": {"login": "bob", "in_conference": "#team"}}));
    assert!(matches!(typing, ServerMessage::Typing(typing) if typing.dialog() == "#team"));
    let read_by = read(&json!({"type": "read_by", "login": "bob", "date": 5}));
    assert!(matches!(read_by, ServerMessage::ReadBy(it) if it.login == "bob" && it.date == Date::Integer(5)));
    // Without a position it is no entry, whatever it looks like.
    let contact = read(&json!({"type": "contact", "login": "bob", "state": "asks"}));
    assert!(matches!(contact, ServerMessage::Unknown { kind, .. } if kind == "contact"));
}

#[test]
fn answers_carry_what_was_asked_for() {
    let Answer::Invitation(it) = answer("invite", json!({"invitation": "i-1", "until": 7})) else { panic!() };
    assert_eq!((&*it.invitation, it.until), ("i-1", 7));
    let found = answer("search_contacts", json!({"data": [{"login": "bob"}], "more": true}));
    assert!(matches!(found, Answer::Users { users, more: true } if users[0].login == "bob"));
    let sessions = json!({"sessions": [{"session": "a", "current": true},
        {"session": "b", "current": false, "until": 9, "address": "::1"}]});
    let Answer::Sessions(sessions) = answer("get_sessions", sessions) else { panic!() };
    assert_eq!(sessions[0], SessionInfo::new("a", true));
    assert_eq!((sessions[1].until, sessions[1].extra.get("address")), (Some(9), Some("::1".into())));
    for (kind, expected) in [
        ("register", Answer::Registered),
        ("add_contact", Answer::Contact),
        ("del_contact", Answer::Contact),
        ("update_my_data", Answer::Updated),
        ("sign_out", Answer::SignedOut),
    ] {
        assert_eq!(answer(kind, json!({})), expected);
    }
}

#[test]
fn what_such_a_message_lacks_is_named() {
    let ok = |kind: &str, rest: Json| {
        let mut message = json!({"type": "request", "for": kind, "id": 1, "status": "200"});
        message.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        message
    };
    let missing = DecodeErrorKind::Missing;
    let wrong = |expected| DecodeErrorKind::WrongType { expected };
    for (message, field, kind) in [
        (json!({"type": "contact", "login": "bob", "position": 1}), "state", missing),
        (json!({"type": "contact", "login": "bob", "state": 1, "position": 1}), "state", wrong("text")),
        (
            json!({"type": "contact", "login": "bob", "state": "asks", "position": 0}),
            "position",
            wrong("at least 1"),
        ),
        (json!({"type": "changed_user_data"}), "user", missing),
        (json!({"type": "changed_user_data", "user": {}}), "user.login", missing),
        (json!({"type": "typing"}), "from", missing),
        (json!({"type": "typing", "from": {"login": 5}}), "from.login", wrong("text")),
        (json!({"type": "read_by", "login": "bob"}), "date", missing),
        (ok("invite", json!({"invitation": "i"})), "until", missing),
        (ok("search_contacts", json!({"data": []})), "more", missing),
        (ok("search_contacts", json!({"more": true})), "data", missing),
        (ok("get_user_data", json!({})), "user", missing),
        (ok("get_sessions", json!({"sessions": {}})), "sessions", wrong("a list of sessions")),
        (ok("get_sessions", json!({"sessions": [{"session": "a"}]})), "sessions.current", missing),
    ] {
        assert_eq!(fault(&message), (field.to_owned(), kind), "{message}");
    }
}

/// What is optional may be null or false, and is not written then.
#[test]
fn requests_are_written_in_one_way() {
    let both = |written: &str, read: &str| {
        let message = ClientMessage::decode(Frame::Text(read)).unwrap();
        assert_eq!(message.encode(Format::Json), written.as_bytes());
        message.request.is_one_way()
    };
    let authorize = r#"{"login":"a","password":"p","type":"authorize","presence":true,"on_request":1}"#;
    assert!(!both(authorize, authorize));
    assert!(!both(
        r#"{"login":"a","password":"p","type":"authorize","on_request":1}"#,
        r#"{"login":"a","password":"p","type":"authorize","on_request":1,"presence":false}"#
    ));
    assert!(!both(
        r##"{"type":"add_contact","login":"#team","member":"bob","owner":true,"on_request":1}"##,
        r##"{"type":"add_contact","login":"#team","blocked":false,"member":"bob","owner":true,"on_request":1}"##
    ));
    assert!(!both(
        r#"{"type":"update_my_data","profile":{"name":null},"on_request":1}"#,
        r#"{"type":"update_my_data","profile":{"name":null},"password":null,"on_request":1}"#
    ));
    assert!(both(r#"{"type":"typing","login":"bob"}"#, r#"{"type":"typing","login":"bob"}"#));
    assert_eq!(ClientMessage::typing("bob").request, Request::Typing { login: "bob".into() });
}

#[test]
fn names_and_places_are_told_by_methods() {
    let user = |json: Json| match read(&json!({"type": "changed_user_data", "position": 1, "user": json})) {
        ServerMessage::ChangedUserData(changed) => changed.user,
        other => panic!("{other:?}"),
    };
    let bob = user(json!({
        "login": "bob",
        "profile": {"name": "Bob", "status_text": " "},
        "last": {"from": {"login": "bob"}, "to": "alice", "body": "hi", "date": 5, "position": 7},
    }));
    assert_eq!((bob.name().as_deref(), bob.status_text(), bob.last_position()), (Some("Bob"), None, Some(7)));
    let nobody = user(json!({"login": "carol", "profile": {"name": 7}, "last": 3}));
    assert_eq!((nobody.name(), nobody.last_position()), (None, None));
}

#[test]
fn a_refusal_is_at_hand() {
    use skaro_proto::client::{Failure, RequestError};
    use skaro_proto::message::{Refusal, StatusCode};
    let refused = RequestError::from(Failure::Refused(Refusal::new(Some(StatusCode::new(409)), "taken")));
    assert_eq!(refused.refusal().map(Refusal::code), Some(409));
    assert_eq!(RequestError::from(Failure::TimedOut).refusal(), None);
}
