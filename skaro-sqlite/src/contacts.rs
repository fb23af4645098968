//! Readings of people: contacts, users who are found.

use rusqlite::{OptionalExtension, Params, Row, params};
use skaro_proto::server::store::{
    AccountId, Contact, ContactState, DialogMessage, Login, Outcome, Profile, is_conference,
};

use crate::error::{Result, corrupt};
use crate::read::message;
use crate::tx::{Tx, id, login, number, size, sql, state};

/// A query of accounts as a user sees them, who is its first parameter: id, login, both states, unread messages, date
/// of the last message that the other has read if both tell it, profile.
macro_rules! seen {
    ($condition:literal) => {
        concat!(
            "SELECT id, login, coalesce(mine.state, 0), coalesce(theirs.state, 0), coalesce(mine.unread, 0),
                 CASE WHEN tells_read AND verifier IS NOT NULL AND id <> ?1
                     AND mine.state IS NOT 3 AND theirs.state IS NOT 3 AND EXISTS (SELECT 1 FROM accounts
                         WHERE id = ?1 AND tells_read AND verifier IS NOT NULL)
                 THEN (SELECT date FROM entries JOIN messages ON messages.id = entries.message
                     WHERE entries.account = theirs.account AND entries.peer = ?1
                     AND message IS NOT NULL AND position <= theirs.read ORDER BY position DESC LIMIT 1) END,
                 CASE WHEN theirs.state IS NOT 3 OR is_public
                 THEN (SELECT profile FROM profiles WHERE profiles.account = id) END
             FROM accounts LEFT JOIN dialogs AS mine ON mine.account = ?1 AND mine.peer = id
             LEFT JOIN dialogs AS theirs ON theirs.account = id AND theirs.peer = ?1 WHERE ",
            $condition
        )
    };
}

/// Reads an account as a user sees it.
fn contact(row: &Row<'_>, user: AccountId) -> Result<Contact> {
    let name = login(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
    let conference = is_conference(&name);
    let (mine, theirs) = (state(row.get(2)?)?, state(row.get(3)?)?);
    let mut contact = Contact::new(id(row.get(0)?), name);
    (contact.state, contact.has_blocked) = (mine, theirs == ContactState::Blocked);
    (contact.unread, contact.read_date) = (number(row.get(4)?), row.get(5)?);
    let profile = row.get_ref(6)?.as_blob_or_null().map_err(rusqlite::Error::from)?.unwrap_or_default();
    let profile = Profile::from_bytes(profile).ok_or_else(|| corrupt("a profile is no map"))?;
    let sees = if conference {
        contact.is_known = theirs.is_member();
        theirs.is_member() || mine == ContactState::Asks || profile.is_public()
    } else {
        contact.is_known = contact.id == user || mine.is_member() && theirs.is_member();
        !contact.has_blocked
    };
    if sees {
        contact.profile = profile;
    }
    Ok(contact)
}

impl Tx<'_> {
    pub(crate) fn list_contacts(
        &self,
        user: AccountId,
        (all, with_states): (bool, bool),
        max_contacts: usize,
        max_bytes: usize,
    ) -> Result<Outcome> {
        let params = params![sql(user.0), size(max_contacts), with_states];
        let mut contacts = if all {
            self.seen(
                seen!(
                    "id <> ?1 AND (verifier IS NOT NULL OR mine.state IN (2, 4) OR (?3 AND mine.state IN (1, 3)))
                     ORDER BY coalesce(mine.state, 0) NOT IN (2, 4), id LIMIT ?2"
                ),
                params,
                user,
            )?
        } else {
            self.seen(
                seen!(
                    "id IN (SELECT peer FROM dialogs WHERE account = ?1
                         AND (state IN (2, 4) OR (?3 AND state IN (1, 3))))
                     ORDER BY coalesce(mine.state, 0) NOT IN (2, 4), id LIMIT ?2"
                ),
                params,
                user,
            )?
        };
        let mut room = max_bytes;
        for contact in contacts.iter_mut().filter(|_| max_bytes > 0) {
            contact.last = self.last(user, contact, room)?;
            room -= contact.last.as_ref().map_or(0, |last| last.message.body.len());
        }
        Ok(Outcome::Contacts(contacts))
    }

    /// Reads accounts as a user sees them.
    fn seen(&self, statement: &'static str, params: impl Params, user: AccountId) -> Result<Vec<Contact>> {
        let mut statement = self.prepare(statement)?;
        let mut rows = statement.query(params)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(contact(row, user)?);
        }
        Ok(all)
    }

    /// Returns the last message of a dialog, if it fits.
    fn last(&self, user: AccountId, contact: &Contact, room: usize) -> Result<Option<DialogMessage>> {
        let mut statement = self.prepare(
            "SELECT position, sender = account, date, body, key,
                 CASE WHEN kind = 1 AND sender <> account
                     THEN (SELECT login FROM accounts WHERE id = sender) END
             FROM entries JOIN messages ON messages.id = entries.message
             WHERE account = ? AND peer = ? AND message IS NOT NULL ORDER BY position DESC LIMIT 1",
        )?;
        let mut rows = statement.query([sql(user.0), sql(contact.id.0)])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let body = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
        if body.len() > room {
            return Ok(None);
        }
        Ok(Some(DialogMessage::new(number(row.get(0)?), message(row, contact.login.clone(), 1)?)))
    }

    /// Returns the date of the last message that a user has read in a dialog, if both of its users tell it.
    pub(crate) fn read_date(&self, reader: AccountId, with: AccountId) -> Result<Option<i64>> {
        let reader = [sql(with.0), sql(reader.0)];
        let found = self.prepare(seen!("id = ?2"))?.query_row(reader, |row| row.get(5)).optional()?;
        Ok(found.flatten())
    }

    pub(crate) fn find_user(&self, user: AccountId, login: &Login) -> Result<Outcome> {
        let found =
            self.seen(seen!("login = ?2 AND NOT is_gone"), params![sql(user.0), login.as_bytes()], user)?;
        let Some(mut contact) = found.into_iter().next() else { return Ok(Outcome::NoSuchUser) };
        contact.unread = 0;
        let sees = is_conference(login) && (contact.is_known || contact.profile.is_public());
        let members = if sees { self.members(contact.id)? } else { Vec::new() };
        Ok(Outcome::User(Box::new(contact), members))
    }

    pub(crate) fn search_users(&self, user: AccountId, prefix: &Login, max_users: usize) -> Result<Outcome> {
        // No text has a byte like the last one.
        let end = match prefix.as_bytes().split_last() {
            Some((last, rest)) => [rest, &[last.saturating_add(1)]].concat(),
            None => vec![u8::MAX],
        };
        let mut users = self.seen(
            seen!(
                "is_public AND login >= ?2 AND login < ?3 AND id <> ?1 AND theirs.state IS NOT 3
                 ORDER BY login LIMIT ?4"
            ),
            params![sql(user.0), prefix.as_bytes(), end, size(max_users.saturating_add(1))],
            user,
        )?;
        let more = users.len() > max_users;
        users.truncate(max_users);
        users.iter_mut().for_each(|contact| contact.unread = 0);
        Ok(Outcome::Users { users, more })
    }
}
