//! People: states of contacts, profiles, and those who come and go.

use rusqlite::{OptionalExtension, params};
use skaro_proto::Fields;
use skaro_proto::auth::Verifier;
use skaro_proto::server::store::{
    AccountId, ContactChange, ContactState, Denial, Grown, InvitationKey, LogId, Login, Outcome, Profile,
    is_conference,
};

use crate::append::News;
use crate::error::{Result, corrupt};
use crate::tx::{Tx, id, number, size, sql, state};

impl Tx<'_> {
    /// Returns the state of a contact.
    pub(crate) fn state(&self, user: AccountId, with: AccountId) -> Result<ContactState> {
        let code = self
            .prepare("SELECT state FROM dialogs WHERE account = ? AND peer = ?")?
            .query_row([sql(user.0), sql(with.0)], |row| row.get(0))
            .optional()?;
        state(code.unwrap_or_default())
    }

    /// Sets the state of a contact. The contact gets a row for the user, too, so that it is known who has a state of
    /// it.
    pub(crate) fn set_state(&self, user: AccountId, with: AccountId, state: ContactState) -> Result<()> {
        let (user, with) = (sql(user.0), sql(with.0));
        self.run(
            "INSERT INTO dialogs (account, peer, state) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET state = excluded.state",
            [user, with, state.code().into()],
        )?;
        self.run("INSERT INTO dialogs (account, peer) VALUES (?, ?) ON CONFLICT DO NOTHING", [with, user])?;
        Ok(())
    }

    /// Sets the state of a contact, with an entry if it was another one.
    pub(crate) fn set_contact(
        &self,
        user: AccountId,
        with: AccountId,
        state: ContactState,
        grown: &mut Vec<Grown>,
    ) -> Result<()> {
        if self.state(user, with)? != state {
            self.set_state(user, with, state)?;
            let position = self.replace(user, with, News::Contact(state))?;
            grown.push(Grown { account: user, position });
        }
        Ok(())
    }

    pub(crate) fn change_contact(
        &self,
        user: AccountId,
        login: &Login,
        change: ContactChange,
    ) -> Result<Outcome> {
        if !self.is_user(user)? {
            return Ok(Outcome::NoSuchUser);
        }
        let conference = is_conference(login);
        let Some(with) = self.id_of(login)? else {
            return match change {
                ContactChange::ListOrFound if conference => self.found(user, login),
                _ => Ok(Outcome::NoSuchUser),
            };
        };
        let mut grown = Vec::new();
        match change {
            _ if with == user => (),
            ContactChange::List | ContactChange::ListOrFound if conference => {
                if let Err(denial) = self.join(user, with, &mut grown)? {
                    return Ok(Outcome::Denied(denial));
                }
            }
            ContactChange::List | ContactChange::ListOrFound => {
                self.set_contact(user, with, ContactState::Listed, &mut grown)?;
                if self.state(with, user)? == ContactState::None {
                    self.set_contact(with, user, ContactState::Asks, &mut grown)?;
                }
            }
            ContactChange::Block => self.drop_contact(user, with, ContactState::Blocked, &mut grown)?,
            _ => self.drop_contact(user, with, ContactState::None, &mut grown)?,
        }
        Ok(Outcome::Changed(last_of_each(grown)))
    }

    /// Blocks or removes a contact, or leaves a conference.
    fn drop_contact(
        &self,
        user: AccountId,
        with: AccountId,
        state: ContactState,
        grown: &mut Vec<Grown>,
    ) -> Result<()> {
        self.set_contact(user, with, state, grown)?;
        match self.state(with, user)? {
            theirs if theirs.is_member() && !self.is_user(with)? => self.leave(user, with, grown),
            ContactState::Asks => self.set_contact(with, user, ContactState::None, grown),
            _ => Ok(()),
        }
    }

    pub(crate) fn remove_account(&self, login: &Login) -> Result<Outcome> {
        let Some(account) = self.id_of(login)? else { return Ok(Outcome::NoSuchUser) };
        let mut grown = Vec::new();
        self.remove(account, &mut grown)?;
        Ok(Outcome::Changed(last_of_each(grown)))
    }

    /// Removes a user, who leaves all conferences, or a conference, which all members leave, and which asks nobody any
    /// more.
    pub(crate) fn remove(&self, account: AccountId, grown: &mut Vec<Grown>) -> Result<()> {
        if self.is_user(account)? {
            let conferences = self
                .prepare(
                    "SELECT peer FROM dialogs AS mine JOIN accounts ON accounts.id = peer
                     WHERE account = ?1 AND verifier IS NULL AND EXISTS (SELECT 1 FROM dialogs
                         WHERE account = mine.peer AND peer = ?1 AND state IN (2, 4))
                     ORDER BY peer",
                )?
                .query_map([sql(account.0)], |row| row.get(0).map(id))?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            for conference in conferences {
                self.set_state(account, conference, ContactState::None)?;
                self.leave(account, conference, grown)?;
            }
        } else {
            let told = self
                .prepare(
                    "SELECT account FROM dialogs WHERE peer = ?1 AND state IN (1, 2)
                     AND account IN (SELECT peer FROM dialogs WHERE account = ?1)",
                )?
                .query_map([sql(account.0)], |row| row.get(0).map(id))?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            for user in told {
                self.set_contact(user, account, ContactState::None, grown)?;
            }
        }
        self.erase(account)
    }

    /// Returns the conference with this login.
    pub(crate) fn conference_of(&self, login: &Login) -> Result<Option<AccountId>> {
        if is_conference(login) { self.id_of(login) } else { Ok(None) }
    }

    pub(crate) fn profile(&self, account: AccountId) -> Result<Profile> {
        let found = self
            .prepare("SELECT profile FROM profiles WHERE account = ?")?
            .query_row([sql(account.0)], |row| Ok(Profile::from_bytes(row.get_ref(0)?.as_blob()?)))
            .optional()?;
        found.map_or_else(|| Ok(Profile::default()), |profile| profile.ok_or_else(|| corrupt("a profile")))
    }

    fn write_profile(&self, account: AccountId, profile: &Profile) -> Result<()> {
        let account = sql(account.0);
        if profile.is_empty() {
            self.run("DELETE FROM profiles WHERE account = ?", [account])?;
        } else {
            self.run("INSERT OR REPLACE INTO profiles VALUES (?, ?)", params![account, profile.as_bytes()])?;
        }
        self.run(
            "UPDATE accounts SET is_public = ?2, tells_read = ?3 WHERE id = ?1",
            params![account, profile.is_public(), profile.tells_read()],
        )?;
        Ok(())
    }

    pub(crate) fn set_profile(
        &self,
        user: AccountId,
        of: Option<&Login>,
        changes: &Fields<'_>,
        max_bytes: usize,
    ) -> Result<Outcome> {
        let is_user = self.is_user(user)?;
        let account = match of {
            None => Some(user).filter(|_| is_user),
            Some(login) => self.conference_of(login)?,
        };
        let Some(account) = account else { return Ok(Outcome::NoSuchUser) };
        if of.is_some() && self.state(account, user)? != ContactState::Owner {
            return Ok(Outcome::Denied(Denial::NoOwner));
        }
        let before = self.profile(account)?;
        let profile = before.changed(changes);
        if profile.as_bytes().len() > max_bytes {
            return Ok(Outcome::TooLong);
        }
        if profile == before {
            return Ok(Outcome::Changed(Vec::new()));
        }
        self.write_profile(account, &profile)?;
        let told = match of {
            Some(_) => self.peers(account)?,
            None => {
                let mut told = self.known(user, self.limits.max_members)?;
                told.push(user);
                told
            }
        };
        let tell =
            |user| Ok(Grown { account: user, position: self.replace(user, account, News::Changed(None))? });
        Ok(Outcome::Changed(told.into_iter().map(tell).collect::<Result<_>>()?))
    }

    /// Returns those who know the user, and whom the user knows.
    pub(crate) fn known(&self, user: AccountId, max_users: usize) -> Result<Vec<AccountId>> {
        Ok(self
            .prepare(
                "SELECT mine.peer FROM dialogs AS mine
                 JOIN dialogs AS theirs ON theirs.account = mine.peer AND theirs.peer = mine.account
                 JOIN accounts ON accounts.id = mine.peer
                 WHERE mine.account = ?1 AND mine.peer <> ?1 AND mine.state IN (2, 4) AND theirs.state IN (2, 4)
                 AND verifier IS NOT NULL ORDER BY mine.peer LIMIT ?2",
            )?
            .query_map([sql(user.0), size(max_users)], |row| row.get(0).map(id))?
            .collect::<rusqlite::Result<_>>()?)
    }

    pub(crate) fn register(
        &self,
        login: &Login,
        (verifier, log): (&Verifier, LogId),
        profile: &Profile,
        invitation: Option<InvitationKey>,
        now: i64,
    ) -> Result<Outcome> {
        if let Some(added) = self.registered(login, log)? {
            return Ok(added);
        }
        // First, or someone without an invitation could find out which logins exist.
        if let Some(key) = invitation
            && !self
                .prepare("SELECT 1 FROM invitations WHERE key = ? AND until >= ?")?
                .exists(params![key.0, now])?
        {
            return Ok(Outcome::NoSuchInvitation);
        }
        if self.id_of(login)?.is_some() || self.has_like(login)? {
            return Ok(Outcome::Exists);
        }
        if let Some(key) = invitation {
            self.run("DELETE FROM invitations WHERE key = ?", [key.0])?;
        }
        let account = self.insert(login, Some(verifier), log)?;
        self.write_profile(account, profile)?;
        Ok(Outcome::Added(account))
    }

    /// Returns the outcome of a registration that was carried out before.
    pub(crate) fn registered(&self, login: &Login, log: LogId) -> Result<Option<Outcome>> {
        let found = self
            .prepare(
                "SELECT id FROM accounts
                 WHERE login = ? AND NOT is_gone AND verifier IS NOT NULL AND log = ?",
            )?
            .query_row(params![login.as_bytes(), log.0], |row| row.get(0).map(id))
            .optional()?;
        Ok(found.map(Outcome::Added))
    }

    pub(crate) fn invite(
        &self,
        by: Option<AccountId>,
        invitation: InvitationKey,
        (until, now): (i64, i64),
        max_invitations: usize,
    ) -> Result<Outcome> {
        self.expire_invitations(now)?;
        if let Some(user) = by {
            let others = self
                .prepare("SELECT count(*) FROM invitations WHERE account = ?")?
                .query_row([sql(user.0)], |row| row.get(0))?;
            let is_known = self.prepare("SELECT 1 FROM invitations WHERE key = ?")?.exists([invitation.0])?;
            if number(others) >= max_invitations as u64 && !is_known {
                return Ok(Outcome::Denied(Denial::Full));
            }
        }
        self.run(
            "INSERT OR REPLACE INTO invitations (key, account, until) VALUES (?, ?, ?)",
            params![invitation.0, by.map(|user| sql(user.0)), until],
        )?;
        Ok(Outcome::Done)
    }

    /// Discards expired invitations.
    pub(crate) fn expire_invitations(&self, now: i64) -> Result<()> {
        self.run("DELETE FROM invitations WHERE until < ?", [now])?;
        Ok(())
    }
}

/// Of several entries of one log only the last one is told.
pub(crate) fn last_of_each(mut grown: Vec<Grown>) -> Vec<Grown> {
    grown.sort_by(|one, other| other.cmp(one));
    grown.dedup_by_key(|grown| grown.account);
    grown.reverse();
    grown
}
