//! Users: logins, password verifiers and profiles.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Bound;

use crate::auth::Verifier;
use crate::server::store::{AccountId, LogId, Login, Profile, skeleton};

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
    /// The data needed to sign in; `None` for a conference, and once the user was removed.
    access: Option<Access>,
    profile: Profile,
}

#[derive(Clone)]
pub(super) struct Access {
    pub(super) verifier: Verifier,
    pub(super) log: LogId,
    pub(super) is_disabled: bool,
}

impl Access {
    /// Returns the data to sign in to an account that is not disabled.
    pub(super) const fn new(verifier: Verifier, log: LogId) -> Self {
        Access { verifier, log, is_disabled: false }
    }
}

/// Bytes that a user takes besides the login, which is stored three times, one of them as what it looks like.
const USER: usize = 2 * size_of::<User>() + 6 * size_of::<Login>();

#[derive(Clone, Default)]
pub(super) struct Users {
    all: Vec<User>,
    by_login: BTreeMap<Login, UserId>,
    /// The skeletons of all logins.
    skeletons: BTreeSet<(Login, UserId)>,
    /// Bytes that all users take.
    bytes: usize,
}

impl Users {
    /// Bytes that a new user takes.
    pub(super) const fn cost(login: usize) -> usize {
        USER + 3 * login
    }

    /// Adds a user, or a conference if there is no data to sign in; `None` if the login is taken, or there are as many
    /// as can be counted.
    pub(super) fn add(&mut self, login: Login, access: Option<Access>) -> Option<UserId> {
        let id = UserId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        if self.find(&login).is_some() || id.0 == u32::MAX {
            return None;
        }
        self.bytes += Self::cost(login.len());
        self.by_login.insert(login.clone(), id);
        self.skeletons.insert((skeleton(&login), id));
        self.all.push(User { login, access, profile: Profile::default() });
        Some(id)
    }

    /// Returns whether there is a login that looks like this one.
    pub(super) fn has_like(&self, login: &str) -> bool {
        let skeleton = skeleton(login);
        self.skeletons
            .range((skeleton.clone(), UserId(0))..)
            .next()
            .is_some_and(|(like, _)| *like == skeleton)
    }

    /// The profile of a user or a conference.
    pub(super) fn profile(&self, id: UserId) -> Profile {
        self.all.get(id.index()).map(|user| user.profile.clone()).unwrap_or_default()
    }

    pub(super) fn set_profile(&mut self, id: UserId, profile: Profile) {
        if let Some(user) = self.all.get_mut(id.index()) {
            self.bytes += profile.as_bytes().len();
            self.bytes -= user.profile.as_bytes().len();
            user.profile = profile;
        }
    }

    /// Returns the id of a user and what is needed to sign in, to be changed.
    pub(super) fn access_mut(&mut self, login: &Login) -> Option<(UserId, &mut Access)> {
        let id = self.find(login)?;
        let access = self.all.get_mut(id.index())?.access.as_mut()?;
        Some((id, access))
    }

    /// Returns the users and conferences whose logins come after this one, in the order of logins.
    pub(super) fn after(&self, login: Option<&Login>) -> impl Iterator<Item = (&Login, UserId)> {
        let from = login.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_login.range::<Login, _>((from, Bound::Unbounded)).map(|(login, id)| (login, *id))
    }

    /// Returns the users and conferences whose logins have this prefix, in the order of logins.
    pub(super) fn starting_with(&self, prefix: &Login) -> impl Iterator<Item = UserId> {
        let range = self.by_login.range::<Login, _>((Bound::Included(prefix), Bound::Unbounded));
        range.take_while(|(login, _)| login.starts_with(&**prefix)).map(|(_, id)| *id)
    }

    /// Removes a user or a conference. The login stays, for the logs of others.
    pub(super) fn remove(&mut self, login: &Login) -> Option<UserId> {
        let id = self.by_login.remove(login)?;
        self.skeletons.remove(&(skeleton(login), id));
        self.set_profile(id, Profile::default());
        self.all.get_mut(id.index())?.access = None;
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

    /// All users and conferences, in the order in which they were added.
    pub(super) fn all(&self) -> impl Iterator<Item = UserId> + use<> {
        (0..u32::try_from(self.all.len()).unwrap_or(u32::MAX)).map(UserId)
    }
}
