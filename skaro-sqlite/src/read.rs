//! Readings of logs: entries, messages of dialogs.

use rusqlite::{Row, params};
use skaro_proto::message::Page;
use skaro_proto::server::store::{AccountId, Content, DialogMessage, Entry, Login, Message, Outcome};

use crate::error::{Result, corrupt};
use crate::tx::{Tx, id, login, number, shared, size, sql, state};

/// Reads a message: whether it is the reader's own, date, body, key, the sender if another user sent it in a
/// conference.
pub(crate) fn message(row: &Row<'_>, with: Login, first: usize) -> Result<Message> {
    let body = shared(row.get_ref(first + 2)?.as_blob().map_err(rusqlite::Error::from)?)?;
    let mut message = Message::new(with, row.get(first)?, row.get(first + 1)?, body);
    let key = row.get_ref(first + 3)?.as_blob_or_null().map_err(rusqlite::Error::from)?;
    if let (true, Some(key)) = (message.is_own, key) {
        message.key = Some(shared(key)?);
    }
    message.sender = name(row, first + 4)?;
    Ok(message)
}

/// Reads a login, if there is one.
fn name(row: &Row<'_>, column: usize) -> Result<Option<Login>> {
    row.get_ref(column)?.as_blob_or_null().map_err(rusqlite::Error::from)?.map(login).transpose()
}

impl Tx<'_> {
    /// Reads an entry: position, login, kind, value, the member's login, the peer, then a message.
    fn content(&self, row: &Row<'_>) -> Result<Content> {
        let with = login(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
        let value: Option<i64> = row.get(3)?;
        Ok(match row.get(2)? {
            0 | 1 => Content::Message(message(row, with, 6)?),
            2 => Content::Read { with, up_to: number(value.unwrap_or_default()) },
            3 => Content::Contact { with, state: state(value.unwrap_or_default())? },
            4 => {
                let member = name(row, 4)?.zip(value.map(state).transpose()?);
                Content::Changed { with, profile: self.profile(id(row.get(5)?))?, member }
            }
            _ => return Err(corrupt("an entry is of an unknown kind")),
        })
    }

    pub(crate) fn read_log(
        &self,
        account: AccountId,
        after: u64,
        max_entries: usize,
        max_bytes: usize,
    ) -> Result<Outcome> {
        let mut entries = Vec::new();
        let mut statement = self.prepare(
            "SELECT position, login, kind, value,
                 CASE WHEN member IS NOT NULL THEN (SELECT login FROM accounts WHERE id = member) END,
                 peer, sender = account, date, body, key,
                 CASE WHEN kind = 1 AND sender <> account
                     THEN (SELECT login FROM accounts WHERE id = sender) END
             FROM entries
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
            let content = self.content(row)?;
            if let Content::Message(message) = &content {
                bytes += message.body.len();
            }
            if bytes > max_bytes && !entries.is_empty() {
                return Ok(Outcome::Entries(entries));
            }
            entries.push(Entry::new(position, content));
            // The first one, which is longer than all may be.
            if bytes > max_bytes {
                return Ok(Outcome::Entries(entries));
            }
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
            "SELECT position, sender = account, date, body, key,
                 CASE WHEN kind = 1 AND sender <> account
                     THEN (SELECT login FROM accounts WHERE id = sender) END
             FROM entries JOIN messages ON messages.id = entries.message
             WHERE account = ? AND peer = ? AND message IS NOT NULL AND position > ? AND position < ?
             AND (?5 IS NULL OR date > ?5) AND (?6 IS NULL OR date < ?6)
             ORDER BY position LIMIT ?7"
        } else {
            "SELECT position, sender = account, date, body, key,
                 CASE WHEN kind = 1 AND sender <> account
                     THEN (SELECT login FROM accounts WHERE id = sender) END
             FROM entries JOIN messages ON messages.id = entries.message
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
}
