//! The account of what all logs take, while one of them is changed.

use alloc::vec::Vec;

use super::users::UserId;

/// Bytes that all logs take, and bodies that a log has given up.
#[derive(Clone, Default)]
pub(super) struct Ledger {
    pub(super) bytes: usize,
    /// They count as long as the log of the other user has them.
    pub(super) lost: Vec<LostBody>,
}

/// The body of a message that one log has given up.
#[derive(Clone, Copy)]
pub(super) struct LostBody {
    /// The message's place in the order of all entries.
    pub(super) order: u64,
    /// The other user.
    pub(super) with: UserId,
    pub(super) length: usize,
}

impl Ledger {
    pub(super) fn lose_body(&mut self, order: u64, with: UserId, length: usize) {
        self.lost.push(LostBody { order, with, length });
    }
}
