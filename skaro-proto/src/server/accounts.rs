//! The accounts of users who are online.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::ConnectionId;
use super::rate::Bucket;
use super::store::{self, AccountId, Login};
use crate::time::Time;

/// An account that a connection uses, or did a moment ago.
pub(super) struct Account {
    pub(super) login: Login,
    /// The latest position of its log of which anything was heard.
    pub(super) head: u64,
    /// The connections on which the user is signed in, oldest first.
    pub(super) online: Vec<ConnectionId>,
    /// Set if those who know the user may believe that the user is online.
    pub(super) is_told_online: bool,
    /// Set if they still have to be told.
    pub(super) is_news: bool,
    /// Set if it will be checked soon whether that has changed.
    pub(super) is_presence_due: bool,
    /// Limit on the rate of messages from the user.
    pub(super) messages: Bucket,
    /// Limit on the rate of frames on all connections of the user.
    pub(super) frames: Bucket,
}

/// Bytes that an account takes, in trees whose nodes are two thirds full on average.
const ACCOUNT: usize = 2 * (size_of::<Account>() + 4 * size_of::<AccountId>() + 2 * size_of::<Login>());

#[derive(Default)]
pub(super) struct Accounts {
    all: BTreeMap<AccountId, Account>,
    by_login: BTreeMap<Login, AccountId>,
    /// Accounts that nobody uses, and when their rates can be forgotten. If they were forgotten at once, a user who
    /// comes back would begin anew. They are few, since each message or frame is remembered for only some milliseconds.
    left: BTreeSet<(Time, AccountId)>,
}

impl Accounts {
    pub(super) fn get(&self, id: AccountId) -> Option<&Account> {
        self.all.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: AccountId) -> Option<&mut Account> {
        self.all.get_mut(&id)
    }

    pub(super) fn find(&self, login: &str) -> Option<&Account> {
        self.all.get(self.by_login.get(login)?)
    }

    /// The connections on which a user is signed in.
    pub(super) fn online(&self, id: AccountId) -> &[ConnectionId] {
        self.all.get(&id).map_or(&[], |account| &account.online)
    }

    /// Number of users who are signed in.
    pub(super) fn online_users(&self) -> usize {
        self.all.values().filter(|account| !account.online.is_empty()).count()
    }

    /// Number of connections on which the user with this login is signed in.
    pub(super) fn count(&self, login: &str) -> usize {
        self.find(login).map_or(0, |account| account.online.len())
    }

    /// Takes note that a log has come to this position.
    pub(super) fn grew(&mut self, id: AccountId, position: u64) {
        if let Some(account) = self.all.get_mut(&id) {
            account.head = account.head.max(position);
        }
    }

    /// A user is signed in on a connection. Returns the log's head.
    pub(super) fn join(&mut self, told: &store::Account, id: ConnectionId) -> u64 {
        let account = self.all.entry(told.id).or_insert_with(|| Account {
            login: told.login.clone(),
            head: 0,
            online: Vec::new(),
            is_told_online: false,
            is_news: false,
            is_presence_due: false,
            messages: Bucket::default(),
            frames: Bucket::default(),
        });
        if account.online.is_empty() {
            self.by_login.insert(told.login.clone(), told.id);
        }
        account.online.push(id);
        account.head = account.head.max(told.head);
        account.head
    }

    /// A user is not signed in on a connection any more.
    pub(super) fn leave(&mut self, account: AccountId, id: ConnectionId, now: Time) {
        let Some(it) = self.all.get_mut(&account) else { return };
        it.online.retain(|other| *other != id);
        if it.online.is_empty() {
            self.left.insert((it.forgotten_at(), account));
        }
        while let Some((_, account)) = self.left.first().copied().filter(|(at, _)| *at <= now) {
            self.left.pop_first();
            // It may have been used since, and left again: then it stands there for a later time, too. Others may still
            // have to be told that the user is gone.
            let is_unused = |it: &Account| {
                it.online.is_empty() && !it.is_told_online && !it.is_presence_due && it.forgotten_at() <= now
            };
            if !self.all.get(&account).is_some_and(is_unused) {
                continue;
            }
            let Some(gone) = self.all.remove(&account) else { continue };
            // The login may be another account's by now.
            if self.by_login.get(&gone.login) == Some(&account) {
                self.by_login.remove(&gone.login);
            }
        }
    }

    /// Returns whether the user is online, if that is news of which those who know the user are to be told.
    pub(super) fn tell_presence(&mut self, account: AccountId) -> Option<bool> {
        let user = self.all.get_mut(&account)?;
        user.is_presence_due = false;
        let is_online = !user.online.is_empty();
        if !is_online {
            // It was kept until now.
            self.left.insert((user.forgotten_at(), account));
        }
        let was_online = core::mem::replace(&mut user.is_told_online, is_online);
        (core::mem::take(&mut user.is_news) || was_online != is_online).then_some(is_online)
    }

    /// Estimate of the bytes that all accounts take.
    pub(super) fn bytes(&self) -> usize {
        self.all.len() * ACCOUNT
    }
}

impl Account {
    /// Returns the time from which its rates say nothing any more. It gets earlier if tokens are given back meanwhile.
    fn forgotten_at(&self) -> Time {
        self.messages.full_at().max(self.frames.full_at())
    }
}
