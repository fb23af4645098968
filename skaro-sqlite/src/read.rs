//! Readings of logs: entries, messages of dialogs, contacts.

use rusqlite::{Row, params};
use skaro_proto::message::Page;
use skaro_proto::server::store::{
    AccountId, Contact, Content, DialogMessage, Entry, Login, Message, Outcome,
};

use crate::error::Result;
use crate::tx::{Tx, login, number, shared, size, sql};

/// Reads a message: whether it is the reader's own, date, body, key.
fn message(row: &Row<'_>, with: Login, first: usize) -> Result<Message> {
    let body = shared(row.get_ref(first + 2)?.as_blob().map_err(rusqlite::Error::from)?)?;
    let mut message = Message::new(with, row.get(first)?, row.get(first + 1)?, body);
    let key = row.get_ref(first + 3)?.as_blob_or_null().map_err(rusqlite::Error::from)?;
    if let (true, Some(key)) = (message.is_own, key) {
        message.key = Some(shared(key)?);
    }
    Ok(message)
}

impl Tx<'_> {
    pub(crate) fn read_log(
        &self,
        account: AccountId,
        after: u64,
        max_entries: usize,
        max_bytes: usize,
    ) -> Result<Outcome> {
        let mut entries = Vec::new();
        let mut statement = self.prepare(
            "SELECT position, login, up_to, sender = account, date, body, key FROM entries
             JOIN accounts ON accounts.id = entries.peer LEFT JOIN messages ON messages.id = entries.message
             WHERE account = ? AND position > ? ORDER BY position LIMIT ?",
        )?;
        let mut rows = statement.query([sql(account.0), sql(after), size(max_entries)])?;
        let (mut next, mut bytes) = (after.saturating_add(1), 0);
        // Positions without an entry are gone.
        let skip = |entries: &mut Vec<Entry>, next: &mut u64, end: u64| {
            while *next < end && entries.len() < max_entries {
                entries.push(Entry::new(*next, Content::Gone));
                *next += 1;
            }
        };
        while let Some(row) = rows.next()? {
            let position = number(row.get(0)?);
            skip(&mut entries, &mut next, position);
            if entries.len() >= max_entries {
                return Ok(Outcome::Entries(entries));
            }
            let with = login(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
            let content = match row.get::<_, Option<i64>>(2)? {
                Some(up_to) => Content::Read { with, up_to: number(up_to) },
                None => Content::Message(message(row, with, 3)?),
            };
            if let Content::Message(message) = &content {
                bytes += message.body.len();
            }
            if bytes > max_bytes && !entries.is_empty() {
                return Ok(Outcome::Entries(entries));
            }
            entries.push(Entry::new(position, content));
            next = position + 1;
        }
        if entries.len() < max_entries {
            let mut statement = self.prepare("SELECT head FROM accounts WHERE id = ?")?;
            let mut rows = statement.query([sql(account.0)])?;
            if let Some(row) = rows.next()? {
                skip(&mut entries, &mut next, number(row.get(0)?).saturating_add(1));
            }
        }
        Ok(Outcome::Entries(entries))
    }

    pub(crate) fn read_dialog(
        &self,
        account: AccountId,
        with: &Login,
        page: &Page,
        max_messages: usize,
        max_bytes: usize,
    ) -> Result<Outcome> {
        let Some(peer) = self.id_of(with)? else { return Ok(Outcome::NoSuchUser) };
        let mut statement = self.prepare(if page.is_forward() {
            "SELECT position, sender = account, date, body, key FROM entries
             JOIN messages ON messages.id = entries.message
             WHERE account = ? AND peer = ? AND message IS NOT NULL AND position > ? AND position < ?
             AND (?5 IS NULL OR date > ?5) AND (?6 IS NULL OR date < ?6)
             ORDER BY position LIMIT ?7"
        } else {
            "SELECT position, sender = account, date, body, key FROM entries
             JOIN messages ON messages.id = entries.message
             WHERE account = ? AND peer = ? AND message IS NOT NULL AND position > ? AND position < ?
             AND (?5 IS NULL OR date > ?5) AND (?6 IS NULL OR date < ?6)
             ORDER BY position DESC LIMIT ?7"
        })?;
        let mut rows = statement.query(params![
            sql(account.0),
            sql(peer.0),
            sql(page.after.unwrap_or(0)),
            sql(page.before.unwrap_or(u64::MAX)),
            page.after_date,
            page.before_date,
            size(max_messages.saturating_add(1)),
        ])?;
        let (mut messages, mut more, mut bytes) = (Vec::new(), false, 0);
        while let Some(row) = rows.next()? {
            let found = DialogMessage::new(number(row.get(0)?), message(row, with.clone(), 1)?);
            bytes += found.message.body.len();
            if bytes > max_bytes || messages.len() >= max_messages {
                more = true;
                break;
            }
            messages.push(found);
        }
        if !page.is_forward() {
            messages.reverse();
        }
        Ok(Outcome::Dialog { messages, more })
    }

    pub(crate) fn list_contacts(
        &self,
        account: AccountId,
        all: bool,
        max_contacts: usize,
        max_bytes: usize,
    ) -> Result<Outcome> {
        let mut statement = self.prepare(if all {
            "SELECT id, login, coalesce(unread, 0) FROM accounts
             LEFT JOIN dialogs ON dialogs.account = ?1 AND dialogs.peer = accounts.id
             WHERE id <> ?1 AND verifier IS NOT NULL ORDER BY id LIMIT ?2"
        } else {
            "SELECT peer, login, unread FROM dialogs JOIN accounts ON accounts.id = dialogs.peer
             WHERE account = ? AND is_contact ORDER BY peer LIMIT ?"
        })?;
        let mut rows = statement.query([sql(account.0), size(max_contacts)])?;
        let (mut contacts, mut room) = (Vec::new(), max_bytes);
        while let Some(row) = rows.next()? {
            let mut contact = Contact::new(login(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?);
            contact.unread = number(row.get(2)?);
            if max_bytes > 0
                && let Some(last) = self.last(account, row.get(0)?, &contact.login, room)?
            {
                room -= last.message.body.len();
                contact.last = Some(last);
            }
            contacts.push(contact);
        }
        Ok(Outcome::Contacts(contacts))
    }

    /// Returns the last message of a dialog, if it fits.
    fn last(
        &self,
        account: AccountId,
        peer: i64,
        with: &Login,
        room: usize,
    ) -> Result<Option<DialogMessage>> {
        let mut statement = self.prepare(
            "SELECT position, sender = account, date, body, key FROM entries
             JOIN messages ON messages.id = entries.message
             WHERE account = ? AND peer = ? AND message IS NOT NULL ORDER BY position DESC LIMIT 1",
        )?;
        let mut rows = statement.query([sql(account.0), peer])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let body = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
        if body.len() > room {
            return Ok(None);
        }
        Ok(Some(DialogMessage::new(number(row.get(0)?), message(row, with.clone(), 1)?)))
    }
}
