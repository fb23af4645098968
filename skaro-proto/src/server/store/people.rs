//! The nouns of the contract that concern people: contacts, profiles, conferences, invitations.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use unicode_security::GeneralSecurityProfile;

use super::ids::{AccountId, Login, SessionKey};
use crate::codec::{self, Fields, Format, Frame, Nesting, Slot, Value};

/// The state of a contact, as seen by the user whose contact it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ContactState {
    /// It is no contact.
    #[default]
    None,
    /// It has listed the user, who has not answered. Of a conference: it has invited the user.
    Asks,
    /// The user has listed it. In a conference's list: it is a member.
    Listed,
    /// The user takes no messages from it. In a conference's list: it was removed.
    Blocked,
    /// It is an owner of the conference. This occurs only in a conference's list.
    Owner,
}

impl ContactState {
    /// Returns the word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ContactState::None => "none",
            ContactState::Asks => "asks",
            ContactState::Listed => "listed",
            ContactState::Blocked => "blocked",
            ContactState::Owner => "owner",
        }
    }

    /// Returns the number by which a store may keep it.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            ContactState::None => 0,
            ContactState::Asks => 1,
            ContactState::Listed => 2,
            ContactState::Blocked => 3,
            ContactState::Owner => 4,
        }
    }

    /// Returns the state of a number that [`code`](Self::code) returned.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => ContactState::None,
            1 => ContactState::Asks,
            2 => ContactState::Listed,
            3 => ContactState::Blocked,
            4 => ContactState::Owner,
            _ => return None,
        })
    }

    /// Returns whether this is the state of a member in a conference's list.
    #[must_use]
    pub const fn is_member(self) -> bool {
        matches!(self, ContactState::Listed | ContactState::Owner)
    }
}

/// A change of a contact, made by the user whose contact it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContactChange {
    /// The user lists it, or joins the conference.
    List,
    /// The user does the same, or founds the conference if it does not exist.
    ListOrFound,
    /// The user blocks it, and leaves it if it is a conference.
    Block,
    /// The user removes it from the contacts, and leaves it if it is a conference.
    Remove,
}

/// A change of a conference's members, made by an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemberChange {
    /// Invites a user who has not blocked the owner.
    Invite,
    /// Invites a user who has listed the owner.
    InviteContact,
    /// Makes a member an owner.
    MakeOwner,
    /// Removes a member, who can't join again unless invited, or takes an invitation back.
    Remove,
}

/// A member of a conference.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// The member's account.
    pub id: AccountId,
    /// The member's login.
    pub login: Login,
    /// `true` for an owner.
    pub is_owner: bool,
}

impl Member {
    /// Creates a member who is no owner.
    #[must_use]
    pub const fn new(id: AccountId, login: Login) -> Self {
        Member { id, login, is_owner: false }
    }
}

/// A log that has grown: its account, and the position of its new entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_structs, reason = "stores make these for each log")]
pub struct Grown {
    /// The account.
    pub account: AccountId,
    /// The position of the last of its new entries.
    pub position: u64,
}

/// A read mark after an attempt to move it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mark {
    /// The position of the new entry; `None` if the mark was there already.
    pub position: Option<u64>,
    /// The other user, and the date of the last message up to the mark, if both users tell up to where they have read.
    pub told: Option<(AccountId, i64)>,
}

impl Mark {
    /// Creates a mark, of which the other user is not told.
    #[must_use]
    pub const fn new(position: Option<u64>) -> Self {
        Mark { position, told: None }
    }
}

/// The reason why a user may not do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denial {
    /// One of the two has blocked the other.
    Blocked,
    /// The recipient takes messages only from contacts.
    NotListed,
    /// The user is no member of the conference.
    NoMember,
    /// The user is no owner of the conference.
    NoOwner,
    /// The conference is not public, and does not invite the user.
    NotInvited,
    /// There are as many members, or invitations, as allowed.
    Full,
}

impl Denial {
    /// Returns the reason as users and operators are told it.
    pub(in crate::server) const fn reason(self) -> &'static str {
        match self {
            Denial::Blocked => "one of the two has blocked the other",
            Denial::NotListed => "this user takes messages only from contacts",
            Denial::NoMember => "only members may do this: join the conference first",
            Denial::NoOwner => "only an owner of the conference may do this",
            Denial::NotInvited => "this conference is by invitation only",
            Denial::Full => "there are as many members as allowed",
        }
    }
}

/// The sessions that go on when those of a user are ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth case")]
pub enum KeptSessions {
    /// All end.
    None,
    /// This one goes on.
    One(SessionKey),
    /// All go on.
    All,
}

impl KeptSessions {
    /// Returns whether this session goes on.
    #[must_use]
    pub fn keeps(self, session: SessionKey) -> bool {
        match self {
            KeptSessions::None => false,
            KeptSessions::One(kept) => kept == session,
            KeptSessions::All => true,
        }
    }
}

/// The profile of a user or a conference: a map of small values, kept as CBOR. An empty one takes no bytes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Profile(Option<Arc<[u8]>>);

impl Profile {
    /// Creates a profile of these fields. If a name occurs twice, the last value counts.
    #[must_use]
    pub fn new(fields: &Fields<'_>) -> Self {
        Profile::default().changed(fields)
    }

    /// Reads what [`as_bytes`](Self::as_bytes) returned; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Profile::default());
        }
        decode(bytes).map(|_| Profile(Some(bytes.into())))
    }

    /// Returns the map as CBOR; no bytes if it is empty.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Returns whether it has no fields.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the fields.
    #[must_use]
    pub fn fields(&self) -> Fields<'_> {
        decode(self.as_bytes()).unwrap_or_default()
    }

    /// Returns the profile with these fields changed. Those whose value is null are removed.
    #[must_use]
    pub fn changed(&self, changes: &Fields<'_>) -> Self {
        let mut all = Fields::new();
        let is_changed = |name: &str| changes.get(name).is_some();
        let kept = self.fields();
        for (name, value) in kept.iter().filter(|(name, _)| !is_changed(name)) {
            all.push(name, value);
        }
        let mut names = Vec::new();
        for (name, _) in changes.iter() {
            match changes.get(&name) {
                Some(value) if !names.contains(&name) && value != Value::Null => all.push(&*name, value),
                _ => (),
            }
            names.push(name);
        }
        if all.is_empty() {
            return Profile::default();
        }
        let mut bytes = Vec::new();
        codec::write(Format::Cbor, &all, &mut bytes);
        Profile(Some(bytes.into()))
    }

    /// Returns whether its values are nested at most three levels deep, so that it fits into any message.
    #[must_use]
    pub fn is_shallow(&self) -> bool {
        let read = |bytes| codec::read::<Fields<'_>>(Frame::Binary(bytes), Nesting::PROFILE).is_ok();
        self.0.as_deref().is_none_or(read)
    }

    /// Returns whether others may find the user, or join the conference: the field `public`.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.is_true("public")
    }

    /// Returns whether the user tells others up to where their messages were read: the field `tells_read`.
    #[must_use]
    pub fn tells_read(&self) -> bool {
        self.is_true("tells_read")
    }

    fn is_true(&self, name: &str) -> bool {
        self.fields().get(name) == Some(Value::Bool(true))
    }
}

/// Shows the fields.
impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fields().fmt(f)
    }
}

fn decode(bytes: &[u8]) -> Option<Fields<'_>> {
    match codec::read(Frame::Binary(bytes), Nesting::FRAME) {
        Ok(Slot::Value(fields)) => Some(fields),
        _ => None,
    }
}

/// Returns whether a login is that of a conference, which begins with `#`.
#[must_use]
pub fn is_conference(login: &str) -> bool {
    login.starts_with('#')
}

/// Returns whether every character of a login is allowed in identifiers (UTS 39, section 3.1), and there is one.
pub(crate) fn is_allowed(login: &str) -> bool {
    !login.is_empty() && login.chars().all(GeneralSecurityProfile::identifier_allowed)
}

/// Returns what a login looks like: logins with the same skeleton can't be told apart by people (UTS 39, section 4).
/// Case makes no difference.
#[must_use]
pub fn skeleton(login: &str) -> Login {
    let of = |text: &str| unicode_security::skeleton(text).collect::<String>().to_lowercase();
    // Twice, since lowercase letters may look like others that uppercase ones do not. An uppercase I looks like a
    // lowercase l, and is the same letter as a lowercase i.
    Login::from(&*of(&of(login)).replace('i', "l"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::*;

    #[test]
    fn a_profile_is_changed_field_by_field() {
        let fields = |pairs: &[(&str, Value<'static>)]| {
            pairs
                .iter()
                .map(|(name, value)| (alloc::string::ToString::to_string(name), value.clone()))
                .collect()
        };
        let profile = Profile::new(&fields(&[("name", "Alice".into()), ("public", true.into())]));
        assert!(profile.is_public() && !profile.tells_read());
        let changes =
            fields(&[("public", Value::Null), ("tells_read", false.into()), ("tells_read", true.into())]);
        let changed = profile.changed(&changes);
        assert!(!changed.is_public() && changed.tells_read());
        assert_eq!((changed.fields().len(), changed.fields().get("name")), (2, Some("Alice".into())));
        assert_eq!(Profile::from_bytes(changed.as_bytes()), Some(changed.clone()));
        let removed = changed.changed(&fields(&[("name", Value::Null), ("tells_read", Value::Null)]));
        assert!(removed.is_empty() && removed.as_bytes().is_empty());
        assert_eq!(Profile::from_bytes(&[0xff]), None);
    }

    #[test]
    fn logins_that_look_alike_have_one_skeleton() {
        for (one, other) in [
            ("alice", "Alice"),
            ("alice", "a1ice"),
            ("alice", "AIice"),
            ("ok", "0k"),
            ("room", "ROOM"),
            ("alice", "ALICE"),
            ("alice", "\u{430}lice"),
            ("modern", "modem"),
        ] {
            assert_eq!(skeleton(one), skeleton(other), "{one} and {other}");
        }
        assert_ne!(skeleton("alice"), skeleton("alicia"));
    }

    #[test]
    fn logins_have_no_characters_that_nobody_sees() {
        for login in ["", " ", "a b", "a\u{0}", "a\u{200b}b", "\u{202e}bob", "#team", "a\n", "a@b"] {
            assert!(!is_allowed(login), "{login:?}");
        }
        for login in ["bob", "Bob-2_x.y", "josé", "боб", "名前"] {
            assert!(is_allowed(login), "{login:?}");
        }
    }
}
