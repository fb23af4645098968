//! The logs of all accounts: a message enters those of both users in one step.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::ConnectionId;
use super::config::ServerConfig;
use super::entries::{ENTRY, Stored, body_bytes};
use super::keys::{KEY, Known, hash};
use super::log::{DIALOG, Log};
use super::users::UserId;
use crate::time::Time;

/// A message that is to be kept.
pub(super) struct Draft<'a> {
    pub(super) from: UserId,
    pub(super) to: UserId,
    pub(super) body: &'a str,
    pub(super) key: Option<&'a str>,
    /// The connection that will have the answer.
    pub(super) origin: Option<ConnectionId>,
}

/// The outcome of a message that was kept: its position in the sender's log, and its date.
#[derive(Clone, Copy, Default)]
pub(super) struct Kept {
    pub(super) position: u64,
    pub(super) date: i64,
}

/// The logs of all accounts.
#[derive(Default)]
pub(super) struct Logs {
    all: Vec<Log>,
    /// Order of the logs by age: the place of each log's first entry in the order of all, or of one that was given up
    /// since.
    oldest: BTreeSet<(u64, UserId)>,
    /// The place of the last entry in the order of all.
    last: u64,
    /// Bytes that all logs take.
    bytes: usize,
}

impl Logs {
    pub(super) fn get(&self, user: UserId) -> Option<&Log> {
        self.all.get(user.index())
    }

    /// Keeps a message, dated now or just after the last one of its dialog.
    pub(super) fn add(&mut self, draft: &Draft<'_>, unix: i64, now: Time, config: &ServerConfig) -> Kept {
        let &Draft { from, to, origin, .. } = draft;
        let order = self.next();
        let body: Arc<str> = draft.body.into();
        self.bytes += body_bytes(body.len());
        let theirs = (from != to).then(|| body.clone());
        let key = draft.key.map(Arc::<str>::from);
        let stored = Stored { is_own: true, date: unix, body, key: key.clone(), answered: origin };
        let (position, date) =
            self.with(from, |log, bytes| log.add_message(order, to, stored, config, bytes));
        if let Some(body) = theirs {
            let stored = Stored { is_own: false, date, body, key: None, answered: None };
            self.with(to, |log, bytes| log.add_message(order, from, stored, config, bytes));
        }
        if let Some(key) = key {
            let known = Known { to, body: hash(draft.body), position, date, order, at: now };
            self.with(from, |log, bytes| {
                *bytes += log.keys.add(key, known);
                log.expire_keys(now, config.max_keys, bytes);
            });
        }
        Kept { position, date }
    }

    /// Moves the mark up to which a user has read a dialog; returns whether it moved.
    pub(super) fn read(&mut self, user: UserId, with: UserId, up_to: u64, config: &ServerConfig) -> bool {
        let order = self.next();
        self.with(user, |log, bytes| log.add_read(order, with, up_to, config, bytes))
    }

    /// A connection has had the last answer to a message of this user.
    pub(super) fn set_answered(&mut self, user: UserId, position: u64, id: ConnectionId) {
        self.with(user, |log, _| log.entries.set_answered(position, id));
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Changes a log, which begins with the first change.
    fn with<T: Default>(&mut self, user: UserId, change: impl FnOnce(&mut Log, &mut usize) -> T) -> T {
        let place = user.index();
        if place >= self.all.len() {
            self.bytes += (place + 1 - self.all.len()) * size_of::<Log>();
            self.all.resize_with(place + 1, Log::default);
        }
        let Some(log) = self.all.get_mut(place) else { return T::default() };
        let was_empty = log.is_empty();
        let result = change(log, &mut self.bytes);
        if was_empty && let Some(oldest) = log.oldest() {
            self.oldest.insert((oldest, user));
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
                log.forget(order, &mut self.bytes);
            }
            if let Some(oldest) = log.oldest() {
                self.oldest.insert((oldest, user));
            }
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

    /// Bytes that a read mark takes if it is the first of its dialog.
    pub(super) const MARK: usize = ENTRY + DIALOG + size_of::<Log>();

    /// Bytes that all logs take.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}
