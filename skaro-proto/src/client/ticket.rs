//! Identity of a command: a number when it is taken, a ticket when it ends.

use core::fmt;

use compact_str::CompactString;

use crate::message::RequestKind;

/// The number of a command, unique for the machine that took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(super) u64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Record of a command, kept until it ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Ticket {
    pub(super) id: RequestId,
    pub(super) kind: RequestKind,
    pub(super) login: CompactString,
    pub(super) marker: Option<u64>,
    pub(super) automatic: bool,
    /// Set if the message stays in the outbox until it ends, whatever becomes of this request.
    pub(super) kept: bool,
}

impl Ticket {
    /// Returns the number that the command got when it was taken.
    #[must_use]
    pub const fn id(&self) -> RequestId {
        self.id
    }

    /// Returns the kind of the request.
    #[must_use]
    pub const fn kind(&self) -> RequestKind {
        self.kind
    }

    /// Returns the login that the command is about: who signs in, whose history is read, to whom a message goes. Empty
    /// if there is none.
    #[must_use]
    pub fn login(&self) -> &str {
        &self.login
    }

    /// Returns the marker that the application gave along with a message. It is never sent.
    #[must_use]
    pub const fn marker(&self) -> Option<u64> {
        self.marker
    }

    /// Returns whether the machine itself made the request, to sign in again after a reconnection.
    #[must_use]
    pub const fn is_automatic(&self) -> bool {
        self.automatic
    }
}
