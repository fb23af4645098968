//! The process that works with the store.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::channel;

use skaro_proto::auth::Verifier;
use skaro_proto::server::store::{
    AccountId, LogId, Operation, Outcome, SessionKey, Store, StoreError, StoreLimits,
};
use skaro_sqlite::{Report, SqliteStore, Worker, WorkerConfig};

/// The variables that tell a process what it is for.
pub(crate) const ROLE: &str = "SKARO_SQLITE_ROLE";
const PLACE: &str = "SKARO_SQLITE_PLACE";
const BEGIN: &str = "SKARO_SQLITE_BEGIN";

/// Number of users who write to the first one.
pub(crate) const SENDERS: usize = 4;

/// Returns the command that runs this program in a role.
pub(crate) fn command(role: &str, place: &std::path::Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(ROLE, role).env(PLACE, place);
    command
}

/// Returns the variable that tells which message of each sender is the first one.
pub(crate) fn begin(next: &[u64; SENDERS]) -> (&'static str, String) {
    (BEGIN, next.map(|n| n.to_string()).join(","))
}

pub(crate) fn limits() -> StoreLimits {
    let mut limits = StoreLimits::default();
    (limits.max_dialog_messages, limits.max_dialog_bytes) = (usize::MAX, usize::MAX);
    (limits.max_log_entries, limits.max_log_bytes) = (usize::MAX, usize::MAX);
    limits.max_keys = usize::MAX;
    limits
}

pub(crate) fn open(place: &std::path::Path) -> SqliteStore {
    let mut store = SqliteStore::open(place.join("store"), limits(), 0).unwrap();
    for n in 0..=SENDERS {
        let (login, verifier) = (format!("user {n}").as_str().into(), Verifier::new("password"));
        store.execute(Operation::AddAccount { login, verifier, log: LogId([0; 16]) }).unwrap();
    }
    store
}

/// Returns a message of a sender to the first user.
pub(crate) fn append(sender: usize, n: u64) -> Operation {
    let (from, to) = (AccountId(sender as u64 + 1), "user 0".into());
    let body = format!("{sender} {n} {}", "x".repeat(150)).into();
    Operation::Append {
        from,
        sender: "".into(),
        to,
        body,
        key: Some(Arc::from(format!("key {sender} {n}"))),
        contacts_only: false,
        now: 0,
    }
}

pub(crate) fn run(role: &str) {
    let place = PathBuf::from(std::env::var_os(PLACE).unwrap());
    match role {
        "append" => append_for_ever(&place),
        "one by one" => append_one_by_one(&place),
        "until it fails" => append_until_it_fails(&place),
        "grow" => grow(&place, &|| {
            nix::sys::resource::setrlimit(
                nix::sys::resource::Resource::RLIMIT_FSIZE,
                nix::sys::resource::RLIM_INFINITY,
                nix::sys::resource::RLIM_INFINITY,
            )
            .unwrap();
        }),
        "fill" => grow(&place, &|| std::fs::remove_file(place.join("ballast")).unwrap()),
        other => panic!("{other}"),
    }
}

/// Appends as fast as it can, with 16 messages of each sender under way, and tells what was acknowledged.
fn append_for_ever(place: &std::path::Path) {
    let mut next: Vec<u64> =
        std::env::var(BEGIN).unwrap().split(',').map(|number| number.parse().unwrap()).collect();
    let (reports, reported) = channel();
    let mut config = WorkerConfig::default();
    config.idle = std::time::Duration::from_millis(20);
    let report = move |report| match report {
        Report::Completed(all) => all.into_iter().for_each(|one| reports.send(one).unwrap()),
        Report::Committed { .. } => (),
        other => panic!("{other:?}"),
    };
    let worker = Worker::start(open(place), config, report).unwrap();
    let mut submit = |sender: usize| {
        worker.submit((sender, next[sender]), append(sender, next[sender])).unwrap();
        next[sender] += 1;
    };
    (0..16 * SENDERS).for_each(|n| submit(n % SENDERS));
    let mut out = std::io::stdout().lock();
    for one in reported {
        let ((sender, n), Ok(Outcome::Appended(sent))) = one else { panic!("{one:?}") };
        // In one piece, so that what is cut off can be told.
        out.write_all(format!("{sender} {n} {} .\n", sent.position).as_bytes()).unwrap();
        submit(sender);
    }
}

/// Appends messages one after the other, and says a word after each.
fn append_one_by_one(place: &std::path::Path) {
    let mut store = open(place);
    let mut out = std::io::stdout();
    for n in 0..20 {
        out.write_all(b"begun\n").unwrap();
        assert!(matches!(store.execute(append(0, n)), Ok(Outcome::Appended(_))));
        out.write_all(b"answered\n").unwrap();
    }
}

/// Appends until the disk fails, and tells how many messages were acknowledged. Then nothing is carried out any more.
fn append_until_it_fails(place: &std::path::Path) {
    let mut store = open(place);
    let mut acknowledged = 0;
    while store.execute_all(&[append(0, acknowledged)]).is_ok_and(|outcomes| outcomes[0].is_ok()) {
        acknowledged += 1;
        assert!(acknowledged < 1000, "it does not fail");
    }
    for operation in
        [append(0, acknowledged), append(0, 0), Operation::FindAccount { login: "user 0".into() }]
    {
        assert!(matches!(store.execute(operation.clone()), Err(StoreError::Unavailable)));
        store.execute_all(&[operation]).unwrap_err();
    }
    store.checkpoint().unwrap_err();
    println!("{acknowledged}");
}

/// Appends until there is no room, reads, makes room, and goes on.
fn grow(place: &std::path::Path, make_room: &dyn Fn()) {
    let mut store = open(place);
    let (account, session) = (AccountId(1), SessionKey([1; 16]));
    let find = Operation::FindAccount { login: "user 0".into() };
    store.execute(Operation::BeginSession { account, login: "user 0".into(), session }).unwrap();
    let head = |store: &mut SqliteStore| match store.execute(find.clone()) {
        Ok(Outcome::Account(Some(account))) => account.head,
        other => panic!("{other:?}"),
    };
    let (mut taken, mut refused) = (0, 0);
    while refused < 3 {
        match store.execute(append(0, taken)) {
            Ok(Outcome::Appended(sent)) => {
                assert!(!sent.is_repetition);
                (taken, refused) = (taken + 1, 0);
            }
            Err(StoreError::Full) => refused += 1,
            other => panic!("{other:?}"),
        }
        assert!(taken < 100_000, "it is never full");
    }
    // Again and again, in batches as well, and what is read is what was taken.
    for _ in 0..20 {
        let outcomes = store.execute_all(&[append(0, taken), find.clone()]).unwrap();
        let as_expected = matches!(&outcomes[..], [Err(StoreError::Full), Ok(Outcome::Account(Some(_)))]);
        assert!(as_expected, "{outcomes:?}");
        assert_eq!(head(&mut store), taken);
        let after = taken - taken.min(10);
        let reading = Operation::ReadLog { account, after, max_entries: 64, max_bytes: 65_536 };
        let Ok(Outcome::Entries(entries)) = store.execute(reading) else { panic!() };
        assert_eq!(entries.len() as u64, taken - after);
    }
    assert!(taken > 100, "only {taken} messages fitted");
    // What would add nothing is no matter of room.
    let Ok(Outcome::Appended(sent)) = store.execute(append(0, 0)) else { panic!() };
    assert!(sent.is_repetition);
    let (login, verifier) = ("user 0".into(), Verifier::new("password"));
    let again = store.execute(Operation::AddAccount { login, verifier, log: LogId([0; 16]) });
    assert!(matches!(again, Ok(Outcome::Exists)), "{again:?}");
    // People sign in, more often than the write-ahead log has room for.
    for n in 1..500 {
        let restored = store.execute(Operation::TakeSession { session, now: 0 });
        assert!(
            matches!(restored, Ok(Outcome::Restored(Some((_, epoch)))) if epoch == n + 1),
            "{restored:?}"
        );
        let left = store.execute(Operation::LeaveSession { session, epoch: n + 1, now: 0 });
        assert!(matches!(left, Ok(Outcome::Done)), "{left:?}");
        let begun = Operation::BeginSession { account, login: "user 1".into(), session: SessionKey([2; 16]) };
        assert!(matches!(store.execute(begun), Ok(Outcome::Session { epoch: 1 })));
    }
    make_room();
    for n in 0..20 {
        let Ok(Outcome::Appended(sent)) = store.execute(append(0, taken + n)) else { panic!("at {n}") };
        assert!(!sent.is_repetition);
    }
    assert_eq!(head(&mut store), taken + 20);
    println!("{taken} messages fitted");
}
