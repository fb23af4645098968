//! Laws of what operators do.

use skaro_proto::auth::Verifier;
use skaro_proto::server::store::{
    AccountId, AccountSummary, KeptSessions, Login, Operation, Outcome, SessionKey, SessionSummary,
    StoreLimits,
};

use crate::Law;
use crate::stand::{Open, Stand};

pub(crate) const LAWS: &[(&str, Law)] = &[
    ("accounts are listed page by page", accounts_are_listed_page_by_page),
    ("a disabled account has no sessions and begins none", a_disabled_account_begins_no_sessions),
    ("a disabled account still gets messages", a_disabled_account_still_gets_messages),
    ("sessions end with the password", sessions_end_with_the_password),
    ("sessions are listed page by page", sessions_are_listed_page_by_page),
    ("sessions are ended one by one or all of a user", sessions_are_ended),
];

fn key(n: u8) -> SessionKey {
    SessionKey([n; 16])
}

fn begin(stand: &mut Stand, account: AccountId, n: u8) -> Outcome {
    stand.execute(Operation::BeginSession { account, login: "".into(), session: key(n) })
}

fn end_all(login: &str, keeps: KeptSessions) -> Operation {
    Operation::EndSessions { login: login.into(), keeps }
}

fn set_disabled(stand: &mut Stand, login: &str, is_disabled: bool) -> Outcome {
    stand.execute(Operation::SetDisabled { login: login.into(), is_disabled })
}

fn accounts(stand: &mut Stand, after: Option<&str>, max_accounts: usize) -> (Vec<AccountSummary>, bool) {
    match stand.execute(Operation::ListAccounts { after: after.map(Login::from), max_accounts }) {
        Outcome::Accounts { accounts, more } => (accounts, more),
        other => panic!("{other:?}"),
    }
}

/// Lists the numbers of the keys, and which of the sessions are in use.
fn sessions(stand: &mut Stand, login: Option<&str>) -> Vec<(u8, String, bool)> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let login = login.map(Login::from);
        match stand.execute(Operation::ListSessions { login, after, max_sessions: 2 }) {
            Outcome::Sessions { sessions, more } => {
                assert!(sessions.len() == 2 || !more);
                after = sessions.last().map(|session| session.key);
                let shown = |it: SessionSummary| (it.key.0[0], it.login.to_string(), it.until.is_none());
                all.extend(sessions.into_iter().map(shown));
                if !more {
                    return all;
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

fn accounts_are_listed_page_by_page(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    assert_eq!(accounts(&mut stand, None, 10), (vec![], false));
    let [carol, ..] = ["carol", "b\0", "b", "ü", "B"].map(|login| stand.add(login));
    stand.execute(Operation::RemoveAccount { login: "B".into() });
    set_disabled(&mut stand, "b", true);
    begin(&mut stand, carol, 1);
    stand.send(carol, "ü", "hello");
    let summary = |login: &str, is_disabled, sessions, head| {
        let mut summary = AccountSummary::new(login.into());
        (summary.is_disabled, summary.sessions, summary.head) = (is_disabled, sessions, head);
        summary
    };
    let all = [
        summary("b", true, 0, 0),
        summary("b\0", false, 0, 0),
        summary("carol", false, 1, 1),
        summary("ü", false, 0, 1),
    ];
    assert_eq!(accounts(&mut stand, None, 10), (all.to_vec(), false));
    assert_eq!(accounts(&mut stand, None, 4), (all.to_vec(), false));
    assert_eq!(accounts(&mut stand, None, 3), (all[..3].to_vec(), true));
    assert_eq!(accounts(&mut stand, None, 0), (vec![], true));
    // Behind a login that is not there.
    assert_eq!(accounts(&mut stand, Some("bb"), 1), (all[2..3].to_vec(), true));
    assert_eq!(accounts(&mut stand, Some("carol"), 1), (all[3..].to_vec(), false));
    assert_eq!(accounts(&mut stand, Some("ü"), 1), (vec![], false));
}

fn is_disabled(stand: &mut Stand, login: &str) -> bool {
    match stand.execute(Operation::FindAccount { login: login.into() }) {
        Outcome::Account(Some(account)) => account.is_disabled,
        other => panic!("{other:?}"),
    }
}

fn a_disabled_account_begins_no_sessions(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, _] = stand.add_three();
    begin(&mut stand, alice, 1);
    begin(&mut stand, bob, 2);
    for _ in 0..2 {
        assert!(matches!(set_disabled(&mut stand, "alice", true), Outcome::Done));
        assert!(is_disabled(&mut stand, "alice") && !is_disabled(&mut stand, "bob"));
        assert!(matches!(begin(&mut stand, alice, 3), Outcome::NoSuchUser));
        assert_eq!([1, 2].map(|n| stand.take(key(n)).is_some()), [false, true]);
    }
    assert!(matches!(set_disabled(&mut stand, "alice", false), Outcome::Done));
    assert!(matches!(set_disabled(&mut stand, "nobody", false), Outcome::NoSuchUser));
    assert!(!is_disabled(&mut stand, "alice"));
    assert!(matches!(begin(&mut stand, alice, 3), Outcome::Session { epoch: 1 }));
    // Enabled once more, nothing ends.
    set_disabled(&mut stand, "alice", false);
    assert_eq!(stand.take(key(3)), Some(2));
    // Who is added again is not disabled.
    set_disabled(&mut stand, "alice", true);
    stand.execute(Operation::RemoveAccount { login: "alice".into() });
    stand.add("alice");
    assert!(!is_disabled(&mut stand, "alice"));
}

fn a_disabled_account_still_gets_messages(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, _] = stand.add_three();
    set_disabled(&mut stand, "alice", true);
    stand.send(bob, "alice", "see you");
    assert_eq!((stand.log(alice).len(), stand.contacts(bob, false, 0).len()), (1, 1));
}

fn sessions_end_with_the_password(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, _] = stand.add_three();
    begin(&mut stand, alice, 1);
    begin(&mut stand, bob, 2);
    let (login, verifier) = ("alice".into(), Verifier::new("changed"));
    stand.execute(Operation::SetVerifier { login, verifier, old: None, keeps: KeptSessions::None });
    assert_eq!([1, 2].map(|n| stand.take(key(n)).is_some()), [false, true]);
}

fn sessions_are_listed_page_by_page(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, _] = stand.add_three();
    assert_eq!(sessions(&mut stand, None), []);
    for (account, n) in [(bob, 4), (alice, 3), (alice, 1), (alice, 5), (bob, 2)] {
        begin(&mut stand, account, n);
    }
    stand.execute(Operation::LeaveSession { session: key(3), epoch: 1, now: stand.now });
    let is_used = !stand.is_reopened;
    let shown = |n, login: &str| (n, login.to_owned(), is_used && n != 3);
    let alices = [1, 3, 5].map(|n| shown(n, "alice"));
    assert_eq!(sessions(&mut stand, Some("alice")), alices);
    assert_eq!(sessions(&mut stand, Some("bob")), [2, 4].map(|n| shown(n, "bob")));
    assert_eq!(sessions(&mut stand, Some("carol")), []);
    let all = sessions(&mut stand, None);
    assert_eq!(all.iter().map(|(n, ..)| *n).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    let nobody = Operation::ListSessions { login: Some("nobody".into()), after: None, max_sessions: 1 };
    assert!(matches!(stand.execute(nobody), Outcome::NoSuchUser));
}

fn sessions_are_ended(open: &Open<'_>) {
    let mut stand = open(StoreLimits::default());
    let [alice, bob, _] = stand.add_three();
    for (account, n) in [(alice, 1), (alice, 2), (bob, 3), (bob, 4)] {
        begin(&mut stand, account, n);
    }
    for _ in 0..2 {
        let end = Operation::EndSession { session: key(4), of: None };
        assert!(matches!(stand.execute(end), Outcome::Done));
        assert!(matches!(stand.execute(end_all("alice", KeptSessions::None)), Outcome::Done));
    }
    assert!(matches!(stand.execute(end_all("nobody", KeptSessions::All)), Outcome::NoSuchUser));
    assert_eq!([1, 2, 3, 4].map(|n| stand.take(key(n)).is_some()), [false, false, true, false]);
    // A late end of what was ended changes nothing.
    stand.execute(Operation::LeaveSession { session: key(1), epoch: 1, now: stand.now });
    assert_eq!(stand.take(key(1)), None);
}
