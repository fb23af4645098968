//! What errors, events and settings say to people, and what they leave out.

use std::time::Duration;

use skaro_proto::client::{Awaited, Client, ClientConfig, Delivery, Disconnect, Event, Failure};
use skaro_proto::message::{Answer, ClientMessage, Date, Invitation, Request};
use skaro_proto::server::{self, Server, UserError};
use skaro_proto::{Format, Frame, Secret, Time, Value, auth};

#[test]
fn ends_of_connections_say_why() {
    let closed = |code, reason: &str| Disconnect::Closed { code, reason: reason.into() };
    for (reason, said) in [
        (Disconnect::Requested, "closed on request"),
        (closed(None, ""), "closed by the server"),
        (closed(Some(1001), ""), "closed by the server with code 1001"),
        (closed(Some(1008), "too slow"), "closed by the server with code 1008: too slow"),
        (Disconnect::Failed("no route".into()), "no route"),
        (Disconnect::TimedOut(Awaited::Connection), "timed out waiting for the connection"),
        (Disconnect::TimedOut(Awaited::Greeting), "timed out waiting for the server's first message"),
        (Disconnect::TimedOut(Awaited::SignOfLife), "timed out waiting for a sign of life"),
        (Disconnect::TimedOut(Awaited::SignIn), "timed out waiting for the answer to signing in again"),
        (Disconnect::TimedOut(Awaited::Close), "timed out waiting for the end of the closing handshake"),
        (
            Disconnect::Overrun { bytes: 9, limit: 5 },
            "the application does not read its events: 9 bytes wait (limit 5); read events, or drop them",
        ),
    ] {
        assert_eq!(reason.to_string(), said);
    }
}

#[test]
fn lost_commands_say_whether_they_left() {
    let lost = |delivery| Failure::Lost(delivery).to_string();
    let [kept, left] = [Delivery::NotSent, Delivery::Unknown].map(lost);
    assert_eq!(
        kept,
        "there was no connection in time, or it ended before the answer came; it was not sent, so it may be repeated"
    );
    let unknown = "it is unknown whether the server took it, so look before you repeat it";
    assert_eq!(
        left,
        format!("there was no connection in time, or it ended before the answer came; {unknown}")
    );
}

#[test]
fn dates_times_and_numbers_are_readable() {
    let dates = [(Date::Integer(-5), "-5"), (Date::Float(1.5), "1.5"), (Date::Text("today".into()), "today")];
    for (date, said) in dates {
        assert_eq!(date.to_string(), said);
    }
    assert_eq!(Time::from_millis(61_007).to_string(), "61.007 s");
    let mut server = Server::new(server::ServerConfig::default(), [7; 32]);
    assert_eq!(server.connect(Time::ZERO, None).unwrap().to_string(), "1");
    assert!(format!("{server:?}").contains("connections: 1"), "{server:?}");
}

#[test]
fn values_are_what_they_are_and_nothing_else() {
    let text = Value::from("five");
    assert_eq!((text.as_text(), text.as_integer()), (Some("five"), None));
    for (value, number) in [(Value::from(5_u64), 5), (Value::Negative(-5), -5)] {
        assert_eq!((value.as_text(), value.as_integer()), (None, Some(number)));
    }
    assert_eq!(Value::Float(5.0).as_integer(), None);
}

#[test]
fn frames_are_made_of_what_holds_them() {
    let (text, bytes) = (String::from("{}"), vec![0xa0]);
    assert_eq!([Frame::from("{}"), Frame::from(&text)], [Frame::Text("{}"); 2]);
    assert_eq!([Frame::from(&bytes[..]), Frame::from(&bytes)], [Frame::Binary(&[0xa0]); 2]);
    assert_eq!(format!("{:?}", Frame::from(&text)), "Frame(JSON, 2 bytes)");
}

#[test]
fn secrets_stay_out_of_what_is_shown() {
    let proof = "my proof";
    let requests = [
        Request::Authorize {
            login: "alice".into(),
            proof: proof.into(),
            since: None,
            log: None,
            presence: false,
        },
        Request::SessionRestore { sid: "my session".into(), since: None, log: None, presence: false },
        Request::GetHistory { login: "alice".into(), page: Default::default() },
        Request::SendMessage { to: "alice".into(), body: "hello".into(), key: None },
        Request::RegisterType,
        Request::Register {
            login: "alice".into(),
            password: "my password".into(),
            invitation: Some("my invitation".into()),
            profile: None,
        },
        Request::UpdateMyData {
            login: None,
            profile: None,
            password: Some("my new password".into()),
            old_password: Some("my old password".into()),
            end_sessions: true,
        },
    ];
    let shown: Vec<_> =
        requests.into_iter().map(|request| format!("{:?}", ClientMessage::new(1, request))).collect();
    assert!(shown[0].contains("alice") && shown[2].contains("alice"), "{shown:?}");
    assert!(shown[3].contains("hello"), "{shown:?}");
    assert!(shown[5].contains("alice") && shown[6].contains("end_sessions: true"), "{shown:?}");
    let invitation = format!("{:?}", Answer::Invitation(Invitation::new("my invitation", 5)));
    assert!(invitation.contains("until: 5") && !invitation.contains("my"), "{invitation}");
    let verifier = format!("{:?}", auth::Verifier::new("my password"));
    let secret = format!("{:?}", Secret::from("my session"));
    assert_eq!([&*verifier, &secret], ["Verifier(…)", "Secret(…)"], "and one sees that something is there");
    assert!(!format!("{shown:?}").contains("my "), "{shown:?}");
    let client = format!("{:?}", Client::new(ClientConfig::default(), [1; 32]));
    assert!(client.contains("status: Offline") && client.contains("pending: 0"), "{client}");
}

/// Errors of frames name the field, from the outside in.
#[test]
fn errors_show_the_way_to_the_field() {
    let frame = r#"{"type":"request","for":"get_history","id":1,"status":"200","history":[{"from":{}}]}"#;
    let error = skaro_proto::message::ServerMessage::decode(Frame::Text(frame)).unwrap_err();
    assert_eq!(error.to_string(), "the field \"history.from.login\" is missing");
    assert_eq!(format!("{:?}", error.field), "Path(history.from.login)");
    let rejected =
        ClientMessage::decode(Frame::Text(r#"{"type":"get_history","on_request":1}"#)).unwrap_err();
    assert_eq!(rejected.to_string(), "the field \"login\" is missing");
}

#[test]
fn subprotocols_name_formats() {
    for format in [Format::Cbor, Format::Json] {
        assert_eq!(Format::offered(&format!("chat,  {} ", format.subprotocol())), Some(format));
    }
    assert_eq!(Format::offered("skaro.xml"), None);
}

#[test]
fn users_who_can_t_be_added_or_written_to_are_told_why() {
    let mut server = Server::new(server::ServerConfig::default(), [7; 32]);
    let limits = server.config().limits.clone();
    let too_long = |field, length, limit| Err(UserError::TooLong { field, length, limit });
    server.add_user("alice", "").unwrap();
    assert_eq!(server.add_user("", "x"), Err(UserError::EmptyLogin));
    assert_eq!(server.add_user("alice", "x"), Err(UserError::Exists("alice".into())));
    let long = "x".repeat(limits.max_password_bytes + 1);
    assert_eq!(server.add_user(&long[..65], ""), too_long("login", 65, limits.max_login_bytes));
    assert_eq!(server.add_user("bob", &long), too_long("password", long.len(), limits.max_password_bytes));
    server.add_user(&long[..limits.max_login_bytes], &long[1..]).unwrap();
    assert_eq!(server.introduce("alice", "bob"), Err(UserError::Unknown("bob".into())));
    let long = "x".repeat(limits.max_body_bytes + 1);
    let refused = server.post(Time::ZERO, "alice", "alice", &long).unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!(
            "the body has {} bytes, the limit is {}: choose a shorter one",
            long.len(),
            limits.max_body_bytes
        )
    );
    server.post(Time::ZERO, "alice", "alice", &long[1..]).unwrap();
}

/// Events about the connection outlive it, as all others do.
#[test]
fn events_without_a_frame_are_owned_already() {
    let mut config = ClientConfig::default();
    config.reconnect.as_mut().unwrap().attempts = Some(1);
    let mut client = Client::new(config, [1; 32]);
    client.handle_connected(Time::ZERO);
    client.handle_frame(Time::ZERO, Frame::Text(r#"{"type":"check_connection","token":"t"}"#)).unwrap();
    assert_eq!(client.register_type(Time::ZERO).unwrap().to_string(), "1");
    let mut events = Vec::new();
    client.handle_timeout(Time::from_secs(30));
    client.register_type(Time::from_secs(30)).unwrap();
    for cut in 31..33 {
        client.handle_disconnected(Time::from_secs(cut), Disconnect::Failed("cut".into()));
        events.extend(std::iter::from_fn(|| client.poll_event()));
        client.handle_timeout(Time::from_secs(cut) + Duration::from_secs(40));
    }
    client.handle_disconnected(Time::from_secs(80), Disconnect::Failed("cut".into()));
    events.extend(std::iter::from_fn(|| client.poll_event()));
    for event in &events {
        assert_eq!(&event.clone().into_owned(), event);
    }
    let is_there = |wanted: fn(&Event<'_>) -> bool| assert!(events.iter().any(wanted), "{events:?}");
    is_there(|event| matches!(event, Event::Ended(ended) if ended.outcome == Err(Failure::TimedOut)));
    is_there(
        |event| matches!(event, Event::Ended(ended) if ended.outcome == Err(Failure::Lost(Delivery::NotSent))),
    );
    is_there(|event| matches!(event, Event::Disconnected(_)));
    is_there(|event| matches!(event, Event::Reconnecting { .. }));
    is_there(|event| matches!(event, Event::GaveUp));
}
