//! The worker's threads, and what opening says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

use skaro_proto::auth::Verifier;
use skaro_proto::message::Page;
use skaro_proto::server::store::{
    AccountId, ContactChange, Content, Entry, LogId, Operation, Outcome, Store, StoreError, StoreLimits,
};
use skaro_sqlite::{OpenError, Report, SqliteStore, Worker, WorkerConfig};
use tempfile::TempDir;

fn open(place: &TempDir) -> SqliteStore {
    SqliteStore::open(place.path().join("store"), StoreLimits::default(), 0).unwrap()
}

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

const READ: Operation =
    Operation::ReadLog { account: AccountId(1), after: 0, max_entries: 100_000, max_bytes: usize::MAX };

/// A store with alice and bob.
fn filled(place: &TempDir) -> SqliteStore {
    let mut store = open(place);
    store.execute_all(&[add("alice"), add("bob")]).unwrap();
    store
}

/// An operation's end.
type Completed = (u64, Result<Outcome, StoreError>);

/// Returns what a report tells of operations.
fn ends(report: Report<u64>) -> Vec<Completed> {
    match report {
        Report::Completed(all) => all,
        // It is told of each transaction besides.
        Report::Committed { .. } => Vec::new(),
        other => panic!("{other:?}"),
    }
}

fn start(store: SqliteStore, config: WorkerConfig) -> (Worker<u64>, Receiver<Completed>) {
    let (reports, reported) = channel();
    let report = move |report| ends(report).into_iter().for_each(|one| reports.send(one).unwrap());
    (Worker::start(store, config, report).unwrap(), reported)
}

fn completed(reported: &Receiver<Completed>) -> (u64, Outcome) {
    let (id, outcome) = reported.recv().unwrap();
    (id, outcome.unwrap())
}

/// Starts a worker whose thread that writes stands in its first report, of a message with the id 0, until something is sent.
/// All other reports are given to the function.
fn start_gated(
    store: SqliteStore,
    config: WorkerConfig,
    report: impl Fn(Report<u64>) + Send + Sync + 'static,
) -> (Worker<u64>, SyncSender<()>) {
    let (entered, enters) = channel();
    let (open_gate, gate) = sync_channel::<()>(0);
    let gate = Mutex::new(gate);
    let worker = Worker::start(store, config, move |told| match &told {
        Report::Completed(all) if all.iter().any(|(id, _)| *id == 0) => {
            entered.send(()).unwrap();
            gate.lock().unwrap().recv().unwrap();
        }
        _ => report(told),
    })
    .unwrap();
    worker.submit(0, append("first", 0)).unwrap();
    enters.recv().unwrap();
    (worker, open_gate)
}

#[test]
fn operations_are_carried_out_in_order_and_readings_see_them() {
    let place = TempDir::new().unwrap();
    let (worker, reported) = start(filled(&place), WorkerConfig::default());
    let mut sent = 0;
    for size in [1, 100, 1, 700] {
        (0..size).for_each(|n| worker.submit(n, append(&format!("{n}"), 0)).unwrap());
        for n in 0..size {
            sent += 1;
            let (id, Outcome::Appended(appended)) = completed(&reported) else { panic!() };
            assert_eq!((id, appended.position), (n, sent));
        }
        worker.submit(0, READ).unwrap();
        let (_, Outcome::Entries(entries)) = completed(&reported) else { panic!() };
        assert_eq!(entries.len() as u64, sent);
        for (n, entry) in (0..size).zip(entries.iter().skip((sent - size) as usize)) {
            let Content::Message(message) = &entry.content else { panic!("{entry:?}") };
            assert_eq!(*message.body, *format!("{n}"));
        }
    }
}

/// A client asks for a history right behind a message.
#[test]
fn an_account_reads_what_it_asked_for_before() {
    let place = TempDir::new().unwrap();
    let (worker, reported) = start(filled(&place), WorkerConfig::default());
    for n in 0..200 {
        worker.submit(1, append(&format!("{n}"), 0)).unwrap();
        let page = Page { limit: Some(1), ..Page::default() };
        let (account, with) = (AccountId(0), "bob".into());
        let read = Operation::ReadDialog { account, with, page, max_messages: 1, max_bytes: 1000 };
        worker.submit(2, read).unwrap();
        assert!(matches!(completed(&reported), (1, Outcome::Appended(_))));
        let (2, Outcome::Dialog { messages, .. }) = completed(&reported) else { panic!() };
        assert_eq!(*messages.first().unwrap().message.body, *format!("{n}"));
    }
}

#[test]
fn what_waits_has_a_bound_and_is_carried_out_on_closing() {
    let place = TempDir::new().unwrap();
    let mut config = WorkerConfig::default();
    (config.max_waiting, config.max_waiting_bytes) = (10, 1000);
    let (worker, open_gate) = start_gated(filled(&place), config, drop);
    for n in 1..=10 {
        worker.submit(n, append("text", 0)).unwrap();
    }
    assert_eq!(worker.submit(11, append("text", 0)), Err(StoreError::Busy));
    // Readings have a queue of their own.
    worker.submit(12, READ).unwrap();
    open_gate.send(()).unwrap();
    drop(worker);
    // All is in the one file.
    assert!(!place.path().join("store-wal").exists());
    let Ok(Outcome::Entries(entries)) = open(&place).execute(READ) else { panic!() };
    assert_eq!(entries.len(), 11);
}

#[test]
fn a_key_is_looked_up_after_the_messages_before_it() {
    let place = TempDir::new().unwrap();
    let (reports, reported) = channel();
    let report = move |report| ends(report).into_iter().for_each(|one| reports.send(one).unwrap());
    let (worker, open_gate) = start_gated(filled(&place), WorkerConfig::default(), report);
    let (from, body, key) = (AccountId(0), "text".into(), Some("key".into()));
    worker
        .submit(
            1,
            Operation::Append {
                from,
                sender: "alice".into(),
                to: "bob".into(),
                body,
                key,
                contacts_only: false,
                now: 0,
            },
        )
        .unwrap();
    let (to, body, key) = ("bob".into(), "text".into(), "key".into());
    worker.submit(2, Operation::FindKey { from, to, body, key }).unwrap();
    open_gate.send(()).unwrap();
    assert_eq!(completed(&reported).0, 1);
    let (2, Outcome::Appended(found)) = completed(&reported) else { panic!() };
    assert!(found.is_repetition);
}

/// Otherwise all of it would wait in memory for the transaction's end.
#[test]
fn readings_that_wait_for_a_change_come_one_by_one_after_its_commit() {
    let place = TempDir::new().unwrap();
    let (reports, reported) = channel();
    let report = move |report| {
        let told: Vec<u64> = ends(report).into_iter().map(|(id, _)| id).collect();
        // A commit is reported besides.
        (!told.is_empty()).then(|| reports.send(told).unwrap());
    };
    let (worker, open_gate) = start_gated(filled(&place), WorkerConfig::default(), report);
    let (account, with, page) = (AccountId(0), "bob", Page::default());
    for n in [1, 4] {
        worker.submit(n, append("text", 0)).unwrap();
        for reading in [n + 1, n + 2] {
            let with = with.into();
            let read = Operation::ReadDialog { account, with, page, max_messages: 9, max_bytes: 1000 };
            worker.submit(reading, read).unwrap();
        }
    }
    open_gate.send(()).unwrap();
    drop(worker);
    let told: Vec<Vec<u64>> = reported.iter().collect();
    assert_eq!(told, [vec![1, 4], vec![2], vec![3], vec![5], vec![6]]);
}

#[test]
fn texts_that_wait_have_a_bound() {
    let place = TempDir::new().unwrap();
    let mut config = WorkerConfig::default();
    config.max_waiting_bytes = 1000;
    let (worker, open_gate) = start_gated(filled(&place), config, drop);
    // One always has room.
    worker.submit(1, append(&"x".repeat(2000), 0)).unwrap();
    assert_eq!(worker.submit(2, append("", 0)), Err(StoreError::Busy));
    open_gate.send(()).unwrap();
}

#[test]
fn messages_are_given_up_at_an_age_in_small_steps() {
    let place = TempDir::new().unwrap();
    let mut store = filled(&place);
    let old: Vec<_> = (0..1000).map(|n| append("old", n)).collect();
    store.execute_all(&old).unwrap();
    // The first one is dated 1.
    assert_eq!([(); 4].map(|()| store.forget_older(100, 33).unwrap()), [true, true, true, false]);
    let Ok(Outcome::Account(Some(bob))) = store.execute(Operation::FindAccount { login: "bob".into() })
    else {
        panic!()
    };
    assert_eq!((bob.begin, bob.head), (99, 1000));
    let mut config = WorkerConfig::default();
    config.max_age = Some(Duration::from_secs(1 << 30));
    let (worker, reported) = start(store, config);
    let now = i64::MAX / 2;
    worker.submit(1, append("new", now)).unwrap();
    assert_eq!(completed(&reported).0, 1);
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(Instant::now() < deadline, "old messages stay");
        worker.submit(2, READ).unwrap();
        let (_, Outcome::Entries(entries)) = completed(&reported) else { panic!() };
        assert_eq!(entries.len(), 1001);
        if entries.iter().filter(|entry| entry.content != Content::Gone).count() == 1 {
            break;
        }
    }
}

/// A clock was wrong once.
#[test]
fn old_messages_are_given_up_behind_those_of_a_later_date() {
    let place = TempDir::new().unwrap();
    let mut store = filled(&place);
    let (from, to, body) = (AccountId(1), "bob".into(), "late".into());
    let late = Operation::Append {
        from,
        sender: "alice".into(),
        to,
        body,
        key: None,
        contacts_only: false,
        now: 1_000_000,
    };
    store.execute_all(&[late.clone(), late, append("old", 0), append("old", 0)]).unwrap();
    assert_eq!([(); 3].map(|()| store.forget_older(1000, 1).unwrap()), [true, true, false]);
    let Ok(Outcome::Entries(entries)) = store.execute(READ) else { panic!() };
    let is_gone = |entry: &Entry| entry.content == Content::Gone;
    assert_eq!(entries.iter().map(is_gone).collect::<Vec<_>>(), [false, false, true, true]);
}

/// SQLite alone can't begin its log anew while somebody reads.
#[test]
fn the_log_of_changes_is_emptied_beside_a_reader_that_never_rests() {
    let place = TempDir::new().unwrap();
    let limit = 256 << 10;
    let mut config = WorkerConfig::default();
    (config.max_log_bytes, config.max_waiting) = (limit, 2);
    let (reports, reported) = channel();
    let worker = Worker::start(filled(&place), config, move |report| {
        ends(report).into_iter().filter(|(id, _)| *id != 0).for_each(|one| reports.send(one).unwrap());
    })
    .unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let _over = Over(&is_over);
        threads.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                if worker.submit(0, READ) == Err(StoreError::Busy) {
                    std::thread::yield_now();
                }
            }
        });
        let log = place.path().join("store-wal");
        let mut emptied = 0;
        let mut before = 0;
        for n in 1..=1000 {
            worker.submit(n, append(&"x".repeat(1000), 0)).unwrap();
            assert_eq!(completed(&reported).0, n);
            let bytes = log.metadata().unwrap().len();
            assert!(bytes < 2 * limit, "{bytes} bytes after {n} messages");
            emptied += usize::from(bytes < before);
            before = bytes;
        }
        assert!(emptied > 1, "{emptied}");
    });
}

/// Ends a thread, also if the test panics.
struct Over<'f>(&'f AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn only_one_has_a_store_open() {
    let place = TempDir::new().unwrap();
    let store = filled(&place);
    let again = SqliteStore::open(place.path().join("store"), StoreLimits::default(), 0);
    assert!(matches!(again, Err(OpenError::InUse { .. })), "{again:?}");
    drop(store);
    assert_eq!(open(&place).users().unwrap(), 2);
}

#[test]
fn files_of_others_and_of_later_versions_are_left_alone() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("store");
    let opened = || SqliteStore::open(&path, StoreLimits::default(), 0);
    std::fs::write(&path, "a text that is long enough not to be taken for an empty file".repeat(20)).unwrap();
    assert!(matches!(opened(), Err(OpenError::Foreign { .. })));
    std::fs::remove_file(&path).unwrap();
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch("CREATE TABLE other (x)").unwrap();
    assert!(matches!(opened(), Err(OpenError::Foreign { .. })));
    drop(db);
    std::fs::remove_file(&path).unwrap();
    drop(opened().unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(opened(), Err(OpenError::TooNew { version: 99, .. })));
    assert!(matches!(
        SqliteStore::open(place.path().join("no/such/place"), StoreLimits::default(), 0),
        Err(OpenError::File { .. })
    ));
}

#[test]
fn a_store_whose_tables_are_damaged_fails_to_open() {
    let place = TempDir::new().unwrap();
    drop(filled(&place));
    let path = place.path().join("store");
    rusqlite::Connection::open(&path).unwrap().execute_batch("DROP TABLE sessions").unwrap();
    let opened = SqliteStore::open(&path, StoreLimits::default(), 0);
    assert!(matches!(opened, Err(OpenError::Failed(_))), "{opened:?}");
}

#[cfg(unix)]
#[test]
fn files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let place = TempDir::new().unwrap();
    let _store = filled(&place);
    let mut names = Vec::new();
    for file in std::fs::read_dir(place.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
        names.push(file.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["store", "store-shm", "store-wal", "store.lock"]);
}

#[test]
fn a_damaged_file_is_a_failure_and_nothing_is_carried_out_any_more() {
    let place = TempDir::new().unwrap();
    let mut store = filled(&place);
    store.execute_all(&[append("text", 0)]).unwrap();
    drop(store);
    let path = place.path().join("store");
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch("UPDATE messages SET body = x'ff'").unwrap();
    drop(db);
    let mut store = open(&place);
    store.execute_all(&[READ]).unwrap_err();
    assert!(matches!(store.execute(append("more", 0)), Err(StoreError::Unavailable)));
    store.execute_all(&[append("more", 0)]).unwrap_err();
    drop(store);
    let (failures, failed) = channel();
    let worker = Worker::start(open(&place), WorkerConfig::default(), move |report| match report {
        Report::Failed(fatal) => failures.send(fatal).unwrap(),
        other => panic!("{other:?}"),
    })
    .unwrap();
    worker.submit(1, READ).unwrap();
    let fatal = failed.recv().unwrap();
    assert!(fatal.to_string().contains("UTF-8"), "{fatal}");
    assert!(worker.submit(2, append("more", 0)).is_err());
}

#[test]
fn a_panic_of_a_report_is_a_failure_and_not_silence() {
    let place = TempDir::new().unwrap();
    let (failures, failed) = channel();
    let worker = Worker::start(filled(&place), WorkerConfig::default(), move |report| match report {
        Report::Failed(fatal) => failures.send(fatal).unwrap(),
        _ => panic!("as planned"),
    })
    .unwrap();
    worker.submit(1, append("text", 0)).unwrap();
    assert!(failed.recv().unwrap().to_string().contains("panicked"));
    assert_eq!(worker.submit(2, READ), Err(StoreError::Unavailable));
}

/// A message to a conference may be one of a thousand logs.
#[test]
fn a_batch_has_few_messages_to_conferences() {
    let place = TempDir::new().unwrap();
    let mut store = filled(&place);
    let (account, with, change) = (AccountId(0), "#team".into(), ContactChange::ListOrFound);
    store.execute(Operation::ChangeContact { account, with, change }).unwrap();
    let (reports, reported) = channel();
    let (worker, open_gate) = start_gated(store, WorkerConfig::default(), move |report| {
        if let Report::Committed { operations, .. } = report {
            reports.send(operations).unwrap();
        }
    });
    for n in 1..=20 {
        let (from, sender, to) = (AccountId(0), "alice".into(), "#team".into());
        let post = Operation::Append {
            from,
            sender,
            to,
            body: "text".into(),
            key: None,
            contacts_only: false,
            now: 0,
        };
        worker.submit(n, post).unwrap();
    }
    (21..=40).for_each(|n| worker.submit(n, append("text", 0)).unwrap());
    open_gate.send(()).unwrap();
    drop(worker);
    // The first one is that of the gate.
    assert_eq!(reported.iter().collect::<Vec<_>>(), [1, 8, 8, 24]);
}
