//! Keys: a message that is sent again is not delivered again.

use serde_json::json;
use skaro_proto::server::{Rate, ServerConfig};

use super::world::{World, bodies, positions};

#[test]
fn a_repetition_gets_the_first_answer_and_delivers_nothing() {
    let mut world = World::new(ServerConfig::default());
    let (alice, bob) = (world.plain("alice"), world.plain("bob"));
    let (first, _) = world.say_with(alice, "bob", "hello", "k1");
    assert_eq!(first["position"], 1);
    assert_eq!(world.read(bob).len(), 1);
    world.pass(30);
    let again = world.plain("alice");
    for connection in [alice, again] {
        let (second, _) = world.say_with(connection, "bob", "hello", "k1");
        assert_eq!((&second["date"], &second["position"]), (&first["date"], &first["position"]));
    }
    assert_eq!(world.read(bob).len(), 0);
    // Keys are each sender's own.
    assert_eq!(world.say_with(bob, "alice", "hi", "k1").0["position"], 2);
}

#[test]
fn a_key_stands_for_one_message() {
    let mut world = World::new(ServerConfig::default());
    let alice = world.plain("alice");
    world.say_with(alice, "bob", "hello", "k1");
    for (to, body) in [("carol", "hello"), ("bob", "hallo"), ("nobody", "hello")] {
        assert_eq!(world.say_with(alice, to, body, "k1").0["status"], "409");
    }
    assert_eq!(world.say_with(alice, "bob", "hello", "k1").0["status"], "200");
}

#[test]
fn a_refusal_uses_no_key_up() {
    let mut world = World::new(ServerConfig::default());
    let alice = world.plain("alice");
    assert_eq!(world.say_with(alice, "nobody", "hello", "k1").0["status"], "404");
    assert_eq!(world.say_with(alice, "bob", &"x".repeat(20_000), "k1").0["status"], "413");
    assert_eq!(world.say_with(alice, "bob", "hello", "k1").0["position"], 1);
}

#[test]
fn keys_have_1_to_64_bytes() {
    let mut world = World::new(ServerConfig::default());
    let alice = world.plain("alice");
    for (length, status) in [(0, "400"), (1, "200"), (64, "200"), (65, "400")] {
        assert_eq!(world.say_with(alice, "bob", "hello", &"k".repeat(length)).0["status"], status);
    }
}

#[test]
fn repetitions_come_before_rates_and_limits() {
    let mut config = ServerConfig::default();
    config.message_rate = Some(Rate::new(1, 2));
    let mut world = World::new(config);
    let alice = world.plain("alice");
    for n in 0..2 {
        assert_eq!(world.say_with(alice, "bob", "hello", &format!("k{n}")).0["status"], "200");
    }
    assert_eq!(world.say_with(alice, "bob", "hello", "k2").0["status"], "429");
    for _ in 0..20 {
        assert_eq!(world.say_with(alice, "bob", "hello", "k0").0["status"], "200");
    }
    // They used nothing up, either.
    world.pass(1);
    assert_eq!(world.say_with(alice, "bob", "hello", "k2").0["status"], "200");
}

#[test]
fn a_key_outlives_its_message_by_a_day() {
    let mut config = ServerConfig::default();
    config.max_dialog_messages = 1;
    let mut world = World::new(config);
    let mut alice = world.plain("alice");
    let (first, _) = world.say_with(alice, "bob", "first", "k1");
    world.say(alice, "bob", "second");
    for (hours, position) in [(0, 1), (23, 1), (25, 6)] {
        world.pass(hours * 3600);
        alice = world.plain("alice");
        // Keys are given up when others come.
        world.say_with(alice, "carol", "hello", &format!("other {hours}"));
        let (again, _) = world.say_with(alice, "bob", "first", "k1");
        assert_eq!(again["position"], position);
        assert_eq!(again["date"] == first["date"], position == 1);
    }
    // As long as its message is kept, a key is, too.
    world.say_with(alice, "dave", "kept", "k2");
    world.pass(72 * 3600);
    alice = world.plain("alice");
    world.say_with(alice, "carol", "hello", "another");
    assert_eq!(world.say_with(alice, "dave", "kept", "k2").0["position"], 7);
}

#[test]
fn beyond_the_limit_the_oldest_keys_make_room() {
    let mut config = ServerConfig::default();
    config.max_keys = 3;
    let mut world = World::new(config);
    let alice = world.plain("alice");
    for n in 1..=4 {
        assert_eq!(world.say_with(alice, "bob", "hello", &format!("k{n}")).0["position"], n);
    }
    assert_eq!(world.say_with(alice, "bob", "hello", "k2").0["position"], 2);
    assert_eq!(world.say_with(alice, "bob", "hello", "k1").0["position"], 5);
}

/// The connection that had the answer gets a short form; if the answer was repeated, the last one does.
#[test]
fn the_connection_that_had_the_answer_gets_no_body() {
    let mut world = World::new(ServerConfig::default());
    let (alice, other) = (world.head("alice"), world.head("alice"));
    let (answer, entries) = world.say_with(alice, "bob", "hello", "k1");
    assert_eq!(answer["position"], 1);
    assert_eq!(entries, [json!({"type": "sent", "position": 1, "key": "k1"})]);
    let shown = world.read(other);
    assert_eq!((bodies(&shown), positions(&shown), &shown[0]["key"]), (vec!["hello"], vec![1], &json!("k1")));
    // Without a key.
    assert_eq!(world.say(alice, "bob", "more").1, [json!({"type": "sent", "position": 2})]);
    // A connection that comes back repeats what was not answered, then catches up.
    let log = world.sign_in("alice", json!({"since": "head"})).1["log"].clone();
    let id = world.server.connect(world.now, Some(skaro_proto::Format::Json)).unwrap();
    let token = world.next(id).unwrap()["token"].as_str().unwrap().to_owned();
    let proof = skaro_proto::auth::proof("correct horse", &token);
    let request = json!({"type": "authorize", "login": "alice", "password": proof.as_str(), "since": 0, "log": log, "on_request": 1});
    world.send(id, &request).unwrap();
    let entries = world.read(id);
    assert_eq!(entries[1]["body"], "hello");
    assert_eq!(entries[2]["body"], "more");
}

/// The recipient never learns the sender's key.
#[test]
fn a_key_is_shown_to_its_sender_alone() {
    let mut world = World::new(ServerConfig::default());
    let (alice, bob, me) = (world.head("alice"), world.head("bob"), world.plain("alice"));
    world.say_with(alice, "bob", "hello", "k1");
    assert_eq!(world.read(bob)[0].get("key"), None);
    assert_eq!(world.read(me)[0].get("key"), None, "a plain connection sees what it saw before");
    // Whoever writes to themselves is the sender: one entry.
    let (_, entries) = world.say_with(alice, "alice", "note", "k2");
    assert_eq!(entries, [json!({"type": "sent", "position": 2, "key": "k2"})]);
}
