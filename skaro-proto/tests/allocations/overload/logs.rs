//! What logs and cursors cost in memory, by the allocator's count.

use super::*;

/// A connection with a cursor, and the answer; entries wait.
fn sign_in_at(world: &mut World, login: &str, since: &str) -> (ConnectionId, Json) {
    let (id, token) = world.connect("192.0.2.1");
    let proof = auth::proof(PASSWORD, &token);
    let request = format!(
        r#"{{"type":"authorize","on_request":1,"login":"{login}","password":"{proof}","since":{since}}}"#
    );
    world.send(id, &request);
    let Some(Transmit::Frame(answer)) = world.server.poll_transmit(id) else { panic!() };
    (id, serde_json::from_slice(answer.as_bytes()).unwrap())
}

fn ack(position: u64) -> String {
    format!(r#"{{"type":"ack","position":{position}}}"#)
}

#[test]
fn an_idle_connection_with_a_cursor_takes_little_more_than_a_kibibyte() {
    const COUNT: usize = 200;
    let mut world = World::new(ServerConfig::default(), COUNT + 1);
    // The logs are there already.
    for n in 1..=COUNT {
        world.server.post(world.now, "user0", &format!("user{n}"), "hello").unwrap();
    }
    let measured = allocation_counter::measure(|| {
        for n in 1..=COUNT {
            let (id, answer) = sign_in_at(&mut world, &format!("user{n}"), "0");
            assert_eq!(answer["head"], 1);
            assert_eq!(world.read(id)[0]["position"], 1);
            world.send(id, &ack(1));
        }
        // It is told by then that they have come.
        world.now = world.now + std::time::Duration::from_secs(3);
        world.server.handle_timeout(world.now);
    });
    // Account, session, connection and cursor, each in a tree of its own.
    assert!(measured.bytes_current < 1152 * COUNT as i64, "{} each", measured.bytes_current / COUNT as i64);
    assert!(measured.bytes_current > 300 * COUNT as i64, "this measures nothing: {measured:?}");
}

#[test]
fn catching_up_takes_no_memory() {
    const ENTRIES: u64 = 100_000;
    let mut config = ServerConfig::default();
    (config.max_dialog_messages, config.max_dialog_bytes, config.frame_rate) = (usize::MAX, usize::MAX, None);
    let mut world = World::new(config, 2);
    for n in 0..ENTRIES {
        world.server.post(world.now, "user1", "user0", &format!("{n} hello, how are you?")).unwrap();
    }
    let (id, answer) = sign_in_at(&mut world, "user0", "0");
    assert_eq!((&answer["head"], &answer["begin"]), (&ENTRIES.into(), &0.into()));
    let before = world.server.memory();
    let mut position = 0;
    let measured = allocation_counter::measure(|| {
        while position < ENTRIES {
            while let Some(transmit) = world.server.poll_transmit(id) {
                assert!(matches!(transmit, Transmit::Frame(_)));
                position += 1;
                if position % 128 == 0 || position == ENTRIES {
                    world.send(id, &ack(position));
                }
                assert!(world.server.memory() < before + (200 << 10));
            }
        }
    });
    assert!(measured.bytes_max < 256 << 10, "{measured:?}");
    assert!(measured.bytes_current < 1024, "{measured:?}");
}

/// Keys and marks are counted, and make room like everything else.
#[test]
fn keys_are_part_of_the_total() {
    const LIMIT: usize = 1 << 20;
    let mut config = ServerConfig::default();
    (config.max_memory, config.message_rate, config.frame_rate) = (Some(LIMIT), None, None);
    let mut made = None;
    let measured = allocation_counter::measure(|| {
        let mut world = World::new(config, 2);
        let (id, _) = sign_in_at(&mut world, "user0", "\"head\"");
        for n in 1..=20_000 {
            let request = format!(
                r#"{{"type":"send_message","on_request":1,"to":"user1","body":"hello","key":"a key of some length {n}"}}"#
            );
            assert_eq!(world.ask(id, &request)["position"], n);
            world.send(id, &ack(n));
            assert!(world.server.memory() <= LIMIT);
        }
        made = Some(world);
    });
    let (counted, taken) = (made.unwrap().server.memory() as f64, measured.bytes_current as f64);
    assert!((0.75..1.25).contains(&(taken / counted)), "{taken} bytes are counted as {counted}");
}
