//! What clients send.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use core::fmt;

use serde::de::MapAccess;

use super::field::Field::{self, *};
use super::field::FieldSet;
use crate::format::{DecodeError, Decoded, Fault, Frame, Keys, Nesting, Parsed, Shape, required};
use crate::value::Fields;

/// A request with its number.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientMessage<'a> {
    /// The number that the answer will carry as `id`. The client chooses it; a server must not take it for unique.
    pub on_request: u64,
    /// What is asked for.
    pub request: Request<'a>,
    /// Fields that the request does not need, kept for whoever knows them.
    pub extra: Fields<'a>,
}

impl<'a> ClientMessage<'a> {
    /// A request with this number and nothing but the fields that it needs.
    pub const fn new(on_request: u64, request: Request<'a>) -> Self {
        ClientMessage { on_request, request, extra: Fields::new() }
    }
}

/// What a client asks for. `Debug` leaves proofs and session ids out.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Request<'a> {
    /// Signs a user in.
    Authorize {
        /// The user's login.
        login: Cow<'a, str>,
        /// The field `password`: never the password, but [the proof](crate::auth::proof).
        proof: Cow<'a, str>,
    },
    /// Asks how one can register; allowed before signing in.
    RegisterType,
    /// Goes on with a session whose connection broke.
    SessionRestore {
        /// The session's id.
        sid: Cow<'a, str>,
    },
    /// Asks for all the users whom the user knows.
    GetContacts,
    /// Asks for the messages exchanged with another user.
    GetHistory {
        /// The other user's login.
        login: Cow<'a, str>,
    },
    /// Sends a message to another user.
    SendMessage {
        /// The other user's login.
        to: Cow<'a, str>,
        /// The message's text.
        body: Cow<'a, str>,
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
    /// The type, as on the wire.
    pub fn kind(&self) -> &str {
        match self {
            Request::Authorize { .. } => "authorize",
            Request::RegisterType => "register_type",
            Request::SessionRestore { .. } => "session_restore",
            Request::GetContacts => "get_contacts",
            Request::GetHistory { .. } => "get_history",
            Request::SendMessage { .. } => "send_message",
            Request::Other { kind, .. } => kind,
        }
    }

    /// Its fields on the wire.
    const fn fields(&self) -> FieldSet {
        match self {
            Request::Authorize { .. } => FieldSet::of(&[Type, OnRequest, Login, Password]),
            Request::RegisterType | Request::GetContacts => FieldSet::of(&[Type, OnRequest]),
            Request::SessionRestore { .. } => FieldSet::of(&[Type, OnRequest, Sid]),
            Request::GetHistory { .. } => FieldSet::of(&[Type, OnRequest, Login]),
            Request::SendMessage { .. } => FieldSet::of(&[Type, OnRequest, To, Body]),
            Request::Other { .. } => FieldSet::of(&[Type, OnRequest]),
        }
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct(self.kind());
        match self {
            Request::Authorize { login, .. } | Request::GetHistory { login } => shown.field("login", login),
            Request::SendMessage { to, body } => shown.field("to", to).field("body", body),
            _ => &mut shown,
        };
        shown.finish_non_exhaustive()
    }
}

/// The type of a request: what an answer says that it is `for`.
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
    /// A type that the application brought along.
    Other(&'static str),
}

impl RequestKind {
    /// The types that the protocol lists: each has a command of its own.
    pub const LISTED: [RequestKind; 6] = [
        RequestKind::Authorize,
        RequestKind::RegisterType,
        RequestKind::SessionRestore,
        RequestKind::GetContacts,
        RequestKind::GetHistory,
        RequestKind::SendMessage,
    ];

    /// The type, as on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            RequestKind::Authorize => "authorize",
            RequestKind::RegisterType => "register_type",
            RequestKind::SessionRestore => "session_restore",
            RequestKind::GetContacts => "get_contacts",
            RequestKind::GetHistory => "get_history",
            RequestKind::SendMessage => "send_message",
            RequestKind::Other(kind) => kind,
        }
    }
}

impl fmt::Display for RequestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A frame from a client that makes no sense, with what can be told of the request that it was to be.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Rejected<'a> {
    /// What is wrong with the frame.
    pub error: DecodeError,
    /// The request's number and type, if at least these were readable: then it can be refused by an answer.
    pub request: Option<(u64, Cow<'a, str>)>,
}

impl<'a> ClientMessage<'a> {
    /// Reads a client's frame.
    ///
    /// # Errors
    /// If it is not well-formed, or a field that the request needs is missing or of the wrong type.
    pub fn decode(frame: Frame<'a>) -> Result<Self, Box<Rejected<'a>>> {
        let unreadable = |error| Box::new(Rejected { error, request: None });
        let mut slots: Slots<'a> = frame.decode().map_err(unreadable)?;
        let kind = required(slots.kind.take(), "type").map_err(|error| unreadable(*error))?;
        let on_request = match required(slots.on_request.take(), "on_request") {
            Ok(0) => Err(DecodeError::field("on_request", Fault::WrongType { expected: "at least 1" })),
            number => number.map_err(|error| *error),
        };
        let on_request = on_request.map_err(unreadable)?;
        let seen = slots.seen;
        let message = slots.request(&kind).and_then(|mut request| {
            let mut extra = request.fields().others(seen, frame)?;
            if let Request::Other { fields, .. } = &mut request {
                *fields = core::mem::take(&mut extra);
            }
            Ok(ClientMessage { on_request, request, extra })
        });
        message.map_err(|error| Box::new(Rejected { error: *error, request: Some((on_request, kind)) }))
    }
}

/// Every field that any request has.
#[derive(Default)]
struct Slots<'a> {
    seen: FieldSet,
    kind: Parsed<Cow<'a, str>>,
    on_request: Parsed<u64>,
    login: Parsed<Cow<'a, str>>,
    password: Parsed<Cow<'a, str>>,
    sid: Parsed<Cow<'a, str>>,
    to: Parsed<Cow<'a, str>>,
    body: Parsed<Cow<'a, str>>,
}

impl<'a> Slots<'a> {
    fn request(self, kind: &Cow<'a, str>) -> Decoded<Request<'a>> {
        Ok(match &**kind {
            "authorize" => Request::Authorize {
                login: required(self.login, "login")?,
                proof: required(self.password, "password")?,
            },
            "register_type" => Request::RegisterType,
            "session_restore" => Request::SessionRestore { sid: required(self.sid, "sid")? },
            "get_contacts" => Request::GetContacts,
            "get_history" => Request::GetHistory { login: required(self.login, "login")? },
            "send_message" => {
                Request::SendMessage { to: required(self.to, "to")?, body: required(self.body, "body")? }
            }
            _ => Request::Other { kind: kind.clone(), fields: Fields::new() },
        })
    }
}

impl<'de> Shape<'de> for Slots<'de> {
    const EXPECTED: &'static str = "a map";

    fn map<A: MapAccess<'de>>(map: A, nesting: Nesting) -> Result<Decoded<Self>, A::Error> {
        let mut keys = Keys::new(map, nesting);
        let mut slots = Slots::default();
        while let Some(name) = keys.next()? {
            let field = Field::of(&name);
            slots.seen = slots.seen.with(field);
            match field {
                Type => slots.kind = keys.value()?,
                OnRequest => slots.on_request = keys.value()?,
                Login => slots.login = keys.value()?,
                Password => slots.password = keys.value()?,
                Sid => slots.sid = keys.value()?,
                To => slots.to = keys.value()?,
                Body => slots.body = keys.value()?,
                _ => keys.skip()?,
            }
        }
        Ok(Ok(slots))
    }
}
