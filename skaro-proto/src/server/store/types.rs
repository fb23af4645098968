//! The nouns of the contract with the store.

use alloc::sync::Arc;
use core::time::Duration;

use super::ids::{AccountId, LogId, Login, SessionKey};
use super::people::{ContactState, Profile};
use crate::auth::Verifier;

/// An account as it is when a user signs in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Account {
    /// Its number.
    pub id: AccountId,
    /// Its login.
    pub login: Login,
    /// The prepared key of its password.
    pub verifier: Verifier,
    /// The id of its log.
    pub log: LogId,
    /// The earliest position after which a cursor over its log can begin.
    pub begin: u64,
    /// Position of the last entry of its log; 0 if there was none.
    pub head: u64,
    /// `true` if nobody may sign in to it.
    pub is_disabled: bool,
}

impl Account {
    /// Creates an account with an empty log, to which its user may sign in.
    #[must_use]
    pub const fn new(id: AccountId, login: Login, verifier: Verifier, log: LogId) -> Self {
        Account { id, login, verifier, log, begin: 0, head: 0, is_disabled: false }
    }
}

/// An account as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountSummary {
    /// Its login.
    pub login: Login,
    /// `true` if nobody may sign in to it.
    pub is_disabled: bool,
    /// Number of its sessions, in use or broken.
    pub sessions: u64,
    /// Position of the last entry of its log; 0 if there was none.
    pub head: u64,
}

impl AccountSummary {
    /// Creates the summary of an account without sessions, with an empty log.
    #[must_use]
    pub const fn new(login: Login) -> Self {
        AccountSummary { login, is_disabled: false, sessions: 0, head: 0 }
    }
}

/// A session as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionSummary {
    /// Its key.
    pub key: SessionKey,
    /// Its user.
    pub login: Login,
    /// The last moment at which it can be taken, as a Unix time in milliseconds; `None` while it is in use.
    pub until: Option<i64>,
}

impl SessionSummary {
    /// Creates the summary of a session in use.
    #[must_use]
    pub const fn new(key: SessionKey, login: Login) -> Self {
        SessionSummary { key, login, until: None }
    }
}

/// A message in the logs of its two users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Appended {
    /// Its position in the sender's log.
    pub position: u64,
    /// Its date.
    pub date: i64,
    /// The recipient.
    pub to: AccountId,
    /// Its position in the recipient's log; 0 if that is not known, because it is a repetition.
    pub their_position: u64,
    /// `true` if it was there before: nothing was appended.
    pub is_repetition: bool,
}

impl Appended {
    /// Creates the record of a message that was appended now.
    #[must_use]
    pub const fn new(position: u64, date: i64, to: AccountId, their_position: u64) -> Self {
        Appended { position, date, to, their_position, is_repetition: false }
    }
}

/// A message as one of its two users has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// The other user, or the conference.
    pub with: Login,
    /// The sender, if another user sent it in a conference.
    pub sender: Option<Login>,
    /// `true` if the log's user sent it.
    pub is_own: bool,
    /// Its date.
    pub date: i64,
    /// The text.
    pub body: Arc<str>,
    /// The key that the sender gave; only in the sender's log.
    pub key: Option<Arc<str>>,
}

impl Message {
    /// Creates a message without a key, which is the user's own or outside of conferences.
    #[must_use]
    pub const fn new(with: Login, is_own: bool, date: i64, body: Arc<str>) -> Self {
        Message { with, sender: None, is_own, date, body, key: None }
    }
}

/// An entry of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its position: 1, 2, 3, … without holes.
    pub position: u64,
    /// Its content.
    pub content: Content,
}

impl Entry {
    /// Creates an entry at this position.
    #[must_use]
    pub const fn new(position: u64, content: Content) -> Self {
        Entry { position, content }
    }
}

/// The content of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// A message was sent or received.
    Message(Message),
    /// A dialog was read up to a position.
    Read {
        /// The other user.
        with: Login,
        /// The position.
        up_to: u64,
    },
    /// A contact has another state.
    Contact {
        /// The contact.
        with: Login,
        /// The state at the time of this entry.
        state: ContactState,
    },
    /// A profile has changed, or the members of a conference.
    Changed {
        /// The user, or the conference.
        with: Login,
        /// Its profile at present; empty if it is gone.
        profile: Profile,
        /// The member, and the new state in the conference.
        member: Option<(Login, ContactState)>,
    },
    /// It is not kept any more.
    Gone,
}

/// A message of a dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DialogMessage {
    /// Its position in the log of the user who asks.
    pub position: u64,
    /// The message.
    pub message: Message,
}

impl DialogMessage {
    /// Creates a message at this position.
    #[must_use]
    pub const fn new(position: u64, message: Message) -> Self {
        DialogMessage { position, message }
    }
}

/// A contact, or any other user, as a user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contact {
    /// The contact's account.
    pub id: AccountId,
    /// The contact's login.
    pub login: Login,
    /// Its state.
    pub state: ContactState,
    /// `true` if each of the two has listed the other.
    pub is_known: bool,
    /// `true` if it has blocked the user, or removed the user from the conference.
    pub has_blocked: bool,
    /// Its profile; empty if it has blocked the user, or is a conference that is neither public nor one of the user's.
    pub profile: Profile,
    /// Date of the last message of the dialog that the contact has read, if there is one and both users tell it.
    pub read_date: Option<i64>,
    /// Number of messages from the contact beyond the user's read mark.
    pub unread: u64,
    /// The last message of their dialog, if it was asked for, is kept, and fits.
    pub last: Option<DialogMessage>,
}

impl Contact {
    /// Creates a contact with whom nothing was exchanged.
    #[must_use]
    pub fn new(id: AccountId, login: Login) -> Self {
        let (state, profile) = (ContactState::None, Profile::default());
        let (is_known, has_blocked, read_date, unread, last) = (false, false, None, 0, None);
        Contact { id, login, state, is_known, has_blocked, profile, read_date, unread, last }
    }
}

/// Limits that every store keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreLimits {
    /// Maximum number of messages kept of a dialog, in each of the two logs: the share of a log that one other user may
    /// take. Default 1000.
    pub max_dialog_messages: usize,
    /// Maximum bytes of their bodies. Default 1 MiB.
    pub max_dialog_bytes: usize,
    /// Maximum number of entries kept of an account. Default 100,000.
    pub max_log_entries: usize,
    /// Maximum bytes of their bodies. Default 64 MiB.
    pub max_log_bytes: usize,
    /// Maximum number of members of a conference. Default 1000.
    pub max_members: usize,
    /// Maximum number of keys kept of a sender, each as long as its message, and for at least a day. Default 65,536.
    pub max_keys: usize,
    /// Maximum number of sessions of one user. Default 128.
    pub max_sessions_per_user: usize,
    /// Time for which a session can be taken after its connection has ended. Default 5 minutes.
    pub session_lifetime: Duration,
}

impl Default for StoreLimits {
    fn default() -> Self {
        StoreLimits {
            max_dialog_messages: 1000,
            max_dialog_bytes: 1 << 20,
            max_log_entries: 100_000,
            max_log_bytes: 64 << 20,
            max_members: 1000,
            max_keys: 65_536,
            max_sessions_per_user: 128,
            session_lifetime: crate::SESSION_LIFETIME,
        }
    }
}
