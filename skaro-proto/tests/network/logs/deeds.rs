//! What users do that changes logs, and what came of it: as the store was asked, or as the server heard it.

use std::collections::BTreeMap;

use skaro_proto::message::{self, Answer, ClientMessage, Date, Refusal, Request, StatusCode};
use skaro_proto::server::store::{
    AccountId, Appended, ContactChange, ContactState, Grown, MemberChange, Operation, Outcome, StoreError,
};
use skaro_proto::{Fields, Format, Value};

use super::super::oracle::{Checked, number_in};
use super::super::wire::frame;
use super::{CONFERENCES, USERS, login};

/// A user, or a conference by its name: one that is founded anew has the name of the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    User(usize),
    Conference(usize),
}

impl Name {
    pub(super) fn of(text: &str) -> Checked<Name> {
        let user = (0..USERS).find(|user| login(*user) == text).map(Name::User);
        let conference = || CONFERENCES.iter().position(|name| *name == text).map(Name::Conference);
        user.or_else(conference).ok_or_else(|| format!("nobody is called {text:?}"))
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Name::User(user) => login(user),
            Name::Conference(conference) => CONFERENCES[conference],
        }
    }
}

/// What a user does.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    Send { to: Name, number: usize },
    Read { with: Name, up_to: u64 },
    Contact { with: Name, change: ContactChange },
    Member { conference: Name, member: usize, change: MemberChange },
    Profile { of: Option<Name>, version: u64, public: Option<bool> },
}

/// What came of a deed: a status, and what else was told.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) code: u16,
    pub(super) date: Option<i64>,
    pub(super) position: Option<u64>,
    /// The logs that have grown, and up to where.
    pub(super) grown: Option<Vec<Grown>>,
}

/// The fields of a profile: a version that only grows, and whether everybody may join.
pub(super) fn profile(version: u64, public: Option<bool>) -> Fields<'static> {
    let mut fields = Fields::new();
    fields.push("version", version);
    match public {
        Some(true) => fields.push("public", true),
        Some(false) => fields.push("public", Value::Null),
        None => (),
    }
    fields
}

/// The version of a profile; 0 if it is empty.
pub(super) fn version(profile: Option<&Fields<'_>>) -> u64 {
    let version = profile.and_then(|profile| profile.get("version")?.as_integer());
    version.and_then(|version| u64::try_from(version).ok()).unwrap_or(0)
}

fn profile_deed(of: Option<&str>, changes: &Fields<'_>) -> Option<Deed> {
    let of = of.map(Name::of).transpose().ok()?;
    let public = changes.get("public").map(|value| value == Value::Bool(true));
    Some(Deed::Profile { of, version: version(Some(changes)), public })
}

fn member_deed(conference: &str, member: &str, change: MemberChange) -> Option<Deed> {
    let (conference, Name::User(member)) = (Name::of(conference).ok()?, Name::of(member).ok()?) else {
        return None;
    };
    Some(Deed::Member { conference, member, change })
}

fn contact_deed(with: &str, change: ContactChange) -> Option<Deed> {
    Some(Deed::Contact { with: Name::of(with).ok()?, change })
}

impl Deed {
    /// Returns what a store is asked for, and whose deed it is.
    pub(super) fn asked(operation: &Operation) -> Option<(AccountId, Deed)> {
        Some(match operation {
            Operation::Append { from, to, body, .. } => {
                (*from, Deed::Send { to: Name::of(to).ok()?, number: number_in(body.as_bytes())? })
            }
            Operation::MoveMark { account, with, up_to } => {
                (*account, Deed::Read { with: Name::of(with).ok()?, up_to: *up_to })
            }
            Operation::ChangeContact { account, with, change } => {
                // A conference that there is not is always founded here.
                let change = match change {
                    ContactChange::ListOrFound => ContactChange::List,
                    change => *change,
                };
                (*account, contact_deed(with, change)?)
            }
            Operation::ChangeMember { account, conference, member, change } => {
                (*account, member_deed(conference, member, *change)?)
            }
            Operation::SetProfile { account, of, changes, .. } => {
                (*account, profile_deed(of.as_deref(), changes)?)
            }
            _ => return None,
        })
    }

    /// Returns what a server hears, and the number of the request.
    pub(super) fn heard(format: Format, bytes: &[u8]) -> Option<(u64, Deed)> {
        let message = ClientMessage::decode(frame(format, bytes)).ok()?;
        let deed = match &message.request {
            Request::SendMessage { to, body, .. } => {
                Deed::Send { to: Name::of(to).ok()?, number: number_in(body.as_bytes())? }
            }
            Request::Read { login, up_to } => Deed::Read { with: Name::of(login).ok()?, up_to: *up_to },
            Request::AddContact { login, member: Some(member), owner, .. } => {
                let change = if *owner { MemberChange::MakeOwner } else { MemberChange::Invite };
                member_deed(login, member, change)?
            }
            Request::AddContact { login, blocked, .. } => {
                contact_deed(login, if *blocked { ContactChange::Block } else { ContactChange::List })?
            }
            Request::DelContact { login, member: Some(member) } => {
                member_deed(login, member, MemberChange::Remove)?
            }
            Request::DelContact { login, .. } => contact_deed(login, ContactChange::Remove)?,
            Request::UpdateMyData { login, profile: Some(changes), .. } => {
                profile_deed(login.as_deref(), changes)?
            }
            _ => return None,
        };
        Some((message.on_request, deed))
    }
}

impl Said {
    fn new(code: u16) -> Said {
        Said { code, date: None, position: None, grown: None }
    }

    /// What a store tells.
    pub(super) fn stored(from: AccountId, result: &Result<Outcome, StoreError>) -> Said {
        match result {
            Ok(Outcome::Appended(Appended { date, position, is_repetition: true, .. })) => {
                Said { date: Some(*date), position: Some(*position), ..Said::new(200) }
            }
            Ok(Outcome::Appended(appended)) => {
                let mut grown = vec![Grown { account: from, position: appended.position }];
                if from != appended.to {
                    grown.push(Grown { account: appended.to, position: appended.their_position });
                }
                let position = Some(appended.position);
                Said { date: Some(appended.date), position, grown: Some(grown), ..Said::new(200) }
            }
            Ok(Outcome::Posted { appended, logs }) => {
                let mut grown = logs.clone();
                grown.push(Grown { account: from, position: appended.position });
                let position = Some(appended.position);
                Said { date: Some(appended.date), position, grown: Some(grown), ..Said::new(200) }
            }
            Ok(Outcome::Changed(logs)) => Said { grown: Some(logs.clone()), ..Said::new(200) },
            Ok(Outcome::Marked(mark)) => {
                let grown = mark.position.map(|position| Grown { account: from, position });
                Said { grown: Some(grown.into_iter().collect()), ..Said::new(200) }
            }
            Ok(Outcome::NoSuchUser) => Said::new(404),
            Ok(Outcome::Denied(_)) => Said::new(403),
            Ok(Outcome::Exists | Outcome::KeyTaken) => Said::new(409),
            Ok(Outcome::BeyondHead) => Said::new(400),
            Ok(Outcome::TooLong) => Said::new(413),
            Ok(_) => Said::new(0),
            Err(_) => Said::new(503),
        }
    }

    /// What a server answers.
    pub(super) fn answered(outcome: &Result<Answer<'_>, Refusal<'_>>) -> Said {
        match outcome {
            Ok(Answer::MessageSent { date, position }) => {
                let date = date.as_ref().and_then(Date::as_integer);
                Said { date, position: *position, ..Said::new(200) }
            }
            Ok(_) => Said::new(200),
            Err(refusal) => Said::new(refusal.status.as_ref().map_or(0, StatusCode::code)),
        }
    }
}

/// Returns the state that a word means.
pub(super) fn state(word: &message::ContactState<'_>) -> Checked<ContactState> {
    (0..=4)
        .filter_map(ContactState::from_code)
        .find(|state| state.as_str() == word.as_str())
        .ok_or_else(|| format!("there is no state {word:?}"))
}

/// The logs that have grown, by users.
pub(super) fn by_user(grown: &[Grown], accounts: &[AccountId]) -> BTreeMap<Option<usize>, u64> {
    let user = |account: AccountId| accounts.iter().position(|known| *known == account);
    grown.iter().map(|grown| (user(grown.account), grown.position)).collect()
}
