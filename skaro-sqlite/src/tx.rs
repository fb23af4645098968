//! One operation inside a transaction.

use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, Params};
use skaro_proto::server::store::{AccountId, ContactState, Login, Operation, Outcome, StoreLimits};

use crate::error::{Result, corrupt};

/// A transaction in which operations are carried out.
pub(crate) struct Tx<'c> {
    pub(crate) db: &'c Connection,
    pub(crate) limits: &'c StoreLimits,
}

/// A message that is to be appended.
pub(crate) struct Draft<'a> {
    pub(crate) from: AccountId,
    pub(crate) to: &'a Login,
    pub(crate) body: &'a str,
    pub(crate) key: Option<&'a str>,
    pub(crate) contacts_only: bool,
    pub(crate) now: i64,
}

/// Returns a number as SQLite has it. No count gets too large for it, but a number from a client may be.
pub(crate) fn sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Returns a number that was written by [`sql`].
pub(crate) fn number(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

pub(crate) fn id(value: i64) -> AccountId {
    AccountId(number(value))
}

/// Returns a size as SQLite has it.
pub(crate) fn size(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// Returns the text in a blob.
pub(crate) fn text(blob: &[u8]) -> Result<&str> {
    core::str::from_utf8(blob).map_err(|_| corrupt("a text is not UTF-8"))
}

pub(crate) fn login(blob: &[u8]) -> Result<Login> {
    text(blob).map(Login::from)
}

/// Returns the state with a number.
pub(crate) fn state(code: i64) -> Result<ContactState> {
    let state = u8::try_from(code).ok().and_then(ContactState::from_code);
    state.ok_or_else(|| corrupt("a state is unknown"))
}

pub(crate) fn shared(blob: &[u8]) -> Result<Arc<str>> {
    text(blob).map(Arc::from)
}

/// Returns whether an operation only reads, and it is enough for it to see what was reported. Keys are looked up after
/// the messages that are still on their way.
pub(crate) const fn is_reading(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::FindAccount { .. }
            | Operation::ReadLog { .. }
            | Operation::ReadDialog { .. }
            | Operation::ListContacts { .. }
            | Operation::ListAccounts { .. }
            | Operation::ListSessions { .. }
            | Operation::FindUser { .. }
            | Operation::SearchUsers { .. }
            | Operation::ListKnown { .. }
    )
}

impl Tx<'_> {
    pub(crate) fn prepare(&self, statement: &'static str) -> Result<CachedStatement<'_>> {
        Ok(self.db.prepare_cached(statement)?)
    }

    /// Runs a statement, and returns how many rows it changed.
    pub(crate) fn run(&self, statement: &'static str, params: impl Params) -> Result<usize> {
        Ok(self.prepare(statement)?.execute(params)?)
    }

    pub(crate) fn execute(&self, operation: &Operation) -> Result<Outcome> {
        match operation {
            Operation::FindAccount { login } => self.find_account(login),
            Operation::AddAccount { login, verifier, log } => self.add_account(login, verifier, *log),
            Operation::Register { login, verifier, log, profile, invitation, now } => {
                self.register(login, (verifier, *log), profile, *invitation, *now)
            }
            Operation::Invite { by, invitation, until, now, max_invitations } => {
                self.invite(*by, *invitation, (*until, *now), *max_invitations)
            }
            Operation::SetVerifier { login, verifier, old, keeps } => {
                self.set_verifier(login, verifier, old.as_ref(), *keeps)
            }
            Operation::RemoveAccount { login } => self.remove_account(login),
            Operation::SetDisabled { login, is_disabled } => self.set_disabled(login, *is_disabled),
            Operation::EndSessions { login, keeps } => self.end_sessions(login, *keeps),
            Operation::EndSession { session, of } => self.end_session(*session, of.as_ref()),
            Operation::ListAccounts { after, max_accounts } => {
                self.list_accounts(after.as_ref(), *max_accounts)
            }
            Operation::ListSessions { login, after, max_sessions } => {
                self.list_sessions(login.as_ref(), *after, *max_sessions)
            }
            Operation::Introduce { one, other } => self.introduce(one, other),
            Operation::BeginSession { account, session, .. } => self.begin_session(*account, *session),
            Operation::TakeSession { session, now } => self.take_session(*session, *now),
            Operation::LeaveSession { session, epoch, now } => self.leave_session(*session, *epoch, *now),
            Operation::Expire { now } => self.expire(*now),
            Operation::Append { from, to, body, key, contacts_only, now, .. } => {
                let (key, contacts_only) = (key.as_deref(), *contacts_only);
                self.append(&Draft { from: *from, to, body, key, contacts_only, now: *now })
            }
            Operation::FindKey { from, to, body, key } => {
                Ok(self.find_key(*from, to, body, key)?.unwrap_or(Outcome::NoSuchKey))
            }
            Operation::ReadLog { account, after, max_entries, max_bytes } => {
                self.read_log(*account, *after, *max_entries, *max_bytes)
            }
            Operation::ReadDialog { account, with, page, max_messages, max_bytes } => {
                self.read_dialog(*account, with, page, *max_messages, *max_bytes)
            }
            Operation::ListContacts { account, all, with_states, max_contacts, max_bytes } => {
                self.list_contacts(*account, (*all, *with_states), *max_contacts, *max_bytes)
            }
            Operation::MoveMark { account, with, up_to } => self.move_mark(*account, with, *up_to),
            Operation::ChangeContact { account, with, change } => {
                self.change_contact(*account, with, *change)
            }
            Operation::ChangeMember { account, conference, member, change } => {
                self.change_member(*account, conference, member, *change)
            }
            Operation::SetProfile { account, of, changes, max_bytes } => {
                self.set_profile(*account, of.as_ref(), changes, *max_bytes)
            }
            Operation::FindUser { account, login } => self.find_user(*account, login),
            Operation::SearchUsers { account, prefix, max_users } => {
                self.search_users(*account, prefix, *max_users)
            }
            Operation::ListKnown { account, max_users } => {
                self.known(*account, *max_users).map(Outcome::Known)
            }
            Operation::Request { .. } => Ok(Outcome::NoSuchRequest),
            // An operation that this version does not know.
            _ => Err(crate::error::Failure::Refused(skaro_proto::server::store::StoreError::Unavailable)),
        }
    }
}
