//! Operations for the operator: passwords, disabled accounts, lists, ends of sessions.

use rusqlite::{Params, Row, ToSql, params};
use skaro_proto::auth::Verifier;
use skaro_proto::server::store::{
    AccountId, AccountSummary, KeptSessions, Login, Outcome, SessionKey, SessionSummary,
};

use crate::error::Result;
use crate::tx::{Tx, login, number, size, sql};

impl Tx<'_> {
    /// Returns whether there is such an account, and it is not disabled.
    pub(crate) fn may_sign_in(&self, id: AccountId) -> Result<bool> {
        Ok(self
            .prepare("SELECT 1 FROM accounts WHERE id = ? AND verifier IS NOT NULL AND NOT is_disabled")?
            .exists([sql(id.0)])?)
    }

    pub(crate) fn set_verifier(
        &self,
        login: &Login,
        verifier: &Verifier,
        old: Option<&Verifier>,
        keeps: KeptSessions,
    ) -> Result<Outcome> {
        let Some(account) = self.user_of(login)? else { return Ok(Outcome::NoSuchUser) };
        let (new, old) = (verifier.to_bytes(), old.map(Verifier::to_bytes));
        let changed = self.run(
            "UPDATE accounts SET verifier = ?2 WHERE id = ?1 AND (?3 IS NULL OR verifier = ?3)",
            params![sql(account.0), *new, old.as_deref()],
        )?;
        if changed == 0 {
            return Ok(Outcome::OldVerifier);
        }
        self.end_sessions_of(account, keeps)
    }

    pub(crate) fn set_disabled(&self, login: &Login, is_disabled: bool) -> Result<Outcome> {
        let Some(account) = self.user_of(login)? else { return Ok(Outcome::NoSuchUser) };
        self.run("UPDATE accounts SET is_disabled = ? WHERE id = ?", params![is_disabled, sql(account.0)])?;
        self.end_sessions_of(account, if is_disabled { KeptSessions::None } else { KeptSessions::All })
    }

    pub(crate) fn end_sessions(&self, login: &Login, keeps: KeptSessions) -> Result<Outcome> {
        match self.user_of(login)? {
            Some(account) => self.end_sessions_of(account, keeps),
            None => Ok(Outcome::NoSuchUser),
        }
    }

    fn end_sessions_of(&self, account: AccountId, keeps: KeptSessions) -> Result<Outcome> {
        let kept = match keeps {
            KeptSessions::All => return Ok(Outcome::Done),
            KeptSessions::One(session) => Some(session.0),
            KeptSessions::None => None,
        };
        self.run("DELETE FROM sessions WHERE account = ? AND key IS NOT ?", params![sql(account.0), kept])?;
        Ok(Outcome::Done)
    }

    pub(crate) fn end_session(&self, session: SessionKey, of: Option<&Login>) -> Result<Outcome> {
        if let Some(login) = of {
            let is_theirs = self
                .prepare("SELECT 1 FROM sessions JOIN accounts ON id = account WHERE key = ? AND login = ?")?
                .exists(params![session.0, login.as_bytes()])?;
            if !is_theirs {
                return Ok(Outcome::NoSuchSession);
            }
        }
        self.run("DELETE FROM sessions WHERE key = ?", [session.0])?;
        Ok(Outcome::Done)
    }

    pub(crate) fn list_accounts(&self, after: Option<&Login>, max_accounts: usize) -> Result<Outcome> {
        let (accounts, more) = self.page(
            "SELECT login, is_disabled, head, (SELECT count(*) FROM sessions WHERE account = accounts.id)
             FROM accounts WHERE NOT is_gone AND verifier IS NOT NULL AND (?1 IS NULL OR login > ?1) ORDER BY login LIMIT ?2",
            params![after.map(|login| login.as_bytes()), limit(max_accounts)],
            max_accounts,
            |row| {
                let summary = login(row.get_ref(0)?.as_blob()?).map(AccountSummary::new);
                let (is_disabled, head, sessions) = (row.get(1)?, number(row.get(2)?), number(row.get(3)?));
                Ok(summary.map(|mut summary| {
                    (summary.is_disabled, summary.head, summary.sessions) = (is_disabled, head, sessions);
                    summary
                }))
            },
        )?;
        Ok(Outcome::Accounts { accounts, more })
    }

    pub(crate) fn list_sessions(
        &self,
        of: Option<&Login>,
        after: Option<SessionKey>,
        max_sessions: usize,
    ) -> Result<Outcome> {
        let after = after.map(|key| key.0);
        let session = |row: &Row<'_>| {
            let key = SessionKey(row.get(0)?);
            let summary = login(row.get_ref(1)?.as_blob()?).map(|login| SessionSummary::new(key, login));
            let until = row.get(2)?;
            Ok(summary.map(|mut summary| {
                summary.until = until;
                summary
            }))
        };
        let (sessions, more) = match of {
            None => self.page(
                "SELECT key, login, until FROM sessions JOIN accounts ON id = account
                 WHERE ?1 IS NULL OR key > ?1 ORDER BY key LIMIT ?2",
                params![after, limit(max_sessions)],
                max_sessions,
                session,
            )?,
            Some(of) => {
                let Some(account) = self.user_of(of)? else { return Ok(Outcome::NoSuchUser) };
                self.page(
                    "SELECT key, login, until FROM sessions JOIN accounts ON id = account
                     WHERE account = ?3 AND (?1 IS NULL OR key > ?1) ORDER BY key LIMIT ?2",
                    params![after, limit(max_sessions), sql(account.0)],
                    max_sessions,
                    session,
                )?
            }
        };
        Ok(Outcome::Sessions { sessions, more })
    }

    /// Reads at most this many rows; returns them, and whether there is another one.
    pub(crate) fn page<T>(
        &self,
        statement: &'static str,
        params: impl Params,
        max: usize,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<Result<T>>,
    ) -> Result<(Vec<T>, bool)> {
        let mut statement = self.prepare(statement)?;
        let mut all = Vec::new();
        for row in statement.query_map(params, read)? {
            all.push(row??);
        }
        let more = all.len() > max;
        all.truncate(max);
        Ok((all, more))
    }
}

/// Returns the number of rows of a page, and one more to see whether there are more.
pub(crate) fn limit(max: usize) -> impl ToSql {
    size(max.saturating_add(1))
}
