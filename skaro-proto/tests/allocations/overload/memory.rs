//! What peers cost in memory, by the allocator's count.

use super::*;

/// What answers repeat of a request is small, so that its frame can't come back several times as large.
#[test]
fn a_stranger_who_reads_nothing_costs_little() {
    let mut world = World::new(ServerConfig::default(), 1);
    for (request, closes) in [
        (r#"{"type":"register_type","on_request":1}"#.to_owned(), CloseCode::Policy),
        (
            format!(r#"{{"type":"{}","on_request":18446744073709551615}}"#, "\\u0001".repeat(250)),
            CloseCode::Policy,
        ),
        (format!(r#"{{"type":"{}","on_request":1}}"#, "\\u0001".repeat(257)), CloseCode::Policy),
    ] {
        let mut id = None;
        let measured = allocation_counter::measure(|| {
            let accepted = world.server.handle_accepted(world.now, Peer::UNKNOWN).unwrap();
            world.server.handle_connected(world.now, accepted, Some(Format::Json));
            // One who goes on although nobody wants that is cut off.
            for _ in 0..1000 {
                _ = world.server.handle_frame(world.now, accepted, Frame::Text(&request));
            }
            id = Some(accepted);
        });
        assert!(measured.bytes_max < 128 << 10, "{measured:?}");
        let sent = world.read(id.unwrap());
        assert_eq!(sent.last().unwrap(), &format!("Close({closes:?})"));
    }
}

#[test]
fn a_user_who_reads_nothing_costs_4_mib_at_most() {
    let mut world = World::new(ServerConfig::default(), 1);
    let id = world.sign_in("192.0.2.1", "user0");
    for _ in 0..62 {
        world.server.post(world.now, "user0", "user0", &"x".repeat(16_384)).unwrap();
        world.read(id);
    }
    let request = history("user0");
    let measured = allocation_counter::measure(|| {
        while world.server.is_online("user0") {
            world.server.handle_frame(world.now, id, Frame::Text(&request)).unwrap();
        }
    });
    assert!((2 << 20..4 << 20).contains(&measured.bytes_max), "{measured:?}");
    assert!(measured.bytes_current < 4096, "{measured:?}");
}

/// Case 11: each of 120 connections that asked once for a history of 1 MB kept 1.7 MiB.
#[test]
fn an_answer_that_was_read_leaves_no_memory_behind() {
    let mut world = World::new(ServerConfig::default(), 1);
    let ids: Vec<_> = (0..60).map(|_| world.sign_in("192.0.2.1", "user0")).collect();
    for _ in 0..62 {
        world.server.post(world.now, "user0", "user0", &"x".repeat(16_384)).unwrap();
    }
    for id in &ids {
        while world.server.poll_transmit(*id).is_some() {}
    }
    let before = world.server.memory();
    let request = history("user0");
    let measured = allocation_counter::measure(|| {
        for id in &ids {
            world.server.handle_frame(world.now, *id, Frame::Text(&request)).unwrap();
            let Some(Transmit::Frame(answer)) = world.server.poll_transmit(*id) else { panic!() };
            assert!(answer.as_bytes().len() > 1_000_000);
            assert_eq!(world.server.poll_transmit(*id), None);
        }
    });
    assert!(measured.bytes_current < 60 * 4096, "{measured:?}");
    assert!(measured.bytes_max < 3 << 20, "{measured:?}");
    assert!(world.server.memory() <= before + 60 * 1024);
}

/// Case 12: four frames of nested maps, 1 MiB each, were kept in 590 MiB and counted as 4.
#[test]
fn what_an_event_keeps_is_counted_by_what_it_takes() {
    let mut client = Client::new(client::ClientConfig::default(), [1; 32]);
    client.handle_connected(Time::ZERO);
    let mut frames = vec![
        r#"{"type":"check_connection","token":"t","x":[1,2,3]}"#.to_owned(),
        format!(r#"{{"type":"info","info":"{}"}}"#, "x".repeat(100_000)),
        r#"{"type":"show_message","from":{"login":"a"},"to":"b","body":"hello","date":"today","x":null}"#
            .to_owned(),
    ];
    for (item, count) in
        [("[],", 50_000), ("{},", 50_000), (r#"{"":0},"#, 50_000), (r#"{"a":{"b":{"c":[1,2]}}},"#, 20_000)]
    {
        frames.push(format!(r#"{{"type":"x","x":[{}0]}}"#, item.repeat(count)));
    }
    frames.push(format!(r#"{{"type":"x"{}}}"#, r#","":0"#.repeat(100_000)));
    for frame in &frames {
        let mut event = None;
        let measured = allocation_counter::measure(|| {
            event = Some(client.handle_frame(Time::ZERO, Frame::Text(frame)).unwrap().into_owned());
        });
        let counted = event.unwrap().heap_bytes() as i64;
        let taken = measured.bytes_current;
        assert!(
            (counted + 128) * 4 >= taken * 3 && counted <= taken * 5 / 4 + 64,
            "{taken} bytes are counted as {counted}: {frame:.60}"
        );
    }
}

/// Case 14: one user wrote 25,600 messages to 400 others in 1.4 s, which took 392 MiB for ever.
#[test]
fn one_user_cannot_fill_the_memory_with_messages() {
    let mut world = World::new(ServerConfig::default(), 401);
    let id = world.sign_in("192.0.2.1", "user0");
    let body = "x".repeat(16_000);
    let before = world.server.memory();
    let (mut taken, mut refused) = (0, Json::Null);
    for n in 0..25_600 {
        let answer = world.ask(id, &message(&user(n % 400 + 1), &body));
        match answer["status"].as_str() {
            Some("200") => taken += 1,
            _ => refused = answer,
        }
    }
    // Each counts four times.
    assert_eq!((taken, refused["status"].as_str()), (250, Some("429")));
    assert_eq!(refused["info"], "too many messages: try again in 1 s");
    assert!(world.server.memory() - before < 5_000_000);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.ask(id, &message("user1", "x"))["status"], "200");
}

#[test]
fn the_machines_memory_has_a_total_and_the_oldest_messages_go_first() {
    const LIMIT: usize = 4 << 20;
    let mut config = ServerConfig::default();
    (config.max_memory, config.message_rate, config.frame_rate) = (Some(LIMIT), None, None);
    let mut world = None;
    let measured = allocation_counter::measure(|| {
        let mut made = World::new(config, 401);
        let id = made.sign_in("192.0.2.1", "user0");
        for n in 0..25_600 {
            let body = format!("{n} {}", "x".repeat(n % 2000));
            assert_eq!(made.ask(id, &message(&user(n % 400 + 1), &body))["status"], "200");
            assert!(made.server.memory() <= LIMIT);
        }
        world = Some((made, id));
    });
    let (mut world, id) = world.unwrap();
    // What is counted is what is taken.
    let (counted, taken) = (world.server.memory() as f64, measured.bytes_current as f64);
    assert!((0.8..1.25).contains(&(taken / counted)), "{taken} bytes are counted as {counted}");
    // The newest message of each dialog is there, of none the first.
    for n in [1, 200, 400] {
        let answer = world.ask(id, &history(&user(n)));
        let messages = answer["history"].as_array().unwrap();
        let number =
            |at: usize| messages[at]["body"].as_str().unwrap().split(' ').next().unwrap().parse::<usize>();
        assert_eq!(number(messages.len() - 1).unwrap(), 25_600 - 400 + n - 1);
        assert!(number(0).unwrap() > 20_000);
    }
}

#[test]
fn queues_of_those_who_do_not_read_push_no_message_out() {
    const LIMIT: usize = 1 << 20;
    let mut config = ServerConfig::default();
    (config.max_memory, config.limits.max_queued_bytes) = (Some(LIMIT), LIMIT);
    (config.frame_rate, config.max_answer_bytes) = (None, LIMIT / 8);
    let mut world = World::new(config, 2);
    let id = world.sign_in("192.0.2.1", "user0");
    for _ in 0..LIMIT / 4 / 16_000 {
        assert_eq!(world.ask(id, &message("user1", &"x".repeat(16_000)))["status"], "200");
    }
    let count = |world: &mut World| world.ask(id, &history("user1"))["history"].as_array().unwrap().len();
    let before = count(&mut world);
    let reader = world.sign_in("192.0.2.2", "user1");
    for _ in 0..20 {
        world.send(reader, &history("user0"));
    }
    assert!(world.server.memory() > LIMIT * 5 / 8, "that was no attack");
    assert_eq!(world.read(reader).last().unwrap()["status"], "503");
    assert_eq!(count(&mut world), before);
}

#[test]
fn without_memory_requests_are_refused_and_newcomers_too() {
    let mut config = ServerConfig::default();
    config.max_memory = Some(300_000);
    config.limits.max_queued_bytes = 10 << 20;
    let mut world = World::new(config, 2);
    let reader = world.sign_in("192.0.2.1", "user1");
    let id = world.sign_in("192.0.2.1", "user0");
    let body = "x".repeat(16_000);
    // The queue of somebody who does not read can't be given up like a history.
    let answers: Vec<_> =
        (0..30).map(|_| world.ask(id, &message("user1", &body))["status"].clone()).collect();
    assert_eq!((&answers[0], answers.last().unwrap()), (&"200".into(), &"503".into()));
    world.read(reader);
    assert_eq!(world.ask(id, &message("user1", &body))["status"], "200");
    let mut config = ServerConfig::default();
    config.max_memory = Some(100);
    let mut world = World::new(config, 0);
    assert_eq!(world.accept("192.0.2.1"), Err(AcceptError::OutOfMemory { limit: 100 }));
}
