//! Continuations: what waits for the outcome of an operation of the store, as values.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;

use super::ConnectionId;
use super::refusal::Refused;
use super::store::{Account, AccountId, LogId, Login, Operation, SessionKey};
use crate::message::{Page, Since};
use crate::secret::Secret;

/// The number of an operation, unique for the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(pub(super) u64);

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A request that waits for an operation.
#[derive(Clone, Copy)]
pub(super) struct Asker {
    pub(super) id: ConnectionId,
    /// The request's number.
    pub(super) number: u64,
}

/// A continuation: the step to take when the outcome of an operation is there.
pub(super) enum Pending {
    /// Signing in: the account is looked for.
    Identify(Box<SignIn>),
    /// Signing in: a session begins, of this account.
    Begin(Box<SignIn>),
    /// Signing in: a session is taken.
    Take(Box<SignIn>),
    /// A message is appended.
    Send(Sending),
    /// A message is refused, unless it is a repetition.
    Refuse(Box<Refused>),
    /// A dialog is read.
    History { with: Login, page: Page },
    /// Contacts are listed.
    Contacts,
    /// A read mark is moved.
    Mark { account: AccountId },
    /// A cursor reads its log.
    ReadLog { id: ConnectionId },
    /// An entry is read that connections without a cursor are to see.
    ReadEntry { account: AccountId, after: u64 },
    /// A session's connection has ended.
    Leave { session: SessionKey, epoch: u64 },
    /// Nothing continues.
    Expire,
    /// Whoever runs the server has asked for it.
    Operated { id: OperationId, operation: Box<Operation> },
}

/// A message on its way to the logs.
pub(super) struct Sending {
    pub(super) from: AccountId,
    pub(super) to: Login,
    pub(super) body: Arc<str>,
    pub(super) key: Option<Arc<str>>,
    /// Tokens that it took from the sender's rate.
    pub(super) charged: u32,
}

impl Pending {
    /// The type of the request that waits for it.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Pending::Identify(_) | Pending::Begin(_) => "authorize",
            Pending::Take(_) => "session_restore",
            Pending::Send(_) | Pending::Refuse(_) => "send_message",
            Pending::History { .. } => "get_history",
            Pending::Contacts => "get_contacts",
            Pending::Mark { .. } => "read",
            Pending::ReadLog { .. }
            | Pending::ReadEntry { .. }
            | Pending::Leave { .. }
            | Pending::Expire
            | Pending::Operated { .. } => "",
        }
    }

    /// Returns whether the answer may be as long as an answer can be, so that several at a time are too much for a queue.
    pub(super) const fn is_long(&self) -> bool {
        matches!(self, Pending::History { .. } | Pending::Contacts)
    }

    pub(super) const fn is_sign_in(&self) -> bool {
        matches!(self, Pending::Identify(_) | Pending::Begin(_) | Pending::Take(_))
    }
}

/// Beginning of a connection's cursor, if it is to have one: the position, and the log that it belongs to.
#[derive(Clone, Copy)]
pub(super) struct Start {
    pub(super) since: Option<Since>,
    pub(super) log: Option<LogId>,
}

impl Start {
    pub(super) fn new(since: Option<Since>, log: Option<&str>) -> Self {
        Start { since, log: log.and_then(LogId::from_hex) }
    }
}

/// A sign-in that is under way.
pub(super) struct SignIn {
    pub(super) start: Start,
    pub(super) login: Login,
    /// The proof of the password; then the id of the session.
    pub(super) secret: Secret,
    pub(super) session: SessionKey,
    /// The account, once it is known.
    pub(super) account: Option<Account>,
}
