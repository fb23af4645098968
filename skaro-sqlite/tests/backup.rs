//! Backups: whole at any moment, private, checked; stores made from them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;

use skaro_proto::auth::Verifier;
use skaro_proto::server::store::{
    Account, AccountId, ContactChange, InvitationKey, LogId, Login, Operation, Outcome, Profile, SessionKey,
    Store, StoreLimits,
};
use skaro_sqlite::{
    BackupError, OpenError, Report, SqliteStore, Worker, WorkerConfig, backup, check, restore,
};
use tempfile::TempDir;

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, StoreLimits::default(), 0).unwrap()
}

/// A store with alice and bob, who have this many messages, and a session.
fn filled(path: &Path, messages: usize) -> SqliteStore {
    let mut store = open(path);
    for login in ["alice", "bob"] {
        let (verifier, log) = (Verifier::new(login), LogId([1; 16]));
        store.execute(Operation::AddAccount { login: login.into(), verifier, log }).unwrap();
    }
    store
        .execute(Operation::BeginSession {
            account: AccountId(0),
            login: "alice".into(),
            session: SessionKey([1; 16]),
        })
        .unwrap();
    (0..messages).for_each(|n| drop(store.execute(message(n)).unwrap()));
    store
}

fn message(n: usize) -> Operation {
    let (to, body, key) = ("bob".into(), n.to_string().into(), Some(n.to_string().into()));
    Operation::Append {
        from: AccountId(0),
        sender: "alice".into(),
        to,
        body,
        key,
        contacts_only: false,
        now: n as i64,
    }
}

fn find(store: &mut SqliteStore, login: &str) -> Account {
    match store.execute(Operation::FindAccount { login: login.into() }).unwrap() {
        Outcome::Account(Some(account)) => account,
        other => panic!("{other:?}"),
    }
}

fn log(store: &mut SqliteStore) -> Vec<u64> {
    let read =
        Operation::ReadLog { account: AccountId(1), after: 0, max_entries: 9999, max_bytes: usize::MAX };
    match store.execute(read).unwrap() {
        Outcome::Entries(entries) => entries.iter().map(|entry| entry.position).collect(),
        other => panic!("{other:?}"),
    }
}

fn place() -> (TempDir, PathBuf, PathBuf) {
    let place = TempDir::new().unwrap();
    let (store, copy) = (place.path().join("store"), place.path().join("copy"));
    (place, store, copy)
}

#[test]
fn a_backup_is_whole_while_the_server_goes_on() {
    let (place, path, _) = place();
    let (reports, reported) = channel();
    let worker = Worker::start(filled(&path, 10), WorkerConfig::default(), move |report| {
        if let Report::Completed(ends) = report {
            for (id, outcome) in ends {
                outcome.unwrap();
                reports.send(id).unwrap();
            }
        }
    });
    let worker = worker.unwrap();
    let mut before = 10;
    for round in 0..5 {
        // Many wait, and are written while the backup is made.
        let next = before + 200;
        (before..next).for_each(|n| worker.submit(n, message(n)).unwrap());
        let told = reported.recv().unwrap();
        let copy = place.path().join(round.to_string());
        assert_eq!(backup(&path, &copy).unwrap(), copy.metadata().unwrap().len());
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&copy.metadata().unwrap()) & 0o777, 0o600);
        assert_eq!(check(&copy).unwrap(), [""; 0]);
        let positions = log(&mut open(&copy));
        // Whatever was told is there, and nothing without what came before it.
        assert!(positions.len() > told, "{} of {told}", positions.len());
        assert_eq!(positions, (1..=positions.len() as u64).collect::<Vec<_>>());
        (before + 1..next).for_each(|_| _ = reported.recv().unwrap());
        before = next;
    }
}

#[test]
fn a_store_from_a_backup_has_everything_but_sessions_and_other_logs() {
    let (_place, path, copy) = place();
    let mut store = filled(&path, 10);
    store.execute(Operation::SetDisabled { login: "bob".into(), is_disabled: true }).unwrap();
    let (account, with) = (AccountId(0), Login::from("#team"));
    let change = ContactChange::ListOrFound;
    let found = Operation::ChangeContact { account, with: with.clone(), change };
    let (by, invitation) = (None, InvitationKey([1; 16]));
    let invite = Operation::Invite { by, invitation, until: 9, now: 0, max_invitations: 1 };
    let (of, to, body) = (Some(with), "#team".into(), "hello".into());
    let changes = [("public".to_owned(), true.into())].into_iter().collect();
    let profile = Operation::SetProfile { account, of, changes, max_bytes: 99 };
    let sender = "alice".into();
    let post = Operation::Append { from: account, sender, to, body, key: None, contacts_only: false, now: 0 };
    store.execute_all(&[found, invite, profile, post]).unwrap();
    backup(&path, &copy).unwrap();
    let restored = copy.with_file_name("restored");
    restore(&copy, &restored).unwrap();
    let names = restored.parent().unwrap().read_dir().unwrap().map(|it| it.unwrap().file_name());
    assert!(!names.into_iter().any(|name| name.to_string_lossy().contains(".part")));
    let mut restored = open(&restored);
    let (alice, bob) = (find(&mut restored, "alice"), find(&mut restored, "bob"));
    assert!(alice.log != bob.log && alice.log != LogId([1; 16]) && bob.log != LogId([1; 16]));
    // The conference is an entry, and so are its profile and its message.
    assert_eq!((alice.head, bob.head, bob.is_disabled), (13, 10, true));
    let look = Operation::FindUser { account: AccountId(1), login: "#team".into() };
    let Ok(Outcome::User(team, members)) = restored.execute(look) else { panic!() };
    assert!(team.profile.is_public() && members.len() == 1);
    let (login, verifier, log_id) = ("carol".into(), Verifier::new("carol"), LogId([1; 16]));
    let (profile, invitation) = (Profile::default(), Some(InvitationKey([1; 16])));
    let register = Operation::Register { login, verifier, log: log_id, profile, invitation, now: 9 };
    assert!(matches!(restored.execute(register), Ok(Outcome::Added(_))));
    assert_eq!(alice.verifier.to_bytes(), find(&mut store, "alice").verifier.to_bytes());
    assert_eq!(log(&mut restored), log(&mut store));
    let take = Operation::TakeSession { session: SessionKey([1; 16]), now: 0 };
    assert!(matches!(restored.execute(take), Ok(Outcome::Restored(None))));
}

#[test]
fn what_is_there_is_not_overwritten_and_what_fails_leaves_nothing() {
    let (place, path, copy) = place();
    let store = filled(&path, 10);
    backup(&path, &copy).unwrap();
    let written = std::fs::read(&copy).unwrap();
    assert!(matches!(backup(&path, &copy), Err(BackupError::Exists { .. })));
    assert!(matches!(restore(&copy, &path), Err(BackupError::Open(OpenError::InUse { .. }))));
    drop(store);
    assert!(matches!(restore(&copy, &path), Err(BackupError::Exists { .. })));
    assert_eq!(std::fs::read(&copy).unwrap(), written);
    // The write-ahead log of a store that ended without a word would be carried over into the new one.
    let elsewhere = place.path().join("other");
    let log = place.path().join("other-wal");
    std::fs::write(&log, "left behind").unwrap();
    assert!(matches!(restore(&copy, &elsewhere), Err(BackupError::Exists { path }) if path == log));
    std::fs::remove_file(&log).unwrap();
    // What is damaged, no store, or not there is not copied.
    let other = place.path().join("other");
    let mut damaged = written.clone();
    // The page of a table; without the descriptions of the tables it would be no store.
    let page: u32 = rusqlite::Connection::open(&copy)
        .unwrap()
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'messages'", [], |row| row.get(0))
        .unwrap();
    let end = 4096 * page as usize;
    damaged[end - 4096..end].iter_mut().step_by(97).for_each(|byte| *byte ^= 0x5a);
    std::fs::write(&copy, damaged).unwrap();
    assert_ne!(check(&copy).unwrap(), [""; 0]);
    let failed = restore(&copy, &other).unwrap_err();
    assert!(matches!(failed, BackupError::Damaged { .. } | BackupError::Write { .. }), "{failed}");
    assert!(backup(&copy, &other).is_err());
    std::fs::write(&copy, "notes of somebody else").unwrap();
    assert!(matches!(restore(&copy, &other), Err(BackupError::Open(OpenError::Foreign { .. }))));
    assert!(matches!(check(&copy), Err(OpenError::Foreign { .. })));
    assert!(matches!(check(&other), Err(OpenError::File { .. })));
    assert!(matches!(
        backup(&other, &place.path().join("third")),
        Err(BackupError::Open(OpenError::File { .. }))
    ));
    let mut left: Vec<_> = place.path().read_dir().unwrap().map(|it| it.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["copy", "other.lock", "store", "store.lock"]);
}

#[test]
fn tables_that_do_not_agree_are_found() {
    let (_place, path, _) = place();
    drop(filled(&path, 3));
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(
        "UPDATE accounts SET entries = 7 WHERE id = 0; UPDATE messages SET copies = 3 WHERE id = 1",
    )
    .unwrap();
    drop(db);
    let faults = [
        "this does not hold: an account counts its entries",
        "this does not hold: a message counts the logs that have it, and there is one",
    ];
    assert_eq!(check(&path).unwrap(), faults);
}
