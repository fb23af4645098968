//! Conferences: who is in, who hears what, how they begin and end.

use skaro_proto::server::UserError;
use skaro_proto::server::store::Denial;

use super::*;

/// A conference of alice's, with these members.
fn conference(world: &mut World, name: &str, members: &[&str]) -> (ConnectionId, Vec<ConnectionId>) {
    let alice = world.device("alice");
    world.done(alice, &[add(name)]);
    let mut devices = Vec::new();
    for login in members {
        let id = world.device(login);
        world.done(alice, &[member("add_contact", name, login)]);
        world.done(id, &[add(name)]);
        devices.push(id);
    }
    devices.iter().chain([&alice]).for_each(|id| drop(world.news(*id)));
    (alice, devices)
}

#[test]
fn a_message_reaches_all_members_once_with_one_date_and_nobody_else() {
    let mut world = World::new();
    let (alice, members) = conference(&mut world, "#team", &["bob", "carol"]);
    let (dave, old, other) = (world.device("dave"), world.sign_in("bob", &json!({})), world.device("alice"));
    let answer =
        world.ask(alice, &json!({"type": "send_message", "to": "#team", "body": "lunch?", "key": "k"}));
    let position = answer["position"].as_u64().unwrap();
    for id in members.iter().chain([&other]) {
        let heard = world.news(*id);
        assert_eq!(heard.len(), 1, "{heard:?}");
        let message = &heard[0];
        assert_eq!(message["from"], json!({"login": "alice", "in_conference": "#team"}));
        assert_eq!(
            (&message["to"], &message["body"], &message["date"]),
            (&json!("#team"), &json!("lunch?"), &answer["date"])
        );
        assert!(message["position"].is_u64());
    }
    let heard = world.hear(old);
    assert_eq!((heard.len(), &heard[0]["position"]), (1, &Json::Null));
    assert_eq!(world.news(dave), [Json::Null; 0]);
    // A repetition is known by its key, also after leaving.
    let again = json!({"type": "send_message", "to": "#team", "body": "lunch?", "key": "k"});
    world.done(alice, &[del("#team")]);
    let repeated = world.ask(alice, &again);
    assert_eq!((&repeated["date"], &repeated["position"]), (&answer["date"], &json!(position)));
    members.iter().for_each(|id| {
        let lines = world.lines(*id);
        assert!(!lines.iter().any(|line| line.contains("lunch")), "{lines:?}");
    });
}

#[test]
fn a_repetition_is_known_after_the_conference_has_ended() {
    let mut world = World::new();
    let (alice, _) = conference(&mut world, "#team", &[]);
    let message = json!({"type": "send_message", "to": "#team", "body": "anybody?", "key": "k"});
    let first = world.ask(alice, &message);
    world.done(alice, &[del("#team")]);
    for again in [add("#team"), del("#team")] {
        let repeated = world.ask(alice, &message);
        assert_eq!(
            (&repeated["status"], &repeated["date"], &repeated["position"]),
            (&json!("200"), &first["date"], &first["position"])
        );
        world.done(alice, &[again]);
    }
    let other = json!({"type": "send_message", "to": "#other", "body": "anybody?", "key": "k"});
    assert_eq!(world.status(alice, &other), "409");
}

#[test]
fn the_sender_has_its_own_entry_after_the_answer() {
    let mut world = World::new();
    let (alice, members) = conference(&mut world, "#team", &["bob"]);
    world.say(
        alice,
        &json!({"type": "send_message", "to": "#team", "body": "hi", "key": "k", "on_request": 99}),
    );
    let heard = world.hear(alice);
    assert_eq!(
        heard.iter().map(|it| it["type"].clone()).collect::<Vec<_>>(),
        [json!("request"), json!("sent")]
    );
    assert_eq!((&heard[0]["position"], &heard[1]["key"]), (&heard[1]["position"], &json!("k")));
    world.done(members[0], &[send("#team", "hello")]);
    assert_eq!(world.lines(alice), ["bob: hello"]);
    let history = world.ask(alice, &json!({"type": "get_history", "login": "#team"}))["history"].clone();
    let told: Vec<_> =
        history.as_array().unwrap().iter().map(|it| (it["from"].clone(), it["to"].clone())).collect();
    let from = |login: &str| json!({"login": login, "in_conference": "#team"});
    assert_eq!(told, [(from("alice"), json!("#team")), (from("bob"), json!("#team"))]);
    let contacts = world.ask(alice, &json!({"type": "get_contacts"}))["data"].clone();
    assert_eq!((&contacts[0]["login"], &contacts[0]["unread"]), (&json!("#team"), &json!(1)));
    assert_eq!(contacts[0]["last"]["from"], from("bob"));
    let up_to = contacts[0]["last"]["position"].clone();
    world.done(alice, &[json!({"type": "read", "login": "#team", "up_to": up_to})]);
    assert_eq!(world.ask(alice, &json!({"type": "get_contacts"}))["data"][0]["unread"], 0);
}

#[test]
fn who_was_no_member_sees_nothing_of_it_and_who_comes_later_only_what_follows() {
    let mut world = World::new();
    let (alice, members) = conference(&mut world, "#team", &["bob"]);
    let carol = world.device("carol");
    assert_eq!(world.status(carol, &send("#team", "let me in")), "403");
    assert_eq!(world.status(carol, &add("#team")), "403");
    world.done(alice, &[send("#team", "first"), member("add_contact", "#team", "carol")]);
    assert_eq!(world.lines(carol), ["contact #team asks"]);
    assert_eq!(world.status(carol, &send("#team", "not yet")), "403");
    world.done(carol, &[add("#team")]);
    world.done(alice, &[send("#team", "second")]);
    assert_eq!(world.lines(carol), ["alice: second"]);
    let told = world.lines(members[0]);
    assert_eq!(told, ["alice: first", r##"changed #team "carol" "listed""##, "alice: second"]);
    world.done(alice, &[member("del_contact", "#team", "carol")]);
    assert_eq!(world.lines(carol), ["contact #team none"]);
    world.done(alice, &[send("#team", "third")]);
    assert_eq!(world.lines(carol), [""; 0]);
    assert_eq!(world.status(carol, &add("#team")), "403");
    let history = world.ask(carol, &json!({"type": "get_history", "login": "#team"}))["history"].clone();
    assert_eq!(history.as_array().unwrap().len(), 1);
    // Unless invited again.
    world.done(alice, &[member("add_contact", "#team", "carol")]);
    world.done(carol, &[add("#team")]);
}

#[test]
fn public_ones_are_open_to_everybody_but_who_was_removed() {
    let mut world = World::new();
    let (alice, _) = conference(&mut world, "#open", &["bob"]);
    world.done(
        alice,
        &[json!({"type": "update_my_data", "login": "#open", "profile": {"public": true, "topic": "all"}})],
    );
    let carol = world.device("carol");
    let seen = world.user(carol, "#open");
    assert_eq!(seen["members"], json!([{"login": "alice", "owner": true}, {"login": "bob"}]));
    assert_eq!((&seen["profile"]["topic"], &seen["state"]), (&json!("all"), &json!("none")));
    world.done(carol, &[add("#open"), del("#open"), add("#open")]);
    world.done(alice, &[member("del_contact", "#open", "carol")]);
    assert_eq!(world.status(carol, &add("#open")), "403");
    world.done(alice, &[json!({"type": "update_my_data", "login": "#open", "profile": {"public": null}})]);
    let seen = world.user(carol, "#open");
    assert_eq!((&seen["members"], &seen["profile"]), (&Json::Null, &Json::Null));
}

#[test]
fn owners_alone_change_a_conference() {
    let mut world = World::new();
    let (alice, members) = conference(&mut world, "#team", &["bob", "carol"]);
    let [bob, carol] = members[..] else { panic!() };
    let topic = json!({"type": "update_my_data", "login": "#team", "profile": {"topic": "x"}});
    for request in
        [topic.clone(), member("add_contact", "#team", "dave"), member("del_contact", "#team", "carol")]
    {
        assert_eq!(world.status(bob, &request), "403", "{request}");
    }
    let mut promote = member("add_contact", "#team", "dave");
    promote["owner"] = true.into();
    assert_eq!(world.status(alice, &promote), "404", "dave is no member");
    promote["member"] = "bob".into();
    world.done(alice, &[promote]);
    assert_eq!(world.lines(carol), [r##"changed #team "bob" "owner""##]);
    world.done(bob, &[topic, member("del_contact", "#team", "alice")]);
    assert_eq!(world.status(alice, &send("#team", "hey")), "403");
    assert_eq!(world.lines(carol).last().unwrap(), r##"changed #team {"topic":"x"} "alice" "none""##);
}

#[test]
fn the_oldest_member_inherits_and_with_the_last_one_it_ends() {
    let mut world = World::new();
    let (alice, members) = conference(&mut world, "#team", &["carol", "bob"]);
    let [carol, bob] = members[..] else { panic!() };
    world.done(alice, &[del("#team")]);
    assert_eq!(
        world.user(bob, "#team")["members"],
        json!([{"login": "bob", "owner": true}, {"login": "carol"}])
    );
    world.done(carol, &[del("#team")]);
    world.done(bob, &[member("add_contact", "#team", "dave"), del("#team")]);
    assert_eq!(world.status(bob, &json!({"type": "get_user_data", "login": "#team"})), "404");
    let dave = world.device("dave");
    // The name is free, and what was before is another one.
    world.done(dave, &[add("#team"), send("#team", "mine")]);
    assert_eq!(world.user(dave, "#team")["members"], json!([{"login": "dave", "owner": true}]));
    assert_eq!(world.status(alice, &send("#team", "mine?")), "403");
}

#[test]
fn founding_needs_permission_and_a_name_that_is_allowed() {
    let mut world = World::new();
    let alice = world.device("alice");
    for (name, status) in
        [("#my team", "400"), ("#", "400"), ("##", "400"), ("#te\u{200b}am", "400"), ("#ok", "200")]
    {
        assert_eq!(world.status(alice, &add(name)), status, "{name}");
    }
    let bob = world.device("bob");
    assert_eq!(world.status(bob, &add("#0k")), "409", "it looks like another one");
    let mut world = World::with(ServerConfig::default());
    let alice = world.device("alice");
    assert_eq!(world.status(alice, &add("#team")), "404");
}

#[test]
fn members_are_limited_and_so_is_the_rate() {
    let mut config = ServerConfig::default();
    config.users_found_conferences = true;
    config.max_members = 2;
    let mut world = World::with(config);
    let (alice, members) = conference(&mut world, "#team", &["bob"]);
    let carol = world.device("carol");
    world.done(alice, &[member("add_contact", "#team", "carol")]);
    assert_eq!(world.status(carol, &add("#team")), "409");
    let count = |world: &mut World, id| {
        (0..300).filter(|n| world.status(id, &send("#team", &n.to_string())) == "200").count()
    };
    // Who is no member uses nothing up.
    assert_eq!(count(&mut world, carol), 0);
    let both = count(&mut world, alice) + count(&mut world, members[0]);
    assert!((96..=102).contains(&both), "{both}");
    assert_eq!(world.status(alice, &send("#team", "x")), "429");
    world.wait(1);
    world.done(alice, &[send("#team", "x")]);
    world.done(alice, &[send("bob", "others are not concerned")]);
}

#[test]
fn dates_increase_within_a_conference_whoever_speaks() {
    let mut world = World::new();
    let (alice, members) = conference(&mut world, "#team", &["bob"]);
    let mut dates = Vec::new();
    for id in [alice, members[0], members[0], alice] {
        dates.push(world.ask(id, &send("#team", "x"))["date"].as_i64().unwrap());
    }
    assert!(dates.is_sorted_by(|a, b| a < b), "{dates:?}");
}

#[test]
fn an_account_that_is_removed_leaves_its_conferences() {
    let mut world = World::new();
    let (_, members) = conference(&mut world, "#team", &["bob"]);
    let remove = skaro_proto::server::store::Operation::RemoveAccount { login: "alice".into() };
    world.server.operate(world.now, remove);
    let lines = world.lines(members[0]);
    assert_eq!(
        lines,
        ["gone", r##"changed #team "bob" "owner""##],
        "the entry before it is replaced at once"
    );
    assert_eq!(world.user(members[0], "#team")["members"], json!([{"login": "bob", "owner": true}]));
}

#[test]
fn who_has_blocked_an_owner_is_not_invited_and_where_only_contacts_write_nor_are_strangers() {
    let mut world = World::new();
    let (alice, bob) = (world.device("alice"), world.device("bob"));
    world.done(bob, &[block("alice")]);
    world.lines(bob);
    world.done(alice, &[add("#team"), member("add_contact", "#team", "bob")]);
    assert_eq!(world.lines(bob), [""; 0]);
    let mut config = ServerConfig::default();
    config.users_found_conferences = true;
    config.contacts_only = true;
    let mut world = World::with(config);
    let (alice, bob) = (world.device("alice"), world.device("bob"));
    world.done(alice, &[add("#team"), member("add_contact", "#team", "bob")]);
    assert_eq!(world.lines(bob), [""; 0]);
    world.done(bob, &[add("alice")]);
    world.lines(bob);
    world.done(alice, &[member("add_contact", "#team", "bob")]);
    assert_eq!(world.lines(bob), ["contact #team asks"]);
}

#[test]
fn a_user_founds_only_so_many_conferences() {
    let mut world = World::new();
    let alice = world.device("alice");
    let mut count = 0;
    for n in 0..150 {
        world.wait(1);
        count += usize::from(world.status(alice, &add(&format!("#n{n}x"))) == "200");
    }
    // One more is forgotten for each hour.
    assert!((101..=102).contains(&count), "{count}");
}

#[test]
fn one_member_alone_silences_nobody_and_owners_act_whatever_is_said() {
    let mut world = World::new();
    let (alice, members) = conference(&mut world, "#team", &["bob", "carol"]);
    let [bob, carol] = members[..] else { panic!() };
    let sent = (0..300).filter(|n| world.status(bob, &send("#team", &n.to_string())) == "200").count();
    assert!((50..=51).contains(&sent), "{sent}");
    world.done(carol, &[send("#team", "enough")]);
    let topic = json!({"type": "update_my_data", "login": "#team", "profile": {"status_text": "quiet"}});
    (0..60).for_each(|n| assert_ne!(world.status(carol, &send("#team", &n.to_string())), "403"));
    assert_eq!(world.status(carol, &send("#team", "too much of all")), "429");
    world.done(alice, &[topic, member("del_contact", "#team", "bob")]);
}

#[test]
fn what_is_posted_in_a_members_name_reaches_the_others_and_nobody_else_can_post() {
    let mut world = World::new();
    let (alice, members) = conference(&mut world, "#team", &["bob"]);
    let date = world.server.post(world.now, "alice", "#team", "maintenance at noon").unwrap();
    for id in members.iter().chain([&alice]) {
        let heard = world.news(*id);
        assert_eq!((heard.len(), &heard[0]["body"]), (1, &json!("maintenance at noon")));
        assert_eq!((&heard[0]["from"]["in_conference"], &heard[0]["date"]), (&json!("#team"), &json!(date)));
    }
    // However much the operator has to say, members may answer.
    for _ in 0..300 {
        world.server.post(world.now, "alice", "#team", "maintenance").unwrap();
    }
    assert_eq!(
        world.status(members[0], &json!({"type": "send_message", "to": "#team", "body": "ok"})),
        "200"
    );
    let refused = world.server.post(world.now, "carol", "#team", "let me in");
    assert_eq!(refused, Err(UserError::Denied(Denial::NoMember)));
    let bob = members[0];
    world.done(bob, &[json!({"type": "add_contact", "login": "carol", "blocked": true})]);
    for (from, to) in [("carol", "bob"), ("bob", "carol")] {
        assert_eq!(
            world.server.post(world.now, from, to, "hi"),
            Err(UserError::Denied(Denial::Blocked)),
            "from {from}"
        );
    }
}

/// The names of conferences that there are not take no memory, however many one user makes up.
#[test]
fn made_up_names_take_no_memory() {
    let mut world = World::new();
    let alice = world.device("alice");
    let before = world.server.memory();
    for number in 0..20_000 {
        let message = json!({"type": "send_message", "to": format!("#{number}"), "body": "hi"});
        assert_eq!(world.status(alice, &message), "404");
    }
    let taken = world.server.memory() - before;
    assert!(taken < 300_000, "{taken} bytes");
}
