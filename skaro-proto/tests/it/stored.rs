//! The server with a store behind it: what it asks for, what waits for an answer, and what is told when.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value as Json, json};
use skaro_proto::server::store::{KeptSessions, MemoryStore, Operation, Outcome, Store, StoreError};
use skaro_proto::server::{ConnectionId, OperationId, Server, ServerConfig};
use skaro_proto::{Format, Frame, Time, Transmit, auth};

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) store: MemoryStore,
    pub(crate) now: Time,
    /// Operations that were carried out, and not told of.
    done: VecDeque<(OperationId, Result<Outcome, StoreError>)>,
}

impl World {
    pub(crate) fn new() -> World {
        World::with(ServerConfig::default())
    }

    pub(crate) fn with(config: ServerConfig) -> World {
        let store = MemoryStore::new(config.store_limits());
        let server = Server::with_store(config, [7; 32]);
        let mut world = World { server, store, now: Time::from_secs(1), done: VecDeque::new() };
        for login in ["alice", "bob"] {
            let add = world.server.account(login, login).unwrap();
            world.server.operate(world.now, add);
            world.keep();
            assert!(matches!(world.server.poll_operated(), Some((_, Ok(Outcome::Added(_))))));
        }
        world
    }

    /// Carries out what was asked for, and tells of nothing.
    pub(crate) fn carry_out(&mut self) -> usize {
        while let Some((id, operation)) = self.server.poll_store() {
            let result = self.store.execute(operation);
            self.done.push_back((id, result));
        }
        self.done.len()
    }

    pub(crate) fn tell(&mut self) -> bool {
        let Some((id, result)) = self.done.pop_front() else { return false };
        self.server.handle_stored(self.now, id, result);
        true
    }

    pub(crate) fn keep(&mut self) {
        while self.carry_out() > 0 {
            self.tell();
        }
    }

    /// Refuses all that is asked for.
    pub(crate) fn refuse(&mut self, error: StoreError) {
        while let Some((id, _)) = self.server.poll_store() {
            self.server.handle_stored(self.now, id, Err(error));
        }
    }

    pub(crate) fn say(&mut self, id: ConnectionId, message: &Json) {
        self.server.handle_frame(self.now, id, Frame::Text(&message.to_string())).unwrap();
    }

    pub(crate) fn hear(&mut self, id: ConnectionId) -> Vec<Json> {
        let mut all = Vec::new();
        while let Some(transmit) = self.server.poll_transmit(id) {
            all.push(match transmit {
                Transmit::Frame(frame) => serde_json::from_slice(frame.as_bytes()).unwrap(),
                other => format!("{other:?}").into(),
            });
        }
        all
    }

    pub(crate) fn connect(&mut self) -> (ConnectionId, String) {
        let id = self.server.connect(self.now, Some(Format::Json)).unwrap();
        let token = self.hear(id)[0]["token"].as_str().unwrap().to_owned();
        (id, token)
    }

    /// Asks to sign in, with a cursor at the head of the log if it is wanted.
    pub(crate) fn authorize(&mut self, login: &str, has_cursor: bool) -> ConnectionId {
        let (id, token) = self.connect();
        let proof = auth::proof(login, &token);
        let mut request = json!({"type": "authorize", "on_request": 1, "login": login, "password": proof});
        if has_cursor {
            request["since"] = "head".into();
        }
        self.say(id, &request);
        id
    }

    pub(crate) fn sign_in(&mut self, login: &str, has_cursor: bool) -> (ConnectionId, String) {
        let id = self.authorize(login, has_cursor);
        self.keep();
        let sid = self.hear(id)[0]["session_id"].as_str().unwrap().to_owned();
        (id, sid)
    }

    pub(crate) fn send(&mut self, id: ConnectionId, number: u64, to: &str) {
        let request = json!({"type": "send_message", "on_request": number, "to": to, "body": "hi"});
        self.say(id, &request);
    }
}

#[test]
fn nothing_is_told_before_it_is_durable_and_a_sign_in_is_waited_for() {
    let mut world = World::new();
    let id = world.authorize("alice", false);
    assert!(!world.server.wants_frames(id));
    for step in ["the account is found", "the session begins"] {
        assert_eq!(world.carry_out(), 1, "{step}");
        assert_eq!(world.hear(id), [Json::Null; 0], "before {step}");
        world.tell();
    }
    assert_eq!(world.hear(id)[0]["status"], "200");
    assert!(world.server.wants_frames(id) && world.server.is_online("alice"));
    let (bob, _) = world.sign_in("bob", false);
    world.send(id, 2, "bob");
    world.carry_out();
    assert_eq!((world.hear(id), world.hear(bob)), (vec![], vec![]));
    world.tell();
    assert_eq!(
        (world.hear(id)[0]["status"].clone(), world.hear(bob)[0]["body"].clone()),
        ("200".into(), "hi".into())
    );
}

#[test]
fn with_64_operations_open_no_more_frames_are_wanted() {
    let mut world = World::new();
    let (id, _) = world.sign_in("alice", false);
    for number in 0..64 {
        assert!(world.server.wants_frames(id), "{number}");
        world.send(id, number + 1, "bob");
    }
    assert!(!world.server.wants_frames(id));
    while world.server.poll_ready().is_some() {}
    world.carry_out();
    world.tell();
    assert!(world.server.wants_frames(id));
    assert_eq!(world.server.poll_ready(), Some(id));
    // Whoever goes on nevertheless is refused in the end.
    (0..100).for_each(|number| world.send(id, number + 100, "bob"));
    let answers = world.hear(id);
    assert_eq!(answers.last().unwrap()["status"], "503");
    assert!(world.server.open_operations() <= 128);
}

#[test]
fn what_the_machine_decides_alone_does_not_wait() {
    let mut world = World::new();
    let (id, _) = world.sign_in("alice", false);
    let long = "x".repeat(17_000);
    world.say(id, &json!({"type": "send_message", "on_request": 2, "to": "bob", "body": long}));
    assert_eq!(world.hear(id)[0]["status"], "413");
    assert!(world.server.poll_store().is_none());
    // With a key it may be a repetition.
    world.say(id, &json!({"type": "send_message", "on_request": 3, "to": "bob", "body": long, "key": "k"}));
    assert_eq!(world.hear(id), [Json::Null; 0]);
    world.keep();
    assert_eq!(world.hear(id)[0]["status"], "413");
}

#[test]
fn what_the_store_refuses_is_refused_and_costs_nothing() {
    let mut world = World::new();
    let (id, _) = world.sign_in("alice", false);
    for (number, error) in (2..).zip([StoreError::Busy, StoreError::Full, StoreError::Unavailable]) {
        world.send(id, number, "bob");
        world.refuse(error);
        assert_eq!(world.hear(id)[0]["status"], "503", "{error:?}");
    }
    // As many as may come at once.
    (0..1000).for_each(|number| {
        world.send(id, number + 10, "bob");
        world.keep();
        assert_eq!(world.hear(id)[0]["status"], "200");
    });
    let stranger = world.authorize("bob", false);
    world.refuse(StoreError::Unavailable);
    assert_eq!(world.hear(stranger)[0]["status"], "503");
    assert!(world.server.wants_frames(stranger));
}

#[test]
fn an_outcome_that_nobody_knows_after_ten_seconds_may_come_later() {
    let mut world = World::new();
    let (alice, _) = world.sign_in("alice", true);
    let (bob, _) = world.sign_in("bob", true);
    // It is told that they have come.
    world.now = world.now + Duration::from_secs(2);
    world.server.handle_timeout(world.now);
    world.keep();
    world.send(alice, 2, "bob");
    world.now = world.now + Duration::from_secs(10);
    assert!(world.server.poll_timeout().unwrap() <= world.now);
    world.server.handle_timeout(world.now);
    assert_eq!(world.hear(alice)[0]["status"], "504");
    assert_eq!((world.hear(bob), world.server.open_operations()), (vec![], 1));
    world.keep();
    assert_eq!(world.hear(bob)[0]["position"], 1);
    // It was not answered, so it comes as a whole.
    let own = world.hear(alice);
    assert_eq!((own.len(), &own[0]["body"], &own[0]["position"]), (1, &"hi".into(), &1.into()));
}

#[test]
fn a_session_whose_connection_did_not_wait_is_left() {
    let mut world = World::new();
    let id = world.authorize("alice", false);
    world.carry_out();
    world.tell();
    world.carry_out();
    world.server.handle_disconnected(world.now, id);
    world.keep();
    assert_eq!((world.store.sessions(), world.store.next_session_end()), (1, Some(301_000)));
    // It is removed some time later.
    world.now = world.now + Duration::from_secs(601);
    world.server.handle_timeout(world.now);
    world.keep();
    assert_eq!(world.store.sessions(), 0);
}

/// The last one as well, whenever it was broken, and whatever the clock does.
#[test]
fn no_broken_session_stays() {
    for (broken, set_back) in [(300, 0), (300, 1000), (299, 0), (10_000, 9000)] {
        let mut world = World::new();
        world.now = Time::from_secs(2);
        let (id, _) = world.sign_in("alice", false);
        while let Some(at) = world.server.poll_timeout().filter(|at| *at <= Time::from_secs(broken)) {
            world.now = at;
            world.server.handle_pong(at, id);
            world.server.handle_timeout(at);
            world.hear(id);
            world.keep();
        }
        world.now = Time::from_secs(broken);
        world.server.handle_disconnected(world.now, id);
        world.server.handle_timeout(world.now);
        world.keep();
        world.server.set_time_of_day(world.now, (broken as i64 - set_back) * 1000);
        while let Some(at) = world.server.poll_timeout() {
            assert!(at < Time::from_secs(broken + 12_000), "{broken} {set_back}: something is due for ever");
            world.now = at;
            world.server.handle_timeout(at);
            world.keep();
        }
        assert_eq!(world.store.sessions(), 0, "broken at {broken} s, set back by {set_back} s");
    }
}

#[test]
fn a_broken_session_is_removed_if_the_clock_is_set_back_while_the_store_refuses() {
    let mut world = World::new();
    let (id, _) = world.sign_in("alice", false);
    world.server.handle_disconnected(world.now, id);
    world.keep();
    world.now = world.now + Duration::from_secs(601);
    world.server.handle_timeout(world.now);
    world.refuse(StoreError::Unavailable);
    // Its end is in the future again when the store is asked once more.
    world.server.set_time_of_day(world.now, 0);
    while let Some(at) = world.server.poll_timeout() {
        assert!(at < Time::from_secs(10_000), "something is due for ever");
        world.now = at;
        world.server.handle_timeout(at);
        world.keep();
    }
    assert_eq!(world.store.sessions(), 0);
}

#[test]
fn a_session_is_removed_that_the_store_leaves_after_the_removal_of_others() {
    let mut world = World::new();
    let (other, _) = world.sign_in("bob", false);
    let (id, _) = world.sign_in("alice", false);
    world.server.handle_disconnected(world.now, other);
    world.keep();
    world.server.handle_disconnected(world.now, id);
    let (late, leave) = world.server.poll_store().unwrap();
    world.now = world.now + Duration::from_secs(400);
    world.server.handle_timeout(world.now);
    world.keep();
    assert_eq!(world.store.sessions(), 1);
    let result = world.store.execute(leave);
    world.server.handle_stored(world.now, late, result);
    while let Some(at) = world.server.poll_timeout() {
        assert!(at < Time::from_secs(10_000), "something is due for ever");
        world.now = at;
        world.server.handle_timeout(at);
        world.keep();
    }
    assert_eq!(world.store.sessions(), 0);
}

#[test]
fn a_session_lives_no_longer_because_the_store_could_not_note_its_end() {
    let mut world = World::new();
    let (id, _) = world.sign_in("alice", false);
    world.server.handle_disconnected(world.now, id);
    for _ in 0..200 {
        world.refuse(StoreError::Unavailable);
        world.now = world.now + Duration::from_secs(1);
        world.server.handle_timeout(world.now);
    }
    world.keep();
    assert_eq!(world.store.next_session_end(), Some(301_000));
}

#[test]
fn whoever_was_not_read_behind_the_store_has_time_for_a_pong() {
    let mut world = World::new();
    let (id, _) = world.sign_in("alice", false);
    let began = world.now;
    (2..66).for_each(|number| world.send(id, number, "bob"));
    world.carry_out();
    assert!(!world.server.wants_frames(id));
    for seconds in [30, 60, 90, 119] {
        world.now = began + Duration::from_secs(seconds);
        world.server.handle_timeout(world.now);
        world.hear(id);
    }
    world.now = began + Duration::from_secs(120);
    world.keep();
    world.server.handle_timeout(world.now);
    assert!(world.server.has_connection(id) && world.server.wants_frames(id));
}

/// The connections of a session, of which one ends the other sessions while the other one takes it.
#[test]
fn a_session_that_goes_on_is_restored_and_left_whoever_ends_others_meanwhile() {
    for is_gone in [false, true] {
        let mut world = World::new();
        let (old, sid) = world.sign_in("alice", false);
        let (new, _) = world.connect();
        world.say(new, &json!({"type": "session_restore", "on_request": 1, "sid": sid}));
        world.say(old, &json!({"type": "sign_out", "on_request": 2, "others": true}));
        assert_eq!(world.carry_out(), 2);
        // Their lanes are different, so either may be told of first.
        world.done.swap(0, 1);
        world.tell();
        if is_gone {
            world.server.handle_disconnected(world.now, new);
        }
        world.keep();
        if !is_gone {
            assert_eq!(world.hear(new)[0]["status"], "200");
            world.server.handle_disconnected(world.now, new);
        }
        world.server.handle_disconnected(world.now, old);
        world.keep();
        assert_eq!((world.store.sessions(), world.store.next_session_end()), (1, Some(301_000)));
    }
}

/// What is under way counts for the share of its sender, and comes back if the store refuses it.
#[test]
fn one_member_silences_no_conference_with_messages_that_are_under_way() {
    let mut config = ServerConfig::default();
    config.users_found_conferences = true;
    // Each such message counts as 15; a member may take 50 at once, all together 100.
    config.limits.max_body_bytes = 60_000;
    let mut world = World::with(config);
    let (alice, _) = world.sign_in("alice", false);
    let (bob, _) = world.sign_in("bob", false);
    let add = |member: Option<&str>| json!({"type": "add_contact", "on_request": 2, "login": "#team", "member": member});
    world.say(alice, &json!({"type": "add_contact", "on_request": 2, "login": "#team"}));
    world.keep();
    world.say(alice, &add(Some("bob")));
    world.keep();
    world.say(bob, &json!({"type": "add_contact", "on_request": 2, "login": "#team"}));
    world.keep();
    world.hear(bob);
    let long = json!({"type": "send_message", "on_request": 3, "to": "#team", "body": "x".repeat(60_000)});
    let statuses = |world: &mut World| -> Vec<_> {
        let told = world.hear(bob).into_iter();
        told.filter_map(|it| it["status"].as_str().map(str::to_owned)).collect()
    };
    for _ in 0..2 {
        (0..6).for_each(|_| world.say(bob, &long));
        assert_eq!(statuses(&mut world), ["429"; 3]);
        world.refuse(StoreError::Full);
        assert_eq!(statuses(&mut world), ["503"; 3]);
    }
    (0..6).for_each(|_| world.say(bob, &long));
    world.keep();
    world.hear(alice);
    world.send(alice, 4, "#team");
    world.keep();
    let answer = world.hear(alice).into_iter().find(|it| it["status"].is_string()).unwrap();
    assert_eq!(answer["status"], "200");
}

#[test]
fn of_two_who_take_a_session_the_last_one_has_it() {
    for is_reversed in [false, true] {
        let mut world = World::new();
        let (_, sid) = world.sign_in("alice", false);
        let ids = [world.connect().0, world.connect().0];
        for id in ids {
            world.say(id, &json!({"type": "session_restore", "on_request": 1, "sid": sid}));
        }
        world.carry_out();
        if is_reversed {
            world.done.make_contiguous().reverse();
        }
        world.keep();
        let [first, last] = ids.map(|id| world.hear(id));
        assert_eq!(first.last().unwrap(), "Close(Replaced)", "{is_reversed}");
        assert_eq!(last[0]["status"], "200");
        // Neither end of the others breaks it.
        ids.into_iter().take(1).for_each(|id| world.server.handle_disconnected(world.now, id));
        world.keep();
        assert_eq!(world.store.next_session_end(), None);
    }
}

#[test]
fn what_operators_do_reaches_who_is_here() {
    let mut world = World::new();
    let (plain, _) = world.sign_in("bob", false);
    let (cursor, _) = world.sign_in("bob", true);
    let Ok(Outcome::Account(Some(alice))) =
        world.store.execute(Operation::FindAccount { login: "alice".into() })
    else {
        panic!("no alice")
    };
    let (to, body) = ("bob".into(), "hello".into());
    world.server.operate(
        world.now,
        Operation::Append {
            from: alice.id,
            sender: alice.login,
            to,
            body,
            key: None,
            contacts_only: false,
            now: 5,
        },
    );
    world.keep();
    assert_eq!(
        world.hear(plain),
        [
            json!({"type": "show_message", "from": {"login": "alice"}, "to": "bob", "body": "hello", "date": 5})
        ]
    );
    assert_eq!(world.hear(cursor)[0]["position"], 1);
    world.server.operate(world.now, Operation::RemoveAccount { login: "bob".into() });
    world.keep();
    assert_eq!(world.hear(plain).pop().unwrap(), "Close(SessionEnded)");
    assert!(!world.server.is_online("bob"));
    assert!(world.server.add_user("carol", "carol").is_err(), "the store is not inside");
}

#[test]
fn what_comes_while_somebody_signs_in_is_not_missed() {
    let mut world = World::new();
    let (alice, _) = world.sign_in("alice", false);
    let bob = world.authorize("bob", true);
    // The account is read, with the log's head.
    world.carry_out();
    let found = world.done.pop_front().unwrap();
    world.send(alice, 2, "bob");
    world.keep();
    assert_eq!(world.hear(alice)[0]["status"], "200");
    world.done.push_back(found);
    world.tell();
    world.keep();
    let heard = world.hear(bob);
    assert_eq!((&heard[0]["status"], heard[0]["head"].clone()), (&"200".into(), 0.into()));
    assert_eq!(heard[1]["position"], 1);
}

/// The rate is given back while she is away, so the account is to be forgotten earlier than when she left.
#[test]
fn an_account_that_is_used_again_is_not_forgotten() {
    let mut world = World::new();
    let (alice, _) = world.sign_in("alice", false);
    world.send(alice, 2, "bob");
    world.server.handle_disconnected(world.now, alice);
    world.refuse(StoreError::Unavailable);
    let (alice, _) = world.sign_in("alice", true);
    world.now = world.now + Duration::from_secs(10);
    let (bob, _) = world.sign_in("bob", false);
    world.send(bob, 2, "alice");
    world.keep();
    assert_eq!(world.hear(alice)[0]["body"], "hi");
    world.server.handle_disconnected(world.now, bob);
    world.keep();
    assert!(world.server.is_online("alice"));
    world.say(alice, &json!({"type": "get_history", "on_request": 2, "login": "bob"}));
    world.keep();
    assert_eq!(world.hear(alice)[0]["status"], "200");
}

/// Everything that ends the sessions of alice, and the reason that she is told.
fn ends(sid: &str) -> Vec<(Operation, &'static str)> {
    use sha2::{Digest, Sha512};
    use skaro_proto::server::store::SessionKey;
    let login = || "alice".into();
    let session = SessionKey(Sha512::digest(sid)[..16].try_into().unwrap());
    let verifier = auth::Verifier::new("changed");
    vec![
        (
            Operation::SetVerifier { login: login(), verifier, old: None, keeps: KeptSessions::None },
            "the password was changed",
        ),
        (Operation::SetDisabled { login: login(), is_disabled: true }, "disabled"),
        (Operation::EndSessions { login: login(), keeps: KeptSessions::None }, "sign in again"),
        (Operation::EndSession { session, of: None }, "sign in again"),
        (Operation::RemoveAccount { login: login() }, "removed"),
    ]
}

#[test]
fn operators_end_sessions_and_their_connections() {
    for n in 0..5 {
        let mut world = World::new();
        let ((alice, sid), (bob, _)) = (world.sign_in("alice", true), world.sign_in("bob", true));
        let (end, reason) = ends(&sid).remove(n);
        world.server.operate(world.now, end);
        assert_eq!((world.hear(alice), world.hear(bob)), (vec![], vec![]), "not before it is durable");
        world.keep();
        let told = world.hear(alice);
        assert_eq!(
            (told[0]["type"].clone(), told[1].clone()),
            ("error".into(), "Close(SessionEnded)".into())
        );
        assert!(told[0]["info"].as_str().unwrap().contains(reason), "{told:?}");
        assert_eq!(world.hear(bob), [Json::Null; 0]);
        let (again, _) = world.connect();
        world.say(again, &json!({"type": "session_restore", "on_request": 1, "sid": sid}));
        world.keep();
        assert_eq!(world.hear(again)[0]["status"], "401");
    }
}

#[test]
fn a_sign_in_that_is_under_way_does_not_succeed_by_what_was_valid_before() {
    for n in 0..5 {
        // The end is told before the account is found, before the session begins, and before a session is taken.
        for step in 0..3 {
            let mut world = World::new();
            let (first, sid) = world.sign_in("alice", false);
            world.server.handle_disconnected(world.now, first);
            world.keep();
            let (end, _) = ends(&sid).remove(n);
            let id = match step {
                2 => {
                    let (id, _) = world.connect();
                    world.say(id, &json!({"type": "session_restore", "on_request": 1, "sid": sid}));
                    id
                }
                _ => world.authorize("alice", false),
            };
            world.carry_out();
            if step == 1 {
                world.tell();
                world.carry_out();
            }
            let late = world.done.pop_front().unwrap();
            world.server.operate(world.now, end.clone());
            world.keep();
            world.done.push_back(late);
            world.tell();
            world.keep();
            // The session that was ended is not the one that begins.
            let is_another = matches!(end, Operation::EndSession { .. }) && step < 2;
            let status = world.hear(id)[0]["status"].as_str().unwrap().to_owned();
            assert_eq!(status == "200", is_another, "{end:?} at step {step}: {status}");
            assert_eq!(world.server.is_online("alice"), is_another);
        }
    }
}

#[test]
fn a_disabled_user_is_told_so_and_nobody_else() {
    let mut world = World::new();
    world.server.operate(world.now, Operation::SetDisabled { login: "alice".into(), is_disabled: true });
    world.keep();
    let id = world.authorize("alice", false);
    world.keep();
    let told = world.hear(id).remove(0);
    assert_eq!(told["status"], "403");
    assert!(told["info"].as_str().unwrap().contains("disabled"));
    let (id, token) = world.connect();
    let proof = auth::proof("wrong", &token);
    world.say(id, &json!({"type": "authorize", "on_request": 1, "login": "alice", "password": proof}));
    world.keep();
    assert_eq!(world.hear(id)[0]["status"], "401");
}

#[test]
fn what_happens_is_counted_and_noted_without_secrets() {
    use skaro_proto::server::{Note, Peer};
    let mut world = World::new();
    world.server.keep_notes(1);
    let (alice, sid) = world.sign_in("alice", false);
    world.send(alice, 2, "bob");
    world.send(alice, 3, "nobody");
    world.carry_out();
    world.now = world.now + Duration::from_secs(2);
    world.keep();
    let id = world.server.handle_accepted(world.now, Peer::from([192, 0, 2, 7])).unwrap();
    world.server.handle_connected(world.now, id, Some(Format::Json));
    world.say(id, &json!({"type": "authorize", "on_request": 1, "login": "hunter2", "password": "hunter2"}));
    world.keep();
    world.say(id, &json!({"type": "get_weather", "on_request": 2}));

    let stats = world.server.stats();
    assert_eq!((stats.connections, stats.signed_in, stats.users, stats.accepted), (2, 1, 1, 2));
    let answers = [
        ("authorize", 200, 1),
        ("send_message", 200, 1),
        ("authorize", 401, 1),
        ("other", 501, 1),
        ("send_message", 404, 1),
    ];
    assert_eq!(stats.answers, answers);
    let times = |kind| stats.store_times.iter().find(|(it, _)| *it == kind).unwrap().1.clone();
    assert_eq!(times("send_message").sum(), Duration::from_secs(4));
    assert_eq!(times("authorize").counts().iter().sum::<u64>(), 3);
    assert_eq!(stats.memory.iter().map(|(_, bytes)| bytes).sum::<usize>(), world.server.memory());

    let notes: Vec<_> = std::iter::from_fn(|| world.server.poll_note()).collect();
    let (login, address) = ("alice".into(), Some([192, 0, 2, 7].into()));
    assert_eq!(notes[0], Note::SignedIn { connection: alice, address: None, login, is_restored: false });
    assert_eq!(notes[1], Note::Slow { request: "send_message", took: Duration::from_secs(2) });
    assert!(matches!(notes[2], Note::Refused { connection, status: 404, .. } if connection == alice));
    // Neither what is slow nor what is refused pushes it out.
    assert_eq!(notes[3], Note::Refused { connection: id, address, request: "authorize", status: 401 });
    assert_eq!(notes.len(), 4);
    assert_eq!(Vec::from_iter(world.server.take_lost_notes()), [("refused", 1), ("slow", 1)]);
    assert!(world.server.take_lost_notes().is_empty());
    world.say(id, &json!({"type": "get_weather", "on_request": 3}));
    let refused = Note::Refused { connection: id, address, request: "other", status: 501 };
    assert_eq!(world.server.poll_note(), Some(refused.clone()));
    let shown = format!("{notes:?} {refused:?} {stats:?}");
    assert!(!shown.contains("hunter") && !shown.contains("weather") && !shown.contains(&sid), "{shown}");

    use sha2::{Digest, Sha512};
    use skaro_proto::server::store::SessionKey;
    let key = SessionKey(Sha512::digest(&sid)[..16].try_into().unwrap());
    assert_eq!(world.server.holder(&key), Some((alice, None)));
    world.server.handle_disconnected(world.now, alice);
    assert_eq!(world.server.holder(&key), None);
}

#[test]
fn a_flood_of_connections_is_one_note_and_pushes_out_none() {
    use skaro_proto::server::{Note, Peer};
    let mut world = World::new();
    world.server.keep_notes(1);
    let mut config = world.server.config().clone();
    config.max_connections_per_address = Some(1);
    world.server.set_config(config);
    let peer = Peer::from([192, 0, 2, 7]);
    world.server.handle_accepted(world.now, peer).unwrap();
    for _ in 0..10_000 {
        world.server.handle_accepted(world.now, peer).unwrap_err();
    }
    world.sign_in("alice", false);
    assert_eq!(world.server.poll_note().unwrap().kind(), "signed_in");
    let Some(Note::NotAccepted { address, count, .. }) = world.server.poll_note() else { panic!() };
    assert_eq!((address, count), (Some([192, 0, 2, 7].into()), 10_000));
    assert_eq!(world.server.poll_note(), None);
    assert!(world.server.take_lost_notes().is_empty());
}
