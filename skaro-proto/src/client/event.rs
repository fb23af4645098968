//! Events that a client yields.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use thiserror::Error;

use super::command::{Command, CommandError};
use super::disconnect::Disconnect;
use super::incoming::Incoming;
use super::ticket::Ticket;
use crate::codec::DecodeError;
use crate::codec::Fields;
use crate::message::{
    Answer, ChangedUserData, ContactChange, Notice, ReadBy, ReadMark, Refusal, Sent, Typing,
};
use crate::time::Time;

/// Something that happened.
///
/// An event that came in a frame borrows from it; [`Event::into_owned`] ends the borrow.
///
/// | libskaro's handler | here |
/// |---|---|
/// | `on_connect` | [`Event::Connected`] |
/// | `on_register_type` | [`Event::Ended`] with [`Answer::RegisterType`] |
/// | `on_received_session_id`, `on_received_user_data` | [`Event::Ended`] with [`Answer::Authorized`] or [`Answer::Restored`] |
/// | `on_get_contacts` | [`Event::Ended`] with [`Answer::Contacts`] |
/// | `on_get_history` | [`Event::Ended`] with [`Answer::History`]; the login is the [`Ticket`]'s |
/// | `on_send_message` | [`Event::Ended`] with [`Answer::MessageSent`]; login and marker are the [`Ticket`]'s |
/// | `on_show_message` | [`Event::Message`] |
/// | `on_info` without a request type | [`Event::Info`] |
/// | `on_info` with a request type | [`Event::Ended`] with [`Failure::Refused`] |
/// | `on_error` | [`Event::Error`] |
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The server has sent its first message: commands are taken now.
    Connected {
        /// Whatever the server sent along with its token.
        extra: Fields<'a>,
    },
    /// A command has ended. Every command that was taken ends exactly once.
    Ended(Ended<'a>),
    /// A message is not taken yet and stays in the outbox, to be sent again: the server can't take the repetition at
    /// present, or does not know the message's outcome (504).
    Postponed(Ended<'a>),
    /// Someone sent a message, or the user did with another client.
    Message(Incoming<'a>),
    /// A message that this client sent has its place in the log.
    ///
    /// It comes after the end of its command. It has neither recipient nor text: compare its key, or its position with
    /// the one in the answer.
    Sent(Sent<'a>),
    /// The user has read a dialog, on any device.
    Read(ReadMark<'a>),
    /// The state of a contact has changed, on any device.
    ///
    /// A message that makes a contact `Listed` comes without this event: anyone who writes, or is written to, is one.
    Contact(ContactChange<'a>),
    /// A profile or the members of a conference have changed, which is an entry of the log; or someone whom the user
    /// knows has come or gone.
    ///
    /// Of several changes of members while the user was away, only the last one comes: ask for the
    /// [members](crate::message::User::members) then.
    ChangedUserData(ChangedUserData<'a>),
    /// Someone is typing to the user, or in a conference. It holds until 10 seconds have passed, or a message comes.
    Typing(Typing<'a>),
    /// Another user has read the dialog up to a date.
    ReadBy(ReadBy<'a>),
    /// Everything that was in the log when the user signed in has arrived; what follows is new.
    ///
    /// The event comes after each sign-in, including those that the machine makes by itself. Presence is not in the
    /// log: ask for the contacts now to know who is here.
    CaughtUp {
        /// The log's id.
        log: String,
        /// The position of the last of these entries.
        position: u64,
    },
    /// The log is not the one in which the application was, ends before that place, or no longer reaches back to it.
    ///
    /// Entries may be missed, and some may come that were handled before. The log goes on from the oldest entry that
    /// still exists. Messages that were sent and not answered end as unknown. It also comes first if the application
    /// began with an empty id ([`LogStart::Since`](super::LogStart::Since)), and means no loss then.
    LogChanged {
        /// The log's id.
        log: String,
        /// The position after which it goes on.
        position: u64,
    },
    /// The server's operator has something to tell: an announcement, or that the server shuts down.
    Info(Notice<'a>),
    /// The server reports an error.
    Error(Notice<'a>),
    /// A message of a type that this library does not know, or an entry of the kind `gone`.
    ///
    /// `gone` means that the entry at its position is no longer kept. Either its dialog was full, or it was a read
    /// mark, a state of a contact, a profile or a change of members that a later one has replaced.
    Unknown {
        /// Its type.
        kind: Cow<'a, str>,
        /// The whole message.
        message: Fields<'a>,
        /// Its position, if it is an entry of the log.
        position: Option<u64>,
    },
    /// An answer came after its request had ended: by its time-out, or because the message's entry in the log came
    /// first.
    Late(Ended<'a>),
    /// A frame was invalid. [`Client::handle_frame`](super::Client::handle_frame) returns this as an error, except for
    /// [`ProtocolError::MissingEntries`]; adapters pass all of them on as events.
    ProtocolError(ProtocolError),
    /// The user is no longer signed in, and the machine will not sign the user in again by itself.
    ///
    /// It may connect again with nobody signed in: authorize then. The event comes once for each time that a user was
    /// signed in, except when the application [closes](super::Client::close) the client. It does not come for a break
    /// that the machine mends.
    SignedOut {
        /// Reason, with advice in its message.
        reason: SignedOutReason,
    },
    /// The connection is gone. Requests that were under way end, with one [`Event::Ended`] each. Messages that the
    /// machine sends again do not end.
    Disconnected(Disconnect),
    /// The machine will connect again.
    Reconnecting {
        /// Time of the next attempt.
        at: Time,
        /// Time from now until then.
        after: core::time::Duration,
        /// Number of attempts that failed since the last stable connection.
        attempt: u32,
        /// Reason for which the previous connection ended or the attempt failed.
        reason: Disconnect,
    },
    /// The machine won't connect again by itself: the attempts are used up, it was told to stop, or its session
    /// continues on another connection. No more events come until [`reconnect`](super::Client::reconnect) is called.
    GaveUp,
}

impl Event<'_> {
    /// Returns the event's position in the user's log, if it is an entry, or tells that the entries up to there have
    /// come.
    ///
    /// An application stores the position when it has handled the event. If the connection breaks before such an event
    /// has been passed to the application, the event is dropped, since it comes again; see
    /// [`Client::handle_taken`](super::Client::handle_taken).
    #[must_use]
    pub fn position(&self) -> Option<u64> {
        match self {
            Event::Message(incoming) => incoming.message.position,
            Event::Sent(sent) => Some(sent.position),
            Event::Read(mark) => Some(mark.position),
            Event::Contact(change) => Some(change.position),
            Event::ChangedUserData(changed) => changed.position,
            Event::CaughtUp { position, .. } => Some(*position),
            Event::Unknown { position, .. } => *position,
            _ => None,
        }
    }

    /// Returns whether the event is presence: who comes and goes, types, and reads.
    ///
    /// Old presence is worthless: adapters drop it rather than let it wait for long, or over a break.
    #[must_use]
    pub const fn is_presence(&self) -> bool {
        match self {
            Event::Typing(_) | Event::ReadBy(_) => true,
            Event::ChangedUserData(changed) => changed.position.is_none(),
            _ => false,
        }
    }

    /// Returns the same event, no longer borrowed from the frame.
    #[must_use]
    pub fn into_owned(self) -> Event<'static> {
        match self {
            Event::Connected { extra } => Event::Connected { extra: extra.into_owned() },
            Event::Ended(ended) => Event::Ended(ended.into_owned()),
            Event::Message(incoming) => Event::Message(incoming.into_owned()),
            Event::Info(notice) => Event::Info(notice.into_owned()),
            Event::Error(notice) => Event::Error(notice.into_owned()),
            Event::Postponed(ended) => Event::Postponed(ended.into_owned()),
            Event::Sent(sent) => Event::Sent(sent.into_owned()),
            Event::Read(mark) => Event::Read(mark.into_owned()),
            Event::Contact(change) => Event::Contact(change.into_owned()),
            Event::ChangedUserData(changed) => Event::ChangedUserData(changed.into_owned()),
            Event::Typing(typing) => Event::Typing(typing.into_owned()),
            Event::ReadBy(read_by) => Event::ReadBy(read_by.into_owned()),
            Event::CaughtUp { log, position } => Event::CaughtUp { log, position },
            Event::LogChanged { log, position } => Event::LogChanged { log, position },
            Event::Unknown { kind, message, position } => {
                let (kind, message) = (Cow::Owned(kind.into_owned()), message.into_owned());
                Event::Unknown { kind, message, position }
            }
            Event::Late(ended) => Event::Late(ended.into_owned()),
            Event::ProtocolError(error) => Event::ProtocolError(error),
            Event::SignedOut { reason } => Event::SignedOut { reason },
            Event::Disconnected(reason) => Event::Disconnected(reason),
            Event::Reconnecting { at, after, attempt, reason } => {
                Event::Reconnecting { at, after, attempt, reason }
            }
            Event::GaveUp => Event::GaveUp,
        }
    }
}

/// The end of a command.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Ended<'a> {
    /// The command.
    pub ticket: Ticket,
    /// The answer, or the reason why there is none.
    pub outcome: Result<Answer<'a>, Failure<'a>>,
    /// Fields of the answer that the protocol does not define.
    pub extra: Fields<'a>,
}

impl RequestError {
    /// Returns the server's refusal, if it refused the command.
    #[must_use]
    pub const fn refusal(&self) -> Option<&Refusal<'static>> {
        match self {
            RequestError::Failure(Failure::Refused(refusal)) => Some(refusal),
            _ => None,
        }
    }
}

impl<'a> Ended<'a> {
    pub(super) fn without_answer(ticket: Ticket, failure: Failure<'a>) -> Self {
        Ended { ticket, outcome: Err(failure), extra: Fields::new() }
    }

    /// Returns the same, no longer borrowed from the frame.
    pub fn into_owned(self) -> Ended<'static> {
        Ended {
            ticket: self.ticket,
            outcome: self.outcome.map(Answer::into_owned).map_err(Failure::into_owned),
            extra: self.extra.into_owned(),
        }
    }
}

impl Ended<'static> {
    /// Returns the answer to a command of this type, for the caller that waits for it.
    ///
    /// # Errors
    /// If the command did not succeed, or was of another type.
    pub fn into_answer<C: Command>(self) -> Result<C::Answer, RequestError> {
        C::answer(self.outcome?).ok_or(RequestError::WrongCommand)
    }
}

/// Reason why a user is no longer signed in.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum SignedOutReason {
    /// The server refused to sign the user in again.
    #[error("the server refused to sign the user in again ({}): authorize anew, once that is mended", .0.info)]
    Refused(Refusal<'static>),
    /// The session was over when the connection was back, and the credentials were not
    /// [kept](super::ClientConfig::keep_credentials).
    #[error("the session is over, and the password was not kept: authorize again")]
    SessionOver,
    /// The user has [signed out](super::Client::sign_out).
    #[error("the user has signed out: authorize again")]
    Requested,
    /// The session was restored on another connection.
    #[error("the session goes on on another connection: authorize again to have one here, too")]
    Replaced,
    /// The session was ended on purpose: by the user on another connection, or by the server's operator.
    #[error("the session was ended on purpose: authorize again, if you still may")]
    Ended,
    /// The machine does not connect or sign in again by itself: the attempts are used up, it was told to stop, or it is
    /// not configured to do so.
    #[error(
        "the client does not connect or sign in again by itself: reconnect if there is no connection, and authorize"
    )]
    GaveUp,
}

/// Reason why a command yields no answer, as adapters return it to the caller.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The command could not be taken.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The command was taken, but did not succeed.
    #[error(transparent)]
    Failure(#[from] Failure<'static>),
    /// The answer is not one that this command understands.
    #[error("the answer is not one to this command: the server may be of another version")]
    WrongCommand,
}

/// Reason why a command did not succeed.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum Failure<'a> {
    /// The server refused it, and may say why.
    #[error("the server refused it: {}", .0.info)]
    Refused(Refusal<'a>),
    /// No answer came in time (for a message that was sent: within
    /// [its time-out](super::ClientConfig::message_timeout)). The server may have carried it out, or may yet do so.
    #[error("no answer came in time; the server may have carried it out: look before you repeat it")]
    TimedOut,
    /// The connection ended before the answer came, and the request is not sent again; or a message waited for a
    /// connection for longer than [its time-out](super::ClientConfig::message_timeout).
    #[error("there was no connection in time, or it ended before the answer came; {0}")]
    Lost(Delivery),
}

impl Failure<'_> {
    /// Returns the same, no longer borrowed from the frame.
    #[must_use]
    pub fn into_owned(self) -> Failure<'static> {
        match self {
            Failure::Refused(refusal) => Failure::Refused(refusal.into_owned()),
            Failure::TimedOut => Failure::TimedOut,
            Failure::Lost(delivery) => Failure::Lost(delivery),
        }
    }
}

/// Knowledge of a request that was lost with its connection: it was not carried out, or may have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third case")]
pub enum Delivery {
    /// It never left this machine.
    NotSent,
    /// It was sent, and it can't be known whether the server took it. For a message, a history will tell.
    Unknown,
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Delivery::NotSent => "it was not sent, so it may be repeated",
            Delivery::Unknown => "it is unknown whether the server took it, so look before you repeat it",
        })
    }
}

/// A frame that a server should not have sent. Except for missing entries, the machine is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The frame is not well-formed, or a field is missing or of the wrong type.
    #[error(transparent)]
    Frame(#[from] DecodeError),
    /// An answer to a request that is not under way: it was never made, or was answered before.
    #[error("the server answered request {id}, which is not under way: the answer is ignored")]
    UnexpectedAnswer {
        /// The request's number.
        id: u64,
    },
    /// An answer that claims to be for a request of another type than the one with its number.
    #[error(
        "the server answered request {id} as if it were of another type than {expected}: the answer is ignored"
    )]
    WrongAnswer {
        /// The request's number.
        id: u64,
        /// The request's type.
        expected: &'static str,
    },
    /// A challenge, although the user is signed in or about to be.
    #[error("the server sent a challenge although the user is signed in: the challenge is ignored")]
    UnexpectedChallenge,
    /// An entry of the log that has come before.
    #[error("the server sent entry {position} of the log again: it is ignored")]
    KnownEntry {
        /// Its position.
        position: u64,
    },
    /// An entry of the log, although there is no cursor.
    #[error("the server sent entry {position} of the log, and nobody asked for a log: it is ignored")]
    UnexpectedEntry {
        /// Its position.
        position: u64,
    },
    /// Entries of the log are missing before this one. The connection is dropped, and they come on the next one.
    #[error(
        "the server sent entry {position} of the log, and {expected} was the next one: the connection is dropped"
    )]
    MissingEntries {
        /// The position that the next entry should have.
        expected: u64,
        /// The position that it has.
        position: u64,
    },
    /// A frame, although there is no connection: the adapter reports too late what belongs to an earlier one.
    #[error(
        "a frame arrived although there is no connection: report frames before the end of their connection"
    )]
    NoConnection,
    /// A text that the machine keeps is longer than the limit allows.
    #[error(
        "the server's {field} has {length} bytes, the limit is {limit}: raise the limit if you trust the server"
    )]
    TooLong {
        /// `token`, `session_id` or `login`.
        field: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
}
