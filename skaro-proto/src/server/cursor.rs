//! A connection's cursor over its user's log: what was sent, and how much of it was acknowledged.

use alloc::collections::VecDeque;

use crate::message::Since;

/// Entries that may be on their way to a client, beyond what it has acknowledged.
pub(super) const WINDOW: usize = 256;
/// Bytes of these, as encoded.
const WINDOW_BYTES: usize = 1 << 20;
/// A connection's place in its user's log.
#[derive(Debug)]
pub(super) struct Cursor {
    /// The last position that was sent.
    pub(super) position: u64,
    /// Bytes of each entry that was sent and not acknowledged, oldest first.
    pub(super) on_way: VecDeque<u32>,
    /// Their sum.
    pub(super) bytes: usize,
    /// Set while the log is read for it.
    pub(super) is_reading: bool,
    /// Set if there may be more in the log than is known here: nothing was heard of it before this connection was
    /// there.
    pub(super) must_read: bool,
    /// Set if it is read for that reason: then it is read until nothing comes.
    pub(super) reads_all: bool,
    /// Bytes of the next entry, if it was read and did not fit into the window.
    needs: u32,
    /// The log's head as it was known when the log was last read.
    pub(super) read_head: u64,
    /// Positions of messages whose answers this connection had, and that were not sent yet, in order. If there are too
    /// many, the message is sent as a whole.
    answered: VecDeque<u64>,
}

impl Cursor {
    /// Creates a cursor that begins after this position.
    pub(super) const fn new(begin: u64) -> Self {
        Cursor {
            position: begin,
            on_way: VecDeque::new(),
            bytes: 0,
            is_reading: false,
            must_read: true,
            reads_all: false,
            needs: 0,
            read_head: 0,
            answered: VecDeque::new(),
        }
    }

    /// Returns the position at which a cursor over a log begins, given which part of the log is kept. A position of
    /// another log, or of what is not kept any more, means the log's beginning.
    pub(super) fn begin(begin: u64, head: u64, since: Since, is_same: bool) -> u64 {
        match since {
            Since::Head => head,
            Since::Position(position) if is_same && (begin..=head).contains(&position) => position,
            Since::Position(_) => begin,
        }
    }

    /// This connection has had the answer to a message.
    pub(super) fn answered(&mut self, position: u64) {
        if position > self.position
            && self.answered.len() < WINDOW
            && let Err(place) = self.answered.binary_search(&position)
        {
            self.answered.insert(place, position);
        }
    }

    pub(super) fn was_answered(&self, position: u64) -> bool {
        self.answered.binary_search(&position).is_ok()
    }

    /// The log has to be read, whatever is known of its head.
    pub(super) fn look_again(&mut self) {
        self.must_read = true;
    }

    /// A reading of the log has failed, and may be repeated.
    pub(super) fn read_failed(&mut self) {
        (self.is_reading, self.must_read) = (false, true);
    }

    /// Returns whether the next entry may be on its way, too, as far as its length is known. One always may.
    pub(super) fn has_room(&self) -> bool {
        self.on_way.is_empty()
            || (self.on_way.len() < WINDOW && self.bytes + self.needs as usize <= WINDOW_BYTES)
    }

    /// Returns whether the next entry, which has this length, may be on its way, too.
    pub(super) fn takes(&mut self, length: usize) -> bool {
        self.needs = u32::try_from(length).unwrap_or(u32::MAX);
        self.has_room()
    }

    pub(super) fn sent(&mut self, length: usize) {
        self.needs = 0;
        self.position += 1;
        self.bytes += length;
        self.on_way.push_back(u32::try_from(length).unwrap_or(u32::MAX));
        while self.answered.front().is_some_and(|answered| *answered <= self.position) {
            self.answered.pop_front();
        }
    }

    /// Takes an acknowledgement. One of a position that was acknowledged before changes nothing.
    ///
    /// # Errors
    /// If the position is beyond what was sent.
    pub(super) fn acknowledge(&mut self, position: u64) -> Result<(), ()> {
        let left = self.position.checked_sub(position).ok_or(())?;
        while self.on_way.len() as u64 > left {
            self.bytes -= self.on_way.pop_front().unwrap_or_default() as usize;
        }
        // An idle connection keeps nothing of it.
        if self.on_way.is_empty() {
            self.on_way = VecDeque::new();
            self.answered.shrink_to_fit();
        }
        Ok(())
    }
}
