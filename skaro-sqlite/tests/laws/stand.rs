//! Stores as the laws see them.

use std::sync::Arc;

use skaro_proto::auth::Verifier;
use skaro_proto::message::Page;
use skaro_proto::server::store::{
    AccountId, Appended, Contact, ContactChange, Content, DialogMessage, Entry, LogId, Login, Member,
    MemberChange, MemoryStore, Operation, Outcome, SessionKey, Store, StoreLimits,
};
use skaro_proto::{Fields, Value};
use skaro_sqlite::SqliteStore;
use tempfile::TempDir;

use crate::audit;

/// The stores that there are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Memory,
    Sqlite,
}

/// Opens an empty store.
pub(crate) type Open<'a> = dyn Fn(StoreLimits) -> Stand + 'a;

/// A store that can be reopened as after a crash.
pub(crate) enum Opened {
    Memory(Box<MemoryStore>),
    Sqlite { store: Option<Box<SqliteStore>>, limits: StoreLimits, place: TempDir },
}

impl Opened {
    pub(crate) fn new(kind: Kind, limits: StoreLimits) -> Self {
        match kind {
            Kind::Memory => Opened::Memory(Box::new(MemoryStore::new(limits))),
            Kind::Sqlite => {
                // In memory, where there is such a place: what is durable is not asked here.
                let place = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap();
                let mut opened = Opened::Sqlite { store: None, limits, place };
                opened.reopen(0);
                opened
            }
        }
    }

    pub(crate) fn reopen(&mut self, now: i64) {
        match self {
            Opened::Memory(store) => store.break_sessions(now),
            Opened::Sqlite { store, limits, place } => {
                *store = None;
                let path = place.path().join("store");
                *store = Some(Box::new(SqliteStore::open(path, limits.clone(), now).unwrap()));
            }
        }
    }

    /// Checks that the tables agree with each other.
    pub(crate) fn audit(&self) {
        if let Opened::Sqlite { place, .. } = self {
            audit::audit(&place.path().join("store"));
        }
    }

    pub(crate) fn execute_all(&mut self, operations: &[Operation]) -> Vec<Outcome> {
        match self {
            Opened::Memory(store) => {
                operations.iter().map(|operation| store.execute(operation.clone()).unwrap()).collect()
            }
            Opened::Sqlite { store, .. } => {
                let outcomes = store.as_mut().unwrap().execute_all(operations).unwrap();
                outcomes.into_iter().map(Result::unwrap).collect()
            }
        }
    }
}

/// A store, and a clock.
pub(crate) struct Stand {
    opened: Opened,
    /// Set to reopen the store before each operation: sessions in use are broken then.
    pub(crate) is_reopened: bool,
    pub(crate) now: i64,
}

pub(crate) fn open(kind: Kind, is_reopened: bool, limits: StoreLimits) -> Stand {
    Stand { opened: Opened::new(kind, limits), is_reopened, now: 1000 }
}

pub(crate) fn limits(change: impl FnOnce(&mut StoreLimits)) -> StoreLimits {
    let mut limits = StoreLimits::default();
    change(&mut limits);
    limits
}

impl Stand {
    pub(crate) fn execute(&mut self, operation: Operation) -> Outcome {
        if self.is_reopened {
            self.opened.reopen(self.now);
        }
        self.opened.execute_all(&[operation]).remove(0)
    }

    pub(crate) fn add(&mut self, login: &str) -> AccountId {
        let (verifier, log) = (Verifier::new(login), LogId([7; 16]));
        match self.execute(Operation::AddAccount { login: login.into(), verifier, log }) {
            Outcome::Added(id) => id,
            other => panic!("{other:?}"),
        }
    }

    /// Adds alice, bob and carol.
    pub(crate) fn add_three(&mut self) -> [AccountId; 3] {
        ["alice", "bob", "carol"].map(|login| self.add(login))
    }

    pub(crate) fn append(&mut self, from: AccountId, to: &str, body: &str, key: Option<&str>) -> Outcome {
        let (to, body, key, now) = (to.into(), body.into(), key.map(Arc::from), self.now);
        self.execute(Operation::Append { from, sender: "".into(), to, body, key, contacts_only: false, now })
    }

    /// Sends a message that has to be taken.
    pub(crate) fn send(&mut self, from: AccountId, to: &str, body: &str) -> Appended {
        match self.append(from, to, body, None) {
            Outcome::Appended(appended) => appended,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn find_key(&mut self, from: AccountId, to: &str, body: &str, key: &str) -> Outcome {
        self.execute(Operation::FindKey { from, to: to.into(), body: body.into(), key: key.into() })
    }

    /// Reads a whole log.
    pub(crate) fn log(&mut self, account: AccountId) -> Vec<Entry> {
        let reading = Operation::ReadLog { account, after: 0, max_entries: 10_000, max_bytes: usize::MAX };
        match self.execute(reading) {
            Outcome::Entries(entries) => entries,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn begin_and_head(&mut self, login: &str) -> (u64, u64) {
        match self.execute(Operation::FindAccount { login: login.into() }) {
            Outcome::Account(Some(account)) => (account.begin, account.head),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn page(
        &mut self,
        account: AccountId,
        with: &str,
        page: Page,
        (max_messages, max_bytes): (usize, usize),
    ) -> (Vec<DialogMessage>, bool) {
        let with = with.into();
        match self.execute(Operation::ReadDialog { account, with, page, max_messages, max_bytes }) {
            Outcome::Dialog { messages, more } => (messages, more),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn contacts(&mut self, account: AccountId, all: bool, max_bytes: usize) -> Vec<Contact> {
        let (max_contacts, with_states) = (100, false);
        match self.execute(Operation::ListContacts { account, all, with_states, max_contacts, max_bytes }) {
            Outcome::Contacts(contacts) => contacts,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn mark(&mut self, account: AccountId, with: &str, up_to: u64) -> Outcome {
        self.execute(Operation::MoveMark { account, with: with.into(), up_to })
    }

    /// Moves a mark, which has to be possible, and returns the position of its entry.
    pub(crate) fn marked(&mut self, account: AccountId, with: &str, up_to: u64) -> Option<u64> {
        match self.mark(account, with, up_to) {
            Outcome::Marked(mark) => mark.position,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn change(&mut self, account: AccountId, with: &str, change: ContactChange) -> Outcome {
        self.execute(Operation::ChangeContact { account, with: with.into(), change })
    }

    pub(crate) fn list(&mut self, account: AccountId, with: &str) -> Outcome {
        self.change(account, with, ContactChange::List)
    }

    pub(crate) fn found(&mut self, account: AccountId, conference: &str) -> Outcome {
        let (with, change) = (conference.into(), ContactChange::ListOrFound);
        self.execute(Operation::ChangeContact { account, with, change })
    }

    pub(crate) fn member(
        &mut self,
        account: AccountId,
        conference: &str,
        member: &str,
        change: MemberChange,
    ) -> Outcome {
        let (conference, member) = (conference.into(), member.into());
        self.execute(Operation::ChangeMember { account, conference, member, change })
    }

    /// Changes the own profile, or that of a conference.
    pub(crate) fn profile(
        &mut self,
        account: AccountId,
        of: Option<&str>,
        changes: &[(&str, Value<'static>)],
    ) -> Outcome {
        let (of, changes) = (of.map(Login::from), fields(changes));
        self.execute(Operation::SetProfile { account, of, changes, max_bytes: 100 })
    }

    /// Returns somebody as a user sees it, and the members of a conference with `*` for owners.
    pub(crate) fn see(&mut self, account: AccountId, login: &str) -> (Contact, String) {
        match self.execute(Operation::FindUser { account, login: login.into() }) {
            Outcome::User(contact, mut members) => {
                members.sort_by_key(|member| member.id);
                let shown = |it: &Member| format!("{}{}", &*it.login, if it.is_owner { "*" } else { "" });
                (*contact, members.iter().map(shown).collect::<Vec<_>>().join(" "))
            }
            other => panic!("{other:?}"),
        }
    }

    /// Returns the bodies of a whole log, as [`bodies`] does.
    pub(crate) fn words(&mut self, account: AccountId) -> Vec<String> {
        bodies(&self.log(account))
    }

    pub(crate) fn take(&mut self, session: SessionKey) -> Option<u64> {
        match self.execute(Operation::TakeSession { session, now: self.now }) {
            Outcome::Restored(restored) => restored.map(|(_, epoch)| epoch),
            other => panic!("{other:?}"),
        }
    }
}

/// Returns the bodies of a log, `-` for what is gone, `=` and a position for a read mark, and words for what concerns people.
pub(crate) fn bodies(entries: &[Entry]) -> Vec<String> {
    let body = |entry: &Entry| match &entry.content {
        Content::Message(message) => message.body.to_string(),
        Content::Read { up_to, .. } => format!("={up_to}"),
        Content::Gone => "-".into(),
        Content::Contact { with, state } => format!("{} {}", &**with, state.as_str()),
        Content::Changed { with, member: None, .. } => format!("{} changed", &**with),
        Content::Changed { with, member: Some((member, state)), .. } => {
            format!("{}: {} {}", &**with, &**member, state.as_str())
        }
        other => panic!("{other:?}"),
    };
    entries.iter().map(body).collect()
}

/// Returns the positions by which logs have grown, by account.
pub(crate) fn grown(outcome: Outcome) -> Vec<(u64, u64)> {
    match outcome {
        Outcome::Changed(mut logs) | Outcome::Posted { mut logs, .. } => {
            logs.sort();
            logs.iter().map(|log| (log.account.0, log.position)).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// Returns these fields.
pub(crate) fn fields(fields: &[(&str, Value<'static>)]) -> Fields<'static> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// Returns everything that an outcome tells, to be compared: what comes in any order is sorted.
pub(crate) fn told(mut outcome: Outcome) -> String {
    match &mut outcome {
        Outcome::Changed(logs) | Outcome::Posted { logs, .. } => logs.sort(),
        Outcome::User(_, members) => members.sort_by_key(|member| member.id),
        _ => (),
    }
    let account = match &outcome {
        Outcome::Account(account) => account.as_ref(),
        Outcome::Restored(restored) => restored.as_ref().map(|(account, _)| account),
        _ => None,
    };
    format!("{outcome:?} {:?}", account.map(|account| account.verifier.to_bytes()))
}
