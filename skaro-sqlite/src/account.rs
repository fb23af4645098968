//! Accounts, and who knows whom.

use rusqlite::{OptionalExtension, Row, params};
use skaro_proto::auth::Verifier;
use skaro_proto::server::store::{Account, AccountId, LogId, Login, Outcome};

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
                 WHERE login = ? AND verifier IS NOT NULL",
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

    pub(crate) fn id_of(&self, login: &Login) -> Result<Option<AccountId>> {
        let found = self
            .prepare("SELECT id FROM accounts WHERE login = ? AND verifier IS NOT NULL")?
            .query_row([login.as_bytes()], |row| row.get(0))
            .optional()?;
        Ok(found.map(id))
    }

    pub(crate) fn add_account(&self, login: &Login, verifier: &Verifier, log: LogId) -> Result<Outcome> {
        if self.id_of(login)?.is_some() {
            return Ok(Outcome::Exists);
        }
        // Accounts are never deleted, so a number is not given twice.
        let added = self
            .prepare(
                "INSERT INTO accounts (id, login, verifier, log)
                 VALUES ((SELECT coalesce(max(id) + 1, 0) FROM accounts), ?, ?, ?) RETURNING id",
            )?
            .query_row(params![login.as_bytes(), *verifier.to_bytes(), log.0], |row| row.get(0))?;
        Ok(Outcome::Added(id(added)))
    }

    pub(crate) fn remove_account(&self, login: &Login) -> Result<Outcome> {
        let Some(account) = self.id_of(login)? else { return Ok(Outcome::NoSuchUser) };
        let id = [sql(account.0)];
        // Messages stay as long as the other log has them.
        self.run(
            "DELETE FROM messages WHERE id IN (SELECT message FROM entries WHERE account = ?) AND NOT EXISTS (
                 SELECT 1 FROM entries AS other WHERE other.message = messages.id
                 AND other.account = iif(sender = ?1, recipient, sender)
                 AND other.position = iif(sender = ?1, received, sent) AND other.account <> ?1)",
            id,
        )?;
        self.run("DELETE FROM entries WHERE account = ?", id)?;
        self.run(
            "UPDATE dialogs SET is_contact = 0 WHERE peer = ?1
             AND account IN (SELECT peer FROM dialogs WHERE account = ?1)",
            id,
        )?;
        self.run("DELETE FROM dialogs WHERE account = ?", id)?;
        self.run("DELETE FROM keys WHERE account = ?", id)?;
        self.run("DELETE FROM sessions WHERE account = ?", id)?;
        self.run(
            "UPDATE accounts SET verifier = NULL, is_disabled = 0, head = 0, begin = 0, entries = 0, bytes = 0, keys = 0
             WHERE id = ?",
            id,
        )?;
        Ok(Outcome::Done)
    }

    pub(crate) fn introduce(&self, one: &Login, other: &Login) -> Result<Outcome> {
        let (Some(one), Some(other)) = (self.id_of(one)?, self.id_of(other)?) else {
            return Ok(Outcome::NoSuchUser);
        };
        self.make_contacts(one, other)?;
        Ok(Outcome::Done)
    }

    /// From now on these two know each other.
    pub(crate) fn make_contacts(&self, one: AccountId, other: AccountId) -> Result<()> {
        if one == other {
            return Ok(());
        }
        for (account, peer) in [(one, other), (other, one)] {
            self.run(
                "INSERT INTO dialogs (account, peer, is_contact) VALUES (?, ?, 1)
                 ON CONFLICT DO UPDATE SET is_contact = 1",
                [sql(account.0), sql(peer.0)],
            )?;
        }
        Ok(())
    }
}
