//! Operations for the operator.

use alloc::vec::Vec;

use super::users::{Access, UserId};
use super::{Login, MemoryStore, Outcome};
use crate::server::store::{AccountSummary, KeptSessions, SessionKey, SessionSummary};

impl MemoryStore {
    /// Changes what a user needs to sign in, and ends the user's sessions, except those that go on.
    pub(super) fn change_access(
        &mut self,
        login: &Login,
        change: impl FnOnce(&mut Access),
        keeps: KeptSessions,
    ) -> Outcome {
        let Some((user, access)) = self.users.access_mut(login) else { return Outcome::NoSuchUser };
        change(access);
        self.sessions.remove(user, keeps);
        Outcome::Done
    }

    pub(super) fn list_accounts(&self, after: Option<&Login>, max_accounts: usize) -> Outcome {
        let is_user = |id: &UserId| self.users.access(*id).is_some();
        let mut rest = self.users.after(after).filter(|(_, id)| is_user(id));
        let accounts = rest.by_ref().take(max_accounts).map(|(login, id)| AccountSummary {
            is_disabled: self.users.access(id).is_some_and(|access| access.is_disabled),
            sessions: self.sessions.count(id) as u64,
            head: self.logs.get(id).map_or(0, |log| log.entries.head()),
            ..AccountSummary::new(login.clone())
        });
        let accounts: Vec<_> = accounts.collect();
        Outcome::Accounts { accounts, more: rest.next().is_some() }
    }

    pub(super) fn list_sessions(
        &self,
        login: Option<&Login>,
        after: Option<SessionKey>,
        max_sessions: usize,
    ) -> Outcome {
        let user = login.map(|login| self.users.find(login).filter(|id| self.users.access(*id).is_some()));
        if user == Some(None) {
            return Outcome::NoSuchUser;
        }
        let is_theirs = |of| user.flatten().is_none_or(|user| user == of);
        let mut rest = self.sessions.after(after).filter(|(_, of, _)| is_theirs(*of));
        let sessions = rest.by_ref().take(max_sessions).map(|(key, of, until)| SessionSummary {
            until,
            ..SessionSummary::new(key, self.users.login(of))
        });
        let sessions: Vec<_> = sessions.collect();
        Outcome::Sessions { sessions, more: rest.next().is_some() }
    }
}
