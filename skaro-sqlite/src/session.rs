//! Sessions.

use rusqlite::{OptionalExtension, params};
use skaro_proto::server::store::{AccountId, Outcome, SessionKey};

use crate::error::Result;
use crate::tx::{Tx, id, number, sql};

impl Tx<'_> {
    pub(crate) fn begin_session(&self, account: AccountId, session: SessionKey) -> Result<Outcome> {
        if !self.may_sign_in(account)? {
            return Ok(Outcome::NoSuchUser);
        }
        let known = self
            .prepare("SELECT epoch FROM sessions WHERE key = ?")?
            .query_row([session.0], |row| row.get(0))
            .optional()?;
        if let Some(epoch) = known {
            return Ok(Outcome::Session { epoch: number(epoch) });
        }
        let count = self
            .prepare("SELECT count(*) FROM sessions WHERE account = ?")?
            .query_row([sql(account.0)], |row| row.get(0))?;
        if number(count) >= self.limits.max_sessions_per_user as u64 {
            self.run(
                "DELETE FROM sessions WHERE key = (SELECT key FROM sessions
                 WHERE account = ? AND until IS NOT NULL ORDER BY until, key LIMIT 1)",
                [sql(account.0)],
            )?;
        }
        self.run(
            "INSERT INTO sessions (key, account, epoch) VALUES (?, ?, 1)",
            params![session.0, sql(account.0)],
        )?;
        Ok(Outcome::Session { epoch: 1 })
    }

    pub(crate) fn take_session(&self, session: SessionKey, now: i64) -> Result<Outcome> {
        let taken = self
            .prepare(
                "UPDATE sessions SET epoch = epoch + 1, until = NULL
                 WHERE key = ? AND (until IS NULL OR until >= ?) RETURNING account, epoch",
            )?
            .query_row(params![session.0, now], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((account, epoch)) = taken else { return Ok(Outcome::Restored(None)) };
        Ok(Outcome::Restored(self.account(id(account))?.map(|account| (account, number(epoch)))))
    }

    pub(crate) fn leave_session(&self, session: SessionKey, epoch: u64, now: i64) -> Result<Outcome> {
        self.run(
            "UPDATE sessions SET until = ? WHERE key = ? AND epoch = ? AND until IS NULL",
            params![self.session_end(now), session.0, sql(epoch)],
        )?;
        Ok(Outcome::Done)
    }

    /// Breaks all sessions that are in use.
    pub(crate) fn break_sessions(&self, now: i64) -> Result<()> {
        self.run("UPDATE sessions SET until = ? WHERE until IS NULL", [self.session_end(now)])?;
        Ok(())
    }

    pub(crate) fn expire(&self, now: i64) -> Result<Outcome> {
        // Keys expire when their sender adds another one, or in the background.
        self.run("DELETE FROM sessions WHERE until < ?", [now])?;
        self.expire_invitations(now)?;
        Ok(Outcome::Done)
    }

    fn session_end(&self, now: i64) -> i64 {
        let lifetime = i64::try_from(self.limits.session_lifetime.as_millis()).unwrap_or(i64::MAX);
        now.saturating_add(lifetime)
    }
}
