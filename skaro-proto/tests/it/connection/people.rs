//! The extension `people`: who may ask for what over which connection, signing out, and what comes of a new password.

use super::*;
use skaro_proto::client::{AddContact, DelContact, Register, SignOut, UpdateMyData};
use skaro_proto::message::{ClientMessage, Request};

const GREETING: &str = r#"{"type":"check_connection","token":"t","extensions":["log","people"]}"#;
const NOW: Time = Time::from_secs(1);

/// A connected client of a server that has the extension; nobody is signed in.
fn connected(config: ClientConfig) -> Client {
    let mut client = Client::new(config, [1; 32]);
    client.handle_connected(NOW);
    told(&mut client, NOW, GREETING);
    client
}

fn signed_in_as(client: &mut Client, number: u64, head: u64) {
    told(
        client,
        NOW,
        &format!(
            r#"{{"type":"request","for":"authorize","id":{number},"status":"200","session_id":"s-1",
                "user":{{"login":"alice"}},"log":"l","head":{head},"begin":{head}}}"#
        ),
    );
    events(client);
}

fn signed_in(config: ClientConfig) -> Client {
    let mut client = connected(config);
    client.authorize(NOW, "alice", "correct horse").unwrap();
    sent(&mut client);
    signed_in_as(&mut client, 1, 0);
    client
}

fn answer(client: &mut Client, kind: &str, number: u64) -> Event<'static> {
    told(client, NOW, &format!(r#"{{"type":"request","for":"{kind}","id":{number},"status":"200"}}"#))
}

fn texts(client: &mut Client) -> Vec<String> {
    let text = |sent: Sent| match sent {
        Sent::Text(text) => Some(text),
        _ => None,
    };
    sent(client).into_iter().filter_map(text).collect()
}

/// Connects again after a break; returns the types of what the client sends by itself.
fn comes_back(client: &mut Client) -> Vec<String> {
    while client.status() != Status::Dialing {
        client.handle_timeout(client.poll_timeout().unwrap());
    }
    client.handle_connected(Time::from_secs(100));
    client.handle_frame(Time::from_secs(100), Frame::Text(GREETING)).unwrap();
    let kind = |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap()["type"].to_string();
    texts(client).into_iter().map(kind).collect()
}

#[test]
fn requests_of_an_extension_that_the_server_lacks_fail_at_once() {
    let mut client = alone(ClientConfig::default());
    let refused = Err(CommandError::NoExtension("people"));
    assert!(!client.has_people());
    assert_eq!(client.invite(NOW), refused);
    assert_eq!(client.add_contact(NOW, AddContact::new("bob")), refused);
    assert_eq!(client.del_contact(NOW, DelContact::new("bob")), refused);
    assert_eq!(client.search_contacts(NOW, "b", None), refused);
    assert_eq!(client.get_user_data(NOW, "bob"), refused);
    assert_eq!(client.get_sessions(NOW), refused);
    assert_eq!(client.sign_out(NOW, SignOut::Own), refused);
    assert_eq!(client.update_my_data(NOW, UpdateMyData::default()), refused);
    assert_eq!(client.typing(NOW, "bob"), Err(CommandError::NoExtension("people")));
    assert_eq!(client.pending(), 0);
    let mut stranger = Client::new(ClientConfig::default(), [1; 32]);
    assert_eq!(stranger.invite(NOW), Err(CommandError::NotConnected));
    stranger.handle_connected(NOW);
    told(&mut stranger, NOW, r#"{"type":"check_connection","token":"t","extensions":["log"]}"#);
    assert_eq!(stranger.register(NOW, Register::new("alice", "x")), refused);
}

#[test]
fn all_but_registering_need_a_user_and_registering_needs_nobody() {
    let mut client = connected(ClientConfig::default());
    client.handle_confidential();
    assert_eq!(client.get_sessions(NOW), Err(CommandError::NotSignedIn));
    assert_eq!(client.typing(NOW, "bob"), Err(CommandError::NotSignedIn));
    assert_eq!(client.sign_out(NOW, SignOut::Others), Err(CommandError::NotSignedIn));
    client.register(NOW, Register::new("alice", "correct horse")).unwrap();
    let mut client = signed_in(ClientConfig::default());
    client.handle_confidential();
    assert_eq!(client.register(NOW, Register::new("alice", "x")), Err(CommandError::AlreadySignedIn));
}

/// The next connection is another one: it has to be vouched for anew.
#[test]
fn passwords_leave_over_confidential_connections_only() {
    let password = UpdateMyData { password: Some("new"), ..UpdateMyData::default() };
    let old_one = UpdateMyData { old_password: Some("correct horse"), ..UpdateMyData::default() };
    let mut client = signed_in(ClientConfig::default());
    for update in [password.clone(), old_one] {
        assert_eq!(client.update_my_data(NOW, update), Err(CommandError::NotConfidential));
    }
    client
        .update_my_data(NOW, UpdateMyData { profile: Some(Default::default()), ..Default::default() })
        .unwrap();
    assert_eq!(texts(&mut client), [r#"{"type":"update_my_data","profile":{},"on_request":2}"#]);
    client.handle_confidential();
    client.update_my_data(NOW, password).unwrap();
    assert_eq!(texts(&mut client), [r#"{"type":"update_my_data","password":"new","on_request":3}"#]);

    let mut client = connected(ClientConfig::default());
    assert_eq!(client.register(NOW, Register::new("alice", "x")), Err(CommandError::NotConfidential));
    client.handle_confidential();
    client.register(NOW, Register { invitation: Some("i-1"), ..Register::new("alice", "x") }).unwrap();
    assert_eq!(
        texts(&mut client),
        [r#"{"type":"register","login":"alice","password":"x","invitation":"i-1","on_request":1}"#]
    );
    client.handle_disconnected(NOW, Disconnect::Failed("cut".into()));
    assert_eq!(comes_back(&mut client), [""; 0]);
    assert!(!client.is_confidential());
    assert_eq!(client.register(NOW, Register::new("alice", "x")), Err(CommandError::NotConfidential));
}

#[test]
fn presence_is_asked_for_where_it_is_known_and_wanted() {
    let asks = |greeting: &str, wants| {
        let mut client = Client::new(config(|config| config.wants_presence = wants), [1; 32]);
        client.handle_connected(NOW);
        told(&mut client, NOW, greeting);
        client.authorize(NOW, "alice", "correct horse").unwrap();
        let text = texts(&mut client).remove(0);
        let message = ClientMessage::decode(Frame::Text(&text)).unwrap();
        matches!(message.request, Request::Authorize { presence: true, .. })
    };
    assert!(asks(GREETING, true));
    assert!(!asks(GREETING, false));
    assert!(!asks(r#"{"type":"check_connection","token":"t","extensions":["log"]}"#, true));
    // And when the session is restored.
    let mut client = signed_in(ClientConfig::default());
    client.handle_disconnected(NOW, Disconnect::Failed("cut".into()));
    assert_eq!(comes_back(&mut client), [r#""session_restore""#]);
    client.session_restore(NOW, "s").unwrap_err();
}

#[test]
fn typing_has_neither_number_nor_end() {
    let mut client = signed_in(ClientConfig::default());
    client.typing(NOW, "#team").unwrap();
    assert_eq!(texts(&mut client), [r##"{"type":"typing","login":"#team"}"##]);
    assert_eq!(client.pending(), 0);
}

#[test]
fn entries_of_the_extension_move_the_cursor_and_presence_does_not() {
    let mut client = signed_in(ClientConfig::default());
    let contact = told(&mut client, NOW, r#"{"type":"contact","login":"bob","state":"asks","position":1}"#);
    assert!(matches!(&contact, Event::Contact(change) if change.login == "bob"));
    assert_eq!((contact.position(), contact.is_presence()), (Some(1), false));
    let online =
        told(&mut client, NOW, r#"{"type":"changed_user_data","user":{"login":"bob","online":true}}"#);
    assert_eq!((online.position(), online.is_presence()), (None, true));
    for frame in
        [r#"{"type":"typing","from":{"login":"bob"}}"#, r#"{"type":"read_by","login":"bob","date":5}"#]
    {
        assert!(told(&mut client, NOW, frame).is_presence());
    }
    let profile =
        told(&mut client, NOW, r#"{"type":"changed_user_data","user":{"login":"bob"},"position":2}"#);
    assert_eq!((profile.position(), profile.is_presence()), (Some(2), false));
    client.handle_taken(2);
    assert_eq!(client.log(), Some(("l", 2)));
    let hole = told(&mut client, NOW, r#"{"type":"contact","login":"bob","state":"none","position":4}"#);
    assert!(matches!(hole, Event::ProtocolError(_)));
    assert!(!client.status().has_connection(), "an entry was missing");
}

#[test]
fn who_has_signed_out_is_not_signed_in_again() {
    let mut client = signed_in(ClientConfig::default());
    let waiting = client.get_sessions(NOW).unwrap();
    let message = client.send_message(NOW, "bob", "hello", None).unwrap();
    client.sign_out(NOW, SignOut::Own).unwrap();
    sent(&mut client);
    let Event::Ended(ended) = answer(&mut client, "sign_out", 4) else { panic!() };
    assert_eq!(ended.outcome, Ok(Answer::SignedOut));
    let after = events(&mut client);
    assert_eq!(after[0], Event::SignedOut { reason: SignedOutReason::Requested });
    assert_eq!(after[1], Event::Disconnected(Disconnect::SignedOut));
    let ends = after.iter().filter_map(|event| match event {
        Event::Ended(ended) => Some((ended.ticket.id(), ended.outcome.clone())),
        _ => None,
    });
    let lost = || Err(Failure::Lost(Delivery::Unknown));
    assert_eq!(ends.collect::<Vec<_>>(), [(waiting, lost()), (message, lost())]);
    assert_eq!((client.user(), client.session_id().is_none(), client.pending()), (None, true, 0));
    // Like after any break, but with nobody.
    assert_eq!(comes_back(&mut client), [""; 0]);
    assert_eq!(client.status(), Status::Connected);
    assert_eq!(events(&mut client), []);
    client.authorize(Time::from_secs(100), "alice", "correct horse").unwrap();
}

/// The server may have ended the session, or not: the user wanted it.
#[test]
fn a_break_while_signing_out_signs_out_too() {
    for loses_answer in [true, false] {
        let mut client = signed_in(ClientConfig::default());
        client.sign_out(NOW, SignOut::Own).unwrap();
        if loses_answer {
            sent(&mut client);
        }
        client.handle_disconnected(NOW, Disconnect::Failed("cut".into()));
        let signed_out = Event::SignedOut { reason: SignedOutReason::Requested };
        assert!(events(&mut client).contains(&signed_out));
        assert_eq!(comes_back(&mut client), [""; 0]);
    }
}

#[test]
fn signing_out_that_is_refused_or_means_others_changes_nothing() {
    for which in [SignOut::Own, SignOut::Others, SignOut::Session("a")] {
        let mut client = signed_in(ClientConfig::default());
        client.sign_out(NOW, which).unwrap();
        if matches!(which, SignOut::Own) {
            told(&mut client, NOW, r#"{"type":"request","for":"sign_out","id":2,"status":"503"}"#);
        } else {
            answer(&mut client, "sign_out", 2);
        }
        assert_eq!(client.status(), Status::SignedIn);
        sent(&mut client);
        client.handle_disconnected(NOW, Disconnect::Failed("cut".into()));
        assert_eq!(comes_back(&mut client), [r#""session_restore""#], "{which:?}");
    }
}

/// After the session is over, the client proves the password that it has kept.
#[test]
fn a_new_password_is_kept_once_the_server_has_taken_it() {
    for (status, password) in [("200", "new"), ("403", "correct horse")] {
        let mut client = signed_in(ClientConfig::default());
        client.handle_confidential();
        let update = UpdateMyData {
            password: Some("new"),
            old_password: Some("correct horse"),
            ..UpdateMyData::default()
        };
        client.update_my_data(NOW, update).unwrap();
        sent(&mut client);
        told(
            &mut client,
            NOW,
            &format!(r#"{{"type":"request","for":"update_my_data","id":2,"status":"{status}"}}"#),
        );
        client.handle_disconnected(NOW, Disconnect::Closed { code: None, reason: String::new() });
        // The session is over by then.
        let later = NOW + std::time::Duration::from_secs(301);
        client.handle_timeout(later);
        while client.status() != Status::Dialing {
            client.handle_timeout(client.poll_timeout().unwrap());
        }
        client.handle_connected(NOW);
        told(&mut client, NOW, GREETING);
        let text = texts(&mut client).remove(0);
        let proof = skaro_proto::auth::proof(password, "t");
        assert!(text.contains(&proof), "{status}: {text}");
    }
    // And is not, if the application does not want that.
    let mut client = signed_in(forgetful());
    client.handle_confidential();
    client.update_my_data(NOW, UpdateMyData { password: Some("new"), ..Default::default() }).unwrap();
    sent(&mut client);
    answer(&mut client, "update_my_data", 2);
    client.handle_disconnected(NOW, Disconnect::Closed { code: Some(4002), reason: String::new() });
    assert_eq!(comes_back(&mut client), [""; 0]);
}

#[test]
fn a_session_that_was_ended_on_purpose_is_not_begun_anew() {
    let mut client = signed_in(ClientConfig::default());
    client.handle_disconnected(NOW, Disconnect::Closed { code: Some(4002), reason: String::new() });
    let signed_out = Event::SignedOut { reason: SignedOutReason::Ended };
    assert!(std::iter::from_fn(|| client.poll_event()).any(|event| event == signed_out));
    assert_eq!(comes_back(&mut client), [""; 0], "it has the password no more");
}

#[test]
fn texts_have_limits() {
    let mut client = signed_in(ClientConfig::default());
    client.handle_confidential();
    let long = "x".repeat(2000);
    let too_long = |field, limit| Err(CommandError::TooLong { field, length: 2000, limit });
    let limits = client.config().limits.clone();
    let (login, password, secret) =
        (limits.max_login_bytes, limits.max_password_bytes, limits.max_secret_bytes);
    let update = |change: fn(&mut UpdateMyData<'static>, &'static str)| {
        let mut update = UpdateMyData::default();
        change(&mut update, "x".repeat(2000).leak());
        update
    };
    assert_eq!(client.add_contact(NOW, AddContact::new(&long)), too_long("login", login));
    let member = AddContact { member: Some(&long), ..AddContact::new("#team") };
    assert_eq!(client.add_contact(NOW, member), too_long("member", login));
    let member = DelContact { member: Some(&long), ..DelContact::new("#team") };
    assert_eq!(client.del_contact(NOW, member), too_long("member", login));
    assert_eq!(client.search_contacts(NOW, &long, None), too_long("prefix", login));
    assert_eq!(client.get_user_data(NOW, &long), too_long("login", login));
    assert_eq!(client.sign_out(NOW, SignOut::Session(&long)), too_long("session", secret));
    let refused = client.update_my_data(NOW, update(|update, text| update.password = Some(text)));
    assert_eq!(refused, too_long("password", password));
    let refused = client.update_my_data(NOW, update(|update, text| update.old_password = Some(text)));
    assert_eq!(refused, too_long("old_password", password));
    let mut client = connected(ClientConfig::default());
    assert_eq!(client.register(NOW, Register::new("a", &long)), too_long("password", password));
    let invited = Register { invitation: Some(&long), ..Register::new("a", "x") };
    assert_eq!(client.register(NOW, invited), too_long("invitation", secret));
}
