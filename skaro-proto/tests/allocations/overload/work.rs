//! What one connection may make the server do at a time, and how long it may keep a queue.

use super::*;

/// Case 3: 52 messages of 16,384 control characters were written three times, 5 MB, 2.5 MB and 1.2 MB, until they fit.
#[test]
fn a_history_full_of_escapes_is_written_once_and_fills_its_answer() {
    let mut world = World::new(ServerConfig::default(), 1);
    let id = world.sign_in("192.0.2.1", "user0");
    for _ in 0..52 {
        world.server.post(world.now, "user0", "user0", &"\u{1}".repeat(16_384)).unwrap();
        world.read(id);
    }
    let request = history("user0");
    let measured = allocation_counter::measure(|| world.send(id, &request));
    let Some(Transmit::Frame(answer)) = world.server.poll_transmit(id) else { panic!() };
    let (length, limit) = (answer.as_bytes().len(), ServerConfig::default().max_answer_bytes);
    // One more message would take 98,304 bytes and its frame.
    assert!((limit - 98_500..=limit).contains(&length), "{length}");
    assert!(measured.bytes_total < length as u64 * 5 / 4, "{measured:?} for {length} bytes");
    // A turn of the connection ends by what was read and written: it counts as much as 257 frames.
    let answers = (0..).take_while(|_| {
        world.send(id, &request);
        world.read(id);
        world.server.wants_frames(id)
    });
    assert!(answers.count() < 10);
}

/// Case 13: somebody who asks for much, reads nothing and answers pings kept 2 MiB for ever.
#[test]
fn a_queue_from_which_nothing_leaves_ends_its_connection() {
    let mut world = World::new(ServerConfig::default(), 1);
    let id = world.sign_in("192.0.2.1", "user0");
    world.server.post(world.now, "user0", "user0", &"x".repeat(16_000)).unwrap();
    world.read(id);
    let mut asked = 0;
    while world.server.wants_frames(id) {
        world.send(id, &history("user0"));
        asked += 1;
    }
    // Its network slows it down long before it is cut off.
    assert_eq!(asked, 5);
    for second in 0..59 {
        world.pass(Duration::from_secs(1));
        world.server.handle_pong(world.now, id);
        assert!(world.server.has_connection(id), "after {second} s");
    }
    // A little leaves: it has another minute.
    assert!(world.server.poll_transmit(id).is_some());
    for _ in 0..59 {
        world.pass(Duration::from_secs(1));
        world.server.handle_pong(world.now, id);
    }
    assert!(world.server.has_connection(id));
    world.pass(Duration::from_secs(1));
    assert!(!world.server.has_connection(id));
    assert_eq!(std::iter::from_fn(|| world.server.poll_ready()).last(), Some(id));
}

#[test]
fn frames_that_come_too_fast_wait_in_the_network() {
    let mut config = ServerConfig::default();
    config.frame_rate = Some(Rate::new(10, 32));
    let mut world = World::new(config, 1);
    let id = world.sign_in("192.0.2.1", "user0");
    world.pass(Duration::from_secs(10));
    let mut taken = 0;
    for _ in 0..100 {
        while world.server.poll_ready().is_some() {}
        while world.server.wants_frames(id) {
            world.ask(id, r#"{"type":"register_type","on_request":1}"#);
            taken += 1;
        }
        world.pass(Duration::from_millis(100));
        // Whoever waits for it is told.
        assert!(!world.server.wants_frames(id) || world.server.poll_ready() == Some(id));
    }
    // The burst, and ten seconds of 10 each.
    assert!((125..=134).contains(&taken), "{taken}");
}

/// Else sixteen times the bytes of short messages would be kept and shown for the same allowance.
#[test]
fn a_long_message_counts_as_several_but_is_never_too_long_for_the_rate() {
    let mut config = ServerConfig::default();
    config.message_rate = Some(Rate::new(1, 8));
    let mut world = World::new(config, 1);
    let id = world.sign_in("192.0.2.1", "user0");
    let send = |world: &mut World, kibibytes: usize| {
        let answer = world.ask(id, &message("user0", &"x".repeat(kibibytes << 10)));
        answer["status"].as_str().unwrap().to_owned()
    };
    let statuses = [16, 4, 5, 0, 0].map(|length| send(&mut world, length));
    assert_eq!(statuses, ["200", "200", "200", "200", "429"], "four, one, two, one");
    let mut config = ServerConfig::default();
    config.message_rate = Some(Rate::new(1, 2));
    let mut world = World::new(config, 1);
    assert_eq!(world.sign_in("192.0.2.1", "user0"), id);
    assert_eq!([16, 0].map(|length| send(&mut world, length)), ["200", "429"]);
}

/// The number of requests that these connections have handled in ten seconds.
fn taken_from(world: &mut World, ids: &[ConnectionId]) -> u32 {
    let mut taken = 0;
    for _ in 0..100 {
        for id in ids {
            while world.server.wants_frames(*id) {
                world.ask(*id, r#"{"type":"register_type","on_request":1}"#);
                taken += 1;
            }
        }
        world.pass(Duration::from_millis(100));
    }
    taken
}

/// Else a user's 64 connections, or an address's 256, had so many times the rate of one.
#[test]
fn more_connections_of_a_user_or_address_bring_no_higher_rate() {
    let mut config = ServerConfig::default();
    config.frame_rate = Some(Rate::new(10, 32));
    let mut world = World::new(config, 2);
    let users: Vec<_> = (0..8).map(|n| world.sign_in(&format!("192.0.2.{n}"), "user0")).collect();
    let strangers: Vec<_> = (0..8).map(|_| world.connect("198.51.100.1").0).collect();
    world.pass(Duration::from_secs(10));
    for ids in [users, strangers] {
        let taken = taken_from(&mut world, &ids);
        // The burst, ten seconds of 10 each, and for each connection the one that was too fast.
        assert!((125..=148).contains(&taken), "{taken}");
    }
    // Who is signed in at the same address, another address, and one that is unknown have theirs.
    let (unlucky, token) = world.connect("198.51.100.1");
    assert_eq!(world.authorize(unlucky, &token, "user1", PASSWORD)["status"], "200");
    assert!(world.server.wants_frames(unlucky));
    let unknown = world.server.connect(world.now, Some(Format::Json)).unwrap();
    for id in [unlucky, world.connect("198.51.100.2").0, unknown] {
        world.read(id);
        assert!((125..=135).contains(&taken_from(&mut world, &[id])));
    }
}

#[test]
fn a_new_connection_from_the_same_address_does_not_begin_anew() {
    let mut config = ServerConfig::default();
    config.frame_rate = Some(Rate::new(10, 32));
    let mut world = World::new(config, 0);
    let mut taken = 0;
    for _ in 0..100 {
        let (id, _) = world.connect("192.0.2.1");
        while world.server.wants_frames(id) {
            world.ask(id, r#"{"type":"register_type","on_request":1}"#);
            taken += 1;
        }
        world.server.handle_disconnected(world.now, id);
    }
    assert_eq!(taken, 32 + 100, "the burst, and one for each connection");
}

/// After the closing handshake began, nothing had a rate any more.
#[test]
fn a_closing_connection_is_slowed_down_like_any_other() {
    let mut world = World::new(ServerConfig::default(), 1);
    let id = world.sign_in("192.0.2.1", "user0");
    world.server.handle_failed(world.now, id, CloseCode::Protocol);
    assert_eq!(world.read(id), ["Close(Protocol)"]);
    let taken = (0..10_000).take_while(|_| {
        world.send(id, "{}");
        world.server.wants_frames(id)
    });
    assert_eq!(taken.count(), 2000);
    assert!(!world.server.is_online("user0"));
    world.pass(Duration::from_secs(1));
    assert!(world.server.wants_frames(id));
    world.pass(Duration::from_secs(4));
    assert!(!world.server.has_connection(id));
}
