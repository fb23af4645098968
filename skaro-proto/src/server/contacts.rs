//! Contacts of a user, and the marks up to which the user has read what they wrote.

use alloc::string::ToString;

use super::cursor::kept_message;
use super::log::Log;
use super::logs::Logs;
use super::refusal::{Refused, out_of_memory, refused};
use super::users::{User, UserId};
use super::{ConnectionId, Server};
use crate::codec::{Fields, Format};
use crate::message::{self, Answer, Contacts, Date};

/// Bytes that a contact in an answer takes while it is written.
const CONTACT: usize = 512;

impl Server {
    pub(super) fn get_contacts(&mut self, id: ConnectionId, number: u64) {
        let user = match self.signed_in_user(id) {
            Ok(user) => user,
            Err(refused) => return self.answer(id, number, "get_contacts", Err(refused)),
        };
        let (directory, limit) = (self.config.open_directory, self.config.max_contacts);
        // A login and some words for each, before it is written, and written.
        let count = self.users.contacts(user, directory).take(limit).count();
        let has_cursor = self.connections.get(&id).is_some_and(|connection| connection.cursor.is_some());
        let last = if has_cursor { 3 * self.config.max_answer_bytes } else { 0 };
        if !self.make_room(count * CONTACT + last) {
            return self.answer(id, number, "get_contacts", out_of_memory());
        }
        let log = self.logs.get(user).filter(|_| has_cursor);
        let format = self.connections.get(&id).map_or(self.config.format, |connection| connection.format);
        let mut room = self.config.max_answer_bytes.saturating_sub(count * CONTACT);
        let contact = |contact: &User| {
            let mut told = message::User::new(contact.login.to_string());
            told.extra.push("online", !contact.online.is_empty());
            if has_cursor && let Some(with) = self.users.find(&contact.login) {
                told.extra.push("unread", log.and_then(|log| log.dialog(with)).map_or(0, |it| it.unread()));
                if let Some(last) = log.and_then(|log| self.last(log, user, with, format, &mut room)) {
                    told.extra.push("last", last);
                }
            }
            told
        };
        let contacts: Contacts<'_> = self.users.contacts(user, directory).take(limit).map(contact).collect();
        self.answer(id, number, "get_contacts", Ok(Answer::Contacts(contacts)));
    }

    /// Returns the last message of a dialog, if it fits into what is left of the answer.
    fn last(
        &self,
        log: &Log,
        user: UserId,
        with: UserId,
        format: Format,
        room: &mut usize,
    ) -> Option<Fields<'static>> {
        let position = *log.dialog(with)?.positions().back()?;
        let message = kept_message(&self.users, user, with, log.entries.message(position)?, Some(position));
        // As JSON escapes make a text longer, by six at most.
        let length = match format {
            Format::Json => 6 * message.body.len(),
            Format::Cbor => message.body.len(),
        };
        *room = room.checked_sub(length)?;
        let mut from = Fields::new();
        from.push("login", &*message.from.login);
        let mut fields = Fields::new();
        fields.push("from", from);
        fields.push("to", &*message.to);
        fields.push("body", &*message.body);
        fields.push("date", message.date.as_ref().and_then(Date::as_integer).unwrap_or_default());
        fields.push("position", position);
        Some(fields)
    }

    /// Moves the mark up to which the user has read a dialog.
    pub(super) fn read(
        &mut self,
        id: ConnectionId,
        login: &str,
        up_to: u64,
    ) -> Result<Answer<'static>, Refused> {
        let user = self.signed_in_user(id)?;
        let with = self.known_user(login)?;
        let head = self.logs.get(user).map_or(0, |log| log.entries.head());
        if up_to > head {
            return refused(400, "the field \"up_to\" is beyond the log's head");
        }
        if !self.make_room(Logs::MARK) {
            return out_of_memory();
        }
        if self.logs.read(user, with, up_to, &self.config) {
            let others = self.users.get(user).map(|user| user.online.clone()).unwrap_or_default();
            others.into_iter().filter(|other| *other != id).for_each(|other| self.pump(other));
        }
        Ok(Answer::Read)
    }
}
