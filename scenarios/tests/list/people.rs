//! Registering, contacts, conferences, presence, signing out: over every adapter.

use skaro_blocking::proto::message::ContactState;
use skaro_blocking::{
    AddContact, Authorize, CommandError, DelContact, Event, Fields, GetSessions, GetUserData, Register,
    Registration, RequestError, SearchContacts, SendMessage, SignOut, SignedOutReason, Status, UpdateMyData,
};
use skaro_scenarios::adapters::Adapter;
use skaro_scenarios::world::{World, wait_for};

use crate::InWorld;

pub(crate) fn all<A: Adapter>() -> Vec<InWorld> {
    vec![
        ("registering", registering::<A>),
        ("a conference over a cut", a_conference_over_a_cut::<A>),
        ("presence", presence::<A>),
        ("signing out", signing_out::<A>),
    ]
}

/// Lets users do all that they may do by themselves.
fn open(world: &World) {
    world.with(|machine, _| {
        let mut config = machine.config().clone();
        config.registration = Registration::Open;
        config.users_found_conferences = true;
        machine.set_config(config);
    });
}

fn profile(name: &str) -> UpdateMyData<'static> {
    let fields: Fields<'_> = [("name", name.into()), ("public", true.into())].into_iter().collect();
    UpdateMyData { profile: Some(fields.into_owned()), ..UpdateMyData::default() }
}

fn registering<A: Adapter>(world: &World) {
    open(world);
    let client = A::connect(world.options()).unwrap();
    client.request(Register::new("eve", "first")).unwrap();
    let taken = client.request(Register::new("eve", "other")).unwrap_err().to_string();
    assert!(taken.contains("taken"), "{taken}");
    client.request(Authorize { login: "eve", password: "first" }).unwrap();
    client.request(profile("Eve")).unwrap();
    let change = UpdateMyData {
        password: Some("second"),
        old_password: Some("first"),
        end_sessions: true,
        ..UpdateMyData::default()
    };
    client.request(change).unwrap();
    // The client knows the new one when it has to sign in anew.
    world.restart();
    world.with(|machine, _| machine.add_user("eve", "second").unwrap());
    wait_for(&client, "signing in anew", |event| match event {
        Event::SignedOut { reason } => panic!("{reason}"),
        Event::LogChanged { .. } | Event::CaughtUp { .. } if client.status() == Status::SignedIn => Some(()),
        _ => None,
    });
}

fn a_conference_over_a_cut<A: Adapter>(world: &World) {
    open(world);
    let (alice, bob) = world.friends::<A>();
    alice.request(AddContact::new("#team")).unwrap();
    alice.request(AddContact { member: Some("bob"), ..AddContact::new("#team") }).unwrap();
    wait_for(&bob, "the invitation", |event| match event {
        Event::Contact(contact) => (contact.state == ContactState::Asks).then_some(()),
        _ => None,
    });
    bob.request(AddContact::new("#team")).unwrap();
    wait_for(&alice, "the new member", |event| match event {
        Event::ChangedUserData(changed) => (changed.member.as_deref() == Some("bob")).then_some(()),
        _ => None,
    });
    for n in 0..50 {
        if n == 25 {
            world.cable.cut();
        }
        alice.submit(SendMessage::new("#team", &format!("{n}"))).unwrap();
    }
    for n in 0..50 {
        let (dialog, body) = wait_for(&bob, "a message", |event| match event {
            Event::Message(incoming) => {
                Some((incoming.dialog().to_owned(), incoming.message.body.to_string()))
            }
            _ => None,
        });
        assert_eq!((&*dialog, body), ("#team", format!("{n}")));
    }
    let team = bob.request(GetUserData { login: "#team" }).unwrap();
    let members = team.members().unwrap();
    assert_eq!(
        members.iter().map(|it| (&*it.login, it.owner)).collect::<Vec<_>>(),
        [("alice", true), ("bob", false)]
    );
    alice.request(DelContact { member: Some("bob"), ..DelContact::new("#team") }).unwrap();
    assert!(bob.request(SendMessage::new("#team", "still here?")).is_err());
}

fn presence<A: Adapter>(world: &World) {
    let (alice, bob) = world.friends::<A>();
    alice.request(profile("Alice")).unwrap();
    let found = bob.request(SearchContacts { prefix: "al", limit: None }).unwrap();
    assert_eq!((&*found.users[0].login, found.users[0].online()), ("alice", Some(true)));
    bob.request(AddContact::new("alice")).unwrap();
    alice.request(AddContact::new("bob")).unwrap();
    bob.close();
    wait_for(&alice, "that bob has gone", |event| match event {
        Event::ChangedUserData(changed) => {
            (changed.user.login == "bob" && changed.user.online() == Some(false)).then_some(())
        }
        _ => None,
    });
    let _bob: A = world.client("bob", |_| ());
    wait_for(&alice, "that bob is back", |event| match event {
        Event::ChangedUserData(changed) => {
            (changed.user.login == "bob" && changed.user.online() == Some(true)).then_some(())
        }
        _ => None,
    });
}

fn signing_out<A: Adapter>(world: &World) {
    let (alice, other): (A, A) = (world.client("alice", |_| ()), world.client("alice", |_| ()));
    assert_eq!(alice.request(GetSessions).unwrap().len(), 2);
    alice.request(SignOut::Own).unwrap();
    let reason = wait_for(&alice, "the end of the session", |event| match event {
        Event::SignedOut { reason } => Some(reason.clone()),
        _ => None,
    });
    assert_eq!(reason, SignedOutReason::Requested);
    let refused = alice.request(GetSessions);
    assert!(
        matches!(refused, Err(RequestError::Command(CommandError::NotSignedIn | CommandError::NotConnected))),
        "{refused:?}"
    );
    assert_eq!(other.request(GetSessions).unwrap().len(), 1);
}
