//! Nothing is lost, nothing hangs: time-outs, keep-alive, reconnection and restoration, on a virtual clock.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod support;

use skaro_proto::client::{
    Awaited, Client, CommandError, Config, Delivery, Disconnect, Event, Failure, Status,
};
use skaro_proto::message::Answer;
use skaro_proto::{Format, Frame, Time, server};
use support::{Net, Sent, password, secs};

const MS: std::time::Duration = std::time::Duration::from_millis(1);

/// A client that is signed in, without a server: what it sends is lost.
fn alone(config: Config) -> Client {
    let mut client = Client::new(config, 1);
    client.handle_connected(Time::ZERO);
    told(&mut client, Time::ZERO, r#"{"type":"check_connection","token":"t"}"#);
    client.authorize(Time::ZERO, "alice", "correct horse").unwrap();
    told(
        &mut client,
        Time::ZERO,
        r#"{"type":"request","for":"authorize","id":1,"status":"200","session_id":"s","user":{"login":"alice"}}"#,
    );
    while client.poll_transmit().is_some() {}
    client
}

fn told(client: &mut Client, now: Time, frame: &str) -> Event<'static> {
    client.handle_frame(now, Frame::Text(frame)).unwrap().into_owned()
}

fn events(client: &mut Client) -> Vec<Event<'static>> {
    std::iter::from_fn(|| client.poll_event()).collect()
}

fn sent(client: &mut Client) -> Vec<Sent> {
    let mut all = Vec::new();
    while let Some(transmit) = client.poll_transmit() {
        all.push(Sent::of(transmit));
    }
    all
}

fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}

fn is_disconnected(event: &Event<'_>, why: &Disconnect) -> bool {
    matches!(event, Event::Disconnected(reason) if reason == why)
}

// Time-outs.

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
    let mut client = Client::new(Config::default(), 1);
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
        let mut client = alone(Config::default());
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
    let mut client = alone(Config::default());
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
        let mut client = alone(Config::default());
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
    let mut greeting = Client::new(Config::default(), 1);
    greeting.handle_connected(Time::ZERO);
    early(greeting, Status::Greeting, Time::from_secs(15));
    let mut closing = alone(Config::default());
    closing.close(Time::ZERO);
    sent(&mut closing);
    early(closing, Status::Closing, Time::from_secs(5));
    let mut waiting = alone(Config::default());
    waiting.handle_disconnected(Time::ZERO, Disconnect::Failed("cut".into()));
    events(&mut waiting);
    let Status::Waiting { until } = waiting.status() else { panic!() };
    early(waiting.clone(), Status::Waiting { until }, until);
    waiting.handle_timeout(until);
    early(waiting, Status::Dialing, until + secs(20));
    early(alone(Config::default()), Status::SignedIn, Time::from_secs(30));
}

#[test]
fn a_second_challenge_replaces_the_first_until_somebody_signs_in() {
    let mut client = Client::new(Config::default(), 1);
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
    assert_eq!(events(&mut once).len(), 1);
}

#[test]
fn limits_are_what_just_fits() {
    let mut client = Client::new(Config::default(), 1);
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

    let mut client = alone(config(|config| config.limits.in_flight = 2));
    client.get_contacts(Time::ZERO).unwrap();
    client.get_contacts(Time::ZERO).unwrap();
    assert_eq!(client.get_contacts(Time::ZERO), Err(CommandError::TooManyRequests { limit: 2 }));
    let mut client = alone(config(|config| config.limits.output = 100));
    client.get_contacts(Time::ZERO).unwrap();
    client.get_contacts(Time::ZERO).unwrap();
    assert_eq!(client.get_contacts(Time::ZERO), Err(CommandError::OutputFull { limit: 100 }));
    sent(&mut client);
    client.get_contacts(Time::ZERO).unwrap();
}

// Keep-alive.

#[test]
fn silence_is_answered_by_a_ping_and_then_by_giving_up() {
    let mut client = alone(Config::default());
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
            server::Config::default(),
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
    let mut client = alone(Config::default());
    client.handle_timeout(Time::from_secs(100_000));
    assert_eq!(sent(&mut client), [Sent::Ping]);
    assert!(client.is_authorized());
}

#[test]
fn silence_means_nothing_while_nobody_reads() {
    let mut client = alone(Config::default());
    client.handle_paused(Time::from_secs(1));
    assert_eq!(client.poll_timeout(), None);
    client.get_contacts(Time::from_secs(2)).unwrap();
    assert_eq!(client.poll_timeout(), Some(Time::from_secs(32)));
    client.handle_timeout(Time::from_secs(1000));
    assert!(client.is_authorized());
    client.handle_resumed(Time::from_secs(1000));
    assert_eq!(client.poll_timeout(), Some(Time::from_secs(1030)));
}

// Reconnection and restoration.

#[test]
fn a_broken_connection_comes_back_by_itself_and_the_session_with_it() {
    let mut net = Net::new(2);
    net.connect_and_sign_in(0, "alice");
    net.connect_and_sign_in(1, "bob");
    let sid = net.peers[0].client.session_id().unwrap().clone();
    net.peers[0].happened();
    net.cut(0);
    assert!(matches!(net.peers[0].client.status(), Status::Waiting { .. }));
    assert_eq!(net.peers[0].client.get_contacts(net.now), Err(CommandError::NotConnected));
    net.pass(secs(1));
    assert!(net.peers[0].client.is_authorized());
    let seen = net.peers[0].happened();
    assert!(is_disconnected(&seen[0], &Disconnect::Failed("cut".into())), "{seen:?}");
    assert!(matches!(seen[1], Event::Reconnecting { attempt: 0, .. }), "{seen:?}");
    assert!(matches!(seen[2], Event::Connected { .. }), "{seen:?}");
    let Event::Ended(ended) = &seen[3] else { panic!("{seen:?}") };
    assert!(ended.ticket.is_automatic());
    let Ok(Answer::Restored(restored)) = &ended.outcome else { panic!("{ended:?}") };
    assert_eq!(restored.session_id, sid.expose());
    assert_eq!(seen.len(), 4);
}

#[test]
fn a_session_is_restored_up_to_five_minutes_and_not_after() {
    for (gap, expected) in [(299, "session_restore ok"), (301, "authorize ok")] {
        let mut net = Net::with(server::Config::default(), [config(|config| config.keep_credentials = true)]);
        net.connect_and_sign_in(0, "alice");
        net.reachable = false;
        net.cut(0);
        net.pass(secs(gap) - MS);
        net.reachable = true;
        // Exactly now, whatever the back-off says.
        net.pass(MS);
        if !net.peers[0].client.is_authorized() {
            net.peers[0].client.reconnect(net.now).unwrap();
            net.drive();
        }
        assert_eq!(net.peers[0].automatic(), [expected], "{gap} s");
        assert!(net.peers[0].client.is_authorized());
    }
}

#[test]
fn without_credentials_an_expired_session_is_left_to_the_application() {
    let mut net = Net::new(1);
    net.connect_and_sign_in(0, "alice");
    net.reachable = false;
    net.cut(0);
    net.pass(secs(400));
    net.reachable = true;
    net.peers[0].client.reconnect(net.now).unwrap();
    net.drive();
    assert_eq!(net.peers[0].client.status(), Status::Connected);
    assert_eq!(net.peers[0].automatic(), [] as [&str; 0]);
    net.peers[0].client.authorize(net.now, "alice", password("alice")).unwrap();
    net.drive();
    assert!(net.peers[0].client.is_authorized());
}

#[test]
fn a_restarted_server_knows_no_session_and_the_user_is_authorized_anew() {
    let mut net = Net::with(server::Config::default(), [config(|config| config.keep_credentials = true)]);
    net.connect_and_sign_in(0, "alice");
    net.restart_server();
    net.pass(secs(1));
    assert_eq!(net.peers[0].automatic(), ["session_restore refused", "authorize ok"]);
    assert!(net.peers[0].client.is_authorized());
}

#[test]
fn a_wrong_password_ends_the_coming_back_until_somebody_is_let_in() {
    for corrected in [false, true] {
        let mut net = Net::with(server::Config::default(), [config(|config| config.keep_credentials = true)]);
        net.connect_and_sign_in(0, "alice");
        net.restart_server();
        // Meanwhile the password was changed.
        net.server = server::Server::new(server::Config::default(), [9; 32]);
        net.server.add_user("alice", "changed").unwrap();
        net.pass(secs(1));
        assert_eq!(net.peers[0].automatic(), ["session_restore refused", "authorize refused"]);
        assert_eq!(net.peers[0].client.status(), Status::Connected);
        if corrected {
            net.peers[0].client.authorize(net.now, "alice", "changed").unwrap();
            net.drive();
        }
        net.cut(0);
        net.pass(secs(2));
        assert_eq!(net.peers[0].client.is_authorized(), corrected);
        assert_eq!(matches!(net.peers[0].events.last(), Some(Event::GaveUp)), !corrected);
    }
}

#[test]
fn a_server_that_can_t_sign_anybody_in_at_present_is_tried_again() {
    for status in [503, 429] {
        refused_for_now(status);
    }
}

fn refused_for_now(status: u16) {
    let mut client = alone(config(|config| config.keep_credentials = true));
    client.handle_disconnected(Time::from_secs(1), Disconnect::Failed("cut".into()));
    let Status::Waiting { until } = client.status() else { panic!() };
    client.handle_timeout(until);
    client.handle_connected(until);
    told(&mut client, until, r#"{"type":"check_connection","token":"t"}"#);
    told(
        &mut client,
        until,
        &format!(r#"{{"type":"request","for":"session_restore","id":2,"status":"{status}","info":"busy"}}"#),
    );
    assert!(matches!(client.status(), Status::Waiting { .. }));
    assert!(events(&mut client).iter().any(|event| is_disconnected(event, &Disconnect::Unavailable)));
    assert!(!client.status().has_connection());
}

#[test]
fn attempts_spread_out_up_to_a_cap_and_may_have_a_limit() {
    let mut net = Net::with(
        server::Config::default(),
        [config(|config| {
            config.reconnect.as_mut().unwrap().attempts = Some(12);
        })],
    );
    net.connect_and_sign_in(0, "alice");
    net.reachable = false;
    net.cut(0);
    net.pass(secs(3600));
    assert_eq!(net.peers[0].client.status(), Status::Offline);
    let attempts: Vec<_> = net.peers[0]
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Reconnecting { attempt, after, .. } => Some((*attempt, *after)),
            _ => None,
        })
        .collect();
    assert_eq!(attempts.iter().map(|(n, _)| *n).collect::<Vec<_>>(), (0..12).collect::<Vec<_>>());
    for (attempt, after) in attempts {
        assert!(after <= secs(1 << attempt).min(secs(30)));
    }
    assert!(matches!(net.peers[0].events.last(), Some(Event::GaveUp)));
    // Asked for, it tries again.
    net.reachable = true;
    net.peers[0].client.reconnect(net.now).unwrap();
    net.drive();
    assert_eq!(net.peers[0].client.status(), Status::Connected);
}

#[test]
fn only_a_stable_connection_makes_the_back_off_start_over() {
    for (lasts, expected) in [(29, 1), (30, 0)] {
        let mut net = Net::new(1);
        net.connect_and_sign_in(0, "alice");
        net.cut(0);
        net.pass(secs(2));
        let up_since = net.peers[0].client.is_authorized();
        assert!(up_since);
        net.peers[0].happened();
        // The reconnection happened within the first of these two seconds.
        net.pass(secs(lasts) - secs(if lasts == 29 { 2 } else { 0 }));
        net.cut(0);
        let attempt = net.peers[0].events.iter().find_map(|event| match event {
            Event::Reconnecting { attempt, .. } => Some(*attempt),
            _ => None,
        });
        assert_eq!(attempt, Some(expected), "{lasts} s");
    }
}

#[test]
fn the_application_can_stop_it_and_ask_for_it() {
    let mut net = Net::new(1);
    net.connect_and_sign_in(0, "alice");
    net.reachable = false;
    net.cut(0);
    net.peers[0].client.stop_reconnecting(net.now);
    net.drive();
    assert!(matches!(net.peers[0].events.last(), Some(Event::GaveUp)));
    assert_eq!((net.peers[0].client.status(), net.peers[0].client.poll_timeout()), (Status::Offline, None));
    net.reachable = true;
    net.peers[0].client.reconnect(net.now).unwrap();
    net.drive();
    assert!(net.peers[0].client.is_authorized());
    net.peers[0].client.stop_reconnecting(net.now);
    net.cut(0);
    assert_eq!(net.peers[0].client.status(), Status::Offline);
}

#[test]
fn an_attempt_to_connect_has_a_time_out() {
    let mut client = alone(Config::default());
    client.handle_disconnected(Time::ZERO, Disconnect::Failed("cut".into()));
    let Status::Waiting { until } = client.status() else { panic!() };
    client.handle_timeout(until);
    assert_eq!(client.status(), Status::Dialing);
    assert_eq!(client.poll_timeout(), Some(until + secs(20)));
    client.handle_timeout(until + secs(20));
    assert!(!client.status().has_connection());
    assert!(matches!(client.status(), Status::Waiting { .. }));
}

#[test]
fn a_sign_in_that_is_never_answered_drops_the_connection_and_tries_again() {
    let mut net = Net::new(1);
    net.connect_and_sign_in(0, "alice");
    net.cut(0);
    // The new connection takes the server's greeting, and nothing after it.
    net.peers[0].bytes_left = None;
    let client = &mut net.peers[0].client;
    let Status::Waiting { until } = client.status() else { panic!() };
    client.handle_timeout(until);
    client.handle_connected(until);
    told(client, until, r#"{"type":"check_connection","token":"t"}"#);
    sent(client);
    assert_eq!(client.status(), Status::SigningIn);
    client.handle_timeout(until + secs(30));
    assert!(matches!(client.status(), Status::Waiting { .. }));
    let seen = events(client);
    assert!(seen.iter().any(|event| is_disconnected(event, &Disconnect::TimedOut(Awaited::SignIn))));
}

// What becomes of commands.

/// Found by fuzzing: the refused command made the machine's time go on.
#[test]
fn a_reconnection_that_is_refused_leaves_no_trace() {
    let mut client = alone(Config::default());
    client.close(Time::ZERO);
    client.handle_disconnected(Time::ZERO, Disconnect::Requested);
    let before = client.clone();
    assert_eq!(client.reconnect(Time::from_secs(1)), Err(CommandError::Closed));
    assert!(client == before);
}

#[test]
fn what_was_under_way_is_lost_and_its_fate_told() {
    let mut client = alone(Config::default());
    let first = client.send_message(Time::ZERO, "bob", "one", Some(1)).unwrap();
    assert_eq!(sent(&mut client).len(), 1);
    let second = client.send_message(Time::ZERO, "bob", "two", Some(2)).unwrap();
    client.handle_disconnected(Time::ZERO, Disconnect::Failed("cut".into()));
    let lost: Vec<_> = events(&mut client)
        .into_iter()
        .filter_map(|event| match event {
            Event::Ended(ended) => {
                Some((ended.ticket.id(), ended.ticket.marker(), ended.outcome.unwrap_err()))
            }
            _ => None,
        })
        .collect();
    let expected = [
        (first, Some(1), Failure::Lost(Delivery::Unknown)),
        (second, Some(2), Failure::Lost(Delivery::NotSent)),
    ];
    assert_eq!(lost, expected);
}

#[test]
fn messages_wait_for_the_connection_if_they_may_and_leave_in_order() {
    let mut net = Net::with(
        server::Config::default(),
        [config(|config| config.offline_messages = 3), Config::default()],
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
fn messages_that_wait_end_as_not_sent_when_there_is_no_way_back() {
    for close in [true, false] {
        let mut net = Net::with(server::Config::default(), [config(|config| config.offline_messages = 9)]);
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
    let mut net = Net::with(server::Config::default(), [config(|config| config.offline_messages = 9)]);
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
        let mut net = Net::with(server::Config::default(), [config(|config| config.offline_messages = 9)]);
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
    let mut net = Net::with(server::Config::default(), [config(|config| config.offline_messages = 9)]);
    net.connect_and_sign_in(0, "alice");
    net.cut(0);
    let Status::Waiting { until } = net.peers[0].client.status() else { panic!() };
    net.now = until;
    net.peers[0].client.handle_timeout(net.now);
    net.peers[0].client.handle_connected(net.now);
    assert_eq!(net.peers[0].client.status(), Status::Greeting);
    let id = net.peers[0].client.send_message(net.now, "bob", "?", None).unwrap();
    net.peers[0].client.stop_reconnecting(net.now);
    net.peers[0].connection = net.server.handle_connected(net.now, None).ok();
    net.drive();
    assert_eq!(net.peers[0].client.status(), Status::Connected);
    assert_eq!(net.peers[0].failure_of(id), Failure::Lost(Delivery::NotSent));
    net.cut(0);
    assert_eq!(net.peers[0].client.status(), Status::Offline);
}

#[test]
fn another_user_inherits_no_dialogs_even_if_the_session_before_is_forgotten() {
    let mut client = alone(Config::default());
    let message = r#"{"type":"show_message","from":{"login":"bob"},"to":"alice","body":"b","date":1}"#;
    told(&mut client, Time::ZERO, message);
    assert_eq!(client.dialogs().collect::<Vec<_>>(), ["bob"]);
    client.handle_disconnected(Time::ZERO, Disconnect::Failed("cut".into()));
    client.handle_connected(Time::ZERO);
    told(&mut client, Time::ZERO, r#"{"type":"check_connection","token":"t"}"#);
    let refused = r#"{"type":"request","for":"session_restore","id":2,"status":"401","info":"expired"}"#;
    told(&mut client, Time::ZERO, refused);
    assert_eq!(client.user(), None);
    client.authorize(Time::ZERO, "carol", "tr0ub4dor").unwrap();
    let carol = r#"{"type":"request","for":"authorize","id":3,"status":"200","session_id":"c","user":{"login":"carol"}}"#;
    told(&mut client, Time::ZERO, carol);
    assert_eq!(client.user(), Some("carol"));
    assert_eq!(client.dialogs().count(), 0, "alice talked with bob, carol did not");
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
    let mut client = Client::new(config(|config| config.keep_credentials = true), 1);
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
    let mut client = alone(config(|config| config.offline_messages = 9));
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
    let mut client = alone(Config::default());
    for kind in skaro_proto::message::RequestKind::LISTED {
        let refused = client.request_other(Time::ZERO, kind.as_str(), Default::default());
        assert_eq!(refused, Err(CommandError::ReservedType(kind.as_str())));
    }
}

#[test]
fn a_client_that_is_closing_is_not_revived_by_another_connection() {
    let mut client = alone(Config::default());
    client.close(Time::ZERO);
    client.handle_connected(Time::ZERO);
    assert_eq!(client.status(), Status::Closed);
}

#[test]
fn without_leave_messages_do_not_wait() {
    let mut net = Net::new(1);
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
    assert_eq!(net.peers[0].client.dialogs().collect::<Vec<_>>(), ["bob"]);
    let id = net.peers[0].client.get_history(net.now, "bob").unwrap();
    net.drive();
    let Answer::History(history) = net.peers[0].answer_to(id) else { panic!() };
    let unseen: Vec<_> = history.unseen().map(|message| &*message.body).collect();
    assert_eq!(unseen, ["missed 1", "missed 2"]);
    let live: Vec<_> = net.peers[0].messages().into_iter().map(|(_, body)| body).collect();
    assert_eq!(live, ["seen", "live"]);
    let id = net.peers[0].client.get_history(net.now, "bob").unwrap();
    net.drive();
    let Answer::History(history) = net.peers[0].answer_to(id) else { panic!() };
    assert_eq!(history.unseen().count(), 0);
}

/// A cut after each number of bytes of an exchange: whatever it hits, every command ends once, and the message is in
/// the history exactly if the client may believe so.
#[test]
fn a_cut_between_any_two_bytes_loses_nothing_silently() {
    let mut passed_whole = false;
    for bytes in 0..3000 {
        let mut net = Net::with(server::Config::default(), [config(|config| config.keep_credentials = true)]);
        net.peers[0].bytes_left = Some(bytes);
        net.peers[0].client.handle_connected(net.now);
        net.peers[0].connection = net.server.handle_connected(net.now, Some(Format::Json)).ok();
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
            Ok(Err(Failure::Lost(Delivery::Unknown))) => assert!(stored <= 1),
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
    history.messages.len()
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
    let client = Client::new(Config::default(), 0);
    assert_eq!((client.status(), client.poll_timeout()), (Status::Offline, None));
    let client = alone(config(|config| config.keep_alive = None));
    assert_eq!(client.poll_timeout(), None);
}

#[test]
fn a_clock_that_goes_backwards_harms_nothing() {
    let mut client = alone(Config::default());
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
    assert_eq!(net.peers[0].happened(), [Event::Disconnected(Disconnect::Replaced), Event::GaveUp]);
    net.pass(secs(600));
    assert_eq!(net.peers[0].client.status(), Status::Offline);
    assert!(net.peers[1].client.is_authorized());

    // The application may want another connection, without that session.
    net.peers[0].client.reconnect(net.now).unwrap();
    net.drive();
    assert_eq!(net.peers[0].client.status(), Status::Connected);
    assert!(net.peers[1].client.is_authorized());
}
