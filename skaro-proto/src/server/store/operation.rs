//! Operations: what the machine asks of its store.

use alloc::sync::Arc;

use super::ids::{AccountId, InvitationKey, LogId, Login, SessionKey};
#[cfg(doc)]
use super::outcome::Outcome;
#[cfg(doc)]
use super::people::ContactState;
use super::people::{ContactChange, KeptSessions, MemberChange, Profile};
#[cfg(doc)]
use super::types::StoreLimits;

use crate::auth::Verifier;
use crate::codec::Fields;
use crate::message::Page;

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
    /// Adds an account for somebody who registers: [`Outcome::Added`], also if there is one with this login and this log
    /// already; else [`Outcome::NoSuchInvitation`] if there is no such invitation, or its time is over; else
    /// [`Outcome::Exists`] if there is another one with this login or one that [looks like it](super::skeleton), and the
    /// invitation is not used up.
    Register {
        /// Its login.
        login: Login,
        /// The prepared key of its password.
        verifier: Verifier,
        /// The id of its log, made at random.
        log: LogId,
        /// Its profile.
        profile: Profile,
        /// The invitation, which is used up; `None` if none is needed.
        invitation: Option<InvitationKey>,
        /// The time.
        now: i64,
    },
    /// Adds an invitation: [`Outcome::Done`], or [`Outcome::Denied`] if the user who invites has as many as allowed that are
    /// good and not used up.
    Invite {
        /// The user who invites; `None` for whoever runs the server.
        by: Option<AccountId>,
        /// Its key.
        invitation: InvitationKey,
        /// The last moment at which it is good.
        until: i64,
        /// The time.
        now: i64,
        /// Number of invitations of this user at most.
        max_invitations: usize,
    },
    /// Changes the password of an account, and ends its sessions: [`Outcome::Done`], or [`Outcome::NoSuchUser`].
    SetVerifier {
        /// Its login.
        login: Login,
        /// The prepared key of the new password.
        verifier: Verifier,
        /// The prepared key that the account must have: [`Outcome::OldVerifier`] if it has another one; `None` for any.
        old: Option<Verifier>,
        /// The sessions that go on.
        keeps: KeptSessions,
    },
    /// Removes an account with its log and its sessions; what others received from it stays in their logs. It leaves its
    /// conferences as by [`ContactChange::Remove`]. A conference can be removed, too: its
    /// members, and those whom it asks, have an entry of that. An account that
    /// is added with the same login later is another one, whose dialogs are empty.
    /// [`Outcome::Changed`], with the logs of members of its conferences, or [`Outcome::NoSuchUser`].
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
    /// Ends sessions of an account: [`Outcome::Done`], or [`Outcome::NoSuchUser`].
    EndSessions {
        /// Its login.
        login: Login,
        /// Those that go on.
        keeps: KeptSessions,
    },
    /// Ends a session, if there is one with this key: [`Outcome::Done`]. [`Outcome::NoSuchSession`] if it is to be a user's,
    /// and is not.
    EndSession {
        /// Its key.
        session: SessionKey,
        /// Its user; `None` for any.
        of: Option<Login>,
    },
    /// Lists two users for each other, whatever the states were: [`Outcome::Done`], or [`Outcome::NoSuchUser`]. No log has
    /// an entry of it.
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
    /// Appends a message to the logs of sender and recipient, dated max(`now`, the dialog's latest date + 1):
    /// [`Outcome::Appended`]. The sender, who was in state [`None`](ContactState::None), is listed for the recipient, and the
    /// recipient for the sender, also one who [asks](ContactState::Asks). A message to a conference enters the logs of all its
    /// members: [`Outcome::Posted`].
    ///
    /// If the sender used the key before, nothing is appended: the outcome is that of the first time, also of a message to a conference, as
    /// [`Outcome::Appended`], or [`Outcome::KeyTaken`] if recipient or body differ. [`Outcome::NoSuchUser`] if
    /// there is no recipient, or no sender any more; [`Outcome::Denied`] if one has blocked the other, or the sender is no
    /// member. The key is looked up before that.
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
        /// `true` to deny it unless the recipient has listed the sender.
        contacts_only: bool,
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
    /// Lists a user's contacts: [`Outcome::Contacts`]. Those whom the user has listed come first, then others; each in the
    /// order in which they were added to the store.
    ListContacts {
        /// The user.
        account: AccountId,
        /// `true` to list all other users besides, in whichever state; conferences only if they are contacts.
        all: bool,
        /// `true` to list those who ask or are blocked, too.
        with_states: bool,
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
    /// Changes the state of a contact: [`Outcome::Changed`], [`Outcome::NoSuchUser`] or [`Outcome::Denied`]. If the state
    /// is another one than before, the user's log has a new entry, [`Content::Contact`](super::Content::Contact), in place of the last one of this contact.
    ///
    /// If a user lists another one, whose own state of the first is [`None`](ContactState::None), that state becomes
    /// [`Asks`](ContactState::Asks). If a user removes or blocks another one, who has the first as `Asks`, that becomes `None`.
    /// Both are entries in the other one's log, too.
    ///
    /// A user who lists a conference joins it, if it [asks](ContactState::Asks), or is [public](Profile::is_public) and has not
    /// removed the user, and has room. If there is none, it may be
    /// [founded](ContactChange::ListOrFound), with the user as its owner; [`Outcome::Exists`] if its login looks like another one.
    /// If the last owner leaves, the member with the smallest account becomes one; if the last member leaves, the conference is
    /// removed as by [`RemoveAccount`](Operation::RemoveAccount). Each change of members is an entry,
    /// [`Content::Changed`](super::Content::Changed) in place of the last one of this conference, in the logs of all who are
    /// members afterwards, but for that of the user who joins.
    ChangeContact {
        /// The user.
        account: AccountId,
        /// The contact's login.
        with: Login,
        /// The change.
        change: ContactChange,
    },
    /// Changes a conference's members: [`Outcome::Changed`], [`Outcome::NoSuchUser`] if there is no conference, no
    /// such user, or no member to be an owner, or to be removed, of this login, [`Outcome::Denied`] unless the user is an owner.
    ///
    /// Whom it invites it [asks](ContactState::Asks), unless that user is a member, or has blocked it or the owner, or has not
    /// listed the owner who invites [contacts](MemberChange::InviteContact); for whom it removes it is
    /// no contact any more, and can't be joined until it asks again. Both are entries of that user. An owner who removes
    /// the own membership leaves as by [`ContactChange::Remove`]. An invitation can be taken back by removing whom it asks. Each
    /// change of members is an entry of members as in `ChangeContact`, an invitation is none.
    ChangeMember {
        /// The user.
        account: AccountId,
        /// The conference's login.
        conference: Login,
        /// The member's login.
        member: Login,
        /// The change.
        change: MemberChange,
    },
    /// Changes a profile: [`Outcome::Changed`]; [`Outcome::TooLong`] if it would take more bytes; [`Outcome::NoSuchUser`] if there
    /// is no such conference, [`Outcome::Denied`] unless the user is an owner of it. If it is another one than before, each
    /// of the logs of the user, and of those who know the user (or of all members of the conference) has a new entry,
    /// [`Content::Changed`](super::Content::Changed), in place of the last one of this user. If more users than [a conference may
    /// have members](super::StoreLimits::max_members) know the user, those with the smallest accounts have it.
    SetProfile {
        /// The user.
        account: AccountId,
        /// The login of the conference, whose profile it is; `None` for the user's own.
        of: Option<Login>,
        /// The changed fields; those with the value null are removed.
        changes: Fields<'static>,
        /// Bytes of the changed profile at most.
        max_bytes: usize,
    },
    /// Finds a user, or a conference: [`Outcome::User`], or [`Outcome::NoSuchUser`].
    FindUser {
        /// The user who asks.
        account: AccountId,
        /// The login.
        login: Login,
    },
    /// Finds users and conferences that are [public](Profile::is_public), whose logins begin so, in the order of logins:
    /// [`Outcome::Users`]. Those who have blocked the user, and the user, are not among them.
    SearchUsers {
        /// The user who asks.
        account: AccountId,
        /// The beginning of the logins.
        prefix: Login,
        /// Number of users at most.
        max_users: usize,
    },
    /// Lists the users who know the user, and whom the user knows: [`Outcome::Known`]. Those are contacts of each other.
    ListKnown {
        /// The user.
        account: AccountId,
        /// Number of users at most; those with the smallest accounts are listed.
        max_users: usize,
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
            | Operation::Register { login, .. }
            | Operation::SetVerifier { login, .. }
            | Operation::RemoveAccount { login }
            | Operation::SetDisabled { login, .. }
            | Operation::EndSessions { login, .. }
            | Operation::Introduce { one: login, .. } => Some(Lane::Login(login.clone())),
            Operation::BeginSession { session, .. }
            | Operation::TakeSession { session, .. }
            | Operation::EndSession { session, .. }
            | Operation::LeaveSession { session, .. } => Some(Lane::Session(*session)),
            // What is looked for may still be on its way into the store.
            Operation::Append { from: account, .. }
            | Operation::FindKey { from: account, .. }
            | Operation::MoveMark { account, .. }
            | Operation::ChangeContact { account, .. }
            | Operation::ChangeMember { account, .. }
            | Operation::SetProfile { account, .. } => Some(Lane::Account(*account)),
            Operation::Invite { by, .. } => by.map(Lane::Account),
            Operation::FindAccount { .. }
            | Operation::ListAccounts { .. }
            | Operation::ListSessions { .. }
            | Operation::Expire { .. }
            | Operation::ReadLog { .. }
            | Operation::ReadDialog { .. }
            | Operation::ListContacts { .. }
            | Operation::FindUser { .. }
            | Operation::SearchUsers { .. }
            | Operation::ListKnown { .. }
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
            | Operation::EndSessions { login, .. }
            | Operation::ReadDialog { with: login, .. }
            | Operation::ChangeContact { with: login, .. }
            | Operation::FindUser { login, .. }
            | Operation::SearchUsers { prefix: login, .. }
            | Operation::MoveMark { with: login, .. } => login.len(),
            Operation::Introduce { one, other }
            | Operation::ChangeMember { conference: one, member: other, .. } => one.len() + other.len(),
            Operation::Register { login, profile, .. } => login.len() + profile.as_bytes().len(),
            Operation::SetProfile { of, changes, .. } => {
                of.as_ref().map_or(0, |of| of.len()) + changes.heap_bytes()
            }
            Operation::Append { to, body, key, .. } => {
                to.len() + body.len() + key.as_ref().map_or(0, |key| key.len())
            }
            Operation::FindKey { to, body, key, .. } => to.len() + body.len() + key.len(),
            Operation::ListAccounts { after: login, .. } | Operation::ListSessions { login, .. } => {
                login.as_ref().map_or(0, |login| login.len())
            }
            Operation::Request { kind, fields, .. } => kind.len() + fields.heap_bytes(),
            Operation::EndSession { of, .. } => of.as_ref().map_or(0, |of| of.len()),
            Operation::BeginSession { .. }
            | Operation::Invite { .. }
            | Operation::ListKnown { .. }
            | Operation::TakeSession { .. }
            | Operation::LeaveSession { .. }
            | Operation::Expire { .. }
            | Operation::ReadLog { .. }
            | Operation::ListContacts { .. } => 0,
        }
    }
}
