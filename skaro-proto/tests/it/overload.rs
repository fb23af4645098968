//! The server with a slow store and clients that ask for much: what is bounded, and what is not done in vain.

use std::time::Duration;

use serde_json::json;
use skaro_proto::server::store::{Operation, StoreError};
use skaro_proto::server::{Rate, ServerConfig};

use crate::stored::World;

impl World {
    /// Carries out what was asked for; returns how many readings of logs were among it.
    fn keep_and_count_readings(&mut self) -> usize {
        let mut readings = 0;
        while let Some((id, operation)) = self.server.poll_store() {
            readings += usize::from(matches!(operation, Operation::ReadLog { .. }));
            let result = skaro_proto::server::store::Store::execute(&mut self.store, operation);
            self.server.handle_stored(self.now, id, result);
        }
        readings
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
        self.server.handle_timeout(self.now);
    }
}

/// Each answer may be as long as a queue: the second one got its reader cut off as too slow.
#[test]
fn histories_are_read_one_after_the_other() {
    let mut world = World::new();
    let (alice, _) = world.sign_in("alice", false);
    let body = "x".repeat(16_000);
    for number in 0..64 {
        world.say(
            alice,
            &json!({"type": "send_message", "on_request": number + 2, "to": "bob", "body": body}),
        );
        world.keep();
    }
    world.hear(alice);
    let mut answered = 0;
    for kind in ["get_history", "get_contacts", "get_history"] {
        for number in 100..105 {
            if world.server.wants_frames(alice) {
                world.say(alice, &json!({"type": kind, "on_request": number, "login": "bob"}));
            }
        }
        world.keep();
        let heard = world.hear(alice);
        assert!(heard.iter().all(|answer| answer["status"] == "200"), "{heard:?}");
        answered += heard.len();
    }
    assert_eq!(answered, 3);
    // It is not waited for longer than for anything else.
    world.say(alice, &json!({"type": "get_history", "on_request": 200, "login": "bob"}));
    assert!(!world.server.wants_frames(alice));
    world.now = world.now + Duration::from_secs(10);
    world.server.handle_timeout(world.now);
    assert!(world.server.wants_frames(alice));
    world.keep();
    assert!(world.server.wants_frames(alice));
}

#[test]
fn an_account_has_256_operations_open_at_most_on_all_its_connections() {
    let mut world = World::new();
    let ids = [(); 4].map(|()| world.sign_in("alice", false).0);
    let (other, _) = world.sign_in("alice", false);
    for (n, id) in ids.into_iter().enumerate() {
        (0..100).for_each(|number| world.send(id, number + 2, "bob"));
        let told = world.hear(id);
        let refused = told.iter().filter(|answer| answer["status"] == "503").count();
        assert_eq!((told.len(), refused), [(0, 0), (0, 0), (44, 44), (100, 100)][n], "{n}");
        // Those that are gone count on.
        world.server.handle_disconnected(world.now, id);
    }
    let leaves = 4;
    assert_eq!(world.server.open_operations(), 256 + leaves);
    // All connections of the user are read on once one of them is done.
    while world.server.poll_ready().is_some() {}
    assert!(!world.server.wants_frames(other));
    world.carry_out();
    world.tell();
    assert!(world.server.wants_frames(other));
    assert!(std::iter::from_fn(|| world.server.poll_ready()).any(|id| id == other));
}

#[test]
fn strangers_have_1024_sign_ins_under_way_at_most() {
    let mut world = World::new();
    let last = (0..1030).map(|_| world.authorize("alice", false)).last().unwrap();
    assert_eq!(world.server.open_operations(), 1024);
    assert_eq!(world.hear(last)[0]["status"], "503");
    world.refuse(StoreError::Unavailable);
    let (_, sid) = world.sign_in("alice", false);
    assert_eq!(sid.len(), 32);
}

#[test]
fn what_is_longer_than_any_is_refused_before_the_store_is_asked() {
    let mut world = World::new();
    let (alice, _) = world.sign_in("alice", false);
    let login = "x".repeat(65);
    for request in [
        json!({"type": "get_history", "on_request": 2, "login": login}),
        json!({"type": "read", "on_request": 2, "login": login, "up_to": 0}),
        json!({"type": "send_message", "on_request": 2, "to": login, "body": "hi", "key": "k"}),
    ] {
        world.say(alice, &request);
        assert_eq!(world.hear(alice)[0]["status"], "404", "{request}");
    }
    let (stranger, _) = world.connect();
    for request in [
        json!({"type": "authorize", "on_request": 2, "login": login, "password": "p"}),
        json!({"type": "authorize", "on_request": 2, "login": "alice", "password": "p".repeat(129)}),
        json!({"type": "session_restore", "on_request": 2, "sid": "s".repeat(33)}),
    ] {
        world.say(stranger, &request);
        assert_eq!(world.hear(stranger)[0]["status"], "401", "{request}");
    }
    assert!(world.server.poll_store().is_none());
}

#[test]
fn a_window_that_is_full_by_bytes_is_not_read_for_again_and_again() {
    let mut world = World::new();
    let (alice, _) = world.sign_in("alice", true);
    let (bob, _) = world.sign_in("bob", false);
    let body = "x".repeat(16_000);
    let (mut heard, mut readings) = (0, Vec::new());
    for number in 0..80 {
        world.say(
            bob,
            &json!({"type": "send_message", "on_request": number + 2, "to": "alice", "body": body}),
        );
        readings.push(world.keep_and_count_readings());
        heard += world.hear(alice).len();
    }
    assert!((64..68).contains(&heard), "{heard}");
    assert_eq!(readings[heard..].iter().sum::<usize>(), 0, "{readings:?}");
    world.say(alice, &json!({"type": "ack", "position": heard}));
    while world.keep_and_count_readings() > 0 {
        heard += world.hear(alice).len();
    }
    assert_eq!(heard, 80);
}

#[test]
fn a_repetition_of_what_was_told_makes_nobody_read() {
    let mut world = World::new();
    let (alice, _) = world.sign_in("alice", true);
    let (bob, _) = world.sign_in("bob", true);
    world.keep();
    for number in 2..5 {
        let request =
            json!({"type": "send_message", "on_request": number, "to": "bob", "body": "hi", "key": "k"});
        world.say(alice, &request);
        assert_eq!(world.keep_and_count_readings(), 0, "{number}");
        let answer = &world.hear(alice)[0];
        assert_eq!((&answer["status"], &answer["position"]), (&"200".into(), &1.into()));
    }
    assert_eq!(world.hear(bob).len(), 1);
}

#[test]
fn a_connection_that_closes_while_it_waits_for_the_store_is_read_on() {
    let mut world = World::new();
    let (bob, _) = world.sign_in("bob", false);
    (0..64).for_each(|number| world.send(bob, number + 2, "alice"));
    let ids = [world.authorize("alice", false), bob];
    assert!(!ids.iter().any(|id| world.server.wants_frames(*id)));
    world.server.shut_down(world.now, "good night");
    assert!(ids.iter().all(|id| world.server.wants_frames(*id)));
}

#[test]
fn of_what_was_refused_256_are_asked_for_again_at_a_time() {
    let mut config = ServerConfig::default();
    config.max_sessions_per_user = 1000;
    let mut world = World::with(config);
    for _ in 0..300 {
        let (id, _) = world.sign_in("alice", false);
        world.server.handle_disconnected(world.now, id);
        world.refuse(StoreError::Unavailable);
    }
    // Those who know alice are looked for, too, to hear that she has gone.
    for left in [256, 44 + 1, 0] {
        world.pass(1);
        assert_eq!(world.carry_out(), left);
        world.keep();
    }
    // All of them are removed some time later, also if that is refused at first.
    world.pass(301);
    world.refuse(StoreError::Busy);
    assert_eq!(world.store.sessions(), 300);
    world.pass(1);
    world.keep();
    world.pass(301);
    world.refuse(StoreError::Busy);
    world.pass(1);
    world.keep();
    assert_eq!(world.store.sessions(), 0);
}

#[test]
fn a_read_mark_that_moves_costs_as_much_as_a_message() {
    let mut config = ServerConfig::default();
    config.message_rate = Some(Rate::new(1, 5));
    let mut world = World::with(config);
    let (alice, _) = world.sign_in("alice", false);
    for number in 0..3 {
        world.send(alice, number + 2, "bob");
    }
    for (up_to, status) in [(1, "200"), (1, "200"), (9, "400"), (2, "200"), (3, "429")] {
        world.keep();
        world.hear(alice);
        world.say(alice, &json!({"type": "read", "on_request": 9, "login": "bob", "up_to": up_to}));
        world.keep();
        assert_eq!(world.hear(alice)[0]["status"], status, "{up_to}");
    }
}

#[test]
fn whoever_waits_for_the_store_is_not_silent() {
    let mut world = World::new();
    let (alice, _) = world.sign_in("alice", false);
    (0..64).for_each(|number| world.send(alice, number + 2, "bob"));
    for _ in 0..10 {
        world.pass(60);
        // So the queue is empty.
        world.hear(alice);
    }
    assert!(world.server.has_connection(alice));
    world.keep();
    for _ in 0..3 {
        world.hear(alice);
        world.pass(60);
    }
    assert!(!world.server.has_connection(alice));
}

/// The text of a stranger's request is kept until it is answered, and there may be a thousand strangers.
#[test]
fn a_stranger_has_few_requests_open_that_an_application_answers() {
    let mut config = ServerConfig::default();
    config.forwards_requests = true;
    let mut world = World::with(config);
    let (id, _) = world.connect();
    let request = |number| json!({"type": "whoami", "on_request": number, "padding": "x".repeat(10_000)});
    let mut taken = 0;
    while world.server.wants_frames(id) {
        taken += 1;
        world.say(id, &request(taken));
    }
    assert_eq!((taken, world.server.open_operations()), (4, 4));
    // Whoever sends more all the same is refused.
    (5..20).for_each(|number| world.say(id, &request(number)));
    assert_eq!(world.server.open_operations(), 8);
    let refused = world.hear(id);
    assert!(refused.len() == 11 && refused.iter().all(|answer| answer["status"] == "503"), "{refused:?}");
    world.keep();
    let unknown = world.hear(id);
    assert!(unknown.len() == 8 && unknown.iter().all(|answer| answer["status"] == "501"), "{unknown:?}");
    assert!(world.server.wants_frames(id));
}
