//! What clients send.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use core::fmt;

use super::field::Field::*;
use super::field::FieldSet;
use super::plain;
use crate::format::{DecodeError, Decoded, Fault, Fill, Frame, Inside, Key, Parsed, Read, Reader, required};
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
    pub const LISTED: &'static [RequestKind] = &[
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

impl fmt::Display for Rejected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl core::error::Error for Rejected<'_> {}

impl<'a> ClientMessage<'a> {
    /// Reads a client's frame.
    ///
    /// # Errors
    /// If it is not well-formed, or a field that the request needs is missing or of the wrong type.
    pub fn decode(frame: Frame<'a>) -> Result<Self, Box<Rejected<'a>>> {
        let unreadable = |error| Box::new(Rejected { error, request: None });
        let mut reading = Reading::default();
        frame.read(&mut reading).map_err(unreadable)?;
        match reading.message {
            Some(message) => Ok(message),
            None => reading.slots.unwrap_or_default().message(frame),
        }
    }
}

/// What was read of a frame: a message, if it can be read the short way; else all fields.
#[derive(Default)]
struct Reading<'a> {
    message: Option<ClientMessage<'a>>,
    slots: Option<Slots<'a>>,
}

impl<'de> Fill<'de> for Reading<'de> {
    fn fill<R: Reader<'de>>(&mut self, mut map: Inside<'_, R, R::Left>) -> Read<()> {
        self.message = map.attempt(plain::client_message);
        if self.message.is_some() { Ok(()) } else { self.slots.insert(Slots::default()).fill(map) }
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
    fn message(&mut self, frame: Frame<'a>) -> Result<ClientMessage<'a>, Box<Rejected<'a>>> {
        let unreadable = |error| Box::new(Rejected { error, request: None });
        let kind = required(self.kind.take(), "type").map_err(|error| unreadable(*error))?;
        let on_request = match required(self.on_request.take(), "on_request") {
            Ok(0) => Err(DecodeError::field("on_request", Fault::WrongType { expected: "at least 1" })),
            number => number.map_err(|error| *error),
        };
        let on_request = on_request.map_err(unreadable)?;
        let seen = self.seen;
        let message = self.request(&kind).and_then(|mut request| {
            let mut extra = request.fields().others(seen, frame)?;
            if let Request::Other { fields, .. } = &mut request {
                *fields = core::mem::take(&mut extra);
            }
            Ok(ClientMessage { on_request, request, extra })
        });
        message.map_err(|error| Box::new(Rejected { error: *error, request: Some((on_request, kind)) }))
    }

    fn request(&mut self, kind: &Cow<'a, str>) -> Decoded<Request<'a>> {
        Ok(match &**kind {
            "authorize" => Request::Authorize {
                login: required(self.login.take(), "login")?,
                proof: required(self.password.take(), "password")?,
            },
            "register_type" => Request::RegisterType,
            "session_restore" => Request::SessionRestore { sid: required(self.sid.take(), "sid")? },
            "get_contacts" => Request::GetContacts,
            "get_history" => Request::GetHistory { login: required(self.login.take(), "login")? },
            "send_message" => Request::SendMessage {
                to: required(self.to.take(), "to")?,
                body: required(self.body.take(), "body")?,
            },
            _ => Request::Other { kind: kind.clone(), fields: Fields::new() },
        })
    }
}

impl<'de> Fill<'de> for Slots<'de> {
    fn fill<R: Reader<'de>>(&mut self, mut map: Inside<'_, R, R::Left>) -> Read<()> {
        while let Some(name) = map.next_name()? {
            let Key::Listed(field) = name else {
                self.seen = self.seen.with_unlisted();
                map.skip()?;
                continue;
            };
            self.seen = self.seen.with(field);
            match field {
                Type => self.kind = map.value()?,
                OnRequest => self.on_request = map.value()?,
                Login => self.login = map.value()?,
                Password => self.password = map.value()?,
                Sid => self.sid = map.value()?,
                To => self.to = map.value()?,
                Body => self.body = map.value()?,
                _ => map.skip()?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::plain::tests::{both, fields};
    use super::*;
    use proptest::prelude::*;

    fn the_long_way(frame: Frame<'_>) -> Result<ClientMessage<'_>, Box<Rejected<'_>>> {
        let mut slots = Slots::default();
        frame.read(&mut slots).map_err(|error| Box::new(Rejected { error, request: None }))?;
        slots.message(frame)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_short_way_leads_where_the_long_way_does(fields in fields()) {
            let (json, cbor) = both(&fields);
            for frame in [Frame::Text(&json), Frame::Binary(&cbor)] {
                prop_assert_eq!(ClientMessage::decode(frame), the_long_way(frame), "{}", &json);
            }
        }
    }
}
