//! The log of one account: whatever concerns its user durably, in order.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;

use super::ConnectionId;
use super::config::ServerConfig;
use super::keys::Keys;
use super::users::UserId;

/// The entries of one account. Positions are 1, 2, 3, …, without holes: an entry that is given up while older ones are
/// kept leaves its position behind, and is [gone](What::Gone).
#[derive(Default)]
pub(super) struct Log {
    /// Those that are kept, and some that are gone, by their positions. The first one is never gone.
    entries: VecDeque<Entry>,
    /// How many of these are gone.
    gone: usize,
    /// The position of the last entry ever.
    head: u64,
    /// The position after which nothing is given up but what newer entries of a dialog pushed out.
    begin: u64,
    /// Bytes of the bodies that are kept.
    bodies: usize,
    dialogs: BTreeMap<UserId, Dialog>,
    pub(super) keys: Keys,
}

pub(super) struct Entry {
    position: u64,
    /// The place in the order of the entries of all logs. A message has the same in both.
    order: u64,
    /// The other user.
    pub(super) with: UserId,
    pub(super) what: What,
}

pub(super) enum What {
    Message(Stored),
    /// The dialog is read up to a position.
    Read {
        up_to: u64,
    },
    /// Not kept any more.
    Gone,
}

/// A message that the server has taken, as one of its two users has it.
pub(super) struct Stored {
    /// Whether the log's user sent it.
    pub(super) is_own: bool,
    pub(super) date: i64,
    pub(super) body: Arc<str>,
    /// The key that the sender gave; only in the sender's log.
    pub(super) key: Option<Arc<str>>,
    /// The connection that had the last answer to it.
    pub(super) answered: Option<ConnectionId>,
}

#[cfg(test)]
impl Stored {
    /// A message of which only these matter.
    pub(super) fn new(body: &str, date: i64) -> Self {
        Stored { is_own: true, date, body: body.into(), key: None, answered: None }
    }
}

/// The messages exchanged with one user, oldest first.
#[derive(Default)]
pub(super) struct Dialog {
    positions: VecDeque<u64>,
    /// Bytes of the bodies.
    bytes: usize,
    /// The date of the last message ever: dates strictly increase within a dialog, even if the clock does not. It
    /// outlives the messages.
    latest: i64,
    /// The position up to which the user has read, and that of the entry that says so.
    read: u64,
    mark: u64,
    /// Messages from the other user beyond it.
    unread: u64,
}

/// What an entry takes besides its body, in bytes: half of a list that grows is empty, at most, a quarter on average.
pub(super) const ENTRY: usize = 3 * (size_of::<Entry>() + size_of::<u64>()) / 2;
/// What a body takes besides its text, in bytes: two counters.
const BODY: usize = 2 * size_of::<usize>();
/// What a dialog takes besides its messages, in bytes: a place in a tree whose nodes are two thirds full on average.
pub(super) const DIALOG: usize = 3 * (size_of::<Dialog>() + size_of::<UserId>()) / 2 + 32;

/// What a body takes, in bytes.
pub(super) const fn body_bytes(length: usize) -> usize {
    BODY + length
}

impl Log {
    /// The position of the last entry ever; 0 if there was none.
    pub(super) const fn head(&self) -> u64 {
        self.head
    }

    /// The earliest position after which a cursor can begin.
    pub(super) const fn begin(&self) -> u64 {
        self.begin
    }

    /// The place of what is oldest in the order of all entries.
    pub(super) fn oldest(&self) -> Option<u64> {
        let entry = self.entries.front().map(|entry| entry.order);
        [entry, self.keys.oldest()].into_iter().flatten().min()
    }

    /// Returns whether nothing is kept that could be given up.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.keys.is_empty()
    }

    pub(super) fn dialog(&self, with: UserId) -> Option<&Dialog> {
        self.dialogs.get(&with)
    }

    /// The entry at this position, unless it is gone.
    pub(super) fn entry(&self, position: u64) -> Option<&Entry> {
        self.entries.get(self.place(position)?).filter(|entry| !matches!(entry.what, What::Gone))
    }

    /// The message at this position, if it is one.
    pub(super) fn message(&self, position: u64) -> Option<&Stored> {
        match &self.entry(position)?.what {
            What::Message(stored) => Some(stored),
            What::Read { .. } | What::Gone => None,
        }
    }

    fn place(&self, position: u64) -> Option<usize> {
        let first = self.entries.front()?.position;
        let guess = usize::try_from(position.checked_sub(first)?).ok()?;
        match self.entries.get(guess) {
            Some(entry) if entry.position == position => Some(guess),
            _ => self.entries.binary_search_by_key(&position, |entry| entry.position).ok(),
        }
    }

    /// This connection has had the last answer to a message.
    pub(super) fn set_answered(&mut self, position: u64, id: ConnectionId) {
        let entry = self.place(position).and_then(|place| self.entries.get_mut(place));
        if let Some(Entry { what: What::Message(stored), .. }) = entry {
            stored.answered = Some(id);
        }
    }

    fn dialog_mut(&mut self, with: UserId, bytes: &mut usize) -> &mut Dialog {
        self.dialogs.entry(with).or_insert_with(|| {
            *bytes += DIALOG;
            Dialog::default()
        })
    }

    fn push(&mut self, order: u64, with: UserId, what: What) -> u64 {
        self.head += 1;
        self.entries.push_back(Entry { position: self.head, order, with, what });
        self.head
    }

    /// Adds a message, and returns its position. `bytes` is what all logs take; bodies are counted elsewhere.
    pub(super) fn add_message(
        &mut self,
        order: u64,
        with: UserId,
        stored: Stored,
        config: &ServerConfig,
        bytes: &mut usize,
    ) -> u64 {
        let (length, date, is_own) = (stored.body.len(), stored.date, stored.is_own);
        let position = self.push(order, with, What::Message(stored));
        self.bodies += length;
        *bytes += ENTRY;
        let mut dialog = self.dialog_mut(with, bytes);
        dialog.positions.push_back(position);
        dialog.bytes += length;
        dialog.latest = date;
        dialog.unread += u64::from(!is_own);
        // What one user may take of another one's log.
        while (dialog.positions.len() > config.max_dialog_messages || dialog.bytes > config.max_dialog_bytes)
            && let Some(oldest) = dialog.positions.front().copied()
        {
            self.give_up(oldest, bytes);
            dialog = self.dialog_mut(with, bytes);
        }
        self.trim(config, bytes);
        position
    }

    /// Gives up the oldest entries until the limits of the account hold.
    fn trim(&mut self, config: &ServerConfig, bytes: &mut usize) {
        while (self.entries.len() - self.gone > config.max_log_entries || self.bodies > config.max_log_bytes)
            && let Some(first) = self.entries.front()
        {
            self.give_up(first.position, bytes);
        }
    }

    /// Moves the mark up to which a dialog is read forward, and returns the new entry's position.
    pub(super) fn add_read(
        &mut self,
        order: u64,
        with: UserId,
        up_to: u64,
        config: &ServerConfig,
        bytes: &mut usize,
    ) -> Option<u64> {
        let dialog = self.dialog_mut(with, bytes);
        if up_to <= dialog.read {
            return None;
        }
        let before = dialog.mark;
        dialog.read = up_to;
        let from = dialog.positions.partition_point(|position| *position <= up_to);
        let unread: u64 = self.dialogs.get(&with).map_or(0, |dialog| {
            let later = dialog.positions.iter().skip(from);
            later.filter(|position| self.message(**position).is_some_and(|it| !it.is_own)).count() as u64
        });
        // Only the last mark of each dialog is kept: whoever reads much does not push messages out.
        self.make_gone(before, bytes);
        *bytes += ENTRY;
        let position = self.push(order, with, What::Read { up_to });
        if let Some(dialog) = self.dialogs.get_mut(&with) {
            (dialog.mark, dialog.unread) = (position, unread);
        }
        self.trim(config, bytes);
        Some(position)
    }

    /// Gives up what is as old as this, or older.
    pub(super) fn forget(&mut self, order: u64, bytes: &mut usize) {
        if let Some(first) = self.entries.front()
            && first.order <= order
        {
            self.give_up(first.position, bytes);
        }
        *bytes -= self.keys.forget(order);
    }

    /// Gives up an entry. If it is the oldest, the log does not reach back to it any more.
    fn give_up(&mut self, position: u64, bytes: &mut usize) {
        if self.entries.front().is_some_and(|first| first.position == position) {
            self.begin = position;
        }
        self.make_gone(position, bytes);
    }

    fn make_gone(&mut self, position: u64, bytes: &mut usize) {
        let Some(entry) = self.place(position).and_then(|place| self.entries.get_mut(place)) else { return };
        let (with, what) = (entry.with, core::mem::replace(&mut entry.what, What::Gone));
        match what {
            What::Gone => return,
            What::Read { .. } => (),
            What::Message(stored) => {
                let length = stored.body.len();
                self.bodies -= length;
                // The other user's log may still have it.
                if Arc::strong_count(&stored.body) == 1 {
                    *bytes -= body_bytes(length);
                }
                // It is the first of its dialog, since dialogs and logs are given up from the front.
                if let Some(dialog) = self.dialogs.get_mut(&with) {
                    dialog.positions.pop_front();
                    shrink(&mut dialog.positions);
                    dialog.bytes -= length;
                    dialog.unread -= u64::from(!stored.is_own && position > dialog.read);
                }
            }
        }
        *bytes -= ENTRY;
        self.gone += 1;
        while matches!(self.entries.front(), Some(Entry { what: What::Gone, .. })) {
            self.entries.pop_front();
            self.gone -= 1;
        }
        // What is gone costs no more than what is kept, and moving it costs no more than it did to add it.
        if self.gone > self.entries.len() / 2 + 16 {
            self.entries.retain(|entry| !matches!(entry.what, What::Gone));
            self.gone = 0;
        }
        shrink(&mut self.entries);
    }

    /// Gives up keys that nobody will repeat any more.
    pub(super) fn expire_keys(&mut self, now: crate::time::Time, limit: usize, bytes: &mut usize) {
        let mut keys = core::mem::take(&mut self.keys);
        *bytes -= keys.expire(now, limit, |position| self.entry(position).is_some());
        self.keys = keys;
    }
}

/// What many items took is not kept for a few.
fn shrink<T>(list: &mut VecDeque<T>) {
    if list.capacity() > 4 * list.len() + 16 {
        list.shrink_to(2 * list.len());
    }
}

impl Dialog {
    /// The positions of the messages, oldest first.
    pub(super) const fn positions(&self) -> &VecDeque<u64> {
        &self.positions
    }

    pub(super) const fn latest(&self) -> i64 {
        self.latest
    }

    /// How many messages from the other user are beyond the read mark.
    pub(super) const fn unread(&self) -> u64 {
        self.unread
    }
}
