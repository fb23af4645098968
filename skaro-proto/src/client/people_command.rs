//! Commands of the extension `people` as types.
#![expect(
    clippy::exhaustive_structs,
    clippy::exhaustive_enums,
    reason = "applications make commands with struct syntax"
)]

use alloc::vec::Vec;

use super::{Client, Command, CommandError, RequestId};
use crate::codec::Fields;
use crate::message::{Answer, Contacts, Invitation, SessionInfo, User};
use crate::time::Time;

/// Makes an account: see [`Client::register`].
#[derive(Clone)]
pub struct Register<'a> {
    /// The new user's login.
    pub login: &'a str,
    /// The new user's password; it is sent, since the server has never had it.
    pub password: &'a str,
    /// An invitation, where registration needs one.
    pub invitation: Option<&'a str>,
    /// The new user's profile, as in [`UpdateMyData`].
    pub profile: Option<Fields<'a>>,
}

impl<'a> Register<'a> {
    /// Makes an account without a profile, where no invitation is needed.
    #[must_use]
    pub const fn new(login: &'a str, password: &'a str) -> Self {
        Register { login, password, invitation: None, profile: None }
    }
}

/// Makes an invitation: see [`Client::invite`].
#[derive(Clone, Copy, Debug)]
pub struct Invite;

/// Lists or blocks a user; joins a conference, or changes its members: see [`Client::add_contact`].
#[derive(Clone, Copy, Debug)]
pub struct AddContact<'a> {
    /// The login of the user, or of the conference, which begins with `#`.
    pub login: &'a str,
    /// `true` to block the user.
    pub blocked: bool,
    /// The login of the user whom an owner invites into the conference.
    pub member: Option<&'a str>,
    /// `true` to make that user, a member already, an owner.
    pub owner: bool,
}

impl<'a> AddContact<'a> {
    /// Lists this user, or joins this conference.
    #[must_use]
    pub const fn new(login: &'a str) -> Self {
        AddContact { login, blocked: false, member: None, owner: false }
    }
}

/// Makes a user no contact; leaves a conference, or removes a member: see [`Client::del_contact`].
#[derive(Clone, Copy, Debug)]
pub struct DelContact<'a> {
    /// The login of the user, or of the conference.
    pub login: &'a str,
    /// The login of the member whom an owner removes.
    pub member: Option<&'a str>,
}

impl<'a> DelContact<'a> {
    /// Makes this user no contact, or leaves this conference.
    #[must_use]
    pub const fn new(login: &'a str) -> Self {
        DelContact { login, member: None }
    }
}

/// Looks for users and conferences: see [`Client::search_contacts`].
#[derive(Clone, Copy, Debug)]
pub struct SearchContacts<'a> {
    /// The beginning of their logins.
    pub prefix: &'a str,
    /// Number of them at most.
    pub limit: Option<u64>,
}

/// Asks what the server tells of a user: see [`Client::get_user_data`].
#[derive(Clone, Copy, Debug)]
pub struct GetUserData<'a> {
    /// The user's login.
    pub login: &'a str,
}

/// Changes a profile, or the password: see [`Client::update_my_data`].
///
/// A profile has at most 4096 bytes as CBOR with this project's server. These fields have a meaning; a value of another type
/// has none, and all other fields are the application's.
///
/// | field | type | meaning |
/// |---|---|---|
/// | `name` | text | name for people |
/// | `status_text` | text | status of the user; topic of a conference |
/// | `public` | boolean | searches find the user or the conference; everybody may join the conference |
/// | `tells_read` | boolean | others hear up to where the user has read, if they tell it, too |
#[derive(Clone, Default)]
pub struct UpdateMyData<'a> {
    /// The login of a conference, if it is its profile.
    pub login: Option<&'a str>,
    /// The fields of the profile that change; those that are null are removed.
    pub profile: Option<Fields<'a>>,
    /// The new password; it is sent.
    pub password: Option<&'a str>,
    /// The password up to now, which a new one needs; it is sent.
    pub old_password: Option<&'a str>,
    /// `true` to end the user's other sessions.
    pub end_sessions: bool,
}

/// Asks for the user's sessions: see [`Client::get_sessions`].
#[derive(Clone, Copy, Debug)]
pub struct GetSessions;

/// Ends sessions: see [`Client::sign_out`].
#[derive(Clone, Copy, Debug)]
pub enum SignOut<'a> {
    /// The own session.
    Own,
    /// The session of this name, as the server [told](GetSessions) it.
    Session(&'a str),
    /// All of the user's sessions but the own.
    Others,
}

/// Users and conferences that were found.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Found {
    /// The users and conferences, in the order of their logins.
    pub users: Contacts<'static>,
    /// `true` if there are more than these.
    pub more: bool,
}

impl Command for Register<'_> {
    type Answer = ();

    fn give(self, client: &mut Client, now: Time) -> Result<RequestId, CommandError> {
        client.register(now, self)
    }

    fn answer(answer: Answer<'static>) -> Option<Self::Answer> {
        matches!(answer, Answer::Registered).then_some(())
    }
}

impl Command for Invite {
    type Answer = Invitation<'static>;

    fn give(self, client: &mut Client, now: Time) -> Result<RequestId, CommandError> {
        client.invite(now)
    }

    fn answer(answer: Answer<'static>) -> Option<Self::Answer> {
        if let Answer::Invitation(invitation) = answer { Some(invitation) } else { None }
    }
}

impl Command for AddContact<'_> {
    type Answer = ();

    fn give(self, client: &mut Client, now: Time) -> Result<RequestId, CommandError> {
        client.add_contact(now, self)
    }

    fn answer(answer: Answer<'static>) -> Option<Self::Answer> {
        matches!(answer, Answer::Contact).then_some(())
    }
}

impl Command for DelContact<'_> {
    type Answer = ();

    fn give(self, client: &mut Client, now: Time) -> Result<RequestId, CommandError> {
        client.del_contact(now, self)
    }

    fn answer(answer: Answer<'static>) -> Option<Self::Answer> {
        matches!(answer, Answer::Contact).then_some(())
    }
}

impl Command for SearchContacts<'_> {
    type Answer = Found;

    fn give(self, client: &mut Client, now: Time) -> Result<RequestId, CommandError> {
        client.search_contacts(now, self.prefix, self.limit)
    }

    fn answer(answer: Answer<'static>) -> Option<Self::Answer> {
        if let Answer::Users { users, more } = answer { Some(Found { users, more }) } else { None }
    }
}

impl Command for GetUserData<'_> {
    type Answer = User<'static>;

    fn give(self, client: &mut Client, now: Time) -> Result<RequestId, CommandError> {
        client.get_user_data(now, self.login)
    }

    fn answer(answer: Answer<'static>) -> Option<Self::Answer> {
        if let Answer::User(user) = answer { Some(user) } else { None }
    }
}

impl Command for UpdateMyData<'_> {
    type Answer = ();

    fn give(self, client: &mut Client, now: Time) -> Result<RequestId, CommandError> {
        client.update_my_data(now, self)
    }

    fn answer(answer: Answer<'static>) -> Option<Self::Answer> {
        matches!(answer, Answer::Updated).then_some(())
    }
}

impl Command for GetSessions {
    type Answer = Vec<SessionInfo<'static>>;

    fn give(self, client: &mut Client, now: Time) -> Result<RequestId, CommandError> {
        client.get_sessions(now)
    }

    fn answer(answer: Answer<'static>) -> Option<Self::Answer> {
        if let Answer::Sessions(sessions) = answer { Some(sessions) } else { None }
    }
}

impl Command for SignOut<'_> {
    type Answer = ();

    fn give(self, client: &mut Client, now: Time) -> Result<RequestId, CommandError> {
        client.sign_out(now, self)
    }

    fn answer(answer: Answer<'static>) -> Option<Self::Answer> {
        matches!(answer, Answer::SignedOut).then_some(())
    }
}
