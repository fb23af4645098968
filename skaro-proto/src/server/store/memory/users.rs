//! Users: logins, password verifiers and contacts.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Bound;

use crate::auth::Verifier;
use crate::server::store::{AccountId, LogId, Login};

/// A user's place in the list of users. Places are never given twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UserId(u32);

impl UserId {
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }

    pub(super) fn of(account: AccountId) -> Self {
        UserId(u32::try_from(account.0).unwrap_or(u32::MAX))
    }

    pub(super) const fn account(self) -> AccountId {
        AccountId(self.0 as u64)
    }
}

#[derive(Clone)]
pub(super) struct User {
    pub(super) login: Login,
    /// The data needed to sign in; `None` once the user was removed.
    access: Option<Access>,
    contacts: BTreeSet<UserId>,
}

#[derive(Clone)]
pub(super) struct Access {
    pub(super) verifier: Verifier,
    pub(super) log: LogId,
    pub(super) is_disabled: bool,
}

/// Bytes that a user takes besides the login, which is stored twice.
const USER: usize = 2 * size_of::<User>() + 4 * size_of::<Login>();
/// Bytes that a contact takes, in a tree whose nodes are two thirds full on average.
const CONTACT: usize = 2 * size_of::<UserId>();

#[derive(Clone, Default)]
pub(super) struct Users {
    all: Vec<User>,
    by_login: BTreeMap<Login, UserId>,
    /// Bytes that all users take.
    bytes: usize,
}

impl Users {
    /// Bytes that a new user takes.
    pub(super) const fn cost(login: usize) -> usize {
        USER + 2 * login
    }

    /// Adds a user; `None` if the login is taken, or there are as many as can be counted.
    pub(super) fn add(&mut self, login: Login, verifier: Verifier, log: LogId) -> Option<UserId> {
        let id = UserId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        if self.find(&login).is_some() || id.0 == u32::MAX {
            return None;
        }
        self.bytes += Self::cost(login.len());
        self.by_login.insert(login.clone(), id);
        self.all.push(User {
            login,
            access: Some(Access { verifier, log, is_disabled: false }),
            contacts: BTreeSet::new(),
        });
        Some(id)
    }

    /// Returns the id of a user and what is needed to sign in, to be changed.
    pub(super) fn access_mut(&mut self, login: &Login) -> Option<(UserId, &mut Access)> {
        let id = self.find(login)?;
        let access = self.all.get_mut(id.index())?.access.as_mut()?;
        Some((id, access))
    }

    /// Returns the users whose logins come after this one, in the order of logins.
    pub(super) fn after(&self, login: Option<&Login>) -> impl Iterator<Item = (&Login, UserId)> {
        let from = login.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_login.range::<Login, _>((from, Bound::Unbounded)).map(|(login, id)| (login, *id))
    }

    /// Removes a user. The login stays, for the logs of others.
    pub(super) fn remove(&mut self, login: &Login) -> Option<UserId> {
        let id = self.by_login.remove(login)?;
        let contacts = self.all.get_mut(id.index()).map(|user| {
            user.access = None;
            core::mem::take(&mut user.contacts)
        });
        for contact in contacts.into_iter().flatten() {
            if let Some(user) = self.all.get_mut(contact.index()) {
                user.contacts.remove(&id);
                self.bytes -= 2 * CONTACT;
            }
        }
        Some(id)
    }

    pub(super) fn find(&self, login: &Login) -> Option<UserId> {
        self.by_login.get(login).copied()
    }

    pub(super) fn access(&self, id: UserId) -> Option<&Access> {
        self.all.get(id.index())?.access.as_ref()
    }

    /// Bytes that all users take.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.by_login.len()
    }

    pub(super) fn login(&self, id: UserId) -> Login {
        self.all.get(id.index()).map(|user| user.login.clone()).unwrap_or_default()
    }

    /// From now on these two know each other.
    pub(super) fn introduce(&mut self, one: UserId, other: UserId) {
        if one == other {
            return;
        }
        for (user, contact) in [(one, other), (other, one)] {
            if let Some(user) = self.all.get_mut(user.index()) {
                let is_new = user.contacts.insert(contact);
                self.bytes += if is_new { CONTACT } else { 0 };
            }
        }
    }

    /// Whom a user knows, or all others, in the order in which they were added.
    pub(super) fn contacts(&self, of: UserId, all: bool) -> impl Iterator<Item = UserId> {
        let known = self.all.get(of.index()).into_iter().filter(move |_| !all);
        let known = known.flat_map(|user| user.contacts.iter().copied());
        let everybody = (0..self.all.len()).filter(move |_| all).map(|n| UserId(n as u32));
        let others = everybody.filter(move |id| *id != of && self.access(*id).is_some());
        known.chain(others)
    }
}
