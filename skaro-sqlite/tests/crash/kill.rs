//! kill -9.

use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

use skaro_proto::server::store::{AccountId, Content, Operation, Outcome, Store};
use tempfile::TempDir;

use crate::audit::audit;
use crate::child::{self, SENDERS};

/// Runs rounds, ten or as many as a variable says, and checks the store after each.
pub(crate) fn nothing_acknowledged_is_lost_or_doubled() -> Result<(), &'static str> {
    let rounds = std::env::var("ROUNDS").map_or(10, |rounds| rounds.parse::<u64>().unwrap());
    let place = TempDir::new().unwrap();
    let mut next = [0; SENDERS];
    let mut slowest = Duration::ZERO;
    for round in 0..rounds {
        acknowledge(place.path(), &mut next);
        let begin = Instant::now();
        let store = child::open(place.path());
        slowest = slowest.max(begin.elapsed());
        check(store, &next);
        if round % 10 == 9 {
            audit(&place.path().join("store"));
        }
    }
    audit(&place.path().join("store"));
    let total: u64 = next.iter().sum();
    println!("{rounds} rounds, {total} acknowledged, reopened within {slowest:?}");
    // Some are killed before the first one; most have hundreds.
    assert!(total >= 10 * rounds, "only {total} messages in {rounds} rounds");
    Ok(())
}

/// Runs the other process for a moment, kills it, and raises the numbers to what it acknowledged.
fn acknowledge(place: &std::path::Path, next: &mut [u64; SENDERS]) {
    let (name, value) = child::begin(next);
    let mut child = child::command("append", place).env(name, value).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let reading = std::thread::spawn(move || {
        let mut told = String::new();
        out.read_to_string(&mut told).map(|_| told)
    });
    std::thread::sleep(Duration::from_millis(fastrand::u64(20..400)));
    child.kill().unwrap();
    child.wait().unwrap();
    let told = reading.join().unwrap().unwrap();
    for line in told.lines().filter(|line| line.ends_with('.')) {
        let mut numbers = line.split(' ').map_while(|word| word.parse::<u64>().ok());
        let (sender, n) = (numbers.next().unwrap() as usize, numbers.next().unwrap());
        let position = numbers.next().unwrap();
        // Those of one sender are acknowledged in order; each is alone in its log, so that its position is known.
        assert_eq!((n, position), (next[sender], n + 1));
        next[sender] += 1;
    }
}

/// Checks that the logs have what was acknowledged, each once, in order, and nothing that was not sent.
fn check(mut store: impl Store, acknowledged: &[u64; SENDERS]) {
    let mut found = [0; SENDERS];
    let mut after = 0;
    loop {
        let (account, max_entries) = (AccountId(0), 10_000);
        let reading = Operation::ReadLog { account, after, max_entries, max_bytes: usize::MAX };
        let Ok(Outcome::Entries(entries)) = store.execute(reading) else { panic!() };
        if entries.is_empty() {
            break;
        }
        for entry in entries {
            after += 1;
            assert_eq!(entry.position, after);
            let Content::Message(message) = &entry.content else { panic!("{entry:?}") };
            let mut numbers = message.body.split(' ').map_while(|word| word.parse::<u64>().ok());
            let (sender, n) = (numbers.next().unwrap() as usize, numbers.next().unwrap());
            assert_eq!(n, found[sender], "of {sender}");
            found[sender] += 1;
        }
    }
    for (sender, (found, acknowledged)) in found.into_iter().zip(acknowledged).enumerate() {
        assert!(found >= *acknowledged, "{sender}: {acknowledged} acknowledged, {found} found");
        let login = format!("user {}", sender + 1);
        let Ok(Outcome::Account(Some(account))) =
            store.execute(Operation::FindAccount { login: login.as_str().into() })
        else {
            panic!()
        };
        assert_eq!(account.head, found);
    }
}
