//! Outcomes: what comes of an operation.

use alloc::boxed::Box;
use alloc::vec::Vec;

use thiserror::Error;

use super::ids::AccountId;
use super::people::{Denial, Grown, Mark, Member};
use super::types::{Account, AccountSummary, Appended, Contact, DialogMessage, Entry, SessionSummary};
use crate::codec::Fields;
use crate::message::Refusal;

/// The outcome of an operation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It was carried out.
    Done,
    /// The account, if it exists.
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
        accounts: Vec<AccountSummary>,
        /// `true` if there are more behind these.
        more: bool,
    },
    /// Sessions, ordered by key.
    Sessions {
        /// The sessions.
        sessions: Vec<SessionSummary>,
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
    /// The message is in the logs of all members of a conference.
    Posted {
        /// Date, and position in the sender's log. The recipient is the conference, without a position.
        appended: Appended,
        /// The logs of all other members.
        logs: Vec<Grown>,
    },
    /// The logs to which the change has added entries, in any order; none if nothing has changed.
    Changed(Vec<Grown>),
    /// A user, or a conference. Its members are given, in any order, if it is public or the user who asks is one of
    /// them.
    User(Box<Contact>, Vec<Member>),
    /// Users and conferences.
    Users {
        /// The users.
        users: Vec<Contact>,
        /// `true` if there are more.
        more: bool,
    },
    /// Accounts of users who know each other.
    Known(Vec<AccountId>),
    /// The user may not do that.
    Denied(Denial),
    /// The profile would take too many bytes.
    TooLong,
    /// The account has a different verifier by now.
    OldVerifier,
    /// There is no invitation with this key, or it has expired.
    NoSuchInvitation,
    /// The user has no session with this key.
    NoSuchSession,
    /// The key belongs to another message.
    KeyTaken,
    /// There is no message with this key.
    NoSuchKey,
    /// Entries of a log.
    Entries(Vec<Entry>),
    /// Messages of a dialog, oldest first.
    Dialog {
        /// The messages.
        messages: Vec<DialogMessage>,
        /// `true` if there are more beyond these, in the direction of the request.
        more: bool,
    },
    /// Contacts.
    Contacts(Vec<Contact>),
    /// The read mark.
    Marked(Mark),
    /// The position is beyond the log's head.
    BeyondHead,
    /// Fields of the answer to a request.
    Answer(Fields<'static>),
    /// Nobody knows such a request.
    NoSuchRequest,
    /// An application between machine and store refuses a sign-in, a message or a request. The client is told the
    /// reason.
    Refused(Refusal<'static>),
}

/// The reason why an operation was not carried out, and never will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Too many operations wait.
    #[error("the store has too much to do: try again later")]
    Busy,
    /// There is no room, for example on a full disk.
    #[error("the store has no room left")]
    Full,
    /// The store can't be reached.
    #[error("the store is not available: try again later")]
    Unavailable,
}
