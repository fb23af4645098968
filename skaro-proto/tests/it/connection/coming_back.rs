//! Connections come back, and sessions with them.

use std::mem;

use super::*;

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
    assert!(matches!(&seen[4..], [Event::CaughtUp { position: 0, .. }]), "{seen:?}");
}

#[test]
fn a_session_is_restored_up_to_five_minutes_and_not_after() {
    for (gap, expected) in [(299, "session_restore ok"), (301, "authorize ok")] {
        let mut net =
            Net::with(server::ServerConfig::default(), [config(|config| config.keep_credentials = true)]);
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
    let mut net = Net::with(server::ServerConfig::default(), [forgetful()]);
    net.connect_and_sign_in(0, "alice");
    net.reachable = false;
    net.cut(0);
    net.pass(secs(400));
    net.reachable = true;
    net.peers[0].client.reconnect(net.now).unwrap();
    net.drive();
    assert_eq!(net.peers[0].client.status(), Status::Connected);
    assert_eq!(net.peers[0].automatic(), [] as [&str; 0]);
    assert_eq!(signed_out(&net), [SignedOutReason::SessionOver]);
    net.peers[0].client.authorize(net.now, "alice", password("alice")).unwrap();
    net.drive();
    assert!(net.peers[0].client.is_authorized());
}

/// The reasons why a user was signed in no more, as the application was told.
fn signed_out(net: &Net) -> Vec<SignedOutReason> {
    let reason = |event: &Event<'static>| match event {
        Event::SignedOut { reason } => Some(reason.clone()),
        _ => None,
    };
    net.peers[0].events.iter().filter_map(reason).collect()
}

/// A bot that was connected but not signed in was silent for ever.
#[test]
fn a_restarted_server_knows_no_session_and_the_user_is_authorized_anew() {
    let mut net = Net::new(1);
    net.connect_and_sign_in(0, "alice");
    net.restart_server();
    net.pass(secs(1));
    assert_eq!(net.peers[0].automatic(), ["session_restore refused", "authorize ok"]);
    assert!(net.peers[0].client.is_authorized());
    assert_eq!(signed_out(&net), []);
}

#[test]
fn that_a_user_is_signed_in_no_more_is_told_once_with_the_reason() {
    // Without credentials the refusal of the session is the end,
    let mut net = Net::with(server::ServerConfig::default(), [forgetful()]);
    net.connect_and_sign_in(0, "alice");
    net.restart_server();
    net.pass(secs(1));
    assert_eq!(net.peers[0].client.status(), Status::Connected);
    let [SignedOutReason::Refused(refusal)] = &signed_out(&net)[..] else { panic!() };
    assert!(refusal.info.contains("no such session"));
    // and whoever signs in again is told again.
    net.peers[0].client.authorize(net.now, "alice", password("alice")).unwrap();
    net.drive();
    net.peers[0].client.stop_reconnecting(net.now);
    assert_eq!(signed_out(&net).len(), 1, "it is still signed in");
    net.cut(0);
    assert_eq!(signed_out(&net)[1..], [SignedOutReason::GaveUp]);
    // Whoever closes knows.
    let mut net = Net::new(1);
    net.connect_and_sign_in(0, "alice");
    net.peers[0].client.close(net.now);
    net.drive();
    assert_eq!(signed_out(&net), []);
}

#[test]
fn credentials_outlive_a_restoration() {
    let mut net =
        Net::with(server::ServerConfig::default(), [config(|config| config.keep_credentials = true)]);
    net.connect_and_sign_in(0, "alice");
    net.cut(0);
    net.pass(secs(1));
    net.reachable = false;
    net.cut(0);
    net.pass(secs(400));
    net.reachable = true;
    net.pass(secs(31));
    assert_eq!(net.peers[0].automatic(), ["session_restore ok", "authorize ok"]);
}

#[test]
fn a_wrong_password_ends_the_coming_back_until_somebody_is_let_in() {
    for corrected in [false, true] {
        let mut net =
            Net::with(server::ServerConfig::default(), [config(|config| config.keep_credentials = true)]);
        net.connect_and_sign_in(0, "alice");
        net.restart_server();
        // Meanwhile the password was changed.
        net.server = server::Server::new(server::ServerConfig::default(), [9; 32]);
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

/// A client whose connection has come back, and whose automatic `session_restore` was refused.
fn refused(config: ClientConfig, status: u16) -> Client {
    let mut client = alone(config);
    client.handle_disconnected(Time::from_secs(1), Disconnect::Failed("cut".into()));
    let Status::Waiting { until } = client.status() else { panic!() };
    client.handle_timeout(until);
    client.handle_connected(until);
    told(&mut client, until, r#"{"type":"check_connection","token":"t"}"#);
    sent(&mut client);
    told(
        &mut client,
        until,
        &format!(r#"{{"type":"request","for":"session_restore","id":2,"status":"{status}","info":"busy"}}"#),
    );
    client
}

#[test]
fn a_session_that_a_newer_connection_has_is_given_up() {
    let mut client = refused(config(|config| config.keep_credentials = true), 409);
    let [Sent::Text(request)] = &sent(&mut client)[..] else { panic!() };
    assert!(request.contains(r#""type":"authorize""#), "{request}");
    let mut client = refused(forgetful(), 409);
    let refused = events(&mut client).into_iter().any(|event| {
        matches!(event, Event::SignedOut { reason: SignedOutReason::Refused(refusal) } if refusal.info == "busy")
    });
    assert!(refused);
    assert_eq!(client.status(), Status::Connected);
}

fn refused_for_now(status: u16) {
    let mut client = refused(config(|config| config.keep_credentials = true), status);
    assert!(matches!(client.status(), Status::Waiting { .. }));
    assert!(events(&mut client).iter().any(|event| is_disconnected(event, &Disconnect::Unavailable)));
    assert!(!client.status().has_connection());
}

#[test]
fn attempts_spread_out_up_to_a_cap_and_may_have_a_limit() {
    let mut net = Net::with(
        server::ServerConfig::default(),
        [config(|config| {
            config.reconnect.as_mut().unwrap().attempts = Some(12);
        })],
    );
    net.connect_and_sign_in(0, "alice");
    net.reachable = false;
    net.cut(0);
    net.pass(secs(3600));
    assert_eq!(net.peers[0].client.status(), Status::Offline);
    assert_eq!(signed_out(&net), [SignedOutReason::GaveUp]);
    check_attempts(&mut net);
    // Asked for, it tries again, as often.
    net.peers[0].client.reconnect(net.now).unwrap();
    net.pass(secs(3600));
    check_attempts(&mut net);
    net.reachable = true;
    net.peers[0].client.reconnect(net.now).unwrap();
    net.drive();
    assert!(net.peers[0].client.is_authorized());
}

/// Checks that twelve attempts were made, with the delays of the default configuration, and takes these events.
fn check_attempts(net: &mut Net) {
    let events = mem::take(&mut net.peers[0].events);
    assert!(matches!(events.last(), Some(Event::GaveUp)));
    let attempts: Vec<_> = events
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
    // Asked for while there is a connection, it is for when that breaks.
    net.peers[0].client.reconnect(net.now).unwrap();
    net.drive();
    net.peers[0].client.stop_reconnecting(net.now);
    net.peers[0].client.reconnect(net.now).unwrap();
    net.cut(0);
    assert!(matches!(net.peers[0].client.status(), Status::Waiting { .. }));
}

#[test]
fn an_attempt_to_connect_has_a_time_out() {
    let mut client = alone(ClientConfig::default());
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

/// Found by fuzzing: the refused command made the machine's time go on.
#[test]
fn a_reconnection_that_is_refused_leaves_no_trace() {
    let mut client = alone(ClientConfig::default());
    client.close(Time::ZERO);
    client.handle_disconnected(Time::ZERO, Disconnect::Requested);
    let before = client.clone();
    assert_eq!(client.reconnect(Time::from_secs(1)), Err(CommandError::Closed));
    assert!(client == before);
}

#[test]
fn what_was_under_way_is_lost_and_its_fate_told() {
    let mut client = alone(ClientConfig::default());
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
