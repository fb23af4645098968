//! The names of all fields that the protocol defines, and sets of fields.

use super::literal::Key;

macro_rules! fields {
    (
        common { $($field:ident = $name:literal,)* }
        rare { $($rare:ident = $rare_name:literal,)* }
    ) => {
        /// A field of some message of the protocol.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Field {
            $($field,)*
            $($rare,)*
            /// Any field whose name is not listed here.
            Unlisted,
        }

        impl Field {
            /// Returns the field of this name, if it is listed.
            #[inline(always)]
            pub(crate) fn listed(name: &[u8]) -> Option<Field> {
                match name {
                    $($name => Some(Field::$field),)*
                    _ => Field::listed_rare(name),
                }
            }

            #[cold]
            #[inline(never)]
            fn listed_rare(name: &[u8]) -> Option<Field> {
                match name {
                    $($rare_name => Some(Field::$rare),)*
                    _ => None,
                }
            }

            /// Returns the encoded name in each format.
            #[inline]
            pub(crate) const fn key(self) -> &'static Key {
                match self {
                    $(Field::$field => const { &Key::new($name) },)*
                    $(Field::$rare => const { &Key::new($rare_name) },)*
                    Field::Unlisted => const { &Key::new(b"") },
                }
            }
        }
    };
}

fields! {
    common {
        Type = b"type",
        OnRequest = b"on_request",
        For = b"for",
        Id = b"id",
        Status = b"status",
        Info = b"info",
        Token = b"token",
        Login = b"login",
        InConference = b"in_conference",
        Password = b"password",
        Sid = b"sid",
        From = b"from",
        To = b"to",
        Body = b"body",
        Date = b"date",
        SessionId = b"session_id",
        User = b"user",
        RegisterType = b"register_type",
        Data = b"data",
        History = b"history",
        Position = b"position",
        Key = b"key",
    }
    rare {
        Extensions = b"extensions",
        Since = b"since",
        Log = b"log",
        Head = b"head",
        Begin = b"begin",
        UpTo = b"up_to",
        Before = b"before",
        After = b"after",
        BeforeDate = b"before_date",
        AfterDate = b"after_date",
        Limit = b"limit",
        More = b"more",
        Presence = b"presence",
        Profile = b"profile",
        State = b"state",
        Member = b"member",
        Owner = b"owner",
        Blocked = b"blocked",
        Prefix = b"prefix",
        Invitation = b"invitation",
        Until = b"until",
        OldPassword = b"old_password",
        EndSessions = b"end_sessions",
        Sessions = b"sessions",
        Session = b"session",
        Current = b"current",
        Others = b"others",
    }
}

impl Field {
    /// Number of fields, from the first one on, that have a slot of their own in a map that is being read. The value of
    /// any other field is looked up in the frame again when it is needed, so that messages without it do not pay for
    /// it.
    pub(crate) const SLOTS: usize = Field::Key as usize + 1;

    /// Returns the field of this name, or [`Field::Unlisted`].
    pub(crate) fn of(name: &str) -> Field {
        Field::listed(name.as_bytes()).unwrap_or(Field::Unlisted)
    }

    pub(crate) const fn name(self) -> &'static str {
        self.key().name()
    }
}

/// A set of fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldSet(u64);

impl FieldSet {
    #[inline]
    pub(crate) const fn with(self, field: Field) -> Self {
        FieldSet(self.0 | 1 << field as u64)
    }

    /// Returns the fields that are not in the other set.
    #[inline]
    pub(crate) const fn without(self, others: FieldSet) -> Self {
        FieldSet(self.0 & !others.0)
    }

    #[inline]
    pub(crate) const fn has(self, field: Field) -> bool {
        self.0 & 1 << field as u64 != 0
    }

    #[inline]
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}
