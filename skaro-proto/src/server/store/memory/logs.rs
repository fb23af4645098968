//! The logs of all accounts: a message enters those of both users in one step.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::entries::{ENTRY, Stored, What, body_bytes};
use super::keys::{KEY, Known, hash};
use super::ledger::Ledger;
use super::log::{DIALOG, Dialog, Log};
use super::users::UserId;
use crate::server::store::{ContactState, StoreLimits};

/// A message that is to be kept.
pub(super) struct Draft<'a> {
    pub(super) from: UserId,
    pub(super) to: UserId,
    pub(super) body: &'a Arc<str>,
    pub(super) key: Option<&'a Arc<str>>,
}

/// The outcome of a message that was kept: its positions in both logs, and its date.
#[derive(Clone, Copy, Default)]
pub(super) struct Kept {
    pub(super) position: u64,
    pub(super) their_position: u64,
    pub(super) date: i64,
}

/// The logs of all accounts.
#[derive(Clone, Default)]
pub(super) struct Logs {
    all: Vec<Log>,
    /// Order of the logs by age: the place of each log's first entry in the order of all, or of one that was given up
    /// since.
    oldest: BTreeSet<(u64, UserId)>,
    /// The place of the last entry in the order of all.
    last: u64,
    ledger: Ledger,
}

impl Logs {
    pub(super) fn get(&self, user: UserId) -> Option<&Log> {
        self.all.get(user.index())
    }

    /// Keeps a message, dated now or just after the last one of its dialog.
    pub(super) fn add(&mut self, draft: &Draft<'_>, now: i64, limits: &StoreLimits) -> Kept {
        let &Draft { from, to, body, key } = draft;
        let order = self.next();
        self.ledger.bytes += body_bytes(body.len());
        let stored =
            Stored { is_own: true, in_conference: None, date: now, body: body.clone(), key: key.cloned() };
        let (position, date) =
            self.with(from, |log, ledger| log.add_message(order, to, stored, limits, ledger));
        let mut their_position = position;
        if from != to {
            let stored = Stored { is_own: false, in_conference: None, date, body: body.clone(), key: None };
            (their_position, ..) =
                self.with(to, |log, ledger| log.add_message(order, from, stored, limits, ledger));
        }
        self.add_key(draft, order, position, date, now, limits);
        Kept { position, their_position, date }
    }

    /// Keeps a message to a conference, in the logs of its members, and returns the positions. The sender's is the
    /// first.
    pub(super) fn post(
        &mut self,
        draft: &Draft<'_>,
        members: &[UserId],
        now: i64,
        limits: &StoreLimits,
    ) -> (Kept, Vec<(UserId, u64)>) {
        let &Draft { from, to, body, key } = draft;
        let order = self.next();
        let date = self.with(to, |log, ledger| log.next_date(to, now, ledger));
        let mut add = |user: UserId| {
            let is_own = user == from;
            let key = key.filter(|_| is_own).cloned();
            let stored = Stored { is_own, in_conference: Some(from), date, body: body.clone(), key };
            self.ledger.bytes += body_bytes(body.len());
            self.with(user, |log, ledger| log.add_message(order, to, stored, limits, ledger)).0
        };
        let position = add(from);
        let others = members.iter().filter(|member| **member != from);
        let others = others.map(|member| (*member, add(*member))).collect();
        self.add_key(draft, order, position, date, now, limits);
        (Kept { position, their_position: 0, date }, others)
    }

    /// Keeps the key of a message, if it has one.
    fn add_key(
        &mut self,
        draft: &Draft<'_>,
        order: u64,
        position: u64,
        date: i64,
        now: i64,
        limits: &StoreLimits,
    ) {
        let &Draft { from, to, body, key } = draft;
        if let Some(key) = key {
            let known = Known { to, body: hash(body), position, date, order, at: now };
            self.with(from, |log, ledger| {
                ledger.bytes += log.keys.add(key.clone(), known);
                log.expire_keys(now, limits.max_keys, ledger);
            });
        }
    }

    /// Adds an entry in place of the last one of its kind, and returns its position.
    pub(super) fn replace(&mut self, user: UserId, with: UserId, what: What, limits: &StoreLimits) -> u64 {
        let order = self.next();
        self.with(user, |log, ledger| log.replace(order, with, what, limits, ledger))
    }

    /// Returns the state of a contact.
    pub(super) fn state(&self, user: UserId, with: UserId) -> ContactState {
        self.get(user).and_then(|log| log.dialog(with)).map(Dialog::state).unwrap_or_default()
    }

    /// Sets the state of a contact, and returns whether it was another one. The contact gets a dialog, too, so that it
    /// is known who has a state of it.
    pub(super) fn set_state(&mut self, user: UserId, with: UserId, state: ContactState) -> bool {
        self.with(with, |log, ledger| log.touch(user, ledger));
        self.with(user, |log, ledger| log.set_state(with, state, ledger))
    }

    /// Moves the mark up to which a user has read a dialog; returns the new entry's position, if it moved.
    pub(super) fn read(
        &mut self,
        user: UserId,
        with: UserId,
        up_to: u64,
        limits: &StoreLimits,
    ) -> Option<u64> {
        let order = self.next();
        self.with(user, |log, ledger| log.add_read(order, with, up_to, limits, ledger))
    }

    /// Removes a user's log.
    pub(super) fn remove(&mut self, user: UserId) {
        if let Some(log) = self.all.get_mut(user.index()) {
            log.clear(&mut self.ledger);
            self.settle_bodies();
        }
    }

    /// Stops counting the bodies that one log has given up, unless the log of the other user still has them.
    #[inline]
    fn settle_bodies(&mut self) {
        while let Some(body) = self.ledger.lost.pop() {
            let other = self.all.get(body.with.index());
            if !other.is_some_and(|log| log.entries.has(body.order)) {
                self.ledger.bytes -= body_bytes(body.length);
            }
        }
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Changes a log, and creates it at the first change.
    fn with<T: Default>(&mut self, user: UserId, change: impl FnOnce(&mut Log, &mut Ledger) -> T) -> T {
        let place = user.index();
        if place >= self.all.len() {
            self.ledger.bytes += (place + 1 - self.all.len()) * size_of::<Log>();
            self.all.resize_with(place + 1, Log::default);
        }
        let Some(log) = self.all.get_mut(place) else { return T::default() };
        let was_empty = log.is_empty();
        let result = change(log, &mut self.ledger);
        if was_empty && let Some(oldest) = log.oldest() {
            self.oldest.insert((oldest, user));
        }
        if !self.ledger.lost.is_empty() {
            self.settle_bodies();
        }
        result
    }

    /// Gives up the oldest entry of all logs; returns whether there was one.
    pub(super) fn forget_oldest(&mut self) -> bool {
        while let Some((order, user)) = self.oldest.pop_first() {
            let Some(log) = self.all.get_mut(user.index()) else { continue };
            // A log that gave up entries by itself stands here with an older one.
            let is_oldest = log.oldest() == Some(order);
            if is_oldest {
                log.forget(order, &mut self.ledger);
            }
            if let Some(oldest) = log.oldest() {
                self.oldest.insert((oldest, user));
            }
            self.settle_bodies();
            if is_oldest {
                return true;
            }
        }
        false
    }

    /// Bytes that a message with a body and a key of this length takes if it is the first of its dialog.
    pub(super) const fn cost(body: usize, key: usize) -> usize {
        2 * (ENTRY + DIALOG + size_of::<Log>()) + body_bytes(body) + if key > 0 { KEY + key } else { 0 }
    }

    /// Bytes that an entry other than a message takes if it is the first of its dialog, and one of the other user.
    pub(super) const OTHER: usize = ENTRY + 2 * (DIALOG + size_of::<Log>());

    /// Bytes that all logs take.
    pub(super) const fn bytes(&self) -> usize {
        self.ledger.bytes
    }
}
