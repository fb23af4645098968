//! The entries of one log by their positions, and what the log keeps of them.

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use super::ledger::Ledger;
use super::users::UserId;
use crate::server::store::ContactState;

/// The entries of one account. Positions are 1, 2, 3, …, without holes: an entry that is given up while older ones are
/// kept leaves its position behind, and is [gone](What::Gone).
#[derive(Clone, Default)]
pub(super) struct Entries {
    /// Those that are kept, and some that are gone, by their positions. The first one is never gone.
    list: VecDeque<Entry>,
    /// Number of these that are gone.
    gone: usize,
    /// Position of the last entry ever.
    head: u64,
    /// Position after which nothing is given up, except what newer entries of a dialog pushed out.
    begin: u64,
    /// Bytes of the bodies that are kept.
    bodies: usize,
}

#[derive(Clone)]
pub(super) struct Entry {
    position: u64,
    /// Place in the order of the entries of all logs. A message has the same in both.
    order: u64,
    /// The other user.
    pub(super) with: UserId,
    pub(super) what: What,
}

#[derive(Clone)]
pub(super) enum What {
    Message(Stored),
    /// The dialog is read up to a position.
    Read {
        up_to: u64,
    },
    /// The contact has another state.
    Contact {
        state: ContactState,
    },
    /// The profile has changed, or a member of the conference.
    Changed {
        member: Option<(UserId, ContactState)>,
    },
    /// Not kept any more.
    Gone,
}

/// A message that the server has taken, as one of its two users has it.
#[derive(Clone)]
pub(super) struct Stored {
    /// Set if the log's user sent it.
    pub(super) is_own: bool,
    /// The sender, if it was sent in a conference.
    pub(super) in_conference: Option<UserId>,
    pub(super) date: i64,
    pub(super) body: Arc<str>,
    /// The key that the sender gave; only in the sender's log.
    pub(super) key: Option<Arc<str>>,
}

/// A summary of an entry that was removed.
pub(super) struct Removed {
    pub(super) with: UserId,
    /// Bytes of the body, if it was a message.
    pub(super) length: usize,
    /// Set if it was a message of the other user.
    pub(super) is_foreign: bool,
}

/// Bytes that an entry takes besides its body: half of a list that grows is empty, at most, a quarter on average.
pub(super) const ENTRY: usize = 3 * (size_of::<Entry>() + size_of::<u64>()) / 2;
/// Bytes that a body takes besides its text: two counters.
const BODY: usize = 2 * size_of::<usize>();

/// Bytes that a body takes.
pub(super) const fn body_bytes(length: usize) -> usize {
    BODY + length
}

impl Entries {
    /// The position of the last entry ever; 0 if there was none.
    pub(super) const fn head(&self) -> u64 {
        self.head
    }

    /// The earliest position after which a cursor can begin.
    pub(super) const fn begin(&self) -> u64 {
        self.begin
    }

    /// Number of entries that are kept.
    pub(super) fn len(&self) -> usize {
        self.list.len() - self.gone
    }

    /// Bytes of the bodies that are kept.
    pub(super) const fn bodies(&self) -> usize {
        self.bodies
    }

    /// The position of the oldest entry that is kept, and its place in the order of all entries.
    pub(super) fn oldest(&self) -> Option<(u64, u64)> {
        self.list.front().map(|entry| (entry.position, entry.order))
    }

    /// The entry at this position, unless it is gone.
    pub(super) fn get(&self, position: u64) -> Option<&Entry> {
        self.list.get(self.place(position)?).filter(|entry| !matches!(entry.what, What::Gone))
    }

    /// The message at this position, if it is one.
    pub(super) fn message(&self, position: u64) -> Option<&Stored> {
        match &self.get(position)?.what {
            What::Message(stored) => Some(stored),
            _ => None,
        }
    }

    fn place(&self, position: u64) -> Option<usize> {
        let first = self.list.front()?.position;
        let guess = usize::try_from(position.checked_sub(first)?).ok()?;
        match self.list.get(guess) {
            Some(entry) if entry.position == position => Some(guess),
            _ => self.list.binary_search_by_key(&position, |entry| entry.position).ok(),
        }
    }

    /// Returns whether there is a message with this place in the order of all entries.
    pub(super) fn has(&self, order: u64) -> bool {
        let Some(first) = self.list.front() else { return false };
        // It is the first one, or was, in a dialog that is full.
        if order <= first.order {
            return order == first.order;
        }
        let found = self.list.binary_search_by_key(&order, |entry| entry.order);
        let entry = found.ok().and_then(|place| self.list.get(place));
        entry.is_some_and(|entry| matches!(entry.what, What::Message(_)))
    }

    /// Adds an entry, and returns its position. Bodies are counted elsewhere.
    pub(super) fn push(&mut self, order: u64, with: UserId, what: What, ledger: &mut Ledger) -> u64 {
        self.head += 1;
        ledger.bytes += ENTRY;
        if let What::Message(stored) = &what {
            self.bodies += stored.body.len();
        }
        self.list.push_back(Entry { position: self.head, order, with, what });
        self.head
    }

    /// Gives up an entry, and returns what it was, unless it is gone already. If it is the oldest, the log does not
    /// reach back to it any more.
    pub(super) fn give_up(&mut self, position: u64, ledger: &mut Ledger) -> Option<Removed> {
        if self.list.front().is_some_and(|first| first.position == position) {
            self.begin = position;
        }
        self.remove(position, ledger)
    }

    /// Removes an entry that newer ones replace, and returns what it was, unless it is gone already.
    pub(super) fn remove(&mut self, position: u64, ledger: &mut Ledger) -> Option<Removed> {
        let place = self.place(position)?;
        let entry = self.list.get_mut(place)?;
        let mut removed = Removed { with: entry.with, length: 0, is_foreign: false };
        match &entry.what {
            What::Gone => return None,
            What::Read { .. } | What::Contact { .. } | What::Changed { .. } => (),
            What::Message(stored) => {
                (removed.length, removed.is_foreign) = (stored.body.len(), !stored.is_own);
                match stored.in_conference {
                    // Counted once for each log, since nobody knows which is the last one.
                    Some(_) => ledger.bytes -= body_bytes(removed.length),
                    None => ledger.lose_body(entry.order, entry.with, removed.length),
                }
            }
        }
        ledger.bytes -= ENTRY;
        self.bodies -= removed.length;
        if place > 0 {
            entry.what = What::Gone;
            self.gone += 1;
            self.tidy();
        } else {
            self.list.pop_front();
            self.drop_gone();
        }
        shrink(&mut self.list);
        Some(removed)
    }

    /// Drops what is gone from the front.
    fn drop_gone(&mut self) {
        while matches!(self.list.front(), Some(Entry { what: What::Gone, .. })) {
            self.list.pop_front();
            self.gone -= 1;
        }
    }

    /// Drops what is gone once that is more than what is kept. So it never takes more memory than the rest, and moving
    /// the others costs no more than it did to add them.
    fn tidy(&mut self) {
        if self.gone > self.list.len() / 2 + 16 {
            self.list.retain(|entry| !matches!(entry.what, What::Gone));
            self.gone = 0;
        }
    }
}

/// Gives memory back when a list has become much shorter.
pub(super) fn shrink<T>(list: &mut VecDeque<T>) {
    if list.capacity() > 4 * list.len() + 16 {
        list.shrink_to(2 * list.len());
    }
}
