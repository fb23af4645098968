//! Contacts of a user, and the marks up to which the user has read what they wrote.

use super::Server;
use super::entries::kept_message;
use super::pending::{Asker, Pending};
use super::refusal::{Refused, not_stored, out_of_memory, refused, unknown_user, wrong_outcome};
use super::store::{AccountId, Contact, DialogMessage, Login, Mark, Operation, Outcome, Profile, StoreError};
use super::told::{USER, escaped, profile_bytes};
use crate::codec::Fields;
use crate::message::{Answer, Contacts, Date};

impl Server {
    pub(super) fn get_contacts(&mut self, asker: Asker) {
        let account = match self.signed_in_user(asker.id) {
            Ok(account) => account,
            Err(refused) => return self.answer(asker.id, asker.number, "get_contacts", Err(refused)),
        };
        let connection = self.connections.get(&asker.id).filter(|connection| connection.cursor.is_some());
        let max_bytes = connection
            .map_or(0, |connection| self.config.max_answer_bytes / escaped(connection.endpoint.format()));
        let (all, max_contacts) = (self.config.open_directory, self.config.max_contacts);
        let list = Operation::ListContacts {
            account,
            all,
            with_states: connection.is_some(),
            max_contacts,
            max_bytes,
        };
        self.ask(list, Some(asker), Pending::Contacts);
    }

    /// Contacts were listed.
    pub(super) fn contacts_listed(&mut self, asker: Option<Asker>, result: Result<Outcome, StoreError>) {
        let Some(Asker { id, number }) = asker else { return };
        let outcome = match result {
            Ok(Outcome::Contacts(contacts)) => {
                self.signed_in_user(id).and_then(|account| self.contacts(id, account, &contacts))
            }
            Ok(_) => wrong_outcome(),
            Err(error) => not_stored(error),
        };
        self.answer(id, number, "get_contacts", outcome);
    }

    fn contacts(
        &mut self,
        id: super::ConnectionId,
        account: AccountId,
        contacts: &[Contact],
    ) -> Result<Answer<'static>, Refused> {
        let connection = self.connections.get(&id);
        let has_cursor = connection.is_some_and(|connection| connection.cursor.is_some());
        let format = connection.map_or(self.config.format, |connection| connection.endpoint.format());
        // A login and some words for each, before it is written, and written.
        let last = if has_cursor { 3 * self.config.max_answer_bytes } else { 0 };
        let max = self.config.max_answer_bytes;
        if !self.make_room(contacts.len() * USER + max + last) {
            return out_of_memory();
        }
        let contacts = contacts.get(..contacts.len().min(max / USER)).unwrap_or_default();
        let mut room = max - contacts.len() * USER;
        let user = self.accounts.get(account).map(|account| account.login.clone()).unwrap_or_default();
        let contact = |contact: &Contact| {
            let profile = profile_bytes(format, contact);
            let mut told = if profile <= room {
                room -= profile;
                self.told_contact(contact, has_cursor)
            } else {
                let contact = Contact { profile: Profile::default(), ..contact.clone() };
                self.told_contact(&contact, has_cursor)
            };
            if has_cursor {
                told.extra.push("unread", contact.unread);
                // As far as it fits into what is left of the answer.
                if let Some(last) = &contact.last
                    && let Some(left) = room.checked_sub(escaped(format) * last.message.body.len())
                {
                    room = left;
                    told.extra.push("last", told_last(&user, last));
                }
            }
            told
        };
        Ok(Answer::Contacts(contacts.iter().map(contact).collect::<Contacts<'_>>()))
    }

    /// Moves the mark up to which the user has read a dialog.
    pub(super) fn read(&mut self, asker: Asker, login: &str, up_to: u64) {
        let account = self.signed_in_user(asker.id).and_then(|account| {
            self.check_login(login)?;
            self.charge_entries(account, 1).map(|_| account)
        });
        match account {
            Ok(account) => {
                let mark = Operation::MoveMark { account, with: login.into(), up_to };
                self.ask(mark, Some(asker), Pending::Mark { account });
            }
            Err(refused) => self.answer(asker.id, asker.number, "read", Err(refused)),
        }
    }

    /// A mark was moved, or can't be.
    pub(super) fn mark_moved(
        &mut self,
        asker: Option<Asker>,
        account: AccountId,
        result: Result<Outcome, StoreError>,
    ) {
        if !matches!(result, Ok(Outcome::Marked(Mark { position: Some(_), .. }))) {
            self.give_back(account, 1);
        }
        let outcome = match result {
            Ok(Outcome::Marked(mark)) => {
                if let Some((told, date)) = mark.told {
                    self.tell_read(account, told, date);
                }
                mark.position.into_iter().for_each(|position| self.accounts.grew(account, position));
                Ok(Answer::Read)
            }
            Ok(Outcome::NoSuchUser) => unknown_user(),
            Ok(Outcome::BeyondHead) => refused(400, "the field \"up_to\" is beyond the log's head"),
            Ok(_) => wrong_outcome(),
            Err(error) => not_stored(error),
        };
        if let Some(asker) = asker {
            self.answer(asker.id, asker.number, "read", outcome);
        }
        // The one that asked goes on after its answer.
        let asked = asker.map(|asker| asker.id);
        self.pump_all(account, asked);
    }

    /// Lets all connections of a user go on in the log, except one.
    pub(super) fn pump_all(&mut self, account: AccountId, except: Option<super::ConnectionId>) {
        let online = self.accounts.online(account).to_vec();
        online.into_iter().filter(|id| Some(*id) != except).for_each(|id| self.pump(id));
    }
}

/// Returns the last message of a dialog as a contact tells it.
fn told_last(user: &Login, last: &DialogMessage) -> Fields<'static> {
    let message = kept_message(user, &last.message, Some(last.position));
    let mut from = Fields::new();
    from.push("login", &*message.from.login);
    if let Some(conference) = &message.from.in_conference {
        from.push("in_conference", &**conference);
    }
    let mut fields = Fields::new();
    fields.push("from", from);
    fields.push("to", &*message.to);
    fields.push("body", &*message.body);
    fields.push("date", message.date.as_ref().and_then(Date::as_integer).unwrap_or_default());
    fields.push("position", last.position);
    fields
}
