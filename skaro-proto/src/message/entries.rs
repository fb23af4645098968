//! Entries of a user's log other than messages.

use alloc::borrow::Cow;

use super::people::ContactState;
use super::types::{User, owned, text_bytes};
use crate::codec::Fields;

/// An entry of the log in place of a message that the connection itself sent: it has had the answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sent<'a> {
    /// The position in the user's log.
    pub position: u64,
    /// The message's key, if it had one.
    pub key: Option<Cow<'a, str>>,
    /// Everything else that came with it.
    pub extra: Fields<'a>,
}

/// An entry of the log: the user has read a dialog, on any device.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ReadMark<'a> {
    /// The other user's login.
    pub login: Cow<'a, str>,
    /// The position up to which the dialog is read.
    pub up_to: u64,
    /// The position of this entry in the user's log.
    pub position: u64,
    /// Everything else that came with it.
    pub extra: Fields<'a>,
}

/// An entry of the log: the state of a contact has changed, on any device.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ContactChange<'a> {
    /// The login of the contact: a user or a conference.
    pub login: Cow<'a, str>,
    /// The contact's new state.
    pub state: ContactState<'a>,
    /// The position of this entry in the user's log.
    pub position: u64,
    /// Everything else that came with it.
    pub extra: Fields<'a>,
}

/// News about a user or a conference: an entry of the log if it has a position, otherwise presence.
///
/// An entry tells a changed profile or, with `member`, a change of a conference's members. Presence tells whether the
/// user is [online](User::online).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChangedUserData<'a> {
    /// The user or the conference, with the profile or the presence.
    pub user: User<'a>,
    /// The login of the member of the conference whose state has changed.
    pub member: Option<Cow<'a, str>>,
    /// The member's state: `Listed` for a new member, `Owner` for a new owner, `None` for one who is gone.
    pub state: Option<ContactState<'a>>,
    /// The position of this entry in the user's log, if it is one.
    pub position: Option<u64>,
    /// Everything else that came with it.
    pub extra: Fields<'a>,
}

impl<'a> Sent<'a> {
    /// Returns the entry at this position, without a key.
    #[must_use]
    pub const fn new(position: u64) -> Self {
        Sent { position, key: None, extra: Fields::new() }
    }

    /// Returns the same, no longer borrowed from the frame.
    pub fn into_owned(self) -> Sent<'static> {
        Sent { position: self.position, key: self.key.map(owned), extra: self.extra.into_owned() }
    }

    /// Returns an upper bound of the bytes of heap that it takes once it is owned.
    pub fn heap_bytes(&self) -> usize {
        let Sent { position: _, key, extra } = self;
        key.as_ref().map_or(0, text_bytes) + extra.heap_bytes()
    }
}

impl<'a> ReadMark<'a> {
    /// Returns the entry at this position: the dialog with this user is read up to there.
    pub fn new(login: impl Into<Cow<'a, str>>, up_to: u64, position: u64) -> Self {
        ReadMark { login: login.into(), up_to, position, extra: Fields::new() }
    }

    /// Returns the same, no longer borrowed from the frame.
    #[must_use]
    pub fn into_owned(self) -> ReadMark<'static> {
        ReadMark { login: owned(self.login), extra: self.extra.into_owned(), ..self }
    }

    /// Returns an upper bound of the bytes of heap that it takes once it is owned.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let ReadMark { login, up_to: _, position: _, extra } = self;
        text_bytes(login) + extra.heap_bytes()
    }
}

impl<'a> ContactChange<'a> {
    /// Returns the entry at this position: the contact has this state now.
    pub fn new(login: impl Into<Cow<'a, str>>, state: ContactState<'a>, position: u64) -> Self {
        ContactChange { login: login.into(), state, position, extra: Fields::new() }
    }

    /// Returns the same, no longer borrowed from the frame.
    #[must_use]
    pub fn into_owned(self) -> ContactChange<'static> {
        ContactChange {
            login: owned(self.login),
            state: self.state.into_owned(),
            position: self.position,
            extra: self.extra.into_owned(),
        }
    }

    /// Returns an upper bound of the bytes of heap that it takes once it is owned.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let ContactChange { login, state, position: _, extra } = self;
        text_bytes(login) + state.heap_bytes() + extra.heap_bytes()
    }
}

impl<'a> ChangedUserData<'a> {
    /// Returns news about this user or conference: neither an entry nor about a member.
    #[must_use]
    pub const fn new(user: User<'a>) -> Self {
        ChangedUserData { user, member: None, state: None, position: None, extra: Fields::new() }
    }

    /// Returns the same, no longer borrowed from the frame.
    #[must_use]
    pub fn into_owned(self) -> ChangedUserData<'static> {
        ChangedUserData {
            user: self.user.into_owned(),
            member: self.member.map(owned),
            state: self.state.map(ContactState::into_owned),
            position: self.position,
            extra: self.extra.into_owned(),
        }
    }

    /// Returns an upper bound of the bytes of heap that it takes once it is owned.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let ChangedUserData { user, member, state, position: _, extra } = self;
        let state = state.as_ref().map_or(0, ContactState::heap_bytes);
        user.heap_bytes() + member.as_ref().map_or(0, text_bytes) + state + extra.heap_bytes()
    }
}
