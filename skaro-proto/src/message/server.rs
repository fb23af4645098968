//! Messages of servers.

use alloc::borrow::Cow;
use alloc::vec::{self, Vec};
use core::fmt;
use core::ops::Deref;
use core::slice;

use super::entries::{ChangedUserData, ContactChange, ReadMark, Sent};
use super::people::{Invitation, ReadBy, SessionInfo, Typing};
use super::types::{Contacts, Date, Message, Registration, StatusCode, User, list_bytes, owned, text_bytes};
use crate::codec::Fields;

/// A message from a server.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ServerMessage<'a> {
    /// `check_connection`, the first message: the challenge for `authorize`.
    CheckConnection(Challenge<'a>),
    /// `request`: the answer to a request.
    Answer(AnswerMessage<'a>),
    /// `show_message`: someone sent a message.
    ShowMessage(Message<'a>),
    /// `info`: the server has something to tell.
    Info(Notice<'a>),
    /// `error`: the server reports an error.
    Error(Notice<'a>),
    /// `sent`, an entry: a message that this connection has sent itself.
    Sent(Sent<'a>),
    /// `read`, an entry: the user has read a dialog up to a position.
    Read(ReadMark<'a>),
    /// `contact`, an entry: the state of a contact has changed.
    ContactChanged(ContactChange<'a>),
    /// `changed_user_data`, an entry or presence: a profile or the members of a conference have changed, or someone has
    /// come or gone.
    ChangedUserData(ChangedUserData<'a>),
    /// `typing`, presence: someone is typing.
    Typing(Typing<'a>),
    /// `read_by`, presence: another user has read the dialog.
    ReadBy(ReadBy<'a>),
    /// A message of an unknown type.
    Unknown {
        /// Its type.
        kind: Cow<'a, str>,
        /// The whole of it, `type` included.
        message: Fields<'a>,
    },
}

/// The server's challenge: what has to be proven. `Debug` leaves the token out.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Challenge<'a> {
    /// The text to authenticate with the password as the key.
    pub token: Cow<'a, str>,
    /// The extensions of the protocol that the server knows.
    pub extensions: Vec<Cow<'a, str>>,
    /// Everything else that the server tells.
    pub extra: Fields<'a>,
}

/// A notice of the server to its user.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Notice<'a> {
    /// The text.
    pub info: Cow<'a, str>,
    /// Everything else that came with it.
    pub extra: Fields<'a>,
}

/// An answer, with the type and the number of its request.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AnswerMessage<'a> {
    /// The type of the request.
    pub kind: Cow<'a, str>,
    /// The request's number.
    pub id: u64,
    /// The answer, or why the request was not carried out.
    pub outcome: Result<Answer<'a>, Refusal<'a>>,
    /// Fields that an answer of this kind does not need.
    pub extra: Fields<'a>,
}

/// The result of a request that was carried out.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Answer<'a> {
    /// Answer to `authorize`: the user is signed in.
    Authorized(SignedIn<'a>),
    /// Answer to `session_restore`: the user is signed in again.
    Restored(SignedIn<'a>),
    /// Answer to `register_type`: the way to register.
    RegisterType(Registration<'a>),
    /// Answer to `get_contacts`: the user's contacts.
    Contacts(Contacts<'a>),
    /// Answer to `get_history`: the messages exchanged with a user.
    History(History<'a>),
    /// Answer to `send_message`: the server has accepted the message.
    MessageSent {
        /// Date of the message, if the server tells.
        date: Option<Date<'a>>,
        /// The message's position in the sender's log, if it tells.
        position: Option<u64>,
    },
    /// Answer to `read`: the read mark is at the requested position, or further.
    Read,
    /// Answer to `register`: the account is made.
    Registered,
    /// Answer to `invite`: the invitation.
    Invitation(Invitation<'a>),
    /// Answer to `add_contact` and `del_contact`: the contact is as requested.
    Contact,
    /// Answer to `search_contacts`: users and conferences.
    Users {
        /// Those that were found, in the order of their logins.
        users: Contacts<'a>,
        /// `true` if there are more than these.
        more: bool,
    },
    /// Answer to `get_user_data`: what the server tells of the user.
    User(User<'a>),
    /// Answer to `update_my_data`: the data is as requested.
    Updated,
    /// Answer to `get_sessions`: the user's sessions.
    Sessions(Vec<SessionInfo<'a>>),
    /// Answer to `sign_out`: the session has ended, or the others have.
    SignedOut,
    /// Answer to a request of another type: all fields but `type`, `for`, `id` and `status`.
    Other(Fields<'a>),
}

/// The messages exchanged with a user, oldest first: a list.
///
/// ```
/// use skaro_proto::message::{History, Message};
/// let history = History::new(vec![Message::new("alice", "bob", "hello")]);
/// assert_eq!(history[0].body, "hello");
/// for message in &history {
///     println!("{}: {}", message.from.login, message.body);
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History<'a> {
    messages: Vec<Message<'a>>,
    /// `true` if there are more messages beyond these, in the direction of the request; `None` if the server does not
    /// tell.
    pub more: Option<bool>,
}

impl<'a> History<'a> {
    /// Returns a history of these messages.
    #[must_use]
    pub const fn new(messages: Vec<Message<'a>>) -> Self {
        History { messages, more: None }
    }

    /// Returns the same history, no longer borrowed from the frame.
    pub fn into_owned(self) -> History<'static> {
        let messages = self.messages.into_iter().map(Message::into_owned).collect();
        History { messages, more: self.more }
    }

    /// Returns an upper bound of the bytes of heap that the history takes once it is owned.
    pub fn heap_bytes(&self) -> usize {
        list_bytes(&self.messages, Message::heap_bytes)
    }
}

impl<'a> Deref for History<'a> {
    type Target = [Message<'a>];

    fn deref(&self) -> &[Message<'a>] {
        &self.messages
    }
}

impl<'a> IntoIterator for History<'a> {
    type Item = Message<'a>;
    type IntoIter = vec::IntoIter<Message<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.messages.into_iter()
    }
}

impl<'h, 'a> IntoIterator for &'h History<'a> {
    type Item = &'h Message<'a>;
    type IntoIter = slice::Iter<'h, Message<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.messages.iter()
    }
}

/// A user who is signed in, and the session with which the user can come back. `Debug` leaves the session's id out.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct SignedIn<'a> {
    /// The session's id, which `session_restore` takes within five minutes after the connection broke.
    pub session_id: Cow<'a, str>,
    /// The user, as a rule only the login. `get_user_data` with this login tells the profile.
    pub user: User<'a>,
    /// The connection's cursor over the user's log, if it has one.
    pub cursor: Option<Cursor<'a>>,
}

/// The state of a connection's cursor after signing in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cursor<'a> {
    /// The log's id. If it is another one than before, all positions known before are meaningless.
    pub log: Cow<'a, str>,
    /// The position of the log's last entry; 0 if there is none.
    pub head: u64,
    /// The position after which entries are sent: the first one is `begin` + 1.
    pub begin: u64,
}

impl<'a> Cursor<'a> {
    /// Returns a cursor over the log of this id.
    pub fn new(log: impl Into<Cow<'a, str>>, head: u64, begin: u64) -> Self {
        Cursor { log: log.into(), head, begin }
    }

    /// Returns the same, no longer borrowed from the frame.
    #[must_use]
    pub fn into_owned(self) -> Cursor<'static> {
        Cursor { log: owned(self.log), head: self.head, begin: self.begin }
    }
}

/// A refusal: why a request was not carried out.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Refusal<'a> {
    /// The status, if the answer had one.
    pub status: Option<StatusCode<'a>>,
    /// The reason, for people; empty if the server gave none.
    pub info: Cow<'a, str>,
}

impl<'a> Challenge<'a> {
    /// Returns a challenge with this token and nothing else.
    pub fn new(token: impl Into<Cow<'a, str>>) -> Self {
        Challenge { token: token.into(), extensions: Vec::new(), extra: Fields::new() }
    }

    /// Returns the same challenge, no longer borrowed from the frame.
    pub fn into_owned(self) -> Challenge<'static> {
        let extensions = self.extensions.into_iter().map(owned).collect();
        Challenge { token: owned(self.token), extensions, extra: self.extra.into_owned() }
    }

    /// Returns an upper bound of the bytes of heap that the challenge takes once it is owned.
    pub fn heap_bytes(&self) -> usize {
        let Challenge { token, extensions, extra } = self;
        text_bytes(token) + list_bytes(extensions, text_bytes) + extra.heap_bytes()
    }
}

impl<'a> Notice<'a> {
    /// Returns a notice with this text and nothing else.
    pub fn new(info: impl Into<Cow<'a, str>>) -> Self {
        Notice { info: info.into(), extra: Fields::new() }
    }

    /// Returns the same notice, no longer borrowed from the frame.
    #[must_use]
    pub fn into_owned(self) -> Notice<'static> {
        Notice { info: owned(self.info), extra: self.extra.into_owned() }
    }

    /// Returns an upper bound of the bytes of heap that the notice takes once it is owned.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let Notice { info, extra } = self;
        text_bytes(info) + extra.heap_bytes()
    }
}

impl<'a> AnswerMessage<'a> {
    /// Returns an answer to the request of this type and number.
    pub fn new(kind: impl Into<Cow<'a, str>>, id: u64, outcome: Result<Answer<'a>, Refusal<'a>>) -> Self {
        AnswerMessage { kind: kind.into(), id, outcome, extra: Fields::new() }
    }

    /// Returns the same answer, no longer borrowed from the frame.
    pub fn into_owned(self) -> AnswerMessage<'static> {
        AnswerMessage {
            kind: owned(self.kind),
            id: self.id,
            outcome: self.outcome.map(Answer::into_owned).map_err(Refusal::into_owned),
            extra: self.extra.into_owned(),
        }
    }

    /// Returns an upper bound of the bytes of heap that the answer takes once it is owned.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let AnswerMessage { kind, id: _, outcome, extra } = self;
        let outcome = match outcome {
            Ok(answer) => answer.heap_bytes(),
            Err(refusal) => refusal.heap_bytes(),
        };
        text_bytes(kind) + outcome + extra.heap_bytes()
    }
}

impl<'a> SignedIn<'a> {
    /// Returns a user with a session of this id.
    pub fn new(session_id: impl Into<Cow<'a, str>>, user: User<'a>) -> Self {
        SignedIn { session_id: session_id.into(), user, cursor: None }
    }

    /// Returns the same, no longer borrowed from the frame.
    pub fn into_owned(self) -> SignedIn<'static> {
        let cursor = self.cursor.map(Cursor::into_owned);
        SignedIn { session_id: owned(self.session_id), user: self.user.into_owned(), cursor }
    }
}

impl<'a> Refusal<'a> {
    /// Returns the status as a number, as in [`StatusCode::code`]; 0 if there was none.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.status.as_ref().map_or(0, StatusCode::code)
    }

    /// Returns whether the server may accept the same request later: statuses 429 and 5xx.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.status.as_ref().is_some_and(StatusCode::is_temporary)
    }

    /// Returns whether the request may have been carried out nevertheless, or may still be: status 504.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.status.as_ref().is_some_and(StatusCode::is_unknown)
    }

    /// Returns a refusal with a reason for people, which is empty if there is none to give.
    pub fn new(status: Option<StatusCode<'a>>, info: impl Into<Cow<'a, str>>) -> Self {
        Refusal { status, info: info.into() }
    }

    /// Returns the same refusal, no longer borrowed from the frame.
    pub fn into_owned(self) -> Refusal<'static> {
        Refusal { status: self.status.map(StatusCode::into_owned), info: owned(self.info) }
    }

    /// Returns an upper bound of the bytes of heap that the refusal takes once it is owned.
    pub fn heap_bytes(&self) -> usize {
        let Refusal { status, info } = self;
        status.as_ref().map_or(0, StatusCode::heap_bytes) + text_bytes(info)
    }
}

impl Answer<'_> {
    /// Returns the same answer, no longer borrowed from the frame.
    pub fn into_owned(self) -> Answer<'static> {
        match self {
            Answer::Authorized(signed_in) => Answer::Authorized(signed_in.into_owned()),
            Answer::Restored(signed_in) => Answer::Restored(signed_in.into_owned()),
            Answer::RegisterType(registration) => Answer::RegisterType(registration.into_owned()),
            Answer::Contacts(contacts) => Answer::Contacts(contacts.into_owned()),
            Answer::History(history) => Answer::History(history.into_owned()),
            Answer::MessageSent { date, position } => {
                Answer::MessageSent { date: date.map(Date::into_owned), position }
            }
            Answer::Read => Answer::Read,
            Answer::Registered => Answer::Registered,
            Answer::Invitation(invitation) => Answer::Invitation(invitation.into_owned()),
            Answer::Contact => Answer::Contact,
            Answer::Users { users, more } => Answer::Users { users: users.into_owned(), more },
            Answer::User(user) => Answer::User(user.into_owned()),
            Answer::Updated => Answer::Updated,
            Answer::Sessions(sessions) => {
                Answer::Sessions(sessions.into_iter().map(SessionInfo::into_owned).collect())
            }
            Answer::SignedOut => Answer::SignedOut,
            Answer::Other(fields) => Answer::Other(fields.into_owned()),
        }
    }

    /// Returns an upper bound of the bytes of heap that the answer takes once it is owned.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Answer::Authorized(signed_in) | Answer::Restored(signed_in) => {
                let SignedIn { session_id, user, cursor } = signed_in;
                let log = cursor.as_ref().map_or(0, |cursor| text_bytes(&cursor.log));
                text_bytes(session_id) + user.heap_bytes() + log
            }
            Answer::RegisterType(registration) => registration.heap_bytes(),
            Answer::Contacts(users) | Answer::Users { users, more: _ } => users.heap_bytes(),
            Answer::History(history) => history.heap_bytes(),
            Answer::MessageSent { date, position: _ } => date.as_ref().map_or(0, Date::heap_bytes),
            Answer::Read | Answer::Registered | Answer::Contact | Answer::Updated | Answer::SignedOut => 0,
            Answer::Invitation(invitation) => invitation.heap_bytes(),
            Answer::User(user) => user.heap_bytes(),
            Answer::Sessions(sessions) => list_bytes(sessions, SessionInfo::heap_bytes),
            Answer::Other(fields) => fields.heap_bytes(),
        }
    }
}

impl ServerMessage<'_> {
    /// Returns the position in the user's log, if the message is an entry: a message of any type that has a `position`.
    #[must_use]
    pub fn position(&self) -> Option<u64> {
        match self {
            ServerMessage::ShowMessage(message) => message.position,
            ServerMessage::Sent(sent) => Some(sent.position),
            ServerMessage::Read(read) => Some(read.position),
            ServerMessage::ContactChanged(change) => Some(change.position),
            ServerMessage::ChangedUserData(changed) => changed.position,
            ServerMessage::Unknown { message, .. } => {
                let position = message.get("position")?.as_integer()?;
                u64::try_from(position).ok().filter(|position| *position > 0)
            }
            ServerMessage::CheckConnection(_)
            | ServerMessage::Answer(_)
            | ServerMessage::Info(_)
            | ServerMessage::Error(_)
            | ServerMessage::Typing(_)
            | ServerMessage::ReadBy(_) => None,
        }
    }

    /// Returns the same message, no longer borrowed from the frame.
    #[must_use]
    pub fn into_owned(self) -> ServerMessage<'static> {
        match self {
            ServerMessage::CheckConnection(challenge) => {
                ServerMessage::CheckConnection(challenge.into_owned())
            }
            ServerMessage::Answer(answer) => ServerMessage::Answer(answer.into_owned()),
            ServerMessage::ShowMessage(message) => ServerMessage::ShowMessage(message.into_owned()),
            ServerMessage::Info(notice) => ServerMessage::Info(notice.into_owned()),
            ServerMessage::Error(notice) => ServerMessage::Error(notice.into_owned()),
            ServerMessage::Sent(sent) => ServerMessage::Sent(sent.into_owned()),
            ServerMessage::Read(read) => ServerMessage::Read(read.into_owned()),
            ServerMessage::ContactChanged(change) => ServerMessage::ContactChanged(change.into_owned()),
            ServerMessage::ChangedUserData(changed) => ServerMessage::ChangedUserData(changed.into_owned()),
            ServerMessage::Typing(typing) => ServerMessage::Typing(typing.into_owned()),
            ServerMessage::ReadBy(read_by) => ServerMessage::ReadBy(read_by.into_owned()),
            ServerMessage::Unknown { kind, message } => {
                ServerMessage::Unknown { kind: owned(kind), message: message.into_owned() }
            }
        }
    }

    /// Returns an upper bound of the bytes of heap that the message takes once it is owned.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match self {
            ServerMessage::CheckConnection(challenge) => challenge.heap_bytes(),
            ServerMessage::Answer(answer) => answer.heap_bytes(),
            ServerMessage::ShowMessage(message) => message.heap_bytes(),
            ServerMessage::Info(notice) | ServerMessage::Error(notice) => notice.heap_bytes(),
            ServerMessage::Sent(sent) => sent.heap_bytes(),
            ServerMessage::Read(read) => read.heap_bytes(),
            ServerMessage::ContactChanged(change) => change.heap_bytes(),
            ServerMessage::ChangedUserData(changed) => changed.heap_bytes(),
            ServerMessage::Typing(typing) => typing.heap_bytes(),
            ServerMessage::ReadBy(read_by) => read_by.heap_bytes(),
            ServerMessage::Unknown { kind, message } => text_bytes(kind) + message.heap_bytes(),
        }
    }
}

impl fmt::Debug for Challenge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenge")
            .field("extensions", &self.extensions)
            .field("extra", &self.extra)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SignedIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedIn")
            .field("user", &self.user)
            .field("cursor", &self.cursor)
            .finish_non_exhaustive()
    }
}
