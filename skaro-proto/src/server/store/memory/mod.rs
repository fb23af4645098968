//! The store in memory: the default, and the model with which others are compared.

mod dialogs;
mod entries;
mod keys;
mod ledger;
mod log;
mod logs;
mod operators;
mod sessions;
mod users;

use alloc::sync::Arc;
use core::fmt;

use super::{Account, AccountId, Appended, Login, Operation, Outcome, Store, StoreError, StoreLimits};
use logs::{Draft, Logs};
use sessions::Sessions;
use users::{UserId, Users};

/// Bytes that a session takes, in three trees.
const SESSION: usize = 256;

/// A store in memory, which is lost with it.
#[derive(Clone)]
pub struct MemoryStore {
    limits: StoreLimits,
    max_bytes: Option<usize>,
    users: Users,
    logs: Logs,
    sessions: Sessions,
}

/// Shows numbers, without what anybody said.
impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("MemoryStore");
        shown.field("users", &self.users()).field("sessions", &self.sessions());
        shown.field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

impl MemoryStore {
    /// Creates an empty store.
    #[must_use]
    pub fn new(limits: StoreLimits) -> Self {
        MemoryStore {
            limits,
            max_bytes: None,
            users: Users::default(),
            logs: Logs::default(),
            sessions: Sessions::default(),
        }
    }

    /// Limits the bytes of memory that the store takes; `None` for any number. Beyond it the oldest entries of all logs are
    /// given up; if there are none, what needs room is [refused](StoreError::Full).
    #[must_use]
    pub const fn with_max_bytes(mut self, max_bytes: Option<usize>) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Returns an estimate of the bytes of memory that the store takes, exact to some 20 %.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.logs.bytes() + self.users.bytes() + self.sessions.len() * SESSION
    }

    /// Returns the number of users.
    #[must_use]
    pub fn users(&self) -> usize {
        self.users.len()
    }

    /// Returns the number of sessions, in use or broken.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Returns the last moment at which the next broken session can be taken, as a Unix time in milliseconds.
    #[must_use]
    pub fn next_session_end(&self) -> Option<i64> {
        self.sessions.next_end()
    }

    /// Breaks all sessions that are in use, at this Unix time in milliseconds: a server that stopped without a word has
    /// left them so. Whoever starts another one on the same store does this first.
    pub fn break_sessions(&mut self, now: i64) {
        let until = self.session_end(now);
        self.sessions.leave_all(until);
    }

    /// Makes room for so many bytes; returns whether there is room.
    fn make_room(&mut self, bytes: usize) -> bool {
        let Some(limit) = self.max_bytes else { return true };
        while self.bytes() + bytes > limit {
            // If all that can be given up would not help, nothing is.
            if self.bytes() - self.logs.bytes() + bytes > limit || !self.logs.forget_oldest() {
                return false;
            }
        }
        true
    }

    fn account(&self, id: UserId) -> Option<Account> {
        let access = self.users.access(id)?;
        let account = Account::new(id.account(), self.users.login(id), access.verifier.clone(), access.log);
        let entries = self.logs.get(id).map(|log| (log.entries.begin(), log.entries.head()));
        let (begin, head) = entries.unwrap_or_default();
        Some(Account { begin, head, is_disabled: access.is_disabled, ..account })
    }

    fn session_end(&self, now: i64) -> i64 {
        let lifetime = i64::try_from(self.limits.session_lifetime.as_millis()).unwrap_or(i64::MAX);
        now.saturating_add(lifetime)
    }

    fn append(
        &mut self,
        from: AccountId,
        to: &Login,
        body: &Arc<str>,
        key: Option<&Arc<str>>,
        now: i64,
    ) -> Result<Outcome, StoreError> {
        if let Some(key) = key
            && let Some(outcome) = self.find_key(from, to, body, key)
        {
            return Ok(outcome);
        }
        let from = UserId::of(from);
        let (Some(_), Some(to)) = (self.users.access(from), self.users.find(to)) else {
            return Ok(Outcome::NoSuchUser);
        };
        if !self.make_room(Logs::cost(body.len(), key.map_or(0, |key| key.len()))) {
            return Err(StoreError::Full);
        }
        let kept = self.logs.add(&Draft { from, to, body, key }, now, &self.limits);
        if kept.is_first {
            self.users.introduce(from, to);
        }
        Ok(Outcome::Appended(Appended::new(kept.position, kept.date, to.account(), kept.their_position)))
    }

    /// Returns what came of the message with this key, if there was one.
    fn find_key(&self, from: AccountId, to: &Login, body: &str, key: &str) -> Option<Outcome> {
        let known = self.logs.get(UserId::of(from))?.keys.get(key)?;
        if self.users.find(to) != Some(known.to) || keys::hash(body) != known.body {
            return Some(Outcome::KeyTaken);
        }
        let appended = Appended::new(known.position, known.date, known.to.account(), 0);
        Some(Outcome::Appended(Appended { is_repetition: true, ..appended }))
    }

    fn move_mark(&mut self, account: AccountId, with: &Login, up_to: u64) -> Result<Outcome, StoreError> {
        let user = UserId::of(account);
        let (Some(_), Some(with)) = (self.users.access(user), self.users.find(with)) else {
            return Ok(Outcome::NoSuchUser);
        };
        if up_to > self.logs.get(user).map_or(0, |log| log.entries.head()) {
            return Ok(Outcome::BeyondHead);
        }
        if !self.make_room(Logs::MARK) {
            return Err(StoreError::Full);
        }
        Ok(Outcome::Marked(self.logs.read(user, with, up_to, &self.limits)))
    }

    fn begin_session(
        &mut self,
        account: AccountId,
        session: super::SessionKey,
    ) -> Result<Outcome, StoreError> {
        let user = UserId::of(account);
        if self.users.access(user).is_none_or(|access| access.is_disabled) {
            return Ok(Outcome::NoSuchUser);
        }
        if !self.make_room(SESSION) {
            return Err(StoreError::Full);
        }
        let epoch = self.sessions.begin(session, user, self.limits.max_sessions_per_user);
        Ok(Outcome::Session { epoch })
    }

    fn done_if(is_done: bool) -> Outcome {
        if is_done { Outcome::Done } else { Outcome::NoSuchUser }
    }
}

impl Store for MemoryStore {
    fn execute(&mut self, operation: Operation) -> Result<Outcome, StoreError> {
        Ok(match operation {
            Operation::Append { from, to, body, key, now, .. } => {
                return self.append(from, &to, &body, key.as_ref(), now);
            }
            Operation::MoveMark { account, with, up_to } => return self.move_mark(account, &with, up_to),
            Operation::BeginSession { account, session, .. } => return self.begin_session(account, session),
            Operation::FindAccount { login } => {
                Outcome::Account(self.users.find(&login).and_then(|id| self.account(id)))
            }
            Operation::AddAccount { login, verifier, log } => {
                if self.users.find(&login).is_none() && !self.make_room(Users::cost(login.len())) {
                    return Err(StoreError::Full);
                }
                self.users
                    .add(login, verifier, log)
                    .map_or(Outcome::Exists, |id| Outcome::Added(id.account()))
            }
            Operation::SetVerifier { login, verifier } => {
                self.change_access(&login, |access| access.verifier = verifier, true)
            }
            Operation::SetDisabled { login, is_disabled } => {
                self.change_access(&login, |access| access.is_disabled = is_disabled, is_disabled)
            }
            Operation::EndSessions { login } => self.change_access(&login, |_| (), true),
            Operation::EndSession { session } => {
                self.sessions.end(session);
                Outcome::Done
            }
            Operation::ListAccounts { after, max_accounts } => {
                self.list_accounts(after.as_ref(), max_accounts)
            }
            Operation::ListSessions { login, after, max_sessions } => {
                self.list_sessions(login.as_ref(), after, max_sessions)
            }
            Operation::RemoveAccount { login } => {
                let removed = self.users.remove(&login);
                removed.into_iter().for_each(|id| {
                    self.sessions.remove(id);
                    self.logs.remove(id);
                });
                Self::done_if(removed.is_some())
            }
            Operation::Introduce { one, other } => {
                let both = self.users.find(&one).zip(self.users.find(&other));
                both.into_iter().for_each(|(one, other)| self.users.introduce(one, other));
                Self::done_if(both.is_some())
            }
            Operation::TakeSession { session, now } => {
                let taken = self.sessions.take(session, now);
                Outcome::Restored(taken.and_then(|(user, epoch)| Some((self.account(user)?, epoch))))
            }
            Operation::LeaveSession { session, epoch, now } => {
                let until = self.session_end(now);
                self.sessions.leave(session, epoch, until);
                Outcome::Done
            }
            Operation::Expire { now } => {
                // Keys expire when their sender adds another one.
                self.sessions.expire(now);
                Outcome::Done
            }
            Operation::FindKey { from, to, body, key } => {
                self.find_key(from, &to, &body, &key).unwrap_or(Outcome::NoSuchKey)
            }
            Operation::ReadLog { account, after, max_entries, max_bytes } => {
                self.read_log(account, after, max_entries, max_bytes)
            }
            Operation::ReadDialog { account, with, page, max_messages, max_bytes } => {
                self.read_dialog(account, &with, page, max_messages, max_bytes)
            }
            Operation::ListContacts { account, all, max_contacts, max_bytes } => {
                self.list_contacts(account, all, max_contacts, max_bytes)
            }
            Operation::Request { .. } => Outcome::NoSuchRequest,
        })
    }
}

#[cfg(test)]
mod tests;
