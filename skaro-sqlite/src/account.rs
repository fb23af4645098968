//! Accounts, and who is who.

use rusqlite::{OptionalExtension, Row, params};
use skaro_proto::auth::Verifier;
use skaro_proto::server::store::{Account, AccountId, ContactState, LogId, Login, Outcome, skeleton};

use crate::error::{Result, corrupt};
use crate::tx::{Tx, id, login, number, sql};

/// Reads an account: id, login, verifier, log, begin, head, is_disabled.
fn account(row: &Row<'_>) -> rusqlite::Result<Result<Account>> {
    let (begin, head) = (number(row.get(4)?), number(row.get(5)?));
    let number = id(row.get(0)?);
    let blob = |column: usize| row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from);
    let name = login(blob(1)?);
    let verifier =
        <&[u8; Verifier::BYTES]>::try_from(blob(2)?).map_err(|_| corrupt("a verifier is too short"));
    let log = LogId(row.get(3)?);
    let is_disabled = row.get(6)?;
    Ok(name.and_then(|name| {
        let mut account = Account::new(number, name, Verifier::from_bytes(verifier?), log);
        (account.begin, account.head, account.is_disabled) = (begin, head, is_disabled);
        Ok(account)
    }))
}

impl Tx<'_> {
    pub(crate) fn find_account(&self, login: &Login) -> Result<Outcome> {
        let found = self
            .prepare(
                "SELECT id, login, verifier, log, begin, head, is_disabled FROM accounts
                 WHERE login = ? AND NOT is_gone AND verifier IS NOT NULL",
            )?
            .query_row([login.as_bytes()], account)
            .optional()?;
        Ok(Outcome::Account(found.transpose()?))
    }

    pub(crate) fn account(&self, id: AccountId) -> Result<Option<Account>> {
        self.prepare(
            "SELECT id, login, verifier, log, begin, head, is_disabled FROM accounts
             WHERE id = ? AND verifier IS NOT NULL",
        )?
        .query_row([sql(id.0)], account)
        .optional()?
        .transpose()
    }

    /// Returns the user or the conference with this login.
    pub(crate) fn id_of(&self, login: &Login) -> Result<Option<AccountId>> {
        let found = self
            .prepare("SELECT id FROM accounts WHERE login = ? AND NOT is_gone")?
            .query_row([login.as_bytes()], |row| row.get(0))
            .optional()?;
        Ok(found.map(id))
    }

    /// Returns the user with this login.
    pub(crate) fn user_of(&self, login: &Login) -> Result<Option<AccountId>> {
        let found = self
            .prepare("SELECT id FROM accounts WHERE login = ? AND NOT is_gone AND verifier IS NOT NULL")?
            .query_row([login.as_bytes()], |row| row.get(0))
            .optional()?;
        Ok(found.map(id))
    }

    /// Returns whether there is such a user.
    pub(crate) fn is_user(&self, id: AccountId) -> Result<bool> {
        Ok(self
            .prepare("SELECT 1 FROM accounts WHERE id = ? AND verifier IS NOT NULL")?
            .exists([sql(id.0)])?)
    }

    pub(crate) fn add_account(&self, login: &Login, verifier: &Verifier, log: LogId) -> Result<Outcome> {
        match self.id_of(login)? {
            Some(_) => Ok(Outcome::Exists),
            None => Ok(Outcome::Added(self.insert(login, Some(verifier), log)?)),
        }
    }

    /// Adds a user, or a conference if there is no verifier.
    pub(crate) fn insert(&self, login: &Login, verifier: Option<&Verifier>, log: LogId) -> Result<AccountId> {
        let verifier = verifier.map(Verifier::to_bytes);
        // Accounts are never deleted, so a number is not given twice.
        let added = self
            .prepare(
                "INSERT INTO accounts (id, login, skeleton, verifier, log)
                 VALUES ((SELECT coalesce(max(id) + 1, 0) FROM accounts), ?, ?, ?, ?) RETURNING id",
            )?
            .query_row(
                params![
                    login.as_bytes(),
                    skeleton(login).as_bytes(),
                    verifier.as_ref().map(|bytes| &bytes[..]),
                    log.0
                ],
                |row| row.get(0),
            )?;
        Ok(id(added))
    }

    /// Returns whether there is a login that looks like this one.
    pub(crate) fn has_like(&self, login: &Login) -> Result<bool> {
        Ok(self
            .prepare("SELECT 1 FROM accounts WHERE skeleton = ? AND NOT is_gone")?
            .exists([skeleton(login).as_bytes()])?)
    }

    /// Removes all that an account has. Messages stay as long as other logs have them.
    pub(crate) fn erase(&self, account: AccountId) -> Result<()> {
        let id = [sql(account.0)];
        self.run(
            "UPDATE messages SET copies = copies - 1
             WHERE id IN (SELECT message FROM entries WHERE account = ? AND message IS NOT NULL)",
            id,
        )?;
        self.run(
            "DELETE FROM messages WHERE copies = 0
             AND id IN (SELECT message FROM entries WHERE account = ? AND message IS NOT NULL)",
            id,
        )?;
        self.run("DELETE FROM entries WHERE account = ?", id)?;
        self.run(
            "UPDATE dialogs SET state = 0 WHERE peer = ?1
             AND account IN (SELECT peer FROM dialogs WHERE account = ?1)",
            id,
        )?;
        self.run("DELETE FROM dialogs WHERE account = ?", id)?;
        self.run("DELETE FROM keys WHERE account = ?", id)?;
        self.run("DELETE FROM sessions WHERE account = ?", id)?;
        self.run("DELETE FROM profiles WHERE account = ?", id)?;
        self.run(
            "UPDATE accounts SET verifier = NULL, is_gone = 1, is_disabled = 0, is_public = 0, tells_read = 0,
                 head = 0, begin = 0, entries = 0, bytes = 0, keys = 0
             WHERE id = ?",
            id,
        )?;
        Ok(())
    }

    pub(crate) fn introduce(&self, one: &Login, other: &Login) -> Result<Outcome> {
        let (Some(one), Some(other)) = (self.user_of(one)?, self.user_of(other)?) else {
            return Ok(Outcome::NoSuchUser);
        };
        if one != other {
            self.set_state(one, other, ContactState::Listed)?;
            self.set_state(other, one, ContactState::Listed)?;
        }
        Ok(Outcome::Done)
    }
}
