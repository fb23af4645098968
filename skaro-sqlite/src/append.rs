//! Additions to logs: messages, and entries that replace others.

use rusqlite::{OptionalExtension, params};
use skaro_proto::server::store::{
    AccountId, Appended, ContactState, Denial, Login, Mark, Outcome, is_conference,
};

use crate::error::Result;
use crate::trim::Kept;
use crate::tx::{Draft, Tx, id, number, size, sql, state};

/// Returns the hash of a body that is kept with its key: FNV-1a, 64 bits. Only the sender could make two bodies of one
/// hash, and would gain nothing.
fn hash(text: &str) -> i64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, mix).cast_signed()
}

/// The content of an entry that replaces the last one of its kind and dialog.
#[derive(Clone, Copy)]
pub(crate) enum News {
    Read { up_to: u64 },
    Contact(ContactState),
    Changed(Option<(AccountId, ContactState)>),
}

impl News {
    /// Returns what the table has of it: kind, value, member.
    fn columns(self) -> (i64, Option<i64>, Option<i64>) {
        let code = |state: ContactState| Some(i64::from(state.code()));
        match self {
            News::Read { up_to } => (2, Some(sql(up_to)), None),
            News::Contact(state) => (3, code(state), None),
            News::Changed(None) => (4, None, None),
            News::Changed(Some((member, state))) => (4, code(state), Some(sql(member.0))),
        }
    }
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
            .prepare(
                // By its login: a conference may have ended since, and an account may have been removed.
                "SELECT peer, body, position, date, accounts.login = ?
                 FROM keys JOIN accounts ON accounts.id = peer WHERE account = ? AND key = ?",
            )?
            .query_row(params![to.as_bytes(), sql(from.0), key.as_bytes()], |row| {
                Ok((id(row.get(0)?), row.get::<_, i64>(1)?, row.get(2)?, row.get(3)?, row.get::<_, bool>(4)?))
            })
            .optional()?;
        let Some((peer, known, position, date, is_same)) = known else { return Ok(None) };
        if known != hash(body) || !is_same {
            return Ok(Some(Outcome::KeyTaken));
        }
        let mut appended = Appended::new(number(position), date, peer, 0);
        appended.is_repetition = true;
        Ok(Some(Outcome::Appended(appended)))
    }

    pub(crate) fn append(&self, draft: &Draft<'_>) -> Result<Outcome> {
        let &Draft { from, to, body, key, now, .. } = draft;
        if let Some(key) = key
            && let Some(outcome) = self.find_key(from, to, body, key)?
        {
            return Ok(outcome);
        }
        let conference = is_conference(to);
        let Some(to) = self.id_of(to)? else { return Ok(Outcome::NoSuchUser) };
        if conference {
            return self.post(draft, to);
        }
        let latest = match self.dialog(draft, to)? {
            Ok(latest) => latest,
            Err(denial) => return self.deny(from, denial),
        };
        let Some((position, kept)) = self.next(from, body.len(), true)? else {
            return Ok(Outcome::NoSuchUser);
        };
        let theirs = if from == to { None } else { self.next(to, body.len(), true)? };
        let their_position = theirs.as_ref().map_or(position, |(position, _)| *position);
        let copies = if theirs.is_some() { 2 } else { 1 };
        let date = now.max(latest.saturating_add(1));
        let message = self.insert_message(draft, (to, Some(their_position)), date, position, copies)?;
        self.insert_key(draft, to, position, date)?;
        let dialog = self.enter(message, from, to, position, date, (true, body.len()))?;
        self.trim(from, to, dialog, kept)?;
        if let Some((position, kept)) = theirs {
            let dialog = self.enter(message, to, from, position, date, (false, body.len()))?;
            self.trim(to, from, dialog, kept)?;
        }
        self.count_key(draft)?;
        Ok(Outcome::Appended(Appended::new(position, date, to, their_position)))
    }

    /// Returns the latest date of a dialog, or the reason why no message may be added to it.
    fn dialog(&self, draft: &Draft<'_>, to: AccountId) -> Result<core::result::Result<i64, Denial>> {
        let from = draft.from;
        let known = self
            .prepare(
                "SELECT mine.latest, mine.state, theirs.state FROM dialogs AS mine
                 LEFT JOIN dialogs AS theirs ON theirs.account = mine.peer AND theirs.peer = mine.account
                 WHERE mine.account = ? AND mine.peer = ?",
            )?
            .query_row([sql(from.0), sql(to.0)], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<i64>>(2)?.unwrap_or_default()))
            })
            .optional()?;
        let (latest, mine, theirs) = known.unwrap_or_default();
        Ok(match (state(mine)?, state(theirs)?) {
            (_, ContactState::Blocked) => Err(Denial::Blocked),
            (_, ContactState::None | ContactState::Asks) if draft.contacts_only && from != to => {
                Err(Denial::NotListed)
            }
            (ContactState::Blocked, _) => Err(Denial::Blocked),
            _ => Ok(latest),
        })
    }

    /// Returns the denial if the user exists.
    pub(crate) fn deny(&self, user: AccountId, denial: Denial) -> Result<Outcome> {
        Ok(if self.is_user(user)? { Outcome::Denied(denial) } else { Outcome::NoSuchUser })
    }

    /// Keeps the text of a message to a recipient, who has it at a position, unless that is a conference.
    pub(crate) fn insert_message(
        &self,
        draft: &Draft<'_>,
        (to, received): (AccountId, Option<u64>),
        date: i64,
        sent: u64,
        copies: usize,
    ) -> Result<i64> {
        self.run(
            "INSERT INTO messages (date, sender, sent, recipient, received, copies, body, key)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                date,
                sql(draft.from.0),
                sql(sent),
                sql(to.0),
                received.map(sql),
                size(copies),
                draft.body.as_bytes(),
                draft.key.map(str::as_bytes)
            ],
        )?;
        Ok(self.db.last_insert_rowid())
    }

    /// Keeps the key of a message, if it has one, before a log may discard the message.
    pub(crate) fn insert_key(
        &self,
        draft: &Draft<'_>,
        to: AccountId,
        position: u64,
        date: i64,
    ) -> Result<()> {
        let &Draft { from, body, now, .. } = draft;
        if let Some(key) = draft.key {
            self.run(
                "INSERT INTO keys (account, position, key, peer, body, date, taken) VALUES (?, ?, ?, ?, ?, ?, ?)",
                params![sql(from.0), sql(position), key.as_bytes(), sql(to.0), hash(body), date, now],
            )?;
        }
        Ok(())
    }

    /// Counts the key of a message, if it has one, and discards expired ones.
    pub(crate) fn count_key(&self, draft: &Draft<'_>) -> Result<()> {
        if draft.key.is_some() {
            self.run("UPDATE accounts SET keys = keys + 1 WHERE id = ?", [sql(draft.from.0)])?;
            self.expire_keys(draft.from, draft.now)?;
        }
        Ok(())
    }

    /// Takes the next position of a log, for an entry with this many bytes that is one more, or replaces another one.
    /// Returns what the log keeps with it; `None` if there is no such user.
    fn next(&self, account: AccountId, bytes: usize, is_more: bool) -> Result<Option<(u64, Kept)>> {
        let taken = self
            .prepare(
                "UPDATE accounts SET head = head + 1, entries = entries + ?3, bytes = bytes + ?2
                 WHERE id = ?1 AND verifier IS NOT NULL RETURNING head, entries, bytes",
            )?
            .query_row(params![sql(account.0), size(bytes), is_more], |row| {
                Ok((number(row.get(0)?), Kept { count: row.get(1)?, bytes: row.get(2)? }))
            });
        Ok(taken.optional()?)
    }

    /// Adds a message to a log and its dialog, lists the peer if the message does so, and returns what the dialog keeps
    /// with it.
    fn enter(
        &self,
        message: i64,
        account: AccountId,
        peer: AccountId,
        position: u64,
        date: i64,
        (is_own, bytes): (bool, usize),
    ) -> Result<Kept> {
        let (account, peer, position) = (sql(account.0), sql(peer.0), sql(position));
        self.run(
            "INSERT INTO entries (account, position, peer, kind, message) VALUES (?, ?, ?, 0, ?)",
            [account, position, peer, message],
        )?;
        // A peer in no state becomes listed; one who asks does, too, if it is the user's own message.
        let kept = self
            .prepare(
                "INSERT INTO dialogs (account, peer, latest, bytes, unread, messages, state)
                 VALUES (?1, ?2, ?3, ?4, NOT ?5, 1, iif(?1 <> ?2, 2, 0))
                 ON CONFLICT DO UPDATE SET latest = excluded.latest, bytes = bytes + excluded.bytes,
                     unread = unread + excluded.unread, messages = messages + 1,
                     state = iif(state = 0 OR (state = 1 AND ?5), excluded.state, state)
                 RETURNING messages, bytes",
            )?
            .query_row(params![account, peer, date, size(bytes), is_own], |row| {
                Ok(Kept { count: row.get(0)?, bytes: row.get(1)? })
            })?;
        Ok(kept)
    }

    /// Adds an entry to a user's log in place of the last one of its kind and dialog, so that frequent changes do not
    /// push messages out. Returns its position; 0 if there is no such user.
    pub(crate) fn replace(&self, user: AccountId, with: AccountId, news: News) -> Result<u64> {
        let (account, peer, (kind, value, member)) = (sql(user.0), sql(with.0), news.columns());
        let last = self
            .prepare(
                "SELECT CASE ?3 WHEN 2 THEN mark WHEN 3 THEN contact ELSE changed END
                 FROM dialogs WHERE account = ?1 AND peer = ?2",
            )?
            .query_row([account, peer, kind], |row| row.get(0))
            .optional()?
            .unwrap_or(0);
        let is_more = last == 0
            || self.run("DELETE FROM entries WHERE account = ? AND position = ?", [account, last])? == 0;
        let Some((position, kept)) = self.next(user, 0, is_more)? else { return Ok(0) };
        self.run(
            "INSERT INTO entries (account, position, peer, kind, value, member) VALUES (?, ?, ?, ?, ?, ?)",
            params![account, sql(position), peer, kind, value, member],
        )?;
        self.run(
            "INSERT INTO dialogs (account, peer, mark, contact, changed)
             VALUES (?1, ?2, iif(?3 = 2, ?4, 0), iif(?3 = 3, ?4, 0), iif(?3 = 4, ?4, 0))
             ON CONFLICT DO UPDATE SET mark = iif(?3 = 2, ?4, mark), contact = iif(?3 = 3, ?4, contact),
                 changed = iif(?3 = 4, ?4, changed)",
            [account, peer, kind, sql(position)],
        )?;
        self.trim_log(user, kept)?;
        Ok(position)
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
        let [account_id, peer_id] = [sql(account.0), sql(peer.0)];
        let read = self
            .prepare("SELECT read FROM dialogs WHERE account = ? AND peer = ?")?
            .query_row([account_id, peer_id], |row| row.get(0))
            .optional()?;
        if up_to <= number(read.unwrap_or_default()) {
            return Ok(Outcome::Marked(Mark::new(None)));
        }
        self.run(
            "INSERT INTO dialogs (account, peer, read) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET read = ?3, unread = (
                 SELECT count(*) FROM entries JOIN messages ON messages.id = entries.message
                 WHERE entries.account = ?1 AND entries.peer = ?2 AND entries.message IS NOT NULL
                 AND entries.position > ?3 AND messages.sender <> ?1)",
            [account_id, peer_id, sql(up_to)],
        )?;
        let mut mark = Mark::new(Some(self.replace(account, peer, News::Read { up_to })?));
        mark.told = self.read_date(account, peer)?.map(|date| (peer, date));
        Ok(Outcome::Marked(mark))
    }
}
