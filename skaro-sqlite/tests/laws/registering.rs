//! Laws of registering, invitations, and the sessions that go on.

use skaro_proto::auth::Verifier;
use skaro_proto::server::store::{
    AccountId, Denial, InvitationKey, KeptSessions, LogId, Operation, Outcome, Profile, SessionKey,
    StoreLimits,
};

use crate::Law;
use crate::stand::{Open, Stand, fields};

pub(crate) const LAWS: &[(&str, Law)] = &[
    ("who registers has a login that looks like no other", logins_look_like_no_other),
    ("who registers twice has one account", who_registers_twice_has_one_account),
    ("an invitation is good once, for its time", an_invitation_is_good_once),
    ("a user has so many invitations", a_user_has_so_many_invitations),
    ("sessions go on that are to go on", sessions_go_on),
];

fn key(n: u8) -> InvitationKey {
    InvitationKey([n; 16])
}

fn register(stand: &mut Stand, login: &str, log: u8, invitation: Option<u8>) -> Outcome {
    stand.execute(Operation::Register {
        login: login.into(),
        verifier: Verifier::new(login),
        log: LogId([log; 16]),
        profile: Profile::new(&fields(&[("public", true.into())])),
        invitation: invitation.map(key),
        now: stand.now,
    })
}

fn invite(stand: &mut Stand, by: Option<AccountId>, n: u8, until: i64) -> Outcome {
    let (invitation, now, max_invitations) = (key(n), stand.now, 2);
    stand.execute(Operation::Invite { by, invitation, until, now, max_invitations })
}

fn logins_look_like_no_other(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    stand.add("alice");
    for login in ["alice", "Alice", "a1ice", "\u{430}lice"] {
        assert!(matches!(register(&mut stand, login, 1, None), Outcome::Exists), "{login}");
    }
    let Outcome::Added(bob) = register(&mut stand, "bob", 1, None) else { panic!() };
    assert!(stand.see(bob, "bob").0.profile.is_public());
    assert!(matches!(register(&mut stand, "b0b", 1, None), Outcome::Exists));
    // Who adds accounts may look alike; who is gone is not looked at.
    stand.add("a1ice");
    for login in ["alice", "a1ice", "bob"] {
        stand.execute(Operation::RemoveAccount { login: login.into() });
    }
    assert!(matches!(register(&mut stand, "Alice", 1, None), Outcome::Added(_)));
    assert!(matches!(register(&mut stand, "b0b", 1, None), Outcome::Added(_)));
}

fn who_registers_twice_has_one_account(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    invite(&mut stand, None, 1, 2000);
    let Outcome::Added(first) = register(&mut stand, "alice", 1, Some(1)) else { panic!() };
    assert!(matches!(register(&mut stand, "alice", 1, Some(1)), Outcome::Added(again) if again == first));
    assert!(matches!(register(&mut stand, "alice", 2, Some(1)), Outcome::NoSuchInvitation));
    assert!(matches!(register(&mut stand, "alice", 2, None), Outcome::Exists));
    assert!(matches!(register(&mut stand, "bob", 1, Some(1)), Outcome::NoSuchInvitation));
}

fn an_invitation_is_good_once(open: &Open<'_>) {
    for (until, is_good) in [(1000, true), (999, false)] {
        for expires in [false, true] {
            let mut stand = open(StoreLimits::default());
            stand.now = 500;
            assert!(matches!(invite(&mut stand, None, 1, until), Outcome::Done));
            stand.now = 1000;
            if expires {
                stand.execute(Operation::Expire { now: stand.now });
            }
            // One that is refused for its login uses none up; without a good one nobody hears of logins.
            stand.add("alice");
            let refused = register(&mut stand, "alice", 1, Some(1));
            assert_eq!(matches!(refused, Outcome::Exists), is_good, "{refused:?}");
            assert!(matches!(register(&mut stand, "alice", 1, Some(2)), Outcome::NoSuchInvitation));
            let outcome = register(&mut stand, "bob", 1, Some(1));
            assert_eq!(matches!(outcome, Outcome::Added(_)), is_good, "{until}");
            assert!(matches!(register(&mut stand, "carol", 1, Some(1)), Outcome::NoSuchInvitation));
            assert!(matches!(register(&mut stand, "carol", 1, Some(2)), Outcome::NoSuchInvitation));
        }
    }
}

fn a_user_has_so_many_invitations(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, _] = stand.add_three();
    for n in [1, 2, 1] {
        assert!(matches!(invite(&mut stand, Some(alice), n, 2000 + i64::from(n)), Outcome::Done));
    }
    assert!(matches!(invite(&mut stand, Some(alice), 3, 3000), Outcome::Denied(Denial::Full)));
    assert!(matches!(invite(&mut stand, Some(bob), 3, 3000), Outcome::Done));
    for n in 4..8 {
        assert!(matches!(invite(&mut stand, None, n, 3000), Outcome::Done));
    }
    register(&mut stand, "dave", 1, Some(1));
    assert!(matches!(invite(&mut stand, Some(alice), 8, 3000), Outcome::Done));
    assert!(matches!(invite(&mut stand, Some(alice), 9, 3000), Outcome::Denied(Denial::Full)));
    stand.now = 2003;
    assert!(matches!(invite(&mut stand, Some(alice), 9, 3000), Outcome::Done));
}

fn sessions_go_on(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, _] = stand.add_three();
    let key = |n: u8| SessionKey([n; 16]);
    let begin = |stand: &mut Stand, n, account| {
        stand.execute(Operation::BeginSession { account, login: "".into(), session: key(n) });
    };
    for (n, account) in [(1, alice), (2, alice), (3, bob)] {
        begin(&mut stand, n, account);
    }
    let end = |keeps| Operation::EndSessions { login: "alice".into(), keeps };
    let set = |keeps| {
        let (login, verifier) = ("alice".into(), Verifier::new("other"));
        Operation::SetVerifier { login, verifier, old: None, keeps }
    };
    stand.execute(end(KeptSessions::All));
    stand.execute(set(KeptSessions::All));
    stand.execute(set(KeptSessions::One(key(2))));
    assert_eq!([1, 2, 3].map(|n| stand.take(key(n)).is_some()), [false, true, true]);
    begin(&mut stand, 1, alice);
    stand.execute(end(KeptSessions::One(key(1))));
    assert_eq!([1, 2, 3].map(|n| stand.take(key(n)).is_some()), [true, false, true]);
    // One by one, only the user's own.
    for (n, of, is_done) in
        [(3, "alice", false), (2, "alice", false), (1, "alice", true), (1, "alice", false)]
    {
        let outcome = stand.execute(Operation::EndSession { session: key(n), of: Some(of.into()) });
        assert_eq!(matches!(outcome, Outcome::Done), is_done, "{n}");
        assert_eq!(matches!(outcome, Outcome::NoSuchSession), !is_done, "{n}");
    }
    assert_eq!([1, 2, 3].map(|n| stand.take(key(n)).is_some()), [false, false, true]);
}
