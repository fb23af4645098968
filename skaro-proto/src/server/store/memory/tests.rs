#![allow(clippy::unwrap_used, reason = "a test")]

use alloc::format;
use alloc::vec::Vec;

use super::*;
use crate::auth::Verifier;
use crate::message::Page;
use crate::server::store::{Content, LogId, SessionKey};

fn store(limits: StoreLimits) -> (MemoryStore, [AccountId; 2]) {
    let mut store = MemoryStore::new(limits);
    let ids = [("alice", 1), ("bob", 2)].map(|(login, n)| {
        let add = Operation::AddAccount {
            login: login.into(),
            verifier: Verifier::new(login),
            log: LogId([n; 16]),
        };
        let Ok(Outcome::Added(id)) = store.execute(add) else { panic!("{login} was not added") };
        id
    });
    (store, ids)
}

fn append(store: &mut MemoryStore, from: AccountId, to: &str, body: &str) -> Result<Outcome, StoreError> {
    let to = to.into();
    store.execute(Operation::Append {
        from,
        sender: Login::default(),
        to,
        body: body.into(),
        key: None,
        contacts_only: false,
        now: 0,
    })
}

#[test]
fn bodies_count_until_both_logs_have_given_them_up_whoever_else_holds_them() {
    let (mut store, [alice, bob]) = store(StoreLimits { max_dialog_messages: 3, ..StoreLimits::default() });
    let mut held = Vec::new();
    let mut bytes = 0;
    for n in 0..100 {
        append(&mut store, alice, "bob", &format!("{n:100}")).unwrap();
        append(&mut store, alice, "alice", &format!("{n:100}")).unwrap();
        held.push(store.read_log(bob, 0, 1000, usize::MAX));
        match n {
            3 => bytes = store.bytes(),
            4.. => assert_eq!(store.bytes(), bytes, "after {n}"),
            _ => (),
        }
    }
    while store.logs.forget_oldest() {}
    let (empty, _) = self::store(StoreLimits::default());
    assert!(store.logs.bytes() < 4096, "{} bytes for no entries", store.logs.bytes());
    assert!(empty.bytes() > 0);
}

#[test]
fn the_oldest_entries_make_room_and_if_there_are_none_it_is_full() {
    let (mut store, [alice, _]) = store(StoreLimits::default());
    let limit = store.bytes() + 20_000;
    store = store.with_max_bytes(Some(limit));
    for n in 0..100 {
        append(&mut store, alice, "bob", &format!("{n:1000}")).unwrap();
        assert!(store.bytes() <= limit);
    }
    assert_eq!(append(&mut store, alice, "bob", &"x".repeat(30_000)).unwrap_err(), StoreError::Full);
    let Outcome::Entries(entries) = store.read_log(alice, 0, 1000, usize::MAX) else { panic!() };
    // What is not kept has its place.
    assert_eq!((entries.len(), &entries.first().unwrap().content), (100, &Content::Gone));
    let Content::Message(last) = &entries.last().unwrap().content else { panic!() };
    assert_eq!(last.body.trim(), "99");
}

#[test]
fn a_removed_user_leaves_nothing_but_what_others_received() {
    let (mut store, [alice, bob]) = store(StoreLimits::default());
    append(&mut store, alice, "bob", "hello").unwrap();
    let session = SessionKey([1; 16]);
    store.execute(Operation::BeginSession { account: alice, login: "alice".into(), session }).unwrap();
    store.execute(Operation::RemoveAccount { login: "alice".into() }).unwrap();
    let found = store.execute(Operation::FindAccount { login: "alice".into() });
    assert!(matches!(found, Ok(Outcome::Account(None))));
    assert!(matches!(store.execute(Operation::TakeSession { session, now: 0 }), Ok(Outcome::Restored(None))));
    assert!(matches!(append(&mut store, alice, "bob", "again"), Ok(Outcome::NoSuchUser)));
    let Outcome::Entries(entries) = store.read_log(bob, 0, 10, 1000) else { panic!() };
    let Some(Content::Message(message)) = entries.first().map(|entry| &entry.content) else { panic!() };
    assert_eq!((&*message.with, &*message.body, message.is_own), ("alice", "hello", false));
    let read = store.read_dialog(bob, &"alice".into(), Page::default(), 10, 1000);
    assert!(matches!(read, Outcome::NoSuchUser));
}

#[test]
fn the_end_of_a_holder_that_was_replaced_has_no_effect() {
    let (mut store, [alice, _]) = store(StoreLimits::default());
    let session = SessionKey([1; 16]);
    store.execute(Operation::BeginSession { account: alice, login: "alice".into(), session }).unwrap();
    let mut epochs = Vec::new();
    for now in [0, 1] {
        let Ok(Outcome::Restored(Some((_, epoch)))) = store.execute(Operation::TakeSession { session, now })
        else {
            panic!()
        };
        epochs.push(epoch);
    }
    store.execute(Operation::LeaveSession { session, epoch: 2, now: 2 }).unwrap();
    assert_eq!((epochs, store.next_session_end()), (Vec::from([2, 3]), None));
    store.execute(Operation::LeaveSession { session, epoch: 3, now: 2 }).unwrap();
    assert_eq!(store.next_session_end(), Some(300_002));
    store.execute(Operation::Expire { now: 300_002 }).unwrap();
    assert_eq!(store.sessions(), 1);
    store.execute(Operation::Expire { now: 300_003 }).unwrap();
    assert_eq!(store.sessions(), 0);
}
