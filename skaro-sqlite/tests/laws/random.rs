//! Random sequences of operations, reopenings and batches: SQLite has the outcomes of the store in memory.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use skaro_proto::auth::Verifier;
use skaro_proto::message::Page;
use skaro_proto::server::store::{AccountId, ContactChange, LogId, Login, Operation, StoreLimits};

use crate::operations::{CONFERENCES, LOGINS, operation, time};
use crate::stand::{Kind, Opened, fields, limits, told};

pub(crate) const LAWS: [(&str, fn()); 1] =
    [("random operations have the same outcomes in memory and in SQLite", outcomes_are_the_same)];

#[derive(Clone, Debug)]
enum Step {
    /// Operations in one transaction.
    Batch(Vec<Operation>),
    /// A crash, and the time after it.
    Reopen(i64),
}

/// Most begin with users, and a conference of two, so that something happens.
fn beginning() -> Vec<Operation> {
    let add = |login: &&str| Operation::AddAccount {
        login: (**login).into(),
        verifier: Verifier::new(login),
        log: LogId([0; 16]),
    };
    let join = |account| Operation::ChangeContact {
        account: AccountId(account),
        with: CONFERENCES[0].into(),
        change: ContactChange::ListOrFound,
    };
    let mut all: Vec<_> = LOGINS[..3].iter().map(add).collect();
    let (account, of) = (AccountId(0), Some(Login::from(CONFERENCES[0])));
    let changes = fields(&[("public", true.into())]);
    all.extend([join(0), Operation::SetProfile { account, of, changes, max_bytes: 100 }, join(1)]);
    all
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => vec(operation(), 1..5).prop_map(Step::Batch),
        1 => time().prop_map(Step::Reopen),
    ];
    vec(step, 1..40).prop_map(|mut steps| {
        steps.insert(0, Step::Batch(beginning()));
        steps
    })
}

fn small() -> impl Strategy<Value = StoreLimits> {
    let number = || prop_oneof![0..8_usize, Just(1000)];
    let bytes = || prop_oneof![0..40_usize, Just(100_000)];
    let dialog_and_log = (number(), bytes(), number(), bytes());
    let members = prop_oneof![1 => 0..4_usize, 2 => Just(1000)];
    (dialog_and_log, number(), 0..3_usize, members).prop_map(
        |((messages, bytes, entries, log_bytes), keys, sessions, members)| {
            limits(|limits| {
                (limits.max_dialog_messages, limits.max_dialog_bytes) = (messages, bytes);
                (limits.max_log_entries, limits.max_log_bytes) = (entries, log_bytes);
                (limits.max_keys, limits.max_sessions_per_user) = (keys, sessions);
                limits.max_members = members;
            })
        },
    )
}

/// Everything that can be read.
fn readings() -> Vec<Operation> {
    let anybody: Vec<_> = LOGINS.iter().chain(&CONFERENCES).map(|login| Login::from(*login)).collect();
    let mut all: Vec<_> =
        anybody.iter().map(|login| Operation::FindAccount { login: login.clone() }).collect();
    all.push(Operation::ListAccounts { after: None, max_accounts: 100 });
    all.push(Operation::ListSessions { login: None, after: None, max_sessions: 100 });
    for account in (0..12).map(AccountId) {
        all.push(Operation::ReadLog { account, after: 0, max_entries: 1000, max_bytes: usize::MAX });
        all.push(Operation::SearchUsers { account, prefix: "".into(), max_users: 100 });
        all.push(Operation::ListKnown { account, max_users: 100 });
        for (is_all, with_states) in [(false, false), (false, true), (true, false), (true, true)] {
            let (max_contacts, max_bytes) = (100, usize::MAX);
            all.push(Operation::ListContacts { account, all: is_all, with_states, max_contacts, max_bytes });
        }
        for login in &anybody {
            all.push(Operation::FindUser { account, login: login.clone() });
            let (page, max_messages, max_bytes) = (Page::default(), 1000, usize::MAX);
            all.push(Operation::ReadDialog { account, with: login.clone(), page, max_messages, max_bytes });
        }
    }
    all
}

fn outcomes_are_the_same() {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(128);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let run = |(limits, steps): (StoreLimits, Vec<Step>)| {
        let mut model = Opened::new(Kind::Memory, limits.clone());
        let mut store = Opened::new(Kind::Sqlite, limits);
        for step in steps.into_iter().chain([Step::Batch(readings())]) {
            match step {
                Step::Reopen(now) => [&mut model, &mut store].into_iter().for_each(|it| it.reopen(now)),
                Step::Batch(operations) => {
                    let (expected, outcomes) =
                        (model.execute_all(&operations), store.execute_all(&operations));
                    for ((operation, outcome), expected) in operations.iter().zip(outcomes).zip(expected) {
                        prop_assert_eq!(told(outcome), told(expected), "{:?}", operation);
                    }
                }
            }
        }
        store.audit();
        Ok(())
    };
    if let Err(error) = TestRunner::new(config).run(&(small(), steps()), run) {
        panic!("{error}");
    }
}
