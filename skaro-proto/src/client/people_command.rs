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
    /// The new user's password. It is sent, since the server does not have it yet.
    pub password: &'a str,
    /// An invitation, if registration needs one.
    pub invitation: Option<&'a str>,
    /// The new user's profile, as in [`UpdateMyData`].
    pub profile: Option<Fields<'a>>,
}

impl<'a> Register<'a> {
    /// Returns a command that makes an account without a profile and without an invitation.
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
    /// Returns a command that lists this user, or joins this conference.
    #[must_use]
    pub const fn new(login: &'a str) -> Self {
        AddContact { login, blocked: false, member: None, owner: false }
    }
}

/// Removes a user from the contacts; leaves a conference, or removes a member: see [`Client::del_contact`].
#[derive(Clone, Copy, Debug)]
pub struct DelContact<'a> {
    /// The login of the user, or of the conference.
    pub login: &'a str,
    /// The login of the member whom an owner removes.
    pub member: Option<&'a str>,
}

impl<'a> DelContact<'a> {
    /// Returns a command that removes this user from the contacts, or leaves this conference.
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
    /// Maximum number of results.
    pub limit: Option<u64>,
}

/// Asks for what the server tells about a user: see [`Client::get_user_data`].
#[derive(Clone, Copy, Debug)]
pub struct GetUserData<'a> {
    /// The user's login.
    pub login: &'a str,
}

/// Changes a profile, or the password: see [`Client::update_my_data`].
///
/// With this project's server, a profile has at most 4096 bytes as CBOR. The following fields have a meaning, unless
/// their value has another type. All other fields are the application's.
///
/// | field | type | meaning |
/// |---|---|---|
/// | `name` | text | display name |
/// | `status_text` | text | status of the user; topic of a conference |
/// | `public` | boolean | searches find the user or the conference; everybody may join the conference |
/// | `tells_read` | boolean | others learn up to where the user has read, if they tell it, too |
#[derive(Clone, Default)]
pub struct UpdateMyData<'a> {
    /// The login of a conference, if its profile is to be changed.
    pub login: Option<&'a str>,
    /// The fields of the profile to change. Those that are null are removed.
    pub profile: Option<Fields<'a>>,
    /// The new password. It is sent.
    pub password: Option<&'a str>,
    /// The current password, which is needed to set a new one. It is sent.
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
    /// The session of this connection.
    Own,
    /// The session with this name, as [`GetSessions`] returned it.
    Session(&'a str),
    /// All of the user's sessions except that of this connection.
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
