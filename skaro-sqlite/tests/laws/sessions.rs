//! Laws of sessions.

use skaro_proto::server::store::{AccountId, Operation, Outcome, SessionKey, StoreLimits};

use crate::Law;
use crate::stand::{Open, Stand, limits};

pub(crate) const LAWS: &[(&str, Law)] = &[
    ("a session is taken while it is broken, and then not", a_session_is_taken_while_it_is_broken),
    ("a session in use has no end", a_session_in_use_has_no_end),
    ("a late end of an old holder has no effect", a_late_end_of_an_old_holder_has_no_effect),
    ("a session begins once", a_session_begins_once),
    ("who has too many sessions loses the one broken longest", who_has_too_many_loses_the_oldest),
    ("sessions end with their user", sessions_end_with_their_user),
];

fn key(n: u8) -> SessionKey {
    SessionKey([n; 16])
}

fn begin(stand: &mut Stand, account: AccountId, n: u8) -> Outcome {
    stand.execute(Operation::BeginSession { account, login: "".into(), session: key(n) })
}

fn leave(stand: &mut Stand, n: u8, epoch: u64) {
    let left = stand.execute(Operation::LeaveSession { session: key(n), epoch, now: stand.now });
    assert!(matches!(left, Outcome::Done));
}

fn a_session_is_taken_while_it_is_broken(open: &Open<'_>) {
    for (age, is_there) in [(0, true), (300_000, true), (300_001, false)] {
        for expires in [false, true] {
            let mut stand = open(StoreLimits::default());
            let [alice, ..] = stand.add_three();
            assert!(matches!(begin(&mut stand, alice, 1), Outcome::Session { epoch: 1 }));
            leave(&mut stand, 1, 1);
            stand.now += age;
            if expires {
                stand.execute(Operation::Expire { now: stand.now });
            }
            assert_eq!(stand.take(key(1)), is_there.then_some(2), "after {age} ms");
            assert_eq!(stand.take(key(2)), None);
        }
    }
}

fn a_session_in_use_has_no_end(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, ..] = stand.add_three();
    begin(&mut stand, alice, 1);
    stand.now += 100;
    let Outcome::Restored(Some((account, 2))) =
        stand.execute(Operation::TakeSession { session: key(1), now: stand.now })
    else {
        panic!()
    };
    assert_eq!((account.id, &*account.login), (alice, "alice"));
    if !stand.is_reopened {
        stand.now += 1_000_000_000;
        stand.execute(Operation::Expire { now: stand.now });
        assert_eq!(stand.take(key(1)), Some(3));
    }
}

fn a_late_end_of_an_old_holder_has_no_effect(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, ..] = stand.add_three();
    begin(&mut stand, alice, 1);
    leave(&mut stand, 1, 1);
    // Left again, it does not live longer.
    stand.now += 300_000;
    leave(&mut stand, 1, 1);
    assert_eq!(stand.take(key(1)), Some(2));
    leave(&mut stand, 1, 1);
    leave(&mut stand, 1, 3);
    leave(&mut stand, 7, 1);
    if !stand.is_reopened {
        stand.now += 300_001;
    }
    assert_eq!(stand.take(key(1)), Some(3));
    leave(&mut stand, 1, 3);
    stand.now += 300_001;
    assert_eq!(stand.take(key(1)), None);
}

fn a_session_begins_once(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, ..] = stand.add_three();
    begin(&mut stand, alice, 1);
    assert_eq!(stand.take(key(1)), Some(2));
    assert!(matches!(begin(&mut stand, alice, 1), Outcome::Session { epoch: 2 }));
    assert!(matches!(begin(&mut stand, AccountId(77), 2), Outcome::NoSuchUser));
}

fn who_has_too_many_loses_the_oldest(open: &Open<'_>) {
    let mut stand = open(limits(|limits| limits.max_sessions_per_user = 2));
    let [alice, bob, _] = stand.add_three();
    begin(&mut stand, bob, 9);
    leave(&mut stand, 9, 1);
    for n in [1, 2] {
        begin(&mut stand, alice, n);
    }
    for n in [2, 1] {
        stand.now += 1;
        leave(&mut stand, n, 1);
    }
    begin(&mut stand, alice, 3);
    // Whoever is in use stays; reopened, the second one was broken as early as the first.
    assert_eq!(stand.take(key(9)), Some(2));
    if !stand.is_reopened {
        assert_eq!([1, 2, 3].map(|n| stand.take(key(n))), [Some(2), None, Some(2)]);
        // Nobody is thrown out.
        begin(&mut stand, alice, 4);
        assert_eq!([1, 3, 4].map(|n| stand.take(key(n))), [Some(3), Some(3), Some(2)]);
    }
}

fn sessions_end_with_their_user(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, _] = stand.add_three();
    begin(&mut stand, alice, 1);
    begin(&mut stand, bob, 2);
    stand.execute(Operation::RemoveAccount { login: "alice".into() });
    assert!(matches!(begin(&mut stand, alice, 3), Outcome::NoSuchUser));
    assert_eq!([1, 2, 3].map(|n| stand.take(key(n))), [None, Some(2), None]);
}
