//! Readings of logs: entries, messages of dialogs, contacts.

use alloc::vec::Vec;

use super::MemoryStore;
use super::entries::{Entry, Stored, What};
use super::log::{Dialog, Log};
use super::users::UserId;
use crate::message::Page;
use crate::server::store::{self, AccountId, ContactState, Content, DialogMessage, Login, Message, Outcome};

/// Returns the places of the messages of a dialog that are asked for, from the first to the one after the last.
fn places(log: &Log, dialog: &Dialog, page: Page) -> (usize, usize) {
    // Dates increase with positions.
    let date = |position: u64| log.entries.message(position).map_or(i64::MIN, |stored| stored.date);
    let before = |of: &dyn Fn(u64) -> bool| dialog.positions().partition_point(|position| of(*position));
    let from = before(&|position| {
        page.after.is_some_and(|after| position <= after)
            || page.after_date.is_some_and(|after| date(position) <= after)
    });
    let to = before(&|position| {
        page.before.is_none_or(|before| position < before)
            && page.before_date.is_none_or(|before| date(position) < before)
    });
    (from, to.max(from))
}

impl MemoryStore {
    fn message(&self, with: UserId, stored: &Stored) -> Message {
        let message = Message::new(self.users.login(with), stored.is_own, stored.date, stored.body.clone());
        let sender = stored.in_conference.filter(|_| !stored.is_own).map(|sender| self.users.login(sender));
        Message { sender, key: stored.key.clone(), ..message }
    }

    fn content(&self, entry: Option<&Entry>) -> Content {
        match entry.map(|entry| (entry.with, &entry.what)) {
            Some((with, What::Message(stored))) => Content::Message(self.message(with, stored)),
            Some((with, What::Read { up_to })) => {
                Content::Read { with: self.users.login(with), up_to: *up_to }
            }
            Some((with, What::Contact { state })) => {
                Content::Contact { with: self.users.login(with), state: *state }
            }
            Some((with, What::Changed { member })) => Content::Changed {
                with: self.users.login(with),
                profile: self.users.profile(with),
                member: member.map(|(member, state)| (self.users.login(member), state)),
            },
            Some((_, What::Gone)) | None => Content::Gone,
        }
    }

    pub(super) fn read_log(
        &self,
        account: AccountId,
        after: u64,
        max_entries: usize,
        max_bytes: usize,
    ) -> Outcome {
        let mut entries = Vec::new();
        if let Some(log) = self.logs.get(UserId::of(account)) {
            let mut bytes = 0;
            for position in (after.saturating_add(1)..=log.entries.head()).take(max_entries) {
                let content = self.content(log.entries.get(position));
                if let Content::Message(message) = &content {
                    bytes += message.body.len();
                }
                if bytes > max_bytes && !entries.is_empty() {
                    break;
                }
                entries.push(store::Entry { position, content });
            }
        }
        Outcome::Entries(entries)
    }

    pub(super) fn read_dialog(
        &self,
        account: AccountId,
        with: &Login,
        page: Page,
        max_messages: usize,
        max_bytes: usize,
    ) -> Outcome {
        let Some(with) = self.users.find(with) else { return Outcome::NoSuchUser };
        let (mut messages, mut more) = (Vec::new(), false);
        if let Some(log) = self.logs.get(UserId::of(account))
            && let Some(dialog) = log.dialog(with)
        {
            let (first, end) = places(log, dialog, page);
            let (length, mut bytes) = (end - first, 0);
            while messages.len() < max_messages.min(length) {
                let count = messages.len();
                let place = if page.is_forward() { first + count } else { end - 1 - count };
                let Some(position) = dialog.positions().get(place).copied() else { break };
                let Some(stored) = log.entries.message(position) else { break };
                bytes += stored.body.len();
                if bytes > max_bytes {
                    break;
                }
                messages.push(DialogMessage { position, message: self.message(with, stored) });
            }
            more = messages.len() < length;
            if !page.is_forward() {
                messages.reverse();
            }
        }
        Outcome::Dialog { messages, more }
    }

    pub(super) fn list_contacts(
        &self,
        account: AccountId,
        (all, with_states): (bool, bool),
        max_contacts: usize,
        max_bytes: usize,
    ) -> Outcome {
        let user = UserId::of(account);
        let (log, mut room) = (self.logs.get(user), max_bytes);
        let contact = |with: UserId| {
            let mut contact = self.contact(user, with);
            let dialog = log.and_then(|log| log.dialog(with));
            contact.unread = dialog.map_or(0, Dialog::unread);
            if max_bytes > 0
                && let Some((log, dialog)) = log.zip(dialog)
                && let Some(position) = dialog.positions().back().copied()
                && let Some(stored) = log.entries.message(position)
                && let Some(left) = room.checked_sub(stored.body.len())
            {
                room = left;
                contact.last = Some(DialogMessage { position, message: self.message(with, stored) });
            }
            contact
        };
        let states = |is: fn(ContactState) -> bool| {
            let states = log.into_iter().flat_map(Log::states);
            states.filter(move |(with, state)| is(*state) && *with != user).map(|(with, _)| with)
        };
        let is_other = |state| matches!(state, ContactState::Asks | ContactState::Blocked);
        let listed = states(ContactState::is_member);
        let contacts = if all {
            let rest = self.users.all().filter(|with| {
                let state = self.logs.state(user, *with);
                let is_shown = self.users.access(*with).is_some() || with_states && is_other(state);
                *with != user && is_shown && !state.is_member()
            });
            listed.chain(rest).take(max_contacts).map(contact).collect()
        } else {
            let rest = states(is_other).filter(|_| with_states);
            listed.chain(rest).take(max_contacts).map(contact).collect()
        };
        Outcome::Contacts(contacts)
    }
}
