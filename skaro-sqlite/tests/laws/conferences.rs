//! Laws of conferences: members, messages, ends.

use skaro_proto::auth::Verifier;
use skaro_proto::server::store::{
    AccountId, Appended, ContactChange, ContactState, Content, Denial, KeptSessions, MemberChange, Operation,
    Outcome, StoreLimits,
};

use crate::Law;
use crate::stand::{Open, Stand, grown, limits};

pub(crate) const LAWS: &[(&str, Law)] = &[
    ("a conference is founded by its owner", a_conference_is_founded),
    ("who is invited may join, and everybody if it is public", who_may_join),
    ("a message to a conference is in the logs of its members", a_message_is_in_all_logs),
    ("a key delivers once in a conference", a_key_delivers_once),
    ("dates of a conference increase", dates_increase),
    ("owners remove members, who join again if invited", owners_remove_members),
    ("the oldest member follows the last owner", the_oldest_member_follows),
    ("the last member's leaving ends a conference", the_last_member_ends_it),
    ("a removed user leaves conferences, and a removed conference all members", removals),
    ("nobody signs in to a conference", nobody_signs_in),
    ("members keep so many messages of a conference", members_keep_so_many_messages),
    ("the profile of a conference is changed by owners", owners_change_the_profile),
];

const TEAM: &str = "#team";

/// A conference of alice, who owns it, and bob.
fn team(open: &Open<'_>, limits: StoreLimits) -> (Stand, [AccountId; 3]) {
    let mut stand = open(limits);
    let ids = stand.add_three();
    stand.found(ids[0], TEAM);
    stand.member(ids[0], TEAM, "bob", MemberChange::Invite);
    stand.list(ids[1], TEAM);
    (stand, ids)
}

fn post(stand: &mut Stand, from: AccountId, body: &str) -> (Appended, Vec<(u64, u64)>) {
    let outcome = stand.append(from, TEAM, body, None);
    let Outcome::Posted { appended, .. } = outcome else { panic!("{outcome:?}") };
    (appended, grown(outcome))
}

fn a_conference_is_founded(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, _] = stand.add_three();
    assert!(matches!(stand.list(alice, TEAM), Outcome::NoSuchUser));
    assert_eq!(grown(stand.found(alice, TEAM)), [(0, 1)]);
    assert_eq!(grown(stand.found(alice, TEAM)), []);
    assert_eq!(stand.words(alice), ["#team listed"]);
    let (seen, members) = stand.see(alice, TEAM);
    assert!(seen.is_known && seen.state == ContactState::Listed);
    assert_eq!(members, "alice*");
    assert!(matches!(stand.found(bob, TEAM), Outcome::Denied(Denial::NotInvited)));
    assert!(matches!(stand.found(bob, "#tearn"), Outcome::Exists));
    assert!(matches!(stand.found(bob, "nobody"), Outcome::NoSuchUser));
    let (seen, members) = stand.see(bob, TEAM);
    assert!(!seen.is_known && seen.state == ContactState::None && members.is_empty());
}

fn who_may_join(open: &Open<'_>) {
    let mut stand = open(limits(|limits| limits.max_members = 3));
    let [alice, bob, carol] = stand.add_three();
    stand.found(alice, TEAM);
    assert!(matches!(stand.list(bob, TEAM), Outcome::Denied(Denial::NotInvited)));
    assert_eq!(grown(stand.member(alice, TEAM, "bob", MemberChange::Invite)), [(1, 1)]);
    assert_eq!(grown(stand.member(alice, TEAM, "bob", MemberChange::Invite)), []);
    assert_eq!(grown(stand.list(bob, TEAM)), [(0, 2), (1, 2)]);
    assert_eq!(stand.words(alice), ["#team listed", "#team: bob listed"]);
    assert_eq!(stand.words(bob), ["-", "#team listed"]);
    assert!(matches!(
        stand.member(bob, TEAM, "carol", MemberChange::Invite),
        Outcome::Denied(Denial::NoOwner)
    ));
    stand.profile(alice, Some(TEAM), &[("public", true.into())]);
    assert_eq!(stand.see(carol, TEAM).1, "alice* bob");
    assert_eq!(grown(stand.list(carol, TEAM)), [(0, 4), (1, 4), (2, 1)]);
    let dave = stand.add("dave");
    assert!(matches!(stand.list(dave, TEAM), Outcome::Denied(Denial::Full)));
    stand.change(bob, TEAM, ContactChange::Remove);
    assert_eq!(grown(stand.list(dave, TEAM)).len(), 3);
    // Who has blocked it is not invited.
    stand.change(bob, TEAM, ContactChange::Block);
    assert_eq!(grown(stand.member(alice, TEAM, "bob", MemberChange::Invite)), []);
    for (conference, member) in [("#other", "bob"), (TEAM, "nobody"), ("bob", "carol"), (TEAM, TEAM)] {
        let outcome = stand.member(alice, conference, member, MemberChange::Invite);
        assert!(matches!(outcome, Outcome::NoSuchUser), "{conference} {member}");
    }
}

fn a_message_is_in_all_logs(open: &Open<'_>) {
    let (mut stand, [alice, bob, carol]) = team(open, StoreLimits::default());
    let (sent, logs) = post(&mut stand, alice, "hello");
    assert_eq!((sent.position, sent.their_position, logs), (3, 0, vec![(1, 3)]));
    assert!(matches!(stand.append(carol, TEAM, "no", None), Outcome::Denied(Denial::NoMember)));
    assert!(matches!(stand.append(AccountId(77), TEAM, "no", None), Outcome::NoSuchUser));
    assert!(matches!(stand.append(alice, "#other", "no", None), Outcome::NoSuchUser));
    for (id, sender) in [(alice, None), (bob, Some("alice"))] {
        let Content::Message(message) = stand.log(id).pop().unwrap().content else { panic!() };
        assert_eq!((&*message.with, message.sender.as_deref(), &*message.body), (TEAM, sender, "hello"));
        assert_eq!((message.is_own, message.date), (id == alice, sent.date));
        let (page, _) = stand.page(id, TEAM, Default::default(), (10, 100));
        assert_eq!(page[0].message, message);
        assert_eq!(stand.contacts(id, false, 100)[0].last.as_ref().unwrap().message, message);
    }
    let unread = |stand: &mut Stand, id| stand.contacts(id, false, 0)[0].unread;
    assert_eq!((unread(&mut stand, alice), unread(&mut stand, bob)), (0, 1));
    assert_eq!(stand.marked(bob, TEAM, 3), Some(4));
    assert_eq!(unread(&mut stand, bob), 0);
    assert!(stand.log(carol).is_empty());
    // Who has left keeps what there is, and gets no more.
    stand.change(bob, TEAM, ContactChange::Remove);
    assert_eq!(post(&mut stand, alice, "alone").1, []);
    assert!(matches!(stand.append(bob, TEAM, "no", None), Outcome::Denied(Denial::NoMember)));
    assert_eq!(stand.words(bob), ["-", "-", "hello", "=3", "#team none"]);
    // Nobody is listed by it.
    assert!(stand.contacts(bob, false, 0).is_empty());
}

fn a_key_delivers_once(open: &Open<'_>) {
    let (mut stand, [alice, bob, _]) = team(open, StoreLimits::default());
    let Outcome::Posted { appended, .. } = stand.append(bob, TEAM, "text", Some("k")) else { panic!() };
    stand.change(bob, TEAM, ContactChange::Remove);
    for _ in 0..2 {
        let Outcome::Appended(again) = stand.append(bob, TEAM, "text", Some("k")) else { panic!() };
        assert_eq!(
            (again.position, again.date, again.is_repetition),
            (appended.position, appended.date, true)
        );
        assert!(matches!(stand.find_key(bob, TEAM, "text", "k"), Outcome::Appended(found) if found == again));
    }
    assert!(matches!(stand.append(bob, "alice", "text", Some("k")), Outcome::KeyTaken));
    let Content::Message(message) = &stand.log(alice)[2].content else { panic!() };
    assert_eq!((message.key.as_ref(), &*message.body), (None, "text"));
    let Content::Message(message) = &stand.log(bob)[2].content else { panic!() };
    assert_eq!(message.key.as_deref(), Some("k"));
}

fn dates_increase(open: &Open<'_>) {
    let (mut stand, [alice, bob, carol]) = team(open, StoreLimits::default());
    stand.now = 5000;
    let first = post(&mut stand, alice, "1").0.date;
    stand.now = 100;
    let second = post(&mut stand, bob, "2").0.date;
    // Somebody who comes later has a log in which the conference has no message yet.
    stand.member(alice, TEAM, "carol", MemberChange::Invite);
    stand.list(carol, TEAM);
    stand.now = i64::MIN;
    let third = post(&mut stand, carol, "3").0.date;
    assert_eq!([first, second, third], [5000, 5001, 5002]);
    stand.now = 50;
    assert_eq!(stand.send(alice, "bob", "").date, 50);
}

fn owners_remove_members(open: &Open<'_>) {
    let (mut stand, [alice, bob, carol]) = team(open, StoreLimits::default());
    stand.profile(alice, Some(TEAM), &[("public", true.into())]);
    stand.list(carol, TEAM);
    let remove = MemberChange::Remove;
    assert!(matches!(stand.member(bob, TEAM, "carol", remove), Outcome::Denied(Denial::NoOwner)));
    let before = [alice, bob, carol].map(|id| stand.log(id).len() as u64 + 1);
    let grew = grown(stand.member(alice, TEAM, "bob", remove));
    assert_eq!(grew, [(0, before[0]), (1, before[1]), (2, before[2])]);
    assert_eq!(stand.words(bob).last().unwrap(), "#team none");
    assert_eq!(stand.words(carol).last().unwrap(), "#team: bob none");
    assert!(stand.see(bob, TEAM).0.has_blocked);
    assert!(matches!(stand.list(bob, TEAM), Outcome::Denied(Denial::NotInvited)));
    assert!(matches!(stand.member(alice, TEAM, "bob", remove), Outcome::NoSuchUser));
    // An invitation is taken back, or taken.
    stand.member(alice, TEAM, "bob", MemberChange::Invite);
    assert_eq!(grown(stand.member(alice, TEAM, "bob", remove)).len(), 1);
    assert!(matches!(stand.list(bob, TEAM), Outcome::Denied(Denial::NotInvited)));
    assert!(matches!(stand.member(alice, TEAM, "bob", MemberChange::MakeOwner), Outcome::NoSuchUser));
    stand.member(alice, TEAM, "bob", MemberChange::Invite);
    assert_eq!(grown(stand.list(bob, TEAM)).len(), 3);
    assert!(!stand.see(bob, TEAM).0.has_blocked);
}

fn the_oldest_member_follows(open: &Open<'_>) {
    let (mut stand, [alice, bob, carol]) = team(open, StoreLimits::default());
    stand.member(alice, TEAM, "carol", MemberChange::Invite);
    stand.list(carol, TEAM);
    stand.change(alice, TEAM, ContactChange::Remove);
    assert_eq!(stand.see(bob, TEAM).1, "bob* carol");
    assert_eq!(stand.words(carol).last().unwrap(), "#team: bob owner");
    // Another owner stays one, and who removes oneself leaves.
    let grew = grown(stand.member(bob, TEAM, "carol", MemberChange::MakeOwner));
    assert_eq!(grew.len(), 2);
    assert_eq!(grown(stand.member(bob, TEAM, "carol", MemberChange::MakeOwner)), []);
    stand.member(bob, TEAM, "bob", MemberChange::Remove);
    assert_eq!(stand.see(carol, TEAM).1, "carol*");
    assert_eq!(stand.words(carol).last().unwrap(), "#team: bob none");
    assert!(matches!(stand.list(bob, TEAM), Outcome::Denied(Denial::NotInvited)));
}

fn the_last_member_ends_it(open: &Open<'_>) {
    let (mut stand, [alice, bob, carol]) = team(open, StoreLimits::default());
    post(&mut stand, alice, "hello");
    stand.member(alice, TEAM, "carol", MemberChange::Invite);
    stand.change(alice, TEAM, ContactChange::Remove);
    stand.change(bob, TEAM, ContactChange::Block);
    assert!(matches!(
        stand.execute(Operation::FindUser { account: alice, login: TEAM.into() }),
        Outcome::NoSuchUser
    ));
    assert!(matches!(stand.list(carol, TEAM), Outcome::NoSuchUser));
    assert!(stand.words(alice).contains(&"hello".into()));
    // Another one of this login has nothing of it.
    assert_eq!(stand.words(carol), ["-", "#team none"]);
    assert_eq!(grown(stand.found(carol, TEAM)), [(2, 3)]);
    assert_eq!(stand.see(carol, TEAM).1, "carol*");
    assert_eq!(stand.see(alice, TEAM).0.state, ContactState::None);
    assert!(stand.page(alice, TEAM, Default::default(), (10, 100)).0.is_empty());
}

fn removals(open: &Open<'_>) {
    let (mut stand, [alice, bob, carol]) = team(open, StoreLimits::default());
    stand.found(alice, "#own");
    post(&mut stand, alice, "hello");
    let remove = |stand: &mut Stand, login: &str| {
        grown(stand.execute(Operation::RemoveAccount { login: login.into() }))
    };
    // The conference that alice has for herself ends; bob owns the other.
    assert_eq!(remove(&mut stand, "alice"), [(1, 5)]);
    assert_eq!(stand.words(bob), ["-", "#team listed", "hello", "-", "#team: bob owner"]);
    assert_eq!(stand.see(bob, TEAM).1, "bob*");
    assert_eq!(grown(stand.found(carol, "#own")), [(2, 1)]);
    let Content::Message(message) = &stand.log(bob)[2].content else { panic!() };
    assert_eq!(message.sender.as_deref(), Some("alice"));
    assert_eq!(remove(&mut stand, TEAM), [(1, 6)]);
    assert_eq!(stand.words(bob)[5], "#team none");
    assert!(matches!(stand.append(bob, TEAM, "no", None), Outcome::NoSuchUser));
    assert!(stand.contacts(bob, false, 0).is_empty());
}

fn nobody_signs_in(open: &Open<'_>) {
    let (mut stand, _) = team(open, StoreLimits::default());
    let login = || TEAM.into();
    assert!(matches!(stand.execute(Operation::FindAccount { login: login() }), Outcome::Account(None)));
    let listed = stand.execute(Operation::ListAccounts { after: None, max_accounts: 9 });
    assert!(matches!(listed, Outcome::Accounts { accounts, .. } if accounts.len() == 3));
    let keeps = KeptSessions::None;
    for operation in [
        Operation::SetVerifier { login: login(), verifier: Verifier::new("password"), old: None, keeps },
        Operation::SetDisabled { login: login(), is_disabled: true },
        Operation::EndSessions { login: login(), keeps },
        Operation::ListSessions { login: Some(login()), after: None, max_sessions: 9 },
        Operation::Introduce { one: "alice".into(), other: login() },
    ] {
        let outcome = stand.execute(operation);
        assert!(matches!(outcome, Outcome::NoSuchUser), "{outcome:?}");
    }
    let conference = stand.see(AccountId(0), TEAM).0.id;
    let session = skaro_proto::server::store::SessionKey([1; 16]);
    let begin = Operation::BeginSession { account: conference, login: login(), session };
    assert!(matches!(stand.execute(begin), Outcome::NoSuchUser));
    assert!(matches!(stand.append(conference, "alice", "no", None), Outcome::NoSuchUser));
    assert!(stand.log(conference).is_empty());
}

fn members_keep_so_many_messages(open: &Open<'_>) {
    let (mut stand, [alice, bob, _]) = team(open, limits(|limits| limits.max_dialog_messages = 2));
    for n in 0..3 {
        post(&mut stand, if n == 1 { bob } else { alice }, &n.to_string());
    }
    assert_eq!(stand.words(alice), ["#team listed", "#team: bob listed", "-", "1", "2"]);
    assert_eq!(stand.words(bob), ["-", "#team listed", "-", "1", "2"]);
    // A message to somebody else takes no room of it.
    stand.send(alice, "bob", "x");
    assert_eq!(stand.page(bob, TEAM, Default::default(), (10, 100)).0.len(), 2);
    let (mut stand, [alice, bob, _]) = team(open, limits(|limits| limits.max_log_entries = 0));
    let (sent, logs) = post(&mut stand, alice, "gone");
    assert_eq!((sent.position, logs), (3, vec![(1, 3)]));
    assert_eq!((stand.begin_and_head("alice"), stand.words(bob)), ((3, 3), vec!["-".to_owned(); 3]));
}

fn owners_change_the_profile(open: &Open<'_>) {
    let (mut stand, [alice, bob, carol]) = team(open, StoreLimits::default());
    let name = [("name", "The team".into())];
    assert!(matches!(stand.profile(bob, Some(TEAM), &name), Outcome::Denied(Denial::NoOwner)));
    assert!(matches!(stand.profile(alice, Some("#other"), &name), Outcome::NoSuchUser));
    assert!(matches!(stand.profile(alice, Some("bob"), &name), Outcome::NoSuchUser));
    assert_eq!(grown(stand.profile(alice, Some(TEAM), &name)), [(0, 3), (1, 3)]);
    assert_eq!(stand.words(bob), ["-", "#team listed", "#team changed"]);
    assert_eq!(stand.see(bob, TEAM).0.profile.fields().len(), 1);
    assert!(stand.see(carol, TEAM).0.profile.is_empty());
    stand.member(alice, TEAM, "carol", MemberChange::Invite);
    assert_eq!(stand.see(carol, TEAM).0.profile.fields().len(), 1);
    // A member's change and the profile's have one place.
    stand.list(carol, TEAM);
    assert_eq!(stand.words(bob), ["-", "#team listed", "-", "#team: carol listed"]);
}
