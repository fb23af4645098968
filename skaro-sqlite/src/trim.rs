//! Retention: entries beyond the limits, messages that are too old, expired keys.

use rusqlite::{OptionalExtension, params};
use skaro_proto::server::store::AccountId;

use crate::error::Result;
use crate::tx::{Tx, size, sql};

/// Milliseconds for which a key is kept at least, even if its message is gone: a day.
const KEY_LIFETIME: i64 = 24 * 60 * 60 * 1000;

/// Maximum number of keys that an addition discards: what is left goes with the next one, or in the background.
const KEYS_AT_ONCE: usize = 64;

/// Number of entries in a log or of messages in a dialog, and bytes of their bodies.
#[derive(Clone, Copy)]
pub(crate) struct Kept {
    pub(crate) count: i64,
    pub(crate) bytes: i64,
}

impl Kept {
    fn exceeds(self, count: usize, bytes: usize) -> bool {
        self.count > size(count) || self.bytes > size(bytes)
    }

    const fn lose(&mut self, bytes: i64) {
        self.count -= 1;
        self.bytes -= bytes;
    }
}

impl Tx<'_> {
    /// Discards the oldest messages of a dialog, then the oldest entries of its log, until the limits hold.
    pub(crate) fn trim(
        &self,
        account: AccountId,
        peer: AccountId,
        mut dialog: Kept,
        mut log: Kept,
    ) -> Result<()> {
        while dialog.exceeds(self.limits.max_dialog_messages, self.limits.max_dialog_bytes) {
            let oldest = self
                .prepare(
                    "SELECT position FROM entries WHERE account = ? AND peer = ? AND message IS NOT NULL
                     ORDER BY position LIMIT 1",
                )?
                .query_row([sql(account.0), sql(peer.0)], |row| row.get(0))
                .optional()?;
            let Some(position) = oldest else { break };
            let bytes = self.give_up(sql(account.0), position)?;
            dialog.lose(bytes);
            log.lose(bytes);
        }
        self.trim_log(account, log)
    }

    /// Discards the oldest entries of a log until the limits hold.
    pub(crate) fn trim_log(&self, account: AccountId, mut log: Kept) -> Result<()> {
        while log.exceeds(self.limits.max_log_entries, self.limits.max_log_bytes) {
            let oldest = self
                .prepare("SELECT position FROM entries WHERE account = ? ORDER BY position LIMIT 1")?
                .query_row([sql(account.0)], |row| row.get(0))
                .optional()?;
            let Some(position) = oldest else { break };
            log.lose(self.give_up(sql(account.0), position)?);
        }
        Ok(())
    }

    /// Discards an entry, and returns the bytes of its body. If it is the oldest, the log does not reach back to it any
    /// more.
    fn give_up(&self, account: i64, position: i64) -> Result<i64> {
        let message = self
            .prepare(
                "SELECT messages.id, length(body), sender = account, peer, copies FROM entries
                 JOIN messages ON messages.id = entries.message WHERE account = ? AND position = ?",
            )?
            .query_row([account, position], |row| {
                Ok(Message {
                    id: row.get(0)?,
                    bytes: row.get(1)?,
                    is_own: row.get(2)?,
                    peer: row.get(3)?,
                    copies: row.get(4)?,
                })
            })
            .optional()?;
        let bytes = message.as_ref().map_or(0, |message| message.bytes);
        self.run(
            "UPDATE accounts SET entries = entries - 1, bytes = bytes - ?3, begin = iif(
                 EXISTS (SELECT 1 FROM entries WHERE account = ?1 AND position < ?2), begin, ?2)
             WHERE id = ?1",
            [account, position, bytes],
        )?;
        self.run("DELETE FROM entries WHERE account = ? AND position = ?", [account, position])?;
        if let Some(message) = message {
            self.lose_message(account, position, &message)?;
        }
        Ok(bytes)
    }

    /// Notes that a log has discarded a message.
    fn lose_message(&self, account: i64, position: i64, message: &Message) -> Result<()> {
        self.run(
            "UPDATE dialogs SET messages = messages - 1, bytes = bytes - ?4, unread = unread - (?5 AND ?3 > read)
             WHERE account = ?1 AND peer = ?2",
            params![account, message.peer, position, message.bytes, !message.is_own],
        )?;
        if message.is_own {
            self.run("UPDATE keys SET is_loose = 1 WHERE account = ? AND position = ?", [account, position])?;
        }
        if message.copies > 1 {
            self.run("UPDATE messages SET copies = copies - 1 WHERE id = ?", [message.id])?;
        } else {
            self.run("DELETE FROM messages WHERE id = ?", [message.id])?;
        }
        Ok(())
    }

    /// Discards the oldest keys of a sender: those beyond the limit, and those older than a day whose message is not
    /// kept.
    pub(crate) fn expire_keys(&self, account: AccountId, now: i64) -> Result<()> {
        let account = sql(account.0);
        let mut left: i64 =
            self.prepare("SELECT keys FROM accounts WHERE id = ?")?.query_row([account], |row| row.get(0))?;
        for _ in 0..KEYS_AT_ONCE {
            let oldest = self
                .prepare(
                    "SELECT position, taken, is_loose FROM keys WHERE account = ? ORDER BY position LIMIT 1",
                )?
                .query_row([account], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get(2)?)))
                .optional()?;
            let is_over = |taken: i64| taken.saturating_add(KEY_LIFETIME) < now;
            match oldest {
                Some((position, taken, is_loose))
                    if left > size(self.limits.max_keys) || (is_loose && is_over(taken)) =>
                {
                    self.forget_key(account, position)?;
                    left -= 1;
                }
                _ => break,
            }
        }
        Ok(())
    }

    /// Discards the oldest keys of all senders that are older than a day and whose messages are not kept, at most
    /// `limit`. Returns whether there may be more.
    pub(crate) fn forget_keys(&self, now: i64, limit: usize) -> Result<bool> {
        let old = self
            .prepare(
                "SELECT account, position FROM keys WHERE is_loose AND taken < ? ORDER BY taken LIMIT ?",
            )?
            .query_map([now.saturating_sub(KEY_LIFETIME), size(limit)], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        old.iter().try_for_each(|&(account, position)| self.forget_key(account, position))?;
        Ok(old.len() == limit)
    }

    fn forget_key(&self, account: i64, position: i64) -> Result<()> {
        self.run("DELETE FROM keys WHERE account = ? AND position = ?", [account, position])?;
        self.run("UPDATE accounts SET keys = keys - 1 WHERE id = ?", [account])?;
        Ok(())
    }

    /// Discards messages dated before this, the oldest first, at most `limit`. One in a conference counts once for each
    /// log that has it. Returns whether there may be more.
    pub(crate) fn forget_older(&self, before: i64, limit: usize) -> Result<bool> {
        let old = self
            .prepare(
                "SELECT id, sender, sent, recipient, received FROM messages WHERE date < ? ORDER BY date LIMIT ?",
            )?
            .query_map([before, size(limit)], |row| {
                let (id, sent, recipient) = (row.get(0)?, (row.get(1)?, row.get(2)?), row.get(3)?);
                Ok((id, sent, row.get::<_, Option<i64>>(4)?.map(|received| (recipient, received))))
            })?
            .collect::<rusqlite::Result<Vec<(i64, Place, Option<Place>)>>>()?;
        let is_there = "SELECT 1 FROM entries WHERE account = ? AND position = ?";
        let mut left = limit;
        for (message, sent, received) in old {
            let Some(received) = received else {
                left = left.saturating_sub(self.forget_copies(message, left)?);
                continue;
            };
            for (account, position) in [sent, received] {
                if left > 0 && self.prepare(is_there)?.exists([account, position])? {
                    self.give_up(account, position)?;
                }
            }
            left = left.saturating_sub(1);
        }
        Ok(left == 0)
    }

    /// Discards at most `limit` copies of a message in a conference, and returns how many.
    fn forget_copies(&self, message: i64, limit: usize) -> Result<usize> {
        let copies = self
            .prepare("SELECT account, position FROM entries WHERE kind = 1 AND message = ? LIMIT ?")?
            .query_map([message, size(limit)], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<Vec<Place>>>()?;
        for (account, position) in &copies {
            self.give_up(*account, *position)?;
        }
        Ok(copies.len())
    }
}

/// A message, as a log has it.
struct Message {
    id: i64,
    bytes: i64,
    is_own: bool,
    peer: i64,
    /// Number of logs that have it.
    copies: i64,
}

/// An account, and a position in its log.
type Place = (i64, i64);
