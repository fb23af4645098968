//! Figures of the store on disk, beside those of the disk itself: `cargo bench -p skaro-sqlite`, with the number of
//! messages of the large store as an argument (by default 100,000).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark"
)]

mod disk;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use skaro_proto::auth::Verifier;
use skaro_proto::message::Page;
use skaro_proto::server::store::{
    AccountId, ContactChange, LogId, Login, MemberChange, MemoryStore, Operation, Outcome, Store, StoreError,
    StoreLimits,
};
use skaro_sqlite::{Report, SqliteStore, Worker, WorkerConfig};

/// Number of users, each with twice as many dialogs as this: with those whose numbers are near.
const USERS: u64 = 2000;
const PEERS: u64 = 25;
/// Length of a message in bytes.
const BODY: usize = 200;
/// Time for each figure.
const TIME: Duration = Duration::from_secs(2);
/// The variables that make this program the one that fills a store until it is killed.
const FILL: &str = "SKARO_BENCH_FILL";

fn main() {
    let count = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(100_000);
    if let Some(place) = std::env::var_os(FILL) {
        return fill(Path::new(&place), count);
    }
    let place = tempfile::tempdir().unwrap();
    let syncs = disk::tell_syncs(place.path());
    in_memory();
    for under_way in [1, 10, 100, 1000] {
        let rate = rate(place.path(), under_way);
        let what = format!("durable messages, {under_way} under way");
        println!("{what:<50} {rate:>9.0} /s, {:.1} for each synchronization of the disk", rate / syncs);
    }
    answers(place.path());
    [10, 100, 1000].into_iter().for_each(conference);
    disk::tell_syncs(place.path());
    large(count);
}

fn add(n: u64, verifier: &Verifier) -> Operation {
    let (login, verifier) = (format!("user {n}").as_str().into(), verifier.clone());
    Operation::AddAccount { login, verifier, log: LogId([0; 16]) }
}

/// A store with all users.
fn open(place: &Path) -> SqliteStore {
    let mut store = SqliteStore::open(place.join("store"), StoreLimits::default(), 0).unwrap();
    let verifier = Verifier::new("password");
    let users: Vec<_> = (0..USERS).map(|n| add(n, &verifier)).collect();
    store.execute_all(&users).unwrap();
    store
}

fn append(n: u64) -> Operation {
    let from = fastrand::u64(..USERS);
    let to = (from + fastrand::u64(1..=PEERS)) % USERS;
    let (from, to) = if fastrand::bool() { (from, to) } else { (to, from) };
    let key = Some(Arc::from(format!("0123456789abcdef0123456789abcdef {n}")));
    let (to, body) = (format!("user {to}").as_str().into(), "x".repeat(BODY).into());
    Operation::Append {
        from: AccountId(from),
        sender: "".into(),
        to,
        body,
        key,
        contacts_only: false,
        now: n as i64,
    }
}

fn in_memory() {
    let mut store = MemoryStore::new(StoreLimits::default());
    let verifier = Verifier::new("password");
    (0..USERS).for_each(|n| drop(store.execute(add(n, &verifier)).unwrap()));
    let (begin, mut count) = (Instant::now(), 0);
    while begin.elapsed() < TIME / 4 {
        store.execute(append(count)).unwrap();
        count += 1;
    }
    let rate = count as f64 / begin.elapsed().as_secs_f64();
    println!("{:<50} {rate:>9.0} /s", "messages in memory");
}

type Reports = Receiver<(u64, Result<Outcome, StoreError>)>;

fn start(store: SqliteStore) -> (Worker<u64>, Reports) {
    let (reports, reported) = channel();
    let report = move |report| match report {
        Report::Completed(all) => all.into_iter().for_each(|one| drop(reports.send(one))),
        Report::Committed { .. } => (),
        other => panic!("{other:?}"),
    };
    (Worker::start(store, WorkerConfig::default(), report).unwrap(), reported)
}

fn completed(reported: &Reports) -> u64 {
    match reported.recv().unwrap() {
        (id, Ok(Outcome::Appended(_))) => id,
        other => panic!("{other:?}"),
    }
}

/// Returns how many messages are durable in a second, with so many under way.
fn rate(place: &Path, under_way: u64) -> f64 {
    let (worker, reported) = start(open(place));
    let mut next = fastrand::u64(1 << 40..1 << 50);
    let mut submit = || {
        worker.submit(next, append(next)).unwrap();
        next += 1;
    };
    (0..under_way).for_each(|_| submit());
    let (begin, mut count) = (Instant::now(), 0);
    while begin.elapsed() < TIME {
        completed(&reported);
        count += 1;
        submit();
    }
    f64::from(count) / begin.elapsed().as_secs_f64()
}

/// Tells after what time a message is durable if 1,000 come in a second.
fn answers(place: &Path) {
    let (worker, reported) = start(open(place));
    let count = 4000;
    let first = fastrand::u64(1 << 40..1 << 50);
    let begin = Instant::now();
    let receiving = std::thread::spawn(move || {
        let due = |id: u64| Duration::from_millis(id - first);
        (0..count).map(|_| completed(&reported)).map(|id| begin.elapsed() - due(id)).collect::<Vec<_>>()
    });
    for n in 0..count {
        std::thread::sleep(Duration::from_millis(n).saturating_sub(begin.elapsed()));
        worker.submit(first + n, append(first + n)).unwrap();
    }
    let mut times = receiving.join().unwrap();
    times.sort();
    let at = |share: usize| times[times.len() * share / 1000].as_secs_f64() * 1e3;
    let (median, high, highest) = (at(500), at(990), at(999));
    println!(
        "{:<50} {median:>9.2} ms, 99 %: {high:.2} ms, 99.9 %: {highest:.2} ms",
        "answers at 1,000 messages/s, median"
    );
}

/// Tells how long a change takes that reaches all members of a conference, each in a transaction of its own.
fn conference(members: u64) {
    let place = tempfile::tempdir().unwrap();
    let mut store = open(place.path());
    let login = Login::from("#team");
    let change = |account, change| Operation::ChangeContact {
        account: AccountId(account),
        with: login.clone(),
        change,
    };
    let invite = |n: u64| Operation::ChangeMember {
        account: AccountId(0),
        conference: login.clone(),
        member: format!("user {n}").as_str().into(),
        change: MemberChange::Invite,
    };
    let mut joining: Vec<_> = vec![change(0, ContactChange::ListOrFound)];
    joining.extend((1..members).flat_map(|n| [invite(n), change(n, ContactChange::List)]));
    joining.push(Operation::SetProfile {
        account: AccountId(0),
        of: Some(login.clone()),
        changes: [("public".to_owned(), true.into())].into_iter().collect(),
        max_bytes: 100,
    });
    store.execute_all(&joining).unwrap();
    let post = |n: u64| Operation::Append {
        from: AccountId(n % members),
        sender: "".into(),
        to: login.clone(),
        body: "x".repeat(BODY).into(),
        key: Some(Arc::from(format!("0123456789abcdef0123456789abcdef {n}"))),
        contacts_only: false,
        now: n as i64,
    };
    let mut time = |what: &str, operation: &dyn Fn(u64) -> Operation| {
        let mut times: Vec<_> = (0..100)
            .map(|n| {
                let operation = operation(n);
                let begin = Instant::now();
                store.execute(operation).unwrap();
                begin.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let what = format!("{what} of {members} members");
        println!("{what:<50} {:>9.2} ms, 99 %: {:.2} ms", times[50], times[99]);
        (1000..2000).step_by(100).for_each(|n| {
            // Then it is full, and gives up one message for each new one.
            let messages: Vec<_> = (n..n + 100).map(post).collect();
            store.execute_all(&messages).unwrap();
        });
    };
    time("message to a conference", &post);
    time("message to a full conference", &|n| post(n + 5000));
    time("leaving and joining a conference", &|n| {
        change(1, if n % 2 == 0 { ContactChange::Remove } else { ContactChange::List })
    });
}

/// Fills a store, and says so; then goes on until it is killed.
fn fill(place: &Path, count: u64) {
    let mut store = open(place);
    for begin in (0..).step_by(500) {
        if (count..count + 500).contains(&begin) {
            println!("filled");
        }
        let batch: Vec<_> = (begin..begin + 500).map(append).collect();
        store.execute_all(&batch).unwrap();
    }
}

fn large(count: u64) {
    let place = tempfile::tempdir().unwrap();
    let begin = Instant::now();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg(count.to_string())
        .env(FILL, place.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let rate = count as f64 / begin.elapsed().as_secs_f64();
    println!("{:<50} {rate:>9.0} /s", format!("{count} messages, in batches of 500"));
    std::thread::sleep(Duration::from_millis(fastrand::u64(50..300)));
    child.kill().unwrap();
    child.wait().unwrap();
    let bytes = |name: &str| std::fs::metadata(place.path().join(name)).unwrap().len();
    let wal = bytes("store-wal") as f64 / f64::from(1 << 20);
    let begin = Instant::now();
    let limits = StoreLimits::default();
    let mut store = SqliteStore::open(place.path().join("store"), limits, 0).unwrap();
    let reopened = begin.elapsed().as_secs_f64() * 1e3;
    println!("{:<50} {reopened:>9.2} ms, with a log of {wal:.0} MiB", "opened after kill -9");
    store.checkpoint().unwrap();
    let each = bytes("store") as f64 / count as f64;
    println!("{:<50} {each:>9.0} bytes, of {BODY} in two logs, with a key", "size of a message");
    let mut time = |what: &str, operation: &dyn Fn() -> Operation| {
        let mut times: Vec<_> = (0..2000)
            .map(|_| {
                let operation = operation();
                let begin = Instant::now();
                store.execute(operation).unwrap();
                begin.elapsed().as_secs_f64() * 1e6
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!("{what:<50} {:>9.0} µs, 99 %: {:.0} µs", times[1000], times[1980]);
    };
    let account = || AccountId(fastrand::u64(..USERS));
    time("last 50 entries of a log", &|| Operation::ReadLog {
        account: account(),
        after: (count / USERS).saturating_sub(50),
        max_entries: 50,
        max_bytes: 1 << 20,
    });
    time("last 50 messages of a dialog", &|| Operation::ReadDialog {
        account: AccountId(0),
        with: format!("user {}", fastrand::u64(1..=PEERS)).as_str().into(),
        page: Page::default(),
        max_messages: 50,
        max_bytes: 1 << 20,
    });
    time("contacts with last messages", &|| Operation::ListContacts {
        account: account(),
        all: false,
        with_states: false,
        max_contacts: 50,
        max_bytes: 1 << 20,
    });
}
