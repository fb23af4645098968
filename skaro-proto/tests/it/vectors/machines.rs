//! The machines in the states that vectors need.

use serde_json::Value as Json;
use skaro_proto::client::{
    AddContact, Client, ClientConfig, DelContact, Event, Failure, ProtocolError, Register, SignOut,
    UpdateMyData,
};
use skaro_proto::server::{self, Server};
use skaro_proto::{Fields, Format, Frame, Time, Transmit, auth};

const NOW: Time = Time::ZERO;
const GREETING: &str = r#"{"type":"check_connection","token":"t","extensions":["people"]}"#;
const AUTHORIZED: &str = r#"{"type":"request","for":"authorize","id":1,"status":"200","session_id":"s",
    "user":{"login":"alice"}}"#;

fn take(client: &mut Client, frame: &str) {
    client.handle_frame(NOW, Frame::Text(frame)).unwrap();
}

/// A client in one of the states that vectors name; the first request is always `authorize`.
fn client(state: &str) -> Client {
    let mut client = Client::new(ClientConfig::default(), [1; 32]);
    client.handle_connected(NOW);
    client.handle_confidential();
    let steps = ["greeting", "connected", "signing_in", "signed_in"].iter().position(|name| *name == state);
    let steps = steps.unwrap_or_else(|| panic!("state {state}"));
    if steps >= 1 {
        take(&mut client, GREETING);
    }
    if steps >= 2 {
        client.authorize(NOW, "alice", "correct horse").unwrap();
    }
    if steps >= 3 {
        take(&mut client, AUTHORIZED);
    }
    client
}

/// A client whose cursor is at this position.
fn client_at(position: u64) -> Client {
    let mut client = Client::new(ClientConfig::default(), [1; 32]);
    client.handle_connected(NOW);
    take(&mut client, r#"{"type":"check_connection","token":"t","extensions":["log"]}"#);
    client.authorize(NOW, "alice", "correct horse").unwrap();
    let authorized = format!(
        r#"{{"type":"request","for":"authorize","id":1,"status":"200","session_id":"s",
            "user":{{"login":"alice"}},"log":"l","head":{position},"begin":{position}}}"#
    );
    take(&mut client, &authorized);
    client
}

/// A client that has made the request which this message answers, if it is an answer.
fn client_expecting(message: &Json) -> Client {
    if message["type"] == "check_connection" {
        return client("greeting");
    }
    if let Some(position) = message["position"].as_u64().filter(|_| message["for"].is_null()) {
        return client_at(position - 1);
    }
    let id = message["id"].as_u64().unwrap_or(1);
    let mut client = match message["for"].as_str() {
        Some("authorize" | "session_restore" | "register_type" | "register" | "weather") => {
            client("connected")
        }
        _ => client("signed_in"),
    };
    let first = if client.is_authorized() { 2 } else { 1 };
    for _ in first..id {
        client.register_type(NOW).unwrap();
    }
    match message["for"].as_str() {
        None => return client,
        Some("authorize") => client.authorize(NOW, "alice", "correct horse"),
        Some("session_restore") => client.session_restore(NOW, "s-1"),
        Some("register_type") => client.register_type(NOW),
        Some("get_contacts") => client.get_contacts(NOW),
        Some("get_history") => client.get_history(NOW, "bob"),
        Some("send_message") => client.send_message(NOW, "bob", "hello", None),
        Some("register") => client.register(NOW, Register::new("carol", "battery staple")),
        Some("invite") => client.invite(NOW),
        Some("add_contact") => client.add_contact(NOW, AddContact::new("bob")),
        Some("del_contact") => client.del_contact(NOW, DelContact::new("bob")),
        Some("search_contacts") => client.search_contacts(NOW, "b", None),
        Some("get_user_data") => client.get_user_data(NOW, "bob"),
        Some("update_my_data") => client.update_my_data(NOW, UpdateMyData::default()),
        Some("get_sessions") => client.get_sessions(NOW),
        Some("sign_out") => client.sign_out(NOW, SignOut::Own),
        Some("weather") => client.request_other(NOW, "weather", Fields::new()),
        Some(other) => panic!("nobody can ask for {other}"),
    }
    .unwrap();
    client
}

/// What a client, on which alice is signed in, makes of a message that it has reason to expect: the event in the
/// words of the vectors, and the dialog of a chat message.
pub(crate) fn event(message: &Json, frame: Frame<'_>) -> (&'static str, Option<String>) {
    let word = match client_expecting(message).handle_frame(NOW, frame).unwrap() {
        Event::Connected { .. } => "connected",
        Event::Ended(ended) => match ended.outcome {
            Ok(_) => "answered",
            Err(Failure::Refused(_)) => "refused",
            Err(other) => panic!("{other}"),
        },
        Event::Message(incoming) => return ("message", Some(incoming.dialog().to_owned())),
        Event::Info(_) => "info",
        Event::Error(_) => "error",
        Event::Unknown { .. } => "unknown",
        Event::Sent(_) => "sent",
        Event::Read(_) => "read",
        Event::Contact(_) => "contact",
        Event::ChangedUserData(_) => "changed_user_data",
        Event::Typing(_) => "typing",
        Event::ReadBy(_) => "read_by",
        other => panic!("{other:?}"),
    };
    (word, None)
}

/// Why a client in this state refuses a message, and which field is at fault; the client is as it was before.
pub(crate) fn unexpected(state: &str, json: &str) -> (&'static str, &'static str) {
    let mut client = client(state);
    let before = client.clone();
    let error = client.handle_frame(NOW, Frame::Text(json)).unwrap_err();
    assert!(client == before, "{json}");
    match error {
        ProtocolError::UnexpectedAnswer { .. } => ("unexpected_answer", ""),
        ProtocolError::WrongAnswer { .. } => ("wrong_answer", ""),
        ProtocolError::UnexpectedChallenge => ("unexpected_challenge", ""),
        ProtocolError::TooLong { field, .. } => ("too_long", field),
        other => panic!("{other:?}"),
    }
}

/// What this project's server says to a client's frame. Its users are alice, who may be signed in, and bob.
pub(crate) fn reply(signed_in: bool, frame: Frame<'_>) -> Json {
    let mut server = Server::new(server::ServerConfig::default(), [7; 32]);
    server.add_user("alice", "correct horse").unwrap();
    server.add_user("bob", "battery staple").unwrap();
    let id = server.connect(NOW, Some(Format::Json)).unwrap();
    let greeting = next(&mut server, id);
    if signed_in {
        let proof = auth::proof("correct horse", greeting["token"].as_str().unwrap());
        let authorize =
            format!(r#"{{"type":"authorize","login":"alice","password":"{proof}","on_request":1}}"#);
        server.handle_frame(NOW, id, Frame::Text(&authorize)).unwrap();
        assert_eq!(next(&mut server, id)["status"], "200");
    }
    // A frame without sense is an error for the adapter too, which need not care.
    _ = server.handle_frame(NOW, id, frame);
    let reply = next(&mut server, id);
    assert_eq!(server.poll_transmit(id), None, "{reply}");
    reply
}

fn next(server: &mut Server, id: server::ConnectionId) -> Json {
    match server.poll_transmit(id) {
        Some(Transmit::Frame(Frame::Text(text))) => serde_json::from_str(text).unwrap(),
        other => panic!("{other:?}"),
    }
}
