//! Who gets in, and who makes room.

use super::*;

/// Case 4: strangers' frames of 128 KiB took up to 16 ms each under the lock.
#[test]
fn a_strangers_large_frame_is_not_even_decoded() {
    let mut world = World::new(ServerConfig::default(), 1);
    let (id, _) = world.connect("192.0.2.1");
    let deep = format!("{}{},", "[".repeat(12), "]".repeat(12));
    let frame = format!(r#"{{"type":"x","on_request":1,"x":[{}0]}}"#, deep.repeat(5000));
    assert_eq!(world.server.max_frame_bytes(id), 16 << 10);
    let measured = allocation_counter::measure(|| world.send(id, &frame));
    assert!(measured.bytes_total < 1000, "{measured:?}");
    let said = world.read(id);
    assert!(said[0]["info"].as_str().unwrap().contains("the limit is 16384"), "{said:?}");
    assert_eq!(said[1], format!("Close({:?})", CloseCode::TooBig));
    let id = world.sign_in("192.0.2.1", "user0");
    assert_eq!(world.server.max_frame_bytes(id), 128 << 10);
}

/// Case 5: 1,024 connections that say nothing, renewed at 73 per second, let 2 of 100 others in.
#[test]
fn silent_connections_make_room_for_whoever_comes() {
    let mut world = World::new(ServerConfig::default(), 1);
    let mut attackers = std::collections::VecDeque::new();
    for n in 0..4000_u32 {
        // Some say nothing after their handshake, some do not even finish it.
        let address = format!("198.51.{}.{}", n / 250 % 250, n % 250);
        attackers.push_back(if n % 2 == 0 {
            world.connect(&address).0
        } else {
            world.accept(&address).unwrap()
        });
        world.pass(Duration::from_millis(1000 / 73));
        if n % 40 == 39 {
            // An honest client needs a second for the handshake, and another one to sign in.
            let id = world.accept("192.0.2.1").unwrap();
            let mut renewed = |world: &mut World| {
                for m in 0..73_u32 {
                    let address = format!("203.0.{}.{}", n % 200, m);
                    attackers.push_back(world.connect(&address).0);
                }
                world.pass(Duration::from_secs(1));
            };
            renewed(&mut world);
            world.server.handle_connected(world.now, id, Some(Format::Json));
            let token = world.read(id)[0]["token"].as_str().unwrap().to_owned();
            renewed(&mut world);
            assert_eq!(world.authorize(id, &token, "user0", PASSWORD)["status"], "200", "after {n}");
            world.server.handle_disconnected(world.now, id);
        }
    }
    assert!(world.server.connections() <= 1024, "{}", world.server.connections());
    assert!(attackers.iter().any(|id| !world.server.has_connection(*id)));
}

#[test]
fn the_stranger_who_came_first_makes_room_whatever_was_said_since() {
    let mut config = ServerConfig::default();
    config.max_strangers = Some(2);
    let mut world = World::new(config, 1);
    let (first, _) = world.connect("192.0.2.1");
    let (second, _) = world.connect("192.0.2.2");
    world.pass(Duration::from_secs(1));
    // Else a flood of requests would keep its place from those who are about to sign in.
    world.ask(first, r#"{"type":"register_type","on_request":1}"#);
    while world.server.poll_ready().is_some() {}
    let (newcomer, _) = world.connect("192.0.2.3");
    assert!(world.server.has_connection(second) && world.server.has_connection(newcomer));
    // The adapter learns of it, and drops the socket.
    assert!(!world.server.has_connection(first));
    assert_eq!(world.server.poll_ready(), Some(first));
}

#[test]
fn an_opening_handshake_has_a_deadline_and_nothing_to_say() {
    let mut world = World::new(ServerConfig::default(), 1);
    let id = world.accept("192.0.2.1").unwrap();
    assert_eq!(world.read(id), [] as [Json; 0]);
    world.pass(Duration::from_millis(14_999));
    assert!(world.server.has_connection(id));
    world.pass(Duration::from_millis(1));
    assert!(!world.server.has_connection(id));
    // Too late: there is nobody to greet.
    world.server.handle_connected(world.now, id, None);
    assert_eq!((world.server.connections(), world.server.poll_transmit(id)), (0, None));
}

#[test]
fn one_address_has_so_many_connections_and_the_others_have_theirs() {
    let mut config = ServerConfig::default();
    config.max_connections_per_address = Some(2);
    let mut world = World::new(config, 1);
    let first = world.connect("2001:db8::1").0;
    world.connect("2001:db8:0:ff::2");
    let refused = Err(AcceptError::TooManyFromAddress { limit: 2 });
    assert_eq!(world.accept("2001:db8::3"), refused);
    assert!(world.accept("2001:db8:0:100::3").is_ok());
    for _ in 0..10 {
        assert!(world.server.handle_accepted(world.now, Peer::UNKNOWN).is_ok());
    }
    world.server.handle_disconnected(world.now, first);
    assert!(world.accept("2001:db8::3").is_ok());
    assert_eq!(world.accept("2001:db8::3"), refused);
}

#[test]
fn guessing_passwords_gets_slower_and_locks_nobody_out_elsewhere() {
    let mut world = World::new(ServerConfig::default(), 2);
    let (mut id, mut token) = world.connect("198.51.100.1");
    let mut wrong = 0;
    let refused = loop {
        let answer = world.authorize(id, &token, "user0", "guess");
        match answer["status"].as_str() {
            Some("401") => wrong += 1,
            Some("429") => break answer,
            _ => (id, token) = world.connect("198.51.100.1"),
        }
    };
    assert_eq!((wrong, refused["info"].as_str()), (11, Some("too many wrong passwords: try again in 1 s")));
    // Not even with the right password; after a while with it.
    (id, token) = world.connect("198.51.100.1");
    assert_eq!(world.authorize(id, &token, "user1", PASSWORD)["status"], "429");
    world.pass(Duration::from_secs(1));
    assert_eq!(world.authorize(id, &token, "user1", PASSWORD)["status"], "200");
    // The user whose password was guessed is somewhere else.
    let owner = world.sign_in("192.0.2.1", "user0");
    world.server.handle_disconnected(world.now, owner);
    // Many addresses guess this user's password: those wait, the user's own does not.
    for n in 0..200 {
        let (id, token) = world.connect(&format!("203.0.113.{n}"));
        world.authorize(id, &token, "user0", "guess");
        world.server.handle_disconnected(world.now, id);
    }
    let (stranger, token) = world.connect("203.0.113.250");
    assert_eq!(world.authorize(stranger, &token, "user0", PASSWORD)["status"], "429");
    // It can't be told from outside whether there is such a user.
    for n in 0..200 {
        let (id, token) = world.connect(&format!("203.0.113.{n}"));
        world.authorize(id, &token, "nobody", "guess");
        world.server.handle_disconnected(world.now, id);
    }
    assert_eq!(world.authorize(stranger, &token, "nobody", PASSWORD)["status"], "429");
    world.sign_in("192.0.2.1", "user0");
    world.pass(Duration::from_secs(60));
    world.sign_in("203.0.113.251", "user0");
}

/// Each client comes with the session that the server has forgotten: that is no guess.
#[test]
fn a_restart_of_the_server_locks_no_address_out() {
    let mut world = World::new(ServerConfig::default(), 1);
    for _ in 0..50 {
        let (id, token) = world.connect("192.0.2.1");
        let answer = world.ask(id, r#"{"type":"session_restore","on_request":1,"sid":"forgotten"}"#);
        assert_eq!(answer["status"], "401");
        assert_eq!(world.authorize(id, &token, "user0", PASSWORD)["status"], "200");
    }
}

/// Without file descriptors nobody else could come in, and nobody would make room.
#[test]
fn the_oldest_stranger_makes_room_when_the_system_accepts_no_more() {
    let mut world = World::new(ServerConfig::default(), 1);
    let (silent, _) = world.connect("192.0.2.1");
    let user = world.sign_in("192.0.2.2", "user0");
    assert!(world.server.handle_exhausted(world.now));
    assert!(!world.server.has_connection(silent) && world.server.has_connection(user));
    assert!(!world.server.handle_exhausted(world.now), "whoever is signed in stays");
}
