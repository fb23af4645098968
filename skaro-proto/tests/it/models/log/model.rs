//! What the server should know: every entry ever, and which of them are gone.

use std::collections::{BTreeMap, BTreeSet};

use super::steps::{CONFERENCE, USERS};

/// Messages kept of a dialog, and entries of an account.
pub const HISTORY: usize = 30;
pub const LOG: usize = 50;

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A message, by its number.
    Message(usize),
    Read {
        with: usize,
        up_to: u64,
    },
    /// The user has joined the conference, or left it.
    Contact(&'static str),
    /// A member of the conference has joined, or left; or nobody: its profile has changed.
    Changed(Option<(usize, &'static str)>),
}

pub struct Message {
    pub from: usize,
    pub to: usize,
    pub body: String,
    pub key: Option<String>,
    /// Known once it was seen.
    pub date: Option<i64>,
    /// The connections that had the answer, the last one at the end.
    pub answered: Vec<u64>,
    /// The position in the sender's log.
    pub position: u64,
}

#[derive(Default)]
pub struct Log {
    /// By their positions, from 1 on, and whether they are kept.
    pub entries: Vec<(What, bool)>,
    pub begin: u64,
    pub marks: BTreeMap<usize, u64>,
}

pub struct Model {
    pub messages: Vec<Message>,
    pub logs: [Log; USERS],
    pub members: BTreeSet<usize>,
    pub keys: BTreeMap<(usize, usize), usize>,
}

impl Model {
    /// The first user has founded the conference, and made it public.
    pub fn new() -> Model {
        let (logs, members) = ([(); USERS].map(|()| Log::default()), BTreeSet::from([0]));
        let mut model = Model { messages: Vec::new(), logs, members, keys: BTreeMap::new() };
        model.replace(0, What::Contact("listed"));
        model.replace(0, What::Changed(None));
        model
    }

    pub fn head(&self, user: usize) -> u64 {
        self.logs[user].entries.len() as u64
    }

    pub fn entry(&self, user: usize, position: u64) -> &(What, bool) {
        &self.logs[user].entries[position as usize - 1]
    }

    pub fn add(&mut self, mut message: Message) -> usize {
        let (number, from, to) = (self.messages.len(), message.from, message.to);
        message.position = self.head(from) + 1;
        self.messages.push(message);
        let users = if to == CONFERENCE { self.members.clone() } else { BTreeSet::from([from, to]) };
        for user in users {
            self.logs[user].entries.push((What::Message(number), true));
            let with = if user == from || to == CONFERENCE { to } else { from };
            while let dialog = self.dialog(user, with)
                && dialog.len() > HISTORY
            {
                self.give_up(user, dialog[0]);
            }
            self.trim(user);
        }
        number
    }

    /// The positions of the messages of a dialog that are kept.
    pub fn dialog(&self, user: usize, with: usize) -> Vec<u64> {
        let is_of = |what: &What| match what {
            What::Message(number) => {
                let message = &self.messages[*number];
                if message.to == CONFERENCE || with == CONFERENCE {
                    return message.to == with;
                }
                (message.from, message.to) == (user, with) || (message.from, message.to) == (with, user)
            }
            _ => false,
        };
        let entries = self.logs[user].entries.iter().zip(1..);
        entries.filter(|((what, kept), _)| *kept && is_of(what)).map(|(_, position)| position).collect()
    }

    pub fn unread(&self, user: usize, with: usize) -> usize {
        let mark = self.logs[user].marks.get(&with).copied().unwrap_or(0);
        let is_theirs = |position: &u64| match self.entry(user, *position).0 {
            What::Message(number) => self.messages[number].from != user,
            _ => false,
        };
        self.dialog(user, with).iter().filter(|at| **at > mark && is_theirs(at)).count()
    }

    pub fn read(&mut self, user: usize, with: usize, up_to: u64) {
        let log = &mut self.logs[user];
        let mark = log.marks.entry(with).or_insert(0);
        if up_to <= *mark {
            return;
        }
        *mark = up_to;
        self.replace(user, What::Read { with, up_to });
    }

    /// Joins the conference, or leaves it.
    pub fn change_members(&mut self, user: usize, joins: bool) {
        let state = if joins { "listed" } else { "none" };
        if joins == self.members.contains(&user) {
            return;
        }
        self.members.remove(&user);
        for member in self.members.clone() {
            self.replace(member, What::Changed(Some((user, state))));
        }
        self.members.extend(joins.then_some(user));
        self.replace(user, What::Contact(state));
    }

    /// Adds an entry in place of the last one of its kind.
    fn replace(&mut self, user: usize, what: What) {
        let is_same = |one: &What| match (one, &what) {
            (What::Read { with, .. }, What::Read { with: other, .. }) => with == other,
            (What::Contact(_), What::Contact(_)) | (What::Changed(_), What::Changed(_)) => true,
            _ => false,
        };
        let entries = &mut self.logs[user].entries;
        entries.iter_mut().for_each(|(one, kept)| *kept &= !is_same(one));
        entries.push((what, true));
        self.trim(user);
    }

    fn trim(&mut self, user: usize) {
        while self.logs[user].entries.iter().filter(|(_, kept)| *kept).count() > LOG {
            let first = self.logs[user].entries.iter().position(|(_, kept)| *kept).unwrap();
            self.give_up(user, first as u64 + 1);
        }
    }

    fn give_up(&mut self, user: usize, position: u64) {
        let log = &mut self.logs[user];
        if log.entries.iter().position(|(_, kept)| *kept) == Some(position as usize - 1) {
            log.begin = position;
        }
        log.entries[position as usize - 1].1 = false;
    }
}
