//! Signing out: the own session, another one, all others.

use super::*;

fn sid(world: &mut World, login: &str) -> (ConnectionId, String) {
    let (id, token) = world.connect([127, 0, 0, 1].into());
    let proof = auth::proof(login, &token);
    let answer = world.ask(id, &json!({"type": "authorize", "login": login, "password": proof}));
    (id, answer["session_id"].as_str().unwrap().to_owned())
}

fn restore(world: &mut World, sid: &str) -> String {
    let (id, _) = world.connect([127, 0, 0, 1].into());
    world.status(id, &json!({"type": "session_restore", "sid": sid}))
}

fn sign_out() -> Json {
    json!({"type": "sign_out"})
}

#[test]
fn signing_out_ends_the_session_and_closes_the_connection() {
    let mut world = World::new();
    let (id, session) = sid(&mut world, "alice");
    let (other, _) = sid(&mut world, "alice");
    world.say(id, &json!({"type": "sign_out", "on_request": 9}));
    let heard = world.hear(id);
    assert_eq!((&heard[0]["status"], heard.len()), (&json!("200"), 2));
    assert!(heard[1].as_str().unwrap().contains("Normal"), "{heard:?}");
    world.server.handle_disconnected(world.now, id);
    assert_eq!(restore(&mut world, &session), "401");
    world.done(other, &[json!({"type": "get_contacts"})]);
}

#[test]
fn sessions_are_listed_and_ended_one_by_one() {
    let mut world = World::new();
    let (id, _) = sid(&mut world, "alice");
    let (broken, session) = sid(&mut world, "alice");
    let (open, _) = sid(&mut world, "alice");
    world.server.handle_disconnected(world.now, broken);
    let (bob, _) = sid(&mut world, "bob");
    let sessions = world.ask(id, &json!({"type": "get_sessions"}))["sessions"].clone();
    let sessions = sessions.as_array().unwrap();
    assert_eq!(sessions.len(), 3);
    assert_eq!(sessions.iter().filter(|it| it["current"] == true).count(), 1);
    let broken = sessions.iter().find(|it| !it["until"].is_null()).unwrap();
    let end = json!({"type": "sign_out", "session": broken["session"]});
    assert_eq!(world.status(bob, &end), "404", "it is somebody else's");
    assert_eq!(restore(&mut world, broken["session"].as_str().unwrap()), "401", "its name restores nothing");
    world.done(id, std::slice::from_ref(&end));
    assert_eq!(world.status(id, &end), "404");
    assert_eq!(restore(&mut world, &session), "401");
    let there = sessions.iter().find(|it| it["current"] != true && it["until"].is_null()).unwrap();
    world.done(id, &[json!({"type": "sign_out", "session": there["session"]})]);
    assert!(world.hear(open).iter().any(|it| it.to_string().contains("SessionEnded")));
    assert_eq!(world.status(id, &json!({"type": "sign_out", "session": "nonsense"})), "404");
}

#[test]
fn all_others_end_at_once() {
    let mut world = World::new();
    let [(id, _), (other, _), (third, _)] = [(); 3].map(|()| sid(&mut world, "alice"));
    let (bob, _) = sid(&mut world, "bob");
    world.done(id, &[json!({"type": "sign_out", "others": true})]);
    for gone in [other, third] {
        assert!(world.hear(gone).iter().any(|it| it.to_string().contains("SessionEnded")));
    }
    assert_eq!(world.hear(bob), [Json::Null; 0]);
    let sessions = world.ask(id, &json!({"type": "get_sessions"}))["sessions"].clone();
    assert_eq!(sessions.as_array().unwrap().len(), 1);
    world.done(id, &[sign_out()]);
}

/// What comes behind the request to sign out is not carried out: the connection is closed first.
#[test]
fn nothing_is_read_while_the_user_signs_out() {
    let mut world = crate::stored::World::new();
    let (alice, _) = world.sign_in("alice", false);
    world.say(alice, &json!({"type": "sign_out", "others": true, "on_request": 2}));
    assert!(world.server.wants_frames(alice));
    world.keep();
    world.say(alice, &json!({"type": "sign_out", "on_request": 3}));
    assert!(!world.server.wants_frames(alice));
    world.keep();
    let heard = world.hear(alice);
    assert_eq!((&heard[1]["status"], &heard[2]), (&json!("200"), &json!("Close(Normal)")));
}

/// Of two who change one password at once, with a store that takes its time, one has to know the new one.
#[test]
fn an_old_password_is_good_for_one_change() {
    let mut world = crate::stored::World::new();
    let ids: Vec<_> = [(); 2]
        .map(|()| {
            let id = world.server.handle_accepted(world.now, [127, 0, 0, 1].into()).unwrap();
            world.server.handle_connected(world.now, id, Some(Format::Json));
            let token = world.hear(id)[0]["token"].as_str().unwrap().to_owned();
            let proof = auth::proof("alice", &token);
            let authorize =
                json!({"type": "authorize", "on_request": 1, "login": "alice", "password": proof});
            world.say(id, &authorize);
            world.keep();
            assert_eq!(world.hear(id)[0]["status"], "200");
            id
        })
        .into();
    for (id, password) in ids.iter().zip(["one", "other"]) {
        let change =
            json!({"type": "update_my_data", "on_request": 2, "password": password, "old_password": "alice"});
        world.say(*id, &change);
    }
    world.keep();
    let statuses: Vec<_> = ids.iter().map(|id| world.hear(*id)[0]["status"].clone()).collect();
    assert_eq!(statuses, ["200", "403"]);
}
