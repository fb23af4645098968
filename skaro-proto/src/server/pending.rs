//! Continuations: what waits for the outcome of an operation of the store, as values.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::ConnectionId;
use super::refusal::Refused;
use super::store::{Account, AccountId, KeptSessions, LogId, Login, Operation, SessionKey};
use crate::auth::Verifier;
use crate::message::{Page, Since};
use crate::secret::Secret;

/// The number of an operation, unique within its server.
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
    History { page: Page },
    /// Contacts are listed.
    Contacts,
    /// A read mark is moved.
    Mark { account: AccountId },
    /// A cursor reads its log.
    ReadLog { id: ConnectionId },
    /// A request of a type that the protocol does not list.
    Other { kind: Arc<str> },
    /// An account is registered.
    Register { login: Login },
    /// An invitation is made.
    Invite(Box<Inviting>),
    /// Contacts, members or a profile are changed.
    Change { kind: &'static str, account: AccountId, of: Login, joins: bool },
    /// A user is looked for.
    Find,
    /// Users are looked for.
    Search,
    /// The account of a user who wants another password is looked for.
    CheckPassword(Box<NewPassword>),
    /// Another password is set.
    SetPassword { operation: Box<Operation> },
    /// A user's sessions are listed; this is the session of the connection that asks.
    ListSessions { session: SessionKey },
    /// A user ends sessions.
    EndSessions { operation: Box<Operation>, ending: Ending },
    /// The user to whom another one types is looked for.
    Typing { account: AccountId },
    /// Those who know a user who has come or gone are listed.
    Known { login: Login, is_online: bool },
    /// A session's connection has ended, at this Unix time in milliseconds.
    Leave { session: SessionKey, epoch: u64, now: i64 },
    /// Nothing continues.
    Expire,
    /// The operator has asked for it.
    Operated { id: OperationId, operation: Box<Operation> },
}

/// A message on its way to the logs.
pub(super) struct Sending {
    pub(super) from: AccountId,
    pub(super) sender: Login,
    pub(super) to: Login,
    pub(super) body: Arc<str>,
    pub(super) key: Option<Arc<str>>,
    /// Tokens that it took from the sender's rate.
    pub(super) charged: u32,
}

/// An invitation that is being made.
pub(super) struct Inviting {
    pub(super) text: Secret,
    pub(super) until: i64,
}

/// Another password on its way to the store.
pub(super) struct NewPassword {
    pub(super) old: Secret,
    pub(super) verifier: Verifier,
    pub(super) login: Login,
    pub(super) keeps: KeptSessions,
}

/// The sessions that a user ends.
pub(super) enum Ending {
    /// That of the connection that asks.
    Own,
    /// Others.
    Others,
}

impl Pending {
    /// The type of the request that waits for it; `other` for one that the protocol does not list.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Pending::Identify(_) | Pending::Begin(_) => "authorize",
            Pending::Take(_) => "session_restore",
            Pending::Send(_) | Pending::Refuse(_) => "send_message",
            Pending::History { .. } => "get_history",
            Pending::Contacts => "get_contacts",
            Pending::Mark { .. } => "read",
            Pending::Other { .. } => "other",
            Pending::Register { .. } => "register",
            Pending::Invite(_) => "invite",
            Pending::Change { kind, .. } => kind,
            Pending::Find => "get_user_data",
            Pending::Search => "search_contacts",
            Pending::CheckPassword(_) | Pending::SetPassword { .. } => "update_my_data",
            Pending::ListSessions { .. } => "get_sessions",
            Pending::EndSessions { .. } => "sign_out",
            Pending::ReadLog { .. }
            | Pending::Typing { .. }
            | Pending::Known { .. }
            | Pending::Leave { .. }
            | Pending::Expire
            | Pending::Operated { .. } => "",
        }
    }

    /// Returns whether no more frames are read until it has ended. Either its answer may have the maximum length, so
    /// that several at a time are too much for a queue, or the user signs out, and nothing may follow.
    pub(super) const fn goes_first(&self) -> bool {
        matches!(
            self,
            Pending::History { .. }
                | Pending::Contacts
                | Pending::Find
                | Pending::Search
                | Pending::EndSessions { ending: Ending::Own, .. }
        )
    }

    pub(super) const fn is_sign_in(&self) -> bool {
        matches!(self, Pending::Identify(_) | Pending::Begin(_) | Pending::Take(_))
    }

    fn sign_in_mut(&mut self) -> Option<&mut SignIn> {
        match self {
            Pending::Identify(sign_in) | Pending::Begin(sign_in) | Pending::Take(sign_in) => Some(sign_in),
            _ => None,
        }
    }

    /// Notes that the sessions of a user, except those that go on, were ended while this was under way.
    pub(super) fn end_sessions(&mut self, login: &Login, keeps: KeptSessions) {
        let sign_in = self.sign_in_mut().filter(|it| !keeps.keeps(it.session));
        // A login that is not known yet is empty.
        let sign_in = sign_in.filter(|it| it.login.is_empty() || it.login == *login);
        sign_in.into_iter().for_each(|sign_in| sign_in.ended.push(login.clone()));
    }

    /// Notes that a session was ended while this was under way.
    pub(super) fn end_session(&mut self, session: SessionKey) {
        let sign_in = self.sign_in_mut().filter(|it| it.session == session);
        sign_in.into_iter().for_each(|sign_in| sign_in.is_session_ended = true);
    }
}

/// Beginning of a connection's cursor, if it is to have one: the position, and the log that it belongs to.
#[derive(Clone, Copy)]
pub(super) struct Start {
    /// Set if the connection is to hear of presence.
    pub(super) presence: bool,
    pub(super) since: Option<Since>,
    pub(super) log: Option<LogId>,
}

impl Start {
    pub(super) fn new(since: Option<Since>, log: Option<&str>, presence: bool) -> Self {
        Start { presence, since, log: log.and_then(LogId::from_hex) }
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
    /// Logins whose sessions were ended meanwhile. The user of a session that is being taken is not known yet.
    pub(super) ended: Vec<Login>,
    /// Set if its own session was ended meanwhile.
    pub(super) is_session_ended: bool,
}

impl SignIn {
    pub(super) fn new(start: Start, login: Login, secret: Secret, session: SessionKey) -> Self {
        let (account, ended, is_session_ended) = (None, Vec::new(), false);
        SignIn { start, login, secret, session, account, ended, is_session_ended }
    }

    /// Returns whether the sessions of this user, or this session, were ended since the request came.
    pub(super) fn is_ended(&self, login: &Login) -> bool {
        self.is_session_ended || self.ended.contains(login)
    }
}
