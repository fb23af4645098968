//! The names of all fields, and sets of them.

use alloc::boxed::Box;

use crate::format::{Decoded, Frame};
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
    Unlisted,
}

impl Field {
    pub(super) fn of(name: &str) -> Field {
        match name {
            "type" => Field::Type,
            "on_request" => Field::OnRequest,
            "for" => Field::For,
            "id" => Field::Id,
            "status" => Field::Status,
            "info" => Field::Info,
            "token" => Field::Token,
            "login" => Field::Login,
            "password" => Field::Password,
            "sid" => Field::Sid,
            "from" => Field::From,
            "to" => Field::To,
            "body" => Field::Body,
            "date" => Field::Date,
            "session_id" => Field::SessionId,
            "user" => Field::User,
            "register_type" => Field::RegisterType,
            "data" => Field::Data,
            "history" => Field::History,
            _ => Field::Unlisted,
        }
    }
}

/// A set of fields.
#[derive(Clone, Copy, Default)]
pub(super) struct FieldSet(u32);

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

    const fn has(self, field: Field) -> bool {
        self.0 & 1 << field as u32 != 0
    }

    /// The fields of a frame that are not in this set. They are rare: only when some were seen, the frame is read
    /// once more to collect them.
    pub(super) fn others<'a>(self, seen: FieldSet, frame: Frame<'a>) -> Decoded<Fields<'a>> {
        if seen.0 & !self.0 == 0 {
            return Ok(Fields::new());
        }
        let all: Fields<'a> = frame.decode().map_err(Box::new)?;
        Ok(all.without(|name| self.has(Field::of(name))))
    }
}
