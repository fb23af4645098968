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
    /// Adds an account for a user who registers. The first that applies is the outcome:
    ///
    /// * [`Outcome::Added`] if an account with this login and this log exists already;
    /// * [`Outcome::NoSuchInvitation`] if the invitation does not exist or has expired;
    /// * [`Outcome::Exists`] if another account has this login, or one that [looks like it](super::skeleton): the
    ///   invitation is not used up;
    /// * [`Outcome::Added`] otherwise.
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
    /// Adds an invitation: [`Outcome::Done`], or [`Outcome::Denied`] if the user who invites has as many valid, unused
    /// ones as allowed.
    Invite {
        /// The user who invites; `None` for the operator.
        by: Option<AccountId>,
        /// Its key.
        invitation: InvitationKey,
        /// The last moment at which it is valid.
        until: i64,
        /// The time.
        now: i64,
        /// Maximum number of invitations of this user.
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
    /// Removes an account with its log and its sessions: [`Outcome::Changed`], with the logs of members of its
    /// conferences, or [`Outcome::NoSuchUser`].
    ///
    /// Messages that others received from it stay in their logs. It leaves its conferences as by [`ContactChange::Remove`]. A
    /// conference can be removed, too: its members, and those whom it has invited, get an entry about that. An account
    /// that is added later with the same login is a new one, whose dialogs are empty.
    RemoveAccount {
        /// Its login.
        login: Login,
    },
    /// Disables an account, which ends its sessions and allows no new ones, or enables it again: [`Outcome::Done`], or
    /// [`Outcome::NoSuchUser`]. What others send to it still arrives in its log.
    SetDisabled {
        /// Its login.
        login: Login,
        /// `true` to disable it.
        is_disabled: bool,
    },
    /// Lists accounts in the order of their logins' bytes: [`Outcome::Accounts`].
    ListAccounts {
        /// The login after which the list begins; `None` for the beginning. The account need not exist.
        after: Option<Login>,
        /// Maximum number of accounts.
        max_accounts: usize,
    },
    /// Lists sessions in the order of their keys: [`Outcome::Sessions`], or [`Outcome::NoSuchUser`].
    ListSessions {
        /// Their user; `None` for those of all users.
        login: Option<Login>,
        /// The key after which the list begins; `None` for the beginning. The session need not exist.
        after: Option<SessionKey>,
        /// Maximum number of sessions.
        max_sessions: usize,
    },
    /// Ends sessions of an account: [`Outcome::Done`], or [`Outcome::NoSuchUser`].
    EndSessions {
        /// Its login.
        login: Login,
        /// Those that go on.
        keeps: KeptSessions,
    },
    /// Ends the session with this key, if it exists: [`Outcome::Done`]. [`Outcome::NoSuchSession`] if a user is given
    /// who has no such session.
    EndSession {
        /// Its key.
        session: SessionKey,
        /// Its user; `None` for any.
        of: Option<Login>,
    },
    /// Makes two users list each other, whatever the states were: [`Outcome::Done`], or [`Outcome::NoSuchUser`]. It
    /// adds no entry to any log.
    Introduce {
        /// One login.
        one: Login,
        /// The other.
        other: Login,
    },
    /// Begins a session: [`Outcome::Session`], or [`Outcome::NoSuchUser`] if the account was removed or is disabled. If
    /// its user has [as many as allowed](StoreLimits::max_sessions_per_user), the one that has been broken longest
    /// makes room. If the session has begun already, nothing changes.
    BeginSession {
        /// Its user.
        account: AccountId,
        /// The user's login. A store need not look at it.
        login: Login,
        /// Its key.
        session: SessionKey,
    },
    /// Takes a session that is in use, or was broken no longer ago than [its lifetime](StoreLimits::session_lifetime),
    /// and raises its epoch: [`Outcome::Restored`].
    TakeSession {
        /// Its key.
        session: SessionKey,
        /// The time.
        now: i64,
    },
    /// Breaks a session whose connection ended: [`Outcome::Done`]. It has no effect if the session has a different
    /// epoch by now.
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
    /// [`Outcome::Appended`]. The recipient then lists the sender, if the sender's state was
    /// [`None`](ContactState::None), and the sender lists the recipient, if the recipient's state was `None` or
    /// [`Asks`](ContactState::Asks). A message to a conference is appended to the logs of all its members:
    /// [`Outcome::Posted`].
    ///
    /// The key is looked up first. If the sender has used it before, nothing is appended: the outcome is that of the
    /// first time, as [`Outcome::Appended`] even for a message to a conference, or [`Outcome::KeyTaken`] if recipient
    /// or body differ.
    ///
    /// Otherwise it is [`Outcome::NoSuchUser`] if the recipient does not exist, or the sender does not any more;
    /// [`Outcome::Denied`] if one has blocked the other, or the sender is no member.
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
    /// Finds the outcome of the message that was sent with a key: [`Outcome::Appended`], [`Outcome::KeyTaken`] as in
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
    /// Reads entries of a log after a position, in order: [`Outcome::Entries`]. At least one is returned if there are
    /// any.
    ReadLog {
        /// The log's account.
        account: AccountId,
        /// The position.
        after: u64,
        /// Maximum number of entries.
        max_entries: usize,
        /// Maximum bytes of all bodies, which the first entry may exceed.
        max_bytes: usize,
    },
    /// Reads messages of a dialog, oldest first: [`Outcome::Dialog`], or [`Outcome::NoSuchUser`]. With
    /// [`after`](Page::after) or [`after_date`](Page::after_date) alone, it reads the oldest that follow, otherwise the
    /// newest.
    ReadDialog {
        /// The user whose dialog it is.
        account: AccountId,
        /// The other user's login.
        with: Login,
        /// Selection of messages. Its limit is that of the client, which `max_messages` takes into account already.
        page: Page,
        /// Maximum number of messages.
        max_messages: usize,
        /// Maximum bytes of all bodies.
        max_bytes: usize,
    },
    /// Lists a user's contacts: [`Outcome::Contacts`]. Those whom the user has listed come first, then others; each
    /// group is in the order in which its users were added to the store.
    ListContacts {
        /// The user.
        account: AccountId,
        /// `true` to list all other users, too, whatever their state; conferences only if they are contacts.
        all: bool,
        /// `true` to also list those who ask or are blocked.
        with_states: bool,
        /// Maximum number of contacts.
        max_contacts: usize,
        /// Maximum bytes of the bodies of last messages; 0 for no last messages. One that does not fit is left out, and
        /// that of the next contact is tried.
        max_bytes: usize,
    },
    /// Moves the mark up to which a user has read a dialog: [`Outcome::Marked`]. [`Outcome::NoSuchUser`] if the other
    /// user does not exist, [`Outcome::BeyondHead`] if the position is beyond the log's head.
    MoveMark {
        /// The user.
        account: AccountId,
        /// The other user's login.
        with: Login,
        /// The position in the user's own log.
        up_to: u64,
    },
    /// Changes the state of a contact: [`Outcome::Changed`], [`Outcome::NoSuchUser`] or [`Outcome::Denied`]. If the
    /// state changes, the user's log gets a new entry, [`Content::Contact`](super::Content::Contact), which replaces
    /// the last one of this contact.
    ///
    /// If a user lists another one, for whom the first is in state [`None`](ContactState::None), that state becomes
    /// [`Asks`](ContactState::Asks). If a user removes or blocks another one, for whom the first is in state `Asks`,
    /// that state becomes `None`. Both add an entry to the other user's log, too.
    ///
    /// A user who lists a conference joins it if it has room, and either [asks](ContactState::Asks), or is
    /// [public](Profile::is_public) and has not removed the user. A conference that does not exist may be
    /// [founded](ContactChange::ListOrFound), with the user as its owner; [`Outcome::Exists`] if its login looks like
    /// another one. If the last owner leaves, the member with the smallest account number becomes an owner. If the last
    /// member leaves, the conference is removed as by [`RemoveAccount`](Operation::RemoveAccount).
    ///
    /// Each change of members adds an entry, [`Content::Changed`](super::Content::Changed), to the logs of all who are
    /// members afterwards, except that of the user who joins. It replaces the last one of this conference.
    ChangeContact {
        /// The user.
        account: AccountId,
        /// The contact's login.
        with: Login,
        /// The change.
        change: ContactChange,
    },
    /// Changes a conference's members: [`Outcome::Changed`]; [`Outcome::NoSuchUser`] if the conference or the other
    /// user does not exist, or the one to remove or to make an owner is no member; [`Outcome::Denied`] unless the user
    /// is an owner.
    ///
    /// For an invited user, the conference's state becomes [`Asks`](ContactState::Asks), unless that user is a member,
    /// has blocked the conference or the owner, or has not listed the owner who invites
    /// [contacts](MemberChange::InviteContact). For a removed user, the conference is no contact any more, and can't be
    /// joined until it asks again. Both add an entry to that user's log. Owners who remove themselves leave as by
    /// [`ContactChange::Remove`]. Removing an invited user takes the invitation back.
    ///
    /// Each change of members adds an entry to the members' logs as in `ChangeContact`; an invitation does not.
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
    /// Changes a profile: [`Outcome::Changed`]; [`Outcome::TooLong`] if it would take too many bytes;
    /// [`Outcome::NoSuchUser`] if the conference does not exist; [`Outcome::Denied`] unless the user is an owner of it.
    ///
    /// If the profile changes, a new entry, [`Content::Changed`](super::Content::Changed), is added to the logs of the
    /// user and of those who know the user (or of all members of the conference). It replaces the last one of this
    /// user. If more users than [a conference may have members](super::StoreLimits::max_members) know the user, those
    /// with the smallest account numbers get it.
    SetProfile {
        /// The user.
        account: AccountId,
        /// The login of the conference whose profile it is; `None` for the user's own.
        of: Option<Login>,
        /// The changed fields; those with the value null are removed.
        changes: Fields<'static>,
        /// Maximum bytes of the changed profile.
        max_bytes: usize,
    },
    /// Finds a user, or a conference: [`Outcome::User`], or [`Outcome::NoSuchUser`].
    FindUser {
        /// The user who asks.
        account: AccountId,
        /// The login.
        login: Login,
    },
    /// Finds [public](Profile::is_public) users and conferences whose logins begin with a prefix, in the order of
    /// logins: [`Outcome::Users`]. The user who asks, and those who have blocked this user, are left out.
    SearchUsers {
        /// The user who asks.
        account: AccountId,
        /// The beginning of the logins.
        prefix: Login,
        /// Maximum number of users.
        max_users: usize,
    },
    /// Lists the users who know the user, and whom the user knows, so that both are contacts of each other:
    /// [`Outcome::Known`].
    ListKnown {
        /// The user.
        account: AccountId,
        /// Maximum number of users; those with the smallest account numbers are listed.
        max_users: usize,
    },
    /// Answers a request that the protocol does not list, if the server [forwards them](crate::server::ServerConfig):
    /// [`Outcome::Answer`], or [`Outcome::NoSuchRequest`], which is what a store itself always answers.
    Request {
        /// The user whose request it is; `None` if nobody is signed in.
        login: Option<Login>,
        /// Its type.
        kind: Arc<str>,
        /// All its fields but `type` and `on_request`.
        fields: Fields<'static>,
    },
}

/// A sequence of operations that are carried out in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Lane {
    /// The operations of an account.
    Account(AccountId),
    /// The operations of a login whose account is not known.
    Login(Login),
    /// The operations of a session.
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
    /// Returns the bytes of the operation's texts, by which the memory of waiting operations is estimated.
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
