//! Retention by age, in small steps.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use skaro_proto::auth::Verifier;
use skaro_proto::server::store::{
    AccountId, ContactChange, Content, LogId, MemberChange, Operation, Outcome, Store, StoreLimits,
};
use skaro_sqlite::SqliteStore;
use tempfile::TempDir;

fn add(login: &str) -> Operation {
    Operation::AddAccount { login: login.into(), verifier: Verifier::new(login), log: LogId([0; 16]) }
}

fn append(body: &str, now: i64) -> Operation {
    Operation::Append {
        from: AccountId(0),
        sender: "alice".into(),
        to: "bob".into(),
        body: body.into(),
        key: None,
        contacts_only: false,
        now,
    }
}

/// A store with alice and bob.
fn filled(place: &TempDir) -> SqliteStore {
    let mut store = SqliteStore::open(place.path().join("store"), StoreLimits::default(), 0).unwrap();
    store.execute_all(&[add("alice"), add("bob")]).unwrap();
    store
}

#[test]
fn keys_of_silent_senders_are_given_up_in_small_steps() {
    const DAY: i64 = 86_400_000;
    let place = TempDir::new().unwrap();
    let mut store = filled(&place);
    let send = |to: &str, key: Option<&str>, now| Operation::Append {
        from: AccountId(0),
        sender: "alice".into(),
        to: to.into(),
        body: "text".into(),
        key: key.map(Into::into),
        contacts_only: false,
        now,
    };
    let is_known = |store: &mut SqliteStore, key: &str| {
        let (from, to, body, key) = (AccountId(0), "bob".into(), "text".into(), key.into());
        matches!(store.execute(Operation::FindKey { from, to, body, key }), Ok(Outcome::Appended(_)))
    };
    let keys = ["a", "b", "c", "d", "e"];
    let mut messages: Vec<_> = keys.iter().map(|key| send("bob", Some(key), 0)).collect();
    messages.push(send("bob", None, 0));
    store.execute_all(&messages).unwrap();
    assert!(!store.forget_keys(i64::MAX, 10).unwrap());
    // The messages with the keys go, dated 1 to 5.
    store.forget_older(6, 10).unwrap();
    assert!(!store.forget_keys(DAY, 10).unwrap());
    assert!(keys.iter().all(|key| is_known(&mut store, key)));
    let mut left = Vec::new();
    for _ in 0..3 {
        let is_more = store.forget_keys(DAY + 1, 2).unwrap();
        left.push((is_more, keys.iter().filter(|key| is_known(&mut store, key)).count()));
    }
    assert_eq!(left, [(true, 3), (true, 1), (false, 0)]);
}

/// A key whose message is kept is older, and stays.
#[test]
fn keys_are_given_up_behind_one_that_is_kept() {
    let place = TempDir::new().unwrap();
    let mut store = filled(&place);
    let (from, body) = (AccountId(0), "text");
    let send = |to: &str, key: &str| {
        let (to, body, key) = (to.into(), body.into(), Some(key.into()));
        Operation::Append { from, sender: "alice".into(), to, body, key, contacts_only: false, now: 0 }
    };
    store.execute_all(&[add("carol"), send("carol", "kept"), send("bob", "gone")]).unwrap();
    let mut limits = StoreLimits::default();
    limits.max_dialog_messages = 1;
    drop(store);
    let mut store = SqliteStore::open(place.path().join("store"), limits, 0).unwrap();
    store.execute(append("text", 0)).unwrap();
    assert!(!store.forget_keys(i64::MAX, 10).unwrap());
    for (to, key, is_known) in [("carol", "kept", true), ("bob", "gone", false)] {
        let find = Operation::FindKey { from, to: to.into(), body: body.into(), key: key.into() };
        assert_eq!(matches!(store.execute(find), Ok(Outcome::Appended(_))), is_known, "{key}");
    }
}

/// One message may be in a thousand logs.
#[test]
fn copies_in_conferences_are_given_up_in_small_steps() {
    let place = TempDir::new().unwrap();
    let mut store = filled(&place);
    let login = || "#team".into();
    let list = |account| Operation::ChangeContact {
        account: AccountId(account),
        with: login(),
        change: ContactChange::ListOrFound,
    };
    let invite = |member: &str| Operation::ChangeMember {
        account: AccountId(0),
        conference: login(),
        member: member.into(),
        change: MemberChange::Invite,
    };
    let append = |to: &str, now| {
        let (from, sender, to, body) = (AccountId(0), "alice".into(), to.into(), "text".into());
        Operation::Append { from, sender, to, body, key: None, contacts_only: false, now }
    };
    let founding = [add("carol"), list(0), invite("bob"), list(1), invite("carol"), list(2)];
    store.execute_all(&founding).unwrap();
    let messages = [append("#team", 5), append("#team", 6), append("bob", 7), append("#team", 8)];
    store.execute_all(&messages).unwrap();
    let kept = |store: &mut SqliteStore| {
        [0, 1, 2].map(|account| {
            let (account, after) = (AccountId(account), 0);
            let read = Operation::ReadLog { account, after, max_entries: 99, max_bytes: 9999 };
            let Ok(Outcome::Entries(entries)) = store.execute(read) else { panic!() };
            entries.iter().filter(|entry| matches!(entry.content, Content::Message(_))).count()
        })
    };
    assert_eq!(kept(&mut store), [4, 4, 3]);
    let mut forget = |limit| (store.forget_older(8, limit).unwrap(), kept(&mut store));
    assert_eq!(forget(2), (true, [3, 3, 3]));
    assert_eq!(forget(2), (true, [2, 3, 2]));
    assert_eq!(forget(1), (true, [2, 2, 2]));
    assert_eq!(forget(1), (true, [2, 2, 1]));
    // One of two users counts once.
    assert_eq!(forget(2), (false, [1, 1, 1]));
    drop(store);
    assert_eq!(skaro_sqlite::check(&place.path().join("store")).unwrap(), [""; 0]);
}
