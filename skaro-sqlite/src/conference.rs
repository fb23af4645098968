//! Conferences: messages to all members, and who is a member.

use rusqlite::params;
use skaro_proto::server::store::{
    AccountId, Appended, ContactState, Denial, Grown, LogId, Login, Member, MemberChange, Outcome,
};

use crate::append::News;
use crate::error::Result;
use crate::people::last_of_each;
use crate::trim::Kept;
use crate::tx::{Draft, Tx, id, login, number, size, sql, state};

impl Tx<'_> {
    /// Appends a message to the logs of all members of a conference. The number of statements is the same for any
    /// number of members, except for logs that discard something.
    pub(crate) fn post(&self, draft: &Draft<'_>, conference: AccountId) -> Result<Outcome> {
        let from = draft.from;
        if !self.state(conference, from)?.is_member() {
            return self.deny(from, Denial::NoMember);
        }
        let (room, bytes) = (sql(conference.0), size(draft.body.len()));
        let latest: Option<i64> = self
            .prepare("SELECT max(latest) FROM dialogs WHERE account = ?1 AND peer = ?1")?
            .query_row([room], |row| row.get(0))?;
        let date = draft.now.max(latest.unwrap_or_default().saturating_add(1));
        self.run(
            "INSERT INTO dialogs (account, peer, latest) VALUES (?1, ?1, ?2)
             ON CONFLICT DO UPDATE SET latest = excluded.latest",
            [room, date],
        )?;
        let mut logs = self.grow_all(room, bytes)?;
        let own = logs.iter().position(|log| log.account == from);
        let position = own.map_or(0, |own| logs.swap_remove(own).position);
        let message = self.insert_message(draft, (conference, None), date, position, logs.len() + 1)?;
        self.insert_key(draft, conference, position, date)?;
        self.run(
            "INSERT INTO entries (account, position, peer, kind, message)
             SELECT peer, head, dialogs.account, 1, ?2 FROM dialogs JOIN accounts ON accounts.id = peer
             WHERE dialogs.account = ?1 AND state IN (2, 4)",
            [room, message],
        )?;
        self.run(
            "UPDATE dialogs SET latest = ?2, bytes = bytes + ?3, messages = messages + 1,
                 unread = unread + (account <> ?4)
             WHERE peer = ?1 AND account IN (SELECT peer FROM dialogs WHERE account = ?1 AND state IN (2, 4))",
            params![room, date, bytes, sql(from.0)],
        )?;
        self.trim_all(conference)?;
        self.count_key(draft)?;
        Ok(Outcome::Posted { appended: Appended::new(position, date, conference, 0), logs })
    }

    /// Takes the next position of the logs of all members of a conference, for an entry with this many bytes.
    fn grow_all(&self, conference: i64, bytes: i64) -> Result<Vec<Grown>> {
        let mut grow = self.prepare(
            "UPDATE accounts SET head = head + 1, entries = entries + 1, bytes = bytes + ?2
             WHERE id IN (SELECT peer FROM dialogs WHERE account = ?1 AND state IN (2, 4)) RETURNING id, head",
        )?;
        let grown = grow.query_map([conference, bytes], |row| {
            Ok(Grown { account: id(row.get(0)?), position: number(row.get(1)?) })
        })?;
        Ok(grown.collect::<rusqlite::Result<_>>()?)
    }

    /// Discards what is too much in the dialogs of all members with a conference, and in their logs.
    fn trim_all(&self, conference: AccountId) -> Result<()> {
        let limits = self.limits;
        let full = self
            .prepare(
                "SELECT mine.account, mine.messages, mine.bytes, accounts.entries, accounts.bytes
                 FROM dialogs AS theirs JOIN accounts ON accounts.id = theirs.peer
                 JOIN dialogs AS mine ON mine.account = theirs.peer AND mine.peer = theirs.account
                 WHERE theirs.account = ?1 AND theirs.state IN (2, 4)
                 AND (mine.messages > ?2 OR mine.bytes > ?3 OR accounts.entries > ?4 OR accounts.bytes > ?5)",
            )?
            .query_map(
                [
                    sql(conference.0),
                    size(limits.max_dialog_messages),
                    size(limits.max_dialog_bytes),
                    size(limits.max_log_entries),
                    size(limits.max_log_bytes),
                ],
                |row| {
                    let dialog = Kept { count: row.get(1)?, bytes: row.get(2)? };
                    Ok((id(row.get(0)?), dialog, Kept { count: row.get(3)?, bytes: row.get(4)? }))
                },
            )?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        full.into_iter().try_for_each(|(member, dialog, log)| self.trim(member, conference, dialog, log))
    }

    /// Returns the members of a conference, in the order in which they were added to the store.
    pub(crate) fn members(&self, conference: AccountId) -> Result<Vec<Member>> {
        let mut members = Vec::new();
        let mut statement = self.prepare(
            "SELECT peer, login, state FROM dialogs JOIN accounts ON accounts.id = peer
             WHERE account = ? AND state IN (2, 4) ORDER BY peer",
        )?;
        let mut rows = statement.query([sql(conference.0)])?;
        while let Some(row) = rows.next()? {
            let name = login(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
            let mut member = Member::new(id(row.get(0)?), name);
            member.is_owner = state(row.get(2)?)? == ContactState::Owner;
            members.push(member);
        }
        Ok(members)
    }

    fn count_members(&self, conference: AccountId) -> Result<u64> {
        let count = self
            .prepare("SELECT count(*) FROM dialogs WHERE account = ? AND state IN (2, 4)")?
            .query_row([sql(conference.0)], |row| row.get(0))?;
        Ok(number(count))
    }

    /// Tells all members of a conference except one that a member has another state.
    fn tell_members(
        &self,
        conference: AccountId,
        news: (AccountId, ContactState),
        except: Option<AccountId>,
        grown: &mut Vec<Grown>,
    ) -> Result<()> {
        for user in self.peers(conference)? {
            if Some(user) != except {
                let position = self.replace(user, conference, News::Changed(Some(news)))?;
                grown.push(Grown { account: user, position });
            }
        }
        Ok(())
    }

    /// Returns the accounts of those whom an account has listed, the members if it is a conference.
    pub(crate) fn peers(&self, of: AccountId) -> Result<Vec<AccountId>> {
        Ok(self
            .prepare("SELECT peer FROM dialogs WHERE account = ? AND state IN (2, 4) ORDER BY peer")?
            .query_map([sql(of.0)], |row| row.get(0).map(id))?
            .collect::<rusqlite::Result<_>>()?)
    }

    /// Founds a conference, with the user as its owner.
    pub(crate) fn found(&self, user: AccountId, login: &Login) -> Result<Outcome> {
        if self.has_like(login)? {
            return Ok(Outcome::Exists);
        }
        // Nobody has a cursor over its log.
        let conference = self.insert(login, None, LogId([0; 16]))?;
        let mut grown = Vec::new();
        self.set_state(conference, user, ContactState::Owner)?;
        self.set_contact(user, conference, ContactState::Listed, &mut grown)?;
        Ok(Outcome::Changed(grown))
    }

    /// Makes a user a member, or returns why not.
    pub(crate) fn join(
        &self,
        user: AccountId,
        conference: AccountId,
        grown: &mut Vec<Grown>,
    ) -> Result<core::result::Result<(), Denial>> {
        let (mine, theirs) = (self.state(user, conference)?, self.state(conference, user)?);
        if theirs.is_member() {
            return Ok(Ok(()));
        }
        let is_open = || {
            self.prepare("SELECT 1 FROM accounts WHERE id = ? AND is_public")?
                .exists([sql(conference.0)])
                .map_err(crate::error::Failure::from)
        };
        if mine != ContactState::Asks && (theirs == ContactState::Blocked || !is_open()?) {
            return Ok(Err(Denial::NotInvited));
        }
        if self.count_members(conference)? >= self.limits.max_members as u64 {
            return Ok(Err(Denial::Full));
        }
        self.set_state(conference, user, ContactState::Listed)?;
        self.set_contact(user, conference, ContactState::Listed, grown)?;
        self.tell_members(conference, (user, ContactState::Listed), Some(user), grown)?;
        Ok(Ok(()))
    }

    /// Takes a member out of a conference, which ends with the last one.
    pub(crate) fn leave(&self, user: AccountId, conference: AccountId, grown: &mut Vec<Grown>) -> Result<()> {
        self.set_state(conference, user, ContactState::None)?;
        let members = self.members(conference)?;
        let Some(first) = members.first() else { return self.remove(conference, grown) };
        self.tell_members(conference, (user, ContactState::None), None, grown)?;
        if !members.iter().any(|member| member.is_owner) {
            self.make_owner(first.id, conference, grown)?;
        }
        Ok(())
    }

    fn make_owner(&self, member: AccountId, conference: AccountId, grown: &mut Vec<Grown>) -> Result<()> {
        self.set_state(conference, member, ContactState::Owner)?;
        self.tell_members(conference, (member, ContactState::Owner), None, grown)
    }

    pub(crate) fn change_member(
        &self,
        user: AccountId,
        conference: &Login,
        member: &Login,
        change: MemberChange,
    ) -> Result<Outcome> {
        let Some(room) = self.conference_of(conference)? else { return Ok(Outcome::NoSuchUser) };
        if self.state(room, user)? != ContactState::Owner {
            return Ok(Outcome::Denied(Denial::NoOwner));
        }
        let Some(member) = self.user_of(member)? else { return Ok(Outcome::NoSuchUser) };
        let (in_conference, theirs) = (self.state(room, member)?, self.state(member, room)?);
        let mut grown = Vec::new();
        match change {
            MemberChange::Invite | MemberChange::InviteContact
                if in_conference.is_member() || theirs == ContactState::Blocked => {}
            MemberChange::Invite if self.state(member, user)? == ContactState::Blocked => (),
            MemberChange::InviteContact if !self.state(member, user)?.is_member() => (),
            MemberChange::Invite | MemberChange::InviteContact => {
                self.set_contact(member, room, ContactState::Asks, &mut grown)?
            }
            MemberChange::MakeOwner if in_conference == ContactState::Owner => (),
            MemberChange::MakeOwner if in_conference.is_member() => {
                self.make_owner(member, room, &mut grown)?;
            }
            MemberChange::Remove if member == user => {
                self.set_contact(user, room, ContactState::None, &mut grown)?;
                self.leave(user, room, &mut grown)?;
            }
            MemberChange::Remove if in_conference.is_member() => {
                self.set_state(room, member, ContactState::Blocked)?;
                self.set_contact(member, room, ContactState::None, &mut grown)?;
                self.tell_members(room, (member, ContactState::None), None, &mut grown)?;
            }
            MemberChange::Remove if theirs == ContactState::Asks => {
                self.set_contact(member, room, ContactState::None, &mut grown)?;
            }
            _ => return Ok(Outcome::NoSuchUser),
        }
        Ok(Outcome::Changed(last_of_each(grown)))
    }
}
