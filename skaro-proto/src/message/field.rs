//! The names of all fields, and sets of them.

use alloc::boxed::Box;

use crate::format::{Decoded, Frame, Name};
use crate::value::Fields;

/// A field that some message of the protocol has.
#[derive(Clone, Copy)]
pub(super) enum Field {
    Type,
    OnRequest,
    For,
    Id,
    Status,
    Info,
    Token,
    Login,
    InConference,
    Password,
    Sid,
    From,
    To,
    Body,
    Date,
    SessionId,
    User,
    RegisterType,
    Data,
    History,
}

impl Name for Field {
    #[inline]
    fn of(name: &[u8]) -> Option<Field> {
        Some(match name {
            b"type" => Field::Type,
            b"on_request" => Field::OnRequest,
            b"for" => Field::For,
            b"id" => Field::Id,
            b"status" => Field::Status,
            b"info" => Field::Info,
            b"token" => Field::Token,
            b"login" => Field::Login,
            b"in_conference" => Field::InConference,
            b"password" => Field::Password,
            b"sid" => Field::Sid,
            b"from" => Field::From,
            b"to" => Field::To,
            b"body" => Field::Body,
            b"date" => Field::Date,
            b"session_id" => Field::SessionId,
            b"user" => Field::User,
            b"register_type" => Field::RegisterType,
            b"data" => Field::Data,
            b"history" => Field::History,
            _ => return None,
        })
    }

    fn as_str(self) -> &'static str {
        match self {
            Field::Type => "type",
            Field::OnRequest => "on_request",
            Field::For => "for",
            Field::Id => "id",
            Field::Status => "status",
            Field::Info => "info",
            Field::Token => "token",
            Field::Login => "login",
            Field::InConference => "in_conference",
            Field::Password => "password",
            Field::Sid => "sid",
            Field::From => "from",
            Field::To => "to",
            Field::Body => "body",
            Field::Date => "date",
            Field::SessionId => "session_id",
            Field::User => "user",
            Field::RegisterType => "register_type",
            Field::Data => "data",
            Field::History => "history",
        }
    }
}

/// A set of fields.
#[derive(Clone, Copy, Default)]
pub(super) struct FieldSet(u32);

/// The place in a set of a field that nobody has listed.
const UNLISTED: u32 = 1 << 31;

impl FieldSet {
    pub(super) const fn of(fields: &[Field]) -> Self {
        let (mut set, mut rest) = (FieldSet(0), fields);
        while let [field, others @ ..] = rest {
            set = set.with(*field);
            rest = others;
        }
        set
    }

    pub(super) const fn with(self, field: Field) -> Self {
        FieldSet(self.0 | 1 << field as u32)
    }

    /// With some field that nobody has listed.
    pub(super) const fn with_unlisted(self) -> Self {
        FieldSet(self.0 | UNLISTED)
    }

    const fn has(self, field: Field) -> bool {
        self.0 & 1 << field as u32 != 0
    }

    /// The fields of a frame that are not in this set. They are rare: only when some were seen, the frame is read
    /// once more to collect them.
    pub(super) fn others<'a>(self, seen: FieldSet, frame: Frame<'a>) -> Decoded<Fields<'a>> {
        if seen.0 & !self.0 == 0 {
            return Ok(Fields::new());
        }
        let mut all = Fields::new();
        frame.read(&mut all).map_err(Box::new)?;
        Ok(all.without(|name| Field::of(name.as_bytes()).is_some_and(|field| self.has(field))))
    }
}
