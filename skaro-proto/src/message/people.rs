//! Parts of messages about people: states of contacts, profiles, members, sessions, presence.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::types::{Date, Sender, User, owned, text_bytes};
use crate::codec::Fields;

/// State of a contact, seen by the user whose contact it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContactState<'a> {
    /// The user has added the contact, wrote to it, or has a message from it. For a conference: the user is a member.
    Listed,
    /// The contact has added the user, who has not answered. For a conference: it invites the user.
    Asks,
    /// The user takes no messages from the contact.
    Blocked,
    /// It is not a contact.
    None,
    /// For a member: an owner of the conference.
    Owner,
    /// A word that this version does not know.
    Other(Cow<'a, str>),
}

impl<'a> ContactState<'a> {
    /// Returns the word on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            ContactState::Listed => "listed",
            ContactState::Asks => "asks",
            ContactState::Blocked => "blocked",
            ContactState::None => "none",
            ContactState::Owner => "owner",
            ContactState::Other(word) => word,
        }
    }

    /// Returns the same, no longer borrowed from the frame.
    #[must_use]
    pub fn into_owned(self) -> ContactState<'static> {
        match self {
            ContactState::Listed => ContactState::Listed,
            ContactState::Asks => ContactState::Asks,
            ContactState::Blocked => ContactState::Blocked,
            ContactState::None => ContactState::None,
            ContactState::Owner => ContactState::Owner,
            ContactState::Other(word) => ContactState::Other(owned(word)),
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            ContactState::Other(word) => text_bytes(word),
            _ => 0,
        }
    }
}

impl<'a> From<Cow<'a, str>> for ContactState<'a> {
    fn from(word: Cow<'a, str>) -> Self {
        match &*word {
            "listed" => ContactState::Listed,
            "asks" => ContactState::Asks,
            "blocked" => ContactState::Blocked,
            "none" => ContactState::None,
            "owner" => ContactState::Owner,
            _ => ContactState::Other(word),
        }
    }
}

/// A member of a conference.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member<'a> {
    /// The member's login.
    pub login: Cow<'a, str>,
    /// `true` for an owner of the conference.
    pub owner: bool,
}

impl<'a> Member<'a> {
    /// Returns a member who is no owner.
    pub fn new(login: impl Into<Cow<'a, str>>) -> Self {
        Member { login: login.into(), owner: false }
    }
}

/// Facts that the server tells about a user besides the login.
///
/// Each is looked up in [`User::extra`]. It is `None` if the server did not tell it, or not in the shape that the
/// protocol lists.
///
/// ```
/// use skaro_proto::message::{ContactState, User};
/// let mut user = User::new("bob");
/// user.extra.extend([("online", true.into()), ("state", "asks".into())] as [(&str, skaro_proto::Value<'_>); 2]);
/// assert_eq!(user.online(), Some(true));
/// assert_eq!(user.state(), Some(ContactState::Asks));
/// assert!(user.profile().is_none());
/// ```
impl User<'_> {
    /// Returns how many messages of the dialog are beyond the user's read mark and not the user's own (`unread`).
    ///
    /// Conferences have this number, too. It counts the messages up to [`last_position`](Self::last_position): they may
    /// come as events after the answer.
    #[must_use]
    pub fn unread(&self) -> Option<u64> {
        self.extra.typed("unread")
    }

    /// Returns the position of the dialog's last message in the user's own log (`last`).
    #[must_use]
    pub fn last_position(&self) -> Option<u64> {
        self.extra.typed::<Fields<'_>>("last")?.typed("position")
    }

    /// Returns whether the user is signed in anywhere (`online`).
    ///
    /// It is also `false` if the two users do not know each other: each must have listed the other.
    #[must_use]
    pub fn online(&self) -> Option<bool> {
        self.extra.typed("online")
    }

    /// Returns the user's profile, unless it is empty (`profile`). See [`UpdateMyData`](crate::client::UpdateMyData)
    /// for its fields.
    #[must_use]
    pub fn profile(&self) -> Option<Fields<'_>> {
        self.extra.typed("profile")
    }

    /// Returns the display name from the profile, unless it is blank. Anyone may choose any name: show the login beside
    /// it.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        self.profile_text("name")
    }

    /// Returns the status of the user, or the topic of the conference, from the profile, unless it is blank.
    #[must_use]
    pub fn status_text(&self) -> Option<String> {
        self.profile_text("status_text")
    }

    fn profile_text(&self, name: &str) -> Option<String> {
        self.profile()?.get(name)?.as_text().filter(|text| !text.trim().is_empty()).map(String::from)
    }

    /// Returns the state of the contact (`state`).
    #[must_use]
    pub fn state(&self) -> Option<ContactState<'_>> {
        self.extra.typed("state")
    }

    /// Returns the members of a conference (`members`).
    #[must_use]
    pub fn members(&self) -> Option<Vec<Member<'_>>> {
        self.extra.typed("members")
    }

    /// Returns whether the conference has more members than the answer has room for (`more`).
    #[must_use]
    pub fn has_more_members(&self) -> bool {
        self.extra.typed("more").unwrap_or_default()
    }

    /// Returns the date up to which the user has read the dialog (`read_date`).
    #[must_use]
    pub fn read_date(&self) -> Option<Date<'_>> {
        self.extra.typed("read_date")
    }
}

/// An invitation: anyone who has it may register, once. `Debug` leaves it out.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invitation<'a> {
    /// The text that `register` takes.
    pub invitation: Cow<'a, str>,
    /// The time at which it expires, in milliseconds of Unix time.
    pub until: i64,
}

impl<'a> Invitation<'a> {
    /// Returns an invitation that is valid until this time, in milliseconds of Unix time.
    pub fn new(invitation: impl Into<Cow<'a, str>>, until: i64) -> Self {
        Invitation { invitation: invitation.into(), until }
    }

    /// Returns the same, no longer borrowed from the frame.
    #[must_use]
    pub fn into_owned(self) -> Invitation<'static> {
        Invitation { invitation: owned(self.invitation), until: self.until }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let Invitation { invitation, until: _ } = self;
        text_bytes(invitation)
    }
}

impl fmt::Debug for Invitation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitation").field("until", &self.until).finish_non_exhaustive()
    }
}

/// One of the user's sessions.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SessionInfo<'a> {
    /// A name by which `sign_out` can end the session. It can't be used to restore the session.
    pub session: Cow<'a, str>,
    /// `true` for the session of the connection that asked.
    pub current: bool,
    /// The time at which it expires, in milliseconds of Unix time, if its connection has ended.
    pub until: Option<i64>,
    /// Everything else that the server tells of it.
    pub extra: Fields<'a>,
}

impl<'a> SessionInfo<'a> {
    /// Returns a session whose connection has not ended.
    pub fn new(session: impl Into<Cow<'a, str>>, current: bool) -> Self {
        SessionInfo { session: session.into(), current, until: None, extra: Fields::new() }
    }

    /// Returns the same, no longer borrowed from the frame.
    #[must_use]
    pub fn into_owned(self) -> SessionInfo<'static> {
        SessionInfo {
            session: owned(self.session),
            current: self.current,
            until: self.until,
            extra: self.extra.into_owned(),
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let SessionInfo { session, current: _, until: _, extra } = self;
        text_bytes(session) + extra.heap_bytes()
    }
}

/// Presence: someone is typing to the user, or in a conference.
///
/// It is over after 10 seconds, unless it comes again.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Typing<'a> {
    /// The user who is typing, and the conference, if any.
    pub from: Sender<'a>,
    /// Everything else that came with it.
    pub extra: Fields<'a>,
}

impl<'a> Typing<'a> {
    /// Returns the news that this user is typing.
    #[must_use]
    pub const fn new(from: Sender<'a>) -> Self {
        Typing { from, extra: Fields::new() }
    }

    /// Returns the dialog to which it belongs: the conference, or else the user who is typing.
    #[must_use]
    pub fn dialog(&self) -> &str {
        self.from.in_conference.as_ref().unwrap_or(&self.from.login)
    }

    /// Returns the same, no longer borrowed from the frame.
    #[must_use]
    pub fn into_owned(self) -> Typing<'static> {
        Typing { from: self.from.into_owned(), extra: self.extra.into_owned() }
    }

    /// Returns an upper bound of the bytes of heap that it takes once it is owned.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let Typing { from, extra } = self;
        from.heap_bytes() + extra.heap_bytes()
    }
}

/// Presence: another user has read all messages of the dialog up to a date.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ReadBy<'a> {
    /// The other user's login.
    pub login: Cow<'a, str>,
    /// The date of the last message that the other user has read.
    pub date: Date<'a>,
    /// Everything else that came with it.
    pub extra: Fields<'a>,
}

impl<'a> ReadBy<'a> {
    /// Returns the news that this user has read the dialog up to a date.
    pub fn new(login: impl Into<Cow<'a, str>>, date: Date<'a>) -> Self {
        ReadBy { login: login.into(), date, extra: Fields::new() }
    }

    /// Returns the same, no longer borrowed from the frame.
    #[must_use]
    pub fn into_owned(self) -> ReadBy<'static> {
        ReadBy { login: owned(self.login), date: self.date.into_owned(), extra: self.extra.into_owned() }
    }

    /// Returns an upper bound of the bytes of heap that it takes once it is owned.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let ReadBy { login, date, extra } = self;
        text_bytes(login) + date.heap_bytes() + extra.heap_bytes()
    }
}
