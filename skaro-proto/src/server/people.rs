//! Requests about contacts, profiles and conferences.

use alloc::format;
use alloc::vec::Vec;

use super::Server;
use super::pending::{Asker, Pending};
use super::refusal::{Refused, denied, not_stored, out_of_memory, refused, unknown_user, wrong_outcome};
use super::store::{
    AccountId, ContactChange, Grown, Login, MemberChange, Operation, Outcome, Profile, StoreError,
    is_allowed, is_conference,
};
use super::told::{tell_members, user_bytes};
use crate::codec::Fields;
use crate::message::{Answer, Contacts};

/// Units of a user's message rate that a change of contacts, members or profiles costs: it may reach a thousand logs.
const CHANGE: u32 = 5;
/// Maximum number of users that are found.
const MAX_FOUND: usize = 100;

impl Server {
    pub(super) fn add_contact(
        &mut self,
        asker: Asker,
        login: &str,
        member: Option<&str>,
        (is_blocked, is_owner): (bool, bool),
    ) {
        if is_blocked && member.is_some() || is_owner && member.is_none() {
            let refused = refused(400, "\"owner\" is for a \"member\", and \"blocked\" is not");
            return self.answer(asker.id, asker.number, "add_contact", refused);
        }
        if let Some(member) = member {
            let change = match is_owner {
                true => MemberChange::MakeOwner,
                false if self.config.contacts_only => MemberChange::InviteContact,
                false => MemberChange::Invite,
            };
            return self.change_member(asker, "add_contact", login, member, change);
        }
        let change = if is_blocked { ContactChange::Block } else { ContactChange::List };
        self.change_contact(asker, "add_contact", login, change);
    }

    pub(super) fn del_contact(&mut self, asker: Asker, login: &str, member: Option<&str>) {
        match member {
            Some(member) => self.change_member(asker, "del_contact", login, member, MemberChange::Remove),
            None => self.change_contact(asker, "del_contact", login, ContactChange::Remove),
        }
    }

    fn change_contact(&mut self, asker: Asker, kind: &'static str, login: &str, change: ContactChange) {
        let joins = change == ContactChange::List && is_conference(login);
        let account = self.signed_in_user(asker.id).and_then(|account| {
            if self.accounts.get(account).is_some_and(|user| *user.login == *login) {
                return refused(400, "the field \"login\" is the user's own");
            }
            let is_new = |name: &str| is_allowed(name) && login.len() <= self.config.limits.max_login_bytes;
            if joins && login.strip_prefix('#').is_some_and(|name| !is_new(name)) {
                return refused(400, "a conference has a name as a user has, behind its #");
            }
            self.check_login(login)?;
            if joins {
                self.check_joins(account)?;
            }
            self.charge_entries(account, CHANGE).map(|_| account)
        });
        let account = match account {
            Ok(account) => account,
            Err(refused) => return self.answer(asker.id, asker.number, kind, Err(refused)),
        };
        let change = match change {
            ContactChange::List if self.config.users_found_conferences => ContactChange::ListOrFound,
            change => change,
        };
        let of = Login::from(login);
        let change = Operation::ChangeContact { account, with: of.clone(), change };
        self.ask(change, Some(asker), Pending::Change { kind, account, of, joins });
    }

    fn change_member(
        &mut self,
        asker: Asker,
        kind: &'static str,
        conference: &str,
        member: &str,
        change: MemberChange,
    ) {
        let account = self.signed_in_user(asker.id).and_then(|account| {
            [conference, member].into_iter().try_for_each(|login| self.check_login(login))?;
            self.charge_entries(account, CHANGE).map(|_| account)
        });
        match account {
            Ok(account) => {
                let (conference, member) = (Login::from(conference), member.into());
                let of = conference.clone();
                let joins = false;
                let change = Operation::ChangeMember { account, conference, member, change };
                self.ask(change, Some(asker), Pending::Change { kind, account, of, joins });
            }
            Err(refused) => self.answer(asker.id, asker.number, kind, Err(refused)),
        }
    }

    pub(super) fn set_profile(&mut self, asker: Asker, of: Option<&str>, changes: &Fields<'_>) {
        let account = self.signed_in_user(asker.id).and_then(|account| {
            of.map_or(Ok(()), |of| self.check_login(of))?;
            self.check_profile(&Profile::new(changes))?;
            self.charge_entries(account, CHANGE).map(|_| account)
        });
        match account {
            Ok(account) => {
                let (of, changes) = (of.map(Login::from), changes.clone().into_owned());
                let told = of.clone().unwrap_or_default();
                let max_bytes = self.config.max_profile_bytes;
                let change = Operation::SetProfile { account, of, changes, max_bytes };
                self.ask(
                    change,
                    Some(asker),
                    Pending::Change { kind: "update_my_data", account, of: told, joins: false },
                );
            }
            Err(refused) => self.answer(asker.id, asker.number, "update_my_data", Err(refused)),
        }
    }

    /// Contacts, members or a profile were changed, or were not.
    pub(super) fn changed(
        &mut self,
        asker: Option<Asker>,
        (kind, joins): (&'static str, bool),
        account: AccountId,
        of: &Login,
        result: Result<Outcome, StoreError>,
    ) {
        let mut grown = Vec::new();
        let outcome = match result {
            Ok(Outcome::Changed(logs)) => {
                grown = logs;
                Ok(if kind == "update_my_data" { Answer::Updated } else { Answer::Contact })
            }
            Ok(Outcome::NoSuchUser) if is_conference(of) => {
                refused(404, "there is no such conference, or no such user in it")
            }
            Ok(Outcome::NoSuchUser) => unknown_user(),
            Ok(Outcome::Exists) => refused(409, "this login is taken, or looks like one that is"),
            Ok(Outcome::Denied(denial)) => denied(denial),
            Ok(Outcome::TooLong) => {
                let limit = self.config.max_profile_bytes;
                refused(413, format!("the profile would be over the limit of {limit} bytes"))
            }
            Ok(_) => wrong_outcome(),
            Err(error) => not_stored(error),
        };
        if grown.is_empty() {
            self.give_back(account, CHANGE);
        } else if joins {
            self.note_join(account);
        }
        if let Some(asker) = asker {
            self.answer(asker.id, asker.number, kind, outcome);
        }
        self.logs_grew(&grown);
    }

    /// Lets the cursors over logs that have grown read on.
    pub(super) fn logs_grew(&mut self, logs: &[Grown]) {
        for grown in logs {
            self.accounts.grew(grown.account, grown.position);
            self.pump_all(grown.account, None);
        }
    }

    pub(super) fn get_user_data(&mut self, asker: Asker, login: &str) {
        let account = self.signed_in_user(asker.id);
        match account.and_then(|account| self.check_login(login).map(|()| account)) {
            Ok(account) => {
                let find = Operation::FindUser { account, login: login.into() };
                self.ask(find, Some(asker), Pending::Find);
            }
            Err(refused) => self.answer(asker.id, asker.number, "get_user_data", Err(refused)),
        }
    }

    /// A user was found, or was not.
    pub(super) fn user_found(&mut self, asker: Option<Asker>, result: Result<Outcome, StoreError>) {
        let Some(Asker { id, number }) = asker else { return };
        let outcome = match result {
            Ok(Outcome::User(contact, members)) => {
                let format = self.format(id);
                let mut user = self.told_contact(&contact, true);
                let room = self.config.max_answer_bytes.saturating_sub(user_bytes(format, &contact));
                if !self.make_room(2 * members.len().min(room) * 64) {
                    out_of_memory()
                } else {
                    if is_conference(&contact.login) && !members.is_empty() {
                        tell_members(&mut user, &members, format, room);
                    }
                    Ok(Answer::User(user))
                }
            }
            Ok(Outcome::NoSuchUser) => unknown_user(),
            Ok(_) => wrong_outcome(),
            Err(error) => not_stored(error),
        };
        self.answer(id, number, "get_user_data", outcome);
    }

    pub(super) fn search_contacts(&mut self, asker: Asker, prefix: &str, limit: Option<u64>) {
        let account = self.signed_in_user(asker.id).and_then(|account| match (prefix.len(), limit) {
            (0, _) => refused(400, "the field \"prefix\" is empty"),
            (_, Some(0)) => refused(400, "the field \"limit\" is 0, it must be at least 1"),
            _ => Ok(account),
        });
        let account = match account {
            Ok(account) => account,
            Err(refused) => return self.answer(asker.id, asker.number, "search_contacts", Err(refused)),
        };
        if self.check_login(prefix).is_err() {
            let answer = Answer::Users { users: Contacts::default(), more: false };
            return self.answer(asker.id, asker.number, "search_contacts", Ok(answer));
        }
        let max_users =
            limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MAX_FOUND).min(MAX_FOUND);
        let search = Operation::SearchUsers { account, prefix: prefix.into(), max_users };
        self.ask(search, Some(asker), Pending::Search);
    }

    /// Users were looked for.
    pub(super) fn users_found(&mut self, asker: Option<Asker>, result: Result<Outcome, StoreError>) {
        let Some(Asker { id, number }) = asker else { return };
        let outcome: Result<_, Refused> = match result {
            Ok(Outcome::Users { users, mut more }) => {
                let (format, mut room) = (self.format(id), self.config.max_answer_bytes);
                if !self.make_room(users.iter().map(|user| user_bytes(format, user)).sum()) {
                    return self.answer(id, number, "search_contacts", out_of_memory());
                }
                let mut told = Vec::new();
                for user in &users {
                    let Some(left) = room.checked_sub(user_bytes(format, user)) else {
                        more = true;
                        break;
                    };
                    room = left;
                    told.push(self.told_contact(user, true));
                }
                Ok(Answer::Users { users: told.into(), more })
            }
            Ok(_) => wrong_outcome(),
            Err(error) => not_stored(error),
        };
        self.answer(id, number, "search_contacts", outcome);
    }

    /// The format of a connection.
    pub(super) fn format(&self, id: super::ConnectionId) -> crate::codec::Format {
        self.connections.get(&id).map_or(self.config.format, |connection| connection.endpoint.format())
    }
}
