//! The store in memory: the default, and the model for tests of others.

mod dialogs;
mod entries;
mod invitations;
mod keys;
mod ledger;
mod log;
mod logs;
mod operators;
mod people;
mod sessions;
mod users;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::{
    Account, AccountId, Appended, ContactState, Denial, Grown, KeptSessions, Login, Mark, Operation, Outcome,
    Store, StoreError, StoreLimits, is_conference,
};
use invitations::Invitations;
use logs::{Draft, Logs};
use sessions::Sessions;
use users::{Access, UserId, Users};

/// Bytes that a session takes, in three trees.
const SESSION: usize = 256;

/// A store in memory. What it keeps is lost when it is dropped.
#[derive(Clone)]
pub struct MemoryStore {
    limits: StoreLimits,
    max_bytes: Option<usize>,
    users: Users,
    logs: Logs,
    sessions: Sessions,
    invitations: Invitations,
}

/// Shows numbers, without any texts.
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
            invitations: Invitations::default(),
        }
    }

    /// Limits the bytes of memory that the store takes; `None` for no limit. Beyond it the oldest entries of all logs
    /// are discarded. If there are none, operations that need room are [refused](StoreError::Full).
    #[must_use]
    pub const fn with_max_bytes(mut self, max_bytes: Option<usize>) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Returns an estimate of the bytes of memory that the store takes, exact to some 20 %.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.logs.bytes() + self.users.bytes() + self.sessions.len() * SESSION + self.invitations.bytes()
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

    /// Breaks all sessions that are in use, at this Unix time in milliseconds. A server that stopped unexpectedly has
    /// left them in use: call this first when another one starts on the same store.
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
        to_login: &Login,
        body: &Arc<str>,
        key: Option<&Arc<str>>,
        (contacts_only, now): (bool, i64),
    ) -> Result<Outcome, StoreError> {
        if let Some(key) = key
            && let Some(outcome) = self.find_key(from, to_login, body, key)
        {
            return Ok(outcome);
        }
        let from = UserId::of(from);
        let (Some(_), Some(to)) = (self.users.access(from), self.users.find(to_login)) else {
            return Ok(Outcome::NoSuchUser);
        };
        let cost = Logs::cost(body.len(), key.map_or(0, |key| key.len()));
        let draft = Draft { from, to, body, key };
        if is_conference(to_login) {
            return self.post(&draft, cost, now);
        }
        match self.logs.state(to, from) {
            ContactState::Blocked => return Ok(Outcome::Denied(Denial::Blocked)),
            ContactState::None | ContactState::Asks if contacts_only && to != from => {
                return Ok(Outcome::Denied(Denial::NotListed));
            }
            _ if self.logs.state(from, to) == ContactState::Blocked => {
                return Ok(Outcome::Denied(Denial::Blocked));
            }
            _ => (),
        }
        if !self.make_room(cost) {
            return Err(StoreError::Full);
        }
        let kept = self.logs.add(&draft, now, &self.limits);
        Ok(Outcome::Appended(Appended::new(kept.position, kept.date, to.account(), kept.their_position)))
    }

    /// Appends a message to the logs of all members of a conference.
    fn post(&mut self, draft: &Draft<'_>, cost: usize, now: i64) -> Result<Outcome, StoreError> {
        let members = self.members(draft.to);
        if !members.iter().any(|(member, _)| *member == draft.from) {
            return Ok(Outcome::Denied(Denial::NoMember));
        }
        if !self.make_room(members.len() * cost) {
            return Err(StoreError::Full);
        }
        let members: Vec<_> = members.into_iter().map(|(member, _)| member).collect();
        let (kept, others) = self.logs.post(draft, &members, now, &self.limits);
        let appended = Appended::new(kept.position, kept.date, draft.to.account(), 0);
        let grown = |(user, position): (UserId, u64)| Grown { account: user.account(), position };
        Ok(Outcome::Posted { appended, logs: others.into_iter().map(grown).collect() })
    }

    /// Returns what came of the message with this key, if there was one.
    fn find_key(&self, from: AccountId, to: &Login, body: &str, key: &str) -> Option<Outcome> {
        let known = self.logs.get(UserId::of(from))?.keys.get(key)?;
        // By its login: a conference may have ended since, and an account may have been removed.
        if self.users.login(known.to) != *to || keys::hash(body) != known.body {
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
        if !self.make_room(Logs::OTHER) {
            return Err(StoreError::Full);
        }
        let position = self.logs.read(user, with, up_to, &self.limits);
        let date = position.and_then(|_| self.read_date(user, with));
        Ok(Outcome::Marked(Mark { position, told: date.map(|date| (with.account(), date)) }))
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
}

impl Store for MemoryStore {
    fn execute(&mut self, operation: Operation) -> Result<Outcome, StoreError> {
        Ok(match operation {
            Operation::Append { from, to, body, key, contacts_only, now, .. } => {
                return self.append(from, &to, &body, key.as_ref(), (contacts_only, now));
            }
            Operation::ChangeContact { account, with, change } => {
                return self.change_contact(account, with, change);
            }
            Operation::ChangeMember { account, conference, member, change } => {
                return self.change_member(account, &conference, &member, change);
            }
            Operation::SetProfile { account, of, changes, max_bytes } => {
                return self.set_profile(account, of.as_ref(), &changes, max_bytes);
            }
            Operation::Register { login, verifier, log, profile, invitation, now } => {
                let invitation = invitation.map(|key| (key, now));
                let (outcome, added) = self.register(login, verifier, log, invitation)?;
                added.into_iter().for_each(|id| self.users.set_profile(id, profile.clone()));
                outcome
            }
            Operation::Invite { by, invitation, until, now, max_invitations } => {
                self.invitations.expire(now);
                if !self.make_room(Invitations::COST) {
                    return Err(StoreError::Full);
                }
                match self.invitations.add(invitation, by.map(UserId::of), until, max_invitations) {
                    true => Outcome::Done,
                    false => Outcome::Denied(Denial::Full),
                }
            }
            Operation::FindUser { account, login } => self.find_user(account, &login),
            Operation::SearchUsers { account, prefix, max_users } => {
                self.search_users(account, &prefix, max_users)
            }
            Operation::ListKnown { account, max_users } => {
                let known = self.known(UserId::of(account), max_users);
                Outcome::Known(known.into_iter().map(UserId::account).collect())
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
                    .add(login, Some(Access::new(verifier, log)))
                    .map_or(Outcome::Exists, |id| Outcome::Added(id.account()))
            }
            Operation::SetVerifier { login, verifier, old, keeps } => {
                let access = self.users.access_mut(&login).map(|(_, access)| access.verifier.to_bytes());
                if let (Some(old), Some(now)) = (old, access)
                    && old.to_bytes() != now
                {
                    return Ok(Outcome::OldVerifier);
                }
                self.change_access(&login, |access| access.verifier = verifier, keeps)
            }
            Operation::SetDisabled { login, is_disabled } => {
                let keeps = if is_disabled { KeptSessions::None } else { KeptSessions::All };
                self.change_access(&login, |access| access.is_disabled = is_disabled, keeps)
            }
            Operation::EndSessions { login, keeps } => self.change_access(&login, |_| (), keeps),
            Operation::EndSession { session, of } => {
                let user = self.sessions.user(session).map(|user| self.users.login(user));
                if of.is_some() && user != of {
                    return Ok(Outcome::NoSuchSession);
                }
                self.sessions.end(session);
                Outcome::Done
            }
            Operation::ListAccounts { after, max_accounts } => {
                self.list_accounts(after.as_ref(), max_accounts)
            }
            Operation::ListSessions { login, after, max_sessions } => {
                self.list_sessions(login.as_ref(), after, max_sessions)
            }
            Operation::RemoveAccount { login } => self.remove_account(&login),
            Operation::Introduce { one, other } => {
                let user = |login| self.users.find(login).filter(|id| self.users.access(*id).is_some());
                let Some((one, other)) = user(&one).zip(user(&other)) else { return Ok(Outcome::NoSuchUser) };
                if one != other {
                    self.logs.set_state(one, other, ContactState::Listed);
                    self.logs.set_state(other, one, ContactState::Listed);
                }
                Outcome::Done
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
                self.invitations.expire(now);
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
            Operation::ListContacts { account, all, with_states, max_contacts, max_bytes } => {
                self.list_contacts(account, (all, with_states), max_contacts, max_bytes)
            }
            Operation::Request { .. } => Outcome::NoSuchRequest,
        })
    }
}

#[cfg(test)]
mod tests;
