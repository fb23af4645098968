//! Messages of clients: requests.

use alloc::borrow::Cow;
use core::fmt;

use crate::codec::{DecodeError, Fields};

/// A request with its number.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClientMessage<'a> {
    /// The number that the answer will carry as `id`. The client chooses it; a server must not take it for unique.
    /// Not on the wire, and 0, for an [acknowledgement](Request::Ack), which has no answer.
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

    /// Returns a request with this number and nothing but the fields that it needs.
    #[must_use]
    pub const fn new(on_request: u64, request: Request<'a>) -> Self {
        ClientMessage { on_request, request, extra: Fields::new() }
    }
}

/// Beginning of a connection's cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a client knows its position or not")]
pub enum Since {
    /// At the log's head: only what comes from now on.
    Head,
    /// After the entry with this position, which the application has handled; 0 for the log's beginning.
    Position(u64),
}

/// Selection of a dialog's messages. By default the last ones.
///
/// With `after` or `after_date` alone the answer has the oldest that follow, otherwise the newest before.
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
    /// Number of messages at most.
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

/// A request of a client. `Debug` leaves proofs and session ids out.
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
    },
    /// Asks how one can register; allowed before signing in.
    RegisterType,
    /// Goes on with a session whose connection broke.
    SessionRestore {
        /// The session's id.
        sid: Cow<'a, str>,
        /// As in `authorize`.
        since: Option<Since>,
        /// As in `authorize`.
        log: Option<Cow<'a, str>>,
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
        /// The sender's key, by which the server knows a repetition: 1 to 64 bytes.
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
            Request::Other { kind, .. } => kind,
        }
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct(self.kind());
        match self {
            Request::Authorize { login, .. } | Request::GetHistory { login, .. } => {
                shown.field("login", login)
            }
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
    /// The request's number and type, if they could be read: then an answer can refuse it.
    pub request: Option<(u64, Cow<'a, str>)>,
}

impl fmt::Display for InvalidRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl core::error::Error for InvalidRequest<'_> {}
