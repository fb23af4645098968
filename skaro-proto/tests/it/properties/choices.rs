//! The liberties that a writer takes: decided by bytes that proptest chooses, and can take away one by one.

use proptest::prelude::*;

/// Decisions still to be made. When the bytes are used up, each decision is 0: the plainest way to write.
pub struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    pub fn of(bytes: &'a [u8]) -> Self {
        Choices(bytes)
    }

    /// A number below `count`, which is at most 256.
    pub fn pick(&mut self, count: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first) % count
    }

    /// True once in so many times.
    pub fn one_in(&mut self, count: usize) -> bool {
        self.pick(count) == count - 1
    }
}

pub fn choices() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..300)
}
