//! Contacts, profiles and conferences. A conference is a user to whom nobody can sign in, whose contacts are its
//! members.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::entries::What;
use super::logs::Logs;
use super::users::{Access, UserId, Users};
use super::{Login, MemoryStore, Outcome, StoreError};
use crate::auth::Verifier;
use crate::codec::Fields;
use crate::server::store::{
    AccountId, Contact, ContactChange, ContactState, Denial, Grown, InvitationKey, KeptSessions, LogId,
    Member, MemberChange, is_conference,
};

/// The logs that have grown by a change.
type Grew = Vec<Grown>;

impl MemoryStore {
    pub(super) fn register(
        &mut self,
        login: Login,
        verifier: Verifier,
        log: LogId,
        invitation: Option<(InvitationKey, i64)>,
    ) -> Result<(Outcome, Option<UserId>), StoreError> {
        if let Some(id) = self.users.find(&login)
            && self.users.access(id).is_some_and(|access| access.log == log)
        {
            return Ok((Outcome::Added(id.account()), None));
        }
        // First, or someone without an invitation could find out which logins exist.
        if invitation.is_some_and(|(key, now)| !self.invitations.is_good(key, now)) {
            return Ok((Outcome::NoSuchInvitation, None));
        }
        if self.users.find(&login).is_some() || self.users.has_like(&login) {
            return Ok((Outcome::Exists, None));
        }
        if !self.make_room(Users::cost(login.len())) {
            return Err(StoreError::Full);
        }
        if let Some((key, _)) = invitation {
            self.invitations.remove(key);
        }
        let id = self.users.add(login, Some(Access::new(verifier, log)));
        Ok((id.map_or(Outcome::Exists, |id| Outcome::Added(id.account())), id))
    }

    /// Returns a contact, or any other user, as a user sees it, without the dialog.
    pub(super) fn contact(&self, user: UserId, with: UserId) -> Contact {
        let login = self.users.login(with);
        let (state, theirs) = match user == with {
            // Nobody is a contact of oneself, whatever a message to oneself has left.
            true => Default::default(),
            false => (self.logs.state(user, with), self.logs.state(with, user)),
        };
        let mut contact = Contact::new(with.account(), login);
        (contact.state, contact.has_blocked) = (state, theirs == ContactState::Blocked);
        let profile = self.users.profile(with);
        let sees = if is_conference(&contact.login) {
            contact.is_known = theirs.is_member();
            theirs.is_member() || state == ContactState::Asks || profile.is_public()
        } else {
            contact.is_known = user == with || state.is_member() && theirs.is_member();
            contact.read_date = self.read_date(with, user);
            !contact.has_blocked
        };
        if sees {
            contact.profile = profile;
        }
        contact
    }

    /// Returns the date of the last message that a user has read in a dialog, if both of its users tell it.
    pub(super) fn read_date(&self, reader: UserId, with: UserId) -> Option<i64> {
        let is_blocked = |user, other| self.logs.state(user, other) == ContactState::Blocked;
        let tells = |user| self.users.access(user).is_some() && self.users.profile(user).tells_read();
        if reader == with
            || is_blocked(reader, with)
            || is_blocked(with, reader)
            || !tells(reader)
            || !tells(with)
        {
            return None;
        }
        let log = self.logs.get(reader)?;
        Some(log.entries.message(log.dialog(with)?.last_read()?)?.date)
    }

    pub(super) fn find_user(&self, account: AccountId, login: &Login) -> Outcome {
        let Some(with) = self.users.find(login) else { return Outcome::NoSuchUser };
        let contact = self.contact(UserId::of(account), with);
        let sees = is_conference(login) && (contact.is_known || contact.profile.is_public());
        let members = if sees { self.members(with) } else { Vec::new() };
        let member = |(id, state): &(UserId, ContactState)| Member {
            is_owner: *state == ContactState::Owner,
            ..Member::new(id.account(), self.users.login(*id))
        };
        Outcome::User(Box::new(contact), members.iter().map(member).collect())
    }

    pub(super) fn search_users(&self, account: AccountId, prefix: &Login, max_users: usize) -> Outcome {
        let user = UserId::of(account);
        let found = self.users.starting_with(prefix).filter(|id| *id != user);
        let found = found.filter(|id| self.users.profile(*id).is_public()).map(|id| self.contact(user, id));
        let mut found = found.filter(|contact| !contact.has_blocked);
        let users = found.by_ref().take(max_users).collect();
        Outcome::Users { users, more: found.next().is_some() }
    }

    /// Returns those who know the user, and whom the user knows.
    pub(super) fn known(&self, user: UserId, max_users: usize) -> Vec<UserId> {
        let states = self.logs.get(user).into_iter().flat_map(|log| log.states());
        let listed = states.filter(|(_, state)| state.is_member()).map(|(with, _)| with);
        let is_known = |with: &UserId| {
            *with != user && self.users.access(*with).is_some() && self.logs.state(*with, user).is_member()
        };
        listed.filter(is_known).take(max_users).collect()
    }

    /// Returns the members of a conference, and whether they are owners.
    pub(super) fn members(&self, conference: UserId) -> Vec<(UserId, ContactState)> {
        let states = self.logs.get(conference).into_iter().flat_map(|log| log.states());
        states.filter(|(_, state)| state.is_member()).collect()
    }

    /// Adds an entry to a log, in place of the last one of its kind.
    fn enter(&mut self, user: UserId, with: UserId, what: What) -> Grown {
        let position = self.logs.replace(user, with, what, &self.limits);
        Grown { account: user.account(), position }
    }

    /// Sets the state of a contact, with an entry if it was another one.
    fn set_contact(&mut self, user: UserId, with: UserId, state: ContactState, grew: &mut Grew) {
        if self.logs.set_state(user, with, state) {
            grew.push(self.enter(user, with, What::Contact { state }));
        }
    }

    /// Tells all members of a conference except one that a member has another state.
    fn tell_members(
        &mut self,
        conference: UserId,
        member: UserId,
        state: ContactState,
        except: Option<UserId>,
        grew: &mut Grew,
    ) {
        for (user, _) in self.members(conference) {
            if Some(user) != except {
                let what = What::Changed { member: Some((member, state)) };
                grew.push(self.enter(user, conference, what));
            }
        }
    }

    /// Makes room for entries in the logs of all members of a conference, and some more.
    fn make_room_for_members(&mut self, conference: UserId) -> Result<(), StoreError> {
        let count = self.members(conference).len() + 4;
        if self.make_room(count * Logs::OTHER) { Ok(()) } else { Err(StoreError::Full) }
    }

    pub(super) fn change_contact(
        &mut self,
        account: AccountId,
        with: Login,
        change: ContactChange,
    ) -> Result<Outcome, StoreError> {
        let user = UserId::of(account);
        if self.users.access(user).is_none() {
            return Ok(Outcome::NoSuchUser);
        }
        let Some(id) = self.users.find(&with) else {
            return match change {
                ContactChange::ListOrFound if is_conference(&with) => self.found(user, with),
                _ => Ok(Outcome::NoSuchUser),
            };
        };
        self.make_room_for_members(id)?;
        let mut grew = Grew::new();
        match change {
            _ if id == user => (),
            ContactChange::List | ContactChange::ListOrFound if is_conference(&with) => {
                if let Err(denial) = self.join(user, id, &mut grew) {
                    return Ok(Outcome::Denied(denial));
                }
            }
            ContactChange::List | ContactChange::ListOrFound => {
                self.set_contact(user, id, ContactState::Listed, &mut grew);
                if self.logs.state(id, user) == ContactState::None {
                    self.set_contact(id, user, ContactState::Asks, &mut grew);
                }
            }
            ContactChange::Block | ContactChange::Remove => {
                let is_block = change == ContactChange::Block;
                let state = if is_block { ContactState::Blocked } else { ContactState::None };
                self.set_contact(user, id, state, &mut grew);
                match self.logs.state(id, user) {
                    theirs if is_conference(&with) && theirs.is_member() => self.leave(user, id, &mut grew),
                    ContactState::Asks => self.set_contact(id, user, ContactState::None, &mut grew),
                    _ => (),
                }
            }
        }
        Ok(Outcome::Changed(last_of_each(grew)))
    }

    /// Founds a conference, with the user as its owner.
    fn found(&mut self, user: UserId, login: Login) -> Result<Outcome, StoreError> {
        if self.users.has_like(&login) {
            return Ok(Outcome::Exists);
        }
        if !self.make_room(Users::cost(login.len()) + 2 * Logs::OTHER) {
            return Err(StoreError::Full);
        }
        let Some(conference) = self.users.add(login, None) else { return Ok(Outcome::Exists) };
        let mut grew = Grew::new();
        self.logs.set_state(conference, user, ContactState::Owner);
        self.set_contact(user, conference, ContactState::Listed, &mut grew);
        Ok(Outcome::Changed(grew))
    }

    fn join(&mut self, user: UserId, conference: UserId, grew: &mut Grew) -> Result<(), Denial> {
        let (mine, theirs) = (self.logs.state(user, conference), self.logs.state(conference, user));
        if theirs.is_member() {
            return Ok(());
        }
        let is_open = self.users.profile(conference).is_public() && theirs != ContactState::Blocked;
        if mine != ContactState::Asks && !is_open {
            return Err(Denial::NotInvited);
        }
        if self.members(conference).len() >= self.limits.max_members {
            return Err(Denial::Full);
        }
        self.logs.set_state(conference, user, ContactState::Listed);
        self.set_contact(user, conference, ContactState::Listed, grew);
        self.tell_members(conference, user, ContactState::Listed, Some(user), grew);
        Ok(())
    }

    /// Takes a member out of a conference, which ends with the last one.
    fn leave(&mut self, user: UserId, conference: UserId, grew: &mut Grew) {
        self.logs.set_state(conference, user, ContactState::None);
        let members = self.members(conference);
        let Some((first, _)) = members.first().copied() else {
            return self.remove_user(&self.users.login(conference), grew);
        };
        self.tell_members(conference, user, ContactState::None, None, grew);
        if !members.iter().any(|(_, state)| *state == ContactState::Owner) {
            self.logs.set_state(conference, first, ContactState::Owner);
            self.tell_members(conference, first, ContactState::Owner, None, grew);
        }
    }

    /// Removes a user or a conference. All others lose the state that they had of it.
    fn remove_user(&mut self, login: &Login, grew: &mut Grew) {
        let Some(id) = self.users.find(login) else { return };
        let states: Vec<_> = self.logs.get(id).into_iter().flat_map(|log| log.states()).collect();
        for (with, _) in states {
            if self.logs.state(with, id).is_member() && is_conference(&self.users.login(with)) {
                // Its own log goes with it.
                self.logs.set_state(id, with, ContactState::None);
                self.leave(id, with, grew);
            }
            match self.logs.state(with, id) {
                ContactState::None => (),
                ContactState::Asks | ContactState::Listed if is_conference(login) => {
                    self.set_contact(with, id, ContactState::None, grew);
                }
                _ => {
                    self.logs.set_state(with, id, ContactState::None);
                }
            }
        }
        self.users.remove(login);
        self.sessions.remove(id, KeptSessions::None);
        self.logs.remove(id);
    }

    pub(super) fn remove_account(&mut self, login: &Login) -> Outcome {
        let mut grew = Grew::new();
        let is_there = self.users.find(login).is_some();
        self.remove_user(login, &mut grew);
        match is_there {
            true => Outcome::Changed(last_of_each(grew)),
            false => Outcome::NoSuchUser,
        }
    }

    pub(super) fn change_member(
        &mut self,
        account: AccountId,
        conference: &Login,
        member: &Login,
        change: MemberChange,
    ) -> Result<Outcome, StoreError> {
        let user = UserId::of(account);
        let found = self.users.find(conference).filter(|_| is_conference(conference));
        let member = self.users.find(member).filter(|id| self.users.access(*id).is_some());
        let Some(id) = found else { return Ok(Outcome::NoSuchUser) };
        if self.logs.state(id, user) != ContactState::Owner {
            return Ok(Outcome::Denied(Denial::NoOwner));
        }
        let Some(member) = member else { return Ok(Outcome::NoSuchUser) };
        self.make_room_for_members(id)?;
        let (in_conference, theirs) = (self.logs.state(id, member), self.logs.state(member, id));
        let mut grew = Grew::new();
        match change {
            MemberChange::Invite | MemberChange::InviteContact => {
                let of_owner = self.logs.state(member, user);
                let may = match change {
                    MemberChange::Invite => of_owner != ContactState::Blocked,
                    _ => of_owner.is_member(),
                };
                if may && !in_conference.is_member() && theirs != ContactState::Blocked {
                    self.set_contact(member, id, ContactState::Asks, &mut grew);
                }
            }
            MemberChange::MakeOwner if in_conference.is_member() => {
                if self.logs.set_state(id, member, ContactState::Owner) {
                    self.tell_members(id, member, ContactState::Owner, None, &mut grew);
                }
            }
            MemberChange::Remove if member == user => {
                self.set_contact(user, id, ContactState::None, &mut grew);
                self.leave(user, id, &mut grew);
            }
            MemberChange::Remove if in_conference.is_member() => {
                self.logs.set_state(id, member, ContactState::Blocked);
                self.set_contact(member, id, ContactState::None, &mut grew);
                self.tell_members(id, member, ContactState::None, None, &mut grew);
            }
            MemberChange::Remove if theirs == ContactState::Asks => {
                self.set_contact(member, id, ContactState::None, &mut grew);
            }
            MemberChange::MakeOwner | MemberChange::Remove => return Ok(Outcome::NoSuchUser),
        }
        Ok(Outcome::Changed(last_of_each(grew)))
    }

    pub(super) fn set_profile(
        &mut self,
        account: AccountId,
        of: Option<&Login>,
        changes: &Fields<'_>,
        max_bytes: usize,
    ) -> Result<Outcome, StoreError> {
        let user = UserId::of(account);
        let id = match of {
            None => Some(user).filter(|user| self.users.access(*user).is_some()),
            Some(login) => self.users.find(login).filter(|_| is_conference(login)),
        };
        let Some(id) = id else { return Ok(Outcome::NoSuchUser) };
        if of.is_some() && self.logs.state(id, user) != ContactState::Owner {
            return Ok(Outcome::Denied(Denial::NoOwner));
        }
        let before = self.users.profile(id);
        let profile = before.changed(changes);
        if profile.as_bytes().len() > max_bytes {
            return Ok(Outcome::TooLong);
        }
        if profile == before {
            return Ok(Outcome::Changed(Grew::new()));
        }
        let told: Vec<_> = if id == user {
            core::iter::once(user).chain(self.known(user, self.limits.max_members)).collect()
        } else {
            self.members(id).into_iter().map(|(member, _)| member).collect()
        };
        if !self.make_room(told.len() * Logs::OTHER + profile.as_bytes().len()) {
            return Err(StoreError::Full);
        }
        self.users.set_profile(id, profile);
        let grew = told.into_iter().map(|user| self.enter(user, id, What::Changed { member: None }));
        Ok(Outcome::Changed(grew.collect()))
    }
}

/// Of several entries of one log only the last one is told.
fn last_of_each(mut grew: Grew) -> Grew {
    grew.sort();
    let mut last = Grew::new();
    for grown in grew {
        match last.last_mut() {
            Some(before) if before.account == grown.account => *before = grown,
            _ => last.push(grown),
        }
    }
    last
}
