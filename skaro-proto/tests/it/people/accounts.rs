//! Accounts that users make and change: registering, invitations, passwords.

use skaro_proto::message::Registration;

use super::*;

fn world(registration: Registration<'static>) -> World {
    let mut config = ServerConfig::default();
    config.registration = registration;
    config.users_invite = true;
    World::with(config)
}

fn register(login: &str) -> Json {
    json!({"type": "register", "login": login, "password": "secret"})
}

#[test]
fn whoever_registers_can_sign_in_on_the_same_connection() {
    let mut world = world(Registration::Open);
    let (id, token) = world.connect([127, 0, 0, 1].into());
    let mut form = register("eve");
    form["profile"] = json!({"name": "Eve"});
    world.done(id, &[form]);
    let proof = auth::proof("secret", &token);
    world.done(id, &[json!({"type": "authorize", "login": "eve", "password": proof})]);
    assert_eq!(world.user(id, "eve")["profile"], json!({"name": "Eve"}));
}

#[test]
fn passwords_travel_only_where_nobody_listens() {
    let mut world = world(Registration::Open);
    let remote = Peer::from([192, 0, 2, 1]);
    for (peer, status) in
        [(remote, "403"), (Peer::UNKNOWN, "403"), (remote.encrypted(), "200"), ([127, 0, 0, 2].into(), "200")]
    {
        let (id, _) = world.connect(peer);
        let login = format!("user{}", world.number);
        assert_eq!(world.status(id, &register(&login)), status, "{peer:?}");
    }
    // What a proxy forwards comes from elsewhere, unless whoever runs the server says that nobody listens there.
    for (ends_tls, status) in [(false, "403"), (true, "200")] {
        let mut config = world.server.config().clone();
        config.proxy_ends_tls = ends_tls;
        world.server.set_config(config);
        let (id, _) = world.connect(Peer::UNKNOWN);
        world.server.handle_forwarded(world.now, id, [192, 0, 2, 7].into()).unwrap();
        assert_eq!(world.status(id, &register("somebody")), status);
    }
}

#[test]
fn logins_have_rules() {
    let mut world = world(Registration::Open);
    for (login, status) in [
        ("", "400"),
        ("a b", "400"),
        ("#team", "400"),
        ("a\u{0}", "400"),
        ("bob\u{200d}", "400"),
        (&*"x".repeat(65), "400"),
        ("bob", "409"),
        ("B0b", "409"),
        ("b\u{43e}b", "409"),
    ] {
        let (id, _) = world.connect([127, 0, 0, 1].into());
        assert_eq!(world.status(id, &register(login)), status, "{login:?}");
        // Those that were not refused at once count for the address.
        world.wait(24 * 3600);
    }
}

#[test]
fn the_number_of_accounts_from_one_address_is_limited() {
    let mut world = world(Registration::Open);
    let mut count = 0;
    for n in 0..20 {
        let (id, _) = world.connect([127, 0, 0, 1].into());
        count += usize::from(world.status(id, &register(&format!("n{n}x"))) == "200");
    }
    assert_eq!(count, 11);
    let (id, _) = world.connect([127, 0, 0, 2].into());
    world.done(id, &[register("another")]);
}

#[test]
fn an_invitation_is_good_once_and_for_a_week() {
    let mut world = world(Registration::Invitation);
    let alice = world.device("alice");
    let (id, _) = world.connect([127, 0, 0, 1].into());
    assert_eq!(world.status(id, &register("eve")), "403");
    let invited = |world: &mut World| world.ask(alice, &json!({"type": "invite"}))["invitation"].clone();
    let with = |login: &str, invitation: &Json| {
        let mut form = register(login);
        form["invitation"] = invitation.clone();
        form
    };
    let [first, second] = [invited(&mut world), invited(&mut world)];
    assert_ne!(first, second);
    assert_eq!(world.status(id, &with("eve", &json!("guessed"))), "403");
    // A login that is refused uses none up.
    assert_eq!(world.status(id, &with("bob", &first)), "409");
    world.done(id, &[with("eve", &first)]);
    assert_eq!(world.status(id, &with("frank", &first)), "403");
    world.wait(7 * 24 * 3600 + 1);
    let (id, _) = world.connect([127, 0, 0, 1].into());
    assert_eq!(world.status(id, &with("frank", &second)), "403");
    let (text, invite) = world.server.invitation(world.now);
    world.server.operate(world.now, invite);
    world.done(id, &[with("frank", &json!(text))]);
}

#[test]
fn a_user_has_only_so_many_invitations() {
    let mut world = world(Registration::Invitation);
    let alice = world.device("alice");
    let count = (0..20).filter(|_| world.status(alice, &json!({"type": "invite"})) == "200").count();
    assert_eq!((count, world.status(alice, &json!({"type": "invite"}))), (16, "429".into()));
    let bob = world.device("bob");
    world.done(bob, &[json!({"type": "invite"})]);
    world.wait(60);
    let mut config = world.server.config().clone();
    config.users_invite = false;
    world.server.set_config(config);
    assert_eq!(world.status(bob, &json!({"type": "invite"})), "403");
}

#[test]
fn closed_means_closed() {
    let mut world = world(Registration::Closed);
    let (id, _) = world.connect([127, 0, 0, 1].into());
    assert_eq!(world.status(id, &register("eve")), "403");
}

#[test]
fn a_new_password_needs_the_old_one() {
    let mut world = world(Registration::Closed);
    let (alice, other) = (world.device("alice"), world.device("alice"));
    let change = |old: &str| json!({"type": "update_my_data", "password": "new", "old_password": old});
    assert_eq!(world.status(alice, &json!({"type": "update_my_data", "password": "new"})), "403");
    assert_eq!(world.status(alice, &change("wrong")), "403");
    world.done(alice, &[change("alice")]);
    assert_eq!(world.hear(other), [Json::Null; 0], "other sessions go on");
    assert_eq!(world.sign_in_with("alice", "alice", &json!({})), Err("401".into()));
    world.sign_in_with("alice", "new", &json!({})).unwrap();
    let (far, token) = world.connect([192, 0, 2, 1].into());
    let proof = auth::proof("new", &token);
    world.done(far, &[json!({"type": "authorize", "login": "alice", "password": proof})]);
    assert_eq!(world.status(far, &change("new")), "403", "somebody may listen");
}

#[test]
fn a_new_password_ends_the_other_sessions_if_asked() {
    let mut world = world(Registration::Closed);
    let (alice, other) = (world.device("alice"), world.device("alice"));
    let change =
        json!({"type": "update_my_data", "password": "new", "old_password": "alice", "end_sessions": true});
    world.done(alice, &[change]);
    let heard = world.hear(other);
    assert_eq!(heard[0]["type"], "error");
    assert!(heard[1].as_str().unwrap().contains("SessionEnded"), "{heard:?}");
    world.done(alice, &[json!({"type": "get_contacts"})]);
}

#[test]
fn guessing_an_old_password_is_slowed_down_like_signing_in() {
    let mut world = world(Registration::Closed);
    let alice = world.device("alice");
    let change = |old: &str| json!({"type": "update_my_data", "password": "new", "old_password": old});
    let statuses: Vec<_> = (0..12).map(|_| world.status(alice, &change("wrong"))).collect();
    assert_eq!(statuses.iter().filter(|status| *status == "403").count(), 11, "{statuses:?}");
    assert_eq!(world.status(alice, &change("alice")), "429");
}
