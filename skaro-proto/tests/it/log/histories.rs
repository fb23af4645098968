//! Histories in pages, read marks, and what contacts tell.

use serde_json::{Value as Json, json};
use skaro_proto::server::{ConnectionId, ServerConfig};

use super::world::{World, bodies, positions};

/// Bob's log: messages from alice at odd positions, from carol at even ones.
fn world(config: ServerConfig) -> (World, ConnectionId) {
    let mut world = World::new(config);
    for n in 1..=20 {
        world.pass(1);
        let from = if n % 2 == 1 { "alice" } else { "carol" };
        world.server.post(world.now, from, "bob", &n.to_string()).unwrap();
    }
    let bob = world.head("bob");
    (world, bob)
}

fn page(world: &mut World, id: ConnectionId, fields: Json) -> (Vec<u64>, Json) {
    let mut request = json!({"type": "get_history", "login": "alice"});
    request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let (answer, _) = world.ask(id, request);
    let messages = answer["history"].as_array().unwrap_or_else(|| panic!("{answer}"));
    for message in messages {
        assert_eq!(message["body"], message["position"].to_string());
    }
    (positions(messages), answer["more"].clone())
}

#[test]
fn pages_are_bounded_by_positions_and_dates() {
    let (mut world, bob) = world(ServerConfig::default());
    let plain = world.plain("bob");
    let date = |n: i64| (1_000_000 + n) * 1000;
    for (fields, expected, more) in [
        (json!({}), (0..10).map(|n| 2 * n + 1).collect(), false),
        (json!({"limit": 3}), vec![15, 17, 19], true),
        (json!({"limit": 1000}), (0..10).map(|n| 2 * n + 1).collect(), false),
        (json!({"before": 15, "limit": 3}), vec![9, 11, 13], true),
        (json!({"before": 5}), vec![1, 3], false),
        (json!({"before": 1}), vec![], false),
        (json!({"after": 5, "limit": 3}), vec![7, 9, 11], true),
        (json!({"after": 15}), vec![17, 19], false),
        (json!({"after": 100}), vec![], false),
        (json!({"after": 5, "before": 13, "limit": 2}), vec![9, 11], true),
        (json!({"after": 13, "before": 5}), vec![], false),
        (json!({"before_date": date(15), "limit": 2}), vec![11, 13], true),
        (json!({"after_date": date(5), "limit": 2}), vec![7, 9], true),
        (json!({"after_date": date(5), "before": 13, "limit": 2}), vec![9, 11], true),
        (json!({"after": 3, "after_date": date(9), "limit": 1}), vec![11], true),
    ] {
        assert_eq!(page(&mut world, bob, fields.clone()), (expected.clone(), json!(more)), "{fields}");
        if fields != json!({}) {
            assert_eq!(page(&mut world, plain, fields.clone()), (expected, json!(more)), "{fields}");
        }
    }
    let none = json!({"type": "get_history", "login": "alice", "limit": 0});
    assert_eq!(world.status(bob, none), "400");
}

/// However large the messages are: whoever asks on gets all of them.
#[test]
fn pages_reach_everything_that_is_kept() {
    let mut config = ServerConfig::default();
    (config.max_answer_bytes, config.message_rate) = (3000, None);
    let mut world = World::new(config);
    let bob = world.head("bob");
    for n in 0..300_usize {
        world.server.post(world.now, "alice", "bob", &"\u{1}x\"é".repeat(n % 50)).unwrap();
    }
    for is_forward in [true, false] {
        let (mut all, mut at) = (Vec::new(), if is_forward { 0 } else { 301 });
        loop {
            let field = if is_forward { "after" } else { "before" };
            let (answer, _) = world.ask(bob, json!({"type": "get_history", "login": "alice", field: at}));
            let got = positions(answer["history"].as_array().unwrap());
            assert!(answer.to_string().len() <= 3000 && got.is_sorted());
            at = if is_forward { *got.last().unwrap() } else { got[0] };
            all.extend(got);
            if answer["more"] == json!(false) {
                break;
            }
        }
        all.sort_unstable();
        assert_eq!(all, (1..=300).collect::<Vec<_>>());
    }
}

fn contact(world: &mut World, id: ConnectionId, login: &str) -> Json {
    let (answer, _) = world.ask(id, json!({"type": "get_contacts"}));
    let contacts = answer["data"].as_array().unwrap();
    contacts.iter().find(|contact| contact["login"] == login).unwrap().clone()
}

#[test]
fn contacts_tell_what_is_unread_and_what_came_last() {
    let (mut world, bob) = world(ServerConfig::default());
    assert_eq!(contact(&mut world, bob, "alice")["unread"], 10);
    let last =
        json!({"from": {"login": "alice"}, "to": "bob", "body": "19", "date": 1_000_019_000, "position": 19});
    assert_eq!(contact(&mut world, bob, "alice")["last"], last);
    // The own messages are not unread.
    world.say(bob, "alice", "answer");
    assert_eq!(contact(&mut world, bob, "alice")["unread"], 10);
    let last = &contact(&mut world, bob, "alice")["last"];
    assert_eq!((&last["body"], &last["position"]), (&json!("answer"), &json!(21)));
    assert_eq!(world.status(bob, json!({"type": "read", "login": "alice", "up_to": 16})), "200");
    assert_eq!(contact(&mut world, bob, "alice")["unread"], 2);
    assert_eq!(contact(&mut world, bob, "carol")["unread"], 10);
    world.server.post(world.now, "alice", "bob", "more").unwrap();
    assert_eq!(contact(&mut world, bob, "alice")["unread"], 3);
    // Nothing was ever said.
    world.server.introduce("bob", "dave").unwrap();
    assert_eq!(
        contact(&mut world, bob, "dave"),
        json!({"login": "dave", "online": false, "state": "listed", "unread": 0})
    );
}

/// Messages that are not kept any more are not unread either.
#[test]
fn what_is_gone_is_not_unread() {
    let mut config = ServerConfig::default();
    config.max_dialog_messages = 4;
    let (mut world, bob) = world(config);
    assert_eq!(contact(&mut world, bob, "alice")["unread"], 4);
    world.status(bob, json!({"type": "read", "login": "alice", "up_to": 15}));
    assert_eq!(contact(&mut world, bob, "alice")["unread"], 2);
    for (n, unread) in [(21, 3), (22, 4), (23, 4)] {
        world.server.post(world.now, "alice", "bob", &n.to_string()).unwrap();
        assert_eq!(contact(&mut world, bob, "alice")["unread"], unread);
    }
}

/// All devices agree how far the user has read.
#[test]
fn a_read_mark_is_an_entry() {
    let (mut world, bob) = world(ServerConfig::default());
    let other = world.head("bob");
    let (answer, entries) = world.ask(bob, json!({"type": "read", "login": "alice", "up_to": 7}));
    assert_eq!(answer, json!({"type": "request", "for": "read", "id": 7, "status": "200"}));
    let mark = json!({"type": "read", "login": "alice", "up_to": 7, "position": 21});
    assert_eq!((entries, world.read(other)), (vec![mark.clone()], vec![mark]));
    // Not forward: nothing new.
    for up_to in [0, 6, 7] {
        let (answer, entries) = world.ask(bob, json!({"type": "read", "login": "alice", "up_to": up_to}));
        assert_eq!((&answer["status"], entries.len()), (&json!("200"), 0));
    }
    for (login, up_to, status) in [("alice", 22, "400"), ("nobody", 1, "404"), ("alice", 21, "200")] {
        assert_eq!(world.status(bob, json!({"type": "read", "login": login, "up_to": up_to})), status);
    }
    // Only the last mark is kept: nobody can fill the own log with them.
    let log = world.sign_in("bob", json!({"since": "head"})).1["log"].clone();
    let (_, answer, entries) = world.sign_in("bob", json!({"since": 20, "log": log}));
    assert_eq!(answer["begin"], 20);
    assert_eq!(entries[0], json!({"type": "gone", "position": 21}));
    assert_eq!(entries[1]["up_to"], 21);
    let stranger = world.server.connect(world.now, Some(skaro_proto::Format::Json)).unwrap();
    world.read(stranger);
    assert_eq!(world.status(stranger, json!({"type": "read", "login": "bob", "up_to": 0})), "401");
}

/// A long last message must not make the answer longer than its frame may be.
#[test]
fn last_messages_that_do_not_fit_are_left_out() {
    let mut config = ServerConfig::default();
    config.max_answer_bytes = 64 << 10;
    let mut world = World::new(config);
    let bob = world.head("bob");
    for login in ["alice", "carol", "dave"] {
        world.server.post(world.now, login, "bob", &"\u{1}".repeat(6000)).unwrap();
    }
    let (answer, _) = world.ask(bob, json!({"type": "get_contacts"}));
    assert!(answer.to_string().len() < 64 << 10);
    let told: Vec<_> = answer["data"].as_array().unwrap().iter().map(|it| it.get("last").is_some()).collect();
    assert_eq!(told, [true, false, false]);
}

#[test]
fn histories_are_of_both_users() {
    let mut world = World::new(ServerConfig::default());
    let (alice, bob) = (world.head("alice"), world.head("bob"));
    world.say(alice, "carol", "x");
    world.say(alice, "bob", "hello");
    world.say(bob, "alice", "hi");
    for (id, login, expected) in [(alice, "bob", [2, 3]), (bob, "alice", [1, 2])] {
        let (answer, _) = world.ask(id, json!({"type": "get_history", "login": login}));
        let history = answer["history"].as_array().unwrap();
        assert_eq!((bodies(history), positions(history)), (vec!["hello", "hi"], expected.to_vec()));
    }
}
