//! Presence: who comes and goes, types, and reads.

use super::*;

/// Alice and bob, who know each other, and have heard all news.
fn friends() -> (World, ConnectionId, ConnectionId) {
    let mut world = World::new();
    world.server.introduce("alice", "bob").unwrap();
    let (alice, bob) = (world.device("alice"), world.device("bob"));
    world.wait(3);
    world.news(alice);
    world.news(bob);
    (world, alice, bob)
}

#[test]
fn those_who_know_somebody_hear_who_comes_and_goes() {
    let (mut world, alice, bob) = friends();
    let (old, carol) = (world.sign_in("alice", &json!({"since": "head"})), world.device("carol"));
    world.server.handle_disconnected(world.now, bob);
    world.wait(1);
    assert_eq!(world.lines(alice), [""; 0], "bob may come back");
    world.wait(1);
    let heard = world.news(alice);
    assert_eq!(heard, [json!({"type": "changed_user_data", "user": {"login": "bob", "online": false}})]);
    world.device("bob");
    world.wait(2);
    assert_eq!(world.lines(alice), ["changed bob true"]);
    for id in [old, carol] {
        assert_eq!(world.news(id), [Json::Null; 0]);
    }
}

#[test]
fn who_is_back_in_time_has_not_gone_and_one_connection_is_enough() {
    let (mut world, alice, bob) = friends();
    world.server.handle_disconnected(world.now, bob);
    let bob = world.device("bob");
    world.wait(5);
    assert_eq!(world.lines(alice), [""; 0]);
    let second = world.device("bob");
    world.server.handle_disconnected(world.now, bob);
    world.wait(5);
    assert_eq!(world.lines(alice), [""; 0]);
    world.server.handle_disconnected(world.now, second);
    world.wait(3600);
    assert_eq!(world.lines(alice), ["changed bob false"]);
}

#[test]
fn whoever_goes_at_once_is_not_taken_for_being_here() {
    let mut world = World::new();
    world.server.introduce("alice", "bob").unwrap();
    let (alice, bob) = (world.device("alice"), world.device("bob"));
    assert_eq!(world.user(alice, "bob")["online"], true);
    world.server.handle_disconnected(world.now, bob);
    world.wait(3);
    assert_eq!(world.lines(alice), ["changed bob false"]);
}

#[test]
fn typing_reaches_those_who_know_the_user() {
    let (mut world, alice, bob) = friends();
    let carol = world.device("carol");
    let typing = |login: &str| json!({"type": "typing", "login": login});
    world.say(alice, &typing("bob"));
    assert_eq!(world.news(bob), [json!({"type": "typing", "from": {"login": "alice"}})]);
    world.say(carol, &typing("bob"));
    world.say(alice, &typing("nobody"));
    world.say(alice, &typing("alice"));
    assert_eq!((world.news(bob).len(), world.news(alice).len()), (0, 0));
    world.done(alice, &[add("#team"), member("add_contact", "#team", "bob")]);
    world.say(carol, &typing("#team"));
    world.say(bob, &typing("#team"));
    assert!(!world.lines(alice).contains(&"typing".into()), "bob has not joined");
    world.done(bob, &[add("#team")]);
    world.news(alice);
    world.say(bob, &typing("#team"));
    assert_eq!(
        world.news(alice),
        [json!({"type": "typing", "from": {"login": "bob", "in_conference": "#team"}})]
    );
}

#[test]
fn whoever_types_without_end_is_not_told_on() {
    let (mut world, alice, bob) = friends();
    let mut count = 0;
    for _ in 0..1000 {
        world.say(alice, &json!({"type": "typing", "login": "bob"}));
        count += world.news(bob).len();
    }
    assert_eq!(count, 200);
}

#[test]
fn read_marks_are_told_if_both_want_it() {
    let (mut world, alice, bob) = friends();
    let date = world.ask(alice, &send("bob", "hi"))["date"].clone();
    let read = |up_to: u64| json!({"type": "read", "login": "alice", "up_to": up_to});
    world.done(bob, &[read(1)]);
    world.done(bob, &[profile(json!({"tells_read": true})), send("alice", "hello"), read(2)]);
    world.news(alice);
    assert_eq!(world.user(alice, "bob")["read_date"], Json::Null);
    world.done(alice, &[profile(json!({"tells_read": true}))]);
    assert!(world.user(alice, "bob")["read_date"].as_i64() >= date.as_i64());
    let later = world.ask(alice, &send("bob", "again"))["date"].clone();
    world.news(alice);
    let head = world.news(bob).iter().filter_map(|it| it["position"].as_u64()).max().unwrap();
    world.done(bob, &[read(head)]);
    assert_eq!(world.news(alice), [json!({"type": "read_by", "login": "bob", "date": later})]);
    let contacts = world.ask(alice, &json!({"type": "get_contacts"}))["data"].clone();
    assert_eq!(contacts[0]["read_date"], later);
}

#[test]
fn a_user_whose_connections_were_forgotten_is_told_to_be_gone() {
    let (mut world, alice, bob) = friends();
    world.server.handle_disconnected(world.now, bob);
    // Others leave meanwhile, by which old accounts are tidied up.
    for login in ["carol", "dave"] {
        let id = world.device(login);
        world.now = world.now + Duration::from_secs(100);
        world.server.handle_disconnected(world.now, id);
    }
    world.wait(3);
    assert_eq!(world.lines(alice), ["changed bob false"]);
    assert!(!world.server.is_online("bob"));
}

#[test]
fn presence_is_not_told_to_who_does_not_read_whatever_the_queue_may_take() {
    let mut config = ServerConfig::default();
    config.limits.max_queued_bytes = 1000;
    let mut world = World::with(config);
    world.server.introduce("alice", "bob").unwrap();
    let (alice, bob) = (world.device("alice"), world.device("bob"));
    (0..100).for_each(|_| world.say(alice, &json!({"type": "typing", "login": "bob"})));
    let waiting: usize = world.hear(bob).iter().map(|message| message.to_string().len()).sum();
    assert!((1..1000).contains(&waiting), "{waiting} bytes");
}
