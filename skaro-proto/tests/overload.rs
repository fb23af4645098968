//! Nobody can knock the server over: what peers did to it, with the smallest input that showed it, and what it costs now.
//!
//! Memory is counted by the allocator, work in bytes that are asked for: nothing here is timed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value as Json;
use skaro_proto::client::{self, Client};
use skaro_proto::server::{AcceptError, Config, ConnectionId, Peer, Rate, Server};
use skaro_proto::{CloseCode, Format, Frame, Time, Transmit, auth};

const PASSWORD: &str = "correct horse";

/// A server with its time.
struct World {
    server: Server,
    now: Time,
}

impl World {
    fn new(config: Config, users: usize) -> World {
        let mut server = Server::new(config, [7; 32]);
        (0..users).for_each(|n| server.add_user(&user(n), PASSWORD).unwrap());
        World { server, now: Time::from_secs(1_000_000) }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.server.poll_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.server.handle_timeout(self.now);
        }
        self.now = end;
        self.server.handle_timeout(end);
    }

    fn accept(&mut self, address: &str) -> Result<ConnectionId, AcceptError> {
        self.server.handle_accepted(self.now, address.parse::<IpAddr>().unwrap().into())
    }

    /// A connection whose handshake is done, and the server's token.
    fn connect(&mut self, address: &str) -> (ConnectionId, String) {
        let id = self.accept(address).unwrap();
        self.server.handle_connected(self.now, id, Some(Format::Json));
        let challenge = self.read(id);
        (id, challenge[0]["token"].as_str().unwrap().to_owned())
    }

    /// What the server sends, all of it.
    fn read(&mut self, id: ConnectionId) -> Vec<Json> {
        let mut all = Vec::new();
        while let Some(transmit) = self.server.poll_transmit(id) {
            all.push(match transmit {
                Transmit::Frame(frame) => serde_json::from_slice(frame.as_bytes()).unwrap(),
                other => Json::String(format!("{other:?}")),
            });
        }
        all
    }

    fn send(&mut self, id: ConnectionId, frame: &str) {
        _ = self.server.handle_frame(self.now, id, Frame::Text(frame));
    }

    fn ask(&mut self, id: ConnectionId, frame: &str) -> Json {
        self.send(id, frame);
        self.read(id).into_iter().next().unwrap_or(Json::Null)
    }

    fn authorize(&mut self, id: ConnectionId, token: &str, login: &str, password: &str) -> Json {
        let proof = auth::proof(password, token);
        self.ask(
            id,
            &format!(r#"{{"type":"authorize","on_request":1,"login":"{login}","password":"{proof}"}}"#),
        )
    }

    fn sign_in(&mut self, address: &str, login: &str) -> ConnectionId {
        let (id, token) = self.connect(address);
        assert_eq!(self.authorize(id, &token, login, PASSWORD)["status"], "200");
        id
    }
}

fn user(n: usize) -> String {
    format!("user{n}")
}

fn message(to: &str, body: &str) -> String {
    format!(r#"{{"type":"send_message","on_request":1,"to":"{to}","body":"{body}"}}"#)
}

fn history(of: &str) -> String {
    format!(r#"{{"type":"get_history","on_request":1,"login":"{of}"}}"#)
}

/// Case 3: 52 messages of 16,384 control characters were written three times, 5 MB, 2.5 MB and 1.2 MB, until they fit.
#[test]
fn a_history_full_of_escapes_is_written_once_and_fills_its_answer() {
    let mut world = World::new(Config::default(), 1);
    let id = world.sign_in("192.0.2.1", "user0");
    for _ in 0..52 {
        world.server.post(world.now, "user0", "user0", &"\u{1}".repeat(16_384)).unwrap();
        world.read(id);
    }
    let request = history("user0");
    let measured = allocation_counter::measure(|| world.send(id, &request));
    let Some(Transmit::Frame(answer)) = world.server.poll_transmit(id) else { panic!() };
    let (length, limit) = (answer.as_bytes().len(), Config::default().answer);
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

/// Case 4: strangers' frames of 128 KiB took up to 16 ms each under the lock.
#[test]
fn a_strangers_large_frame_is_not_even_decoded() {
    let mut world = World::new(Config::default(), 1);
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
    let mut world = World::new(Config::default(), 1);
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
fn whoever_says_something_outlives_those_who_are_silent() {
    let mut config = Config::default();
    config.strangers = Some(2);
    let mut world = World::new(config, 1);
    let (speaks, _) = world.connect("192.0.2.1");
    let (silent, _) = world.connect("192.0.2.2");
    world.pass(Duration::from_secs(1));
    world.ask(speaks, r#"{"type":"register_type","on_request":1}"#);
    while world.server.poll_ready().is_some() {}
    let (newcomer, _) = world.connect("192.0.2.3");
    assert!(world.server.has_connection(speaks) && world.server.has_connection(newcomer));
    // The adapter learns of it, and drops the socket.
    assert!(!world.server.has_connection(silent));
    assert_eq!(world.server.poll_ready(), Some(silent));
}

#[test]
fn an_opening_handshake_has_a_deadline_and_nothing_to_say() {
    let mut world = World::new(Config::default(), 1);
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
    let mut config = Config::default();
    config.connections_per_address = Some(2);
    let mut world = World::new(config, 1);
    let first = world.connect("2001:db8::1").0;
    world.connect("2001:db8::2");
    let refused = Err(AcceptError::TooManyFromAddress { limit: 2 });
    assert_eq!(world.accept("2001:db8::3"), refused);
    assert!(world.accept("2001:db8:0:1::3").is_ok());
    for _ in 0..10 {
        assert!(world.server.handle_accepted(world.now, Peer::UNKNOWN).is_ok());
    }
    world.server.handle_disconnected(world.now, first);
    assert!(world.accept("2001:db8::3").is_ok());
    assert_eq!(world.accept("2001:db8::3"), refused);
}

/// Case 11: each of 120 connections that asked once for a history of 1 MB kept 1.7 MiB.
#[test]
fn an_answer_that_was_read_leaves_no_memory_behind() {
    let mut world = World::new(Config::default(), 1);
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
    let mut client = Client::new(client::Config::default(), 1);
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

/// Case 13: somebody who asks for much, reads nothing and answers pings kept 2 MiB for ever.
#[test]
fn a_queue_from_which_nothing_leaves_ends_its_connection() {
    let mut world = World::new(Config::default(), 1);
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
    let mut config = Config::default();
    config.frames = Some(Rate::new(10, 32));
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

/// Case 14: one user wrote 25,600 messages to 400 others in 1.4 s, which took 392 MiB for ever.
#[test]
fn one_user_cannot_fill_the_memory_with_messages() {
    let mut world = World::new(Config::default(), 401);
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
    assert_eq!((taken, refused["status"].as_str()), (1000, Some("429")));
    assert_eq!(refused["info"], "too many messages: try again in 1 s");
    assert!(world.server.memory() - before < 20_000_000);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.ask(id, &message("user1", "x"))["status"], "200");
}

#[test]
fn the_machines_memory_has_a_total_and_the_oldest_messages_go_first() {
    const LIMIT: usize = 4 << 20;
    let mut config = Config::default();
    (config.max_memory, config.messages, config.frames) = (Some(LIMIT), None, None);
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
fn without_memory_requests_are_refused_and_newcomers_too() {
    let mut config = Config::default();
    config.max_memory = Some(300_000);
    config.limits.output = 10 << 20;
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
    let mut config = Config::default();
    config.max_memory = Some(1000);
    let mut world = World::new(config, 2);
    assert_eq!(world.accept("192.0.2.1"), Err(AcceptError::OutOfMemory { limit: 1000 }));
}

#[test]
fn guessing_passwords_gets_slower_and_locks_nobody_out_elsewhere() {
    let mut world = World::new(Config::default(), 2);
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
    let mut world = World::new(Config::default(), 1);
    for _ in 0..50 {
        let (id, token) = world.connect("192.0.2.1");
        let answer = world.ask(id, r#"{"type":"session_restore","on_request":1,"sid":"forgotten"}"#);
        assert_eq!(answer["status"], "401");
        assert_eq!(world.authorize(id, &token, "user0", PASSWORD)["status"], "200");
    }
}

/// Case 17: a clock that was put right by a year left messages a year back until the restart.
#[test]
fn dates_follow_the_clock_in_either_direction() {
    const YEAR: i64 = 365 * 24 * 3600 * 1000;
    const TODAY: i64 = 1_718_000_000_000;
    let mut world = World::new(Config::default(), 3);
    let post = |world: &mut World, unix: i64, to: &str| {
        world.pass(Duration::from_secs(1));
        world.server.set_time_of_day(world.now, unix);
        world.server.post(world.now, "user0", to, "x").unwrap()
    };
    // It goes forward,
    assert_eq!(post(&mut world, TODAY - YEAR, "user1"), TODAY - YEAR);
    assert_eq!(post(&mut world, TODAY, "user1"), TODAY);
    // also by itself,
    world.pass(Duration::from_secs(5));
    assert_eq!(world.server.post(world.now, "user0", "user1", "x").unwrap(), TODAY + 5000);
    // a year too far, and back: the dates of this dialog go on from there, those of others are right.
    assert_eq!(post(&mut world, TODAY + YEAR, "user1"), TODAY + YEAR);
    assert_eq!(post(&mut world, TODAY + 10_000, "user1"), TODAY + YEAR + 1);
    assert_eq!(post(&mut world, TODAY + 11_000, "user1"), TODAY + YEAR + 2);
    assert_eq!(post(&mut world, TODAY + 12_000, "user2"), TODAY + 12_000);
    assert_eq!(post(&mut world, TODAY + YEAR + 13_000, "user1"), TODAY + YEAR + 13_000);
    // Nonsense is no harm.
    assert!(post(&mut world, i64::MIN, "user2") > TODAY);
    assert_eq!(post(&mut world, i64::MAX, "user2"), i64::MAX);
}

#[test]
fn logins_of_conferences_are_reserved() {
    let mut world = World::new(Config::default(), 0);
    let error = world.server.add_user("#rust", "x").unwrap_err();
    assert!(error.to_string().contains("choose another"), "{error}");
}
