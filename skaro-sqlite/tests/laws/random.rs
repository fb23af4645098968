//! Random sequences of operations, reopenings and batches: SQLite has the outcomes of the store in memory.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use skaro_proto::auth::Verifier;
use skaro_proto::message::Page;
use skaro_proto::server::store::{AccountId, LogId, Login, Operation, SessionKey, StoreLimits};

use crate::stand::{Kind, Opened, limits, told};

pub(crate) const LAWS: [(&str, fn()); 1] =
    [("random operations have the same outcomes in memory and in SQLite", outcomes_are_the_same)];

const LOGINS: [&str; 4] = ["alice", "b\0b", "carol", "ddddddddddddddddddddddddddddddddddddddddddddddddd"];
const DAY: i64 = 24 * 60 * 60 * 1000;

#[derive(Clone, Debug)]
enum Step {
    /// Operations in one transaction.
    Batch(Vec<Operation>),
    /// A crash, and the time after it.
    Reopen(i64),
}

fn login() -> impl Strategy<Value = Login> {
    proptest::sample::select(&LOGINS[..]).prop_map(Login::from)
}

fn account() -> impl Strategy<Value = AccountId> {
    (0..6_u64).prop_map(AccountId)
}

fn session() -> impl Strategy<Value = SessionKey> {
    (0..5_u8).prop_map(|n| SessionKey([n; 16]))
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 0..400_i64, 1 => 0..3 * DAY, 1 => Just(i64::MIN), 1 => -5..5_i64]
}

fn body() -> impl Strategy<Value = Arc<str>> {
    prop_oneof!["[a-c]{0,3}", "\0x", "x{12}"].prop_map(Arc::from)
}

fn message_key() -> impl Strategy<Value = Arc<str>> {
    "[k-n]{1}".prop_map(Arc::from)
}

fn page() -> impl Strategy<Value = Page> {
    let position = || proptest::option::weighted(0.3, prop_oneof![0..30_u64, Just(u64::MAX)]);
    let date = || proptest::option::weighted(0.2, time());
    (position(), position(), date(), date()).prop_map(|(before, after, before_date, after_date)| Page {
        before,
        after,
        before_date,
        after_date,
        limit: None,
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    let size = || prop_oneof![0..8_usize, Just(usize::MAX)];
    let bytes = || prop_oneof![0..30_usize, Just(usize::MAX)];
    prop_oneof![
        1 => login().prop_map(|login| Operation::FindAccount { login }),
        2 => (login(), any::<u8>()).prop_map(|(login, n)| {
            let verifier = Verifier::new(&n.to_string());
            Operation::AddAccount { login, verifier, log: LogId([n; 16]) }
        }),
        1 => (login(), any::<u8>()).prop_map(|(login, n)| {
            Operation::SetVerifier { login, verifier: Verifier::new(&n.to_string()) }
        }),
        1 => login().prop_map(|login| Operation::RemoveAccount { login }),
        1 => (login(), any::<bool>())
            .prop_map(|(login, is_disabled)| Operation::SetDisabled { login, is_disabled }),
        1 => login().prop_map(|login| Operation::EndSessions { login }),
        1 => session().prop_map(|session| Operation::EndSession { session }),
        1 => (proptest::option::of(login()), size())
            .prop_map(|(after, max_accounts)| Operation::ListAccounts { after, max_accounts }),
        1 => (proptest::option::of(login()), proptest::option::of(session()), size()).prop_map(
            |(login, after, max_sessions)| Operation::ListSessions { login, after, max_sessions }
        ),
        1 => (login(), login()).prop_map(|(one, other)| Operation::Introduce { one, other }),
        2 => (account(), session()).prop_map(|(account, session)| Operation::BeginSession { account, login: "".into(), session }),
        2 => (session(), time()).prop_map(|(session, now)| Operation::TakeSession { session, now }),
        2 => (session(), 0..4_u64, time())
            .prop_map(|(session, epoch, now)| Operation::LeaveSession { session, epoch, now }),
        1 => time().prop_map(|now| Operation::Expire { now }),
        16 => (account(), login(), body(), proptest::option::of(message_key()), time())
            .prop_map(|(from, to, body, key, now)| Operation::Append { from, sender: "".into(), to, body, key, now }),
        1 => (account(), login(), body(), message_key())
            .prop_map(|(from, to, body, key)| Operation::FindKey { from, to, body, key }),
        2 => (account(), 0..20_u64, size(), bytes()).prop_map(|(account, after, max_entries, max_bytes)| {
            Operation::ReadLog { account, after, max_entries, max_bytes }
        }),
        2 => (account(), login(), page(), size(), bytes())
            .prop_map(|(account, with, page, max_messages, max_bytes)| Operation::ReadDialog {
                account,
                with,
                page,
                max_messages,
                max_bytes
            }),
        1 => (account(), any::<bool>(), size(), bytes()).prop_map(|(account, all, max_contacts, max_bytes)| {
            Operation::ListContacts { account, all, max_contacts, max_bytes }
        }),
        4 => (account(), login(), 0..20_u64)
            .prop_map(|(account, with, up_to)| Operation::MoveMark { account, with, up_to }),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => vec(operation(), 1..5).prop_map(Step::Batch),
        1 => time().prop_map(Step::Reopen),
    ];
    // Most begin with users, so that something happens.
    vec(step, 1..40).prop_map(|mut steps| {
        let add = |login: &&str| Operation::AddAccount {
            login: (**login).into(),
            verifier: Verifier::new(login),
            log: LogId([0; 16]),
        };
        steps.insert(0, Step::Batch(LOGINS[..3].iter().map(add).collect()));
        steps
    })
}

fn small() -> impl Strategy<Value = StoreLimits> {
    let number = || prop_oneof![0..8_usize, Just(1000)];
    let bytes = || prop_oneof![0..40_usize, Just(100_000)];
    let dialog_and_log = (number(), bytes(), number(), bytes());
    (dialog_and_log, number(), 0..3_usize).prop_map(
        |((messages, bytes, entries, log_bytes), keys, sessions)| {
            limits(|limits| {
                (limits.max_dialog_messages, limits.max_dialog_bytes) = (messages, bytes);
                (limits.max_log_entries, limits.max_log_bytes) = (entries, log_bytes);
                (limits.max_keys, limits.max_sessions_per_user) = (keys, sessions);
            })
        },
    )
}

/// Everything that can be read.
fn readings() -> Vec<Operation> {
    let mut all: Vec<_> = LOGINS.map(|login| Operation::FindAccount { login: login.into() }).into();
    all.push(Operation::ListAccounts { after: None, max_accounts: 100 });
    all.push(Operation::ListSessions { login: None, after: None, max_sessions: 100 });
    for account in (0..8).map(AccountId) {
        all.push(Operation::ReadLog { account, after: 0, max_entries: 1000, max_bytes: usize::MAX });
        for is_all in [false, true] {
            let (max_contacts, max_bytes) = (100, usize::MAX);
            all.push(Operation::ListContacts { account, all: is_all, max_contacts, max_bytes });
        }
        for login in LOGINS {
            let (with, page, max_messages, max_bytes) = (login.into(), Page::default(), 1000, usize::MAX);
            all.push(Operation::ReadDialog { account, with, page, max_messages, max_bytes });
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
                        prop_assert_eq!(told(&outcome), told(&expected), "{:?}", operation);
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
