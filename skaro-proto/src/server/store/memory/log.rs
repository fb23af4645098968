//! The log of one account: all that durably concerns its user, in order.

use alloc::collections::{BTreeMap, VecDeque};

use super::entries::{Entries, Removed, Stored, What, shrink};
use super::keys::Keys;
use super::ledger::Ledger;
use super::users::UserId;
use crate::server::store::{ContactState, StoreLimits};

/// The log of one account, its dialogs, and the keys of the messages that its user sent.
#[derive(Clone, Default)]
pub(super) struct Log {
    pub(super) entries: Entries,
    dialogs: BTreeMap<UserId, Dialog>,
    pub(super) keys: Keys,
}

/// The messages exchanged with one user, oldest first.
#[derive(Clone, Default)]
pub(super) struct Dialog {
    positions: VecDeque<u64>,
    /// Bytes of the bodies.
    bytes: usize,
    /// Date of the last message ever: dates strictly increase within a dialog, even if the clock does not. It outlives
    /// the messages.
    latest: i64,
    /// State of the other user as a contact.
    state: ContactState,
    /// Position up to which the user has read.
    read: u64,
    /// Positions of the last entries of that, of the contact's state, and of its profile: newer ones replace them.
    last: [u64; 3],
    /// Number of messages from the other user beyond it.
    unread: u64,
}

/// Bytes that a dialog takes besides its messages: a place in a tree whose nodes are two thirds full on average.
pub(super) const DIALOG: usize = 3 * (size_of::<Dialog>() + size_of::<UserId>()) / 2 + 32;

impl Log {
    /// The place of what is oldest in the order of all entries.
    pub(super) fn oldest(&self) -> Option<u64> {
        let entry = self.entries.oldest().map(|(_, order)| order);
        [entry, self.keys.oldest()].into_iter().flatten().min()
    }

    /// Returns whether nothing is kept that could be given up.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.len() == 0 && self.keys.is_empty()
    }

    pub(super) fn dialog(&self, with: UserId) -> Option<&Dialog> {
        self.dialogs.get(&with)
    }

    fn dialog_mut<'l>(
        dialogs: &'l mut BTreeMap<UserId, Dialog>,
        with: UserId,
        ledger: &mut Ledger,
    ) -> &'l mut Dialog {
        dialogs.entry(with).or_insert_with(|| {
            ledger.bytes += DIALOG;
            Dialog::default()
        })
    }

    /// Adds a message, dated just after the last one of its dialog if its own date is not later, and lists the other
    /// user if the message does so. Returns its position and its date. Bodies are counted elsewhere.
    pub(super) fn add_message(
        &mut self,
        order: u64,
        with: UserId,
        mut stored: Stored,
        limits: &StoreLimits,
        ledger: &mut Ledger,
    ) -> (u64, i64) {
        let dialog = Self::dialog_mut(&mut self.dialogs, with, ledger);
        dialog.state = match dialog.state {
            ContactState::None if stored.in_conference.is_none() => ContactState::Listed,
            ContactState::Asks if stored.is_own => ContactState::Listed,
            state => state,
        };
        let date = stored.date.max(dialog.latest.saturating_add(1));
        stored.date = date;
        dialog.latest = date;
        dialog.bytes += stored.body.len();
        dialog.unread += u64::from(!stored.is_own);
        let position = self.entries.push(order, with, What::Message(stored), ledger);
        dialog.positions.push_back(position);
        // The share of this log that one other user may take.
        while (dialog.positions.len() > limits.max_dialog_messages || dialog.bytes > limits.max_dialog_bytes)
            && let Some(oldest) = dialog.positions.front()
            && let Some(removed) = self.entries.give_up(*oldest, ledger)
        {
            dialog.lose_first(&removed);
        }
        self.trim(limits, ledger);
        (position, date)
    }

    /// Gives up the oldest entries until the limits of the account hold.
    fn trim(&mut self, limits: &StoreLimits, ledger: &mut Ledger) {
        while self.entries.len() > limits.max_log_entries || self.entries.bodies() > limits.max_log_bytes {
            if !self.give_up_oldest(ledger) {
                return;
            }
        }
    }

    /// Gives up the oldest entry; returns whether there was one.
    fn give_up_oldest(&mut self, ledger: &mut Ledger) -> bool {
        let Some((position, _)) = self.entries.oldest() else { return false };
        if let Some(removed) = self.entries.give_up(position, ledger)
            && let Some(dialog) = self.dialogs.get_mut(&removed.with)
            && dialog.positions.front() == Some(&position)
        {
            dialog.lose_first(&removed);
        }
        true
    }

    /// Moves the mark up to which a dialog is read forward; returns the new entry's position, if it moved.
    pub(super) fn add_read(
        &mut self,
        order: u64,
        with: UserId,
        up_to: u64,
        limits: &StoreLimits,
        ledger: &mut Ledger,
    ) -> Option<u64> {
        let dialog = Self::dialog_mut(&mut self.dialogs, with, ledger);
        if up_to <= dialog.read {
            return None;
        }
        dialog.read = up_to;
        let from = dialog.positions.partition_point(|position| *position <= up_to);
        let later = dialog.positions.iter().skip(from);
        let is_foreign = |position: &&u64| self.entries.message(**position).is_some_and(|it| !it.is_own);
        dialog.unread = later.filter(is_foreign).count() as u64;
        Some(self.replace(order, with, What::Read { up_to }, limits, ledger))
    }

    /// Adds an entry in place of the last one of its kind and dialog, and returns its position. So frequent changes do
    /// not push messages out.
    pub(super) fn replace(
        &mut self,
        order: u64,
        with: UserId,
        what: What,
        limits: &StoreLimits,
        ledger: &mut Ledger,
    ) -> u64 {
        let place = match what {
            What::Contact { .. } => 1,
            What::Changed { .. } => 2,
            What::Read { .. } | What::Message(_) | What::Gone => 0,
        };
        let dialog = Self::dialog_mut(&mut self.dialogs, with, ledger);
        let position = self.entries.push(order, with, what, ledger);
        if let Some(last) = dialog.last.get_mut(place) {
            self.entries.remove(core::mem::replace(last, position), ledger);
        }
        self.trim(limits, ledger);
        position
    }

    /// Begins a dialog, unless it exists.
    pub(super) fn touch(&mut self, with: UserId, ledger: &mut Ledger) {
        Self::dialog_mut(&mut self.dialogs, with, ledger);
    }

    /// Sets the state of a contact; returns whether it was another one.
    pub(super) fn set_state(&mut self, with: UserId, state: ContactState, ledger: &mut Ledger) -> bool {
        let dialog = Self::dialog_mut(&mut self.dialogs, with, ledger);
        core::mem::replace(&mut dialog.state, state) != state
    }

    /// Takes the next date of a conference, whose log this is.
    pub(super) fn next_date(&mut self, conference: UserId, now: i64, ledger: &mut Ledger) -> i64 {
        let dialog = Self::dialog_mut(&mut self.dialogs, conference, ledger);
        dialog.latest = now.max(dialog.latest.saturating_add(1));
        dialog.latest
    }

    /// Returns all users with whom there is a dialog, and their states, in the order in which they were added to the
    /// store.
    pub(super) fn states(&self) -> impl Iterator<Item = (UserId, ContactState)> {
        self.dialogs.iter().map(|(with, dialog)| (*with, dialog.state))
    }

    /// Gives up an entry and keys that are as old as this, or older.
    pub(super) fn forget(&mut self, order: u64, ledger: &mut Ledger) {
        if self.entries.oldest().is_some_and(|(_, oldest)| oldest <= order) {
            self.give_up_oldest(ledger);
        }
        ledger.bytes -= self.keys.forget(order);
    }

    /// Gives up everything.
    pub(super) fn clear(&mut self, ledger: &mut Ledger) {
        while self.give_up_oldest(ledger) {}
        ledger.bytes -= self.keys.forget(u64::MAX) + self.dialogs.len() * DIALOG;
        *self = Log::default();
    }

    /// Gives up keys that will not be repeated any more.
    pub(super) fn expire_keys(&mut self, now: i64, limit: usize, ledger: &mut Ledger) {
        ledger.bytes -= self.keys.expire(now, limit, |position| self.entries.get(position).is_some());
    }
}

impl Dialog {
    /// The positions of the messages, oldest first.
    pub(super) const fn positions(&self) -> &VecDeque<u64> {
        &self.positions
    }

    /// Number of messages from the other user beyond the read mark.
    pub(super) const fn unread(&self) -> u64 {
        self.unread
    }

    /// The state of the other user as a contact.
    pub(super) const fn state(&self) -> ContactState {
        self.state
    }

    /// The position of the last message up to the read mark.
    pub(super) fn last_read(&self) -> Option<u64> {
        let count = self.positions.partition_point(|position| *position <= self.read);
        self.positions.get(count.checked_sub(1)?).copied()
    }

    /// Notes that its first message was given up. It is the first one, since dialogs and logs are given up from the
    /// front.
    fn lose_first(&mut self, removed: &Removed) {
        let position = self.positions.pop_front().unwrap_or_default();
        shrink(&mut self.positions);
        self.bytes -= removed.length;
        self.unread -= u64::from(removed.is_foreign && position > self.read);
    }
}
