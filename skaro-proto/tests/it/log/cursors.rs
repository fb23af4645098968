//! Positions, cursors, windows and acknowledgements.

use serde_json::{Value as Json, json};
use skaro_proto::server::ServerConfig;

use super::world::{World, bodies, positions};

/// What the answer to a sign-in tells of the cursor.
fn cursor(answer: &Json) -> (u64, u64) {
    (answer["head"].as_u64().unwrap(), answer["begin"].as_u64().unwrap())
}

#[test]
fn a_plain_connection_sees_what_it_saw_before() {
    let mut world = World::new(ServerConfig::default());
    let (_, answer, _) = world.sign_in("alice", json!({}));
    assert_eq!(
        answer.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["for", "id", "session_id", "status", "type", "user"]
    );
    let (alice, bob) = (world.plain("alice"), world.plain("bob"));
    let (answer, pushed) = world.say(alice, "bob", "hello");
    assert_eq!((answer.get("position"), pushed.len()), (None, 0));
    let shown = &world.read(bob)[0];
    assert_eq!(shown.as_object().unwrap().keys().collect::<Vec<_>>(), ["body", "date", "from", "to", "type"]);
    let (history, _) = world.ask(bob, json!({"type": "get_history", "login": "alice"}));
    assert_eq!((history["history"][0].get("position"), history.get("more")), (None, None));
    let (contacts, _) = world.ask(bob, json!({"type": "get_contacts"}));
    assert_eq!(contacts["data"][0], json!({"login": "alice", "online": true}));
    // A read mark is nothing to it.
    assert_eq!(world.ask(bob, json!({"type": "read", "login": "alice", "up_to": 1})).1, Vec::<Json>::new());
}

#[test]
fn a_message_enters_both_logs_and_each_has_positions_of_its_own() {
    let mut world = World::new(ServerConfig::default());
    let (alice, bob, carol) = (world.head("alice"), world.head("bob"), world.head("carol"));
    world.say(carol, "bob", "first");
    world.say(alice, "bob", "second");
    let shown = world.read(bob);
    assert_eq!((bodies(&shown), positions(&shown)), (vec!["first", "second"], vec![1, 2]));
    world.say(bob, "alice", "third");
    let shown = world.read(alice);
    assert_eq!((bodies(&shown), positions(&shown)), (vec!["third"], vec![2]));
    world.server.post(world.now, "carol", "alice", "fourth").unwrap();
    assert_eq!(positions(&world.read(alice)), [3]);
    assert_eq!(positions(&world.read(carol)), [2]);
}

#[test]
fn a_cursor_begins_where_the_client_was() {
    let mut world = World::new(ServerConfig::default());
    let (_, answer, _) = world.sign_in("bob", json!({"since": "head"}));
    assert_eq!(cursor(&answer), (0, 0));
    let log = answer["log"].as_str().unwrap().to_owned();
    assert!(log.len() == 32 && log.bytes().all(|byte| byte.is_ascii_hexdigit()), "{log}");
    for n in 1..=5 {
        world.server.post(world.now, "alice", "bob", &n.to_string()).unwrap();
    }
    for (since, of, begin) in [
        (json!(3), &*log, 3),
        (json!(5), &log, 5),
        (json!(0), &log, 0),
        (json!("head"), &log, 5),
        // Beyond the head, of another log, of none: from the beginning.
        (json!(6), &log, 0),
        (json!(3), "0123456789abcdef0123456789abcdef", 0),
    ] {
        let (_, answer, entries) = world.sign_in("bob", json!({"since": since, "log": of}));
        assert_eq!((cursor(&answer), &answer["log"]), ((5, begin), &json!(log)));
        assert_eq!(positions(&entries), (begin + 1..=5).collect::<Vec<_>>());
    }
    let (_, answer, _) = world.sign_in("bob", json!({"since": 3}));
    assert_eq!(cursor(&answer), (5, 0));
    // Each user's log has an id of its own.
    assert_ne!(world.sign_in("alice", json!({"since": "head"})).1["log"], log);
}

#[test]
fn a_log_that_does_not_reach_back_begins_at_its_beginning() {
    let mut config = ServerConfig::default();
    config.max_log_entries = 3;
    let mut world = World::new(config);
    let log = world.sign_in("bob", json!({"since": "head"})).1["log"].clone();
    for (n, login) in ["alice", "carol", "dave", "alice", "carol"].into_iter().enumerate() {
        world.server.post(world.now, login, "bob", &n.to_string()).unwrap();
    }
    for (since, begin) in [(0, 2), (1, 2), (2, 2), (3, 3)] {
        let (_, answer, entries) = world.sign_in("bob", json!({"since": since, "log": log}));
        assert_eq!(cursor(&answer), (5, begin));
        assert_eq!(positions(&entries), (begin + 1..=5).collect::<Vec<_>>());
    }
}

/// What one user may take of another one's log is bounded: the own messages make room, not those of others.
#[test]
fn nobody_pushes_the_messages_of_others_out() {
    let mut config = ServerConfig::default();
    (config.max_dialog_messages, config.message_rate) = (3, None);
    let mut world = World::new(config);
    let log = world.sign_in("bob", json!({"since": "head"})).1["log"].clone();
    world.server.post(world.now, "carol", "bob", "important").unwrap();
    for n in 0..200 {
        world.server.post(world.now, "alice", "bob", &n.to_string()).unwrap();
    }
    let (_, answer, entries) = world.sign_in("bob", json!({"since": 0, "log": log}));
    assert_eq!(cursor(&answer), (201, 0));
    assert_eq!(positions(&entries), (1..=201).collect::<Vec<_>>(), "no holes, whatever is kept");
    let kept: Vec<_> = entries.iter().filter(|it| it["type"] == "show_message").cloned().collect();
    assert_eq!(bodies(&kept), ["important", "197", "198", "199"]);
    assert_eq!(entries[1], json!({"type": "gone", "position": 2}));
}

#[test]
fn a_window_of_entries_is_on_its_way() {
    let mut world = World::new(ServerConfig::default());
    let bob = world.head("bob");
    for n in 1..=600 {
        world.server.post(world.now, ["alice", "carol", "dave"][n % 3], "bob", &n.to_string()).unwrap();
    }
    assert_eq!(positions(&world.read(bob)), (1..=256).collect::<Vec<_>>());
    world.ack(bob, 100).unwrap();
    assert_eq!(positions(&world.read(bob)), (257..=356).collect::<Vec<_>>());
    // Less than before is nothing new.
    world.ack(bob, 99).unwrap();
    assert_eq!(world.read(bob), Vec::<Json>::new());
    // Answers come at once, whatever else waits.
    assert_eq!(world.ask(bob, json!({"type": "register_type"})).0["status"], "200");
    world.ack(bob, 356).unwrap();
    assert_eq!(positions(&world.read(bob)), (357..=600).collect::<Vec<_>>());
}

#[test]
fn a_window_holds_a_mebibyte_and_an_entry_at_least() {
    let mut config = ServerConfig::default();
    config.limits.max_body_bytes = 2 << 20;
    config.max_dialog_bytes = 64 << 20;
    let mut world = World::new(config);
    let bob = world.head("bob");
    let body = "x".repeat(300 << 10);
    for _ in 0..5 {
        world.server.post(world.now, "alice", "bob", &body).unwrap();
    }
    assert_eq!(positions(&world.read(bob)), [1, 2, 3]);
    world.ack(bob, 1).unwrap();
    assert_eq!(positions(&world.read(bob)), [4]);
    world.ack(bob, 4).unwrap();
    assert_eq!(positions(&world.read(bob)), [5]);
    world.ack(bob, 5).unwrap();
    for _ in 0..2 {
        world.server.post(world.now, "alice", "bob", &"x".repeat(2 << 20)).unwrap();
    }
    assert_eq!(positions(&world.read(bob)), [6]);
}

#[test]
fn what_was_not_sent_can_not_be_acknowledged() {
    let mut config = ServerConfig::default();
    config.max_invalid_frames = 4;
    let mut world = World::new(config);
    let (bob, plain) = (world.head("bob"), world.plain("alice"));
    world.server.post(world.now, "alice", "bob", "hello").unwrap();
    world.read(plain);
    assert_eq!(positions(&world.read(bob)), [1]);
    for (id, position) in [(bob, 2), (bob, u64::MAX), (plain, 1)] {
        let error = world.ack(id, position).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the field \"position\" is not a position that was sent on this connection"
        );
        assert_eq!(world.read(id), [json!({"type": "error", "info": error.to_string()})]);
    }
    world.ack(bob, 1).unwrap();
    assert_eq!(world.read(bob), Vec::<Json>::new());
    _ = world.ack(bob, 2);
    _ = world.ack(bob, 2);
    assert_eq!(world.read(bob).last(), Some(&json!("closed")));
}

/// Entries wait in the log, not in the queue: whoever reads slowly is not cut off for it.
#[test]
fn slowness_costs_a_number() {
    let mut config = ServerConfig::default();
    (config.limits.max_queued_bytes, config.max_dialog_bytes) = (100_000, 64 << 20);
    let mut world = World::new(config);
    let (bob, plain) = (world.head("bob"), world.plain("bob"));
    let before = world.server.memory();
    for _ in 0..100 {
        world.server.post(world.now, "alice", "bob", &"x".repeat(10_000)).unwrap();
    }
    assert_eq!(world.read(plain), [json!("closed")]);
    assert!(
        world.server.memory() - before < 1_000_000 + 100 * 1000 + 200_000,
        "{}",
        world.server.memory() - before
    );
    assert_eq!(positions(&world.read(bob)).len(), 100);
}

#[test]
fn a_session_is_restored_with_its_position() {
    let mut world = World::new(ServerConfig::default());
    let (bob, answer, _) = world.sign_in("bob", json!({"since": "head"}));
    world.server.handle_disconnected(world.now, bob);
    world.server.post(world.now, "alice", "bob", "missed").unwrap();
    let id = world.server.connect(world.now, Some(skaro_proto::Format::Json)).unwrap();
    world.read(id);
    let (restored, entries) = world.ask(
        id,
        json!({"type": "session_restore", "sid": answer["session_id"], "since": 0, "log": answer["log"]}),
    );
    assert_eq!((&restored["status"], cursor(&restored)), (&json!("200"), (1, 0)));
    assert_eq!(bodies(&entries), ["missed"]);
}

#[test]
fn since_is_a_position_or_the_head() {
    let mut world = World::new(ServerConfig::default());
    let id = world.server.connect(world.now, Some(skaro_proto::Format::Json)).unwrap();
    world.read(id);
    for since in [json!(-1), json!("tail"), json!(1.5), json!([])] {
        let request = json!({"type": "session_restore", "sid": "s", "since": since, "on_request": 1});
        let error = world.send(id, &request).unwrap_err();
        assert_eq!(error.to_string(), "the field \"since\" is not a position or \"head\"");
        assert_eq!(world.read(id)[0]["status"], "400");
    }
}
