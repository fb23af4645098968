//! Messages of clients: requests.

use alloc::borrow::Cow;
use core::fmt;

use crate::codec::{DecodeError, Fields};

/// A request with its number.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClientMessage<'a> {
    /// The number that the answer will carry as `id`. The client chooses it; a server must not assume that it is
    /// unique. It is 0, and not on the wire, for what [has no answer](Request::is_one_way).
    pub on_request: u64,
    /// The request.
    pub request: Request<'a>,
    /// Fields that the protocol does not define for this request.
    pub extra: Fields<'a>,
}

impl<'a> ClientMessage<'a> {
    /// Returns the acknowledgement of a position.
    #[must_use]
    pub const fn ack(position: u64) -> Self {
        ClientMessage::new(0, Request::Ack { position })
    }

    /// Returns the message that tells this user, or this conference, that the user is typing.
    pub fn typing(login: impl Into<Cow<'a, str>>) -> Self {
        ClientMessage::new(0, Request::Typing { login: login.into() })
    }

    /// Returns a request with this number and nothing but the fields that it needs.
    #[must_use]
    pub const fn new(on_request: u64, request: Request<'a>) -> Self {
        ClientMessage { on_request, request, extra: Fields::new() }
    }
}

/// Place in the log at which a connection's cursor begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a client knows its position or not")]
pub enum Since {
    /// At the log's head: only what comes from now on.
    Head,
    /// After the entry with this position, which the application has handled; 0 for the log's beginning.
    Position(u64),
}

/// Selection of a dialog's messages, by default the last ones.
///
/// With `after` or `after_date` alone, the answer has the oldest messages that follow; otherwise it has the newest
/// before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made with struct syntax, over the default")]
pub struct Page {
    /// Only messages before this position of the user's own log.
    pub before: Option<u64>,
    /// Only messages after this position.
    pub after: Option<u64>,
    /// Only messages dated before, in milliseconds of Unix time.
    pub before_date: Option<i64>,
    /// Only messages dated after.
    pub after_date: Option<i64>,
    /// Maximum number of messages.
    pub limit: Option<u64>,
}

impl Page {
    /// Returns whether it selects the oldest messages after something, instead of the newest.
    #[must_use]
    pub const fn is_forward(&self) -> bool {
        (self.after.is_some() || self.after_date.is_some())
            && self.before.is_none()
            && self.before_date.is_none()
    }
}

/// A request of a client. `Debug` leaves passwords, proofs, invitations and session ids out.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Request<'a> {
    /// Signs a user in.
    Authorize {
        /// The user's login.
        login: Cow<'a, str>,
        /// The field `password`: never the password, but [the proof](crate::auth::proof).
        proof: Cow<'a, str>,
        /// Beginning of the connection's cursor; `None` for a connection without one.
        since: Option<Since>,
        /// The id of the log to which a position belongs.
        log: Option<Cow<'a, str>>,
        /// `true` to receive presence on the connection: who comes and goes, types, and reads. Written only if it is
        /// `true`.
        presence: bool,
    },
    /// Asks how new users can register; allowed before signing in.
    RegisterType,
    /// Resumes a session whose connection broke.
    SessionRestore {
        /// The session's id.
        sid: Cow<'a, str>,
        /// As in `authorize`.
        since: Option<Since>,
        /// As in `authorize`.
        log: Option<Cow<'a, str>>,
        /// As in `authorize`.
        presence: bool,
    },
    /// Asks for all the users whom the user knows.
    GetContacts,
    /// Asks for the messages exchanged with another user.
    GetHistory {
        /// The other user's login.
        login: Cow<'a, str>,
        /// Selection of messages.
        page: Page,
    },
    /// Sends a message to another user.
    SendMessage {
        /// The other user's login.
        to: Cow<'a, str>,
        /// The message's text.
        body: Cow<'a, str>,
        /// The sender's key, by which the server recognises a repetition: 1 to 64 bytes.
        key: Option<Cow<'a, str>>,
    },
    /// Moves the mark up to which the user has read a dialog.
    Read {
        /// The other user's login.
        login: Cow<'a, str>,
        /// A position in the user's own log.
        up_to: u64,
    },
    /// Acknowledges all entries up to a position: one-way, without a number and without an answer.
    Ack {
        /// The position.
        position: u64,
    },
    /// Makes an account; allowed only before signing in.
    Register {
        /// The new user's login.
        login: Cow<'a, str>,
        /// The password itself. It must travel only over TLS, or within one computer.
        password: Cow<'a, str>,
        /// An invitation, if registration needs one.
        invitation: Option<Cow<'a, str>>,
        /// The new user's profile.
        profile: Option<Fields<'a>>,
    },
    /// Makes an invitation.
    Invite,
    /// Lists a user or blocks one; joins a conference, or changes one of its members.
    AddContact {
        /// The user's or the conference's login.
        login: Cow<'a, str>,
        /// `true` to block the user. Written only if it is `true`.
        blocked: bool,
        /// The login of the user who is invited into the conference.
        member: Option<Cow<'a, str>>,
        /// `true` to make the member an owner. Written only if it is `true`.
        owner: bool,
    },
    /// Removes a user from the contacts; leaves a conference, or removes one of its members.
    DelContact {
        /// The user's or the conference's login.
        login: Cow<'a, str>,
        /// The login of the member to be removed.
        member: Option<Cow<'a, str>>,
    },
    /// Looks for users and conferences that are public.
    SearchContacts {
        /// The beginning of their logins: at least one byte.
        prefix: Cow<'a, str>,
        /// Maximum number of results.
        limit: Option<u64>,
    },
    /// Asks for what the server tells about one user or conference.
    GetUserData {
        /// The login.
        login: Cow<'a, str>,
    },
    /// Changes a profile, or the password.
    UpdateMyData {
        /// The login of a conference, if its profile is to be changed.
        login: Option<Cow<'a, str>>,
        /// The fields to change. Those that are null are removed.
        profile: Option<Fields<'a>>,
        /// The new password itself. It must travel only over TLS, or within one computer.
        password: Option<Cow<'a, str>>,
        /// The current password.
        old_password: Option<Cow<'a, str>>,
        /// `true` to end the user's other sessions. Written only if it is `true`.
        end_sessions: bool,
    },
    /// Asks for the user's sessions.
    GetSessions,
    /// Ends the session of this connection, or others.
    SignOut {
        /// The session to end, as `get_sessions` names it.
        session: Option<Cow<'a, str>>,
        /// `true` to end all sessions except that of this connection. Written only if it is `true`.
        others: bool,
    },
    /// Tells that the user is typing: one-way, without a number and without an answer.
    Typing {
        /// The login of the user or conference to whom the user is typing.
        login: Cow<'a, str>,
    },
    /// A request of another type, with all its fields but `type` and `on_request`.
    Other {
        /// Its type.
        kind: Cow<'a, str>,
        /// Its fields.
        fields: Fields<'a>,
    },
}

impl Request<'_> {
    /// Returns the type, as on the wire.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Request::Authorize { .. } => "authorize",
            Request::RegisterType => "register_type",
            Request::SessionRestore { .. } => "session_restore",
            Request::GetContacts => "get_contacts",
            Request::GetHistory { .. } => "get_history",
            Request::SendMessage { .. } => "send_message",
            Request::Read { .. } => "read",
            Request::Ack { .. } => "ack",
            Request::Register { .. } => "register",
            Request::Invite => "invite",
            Request::AddContact { .. } => "add_contact",
            Request::DelContact { .. } => "del_contact",
            Request::SearchContacts { .. } => "search_contacts",
            Request::GetUserData { .. } => "get_user_data",
            Request::UpdateMyData { .. } => "update_my_data",
            Request::GetSessions => "get_sessions",
            Request::SignOut { .. } => "sign_out",
            Request::Typing { .. } => "typing",
            Request::Other { kind, .. } => kind,
        }
    }

    /// Returns whether it has neither a number nor an answer: `ack` and `typing`.
    #[must_use]
    #[inline]
    pub const fn is_one_way(&self) -> bool {
        matches!(self, Request::Ack { .. } | Request::Typing { .. })
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct(self.kind());
        match self {
            Request::Authorize { login, .. }
            | Request::GetHistory { login, .. }
            | Request::GetUserData { login }
            | Request::Typing { login } => shown.field("login", login),
            Request::Register { login, profile, .. } => shown.field("login", login).field("profile", profile),
            Request::AddContact { login, blocked, member, owner } => shown
                .field("login", login)
                .field("blocked", blocked)
                .field("member", member)
                .field("owner", owner),
            Request::DelContact { login, member } => shown.field("login", login).field("member", member),
            Request::SearchContacts { prefix, limit } => shown.field("prefix", prefix).field("limit", limit),
            Request::UpdateMyData { login, profile, end_sessions, .. } => {
                shown.field("login", login).field("profile", profile).field("end_sessions", end_sessions)
            }
            Request::SignOut { session, others } => shown.field("session", session).field("others", others),
            Request::Read { login, up_to } => shown.field("login", login).field("up_to", up_to),
            Request::Ack { position } => shown.field("position", position),
            Request::SendMessage { to, body, .. } => shown.field("to", to).field("body", body),
            _ => &mut shown,
        };
        shown.finish_non_exhaustive()
    }
}

/// The type of a request, which its answer repeats as `for`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestKind {
    /// `authorize`
    Authorize,
    /// `register_type`
    RegisterType,
    /// `session_restore`
    SessionRestore,
    /// `get_contacts`
    GetContacts,
    /// `get_history`
    GetHistory,
    /// `send_message`
    SendMessage,
    /// `read`
    Read,
    /// `register`
    Register,
    /// `invite`
    Invite,
    /// `add_contact`
    AddContact,
    /// `del_contact`
    DelContact,
    /// `search_contacts`
    SearchContacts,
    /// `get_user_data`
    GetUserData,
    /// `update_my_data`
    UpdateMyData,
    /// `get_sessions`
    GetSessions,
    /// `sign_out`
    SignOut,
    /// A type that the application brought along.
    Other(&'static str),
}

impl RequestKind {
    /// The types that the protocol lists: each has a command of its own.
    pub const LISTED: &'static [RequestKind] = &[
        RequestKind::Authorize,
        RequestKind::RegisterType,
        RequestKind::SessionRestore,
        RequestKind::GetContacts,
        RequestKind::GetHistory,
        RequestKind::SendMessage,
        RequestKind::Read,
        RequestKind::Register,
        RequestKind::Invite,
        RequestKind::AddContact,
        RequestKind::DelContact,
        RequestKind::SearchContacts,
        RequestKind::GetUserData,
        RequestKind::UpdateMyData,
        RequestKind::GetSessions,
        RequestKind::SignOut,
    ];

    /// Returns the type, as on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            RequestKind::Authorize => "authorize",
            RequestKind::RegisterType => "register_type",
            RequestKind::SessionRestore => "session_restore",
            RequestKind::GetContacts => "get_contacts",
            RequestKind::GetHistory => "get_history",
            RequestKind::SendMessage => "send_message",
            RequestKind::Read => "read",
            RequestKind::Register => "register",
            RequestKind::Invite => "invite",
            RequestKind::AddContact => "add_contact",
            RequestKind::DelContact => "del_contact",
            RequestKind::SearchContacts => "search_contacts",
            RequestKind::GetUserData => "get_user_data",
            RequestKind::UpdateMyData => "update_my_data",
            RequestKind::GetSessions => "get_sessions",
            RequestKind::SignOut => "sign_out",
            RequestKind::Other(kind) => kind,
        }
    }
}

impl fmt::Display for RequestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error in a client's frame, with the request's number and type if they could be read.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct InvalidRequest<'a> {
    /// The error.
    pub error: DecodeError,
    /// The request's number and type, if they could be read. An answer can then refuse it.
    pub request: Option<(u64, Cow<'a, str>)>,
}

impl fmt::Display for InvalidRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl core::error::Error for InvalidRequest<'_> {}
