//! The contract between the server's machine and its store: operations, and what comes of them.
//!
//! The machine decides, the store keeps. Each [`Operation`] is atomic, and durable before its [`Outcome`] is given back;
//! nothing is told to a client before that. An [error](StoreError) means that the operation was not carried out, and never
//! will be. Operations of one [lane](Operation::lane) are carried out in the order in which the machine asked for them,
//! others in any order, several in one transaction where that is convenient. The outcomes of changes should be given back in
//! the order in which they were carried out, also across lanes: in that order connections without a cursor are told of
//! messages. Operations without a lane only read, and see all that was given back before they were asked for. A store
//! should let them see what their own account has asked for before, too: a client that asks for a history right behind a
//! message expects it there.
//!
//! An operation whose outcome is unknown, since the store failed while it was carried out, may be repeated until it is
//! known: appends have keys, changes of sessions have epochs, and all others have the same effect once and twice.
//!
//! # Between machine and store
//!
//! Whoever carries operations from the machine to its store may answer some of them in its place. So an application can check
//! passwords elsewhere ([`Operation::FindAccount`] gets a verifier from there), refuse sign-ins
//! ([`Operation::BeginSession`]) and messages ([`Operation::Append`]) with an [`Outcome::Refused`], and answer requests of
//! its own ([`Operation::Request`]).

mod memory;
mod types;

use alloc::sync::Arc;

use thiserror::Error;

use crate::auth::Verifier;
use crate::codec::Fields;
use crate::message::{Page, Refusal};

pub use memory::MemoryStore;
pub use types::{
    Account, AccountId, AccountSummary, Appended, Contact, Content, DialogMessage, Entry, LogId, Login,
    Message, SessionKey, SessionSummary, StoreLimits,
};

/// Something that the machine asks of its store. Times are Unix times in milliseconds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Operation {
    /// Finds the account with a login: [`Outcome::Account`].
    FindAccount {
        /// The login.
        login: Login,
    },
    /// Adds an account: [`Outcome::Added`], or [`Outcome::Exists`].
    AddAccount {
        /// Its login.
        login: Login,
        /// The prepared key of its password.
        verifier: Verifier,
        /// The id of its log, made at random.
        log: LogId,
    },
    /// Changes the password of an account, and ends its sessions: [`Outcome::Done`], or [`Outcome::NoSuchUser`].
    SetVerifier {
        /// Its login.
        login: Login,
        /// The prepared key of the new password.
        verifier: Verifier,
    },
    /// Removes an account with its log and its sessions; what others received from it stays in their logs. An account that
    /// is added with the same login later is another one, whose dialogs are empty.
    /// [`Outcome::Done`], or [`Outcome::NoSuchUser`].
    RemoveAccount {
        /// Its login.
        login: Login,
    },
    /// Disables an account, which ends its sessions and begins no others, or enables it again: [`Outcome::Done`], or
    /// [`Outcome::NoSuchUser`]. What others send to it arrives in its log.
    SetDisabled {
        /// Its login.
        login: Login,
        /// `true` to disable it.
        is_disabled: bool,
    },
    /// Lists accounts in the order of their logins' bytes: [`Outcome::Accounts`].
    ListAccounts {
        /// The login behind which the list begins; `None` for the beginning. There need not be such an account.
        after: Option<Login>,
        /// Number of accounts at most.
        max_accounts: usize,
    },
    /// Lists sessions in the order of their keys: [`Outcome::Sessions`], or [`Outcome::NoSuchUser`].
    ListSessions {
        /// Their user; `None` for those of all users.
        login: Option<Login>,
        /// The key behind which the list begins; `None` for the beginning. There need not be such a session.
        after: Option<SessionKey>,
        /// Number of sessions at most.
        max_sessions: usize,
    },
    /// Ends all sessions of an account: [`Outcome::Done`], or [`Outcome::NoSuchUser`].
    EndSessions {
        /// Its login.
        login: Login,
    },
    /// Ends a session, if there is one with this key: [`Outcome::Done`].
    EndSession {
        /// Its key.
        session: SessionKey,
    },
    /// Makes two users contacts of each other: [`Outcome::Done`], or [`Outcome::NoSuchUser`].
    Introduce {
        /// One login.
        one: Login,
        /// The other.
        other: Login,
    },
    /// Begins a session: [`Outcome::Session`], or [`Outcome::NoSuchUser`] if the account was removed or is disabled. If its user has [as
    /// many as allowed](StoreLimits::max_sessions_per_user), the one that is broken longest makes room. If the session has
    /// begun before, nothing changes.
    BeginSession {
        /// Its user.
        account: AccountId,
        /// The user's login. A store need not look at it.
        login: Login,
        /// Its key.
        session: SessionKey,
    },
    /// Takes a session that is in use, or was broken no longer ago than [its lifetime](StoreLimits::session_lifetime), and
    /// raises its epoch: [`Outcome::Restored`].
    TakeSession {
        /// Its key.
        session: SessionKey,
        /// The time.
        now: i64,
    },
    /// Breaks a session whose connection ended: [`Outcome::Done`]. It has no effect if the session has another epoch by
    /// now.
    LeaveSession {
        /// Its key.
        session: SessionKey,
        /// Its epoch, as [`Outcome::Session`] or [`Outcome::Restored`] told it.
        epoch: u64,
        /// The time.
        now: i64,
    },
    /// Removes the sessions that can't be taken any more: [`Outcome::Done`].
    Expire {
        /// The time.
        now: i64,
    },
    /// Appends a message to the logs of sender and recipient, dated max(`now`, the dialog's latest date + 1), and makes
    /// the two contacts of each other: [`Outcome::Appended`]. If the sender used the key before, nothing is appended: the
    /// outcome is that of the first time, or [`Outcome::KeyTaken`] if recipient or body differ. [`Outcome::NoSuchUser`] if
    /// there is no recipient, or no sender any more. The key is looked up before that.
    Append {
        /// The sender.
        from: AccountId,
        /// The sender's login. A store need not look at it.
        sender: Login,
        /// The recipient's login.
        to: Login,
        /// The text.
        body: Arc<str>,
        /// The sender's key.
        key: Option<Arc<str>>,
        /// The time.
        now: i64,
    },
    /// Finds what came of the message that was sent with a key: [`Outcome::Appended`], [`Outcome::KeyTaken`] as in
    /// `Append`, or [`Outcome::NoSuchKey`].
    FindKey {
        /// The sender.
        from: AccountId,
        /// The recipient's login.
        to: Login,
        /// The text.
        body: Arc<str>,
        /// The key.
        key: Arc<str>,
    },
    /// Reads entries of a log after a position, in order: [`Outcome::Entries`]. There is at least one if there are any.
    ReadLog {
        /// The log's account.
        account: AccountId,
        /// The position.
        after: u64,
        /// Number of entries at most.
        max_entries: usize,
        /// Bytes of all bodies at most, but for the first entry.
        max_bytes: usize,
    },
    /// Reads messages of a dialog, oldest first: [`Outcome::Dialog`], or [`Outcome::NoSuchUser`]. With
    /// [`after`](Page::after) or [`after_date`](Page::after_date) alone these are the oldest that follow, otherwise the
    /// newest.
    ReadDialog {
        /// Whose dialog.
        account: AccountId,
        /// The other user's login.
        with: Login,
        /// Selection of messages. Its limit is that of the client, and is in `max_messages` already.
        page: Page,
        /// Number of messages at most.
        max_messages: usize,
        /// Bytes of all bodies at most.
        max_bytes: usize,
    },
    /// Lists a user's contacts, in the order in which they were added to the store: [`Outcome::Contacts`].
    ListContacts {
        /// The user.
        account: AccountId,
        /// `true` to list all other users instead.
        all: bool,
        /// Number of contacts at most.
        max_contacts: usize,
        /// Bytes of the bodies of last messages at most; 0 for no last messages. A contact's is left out if it does
        /// not fit, then the next one is tried.
        max_bytes: usize,
    },
    /// Moves the mark up to which a user has read a dialog: [`Outcome::Marked`]. [`Outcome::NoSuchUser`] if there is no
    /// such other user, [`Outcome::BeyondHead`] if the position is beyond the log's head.
    MoveMark {
        /// The user.
        account: AccountId,
        /// The other user's login.
        with: Login,
        /// The position in the user's own log.
        up_to: u64,
    },
    /// Answers a request that the protocol does not list, if the server [forwards them](crate::server::ServerConfig):
    /// [`Outcome::Answer`], or [`Outcome::NoSuchRequest`], which is all that a store knows of it.
    Request {
        /// Whose request it is; `None` if nobody is signed in.
        login: Option<Login>,
        /// Its type.
        kind: Arc<str>,
        /// All its fields but `type` and `on_request`.
        fields: Fields<'static>,
    },
}

/// An order in which operations are carried out.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Lane {
    /// That of an account.
    Account(AccountId),
    /// That of a login of which no account is known.
    Login(Login),
    /// That of a session.
    Session(SessionKey),
}

impl Operation {
    /// Returns the lane; `None` if the operation only reads, or may happen at any time.
    #[must_use]
    pub fn lane(&self) -> Option<Lane> {
        match self {
            Operation::AddAccount { login, .. }
            | Operation::SetVerifier { login, .. }
            | Operation::RemoveAccount { login }
            | Operation::SetDisabled { login, .. }
            | Operation::EndSessions { login }
            | Operation::Introduce { one: login, .. } => Some(Lane::Login(login.clone())),
            Operation::BeginSession { session, .. }
            | Operation::TakeSession { session, .. }
            | Operation::EndSession { session }
            | Operation::LeaveSession { session, .. } => Some(Lane::Session(*session)),
            // What is looked for may still be on its way into the store.
            Operation::Append { from: account, .. }
            | Operation::FindKey { from: account, .. }
            | Operation::MoveMark { account, .. } => Some(Lane::Account(*account)),
            Operation::FindAccount { .. }
            | Operation::ListAccounts { .. }
            | Operation::ListSessions { .. }
            | Operation::Expire { .. }
            | Operation::ReadLog { .. }
            | Operation::ReadDialog { .. }
            | Operation::ListContacts { .. }
            | Operation::Request { .. } => None,
        }
    }
}

impl Operation {
    /// Returns the bytes of its texts, by which memory for operations that wait is counted.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        match self {
            Operation::FindAccount { login }
            | Operation::AddAccount { login, .. }
            | Operation::SetVerifier { login, .. }
            | Operation::RemoveAccount { login }
            | Operation::SetDisabled { login, .. }
            | Operation::EndSessions { login }
            | Operation::ReadDialog { with: login, .. }
            | Operation::MoveMark { with: login, .. } => login.len(),
            Operation::Introduce { one, other } => one.len() + other.len(),
            Operation::Append { to, body, key, .. } => {
                to.len() + body.len() + key.as_ref().map_or(0, |key| key.len())
            }
            Operation::FindKey { to, body, key, .. } => to.len() + body.len() + key.len(),
            Operation::ListAccounts { after: login, .. } | Operation::ListSessions { login, .. } => {
                login.as_ref().map_or(0, |login| login.len())
            }
            Operation::Request { kind, fields, .. } => kind.len() + fields.heap_bytes(),
            Operation::BeginSession { .. }
            | Operation::EndSession { .. }
            | Operation::TakeSession { .. }
            | Operation::LeaveSession { .. }
            | Operation::Expire { .. }
            | Operation::ReadLog { .. }
            | Operation::ListContacts { .. } => 0,
        }
    }
}

/// The outcome of an operation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It was carried out.
    Done,
    /// The account, if there is one.
    Account(Option<Account>),
    /// The new account.
    Added(AccountId),
    /// There is an account with this login already.
    Exists,
    /// There is no user with the login that was given.
    NoSuchUser,
    /// Accounts, ordered by login.
    Accounts {
        /// The accounts.
        accounts: alloc::vec::Vec<AccountSummary>,
        /// `true` if there are more behind these.
        more: bool,
    },
    /// Sessions, ordered by key.
    Sessions {
        /// The sessions.
        sessions: alloc::vec::Vec<SessionSummary>,
        /// `true` if there are more behind these.
        more: bool,
    },
    /// The session's epoch.
    Session {
        /// The epoch.
        epoch: u64,
    },
    /// The session's user and its new epoch; `None` if there is no such session, or it has expired.
    Restored(Option<(Account, u64)>),
    /// The message is in the logs.
    Appended(Appended),
    /// There is another message with this key.
    KeyTaken,
    /// There is no message with this key.
    NoSuchKey,
    /// Entries of a log.
    Entries(alloc::vec::Vec<Entry>),
    /// Messages of a dialog, oldest first.
    Dialog {
        /// The messages.
        messages: alloc::vec::Vec<DialogMessage>,
        /// `true` if there are more beyond these, in the direction of the request.
        more: bool,
    },
    /// Contacts.
    Contacts(alloc::vec::Vec<Contact>),
    /// The position of the new entry, or `None` if the mark was there already.
    Marked(Option<u64>),
    /// The position is beyond the log's head.
    BeyondHead,
    /// Fields of the answer to a request.
    Answer(Fields<'static>),
    /// Nobody knows such a request.
    NoSuchRequest,
    /// An application between machine and store refuses a sign-in, a message or a request. The client is told the reason.
    Refused(Refusal<'static>),
}

/// An operation that was not carried out, and never will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Too many operations wait.
    #[error("the store has too much to do: try again later")]
    Busy,
    /// There is no room for it, as on a full disk.
    #[error("the store has no room left")]
    Full,
    /// The store can't be reached.
    #[error("the store is not available: try again later")]
    Unavailable,
}

/// A store that carries out one operation after the other: the one in memory, and what tests compare others with.
pub trait Store {
    /// Carries out an operation. It is durable when this returns.
    ///
    /// # Errors
    /// If it was not carried out.
    fn execute(&mut self, operation: Operation) -> Result<Outcome, StoreError>;
}
