//! Laws of accounts and contacts.

use skaro_proto::auth::{Verifier, proof};
use skaro_proto::server::store::{Account, Content, KeptSessions, LogId, Operation, Outcome, StoreLimits};

use crate::Law;
use crate::stand::{Open, Stand};

pub(crate) const LAWS: &[(&str, Law)] = &[
    ("an account is found by its login, as it was added", an_account_is_found_as_it_was_added),
    ("a password can be changed", a_password_can_be_changed),
    ("logins may be long and have any character", logins_may_be_long_and_have_any_character),
    ("contacts are those who were introduced or wrote", contacts_are_those_who_were_introduced_or_wrote),
    ("a removed user leaves what others have", a_removed_user_leaves_what_others_have),
    ("who is added again is somebody else", who_is_added_again_is_somebody_else),
];

fn find(stand: &mut Stand, login: &str) -> Option<Account> {
    match stand.execute(Operation::FindAccount { login: login.into() }) {
        Outcome::Account(account) => account,
        other => panic!("{other:?}"),
    }
}

fn an_account_is_found_as_it_was_added(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let add = |login: &str, n| Operation::AddAccount {
        login: login.into(),
        verifier: Verifier::new(login),
        log: LogId([n; 16]),
    };
    assert!(find(&mut stand, "alice").is_none());
    assert!(matches!(stand.execute(add("alice", 1)), Outcome::Added(_)));
    assert!(matches!(stand.execute(add("bob", 2)), Outcome::Added(_)));
    assert!(matches!(stand.execute(add("alice", 3)), Outcome::Exists));
    for (login, n) in [("alice", 1), ("bob", 2)] {
        let account = find(&mut stand, login).unwrap();
        assert_eq!((&*account.login, account.log), (login, LogId([n; 16])));
        assert_eq!((account.begin, account.head), (0, 0));
        assert!(account.verifier.verify("token", &proof(login, "token")));
    }
    assert!(find(&mut stand, "ALICE").is_none());
}

fn a_password_can_be_changed(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    stand.add_three();
    let change = |login: &str| Operation::SetVerifier {
        login: login.into(),
        verifier: Verifier::new("changed"),
        old: None,
        keeps: KeptSessions::None,
    };
    assert!(matches!(stand.execute(change("alice")), Outcome::Done));
    assert!(matches!(stand.execute(change("nobody")), Outcome::NoSuchUser));
    let proof = proof("changed", "token");
    assert!(find(&mut stand, "alice").unwrap().verifier.verify("token", &proof));
    assert!(!find(&mut stand, "bob").unwrap().verifier.verify("token", &proof));
}

fn logins_may_be_long_and_have_any_character(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let logins =
        ["\0", "\0\0", "a\0b", "a", "ü\u{10ffff}", &"x".repeat(70_000), &"x".repeat(70_001), "'; --"];
    let ids = logins.map(|login| stand.add(login));
    for (login, id) in logins.iter().zip(ids) {
        assert_eq!(find(&mut stand, login).unwrap().id, id);
        stand.send(ids[0], login, &format!("to {login}"));
    }
    for entry in &stand.log(ids[0]) {
        let Content::Message(message) = &entry.content else { panic!("{entry:?}") };
        assert_eq!(message.body[3..], *message.with);
    }
}

fn contacts_are_those_who_were_introduced_or_wrote(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, carol] = stand.add_three();
    let introduce = |one: &str, other: &str| Operation::Introduce { one: one.into(), other: other.into() };
    let names = |stand: &mut Stand, id, all| {
        let contacts = stand.contacts(id, all, 0);
        contacts.iter().map(|contact| contact.login.to_string()).collect::<Vec<_>>()
    };
    assert!(names(&mut stand, alice, false).is_empty());
    stand.send(carol, "alice", "hello");
    // In the order in which they were added, not of acquaintance.
    for _ in 0..2 {
        assert!(matches!(stand.execute(introduce("alice", "bob")), Outcome::Done));
        assert_eq!(names(&mut stand, alice, false), ["bob", "carol"]);
    }
    assert!(matches!(stand.execute(introduce("alice", "alice")), Outcome::Done));
    assert!(matches!(stand.execute(introduce("alice", "nobody")), Outcome::NoSuchUser));
    stand.send(alice, "alice", "a note");
    stand.mark(bob, "carol", 0);
    assert_eq!(names(&mut stand, alice, false), ["bob", "carol"]);
    assert_eq!(names(&mut stand, bob, false), ["alice"]);
    assert_eq!(names(&mut stand, bob, true), ["alice", "carol"]);
    assert_eq!(names(&mut stand, carol, false), ["alice"]);
}

fn a_removed_user_leaves_what_others_have(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, _] = stand.add_three();
    stand.append(alice, "bob", "from alice", Some("key"));
    stand.append(bob, "alice", "from bob", Some("key"));
    stand.mark(bob, "alice", 1);
    stand.send(alice, "alice", "a note");
    let before = stand.log(bob);
    let remove = Operation::RemoveAccount { login: "alice".into() };
    assert!(matches!(stand.execute(remove.clone()), Outcome::Changed(logs) if logs.is_empty()));
    assert!(matches!(stand.execute(remove), Outcome::NoSuchUser));
    assert!(find(&mut stand, "alice").is_none());
    assert_eq!(stand.log(bob), before);
    assert!(stand.log(alice).is_empty());
    assert!(stand.contacts(bob, false, 0).is_empty());
    assert!(matches!(stand.append(bob, "alice", "again", None), Outcome::NoSuchUser));
    assert!(matches!(stand.append(alice, "bob", "again", None), Outcome::NoSuchUser));
    assert!(matches!(stand.mark(bob, "alice", 2), Outcome::NoSuchUser));
    // The key is looked up first: the message was sent.
    let again = stand.append(bob, "alice", "from bob", Some("key"));
    assert!(matches!(again, Outcome::Appended(appended) if appended.is_repetition));
    assert!(matches!(stand.find_key(alice, "bob", "from alice", "key"), Outcome::NoSuchKey));
}

fn who_is_added_again_is_somebody_else(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, _] = stand.add_three();
    stand.send(alice, "bob", "from the first");
    stand.execute(Operation::RemoveAccount { login: "alice".into() });
    let second = stand.add("alice");
    assert_ne!(second, alice);
    assert!(stand.page(bob, "alice", Default::default(), (10, 1000)).0.is_empty());
    stand.send(second, "bob", "from the second");
    assert_eq!(stand.page(bob, "alice", Default::default(), (10, 1000)).0.len(), 1);
    assert_eq!((stand.log(bob).len(), stand.log(second).len()), (2, 1));
    assert_eq!(stand.contacts(bob, false, 0).len(), 1);
}
