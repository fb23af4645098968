//! People as the server tells of them: contacts, profiles, members.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::Server;
use super::store::{Contact, Login, Member, Profile};
use crate::codec::{Fields, Format, Value};
use crate::message::User;

/// Bytes that a user in an answer takes while it is written, without texts that users choose.
pub(super) const USER: usize = 512;

/// Returns how many bytes a byte of a text may take: JSON escapes make a text up to six times as long.
pub(super) const fn escaped(format: Format) -> usize {
    match format {
        Format::Json => 6,
        Format::Cbor => 1,
    }
}

/// Returns a user or a conference by its login and profile.
pub(super) fn told_user(login: &Login, profile: &Profile) -> User<'static> {
    let mut user = User::new(login.to_string());
    if !profile.is_empty() {
        user.extra.push("profile", profile.fields());
    }
    user
}

/// Returns the maximum bytes that a user takes in an answer.
pub(super) fn user_bytes(format: Format, contact: &Contact) -> usize {
    USER + profile_bytes(format, contact)
}

/// Returns the maximum bytes that a profile takes in an answer.
pub(super) fn profile_bytes(format: Format, contact: &Contact) -> usize {
    // A byte of CBOR may become a number of three digits and a comma.
    escaped(format).max(4) * contact.profile.as_bytes().len()
}

impl Server {
    /// Returns whether a user may know when a contact is online.
    pub(super) fn knows(&self, contact: &Contact) -> bool {
        contact.is_known || self.config.open_directory && !contact.has_blocked
    }

    /// Returns a contact as a user sees it, with the state if that is wanted.
    pub(super) fn told_contact(&self, contact: &Contact, with_state: bool) -> User<'static> {
        let mut user = User::new(contact.login.to_string());
        user.extra.push("online", self.knows(contact) && self.accounts.count(&contact.login) > 0);
        if with_state {
            user.extra.push("state", contact.state.as_str());
        }
        if !contact.profile.is_empty() {
            user.extra.push("profile", contact.profile.fields());
        }
        if let Some(date) = contact.read_date {
            user.extra.push("read_date", date);
        }
        user
    }
}

/// Tells as many members of a conference as fit.
pub(super) fn tell_members(user: &mut User<'_>, members: &[Member], format: Format, mut room: usize) {
    let mut told = Vec::new();
    for member in members {
        // Two names, a boolean, and what is around them.
        let bytes = 40 + escaped(format) * member.login.len();
        let Some(left) = room.checked_sub(bytes) else { break };
        room = left;
        let mut fields = Fields::new();
        fields.push("login", &*member.login);
        if member.is_owner {
            fields.push("owner", true);
        }
        told.push(Value::from(fields));
    }
    let is_all = told.len() == members.len();
    user.extra.push("members", Value::List(told));
    if !is_all {
        user.extra.push("more", true);
    }
}
