//! The log: what was missed comes by itself, what was open is sent again, and each of it once.

use super::*;
use skaro_proto::client::{Command, Ended, LogStart, RequestId, SendMessage};
use skaro_proto::message::{ClientMessage, Page, Request, Since};

const GREETING: &str = r#"{"type":"check_connection","token":"t","extensions":["x","log"]}"#;

/// A client's side of a server that is written down.
struct Script {
    client: Client,
    now: Time,
}

impl Script {
    fn new(config: ClientConfig) -> Script {
        Script { client: Client::new(config, [7; 32]), now: Time::from_secs(1) }
    }

    fn tell(&mut self, frame: &str) -> Event<'static> {
        told(&mut self.client, self.now, frame)
    }

    /// Connects; returns what the client asks to sign in again.
    fn connect(&mut self) -> Vec<Request<'static>> {
        self.client.handle_connected(self.now);
        self.tell(GREETING);
        self.sent().into_iter().map(|(_, request)| request).collect()
    }

    /// Answers the last sign-in.
    fn sign_in(&mut self, number: u64, log: &str, head: u64, begin: u64) {
        let kind = if number == 1 { "authorize" } else { "session_restore" };
        let event = self.tell(&format!(
            r#"{{"type":"request","for":"{kind}","id":{number},"status":"200","session_id":"s","user":{{"login":"alice"}},"log":"{log}","head":{head},"begin":{begin}}}"#
        ));
        assert!(matches!(event, Event::Ended(Ended { outcome: Ok(_), .. })), "{event:?}");
    }

    fn begin(config: ClientConfig, head: u64) -> Script {
        let mut script = Script::new(config);
        script.connect();
        script.client.authorize(script.now, "alice", "correct horse").unwrap();
        let [(1, Request::Authorize { since: Some(_), .. })] = &script.sent()[..] else { panic!() };
        script.sign_in(1, "l", head, head);
        script
    }

    fn cut(&mut self) {
        self.client.handle_disconnected(self.now, Disconnect::Failed("cut".into()));
    }

    /// What the client sends, with its number.
    fn sent(&mut self) -> Vec<(u64, Request<'static>)> {
        let mut all = Vec::new();
        for sent in sent(&mut self.client) {
            let Some(frame) = sent.frame() else { continue };
            let message = ClientMessage::decode(frame).unwrap();
            all.push((message.on_request, owned(message.request)));
        }
        all
    }

    fn send(&mut self, body: &str) -> RequestId {
        self.client.send_message(self.now, "bob", body, None).unwrap()
    }

    fn message(&mut self, position: u64) -> Event<'static> {
        self.tell(&format!(
            r#"{{"type":"show_message","from":{{"login":"bob"}},"to":"alice","body":"{position}","date":{position},"position":{position}}}"#
        ))
    }

    fn answer(&mut self, number: u64, rest: &str) -> Event<'static> {
        self.tell(&format!(r#"{{"type":"request","for":"send_message","id":{number},{rest}}}"#))
    }

    fn ends(&mut self) -> Vec<(RequestId, Result<Answer<'static>, Failure<'static>>)> {
        let end = |event| match event {
            Event::Ended(ended) => Some((ended.ticket.id(), ended.outcome)),
            _ => None,
        };
        events(&mut self.client).into_iter().filter_map(end).collect()
    }
}

fn owned(request: Request<'_>) -> Request<'static> {
    let own = |text: std::borrow::Cow<'_, str>| std::borrow::Cow::Owned(text.into_owned());
    match request {
        Request::Authorize { login, proof, since, log, presence } => {
            Request::Authorize { login: own(login), proof: own(proof), since, log: log.map(own), presence }
        }
        Request::SessionRestore { sid, since, log, presence } => {
            Request::SessionRestore { sid: own(sid), since, log: log.map(own), presence }
        }
        Request::SendMessage { to, body, key } => {
            Request::SendMessage { to: own(to), body: own(body), key: key.map(own) }
        }
        Request::Ack { position } => Request::Ack { position },
        Request::Read { login, up_to } => Request::Read { login: own(login), up_to },
        Request::GetHistory { login, page } => Request::GetHistory { login: own(login), page },
        other => panic!("{other:?}"),
    }
}

/// The bodies and keys of the messages among what was sent.
fn messages(sent: &[(u64, Request<'static>)]) -> Vec<(u64, String, String)> {
    let message = |(number, request): &(u64, Request<'static>)| match request {
        Request::SendMessage { body, key, .. } => {
            Some((*number, body.to_string(), key.as_deref().unwrap_or_default().to_string()))
        }
        _ => None,
    };
    sent.iter().filter_map(message).collect()
}

#[test]
fn a_client_comes_back_to_where_its_application_was() {
    let mut script = Script::begin(ClientConfig::default(), 5);
    assert_eq!(events(&mut script.client), [Event::CaughtUp { log: "l".into(), position: 5 }]);
    assert_eq!(script.client.log(), Some(("l", 5)));
    for position in [6, 7, 8] {
        assert_eq!(script.message(position).position(), Some(position));
    }
    script.client.handle_taken(7);
    script.cut();
    let [Request::SessionRestore { since, log, .. }] = &script.connect()[..] else { panic!() };
    assert_eq!((since, log.as_deref()), (&Some(Since::Position(7)), Some("l")));
    script.sign_in(2, "l", 9, 7);
    events(&mut script.client);
    assert_eq!(script.message(8).position(), Some(8));
    assert_eq!(events(&mut script.client), []);
    assert_eq!(script.message(9).position(), Some(9));
    assert_eq!(events(&mut script.client), [Event::CaughtUp { log: "l".into(), position: 9 }]);
}

#[test]
fn an_application_tells_where_its_last_client_was() {
    let log = LogStart::Since { log: "l".into(), position: 3 };
    let mut script = Script::new(config(|config| config.log = log));
    script.connect();
    script.client.authorize(script.now, "alice", "correct horse").unwrap();
    let [(1, Request::Authorize { since: Some(Since::Position(3)), log: Some(log), .. })] =
        &script.sent()[..]
    else {
        panic!()
    };
    assert_eq!(log, "l");
    script.sign_in(1, "l", 4, 3);
    assert_eq!(events(&mut script.client), []);
    assert_eq!(script.message(4).position(), Some(4));
}

#[test]
fn an_entry_that_came_is_ignored_and_a_hole_ends_the_connection() {
    let mut script = Script::begin(ClientConfig::default(), 0);
    script.message(1);
    let before = script.client.clone();
    let again = r#"{"type":"news","position":1}"#;
    assert!(script.client.handle_frame(script.now, Frame::Text(again)).is_err());
    assert!(script.client == before);
    // Entries of types that nobody knows count, too.
    assert_eq!(script.tell(r#"{"type":"news","position":2}"#).position(), Some(2));
    assert_eq!(script.tell(r#"{"type":"news"}"#).position(), None);
    events(&mut script.client);
    assert!(matches!(script.message(4), Event::ProtocolError(_)));
    let reason = Disconnect::MissingEntries { expected: 3, position: 4 };
    assert!(is_disconnected(&events(&mut script.client)[0], &reason));
    assert!(matches!(script.client.status(), Status::Waiting { .. }));
}

#[test]
fn what_is_open_is_sent_again_at_once_with_its_key_and_in_order() {
    let mut script = Script::begin(ClientConfig::default(), 0);
    let ids: Vec<_> = ["one", "two", "three"].iter().map(|body| script.send(body)).collect();
    let first = messages(&script.sent());
    assert_eq!(first.len(), 3);
    assert!(matches!(script.answer(3, r#""status":"200","date":1,"position":2"#), Event::Ended(_)));
    script.cut();
    // One more while there is no connection.
    let fourth = script.send("four");
    assert_eq!(script.ends(), []);
    assert_eq!(script.client.pending(), 3);
    script.connect();
    script.sign_in(5, "l", 3, 0);
    let again = messages(&script.sent());
    let bodies: Vec<_> = again.iter().map(|(_, body, _)| body.as_str()).collect();
    assert_eq!(bodies, ["one", "three", "four"]);
    assert_eq!((&again[0].2, &again[1].2), (&first[0].2, &first[2].2));
    let keys: std::collections::BTreeSet<_> = again.iter().map(|(_, _, key)| key).collect();
    assert_eq!(keys.len(), 3);
    // The entry is an answer, too; the other answers come as they come.
    let own = format!(
        r#"{{"type":"show_message","from":{{"login":"alice"}},"to":"bob","body":"one","date":9,"position":1,"key":"{}"}}"#,
        first[0].2
    );
    // Not as a message, too: the application shows what it sends itself.
    assert!(matches!(script.tell(&own), Event::Sent(sent) if sent.key.as_deref() == Some(&*first[0].2)));
    let [(id, Ok(Answer::MessageSent { position: Some(1), .. }))] = &script.ends()[..] else { panic!() };
    assert_eq!(*id, ids[0]);
    assert!(matches!(script.answer(again[0].0, r#""status":"200","date":9,"position":1"#), Event::Late(_)));
    for (number, id) in [(again[1].0, ids[2]), (again[2].0, fourth)] {
        let event = script.answer(number, r#""status":"200","date":9"#);
        assert!(matches!(event, Event::Ended(ended) if ended.ticket.id() == id));
    }
    assert_eq!(script.client.pending(), 0);
}

#[test]
fn a_repetition_that_the_server_can_t_take_waits_and_a_first_attempt_does_not() {
    let mut script = Script::begin(ClientConfig::default(), 0);
    script.send("one");
    script.sent();
    assert!(matches!(script.answer(2, r#""status":"429""#), Event::Ended(_)));
    let id = script.send("two");
    script.sent();
    script.cut();
    script.connect();
    script.sign_in(4, "l", 0, 0);
    let [(number, ..)] = messages(&script.sent())[..] else { panic!() };
    assert!(matches!(script.answer(number, r#""status":"503""#), Event::Postponed(_)));
    assert_eq!((script.sent(), script.client.pending()), (vec![], 1));
    // What is written now does not overtake it.
    script.send("three");
    assert_eq!(script.sent(), []);
    script.now = script.client.poll_timeout().unwrap();
    script.client.handle_timeout(script.now);
    let again = messages(&script.sent());
    assert_eq!(again.iter().map(|(_, body, _)| body.as_str()).collect::<Vec<_>>(), ["two", "three"]);
    let event = script.answer(again[0].0, r#""status":"404""#);
    assert!(matches!(event, Event::Ended(ended) if ended.ticket.id() == id));
}

#[test]
fn a_first_attempt_of_which_the_server_does_not_know_what_came_is_sent_again() {
    let mut script = Script::begin(ClientConfig::default(), 0);
    let id = script.send("one");
    let [(first, _, key)] = &messages(&script.sent())[..] else { panic!() };
    let postponed = script.answer(*first, r#""status":"504","info":"later""#);
    assert!(matches!(&postponed, Event::Postponed(ended) if ended.ticket.id() == id), "{postponed:?}");
    assert_eq!(script.sent(), []);
    script.now = script.client.poll_timeout().unwrap();
    script.client.handle_timeout(script.now);
    let [(second, _, again)] = &messages(&script.sent())[..] else { panic!() };
    assert_eq!(key, again);
    // Now it is a repetition.
    assert!(matches!(script.answer(*second, r#""status":"503""#), Event::Postponed(_)));
    script.now = script.client.poll_timeout().unwrap();
    script.client.handle_timeout(script.now);
    let [(third, ..)] = messages(&script.sent())[..] else { panic!() };
    assert!(matches!(script.answer(third, r#""status":"200","date":1"#), Event::Ended(_)));
}

#[test]
fn a_message_that_is_never_answered_ends_after_its_time() {
    let mut script = Script::begin(config(|config| config.keep_alive = None), 0);
    let (first, start) = (script.send("one"), script.now);
    script.sent();
    script.cut();
    let second = script.send("two");
    script.now = start + secs(300);
    // Connections come and go meanwhile.
    script.client.handle_timeout(script.now);
    let ends = script.ends();
    let not_sent = Err(Failure::Lost(Delivery::NotSent));
    assert_eq!(ends, [(first, Err(Failure::TimedOut)), (second, not_sent)]);
    assert_eq!(script.client.pending(), 0);
}

#[test]
fn a_request_that_is_not_answered_in_time_is_made_again_for_the_message() {
    let mut script = Script::begin(config(|config| config.keep_alive = None), 0);
    script.send("one");
    let [(first, _, key)] = &messages(&script.sent())[..] else { panic!() };
    script.now = script.now + secs(30);
    script.client.handle_timeout(script.now);
    assert_eq!(script.ends(), []);
    let [(second, _, again)] = &messages(&script.sent())[..] else { panic!() };
    assert_eq!(key, again);
    assert!(matches!(script.answer(*first, r#""status":"200","date":1"#), Event::Ended(_)));
    assert!(matches!(script.answer(*second, r#""status":"200","date":1"#), Event::Late(_)));
}

#[test]
fn another_log_is_told_and_what_the_server_may_have_had_ends_as_unknown() {
    for (log, begin) in [("other", 0), ("l", 4)] {
        let mut script = Script::begin(ClientConfig::default(), 3);
        let open = script.send("open");
        script.sent();
        script.cut();
        let waiting = script.send("waiting");
        events(&mut script.client);
        script.connect();
        script.sign_in(3, log, 9, begin);
        let told = events(&mut script.client);
        let [Event::Ended(ended), Event::LogChanged { log: id, position }] = &told[..] else {
            panic!("{told:?}")
        };
        assert_eq!((ended.ticket.id(), &ended.outcome), (open, &Err(Failure::Lost(Delivery::Unknown))));
        assert_eq!((id.as_str(), *position), (log, begin));
        let [(number, body, _)] = &messages(&script.sent())[..] else { panic!() };
        assert_eq!(body, "waiting");
        let event = script.answer(*number, r#""status":"200""#);
        assert!(matches!(event, Event::Ended(ended) if ended.ticket.id() == waiting));
    }
}

/// The server can't know from where another user's log is wanted, so it begins at its beginning.
#[test]
fn a_session_of_another_user_has_another_log_and_that_is_told() {
    let mut script = Script::begin(ClientConfig::default(), 3);
    script.cut();
    events(&mut script.client);
    let [Request::SessionRestore { since: Some(Since::Position(3)), .. }] = &script.connect()[..] else {
        panic!()
    };
    script.tell(
        r#"{"type":"request","for":"session_restore","id":2,"status":"200","session_id":"s","user":{"login":"bob"},"log":"b","head":9,"begin":0}"#,
    );
    let told = events(&mut script.client);
    assert!(
        told.iter().any(|event| matches!(event, Event::LogChanged { log, position: 0 } if log == "b")),
        "{told:?}"
    );
}

#[test]
fn a_server_without_logs_gets_what_it_always_got_and_nothing_twice() {
    let mut script = Script::begin(ClientConfig::default(), 0);
    let open = script.send("open");
    script.sent();
    script.cut();
    let waiting = script.send("waiting");
    script.client.handle_connected(script.now);
    script.tell(r#"{"type":"check_connection","token":"t"}"#);
    let [(3, Request::SessionRestore { since: None, log: None, .. })] = &script.sent()[..] else { panic!() };
    script.tell(r#"{"type":"request","for":"session_restore","id":3,"status":"200","session_id":"s","user":{"login":"alice"}}"#);
    assert_eq!(script.ends(), [(open, Err(Failure::Lost(Delivery::Unknown)))]);
    let [(number, body, key)] = &messages(&script.sent())[..] else { panic!() };
    assert_eq!((body.as_str(), key.as_str()), ("waiting", ""));
    // Without a cursor a position is none, and entries make no sense.
    assert_eq!(script.message(4).position(), None);
    assert!(script.client.handle_frame(script.now, Frame::Text(r#"{"type":"sent","position":5}"#)).is_err());
    script.cut();
    assert_eq!(script.ends(), [(waiting, Err(Failure::Lost(Delivery::Unknown)))], "{number}");
}

#[test]
fn an_application_may_do_without_logs() {
    let mut script = Script::new(config(|config| config.log = LogStart::Off));
    script.connect();
    script.client.authorize(script.now, "alice", "correct horse").unwrap();
    assert!(matches!(script.sent()[..], [(1, Request::Authorize { since: None, log: None, .. })]));
    script.tell(r#"{"type":"request","for":"authorize","id":1,"status":"200","session_id":"s","user":{"login":"alice"}}"#);
    let id = script.send("one");
    assert_eq!(messages(&script.sent())[0].2, "");
    script.cut();
    assert_eq!(script.ends(), [(id, Err(Failure::Lost(Delivery::Unknown)))]);
}

#[test]
fn what_is_taken_is_acknowledged() {
    let mut script = Script::begin(ClientConfig::default(), 0);
    for position in 1..=256 {
        script.message(position);
        script.client.handle_taken(position);
    }
    let acks = script.sent();
    assert_eq!(acks.len(), 16);
    assert!(matches!(acks[15], (0, Request::Ack { position: 256 })));
    for position in 257..=512 {
        script.message(position);
    }
    assert!(!script.client.handle_taken(384 - 1));
    assert!(script.client.handle_taken(384));
    assert!(matches!(script.sent()[..], [(0, Request::Ack { position: 384 })]));
}

#[test]
fn keys_of_the_application_s_own() {
    let mut script = Script::begin(ClientConfig::default(), 0);
    let give = |script: &mut Script, key: &str| {
        let message = SendMessage { key: Some(key), ..SendMessage::new("bob", "hello") };
        message.give(&mut script.client, script.now)
    };
    let id = give(&mut script, "answer-to-7").unwrap();
    assert_eq!(messages(&script.sent())[0].2, "answer-to-7");
    for bad in ["", "answer-to-7"] {
        assert_eq!(give(&mut script, bad), Err(CommandError::BadKey));
    }
    assert!(matches!(give(&mut script, &"x".repeat(65)), Err(CommandError::TooLong { field: "key", .. })));
    let own = r#"{"type":"sent","position":1,"key":"answer-to-7"}"#;
    assert!(matches!(script.tell(own), Event::Sent(_)));
    assert!(matches!(&script.ends()[..], [(ended, Ok(_))] if *ended == id));
    assert!(give(&mut script, "answer-to-7").is_ok(), "once it has ended it is the application's affair");
}

#[test]
fn the_outbox_has_a_limit() {
    let change = |config: &mut ClientConfig| config.limits.max_outbox_bytes = 10_000;
    let mut script = Script::begin(config(change), 0);
    let taken =
        (0..100).take_while(|_| script.client.send_message(script.now, "bob", "x", None).is_ok()).count();
    assert_eq!(taken, 39);
    let refused = script.client.send_message(script.now, "bob", "x", None);
    assert_eq!(refused, Err(CommandError::OutboxFull { limit: 10_000 }));
    script.sent();
    script.answer(2, r#""status":"200""#);
    assert!(script.client.send_message(script.now, "bob", "x", None).is_ok());
}

#[test]
fn marks_and_pages() {
    let mut script = Script::begin(ClientConfig::default(), 9);
    let read = script.client.read(script.now, "bob", 8).unwrap();
    let page = Page { before: Some(7), limit: Some(20), ..Page::default() };
    skaro_proto::client::GetHistory { login: "bob", page }.give(&mut script.client, script.now).unwrap();
    let sent = script.sent();
    let [(2, Request::Read { up_to: 8, .. }), (3, Request::GetHistory { page: sent_page, .. })] = &sent[..]
    else {
        panic!("{sent:?}")
    };
    assert_eq!(*sent_page, page);
    let Event::Ended(ended) = script.tell(r#"{"type":"request","for":"read","id":2,"status":"200"}"#) else {
        panic!()
    };
    assert_eq!((ended.ticket.id(), ended.outcome), (read, Ok(Answer::Read)));
    let mark = script.tell(r#"{"type":"read","login":"bob","up_to":8,"position":10}"#);
    assert!(matches!(&mark, Event::Read(mark) if mark.up_to == 8));
    assert_eq!(mark.position(), Some(10));
}

#[test]
fn another_user_begins_at_the_head_and_has_nothing_of_the_one_before() {
    let mut script = Script::begin(config(|config| config.keep_credentials = false), 3);
    let id = script.send("from alice");
    script.sent();
    script.cut();
    script.connect();
    script.tell(r#"{"type":"request","for":"session_restore","id":3,"status":"401","info":"over"}"#);
    // Nobody will send it any more, unless the application does something.
    assert_eq!(script.ends(), [(id, Err(Failure::Lost(Delivery::Unknown)))]);
    script.client.authorize(script.now, "carol", "x").unwrap();
    assert!(matches!(
        script.sent()[..],
        [(4, Request::Authorize { since: Some(Since::Head), log: None, .. })]
    ));
    script.tell(r#"{"type":"request","for":"authorize","id":4,"status":"200","session_id":"c","user":{"login":"carol"},"log":"c","head":7,"begin":7}"#);
    assert_eq!(script.client.log(), Some(("c", 7)));
    assert_eq!(script.sent(), []);
}
