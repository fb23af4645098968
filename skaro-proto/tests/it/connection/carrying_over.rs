//! What becomes of messages, dialogs and credentials from one connection to the next.

use super::*;

#[test]
fn messages_wait_for_the_connection_if_they_may_and_leave_in_order() {
    let mut net = Net::with(
        server::ServerConfig::default(),
        [config(|config| config.offline_messages = 3), ClientConfig::default()],
    );
    net.connect_and_sign_in(0, "alice");
    net.connect_and_sign_in(1, "bob");
    net.reachable = false;
    net.cut(0);
    let send =
        |net: &mut Net, n: u64| net.peers[0].client.send_message(net.now, "bob", &n.to_string(), Some(n));
    let ids: Vec<_> = (1..=3).map(|n| send(&mut net, n).unwrap()).collect();
    assert_eq!(send(&mut net, 4), Err(CommandError::OfflineFull { limit: 3 }));
    assert_eq!(net.peers[0].client.pending(), 3);
    net.pass(secs(60));
    net.reachable = true;
    net.pass(secs(30));
    for id in ids {
        assert!(net.peers[0].end_of(id).unwrap().outcome.is_ok());
    }
    let bodies: Vec<_> = net.peers[1].messages().into_iter().map(|(_, body)| body).collect();
    assert_eq!(bodies, ["1", "2", "3"]);
}

#[test]
fn a_message_does_not_overtake_those_that_still_wait() {
    let mut client = alone(config(|config| config.offline_messages = 9));
    client.handle_disconnected(Time::from_secs(1), Disconnect::Failed("cut".into()));
    let Status::Waiting { until } = client.status() else { panic!() };
    client.send_message(until, "bob", "first", None).unwrap();
    client.handle_timeout(until);
    client.handle_connected(until);
    told(&mut client, until, r#"{"type":"check_connection","token":"t"}"#);
    let restored = r#"{"type":"request","for":"session_restore","id":2,"status":"200","session_id":"s","user":{"login":"alice"}}"#;
    told(&mut client, until, restored);
    // Signed in again, and the adapter has not asked yet what to send.
    client.send_message(until, "bob", "second", None).unwrap();
    let text = |sent: Sent| if let Sent::Text(text) = sent { text } else { panic!("{sent:?}") };
    let left: Vec<_> = sent(&mut client).into_iter().map(text).filter(|text| text.contains("bob")).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left[0].contains("first") && left[1].contains("second"), "{left:?}");
}

#[test]
fn messages_that_wait_end_as_not_sent_when_there_is_no_way_back() {
    for close in [true, false] {
        let mut net =
            Net::with(server::ServerConfig::default(), [config(|config| config.offline_messages = 9)]);
        net.connect_and_sign_in(0, "alice");
        net.reachable = false;
        net.cut(0);
        let id = net.peers[0].client.send_message(net.now, "bob", "?", None).unwrap();
        if close {
            net.peers[0].client.close(net.now);
        } else {
            net.peers[0].client.stop_reconnecting(net.now);
        }
        net.drive();
        assert_eq!(net.peers[0].failure_of(id), Failure::Lost(Delivery::NotSent));
    }
}

#[test]
fn messages_wait_only_for_what_is_under_way() {
    let mut net = Net::with(server::ServerConfig::default(), [config(|config| config.offline_messages = 9)]);
    let send = |net: &mut Net| net.peers[0].client.send_message(net.now, "bob", "?", None).map(drop);
    assert_eq!(send(&mut net), Err(CommandError::NotConnected));
    // Nobody was ever signed in: the machine will connect again, but has no means to sign anybody in.
    net.connect(0);
    assert_eq!(send(&mut net), Err(CommandError::NotSignedIn));
    net.cut(0);
    assert!(matches!(net.peers[0].client.status(), Status::Waiting { .. }));
    assert_eq!(send(&mut net), Err(CommandError::NotConnected));
    net.pass(secs(2));
    // Signed in, the message leaves at once; told to stay offline, the machine keeps none.
    net.peers[0].client.authorize(net.now, "alice", password("alice")).unwrap();
    net.drive();
    assert_eq!(send(&mut net), Ok(()));
    net.peers[0].client.stop_reconnecting(net.now);
    net.cut(0);
    assert_eq!(send(&mut net), Err(CommandError::NotConnected));
}

#[test]
fn what_waits_ends_when_the_sign_in_fails_for_which_it_waited() {
    for timed_out in [false, true] {
        let change =
            |config: &mut ClientConfig| (config.offline_messages, config.keep_credentials) = (9, false);
        let mut net = Net::with(server::ServerConfig::default(), [config(change)]);
        net.connect_and_sign_in(0, "alice");
        net.reachable = false;
        net.cut(0);
        net.pass(secs(400));
        net.reachable = true;
        net.peers[0].client.reconnect(net.now).unwrap();
        net.drive();
        // The session has expired: the application tries, with a typo.
        net.peers[0].client.authorize(net.now, "alice", "typo").unwrap();
        let waiting = net.peers[0].client.send_message(net.now, "bob", "?", None);
        net.peers[0].stalled = timed_out;
        net.drive();
        net.pass(secs(31));
        if let Ok(id) = waiting {
            assert_eq!(net.peers[0].failure_of(id), Failure::Lost(Delivery::NotSent));
        }
        assert_eq!(net.peers[0].client.pending(), 0);
    }
}

#[test]
fn to_stop_while_the_server_has_not_spoken_is_to_stop() {
    let mut net = Net::with(server::ServerConfig::default(), [config(|config| config.offline_messages = 9)]);
    net.connect_and_sign_in(0, "alice");
    net.cut(0);
    let Status::Waiting { until } = net.peers[0].client.status() else { panic!() };
    net.now = until;
    net.peers[0].client.handle_timeout(net.now);
    net.peers[0].client.handle_connected(net.now);
    assert_eq!(net.peers[0].client.status(), Status::Greeting);
    let id = net.peers[0].client.send_message(net.now, "bob", "?", None).unwrap();
    net.peers[0].client.stop_reconnecting(net.now);
    net.peers[0].connection = net.server.connect(net.now, None).ok();
    net.drive();
    assert_eq!(net.peers[0].client.status(), Status::Connected);
    assert_eq!(net.peers[0].failure_of(id), Failure::Lost(Delivery::NotSent));
    let is_end = |event: &&Event<'_>| matches!(event, Event::SignedOut { reason: SignedOutReason::GaveUp });
    assert_eq!(net.peers[0].events.iter().filter(is_end).count(), 1, "nobody signs alice in again");
    net.cut(0);
    assert_eq!(net.peers[0].client.status(), Status::Offline);
    assert_eq!(net.peers[0].events.iter().filter(is_end).count(), 1);
}

#[test]
fn what_one_user_wrote_does_not_leave_in_another_s_name() {
    let mut client = alone(config(|config| config.offline_messages = 9));
    client.handle_disconnected(Time::from_secs(1), Disconnect::Failed("cut".into()));
    let Status::Waiting { until } = client.status() else { panic!() };
    let id = client.send_message(until, "carol", "from alice", None).unwrap();
    client.handle_timeout(until);
    client.handle_connected(until);
    told(&mut client, until, r#"{"type":"check_connection","token":"t"}"#);
    let bob = r#"{"type":"request","for":"session_restore","id":2,"status":"200","session_id":"s","user":{"login":"bob"}}"#;
    told(&mut client, until, bob);
    let ended = events(&mut client).into_iter().find_map(|event| match event {
        Event::Ended(ended) if ended.ticket.id() == id => Some(ended.outcome),
        _ => None,
    });
    assert_eq!(ended, Some(Err(Failure::Lost(Delivery::NotSent))));
}

/// A late success of the first attempt comes while another one is pending: the credentials that are kept are those
/// of the user who is signed in, or none.
#[test]
fn kept_credentials_are_those_of_the_attempt_that_succeeded() {
    let mut client = Client::new(config(|config| config.keep_credentials = true), [1; 32]);
    client.handle_connected(Time::ZERO);
    told(&mut client, Time::ZERO, r#"{"type":"check_connection","token":"t"}"#);
    client.authorize(Time::ZERO, "alice", "correct horse").unwrap();
    client.handle_timeout(Time::from_secs(30));
    client.authorize(Time::from_secs(30), "bob", "typo").unwrap();
    let answer = |id: u32, login: &str| {
        format!(
            r#"{{"type":"request","for":"authorize","id":{id},"status":"200","session_id":"s","user":{{"login":"{login}"}}}}"#
        )
    };
    assert!(matches!(told(&mut client, Time::from_secs(31), &answer(1, "alice")), Event::Late(_)));
    assert!(client.is_authorized());
    client.handle_disconnected(Time::from_secs(31), Disconnect::Failed("cut".into()));
    // Long after the session's end there is nobody to sign in by itself.
    client.reconnect(Time::from_secs(1000)).unwrap();
    client.handle_connected(Time::from_secs(1000));
    told(&mut client, Time::from_secs(1000), r#"{"type":"check_connection","token":"t"}"#);
    assert_eq!(client.status(), Status::Connected);
}

/// A late refusal of the first attempt comes while another one is pending: what waits for that one goes on waiting.
#[test]
fn a_late_refusal_does_not_end_what_waits_for_another_attempt() {
    let change = |config: &mut ClientConfig| (config.offline_messages, config.keep_credentials) = (9, false);
    let mut client = alone(config(change));
    client.handle_disconnected(Time::ZERO, Disconnect::Failed("cut".into()));
    // Too late to restore the session, so signing in is left to the application.
    let now = Time::from_secs(1000);
    client.reconnect(now).unwrap();
    client.handle_connected(now);
    told(&mut client, now, r#"{"type":"check_connection","token":"t"}"#);
    client.authorize(now, "alice", "typo").unwrap();
    client.handle_timeout(now + secs(30));
    client.authorize(now + secs(30), "alice", "correct horse").unwrap();
    let waiting = client.send_message(now + secs(30), "bob", "hello", None).unwrap();
    events(&mut client);
    let refused = r#"{"type":"request","for":"authorize","id":2,"status":"401","info":"wrong"}"#;
    assert!(matches!(told(&mut client, now + secs(31), refused), Event::Late(_)));
    assert_eq!(events(&mut client), []);
    let success = r#"{"type":"request","for":"authorize","id":3,"status":"200","session_id":"s","user":{"login":"alice"}}"#;
    told(&mut client, now + secs(31), success);
    assert_eq!(events(&mut client), []);
    assert!(sent(&mut client).iter().any(|sent| matches!(sent, Sent::Text(text) if text.contains("hello"))));
    let answer = r#"{"type":"request","for":"send_message","id":4,"status":"200","date":1}"#;
    let Event::Ended(ended) = told(&mut client, now + secs(31), answer) else { panic!() };
    assert_eq!(ended.ticket.id(), waiting);
}

#[test]
fn listed_requests_can_t_be_made_as_others() {
    let mut client = alone(ClientConfig::default());
    for kind in skaro_proto::message::RequestKind::LISTED {
        let refused = client.request_other(Time::ZERO, kind.as_str(), Default::default());
        assert_eq!(refused, Err(CommandError::ReservedType(kind.as_str())));
    }
}

#[test]
fn a_client_that_is_closing_is_not_revived_by_another_connection() {
    let mut client = alone(ClientConfig::default());
    client.close(Time::ZERO);
    client.handle_connected(Time::ZERO);
    assert_eq!(client.status(), Status::Closed);
}

#[test]
fn without_leave_messages_do_not_wait() {
    let mut net = Net::with(server::ServerConfig::default(), [config(|config| config.offline_messages = 0)]);
    net.connect_and_sign_in(0, "alice");
    net.cut(0);
    assert_eq!(net.peers[0].client.send_message(net.now, "bob", "?", None), Err(CommandError::NotConnected));
}

#[test]
fn what_was_missed_while_away_is_told_once() {
    let mut net = Net::new(2);
    net.connect_and_sign_in(0, "alice");
    net.connect_and_sign_in(1, "bob");
    let say = |net: &mut Net, body: &str| {
        net.pass(MS);
        net.peers[1].client.send_message(net.now, "alice", body, None).unwrap();
        net.drive();
    };
    say(&mut net, "seen");
    net.cut(0);
    say(&mut net, "missed 1");
    say(&mut net, "missed 2");
    net.pass(secs(1));
    say(&mut net, "live");
    let bodies: Vec<_> = net.peers[0].messages().into_iter().map(|(_, body)| body).collect();
    assert_eq!(bodies, ["seen", "missed 1", "missed 2", "live"]);
}

/// A cut after each number of bytes of an exchange: whatever it hits, every command ends once, and the message is in
/// the history exactly if the client may believe so.
#[test]
fn a_cut_between_any_two_bytes_loses_nothing_silently() {
    let mut passed_whole = false;
    for bytes in 0..3000 {
        let mut net =
            Net::with(server::ServerConfig::default(), [config(|config| config.keep_credentials = true)]);
        net.peers[0].bytes_left = Some(bytes);
        net.peers[0].client.handle_connected(net.now);
        net.peers[0].connection = net.server.connect(net.now, Some(Format::Json)).ok();
        net.drive();
        let mut taken = Vec::new();
        let peer = &mut net.peers[0];
        taken.extend(peer.client.authorize(net.now, "alice", password("alice")));
        net.drive();
        taken.extend(net.peers[0].client.get_contacts(net.now));
        let message = net.peers[0].client.send_message(net.now, "bob", "hello", None);
        taken.extend(message.clone());
        net.drive();
        net.pass(secs(120));
        for id in &taken {
            assert!(net.peers[0].end_of(*id).is_some(), "{id} after {bytes} bytes");
        }
        let mut observer = Net::new(0);
        std::mem::swap(&mut observer.server, &mut net.server);
        observer.now = net.now;
        let stored = stored_messages(&mut observer);
        match message.map(|id| net.peers[0].end_of(id).unwrap().outcome.clone()) {
            Ok(Ok(_)) => assert_eq!(stored, 1),
            Ok(Err(Failure::Lost(Delivery::NotSent))) | Err(_) => assert_eq!(stored, 0),
            Ok(Err(other)) => panic!("{other:?}"),
        }
        passed_whole |= net.peers[0].bytes_left.is_some();
    }
    assert!(passed_whole, "the exchange is longer than expected");
}

fn stored_messages(net: &mut Net) -> usize {
    net.peers = Net::new(1).peers;
    net.connect_and_sign_in(0, "bob");
    let id = net.peers[0].client.get_history(net.now, "alice").unwrap();
    net.drive();
    let Answer::History(history) = net.peers[0].answer_to(id) else { panic!() };
    history.len()
}

/// The same for the exchange by which a client comes back: it gets there in the end.
#[test]
fn a_cut_between_any_two_bytes_of_a_restoration_is_survived() {
    for bytes in 0..700 {
        let mut net = Net::new(1);
        net.connect_and_sign_in(0, "alice");
        net.cut(0);
        net.peers[0].bytes_left = Some(bytes);
        net.pass(secs(60));
        assert!(net.peers[0].client.is_authorized(), "{bytes}");
        let automatic = net.peers[0].automatic();
        assert_eq!(automatic.last().unwrap(), "session_restore ok", "{bytes}: {automatic:?}");
        assert!(!automatic.iter().any(|end| end.contains("refused")), "{bytes}: {automatic:?}");
    }
}

#[test]
fn a_machine_with_nothing_to_do_asks_for_no_wake_up() {
    let client = Client::new(ClientConfig::default(), [0; 32]);
    assert_eq!((client.status(), client.poll_timeout()), (Status::Offline, None));
    let client = alone(config(|config| config.keep_alive = None));
    assert_eq!(client.poll_timeout(), None);
}

#[test]
fn a_clock_that_goes_backwards_harms_nothing() {
    let mut client = alone(ClientConfig::default());
    client.handle_pong(Time::from_secs(100));
    client.get_contacts(Time::from_secs(50)).unwrap();
    assert_eq!(client.poll_timeout(), Some(Time::from_secs(130)));
}

#[test]
fn a_session_that_goes_on_elsewhere_is_not_taken_back() {
    let mut net = Net::new(2);
    net.connect_and_sign_in(0, "alice");
    let sid = net.peers[0].client.session_id().unwrap().to_owned();
    net.connect(1);
    net.peers[0].happened();
    net.peers[1].client.session_restore(net.now, sid.expose()).unwrap();
    net.drive();
    assert!(net.peers[1].client.is_authorized());
    let reason = SignedOutReason::Replaced;
    let happened = [Event::Disconnected(Disconnect::Replaced), Event::SignedOut { reason }, Event::GaveUp];
    assert_eq!(net.peers[0].happened(), happened);
    net.pass(secs(600));
    assert_eq!(net.peers[0].client.status(), Status::Offline);
    assert!(net.peers[1].client.is_authorized());

    // The application may want another connection, with a session of its own.
    net.peers[0].client.reconnect(net.now).unwrap();
    net.drive();
    assert!(net.peers[0].client.is_authorized());
    assert_ne!(net.peers[0].client.session_id(), Some(&sid));
    assert!(net.peers[1].client.is_authorized());
}

#[test]
fn a_session_that_was_ended_is_neither_restored_nor_begun_anew() {
    use skaro_proto::server::store::{KeptSessions, Operation};
    for has_password in [true, false] {
        let config = config(|config| config.keep_credentials = has_password);
        let mut net = Net::with(server::ServerConfig::default(), [config]);
        net.connect_and_sign_in(0, "alice");
        net.peers[0].happened();
        net.server
            .operate(net.now, Operation::EndSessions { login: "alice".into(), keeps: KeptSessions::None });
        net.drive();
        net.pass(secs(60));
        assert!(!net.peers[0].client.is_authorized());
        assert_eq!(net.peers[0].automatic(), [""; 0]);
        let reason = SignedOutReason::Ended;
        assert!(net.peers[0].events.contains(&Event::SignedOut { reason }));
    }
}
