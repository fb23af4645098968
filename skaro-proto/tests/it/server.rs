//! What the server does, seen from its clients.

use crate::support::{Net, Sent, password, secs};
use skaro_proto::client::{ClientConfig, CommandError, Event, Failure, Status};
use skaro_proto::message::{Answer, Registration};
use skaro_proto::server::{self, AcceptError};
use skaro_proto::{Format, Frame, Time, auth};

fn refusal(failure: &Failure<'_>) -> (u16, String) {
    match failure {
        Failure::Refused(refusal) => (refusal.status.as_ref().unwrap().code(), refusal.info.to_string()),
        other => panic!("{other:?}"),
    }
}

/// What the server sends on a connection, as JSON.
fn sent_to(net: &mut Net, id: server::ConnectionId) -> Vec<serde_json::Value> {
    let mut sent = Vec::new();
    while let Some(transmit) = net.server.poll_transmit(id) {
        match Sent::of(transmit) {
            Sent::Text(text) => sent.push(serde_json::from_str(&text).unwrap()),
            other => sent.push(serde_json::Value::String(format!("{other:?}"))),
        }
    }
    sent
}

/// Sends a frame of a stranger's making, and tells what comes back.
fn raw(net: &mut Net, id: server::ConnectionId, frame: &str) -> Vec<serde_json::Value> {
    _ = net.server.handle_frame(net.now, id, Frame::Text(frame));
    sent_to(net, id)
}

#[test]
fn everything_on_the_api_page_works_in_both_formats() {
    let mut net = Net::new(2);
    for (n, login) in [(0, "alice"), (1, "bob")] {
        net.connect(n);
        assert!(matches!(net.peers[n].events[0], Event::Connected { .. }));
        let id = net.peers[n].client.register_type(net.now).unwrap();
        net.drive();
        assert_eq!(net.peers[n].answer_to(id), Answer::RegisterType(Registration::Closed));
        let id = net.peers[n].client.authorize(net.now, login, password(login)).unwrap();
        assert_eq!(net.peers[n].client.status(), Status::SigningIn);
        net.drive();
        let Answer::Authorized(signed_in) = net.peers[n].answer_to(id) else { panic!() };
        assert_eq!(signed_in.user.login, login);
        assert_eq!(net.peers[n].client.session_id().unwrap().expose(), signed_in.session_id);
    }
    let [alice, bob] = &mut net.peers[..] else { panic!() };
    let contacts = alice.client.get_contacts(net.now).unwrap();
    let sent = alice.client.send_message(net.now, "bob", "hello", Some(7)).unwrap();
    let history = bob.client.get_history(net.now, "alice").unwrap();
    net.drive();
    let [alice, bob] = &net.peers[..] else { panic!() };
    let Answer::Contacts(contacts) = alice.answer_to(contacts) else { panic!() };
    let known: Vec<_> = contacts.iter().map(|user| (&*user.login, user.extra.get("online"))).collect();
    assert_eq!(known, [("bob", Some(true.into())), ("carol", Some(false.into()))]);
    let Answer::MessageSent { date: Some(date), .. } = alice.answer_to(sent) else { panic!() };
    assert_eq!(alice.end_of(sent).unwrap().ticket.marker(), Some(7));
    assert_eq!(alice.end_of(sent).unwrap().ticket.login(), "bob");
    assert_eq!(bob.messages(), [("alice".into(), "hello".into())]);
    let Answer::History(history) = bob.answer_to(history) else { panic!() };
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].date, Some(date));
}

#[test]
fn a_wrong_password_and_an_unknown_user_get_the_same_answer() {
    let mut net = Net::new(1);
    net.connect(0);
    let mut ask = |login, password| {
        let id = net.peers[0].client.authorize(net.now, login, password).unwrap();
        net.drive();
        refusal(&net.peers[0].failure_of(id))
    };
    let wrong = ask("alice", "wrong");
    assert_eq!(wrong, ask("nobody", "correct horse"));
    assert_eq!(wrong.0, 401);
    // The token is good for another try.
    let id = net.peers[0].client.authorize(net.now, "alice", "correct horse").unwrap();
    net.drive();
    assert!(matches!(net.peers[0].answer_to(id), Answer::Authorized(_)));
}

#[test]
fn tokens_are_fresh_and_a_proof_for_another_one_proves_nothing() {
    let mut net = Net::new(0);
    let mut tokens = std::collections::BTreeSet::new();
    let mut last = None;
    for _ in 0..100 {
        let id = net.server.connect(net.now, Some(Format::Json)).unwrap();
        let greeting = &sent_to(&mut net, id)[0];
        assert_eq!(greeting["type"], "check_connection");
        let token = greeting["token"].as_str().unwrap().to_owned();
        assert!(tokens.insert(token.clone()));
        last = Some(id);
    }
    let stale = auth::proof("correct horse", tokens.first().unwrap());
    let other = auth::proof("correct horse", tokens.last().unwrap());
    let id = last.unwrap();
    let answers: Vec<_> = [stale, other]
        .iter()
        .map(|proof| {
            let frame =
                format!(r#"{{"type":"authorize","on_request":1,"login":"alice","password":"{proof}"}}"#);
            raw(&mut net, id, &frame)[0]["status"].clone()
        })
        .collect();
    // At least one of the two belongs to another connection.
    assert!(answers.contains(&"401".into()));
}

#[test]
fn nothing_is_given_to_those_who_are_not_signed_in() {
    let mut net = Net::new(1);
    net.connect(0);
    let client = &mut net.peers[0].client;
    assert_eq!(client.get_contacts(net.now), Err(CommandError::NotSignedIn));
    assert_eq!(client.send_message(net.now, "bob", "", None), Err(CommandError::NotSignedIn));
    let id = net.peers[0].connection.unwrap();
    for (n, request) in [
        r#"{"type":"get_contacts","on_request":3}"#,
        r#"{"type":"get_history","on_request":3,"login":"bob"}"#,
        r#"{"type":"send_message","on_request":3,"to":"bob","body":"x"}"#,
    ]
    .iter()
    .enumerate()
    {
        let answers = raw(&mut net, id, request);
        assert_eq!(answers.len(), 1, "{n}");
        assert_eq!(answers[0]["status"], "401");
        assert_eq!(answers[0]["id"], 3);
        assert!(!answers[0]["info"].as_str().unwrap().is_empty());
    }
    assert!(!net.server.is_online("bob"));
}

#[test]
fn several_connections_of_a_user_all_see_everything_once() {
    let mut net = Net::new(4);
    for (n, login) in [(0, "alice"), (1, "alice"), (2, "bob"), (3, "bob")] {
        net.connect_and_sign_in(n, login);
    }
    net.peers[0].client.send_message(net.now, "bob", "hello", None).unwrap();
    net.drive();
    let seen: Vec<_> = net.peers.iter().map(crate::support::Peer::messages).collect();
    let message = |dialog: &str| vec![(dialog.to_owned(), "hello".to_owned())];
    assert_eq!(seen, [vec![], message("bob"), message("alice"), message("alice")]);
    // To oneself: once per other connection.
    net.peers.iter_mut().for_each(|peer| drop(peer.happened()));
    net.peers[0].client.send_message(net.now, "alice", "note", None).unwrap();
    net.drive();
    let seen: Vec<_> = net.peers.iter().map(|peer| peer.messages().len()).collect();
    assert_eq!(seen, [0, 1, 0, 0]);
}

#[test]
fn what_arrives_for_somebody_who_is_away_waits_in_the_history() {
    let mut net = Net::new(2);
    net.connect_and_sign_in(0, "alice");
    for body in ["one", "two"] {
        net.peers[0].client.send_message(net.now, "bob", body, None).unwrap();
    }
    net.drive();
    net.connect_and_sign_in(1, "bob");
    let id = net.peers[1].client.get_history(net.now, "alice").unwrap();
    net.drive();
    let Answer::History(history) = net.peers[1].answer_to(id) else { panic!() };
    let bodies: Vec<_> = history.iter().map(|message| &*message.body).collect();
    assert_eq!(bodies, ["one", "two"]);
    assert!(history[0].date.as_ref().unwrap().as_integer() < history[1].date.as_ref().unwrap().as_integer());
    // Carol has no part in it.
    net.replace(1);
    net.connect_and_sign_in(1, "carol");
    let id = net.peers[1].client.get_history(net.now, "alice").unwrap();
    net.drive();
    let Answer::History(history) = net.peers[1].answer_to(id) else { panic!() };
    assert!(history.is_empty());
}

#[test]
fn refusals_say_why() {
    let mut config = ClientConfig::default();
    config.limits.max_body_bytes = 1 << 20;
    let mut net = Net::with(server::ServerConfig::default(), [config]);
    net.connect_and_sign_in(0, "alice");
    let long = "x".repeat(16 * 1024 + 1);
    let client = &mut net.peers[0].client;
    let cases = [
        (client.send_message(net.now, "nobody", "hi", None).unwrap(), 404, "no user"),
        (client.get_history(net.now, "nobody").unwrap(), 404, "no user"),
        (client.send_message(net.now, "bob", &long, None).unwrap(), 413, "\"body\" has 16385 bytes"),
        (client.request_other(net.now, "weather", Default::default()).unwrap(), 501, "no such request"),
    ];
    net.drive();
    for (id, code, reason) in cases {
        let (status, info) = refusal(&net.peers[0].failure_of(id));
        assert_eq!(status, code);
        assert!(info.contains(reason), "{info}");
    }
}

#[test]
fn no_more_contacts_are_told_than_the_limit() {
    for (limit, told) in [(1, 1), (2, 2), (3, 2)] {
        let mut config = server::ServerConfig::default();
        config.max_contacts = limit;
        let mut net = Net::with(config, [ClientConfig::default()]);
        net.connect_and_sign_in(0, "alice");
        let id = net.peers[0].client.get_contacts(net.now).unwrap();
        net.drive();
        let Answer::Contacts(contacts) = net.peers[0].answer_to(id) else { panic!() };
        assert_eq!(contacts.len(), told);
    }
}

#[test]
fn ids_may_come_again() {
    let mut net = Net::new(1);
    net.connect_and_sign_in(0, "alice");
    let id = net.peers[0].connection.unwrap();
    for _ in 0..3 {
        let answers = raw(&mut net, id, r#"{"type":"register_type","on_request":1}"#);
        assert_eq!(answers[0]["id"], 1);
        assert_eq!(answers[0]["status"], "200");
    }
}

#[test]
fn frames_without_sense_are_answered_and_harm_nobody() {
    let mut net = Net::new(1);
    net.connect_and_sign_in(0, "bob");
    let id = net.server.connect(net.now, Some(Format::Json)).unwrap();
    sent_to(&mut net, id);
    for (frame, told) in [
        ("", "ends in the middle"),
        ("{", "ends in the middle"),
        ("hello", "not well-formed JSON"),
        ("[]", "is not a map"),
        ("{}", "\"type\" is missing"),
        (r#"{"type":1}"#, "\"type\" is not text"),
        (r#"{"type":"get_contacts"}"#, "\"on_request\" is missing"),
        (r#"{"type":"get_contacts","on_request":0}"#, "\"on_request\" is not at least 1"),
        (r#"{"type":"get_contacts","on_request":"1"}"#, "\"on_request\" is not a whole number"),
        (r#"{"type":"get_contacts","on_request":1}x"#, "followed by something else"),
        (&"[".repeat(10_000), "nested deeper"),
    ] {
        assert!(net.server.handle_frame(net.now, id, Frame::Text(frame)).is_err());
        let answers = sent_to(&mut net, id);
        assert_eq!(answers.len(), 1, "{frame}");
        assert_eq!(answers[0]["type"], "error");
        assert!(answers[0]["info"].as_str().unwrap().contains(told), "{}", answers[0]);
    }
    // With a readable number it is the request that is refused, and the field named.
    for (frame, told) in [
        (r#"{"on_request":9,"type":"get_history"}"#, "\"login\" is missing"),
        (r#"{"to":5,"on_request":9,"type":"send_message","body":""}"#, "\"to\" is not text"),
        (r#"{"to":"a","on_request":9,"type":"send_message","body":["x"]}"#, "\"body\" is not text"),
        (r#"{"on_request":9,"type":"session_restore","sid":null}"#, "\"sid\" is missing"),
    ] {
        let answers = raw(&mut net, id, frame);
        assert_eq!(answers[0]["id"], 9);
        assert_eq!(answers[0]["status"], "400");
        assert!(answers[0]["info"].as_str().unwrap().contains(told), "{}", answers[0]);
    }
    // The connection still works, and so does the other one.
    assert_eq!(raw(&mut net, id, r#"{"type":"register_type","on_request":1}"#)[0]["status"], "200");
    net.peers[0].client.get_contacts(net.now).unwrap();
    net.drive();
    assert!(net.peers[0].client.is_authorized());
}

#[test]
fn who_sends_nothing_but_nonsense_is_shown_the_door() {
    let mut net = Net::new(0);
    let id = net.server.connect(net.now, Some(Format::Json)).unwrap();
    for _ in 0..net.server.config().max_invalid_frames {
        _ = net.server.handle_frame(net.now, id, Frame::Text("?"));
    }
    assert_eq!(sent_to(&mut net, id).last().unwrap(), "Close(1008)");
    // Nothing is heard any more; without a closing handshake it is dropped.
    assert_eq!(raw(&mut net, id, r#"{"type":"register_type","on_request":1}"#), [] as [serde_json::Value; 0]);
    net.pass(secs(5));
    assert!(!net.server.has_connection(id));
    assert_eq!(net.server.connections(), 0);
}

#[test]
fn a_frame_over_the_limit_ends_the_connection() {
    for oversized in [true, false] {
        let mut net = Net::new(0);
        let id = net.server.connect(net.now, Some(Format::Json)).unwrap();
        if oversized {
            net.server.handle_oversized(net.now, id);
        } else {
            let frame = " ".repeat(net.server.config().limits.max_frame_bytes + 1);
            assert!(net.server.handle_frame(net.now, id, Frame::Text(&frame)).is_err());
        }
        let sent = sent_to(&mut net, id);
        assert!(sent[1]["info"].as_str().unwrap().contains("limit"), "{sent:?}");
        assert_eq!(sent[2], "Close(1009)");
    }
}

#[test]
fn guessing_passwords_ends_the_connection() {
    let mut net = Net::new(1);
    net.connect(0);
    for _ in 0..net.server.config().max_sign_in_attempts {
        net.peers[0].client.authorize(net.now, "alice", "guess").unwrap();
        net.drive();
    }
    assert_ne!(net.peers[0].client.status(), Status::Connected);
    assert!(net.peers[0].events.iter().any(|event| matches!(event, Event::Disconnected(_))));
}

#[test]
fn a_session_opens_for_five_minutes_and_no_longer() {
    for (gap, restored) in [(299, true), (300, true), (301, false)] {
        let mut net = Net::new(2);
        net.connect_and_sign_in(0, "alice");
        let sid = net.peers[0].client.session_id().unwrap().clone();
        net.peers[0].client.close(net.now);
        net.drive();
        assert_eq!(net.server.sessions(), 1);
        net.pass(secs(gap));
        assert_eq!(net.server.sessions(), usize::from(restored));
        net.connect(1);
        let id = net.peers[1].client.session_restore(net.now, sid.expose()).unwrap();
        net.drive();
        let outcome = net.peers[1].end_of(id).unwrap().outcome.clone();
        assert_eq!(outcome.is_ok(), restored, "{gap} s");
        assert_eq!(net.server.is_online("alice"), restored);
    }
}

#[test]
fn a_session_can_be_restored_while_its_dead_connection_is_not_noticed() {
    let mut net = Net::new(2);
    net.connect_and_sign_in(0, "alice");
    net.peers[0].stalled = true;
    let sid = net.peers[0].client.session_id().unwrap().clone();
    net.connect(1);
    let id = net.peers[1].client.session_restore(net.now, sid.expose()).unwrap();
    net.drive();
    assert!(matches!(net.peers[1].answer_to(id), Answer::Restored(_)));
    net.pass(secs(10));
    assert_eq!(net.server.connections(), 1);
    assert_eq!(net.server.sessions(), 1);
}

#[test]
fn a_session_is_not_taken_from_a_newer_connection() {
    let mut net = Net::new(2);
    net.connect(0);
    net.connect_and_sign_in(1, "alice");
    let sid = net.peers[1].client.session_id().unwrap().clone();
    let id = net.peers[0].client.session_restore(net.now, sid.expose()).unwrap();
    net.drive();
    assert_eq!(refusal(&net.peers[0].failure_of(id)).0, 409);
    assert!(net.peers[1].client.is_authorized());
    // Once the newer one has ended, it is nobody's.
    net.peers[1].client.close(net.now);
    net.drive();
    let id = net.peers[0].client.session_restore(net.now, sid.expose()).unwrap();
    net.drive();
    assert!(matches!(net.peers[0].answer_to(id), Answer::Restored(_)));
}

#[test]
fn made_up_session_ids_open_nothing() {
    let mut net = Net::new(2);
    net.connect_and_sign_in(0, "alice");
    let sid = net.peers[0].client.session_id().unwrap().expose().to_owned();
    net.connect(1);
    for guess in ["", "s-1", &sid[1..], &sid.to_uppercase(), &format!("{sid} ")] {
        let id = net.peers[1].client.session_restore(net.now, guess).unwrap();
        net.drive();
        assert_eq!(refusal(&net.peers[1].failure_of(id)).0, 401, "{guess}");
    }
}

#[test]
fn a_user_has_so_many_sessions_and_the_oldest_makes_room() {
    let mut config = server::ServerConfig::default();
    config.max_sessions_per_user = 2;
    let mut net = Net::with(config, [ClientConfig::default()]);
    let mut sids = Vec::new();
    for _ in 0..3 {
        net.connect_and_sign_in(0, "alice");
        sids.push(net.peers[0].client.session_id().unwrap().clone());
        net.replace(0);
        net.pass(secs(1));
    }
    assert_eq!(net.server.sessions(), 2);
    for (sid, restored) in sids.iter().zip([false, true, true]) {
        net.replace(0);
        net.connect(0);
        let id = net.peers[0].client.session_restore(net.now, sid.expose()).unwrap();
        net.drive();
        assert_eq!(net.peers[0].end_of(id).unwrap().outcome.is_ok(), restored);
    }
}

#[test]
fn a_slow_reader_is_cut_off_and_keeps_history_and_session() {
    let mut config = server::ServerConfig::default();
    config.limits.max_queued_bytes = 10_000;
    let mut net = Net::with(config, [ClientConfig::default()]);
    net.connect_and_sign_in(0, "alice");
    let slow = net.server.connect(net.now, Some(Format::Json)).unwrap();
    let greeting = &sent_to(&mut net, slow)[0];
    let proof = auth::proof(password("bob"), greeting["token"].as_str().unwrap());
    let frame = format!(r#"{{"type":"authorize","on_request":1,"login":"bob","password":"{proof}"}}"#);
    raw(&mut net, slow, &frame);
    for n in 0..200 {
        net.peers[0].client.send_message(net.now, "bob", &format!("{n:0100}"), None).unwrap();
        net.drive();
    }
    assert!(net.peers[0].client.is_authorized());
    assert!(!net.server.is_online("bob"));
    assert_eq!(sent_to(&mut net, slow), ["Close(1008)"]);
    assert_eq!(net.server.sessions(), 2);
    let id = net.peers[0].client.get_history(net.now, "bob").unwrap();
    net.drive();
    let Answer::History(history) = net.peers[0].answer_to(id) else { panic!() };
    assert_eq!(history.len(), 200);
}

#[test]
fn a_history_fits_into_one_frame_that_clients_take() {
    let mut net = Net::new(2);
    net.connect_and_sign_in(0, "alice");
    net.connect_and_sign_in(1, "alice");
    // Control characters take six bytes each in JSON.
    let body = "\u{1}".repeat(16 * 1024);
    for _ in 0..60 {
        net.server.post(net.now, "alice", "bob", &body).unwrap();
        net.drive();
    }
    for n in [0, 1] {
        let id = net.peers[n].client.get_history(net.now, "bob").unwrap();
        net.drive();
        let Answer::History(history) = net.peers[n].answer_to(id) else { panic!() };
        let last = net.peers[n].events.iter().rev().find_map(|event| match event {
            Event::Message(incoming) => incoming.message.date.clone(),
            _ => None,
        });
        assert!(history.len() >= 6, "{}", history.len());
        assert_eq!(history.last().unwrap().date, last);
    }
}

#[test]
fn dates_strictly_increase_even_if_the_clock_stands_still() {
    let mut net = Net::new(0);
    let dates: Vec<_> =
        (0..10).map(|_| net.server.post(Time::from_secs(5), "alice", "bob", "x").unwrap()).collect();
    assert_eq!(dates, (5000..5010).collect::<Vec<_>>());
}

#[test]
fn old_messages_make_room() {
    let mut config = server::ServerConfig::default();
    (config.max_dialog_messages, config.max_dialog_bytes) = (5, 100);
    let mut net = Net::with(config, [ClientConfig::default()]);
    net.connect_and_sign_in(0, "alice");
    let mut count = |bodies: &[&str]| {
        for body in bodies {
            net.server.post(net.now, "alice", "bob", body).unwrap();
        }
        let id = net.peers[0].client.get_history(net.now, "bob").unwrap();
        net.drive();
        let Answer::History(history) = net.peers[0].answer_to(id) else { panic!() };
        history.len()
    };
    assert_eq!(count(&["a"; 9]), 5);
    assert_eq!(count(&[&"b".repeat(98)]), 3);
}

#[test]
fn silent_connections_are_noticed_and_strangers_do_not_stay() {
    let mut net = Net::new(1);
    net.connect_and_sign_in(0, "alice");
    let stranger = net.server.connect(net.now, Some(Format::Json)).unwrap();
    let start = net.now;
    // The client answers pings; the stranger does too, but never signs in.
    let mut closed_after = None;
    while net.server.connections() == 2 && net.now - start < secs(1000) {
        net.pass(secs(10));
        net.server.handle_pong(net.now, stranger);
        let sent = sent_to(&mut net, stranger);
        if sent.contains(&"Close(1008)".into()) {
            closed_after = Some(net.now - start);
        }
    }
    assert_eq!(closed_after, Some(secs(600)));
    assert!(net.now - start < secs(620));
    net.peers[0].stalled = true;
    net.reachable = false;
    net.pass(secs(121));
    assert_eq!(net.server.connections(), 0);
    assert!(!net.server.is_online("alice"));
}

#[test]
fn a_full_server_takes_nobody_and_goes_on() {
    let mut config = server::ServerConfig::default();
    config.max_connections = 2;
    (config.max_connections_per_user, config.max_sign_in_attempts) = (1, 99);
    let mut net = Net::with(config, [ClientConfig::default(), ClientConfig::default()]);
    net.connect_and_sign_in(0, "alice");
    // A stranger makes room, somebody who is signed in does not.
    let stranger = net.server.connect(net.now, None).unwrap();
    net.connect(1);
    assert!(!net.server.has_connection(stranger));
    let id = net.peers[1].client.authorize(net.now, "alice", password("alice")).unwrap();
    net.drive();
    assert_eq!(refusal(&net.peers[1].failure_of(id)).0, 429);
    net.peers[1].client.authorize(net.now, "bob", password("bob")).unwrap();
    net.drive();
    assert!(net.peers[1].client.is_authorized());
    assert_eq!(net.server.connect(net.now, None), Err(AcceptError::Full { limit: 2 }));
}

#[test]
fn shutting_down_tells_everybody_and_finishes_what_was_accepted() {
    let mut net = Net::new(2);
    net.connect_and_sign_in(0, "alice");
    net.connect_and_sign_in(1, "bob");
    net.peers.iter_mut().for_each(|peer| drop(peer.happened()));
    let id = net.peers[0].client.send_message(net.now, "bob", "last words", None).unwrap();
    let frame = Sent::of(net.peers[0].client.poll_transmit().unwrap());
    let connection = net.peers[0].connection.unwrap();
    net.server.handle_frame(net.now, connection, frame.frame().unwrap()).unwrap();
    net.server.shut_down(net.now, "back soon");
    assert!(net.server.is_shutting_down());
    assert_eq!(net.server.connect(net.now, None), Err(AcceptError::ShuttingDown));
    net.reachable = false;
    net.drive();
    assert_eq!(net.server.connections(), 0);
    assert!(matches!(net.peers[0].answer_to(id), Answer::MessageSent { .. }));
    assert_eq!(net.peers[1].messages(), [("alice".into(), "last words".into())]);
    for peer in &net.peers {
        let info = peer
            .events
            .iter()
            .position(|event| matches!(event, Event::Info(notice) if notice.info == "back soon"));
        let end = peer.events.iter().position(|event| {
            matches!(
                event,
                Event::Disconnected(skaro_proto::client::Disconnect::Closed { code: Some(1001), .. })
            )
        });
        assert!(info.unwrap() < end.unwrap());
    }
}

#[test]
fn nothing_is_left_behind_when_everybody_has_gone() {
    let mut net = Net::new(2);
    net.connect_and_sign_in(0, "alice");
    net.connect_and_sign_in(1, "bob");
    for n in [0, 1] {
        net.peers[n].client.close(net.now);
    }
    net.drive();
    net.pass(secs(301));
    assert_eq!((net.server.connections(), net.server.sessions()), (0, 0));
    assert_eq!(net.server.poll_timeout(), None);
}

#[test]
fn a_message_may_be_as_long_as_the_limit_says() {
    let mut config = server::ServerConfig::default();
    config.limits.max_body_bytes = 10;
    let mut net = Net::with(config, [ClientConfig::default()]);
    net.connect_and_sign_in(0, "alice");
    let [fits, not] = [10, 11].map(|length| {
        let id = net.peers[0].client.send_message(net.now, "bob", &"x".repeat(length), None).unwrap();
        net.drive();
        id
    });
    assert!(matches!(net.peers[0].answer_to(fits), Answer::MessageSent { date: Some(_), .. }));
    let (code, info) = refusal(&net.peers[0].failure_of(not));
    assert_eq!((code, &*info), (413, "the field \"body\" has 11 bytes, the limit is 10"));
}
