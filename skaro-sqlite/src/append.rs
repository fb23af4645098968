//! Additions to logs: messages and read marks.

use rusqlite::{OptionalExtension, params};
use skaro_proto::server::store::{AccountId, Appended, Login, Outcome};

use crate::error::Result;
use crate::trim::Kept;
use crate::tx::{Tx, id, number, size, sql};

/// Returns the hash of a body that is kept with its key: FNV-1a, 64 bits. Only the sender could make two bodies of one hash,
/// and would gain nothing.
fn hash(text: &str) -> i64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, mix).cast_signed()
}

impl Tx<'_> {
    /// Returns what came of the message with this key, if there was one.
    pub(crate) fn find_key(
        &self,
        from: AccountId,
        to: &Login,
        body: &str,
        key: &str,
    ) -> Result<Option<Outcome>> {
        let known = self
            .prepare("SELECT peer, body, position, date FROM keys WHERE account = ? AND key = ?")?
            .query_row(params![sql(from.0), key.as_bytes()], |row| {
                Ok((id(row.get(0)?), row.get::<_, i64>(1)?, row.get(2)?, row.get(3)?))
            })
            .optional()?;
        let Some((peer, known, position, date)) = known else { return Ok(None) };
        if known != hash(body) || self.id_of(to)? != Some(peer) {
            return Ok(Some(Outcome::KeyTaken));
        }
        let mut appended = Appended::new(number(position), date, peer, 0);
        appended.is_repetition = true;
        Ok(Some(Outcome::Appended(appended)))
    }

    pub(crate) fn append(
        &self,
        from: AccountId,
        to: &Login,
        body: &str,
        key: Option<&str>,
        now: i64,
    ) -> Result<Outcome> {
        if let Some(key) = key
            && let Some(outcome) = self.find_key(from, to, body, key)?
        {
            return Ok(outcome);
        }
        let Some(to) = self.id_of(to)? else { return Ok(Outcome::NoSuchUser) };
        let Some((position, kept)) = self.next(from, body.len())? else { return Ok(Outcome::NoSuchUser) };
        let theirs = if from == to { None } else { self.next(to, body.len())? };
        let their_position = theirs.as_ref().map_or(position, |(position, _)| *position);
        let latest = self
            .prepare("SELECT latest FROM dialogs WHERE account = ? AND peer = ?")?
            .query_row([sql(from.0), sql(to.0)], |row| row.get::<_, i64>(0))
            .optional()?;
        let date = now.max(latest.unwrap_or_default().saturating_add(1));
        self.run(
            "INSERT INTO messages (date, sender, sent, recipient, received, body, key) VALUES (?, ?, ?, ?, ?, ?, ?)",
            params![
                date,
                sql(from.0),
                sql(position),
                sql(to.0),
                sql(their_position),
                body.as_bytes(),
                key.map(str::as_bytes)
            ],
        )?;
        let message = self.db.last_insert_rowid();
        if let Some(key) = key {
            self.run(
                "INSERT INTO keys (account, position, key, peer, body, date, taken) VALUES (?, ?, ?, ?, ?, ?, ?)",
                params![sql(from.0), sql(position), key.as_bytes(), sql(to.0), hash(body), date, now],
            )?;
        }
        // Both logs have it before one of them gives it up.
        let dialog = self.enter(message, from, to, position, date, body.len())?;
        let their_dialog = match theirs {
            Some((position, kept)) => {
                Some((self.enter(message, to, from, position, date, body.len())?, kept))
            }
            None => None,
        };
        self.trim(from, to, dialog, kept)?;
        if let Some((dialog, kept)) = their_dialog {
            self.trim(to, from, dialog, kept)?;
        }
        if key.is_some() {
            self.run("UPDATE accounts SET keys = keys + 1 WHERE id = ?", [sql(from.0)])?;
            self.expire_keys(from, now)?;
        }
        Ok(Outcome::Appended(Appended::new(position, date, to, their_position)))
    }

    /// Takes the next position of a log, for an entry with so many bytes. Returns what the log keeps with it; `None` if there
    /// is no such account.
    fn next(&self, account: AccountId, bytes: usize) -> Result<Option<(u64, Kept)>> {
        let taken = self
            .prepare(
                "UPDATE accounts SET head = head + 1, entries = entries + 1, bytes = bytes + ?2
                 WHERE id = ?1 AND verifier IS NOT NULL RETURNING head, entries, bytes",
            )?
            .query_row([sql(account.0), size(bytes)], |row| {
                Ok((number(row.get(0)?), Kept { count: row.get(1)?, bytes: row.get(2)? }))
            });
        Ok(taken.optional()?)
    }

    /// Enters a message into a log and its dialog, and returns what the dialog keeps with it.
    fn enter(
        &self,
        message: i64,
        account: AccountId,
        peer: AccountId,
        position: u64,
        date: i64,
        bytes: usize,
    ) -> Result<Kept> {
        let (account, peer, position) = (sql(account.0), sql(peer.0), sql(position));
        self.run(
            "INSERT INTO entries (account, position, peer, message) VALUES (?, ?, ?, ?)",
            [account, position, peer, message],
        )?;
        let kept = self
            .prepare(
                "INSERT INTO dialogs (account, peer, latest, bytes, unread, messages, is_contact)
                 VALUES (?1, ?2, ?3, ?4, (SELECT sender <> ?1 FROM messages WHERE id = ?5), 1, ?1 <> ?2)
                 ON CONFLICT DO UPDATE SET latest = excluded.latest, bytes = bytes + excluded.bytes,
                     unread = unread + excluded.unread, messages = messages + 1, is_contact = excluded.is_contact
                 RETURNING messages, bytes",
            )?
            .query_row([account, peer, date, size(bytes), message], |row| {
                Ok(Kept { count: row.get(0)?, bytes: row.get(1)? })
            })?;
        Ok(kept)
    }

    pub(crate) fn move_mark(&self, account: AccountId, with: &Login, up_to: u64) -> Result<Outcome> {
        let head = self
            .prepare("SELECT head FROM accounts WHERE id = ? AND verifier IS NOT NULL")?
            .query_row([sql(account.0)], |row| row.get(0))
            .optional()?;
        let (Some(head), Some(peer)) = (head.map(number), self.id_of(with)?) else {
            return Ok(Outcome::NoSuchUser);
        };
        if up_to > head {
            return Ok(Outcome::BeyondHead);
        }
        let dialog = [sql(account.0), sql(peer.0)];
        let known = self
            .prepare("SELECT read, mark FROM dialogs WHERE account = ? AND peer = ?")?
            .query_row(dialog, |row| Ok((number(row.get(0)?), row.get(1)?)))
            .optional()?;
        let (read, mark) = known.unwrap_or_default();
        if up_to <= read {
            return Ok(Outcome::Marked(None));
        }
        // Only the last mark of each dialog is kept: whoever reads much does not push messages out.
        let [account_id, peer_id] = dialog;
        let replaced =
            self.run("DELETE FROM entries WHERE account = ? AND position = ?", [account_id, mark])?;
        self.run("UPDATE accounts SET entries = entries - ? WHERE id = ?", [size(replaced), account_id])?;
        let Some((position, kept)) = self.next(account, 0)? else { return Ok(Outcome::NoSuchUser) };
        self.run(
            "INSERT INTO entries (account, position, peer, up_to) VALUES (?, ?, ?, ?)",
            [account_id, sql(position), peer_id, sql(up_to)],
        )?;
        self.run(
            "INSERT INTO dialogs (account, peer, read, mark) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET read = ?3, mark = ?4, unread = (
                 SELECT count(*) FROM entries JOIN messages ON messages.id = entries.message
                 WHERE entries.account = ?1 AND entries.peer = ?2 AND entries.message IS NOT NULL
                 AND entries.position > ?3 AND messages.sender <> ?1)",
            [account_id, peer_id, sql(up_to), sql(position)],
        )?;
        self.trim_log(account, kept)?;
        Ok(Outcome::Marked(Some(position)))
    }
}
