//! Laws of contacts and profiles.

use skaro_proto::server::store::{
    AccountId, ContactChange, ContactState, Content, Denial, Login, Operation, Outcome, StoreLimits,
};

use crate::Law;
use crate::stand::{Open, Stand, grown, limits};

pub(crate) const LAWS: &[(&str, Law)] = &[
    ("who lists somebody asks there", who_lists_somebody_asks_there),
    ("a message lists whoever does not ask", a_message_lists_whoever_does_not_ask),
    ("who has blocked somebody neither gets nor sends messages", a_block_holds_in_both_directions),
    ("messages of contacts only, if that is wanted", messages_of_contacts_only),
    ("contacts are listed with their states if that is wanted", contacts_are_listed_with_their_states),
    ("a new state replaces the entry of the last one", a_new_state_replaces_the_last_entry),
    ("a profile is told to those who know the user", a_profile_is_told_to_those_who_know_the_user),
    ("a profile has its limit", a_profile_has_its_limit),
    ("who blocks shows no profile", who_blocks_shows_no_profile),
    ("the public are found by the beginnings of logins", the_public_are_found),
    ("how far somebody reads is told if both tell it", reading_is_told_if_both_tell_it),
];

fn state(stand: &mut Stand, account: AccountId, login: &str) -> ContactState {
    stand.see(account, login).0.state
}

fn known(stand: &mut Stand, account: AccountId) -> Vec<u64> {
    match stand.execute(Operation::ListKnown { account, max_users: 10 }) {
        Outcome::Known(known) => known.iter().map(|id| id.0).collect(),
        other => panic!("{other:?}"),
    }
}

fn who_lists_somebody_asks_there(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, _] = stand.add_three();
    assert_eq!(grown(stand.list(alice, "bob")), [(0, 1), (1, 1)]);
    assert_eq!(grown(stand.list(alice, "bob")), []);
    assert_eq!(
        (stand.words(alice).join(" "), stand.words(bob).join(" ")),
        ("bob listed".into(), "alice asks".into())
    );
    assert!(!stand.see(alice, "bob").0.is_known && known(&mut stand, alice).is_empty());
    assert_eq!(grown(stand.list(bob, "alice")), [(1, 2)]);
    assert_eq!(stand.words(bob), ["-", "alice listed"]);
    assert!(stand.see(alice, "bob").0.is_known && stand.see(bob, "alice").0.is_known);
    assert_eq!((known(&mut stand, alice), known(&mut stand, bob)), (vec![1], vec![0]));
    // Asking is taken back, and a list is not.
    stand.list(alice, "carol");
    assert_eq!(grown(stand.change(alice, "carol", ContactChange::Remove)), [(0, 3), (2, 2)]);
    assert_eq!(grown(stand.change(alice, "bob", ContactChange::Remove)), [(0, 4)]);
    assert_eq!(state(&mut stand, bob, "alice"), ContactState::Listed);
    assert_eq!(grown(stand.list(alice, "alice")), []);
    assert!(matches!(stand.list(alice, "nobody"), Outcome::NoSuchUser));
    assert!(matches!(stand.list(AccountId(77), "alice"), Outcome::NoSuchUser));
}

fn a_message_lists_whoever_does_not_ask(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, carol] = stand.add_three();
    stand.send(carol, "bob", "hello");
    assert_eq!(state(&mut stand, carol, "bob"), ContactState::Listed);
    assert_eq!(state(&mut stand, bob, "carol"), ContactState::Listed);
    stand.list(alice, "bob");
    stand.send(alice, "bob", "hello");
    assert_eq!(state(&mut stand, bob, "alice"), ContactState::Asks);
    stand.send(bob, "alice", "hello");
    assert_eq!(state(&mut stand, bob, "alice"), ContactState::Listed);
    // The message is the only entry.
    assert_eq!(stand.words(bob), ["hello", "alice asks", "hello", "hello"]);
}

fn a_block_holds_in_both_directions(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, _] = stand.add_three();
    stand.append(alice, "bob", "before", Some("key"));
    stand.list(alice, "bob");
    assert_eq!(grown(stand.change(bob, "alice", ContactChange::Block)), [(1, 2)]);
    assert!(matches!(stand.append(alice, "bob", "no", Some("other")), Outcome::Denied(Denial::Blocked)));
    assert!(matches!(stand.append(bob, "alice", "no", None), Outcome::Denied(Denial::Blocked)));
    assert!(stand.see(alice, "bob").0.has_blocked && !stand.see(bob, "alice").0.has_blocked);
    // The key is looked up first, and a denial uses none up.
    assert!(matches!(stand.append(alice, "bob", "before", Some("key")), Outcome::Appended(_)));
    stand.list(bob, "alice");
    assert!(matches!(stand.append(alice, "bob", "yes", Some("other")), Outcome::Appended(_)));
    stand.execute(Operation::RemoveAccount { login: "bob".into() });
    assert!(matches!(stand.append(bob, "alice", "no", None), Outcome::NoSuchUser));
}

fn messages_of_contacts_only(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, _] = stand.add_three();
    let append = |stand: &mut Stand, from, to: &str| {
        let (sender, to, body, now) = ("".into(), to.into(), "text".into(), stand.now);
        stand.execute(Operation::Append { from, sender, to, body, key: None, contacts_only: true, now })
    };
    assert!(matches!(append(&mut stand, alice, "bob"), Outcome::Denied(Denial::NotListed)));
    stand.list(alice, "bob");
    assert!(matches!(append(&mut stand, alice, "bob"), Outcome::Denied(Denial::NotListed)));
    assert!(matches!(append(&mut stand, bob, "alice"), Outcome::Appended(_)));
    assert!(matches!(append(&mut stand, alice, "bob"), Outcome::Appended(_)));
    assert!(matches!(append(&mut stand, alice, "alice"), Outcome::Appended(_)));
}

fn contacts_are_listed_with_their_states(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, carol] = stand.add_three();
    let dave = stand.add("dave");
    stand.list(bob, "alice");
    stand.change(alice, "carol", ContactChange::Block);
    stand.send(dave, "alice", "hello");
    stand.found(carol, "#team");
    let mut listed = |all, with_states| {
        let (account, max_contacts, max_bytes) = (alice, 10, 0);
        match stand.execute(Operation::ListContacts { account, all, with_states, max_contacts, max_bytes }) {
            Outcome::Contacts(contacts) => {
                contacts.iter().map(|it| format!("{} {}", &*it.login, it.state.as_str())).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(listed(false, false), ["dave listed"]);
    let all = ["dave listed", "bob asks", "carol blocked"];
    assert_eq!(
        (listed(false, true), listed(true, false)),
        (all.map(String::from).to_vec(), all.map(String::from).to_vec())
    );
}

fn a_new_state_replaces_the_last_entry(open: &Open<'_>) {
    let mut stand = open(limits(|limits| limits.max_log_entries = 3));
    let [alice, bob, _] = stand.add_three();
    stand.send(bob, "alice", "precious");
    stand.mark(alice, "bob", 1);
    for _ in 0..3 {
        stand.change(alice, "bob", ContactChange::Block);
        stand.list(alice, "bob");
    }
    assert_eq!(stand.words(alice), ["precious", "=1", "-", "-", "-", "-", "-", "bob listed"]);
    assert_eq!(stand.begin_and_head("alice"), (0, 8));
    stand.list(alice, "carol");
    assert_eq!(stand.begin_and_head("alice"), (1, 9));
}

fn a_profile_is_told_to_those_who_know_the_user(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, carol] = stand.add_three();
    stand.send(alice, "bob", "hello");
    stand.list(alice, "carol");
    let name = |name: &'static str| [("name", name.into())];
    assert_eq!(grown(stand.profile(alice, None, &name("Alice"))), [(0, 3), (1, 2)]);
    assert_eq!(grown(stand.profile(alice, None, &name("Alice"))), []);
    assert_eq!(grown(stand.profile(alice, None, &name("A."))), [(0, 4), (1, 3)]);
    assert_eq!(stand.words(bob), ["hello", "-", "alice changed"]);
    assert_eq!(stand.words(alice), ["hello", "carol listed", "-", "alice changed"]);
    // Entries tell what it is now.
    let told = |stand: &mut Stand| match stand.log(bob).pop().unwrap().content {
        Content::Changed { profile, .. } => profile.fields().get("name").map(|name| format!("{name:?}")),
        other => panic!("{other:?}"),
    };
    assert!(told(&mut stand).unwrap().contains("A."));
    assert_eq!(stand.see(carol, "alice").0.profile.fields().len(), 1);
    assert_eq!(stand.see(alice, "alice").0.profile.fields().len(), 1);
    stand.execute(Operation::RemoveAccount { login: "alice".into() });
    assert_eq!(told(&mut stand), None);
    assert!(matches!(stand.profile(alice, None, &name("B.")), Outcome::NoSuchUser));
}

fn a_profile_has_its_limit(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, ..] = stand.add_three();
    let length = |n: usize| [("x", "x".repeat(n).into())];
    assert_eq!(grown(stand.profile(alice, None, &length(90))), [(0, 1)]);
    assert!(matches!(stand.profile(alice, None, &length(100)), Outcome::TooLong));
    assert!(matches!(stand.profile(alice, None, &[("y", "y".repeat(9).into())]), Outcome::TooLong));
    assert_eq!(stand.see(alice, "alice").0.profile.fields().len(), 1);
    // With a value of nothing a field is gone.
    assert_eq!(grown(stand.profile(alice, None, &[("x", skaro_proto::Value::Null)])), [(0, 2)]);
    assert!(stand.see(alice, "alice").0.profile.is_empty());
}

fn who_blocks_shows_no_profile(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, carol] = stand.add_three();
    stand.send(alice, "bob", "hello");
    stand.profile(bob, None, &[("public", true.into())]);
    stand.change(bob, "alice", ContactChange::Block);
    let seen = stand.see(alice, "bob").0;
    assert!(seen.has_blocked && seen.profile.is_empty() && !seen.is_known);
    assert!(stand.see(carol, "bob").0.profile.is_public());
    assert!(stand.contacts(alice, false, 0)[0].profile.is_empty());
    // It is not told either.
    assert_eq!(grown(stand.profile(bob, None, &[("name", "Bob".into())])), [(1, 4)]);
}

fn the_public_are_found(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let logins = ["ab", "a", "a\u{10ffff}", "B", "b", "hidden", "ac"];
    let ids = logins.map(|login| stand.add(login));
    for id in &ids[..5] {
        stand.profile(*id, None, &[("public", true.into())]);
    }
    let search = |stand: &mut Stand, prefix: &str, max_users| {
        let search = Operation::SearchUsers { account: ids[6], prefix: Login::from(prefix), max_users };
        match stand.execute(search) {
            Outcome::Users { users, more } => {
                (users.iter().map(|it| it.login.to_string()).collect::<Vec<_>>().join(" "), more)
            }
            other => panic!("{other:?}"),
        }
    };
    let expect = |text: &str, more| (text.to_owned(), more);
    assert_eq!(search(&mut stand, "a", 10), expect("a ab a\u{10ffff}", false));
    assert_eq!(search(&mut stand, "a", 2), expect("a ab", true));
    assert_eq!(search(&mut stand, "a\u{10ffff}", 1), expect("a\u{10ffff}", false));
    assert_eq!(search(&mut stand, "", 9), expect("B a ab a\u{10ffff} b", false));
    assert_eq!(search(&mut stand, "h", 9), expect("", false));
    // Not those who have blocked the user, nor the user.
    stand.profile(ids[6], None, &[("public", true.into())]);
    stand.change(ids[0], "ac", ContactChange::Block);
    stand.profile(ids[1], None, &[("public", false.into())]);
    assert_eq!(search(&mut stand, "a", 10), expect("a\u{10ffff}", false));
}

fn reading_is_told_if_both_tell_it(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, _] = stand.add_three();
    let dates = [1, 2, 3].map(|n| stand.send(alice, "bob", &n.to_string()).date);
    let tells = [("tells_read", true.into())];
    stand.profile(alice, None, &tells);
    let told = |stand: &mut Stand, up_to| match stand.mark(bob, "alice", up_to) {
        Outcome::Marked(mark) => mark.told,
        other => panic!("{other:?}"),
    };
    assert_eq!((told(&mut stand, 1), stand.see(alice, "bob").0.read_date), (None, None));
    stand.profile(bob, None, &tells);
    assert_eq!(stand.see(alice, "bob").0.read_date, Some(dates[0]));
    assert_eq!(stand.see(bob, "alice").0.read_date, None);
    assert_eq!(told(&mut stand, 2), Some((alice, dates[1])));
    assert_eq!(told(&mut stand, 2), None);
    assert_eq!(stand.contacts(alice, false, 0)[0].read_date, Some(dates[1]));
    stand.change(alice, "bob", ContactChange::Block);
    assert_eq!((told(&mut stand, 3), stand.see(alice, "bob").0.read_date), (None, None));
}
