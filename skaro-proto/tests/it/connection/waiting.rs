//! Time-outs, the closing handshake, silence.

use super::*;

#[test]
fn a_request_times_out_at_its_deadline_and_its_late_answer_disturbs_nothing() {
    let mut client = alone(config(|config| config.keep_alive = None));
    let id = client.get_contacts(Time::from_secs(10)).unwrap();
    assert_eq!(client.poll_timeout(), Some(Time::from_secs(40)));
    client.handle_timeout(Time::from_secs(40));
    let [Event::Ended(ended)] = &events(&mut client)[..] else { panic!() };
    assert_eq!((ended.ticket.id(), &ended.outcome), (id, &Err(Failure::TimedOut)));
    assert_eq!(client.poll_timeout(), None);

    let answer = r#"{"type":"request","for":"get_contacts","id":2,"status":"200","data":[]}"#;
    let Event::Late(late) = told(&mut client, Time::from_secs(41), answer) else { panic!() };
    assert_eq!(late.ticket.id(), id);
    // The answer has been had: another one is one too many.
    assert!(client.handle_frame(Time::from_secs(41), Frame::Text(answer)).is_err());
    assert!(client.is_authorized());
    assert_eq!(client.pending(), 0);
}

#[test]
fn an_answer_at_the_deadline_still_counts() {
    let mut client = alone(config(|config| config.keep_alive = None));
    client.get_contacts(Time::ZERO).unwrap();
    client.handle_timeout(Time::from_millis(29_999));
    assert_eq!(events(&mut client), []);
    let answer = r#"{"type":"request","for":"get_contacts","id":2,"status":"200","data":[]}"#;
    assert!(
        matches!(told(&mut client, Time::from_secs(30), answer), Event::Ended(ended) if ended.outcome.is_ok())
    );
    client.handle_timeout(Time::from_secs(30));
    assert_eq!(events(&mut client), []);
}

#[test]
fn a_server_that_answers_nothing_lets_each_request_time_out() {
    let mut client = alone(config(|config| config.request_timeout = secs(5)));
    let ids: Vec<_> = (0..5).map(|n| client.get_history(Time::from_secs(n), "bob").unwrap()).collect();
    let mut ended = Vec::new();
    for now in 0..20 {
        client.handle_timeout(Time::from_secs(now));
        for event in events(&mut client) {
            let Event::Ended(end) = event else { panic!("{event:?}") };
            assert_eq!(end.outcome, Err(Failure::TimedOut));
            ended.push((now, end.ticket.id()));
        }
    }
    assert_eq!(ended, (5..).zip(ids).collect::<Vec<_>>());
}

#[test]
fn a_server_that_accepts_and_says_nothing_is_given_up() {
    let mut client = Client::new(ClientConfig::default(), [1; 32]);
    client.handle_connected(Time::ZERO);
    assert_eq!(client.get_contacts(Time::ZERO), Err(CommandError::NotConnected));
    assert_eq!(client.poll_timeout(), Some(Time::from_secs(15)));
    client.handle_timeout(Time::from_secs(15));
    assert!(!client.status().has_connection());
    assert!(is_disconnected(&events(&mut client)[0], &Disconnect::TimedOut(Awaited::Greeting)));
    // It never worked: whoever made the connection decides what to do.
    assert_eq!(client.status(), Status::Offline);
    assert_eq!(client.poll_timeout(), None);
}

#[test]
fn the_closing_handshake_is_waited_for_but_not_for_ever() {
    for answered in [true, false] {
        let mut client = alone(ClientConfig::default());
        client.close(Time::ZERO);
        assert_eq!(sent(&mut client), [Sent::Close(1000)]);
        assert_eq!(client.get_contacts(Time::ZERO), Err(CommandError::Closed));
        let why = if answered {
            client.handle_disconnected(
                Time::from_secs(1),
                Disconnect::Closed { code: None, reason: String::new() },
            );
            Disconnect::Requested
        } else {
            client.handle_timeout(Time::from_secs(5));
            assert!(!client.status().has_connection());
            Disconnect::TimedOut(Awaited::Close)
        };
        assert!(is_disconnected(&events(&mut client)[0], &why));
        assert_eq!(client.status(), Status::Closed);
        assert_eq!(client.poll_timeout(), None);
        assert_eq!(client.reconnect(Time::ZERO), Err(CommandError::Closed));
    }
}

#[test]
fn answers_that_come_while_closing_still_count() {
    let mut client = alone(ClientConfig::default());
    let id = client.get_contacts(Time::ZERO).unwrap();
    let lost = client.get_contacts(Time::ZERO).unwrap();
    client.close(Time::ZERO);
    let answer = r#"{"type":"request","for":"get_contacts","id":2,"status":"200","data":[]}"#;
    assert!(matches!(told(&mut client, Time::ZERO, answer), Event::Ended(ended) if ended.ticket.id() == id));
    client.handle_disconnected(Time::ZERO, Disconnect::Closed { code: Some(1000), reason: String::new() });
    let ends = events(&mut client);
    assert!(matches!(&ends[1], Event::Ended(ended) if ended.ticket.id() == lost
        && ended.outcome == Err(Failure::Lost(Delivery::NotSent))));
}

/// Neither a refusal nor silence about the machine's own request spoils the handshake.
#[test]
fn closing_while_signing_in_again_still_takes_its_handshake() {
    let refusal = r#"{"type":"request","for":"session_restore","id":2,"status":"503","info":"later"}"#;
    for refused in [true, false] {
        let mut client = alone(ClientConfig::default());
        client.handle_disconnected(Time::ZERO, Disconnect::Failed("cut".into()));
        client.reconnect(Time::ZERO).unwrap();
        client.handle_connected(Time::ZERO);
        told(&mut client, Time::ZERO, r#"{"type":"check_connection","token":"t"}"#);
        assert_eq!(client.status(), Status::SigningIn);
        client.close(Time::from_secs(28));
        events(&mut client);
        if refused {
            told(&mut client, Time::from_secs(29), refusal);
        } else {
            client.handle_timeout(Time::from_secs(30));
        }
        assert_eq!(client.status(), Status::Closing);
        assert_eq!(sent(&mut client).last(), Some(&Sent::Close(1000)));
        client.handle_disconnected(
            Time::from_secs(31),
            Disconnect::Closed { code: Some(1000), reason: "".into() },
        );
        assert!(events(&mut client).iter().any(|event| is_disconnected(event, &Disconnect::Requested)));
        assert_eq!(client.status(), Status::Closed);
    }
}

#[test]
fn a_time_out_that_is_handled_too_early_changes_nothing() {
    let early = |mut client: Client, status: Status, deadline: Time| {
        assert_eq!((client.status(), client.poll_timeout()), (status, Some(deadline)));
        client.handle_timeout(Time::since_epoch(deadline.elapsed() - MS));
        assert_eq!((client.status(), client.poll_timeout()), (status, Some(deadline)));
        assert_eq!((events(&mut client), sent(&mut client)), (vec![], vec![]));
        client.handle_timeout(deadline);
        assert_ne!((client.status(), client.poll_timeout()), (status, Some(deadline)));
    };
    let mut greeting = Client::new(ClientConfig::default(), [1; 32]);
    greeting.handle_connected(Time::ZERO);
    early(greeting, Status::Greeting, Time::from_secs(15));
    let mut closing = alone(ClientConfig::default());
    closing.close(Time::ZERO);
    sent(&mut closing);
    early(closing, Status::Closing, Time::from_secs(5));
    let mut waiting = alone(ClientConfig::default());
    waiting.handle_disconnected(Time::ZERO, Disconnect::Failed("cut".into()));
    events(&mut waiting);
    let Status::Waiting { until } = waiting.status() else { panic!() };
    early(waiting.clone(), Status::Waiting { until }, until);
    waiting.handle_timeout(until);
    early(waiting, Status::Dialing, until + secs(20));
    early(alone(ClientConfig::default()), Status::SignedIn, Time::from_secs(30));
}

#[test]
fn a_second_challenge_replaces_the_first_until_somebody_signs_in() {
    let mut client = Client::new(ClientConfig::default(), [1; 32]);
    client.handle_connected(Time::ZERO);
    told(&mut client, Time::ZERO, r#"{"type":"check_connection","token":"one"}"#);
    told(&mut client, Time::ZERO, r#"{"type":"check_connection","token":"two"}"#);
    assert_eq!(sent(&mut client), []);
    client.authorize(Time::ZERO, "alice", "secret").unwrap();
    let [Sent::Text(frame)] = &sent(&mut client)[..] else { panic!() };
    assert!(frame.contains(&skaro_proto::auth::proof("secret", "two")));
    let third = Frame::Text(r#"{"type":"check_connection","token":"three"}"#);
    assert!(client.handle_frame(Time::ZERO, third).is_err());
    // A machine that may not connect again does not.
    let mut once = alone(config(|config| config.reconnect = None));
    once.handle_disconnected(Time::ZERO, Disconnect::Failed("cut".into()));
    assert_eq!(once.status(), Status::Offline);
    let reason = SignedOutReason::GaveUp;
    assert_eq!(events(&mut once)[1..], [Event::SignedOut { reason }]);
}

#[test]
fn limits_are_what_just_fits() {
    let mut client = Client::new(ClientConfig::default(), [1; 32]);
    client.handle_connected(Time::ZERO);
    let greeting = format!(r#"{{"type":"check_connection","token":"{}"}}"#, "t".repeat(256));
    let padded = |length: usize| format!("{greeting}{}", " ".repeat(length - greeting.len()));
    assert!(client.handle_frame(Time::ZERO, Frame::Text(&padded((1 << 20) + 1))).is_err());
    told(&mut client, Time::ZERO, &padded(1 << 20));
    let (login, password) = ("l".repeat(64), "p".repeat(1024));
    let too_long = |field, limit| Err(CommandError::TooLong { field, length: limit + 1, limit });
    assert_eq!(client.authorize(Time::ZERO, &format!("{login}l"), &password), too_long("login", 64));
    assert_eq!(client.authorize(Time::ZERO, &login, &format!("{password}p")), too_long("password", 1024));
    client.authorize(Time::ZERO, &login, &password).unwrap();

    let mut client = alone(config(|config| config.limits.max_requests = 2));
    client.get_contacts(Time::ZERO).unwrap();
    client.get_contacts(Time::ZERO).unwrap();
    assert_eq!(client.get_contacts(Time::ZERO), Err(CommandError::TooManyRequests { limit: 2 }));
    let mut client = alone(config(|config| config.limits.max_queued_bytes = 100));
    client.get_contacts(Time::ZERO).unwrap();
    client.get_contacts(Time::ZERO).unwrap();
    assert_eq!(client.get_contacts(Time::ZERO), Err(CommandError::OutputFull { limit: 100 }));
    sent(&mut client);
    client.get_contacts(Time::ZERO).unwrap();
}

#[test]
fn silence_is_answered_by_a_ping_and_then_by_giving_up() {
    let mut client = alone(ClientConfig::default());
    assert_eq!(client.poll_timeout(), Some(Time::from_secs(30)));
    client.handle_timeout(Time::from_secs(30));
    assert_eq!(sent(&mut client), [Sent::Ping]);
    // Any sign of life will do.
    told(&mut client, Time::from_secs(40), r#"{"type":"info","info":"x"}"#);
    assert_eq!(client.poll_timeout(), Some(Time::from_secs(70)));
    client.handle_timeout(Time::from_secs(70));
    assert_eq!(sent(&mut client), [Sent::Ping]);
    client.handle_pong(Time::from_secs(71));
    client.handle_timeout(Time::from_secs(101));
    assert_eq!(sent(&mut client), [Sent::Ping]);
    assert_eq!(client.poll_timeout(), Some(Time::from_secs(131)));
    client.handle_timeout(Time::from_secs(131));
    assert!(!client.status().has_connection());
    assert!(is_disconnected(&events(&mut client)[0], &Disconnect::TimedOut(Awaited::SignOfLife)));
}

#[test]
fn a_half_open_connection_is_noticed_within_the_configured_time() {
    for seconds in [1, 60, 3600] {
        let mut net = Net::with(
            server::ServerConfig::default(),
            [config(|config| {
                config.keep_alive = Some(secs(seconds));
                config.reconnect = None;
            })],
        );
        net.connect_and_sign_in(0, "alice");
        net.peers[0].stalled = true;
        let start = net.now;
        net.pass(secs(seconds) - MS);
        assert!(net.peers[0].client.is_authorized());
        net.pass(MS);
        assert_eq!(net.peers[0].client.status(), Status::Offline);
        assert_eq!(net.now - start, secs(seconds));
    }
}

#[test]
fn a_computer_that_slept_asks_before_it_gives_up() {
    let mut client = alone(ClientConfig::default());
    client.handle_timeout(Time::from_secs(100_000));
    assert_eq!(sent(&mut client), [Sent::Ping]);
    assert!(client.is_authorized());
}

#[test]
fn silence_means_nothing_while_nobody_reads() {
    let mut client = alone(ClientConfig::default());
    client.handle_paused(Time::from_secs(1));
    assert_eq!(client.poll_timeout(), None);
    client.get_contacts(Time::from_secs(2)).unwrap();
    assert_eq!(client.poll_timeout(), Some(Time::from_secs(32)));
    client.handle_timeout(Time::from_secs(1000));
    assert!(client.is_authorized());
    client.handle_resumed(Time::from_secs(1000));
    assert_eq!(client.poll_timeout(), Some(Time::from_secs(1030)));
}
