//! The keys of messages, by which a repetition is known.

use super::users::UserId;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;

/// Milliseconds for which a key is kept at least, even if its message is gone: a day.
const LIFETIME: i64 = 24 * 60 * 60 * 1000;

/// Bytes that a key takes besides its text: in a tree whose nodes are two thirds full, and in a queue.
pub(super) const KEY: usize = 3 * (size_of::<Arc<str>>() + size_of::<Known>()) / 2 + 40;

/// The keys of one sender.
#[derive(Clone, Default)]
pub(super) struct Keys {
    known: BTreeMap<Arc<str>, Known>,
    /// The oldest first.
    queue: VecDeque<Arc<str>>,
}

/// The outcome of a message that had a key.
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub(super) to: UserId,
    /// A hash of the text, which is not kept for this.
    pub(super) body: u64,
    pub(super) position: u64,
    pub(super) date: i64,
    /// The place in the order of all messages.
    pub(super) order: u64,
    /// Unix time in milliseconds at which it was taken.
    pub(super) at: i64,
}

/// Returns a hash of a text: FNV-1a. Only the sender could make two texts of one hash, and would gain nothing.
pub(super) fn hash(text: &str) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, mix)
}

impl Keys {
    pub(super) fn get(&self, key: &str) -> Option<&Known> {
        self.known.get(key)
    }

    /// Keeps a key, and returns how many bytes it takes.
    pub(super) fn add(&mut self, key: Arc<str>, known: Known) -> usize {
        let bytes = KEY + key.len();
        self.queue.push_back(key.clone());
        self.known.insert(key, known);
        bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The place of the oldest key in the order of all messages.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.first().map(|known| known.order)
    }

    fn first(&self) -> Option<&Known> {
        self.known.get(self.queue.front()?)
    }

    /// Gives up the oldest keys: those beyond the limit, and those older than a day whose message is not kept either.
    /// Returns how many bytes they took.
    pub(super) fn expire(&mut self, now: i64, limit: usize, is_kept: impl Fn(u64) -> bool) -> usize {
        let mut freed = 0;
        while self.queue.len() > limit
            || self
                .first()
                .is_some_and(|known| known.at.saturating_add(LIFETIME) < now && !is_kept(known.position))
        {
            freed += self.forget_first();
        }
        freed
    }

    /// Gives up the keys up to this place in the order of all messages. Returns how many bytes they took.
    pub(super) fn forget(&mut self, order: u64) -> usize {
        let mut freed = 0;
        while self.oldest().is_some_and(|oldest| oldest <= order) {
            freed += self.forget_first();
        }
        freed
    }

    fn forget_first(&mut self) -> usize {
        let Some(key) = self.queue.pop_front() else { return 0 };
        self.known.remove(&key);
        if self.queue.capacity() > 4 * self.queue.len() + 16 {
            self.queue.shrink_to(2 * self.queue.len());
        }
        KEY + key.len()
    }
}
