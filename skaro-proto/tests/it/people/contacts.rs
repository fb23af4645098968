//! Contacts: their states, who may write, what they tell.

use super::*;

#[test]
fn who_adds_somebody_asks_and_the_answer_makes_them_known() {
    let mut world = World::new();
    let (alice, bob) = (world.device("alice"), world.device("bob"));
    world.done(alice, &[add("bob")]);
    assert_eq!(world.lines(alice), [""; 0], "{:?}", "the entry came before the answer was heard");
    let heard = world.news(bob);
    assert_eq!((line(&heard[0]), &heard[0]["position"]), ("contact alice asks".into(), &json!(1)));
    assert_eq!(world.user(alice, "bob")["state"], "listed");
    assert_eq!(world.user(alice, "bob")["online"], false, "they don't know each other yet");
    world.done(bob, &[add("alice")]);
    assert_eq!(world.user(alice, "bob")["online"], true);
    assert_eq!(world.lines(alice), [""; 0]);
    // Nothing changes by doing it again.
    world.done(bob, &[add("alice")]);
    assert_eq!(world.lines(bob), [""; 0]);
}

#[test]
fn all_devices_of_a_user_hear_of_a_change_in_order_and_only_the_last_one_is_kept() {
    let mut world = World::new();
    let (alice, other) = (world.device("alice"), world.device("alice"));
    world.done(alice, &[add("bob"), del("bob"), block("bob")]);
    assert_eq!(world.lines(other), ["contact bob listed", "contact bob none", "contact bob blocked"]);
    let late = world.sign_in("alice", &json!({"since": 0}));
    let heard = world.news(late);
    assert_eq!(heard.iter().map(line).collect::<Vec<_>>(), ["gone", "gone", "contact bob blocked"]);
    assert_eq!(heard[2]["position"], 3);
}

#[test]
fn asking_is_taken_back_by_removing_or_blocking() {
    for change in [del("bob"), block("bob")] {
        let mut world = World::new();
        let (alice, bob) = (world.device("alice"), world.device("bob"));
        world.done(alice, &[add("bob"), change]);
        assert_eq!(world.lines(bob), ["contact alice asks", "contact alice none"]);
        assert_eq!(world.user(bob, "alice")["state"], "none");
    }
}

#[test]
fn blocked_users_are_not_heard_nor_told_anything() {
    let mut world = World::new();
    let (alice, bob) = (world.device("alice"), world.device("bob"));
    world.done(alice, &[profile(json!({"name": "Alice"})), add("bob"), send("bob", "hi")]);
    assert_eq!(world.user(bob, "alice")["profile"], json!({"name": "Alice"}));
    world.done(bob, &[add("alice")]);
    world.lines(alice);
    world.done(alice, &[block("bob")]);
    world.news(alice);
    assert_eq!(world.status(bob, &send("alice", "are you there?")), "403");
    assert_eq!(world.status(alice, &send("bob", "I block you")), "403");
    assert_eq!(world.lines(alice), [""; 0]);
    let seen = world.user(bob, "alice");
    assert_eq!(
        (&seen["profile"], &seen["online"], &seen["state"]),
        (&json!(null), &json!(false), &json!("listed"))
    );
    // Whoever is blocked may ask, and nobody hears of it.
    world.done(bob, &[del("alice"), add("alice")]);
    assert_eq!(world.lines(alice), [""; 0]);
    world.done(alice, &[add("bob")]);
    world.done(bob, &[send("alice", "at last")]);
    assert_eq!(world.lines(alice), ["bob: at last"]);
}

#[test]
fn a_message_lists_both_but_who_asks_only_by_an_own_one() {
    let mut world = World::new();
    let (alice, bob) = (world.device("alice"), world.device("bob"));
    world.done(alice, &[send("bob", "hi")]);
    assert_eq!(
        (&world.user(alice, "bob")["state"], &world.user(bob, "alice")["state"]),
        (&json!("listed"), &json!("listed"))
    );
    let carol = world.device("carol");
    world.done(carol, &[add("bob"), send("bob", "it's me")]);
    assert_eq!(world.user(bob, "carol")["state"], "asks");
    world.done(bob, &[send("carol", "oh")]);
    assert_eq!(world.user(bob, "carol")["state"], "listed");
    // A contact that was removed is back with the next message, and so is its dialog.
    world.done(bob, &[del("alice")]);
    world.done(alice, &[send("bob", "again")]);
    assert_eq!(world.user(bob, "alice")["state"], "listed");
    world.done(alice, &[send("alice", "a note")]);
    let contacts = world.ask(alice, &json!({"type": "get_contacts"}))["data"].clone();
    assert_eq!(contacts.as_array().unwrap().len(), 1, "one is no contact of oneself: {contacts}");
}

#[test]
fn the_list_of_contacts_tells_states_only_to_those_who_know_of_logs() {
    let mut world = World::new();
    let (alice, bob, old) = (world.device("alice"), world.device("bob"), world.sign_in("alice", &json!({})));
    world.done(bob, &[profile(json!({"name": "Bob", "status_text": "here"})), send("alice", "hi")]);
    world.done(alice, &[block("carol")]);
    let dave = world.device("dave");
    world.done(dave, &[add("alice")]);
    let contacts = world.ask(alice, &json!({"type": "get_contacts"}))["data"].clone();
    let states: Vec<_> =
        contacts.as_array().unwrap().iter().map(|it| (it["login"].clone(), it["state"].clone())).collect();
    let expected = [("bob", "listed"), ("carol", "blocked"), ("dave", "asks")];
    assert_eq!(states, expected.map(|(login, state)| (json!(login), json!(state))));
    assert_eq!(contacts[0]["profile"], json!({"name": "Bob", "status_text": "here"}));
    let contacts = world.ask(old, &json!({"type": "get_contacts"}))["data"].clone();
    assert_eq!(
        contacts,
        json!([{"login": "bob", "online": true, "profile": {"name": "Bob", "status_text": "here"}}])
    );
}

#[test]
fn where_only_contacts_may_write_the_recipient_must_have_listed_the_sender() {
    let mut config = ServerConfig::default();
    config.contacts_only = true;
    let mut world = World::with(config);
    let (alice, bob) = (world.device("alice"), world.device("bob"));
    world.done(alice, &[add("bob")]);
    assert_eq!(world.status(alice, &send("bob", "hi")), "403");
    world.done(bob, &[add("alice")]);
    world.done(alice, &[send("bob", "hi"), send("alice", "to myself")]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut world = World::new();
    let (alice, old) = (world.device("alice"), world.connect(Peer::UNKNOWN).0);
    for request in [
        add("bob"),
        del("bob"),
        profile(json!({})),
        json!({"type": "get_user_data", "login": "bob"}),
        json!({"type": "search_contacts", "prefix": "b"}),
        json!({"type": "get_sessions"}),
        json!({"type": "sign_out"}),
        json!({"type": "invite"}),
    ] {
        assert_eq!(world.status(old, &request), "401", "{request}");
    }
    for (request, status) in [
        (add("alice"), "400"),
        (add("nobody"), "404"),
        (add(&"x".repeat(65)), "404"),
        (json!({"type": "get_user_data", "login": "nobody"}), "404"),
        (json!({"type": "search_contacts", "prefix": ""}), "400"),
        (json!({"type": "search_contacts", "prefix": "b", "limit": 0}), "400"),
        (json!({"type": "update_my_data"}), "400"),
        (json!({"type": "update_my_data", "profile": {}, "password": "x"}), "400"),
        (profile(json!({"a": "x".repeat(5000)})), "413"),
        (profile(json!({"a": [[[[1]]]]})), "400"),
        (json!({"type": "update_my_data", "profile": {"name": "x"}, "login": "#nothing"}), "404"),
        (json!({"type": "invite"}), "403"),
        (json!({"type": "register", "login": "eve", "password": "x"}), "409"),
    ] {
        assert_eq!(world.status(alice, &request), status, "{request}");
    }
}

#[test]
fn a_profile_is_told_to_all_who_know_the_user_and_to_all_devices() {
    let mut world = World::new();
    let (alice, other, bob, carol) =
        (world.device("alice"), world.device("alice"), world.device("bob"), world.device("carol"));
    world.done(alice, &[send("bob", "hi")]);
    world.done(carol, &[add("alice")]);
    [alice, other, bob, carol].into_iter().for_each(|id| drop(world.news(id)));
    world.done(alice, &[profile(json!({"name": "Alice", "x": 1})), profile(json!({"x": null}))]);
    // The first entry tells the profile as it was when it was sent.
    for id in [other, bob] {
        let lines = world.lines(id);
        assert_eq!(lines.last().unwrap(), r#"changed alice {"name":"Alice"}"#);
    }
    assert_eq!(world.lines(carol), [""; 0], "alice has not listed carol");
    // Nothing has changed.
    world.done(alice, &[profile(json!({"name": "Alice"}))]);
    assert_eq!(world.lines(bob), [""; 0]);
    let late = world.sign_in("bob", &json!({"since": 0}));
    let changed: Vec<_> = world.lines(late).into_iter().filter(|line| line.starts_with("changed")).collect();
    assert_eq!(changed, [r#"changed alice {"name":"Alice"}"#], "only the last one is kept");
}

#[test]
fn only_those_are_found_who_want_it() {
    let mut world = World::new();
    let (alice, bob, carol) = (world.device("alice"), world.device("bob"), world.device("carol"));
    let search = |prefix: &str| json!({"type": "search_contacts", "prefix": prefix});
    assert_eq!(world.ask(alice, &search("b"))["data"], json!([]));
    world.done(bob, &[profile(json!({"public": true, "name": "Bob"}))]);
    world.done(carol, &[profile(json!({"public": true}))]);
    world.done(alice, &[profile(json!({"public": true}))]);
    let found = world.ask(alice, &search("b"));
    assert_eq!(
        (&found["data"][0]["login"], &found["data"][0]["profile"]["name"]),
        (&json!("bob"), &json!("Bob"))
    );
    assert_eq!((found["data"].as_array().unwrap().len(), &found["more"]), (1, &json!(false)));
    world.done(bob, &[block("alice")]);
    assert_eq!(world.ask(alice, &search("b"))["data"], json!([]));
    for name in ["#tea", "#team", "#tennis", "#secret"] {
        world.done(bob, &[add(name)]);
    }
    for name in ["#tea", "#team", "#tennis"] {
        world.done(bob, &[json!({"type": "update_my_data", "login": name, "profile": {"public": true}})]);
    }
    let found = world.ask(carol, &json!({"type": "search_contacts", "prefix": "#", "limit": 2}));
    let logins: Vec<_> = found["data"].as_array().unwrap().iter().map(|it| it["login"].clone()).collect();
    assert_eq!((logins, &found["more"]), (vec![json!("#tea"), json!("#team")], &json!(true)));
    assert_eq!(world.ask(carol, &search("#te"))["data"].as_array().unwrap().len(), 3);
}

/// Somebody else's profiles must not make one's own list longer than a client reads.
#[test]
fn the_list_of_contacts_is_never_longer_than_an_answer_may_be() {
    let mut config = ServerConfig::default();
    (config.users_found_conferences, config.max_answer_bytes) = (true, 20_000);
    let mut world = World::with(config);
    let (alice, bob) = (world.device("alice"), world.device("bob"));
    for n in 0..50 {
        let name = format!("#n{n}x");
        let topic =
            json!({"type": "update_my_data", "login": name, "profile": {"status_text": "\u{1}".repeat(500)}});
        world.wait(1);
        world.done(bob, &[add(&name), topic, member("add_contact", &name, "alice")]);
    }
    world.news(alice);
    world.say(alice, &json!({"type": "get_contacts", "on_request": 7}));
    let Some(Transmit::Frame(answer)) = world.server.poll_transmit(alice) else { panic!() };
    assert!(answer.as_bytes().len() <= 20_000, "{}", answer.as_bytes().len());
    let answer: Json = serde_json::from_slice(answer.as_bytes()).unwrap();
    let contacts = answer["data"].as_array().unwrap();
    let told = contacts.iter().filter(|contact| !contact["profile"].is_null()).count();
    assert!(contacts.len() > 30 && told < contacts.len(), "{} contacts, {told} profiles", contacts.len());
}

#[test]
fn requests_are_counted_by_their_types() {
    let mut world = World::new();
    let alice = world.device("alice");
    world.done(alice, &[add("bob"), del("bob"), del("bob")]);
    let stats = world.server.stats();
    let count = |kind: &str| stats.answers.iter().filter(|it| it.0 == kind).map(|it| it.2).sum::<u64>();
    assert_eq!((count("add_contact"), count("del_contact")), (1, 2));
}

/// However many ask, those whom one has listed are told.
#[test]
fn listed_contacts_come_before_those_who_ask() {
    let mut config = ServerConfig::default();
    config.max_contacts = 2;
    let mut world = World::with(config);
    let (alice, dave) = (world.device("alice"), world.device("dave"));
    for login in ["bob", "carol"] {
        let id = world.device(login);
        world.done(id, &[add("alice")]);
    }
    world.done(alice, &[add("dave")]);
    world.done(dave, &[send("alice", "it's me")]);
    let contacts = world.ask(alice, &json!({"type": "get_contacts"}))["data"].clone();
    let logins: Vec<_> = contacts.as_array().unwrap().iter().map(|it| it["login"].clone()).collect();
    assert_eq!(logins, ["dave", "bob"]);
}
