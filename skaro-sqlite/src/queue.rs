//! A bounded queue of operations between threads.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use skaro_proto::server::store::Operation;

use crate::store::adds_to_many;

/// An operation that may add entries to a thousand logs counts as this many in a batch, so that others do not wait for
/// seconds.
const MANY: usize = 64;

/// Operations that wait, the oldest first.
pub(crate) struct Queue<I> {
    waiting: Mutex<Waiting<I>>,
    changed: Condvar,
    max_operations: usize,
    max_bytes: usize,
}

struct Waiting<I> {
    operations: VecDeque<(I, Operation)>,
    /// Bytes of their texts.
    bytes: usize,
    is_closed: bool,
}

/// The end of a wait for operations.
pub(crate) enum Taken {
    /// There are operations.
    Some,
    /// There were none for this time.
    Idle,
    /// There are none, and there will be none.
    Closed,
}

impl<I> Queue<I> {
    pub(crate) fn new(max_operations: usize, max_bytes: usize) -> Self {
        let waiting = Waiting { operations: VecDeque::new(), bytes: 0, is_closed: false };
        Queue { waiting: Mutex::new(waiting), changed: Condvar::new(), max_operations, max_bytes }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<I>> {
        // No code of others runs under this lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an operation; returns `false` if there is no room, or the queue is closed. One always has room.
    pub(crate) fn push(&self, id: I, operation: Operation) -> bool {
        let mut waiting = self.lock();
        let bytes = waiting.bytes + operation.text_bytes();
        let is_full = waiting.operations.len() >= self.max_operations || bytes > self.max_bytes;
        if waiting.is_closed || (is_full && !waiting.operations.is_empty()) {
            return false;
        }
        waiting.bytes = bytes;
        waiting.operations.push_back((id, operation));
        self.changed.notify_one();
        true
    }

    /// Waits for operations, at most for the given time, and moves them to a batch: up to this many, and this many
    /// bytes of texts, but at least one. One that may reach many logs counts [more](MANY).
    pub(crate) fn take(
        &self,
        batch: &mut Vec<(I, Operation)>,
        max_operations: usize,
        max_bytes: usize,
        time: Option<Duration>,
    ) -> Taken {
        let is_empty = |waiting: &mut Waiting<I>| waiting.operations.is_empty() && !waiting.is_closed;
        let mut waiting = match time {
            None => self.changed.wait_while(self.lock(), is_empty).unwrap_or_else(PoisonError::into_inner),
            Some(time) => {
                self.changed
                    .wait_timeout_while(self.lock(), time, is_empty)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        };
        let (mut weight, mut bytes) = (0, 0);
        while let Some((_, operation)) = waiting.operations.front() {
            let length = operation.text_bytes();
            bytes += length;
            weight += if adds_to_many(operation) { MANY } else { 1 };
            if !batch.is_empty() && (weight > max_operations || bytes > max_bytes) {
                break;
            }
            waiting.bytes -= length;
            batch.extend(waiting.operations.pop_front());
        }
        match (batch.is_empty(), waiting.is_closed) {
            (false, _) => Taken::Some,
            (true, false) => Taken::Idle,
            (true, true) => Taken::Closed,
        }
    }

    /// Takes no more operations. Those that wait are still to be taken.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }
}
