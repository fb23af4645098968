//! Invitations to register.

use alloc::collections::{BTreeMap, BTreeSet};

use super::users::UserId;
use crate::server::store::InvitationKey;

/// Bytes that an invitation takes, in two trees.
const INVITATION: usize = 128;

/// All invitations that are not used up. Times are Unix times in milliseconds.
#[derive(Clone, Default)]
pub(super) struct Invitations {
    /// The user who made it, and the last moment at which it is valid.
    all: BTreeMap<InvitationKey, (Option<UserId>, i64)>,
    by_user: BTreeSet<(Option<UserId>, InvitationKey)>,
}

impl Invitations {
    /// Adds an invitation, unless its user has as many as allowed; returns whether it was added.
    pub(super) fn add(&mut self, key: InvitationKey, by: Option<UserId>, until: i64, limit: usize) -> bool {
        let theirs = self.by_user.range((by, InvitationKey([0; 16]))..).take_while(|(of, _)| *of == by);
        let may = by.is_none() || self.all.contains_key(&key) || theirs.count() < limit;
        if may {
            if let Some((before, _)) = self.all.insert(key, (by, until)) {
                self.by_user.remove(&(before, key));
            }
            self.by_user.insert((by, key));
        }
        may
    }

    /// Returns whether there is such an invitation, and it has not expired.
    pub(super) fn is_good(&self, key: InvitationKey, now: i64) -> bool {
        self.all.get(&key).is_some_and(|(_, until)| now <= *until)
    }

    /// Removes an invitation that was used.
    pub(super) fn remove(&mut self, key: InvitationKey) {
        if let Some((by, _)) = self.all.remove(&key) {
            self.by_user.remove(&(by, key));
        }
    }

    /// Forgets those that have expired.
    pub(super) fn expire(&mut self, now: i64) {
        self.all.retain(|_, (_, until)| now <= *until);
        let all = &self.all;
        self.by_user.retain(|(_, key)| all.contains_key(key));
    }

    /// Returns the bytes that they take.
    pub(super) fn bytes(&self) -> usize {
        self.all.len() * INVITATION
    }

    /// Bytes that another one takes.
    pub(super) const COST: usize = INVITATION;
}
