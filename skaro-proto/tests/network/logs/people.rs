//! What the store should know: who is a member of what, who takes messages of whom, and every entry of each log.

use std::collections::{BTreeMap, BTreeSet};

use skaro_proto::server::store::{AccountId, ContactChange, ContactState, MemberChange};

use super::super::oracle::{Checked, ensure};
use super::deeds::{Deed, Name, Said, by_user};
use super::{Counts, USERS, What};

/// A user, or one of all conferences that ever were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum With {
    User(usize),
    Conference(usize),
}

pub(super) struct Entry {
    pub(super) what: What,
    /// The dialog or the contact.
    with: With,
    /// Whether a later one has replaced it.
    pub(super) is_gone: bool,
}

#[derive(Default)]
pub(super) struct Log {
    pub(super) entries: Vec<Entry>,
    states: BTreeMap<With, ContactState>,
    /// The places of the last entries of each kind but messages.
    last: BTreeMap<(With, Kind), usize>,
    pub(super) marks: BTreeMap<With, u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Read,
    Contact,
    Changed,
}

pub(super) struct Conference {
    name: usize,
    /// The members, and whether they are owners.
    pub(super) members: BTreeMap<usize, bool>,
    /// Those who were removed, and may not come back by themselves.
    removed: BTreeSet<usize>,
    /// The versions of its profile, one after the other.
    versions: Vec<u64>,
    pub(super) is_public: bool,
}

/// A message that was taken.
pub(super) struct Taken {
    pub(super) from: usize,
    pub(super) with: With,
    /// Those who have it.
    pub(super) users: BTreeSet<usize>,
    pub(super) date: i64,
    /// The position in the sender's log.
    position: u64,
}

#[derive(Default)]
pub(super) struct People {
    /// The numbers of the users' accounts, if the store tells them.
    pub(super) accounts: Vec<AccountId>,
    pub(super) logs: [Log; USERS],
    /// The versions of their profiles, one after the other.
    versions: [Vec<u64>; USERS],
    pub(super) conferences: Vec<Conference>,
    pub(super) taken: BTreeMap<usize, Taken>,
    dates: BTreeMap<(With, With), i64>,
    /// Messages that were refused, and those for which there was a reason in what the store knows.
    pub(super) refused: BTreeSet<usize>,
    pub(super) denied: BTreeSet<usize>,
    pub(super) counts: Counts,
    /// The first thing that went wrong.
    pub(super) wrong: Option<String>,
}

impl People {
    /// All is lost, but for what was said to senders.
    pub(super) fn lose_everything(&mut self) {
        let People { refused, denied, counts, wrong, .. } = std::mem::take(self);
        *self = People { refused, denied, counts, wrong, ..People::default() };
    }

    /// The conference of this name, if there is one at present.
    pub(super) fn conference(&self, name: usize) -> Option<usize> {
        self.conferences.iter().rposition(|it| it.name == name && !it.members.is_empty())
    }

    pub(super) fn find(&self, name: Name) -> Option<With> {
        match name {
            Name::User(user) => Some(With::User(user)),
            Name::Conference(name) => self.conference(name).map(With::Conference),
        }
    }

    pub(super) fn name(&self, with: With) -> Name {
        match with {
            With::User(user) => Name::User(user),
            With::Conference(id) => Name::Conference(self.conferences[id].name),
        }
    }

    fn state_of(&self, user: usize, with: With) -> ContactState {
        self.logs[user].states.get(&with).copied().unwrap_or_default()
    }

    pub(super) fn state(&self, user: usize, name: Name) -> ContactState {
        self.find(name).map_or(ContactState::None, |with| self.state_of(user, with))
    }

    pub(super) fn is_owner(&self, conference: usize, user: usize) -> bool {
        self.conferences[conference].members.get(&user) == Some(&true)
    }

    /// Returns whether one takes no messages of the other.
    pub(super) fn is_blocked(&self, one: usize, other: usize) -> bool {
        let blocks = |one, other| self.state_of(one, With::User(other)) == ContactState::Blocked;
        blocks(one, other) || blocks(other, one)
    }

    fn versions(&self, with: With) -> &[u64] {
        match with {
            With::User(user) => &self.versions[user],
            With::Conference(id) => &self.conferences[id].versions,
        }
    }

    /// The version of a profile at present; 0 if it is empty.
    pub(super) fn version(&self, with: With) -> u64 {
        let is_there = self.find(self.name(with)) == Some(with);
        self.versions(with).last().copied().filter(|_| is_there).unwrap_or(0)
    }

    /// Returns whether an entry tells of a profile as it is, or may have been when the entry was sent.
    pub(super) fn tells(&self, entry: &Entry, told: u64, is_now: bool) -> bool {
        let What::Changed { version, .. } = entry.what else { return false };
        let all = self.versions(entry.with);
        let place = |wanted: u64| all.iter().position(|version| *version == wanted);
        // With its last member the conference is gone.
        let now = self.version(entry.with);
        told == now
            || !is_now && told == version
            || !is_now && place(told).is_some() && place(told) >= place(version)
    }

    /// Takes note of what a user did, and of what came of it.
    pub(super) fn hears(&mut self, user: usize, deed: &Deed, said: &Said) {
        if let Err(what) = self.check(user, deed, said) {
            self.wrong.get_or_insert(what);
        }
    }

    fn check(&mut self, user: usize, deed: &Deed, said: &Said) -> Checked {
        if let Deed::Send { number, .. } = deed
            && said.code != 200
        {
            self.refused.insert(*number);
        }
        // It was not carried out, whatever it was.
        if matches!(said.code, 401 | 429 | 500..) {
            return Ok(());
        }
        let before = self.heads();
        let code = self.carry_out(user, deed, said.date)?;
        ensure!(code == said.code, "user {user}: {deed:?} should have {code}, and has {said:?}");
        if let Some(grown) = &said.grown {
            let heads = self.heads().into_iter().enumerate();
            let expected = heads.filter(|(user, head)| before[*user] != *head);
            let expected: BTreeMap<_, _> = expected.map(|(user, head)| (Some(user), head)).collect();
            let told = by_user(grown, &self.accounts);
            ensure!(told == expected, "user {user}: {deed:?} should let {expected:?} grow, it does {told:?}");
        }
        if let (Deed::Send { number, .. }, Some(position)) = (deed, said.position) {
            let expected = self.taken.get(number).map(|taken| taken.position);
            ensure!(expected == Some(position), "message {number} is at {position}, not at {expected:?}");
        }
        Ok(())
    }

    fn heads(&self) -> Vec<u64> {
        self.logs.iter().map(|log| log.entries.len() as u64).collect()
    }

    /// Does what a store should do, and returns the status that should come of it.
    fn carry_out(&mut self, user: usize, deed: &Deed, date: Option<i64>) -> Checked<u16> {
        Ok(match *deed {
            Deed::Send { to, number } => return self.send(user, to, number, date),
            Deed::Read { with, up_to } => self.read(user, with, up_to),
            Deed::Contact { with: Name::User(with), change } => self.change_contact(user, with, change),
            Deed::Contact { with: Name::Conference(name), change } => self.join_or_leave(user, name, change),
            Deed::Member { conference, member, change } => {
                self.change_member(user, conference, member, change)
            }
            Deed::Profile { of: None, version, .. } => {
                self.versions[user].push(version);
                self.counts.profiles += 1;
                let listed = |one, other| self.state_of(one, With::User(other)) == ContactState::Listed;
                let knows = |other: &usize| listed(user, *other) && listed(*other, user);
                let told: Vec<_> = (0..USERS).filter(|other| *other == user || knows(other)).collect();
                let what = What::Changed { of: Name::User(user), version, member: None };
                told.into_iter().for_each(|it| self.replace(it, With::User(user), Kind::Changed, what));
                200
            }
            Deed::Profile { of: Some(of), version, public } => {
                let Some(With::Conference(id)) = self.find(of) else { return Ok(404) };
                if !self.is_owner(id, user) {
                    return Ok(403);
                }
                let conference = &mut self.conferences[id];
                conference.versions.push(version);
                conference.is_public = public.unwrap_or(conference.is_public);
                self.counts.profiles += 1;
                self.tell_members(id, None, None);
                200
            }
        })
    }

    fn send(&mut self, from: usize, to: Name, number: usize, date: Option<i64>) -> Checked<u16> {
        if let Some(taken) = self.taken.get(&number) {
            let is_same = date.is_none_or(|date| date == taken.date);
            ensure!(is_same, "message {number} has the dates {date:?} and {}", taken.date);
            return Ok(200);
        }
        let with = self.find(to);
        let users = match with {
            Some(With::User(to)) if !self.is_blocked(from, to) => Ok(BTreeSet::from([from, to])),
            Some(With::Conference(id)) if self.conferences[id].members.contains_key(&from) => {
                Ok(self.conferences[id].members.keys().copied().collect())
            }
            Some(_) => Err(403),
            None => Err(404),
        };
        let (users, with) = match users {
            Ok(users) => (users, with.unwrap_or(With::User(from))),
            Err(code) => {
                self.counts.refused += usize::from(self.denied.insert(number));
                return Ok(code);
            }
        };
        // Else it is refused, which is wrong.
        let Some(date) = date else { return Ok(200) };
        let dialog = match with {
            With::User(to) => (With::User(from.min(to)), With::User(from.max(to))),
            With::Conference(_) => (with, with),
        };
        if let Some(before) = self.dates.insert(dialog, date) {
            ensure!(before < date, "message {number} is dated {date}, the one before {before}");
        }
        for user in &users {
            let what = What::Message { number, date };
            self.logs[*user].entries.push(Entry { what, with, is_gone: false });
        }
        match with {
            With::User(to) if to != from => {
                let mut list = |user: usize, other: usize, asks: bool| {
                    let state = self.logs[user].states.entry(With::User(other)).or_default();
                    if *state == ContactState::None || asks && *state == ContactState::Asks {
                        *state = ContactState::Listed;
                    }
                };
                list(from, to, true);
                list(to, from, false);
            }
            With::User(_) => (),
            With::Conference(_) => self.counts.posts += 1,
        }
        let position = self.logs[from].entries.len() as u64;
        self.taken.insert(number, Taken { from, with, users, date, position });
        Ok(200)
    }

    fn read(&mut self, user: usize, name: Name, up_to: u64) -> u16 {
        let Some(with) = self.find(name) else { return 404 };
        if up_to > self.logs[user].entries.len() as u64 {
            return 400;
        }
        let mark = self.logs[user].marks.entry(with).or_default();
        if up_to > *mark {
            *mark = up_to;
            self.replace(user, with, Kind::Read, What::Read { with: name, up_to });
        }
        200
    }

    /// Adds an entry in place of the last one of its kind.
    fn replace(&mut self, user: usize, with: With, kind: Kind, what: What) {
        let log = &mut self.logs[user];
        if let Some(last) = log.last.insert((with, kind), log.entries.len()) {
            log.entries[last].is_gone = true;
        }
        log.entries.push(Entry { what, with, is_gone: false });
    }

    fn set_state(&mut self, user: usize, with: With, state: ContactState) {
        if self.logs[user].states.insert(with, state).unwrap_or_default() != state {
            let what = What::Contact { with: self.name(with), state };
            self.replace(user, with, Kind::Contact, what);
        }
    }

    fn change_contact(&mut self, user: usize, other: usize, change: ContactChange) -> u16 {
        let (mine, from, to) = match change {
            ContactChange::List => (ContactState::Listed, ContactState::None, ContactState::Asks),
            ContactChange::Block => (ContactState::Blocked, ContactState::Asks, ContactState::None),
            _ => (ContactState::None, ContactState::Asks, ContactState::None),
        };
        self.counts.blocks += usize::from(mine == ContactState::Blocked);
        self.set_state(user, With::User(other), mine);
        if self.state_of(other, With::User(user)) == from {
            self.set_state(other, With::User(user), to);
        }
        200
    }

    fn join_or_leave(&mut self, user: usize, name: usize, change: ContactChange) -> u16 {
        let is_join = change == ContactChange::List;
        let Some(id) = self.conference(name) else {
            if is_join {
                self.found(user, name);
            }
            return if is_join { 200 } else { 404 };
        };
        let with = With::Conference(id);
        let conference = &mut self.conferences[id];
        let is_member = conference.members.contains_key(&user);
        if !is_join {
            let is_block = change == ContactChange::Block;
            self.set_state(user, with, if is_block { ContactState::Blocked } else { ContactState::None });
            if is_member {
                self.counts.leaves += 1;
                self.leave(user, id);
            }
            return 200;
        }
        if is_member {
            return 200;
        }
        let is_open = conference.is_public && !conference.removed.contains(&user);
        if !is_open && self.logs[user].states.get(&with) != Some(&ContactState::Asks) {
            self.counts.not_invited += 1;
            return 403;
        }
        conference.members.insert(user, false);
        conference.removed.remove(&user);
        self.counts.joins += 1;
        self.set_state(user, with, ContactState::Listed);
        self.tell_members(id, Some((user, ContactState::Listed)), Some(user));
        200
    }

    fn found(&mut self, user: usize, name: usize) {
        let (members, removed) = (BTreeMap::from([(user, true)]), BTreeSet::new());
        self.conferences.push(Conference { name, members, removed, versions: Vec::new(), is_public: false });
        let with = With::Conference(self.conferences.len() - 1);
        self.counts.founded += 1;
        self.set_state(user, with, ContactState::Listed);
    }

    /// An entry of a conference, in the logs of all members but one.
    fn tell_members(&mut self, id: usize, member: Option<(usize, ContactState)>, except: Option<usize>) {
        let Conference { name, ref versions, ref members, .. } = self.conferences[id];
        let version = versions.last().copied().unwrap_or(0);
        let what = What::Changed { of: Name::Conference(name), version, member };
        for user in members.keys().copied().filter(|user| Some(*user) != except).collect::<Vec<_>>() {
            self.replace(user, With::Conference(id), Kind::Changed, what);
        }
    }

    fn leave(&mut self, user: usize, id: usize) {
        let members = &mut self.conferences[id].members;
        members.remove(&user);
        let has_owner = members.values().any(|is_owner| *is_owner);
        let Some(oldest) = members.keys().next().copied() else { return self.end(id) };
        self.tell_members(id, Some((user, ContactState::None)), None);
        if !has_owner {
            self.conferences[id].members.insert(oldest, true);
            self.tell_members(id, Some((oldest, ContactState::Owner)), None);
        }
    }

    /// A conference without members is no contact of anybody; who is invited hears of that.
    fn end(&mut self, id: usize) {
        self.counts.ended += 1;
        let with = With::Conference(id);
        for user in 0..USERS {
            if self.state_of(user, with) == ContactState::Asks {
                self.set_state(user, with, ContactState::None);
            }
            self.logs[user].states.remove(&with);
        }
    }

    fn change_member(&mut self, user: usize, name: Name, member: usize, change: MemberChange) -> u16 {
        let Some(With::Conference(id)) = self.find(name) else { return 404 };
        let with = With::Conference(id);
        let theirs = self.state_of(member, with);
        let of_owner = self.state_of(member, With::User(user));
        if !self.is_owner(id, user) {
            return 403;
        }
        let conference = &mut self.conferences[id];
        let is_member = conference.members.contains_key(&member);
        match change {
            MemberChange::Invite => {
                if !is_member && theirs != ContactState::Blocked && of_owner != ContactState::Blocked {
                    self.set_state(member, with, ContactState::Asks);
                }
            }
            MemberChange::MakeOwner if is_member => {
                if conference.members.insert(member, true) == Some(false) {
                    self.counts.owners += 1;
                    self.tell_members(id, Some((member, ContactState::Owner)), None);
                }
            }
            MemberChange::Remove if is_member && member != user => {
                conference.members.remove(&member);
                conference.removed.insert(member);
                self.counts.removals += 1;
                self.set_state(member, with, ContactState::None);
                self.tell_members(id, Some((member, ContactState::None)), None);
            }
            MemberChange::Remove if theirs == ContactState::Asks => {
                self.set_state(member, with, ContactState::None);
            }
            _ => return 404,
        }
        200
    }

    /// Messages of others in a dialog that are beyond the mark.
    pub(super) fn unread(&self, user: usize, with: With) -> u64 {
        let log = &self.logs[user];
        let mark = log.marks.get(&with).copied().unwrap_or(0);
        let beyond = log.entries.iter().skip(mark as usize);
        let is_theirs = |entry: &&Entry| match entry.what {
            What::Message { number, .. } => {
                let taken = &self.taken[&number];
                let other = match taken.with {
                    With::User(to) if to == user => With::User(taken.from),
                    other => other,
                };
                taken.from != user && other == with
            }
            _ => false,
        };
        beyond.filter(is_theirs).count() as u64
    }
}
