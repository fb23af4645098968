//! Commands of the application as types, each with the type of its answer.
#![expect(clippy::exhaustive_structs, reason = "applications make commands with struct syntax")]

use thiserror::Error;

use super::Client;
use super::ticket::RequestId;
use crate::message::{Answer, Contacts, Date, History, Page, Registration, SignedIn};
use crate::time::Time;

/// A command as a value, with the type of its answer.
///
/// With it, adapters need only one generic method for all commands, roughly
/// `fn request<C: Command>(&self, command: C) -> C::Answer`. To add a request to the protocol, add a type like those
/// below. An application can do this, too, with [`Client::request_other`]:
///
/// ```
/// use skaro_proto::client::{Client, Command, CommandError, RequestId};
/// use skaro_proto::message::{Answer, RequestKind};
/// use skaro_proto::{Fields, Time};
///
/// /// Asks for something that this server of an application's own knows.
/// struct Weather<'a> {
///     place: &'a str,
/// }
///
/// impl Command for Weather<'_> {
///     type Answer = ();
///
///     fn give(self, client: &mut Client, now: Time) -> Result<RequestId, CommandError> {
///         let mut fields = Fields::new();
///         fields.push("place", self.place);
///         client.request_other(now, "weather", fields)
///     }
///
///     fn answer(answer: Answer<'static>) -> Option<()> {
///         matches!(answer, Answer::Other(_)).then_some(())
///     }
/// }
/// ```
pub trait Command {
    /// The answer to a command that succeeded.
    type Answer;

    /// Gives the command to the machine.
    ///
    /// # Errors
    /// The same as those of the machine's method for this command.
    fn give(self, client: &mut Client, now: Time) -> Result<RequestId, CommandError>;

    /// Extracts this command's answer; returns `None` if it is the answer to another command.
    fn answer(answer: Answer<'static>) -> Option<Self::Answer>;
}

/// Signs in: see [`Client::authorize`].
#[derive(Clone, Copy)]
pub struct Authorize<'a> {
    /// The user's login.
    pub login: &'a str,
    /// The user's password. It is not sent, only a proof of knowing it.
    pub password: &'a str,
}

/// Asks how new users can register: see [`Client::register_type`].
#[derive(Clone, Copy, Debug)]
pub struct RegisterType;

/// Resumes a session whose connection broke: see [`Client::session_restore`].
#[derive(Clone, Copy)]
pub struct SessionRestore<'a> {
    /// The session's id.
    pub sid: &'a str,
}

/// Asks for the users whom the user knows: see [`Client::get_contacts`].
#[derive(Clone, Copy, Debug)]
pub struct GetContacts;

/// Asks for the messages exchanged with another user: see [`Client::get_history`].
#[derive(Clone, Copy, Debug)]
pub struct GetHistory<'a> {
    /// The other user's login.
    pub login: &'a str,
    /// Selection of messages; `Page::default()` for the last ones. A server that keeps no logs always sends the last
    /// ones.
    pub page: Page,
}

/// Moves the read mark of a dialog: see [`Client::read`].
#[derive(Clone, Copy, Debug)]
pub struct Read<'a> {
    /// The other user's login.
    pub login: &'a str,
    /// A position of the user's own log.
    pub up_to: u64,
}

/// Sends a message: see [`Client::send_message`].
#[derive(Clone, Copy, Debug)]
pub struct SendMessage<'a> {
    /// The recipient's login.
    pub to: &'a str,
    /// The text.
    pub body: &'a str,
    /// A number of the application's choice that comes back with the command's end. It is never sent.
    pub marker: Option<u64>,
    /// Key by which the server recognises the message if it is sent again, so that it arrives once. It has 1 to 64
    /// bytes and is unique among all messages of the user. With `None` the machine makes one. An application that sends
    /// messages again after its own restart gives keys, and stores them.
    ///
    /// A repetition has the same key, recipient and text. With another recipient or text, it is refused (409). A
    /// message that is refused does not use up its key. Servers keep a key as long as its message, and for a day at
    /// least.
    pub key: Option<&'a str>,
}

impl<'a> GetHistory<'a> {
    /// Returns a command that asks for the last messages.
    #[must_use]
    pub fn new(login: &'a str) -> Self {
        GetHistory { login, page: Page::default() }
    }
}

impl<'a> SendMessage<'a> {
    /// Returns a message without a marker, whose key the machine makes.
    #[must_use]
    pub const fn new(to: &'a str, body: &'a str) -> Self {
        SendMessage { to, body, marker: None, key: None }
    }
}

/// Date and position that the server has given to a message that it accepted.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Accepted {
    /// Time at which the server accepted it, if it tells.
    pub date: Option<Date<'static>>,
    /// Position in the sender's log, if the server keeps logs.
    pub position: Option<u64>,
}

impl Command for Authorize<'_> {
    type Answer = SignedIn<'static>;

    fn give(self, client: &mut Client, now: Time) -> Result<RequestId, CommandError> {
        client.authorize(now, self.login, self.password)
    }

    fn answer(answer: Answer<'static>) -> Option<Self::Answer> {
        if let Answer::Authorized(signed_in) = answer { Some(signed_in) } else { None }
    }
}

impl Command for RegisterType {
    type Answer = Registration<'static>;

    fn give(self, client: &mut Client, now: Time) -> Result<RequestId, CommandError> {
        client.register_type(now)
    }

    fn answer(answer: Answer<'static>) -> Option<Self::Answer> {
        if let Answer::RegisterType(registration) = answer { Some(registration) } else { None }
    }
}

impl Command for SessionRestore<'_> {
    type Answer = SignedIn<'static>;

    fn give(self, client: &mut Client, now: Time) -> Result<RequestId, CommandError> {
        client.session_restore(now, self.sid)
    }

    fn answer(answer: Answer<'static>) -> Option<Self::Answer> {
        if let Answer::Restored(signed_in) = answer { Some(signed_in) } else { None }
    }
}

impl Command for GetContacts {
    type Answer = Contacts<'static>;

    fn give(self, client: &mut Client, now: Time) -> Result<RequestId, CommandError> {
        client.get_contacts(now)
    }

    fn answer(answer: Answer<'static>) -> Option<Self::Answer> {
        if let Answer::Contacts(contacts) = answer { Some(contacts) } else { None }
    }
}

impl Command for GetHistory<'_> {
    type Answer = History<'static>;

    fn give(self, client: &mut Client, now: Time) -> Result<RequestId, CommandError> {
        client.get_page(now, self.login, self.page)
    }

    fn answer(answer: Answer<'static>) -> Option<Self::Answer> {
        if let Answer::History(history) = answer { Some(history) } else { None }
    }
}

impl Command for Read<'_> {
    type Answer = ();

    fn give(self, client: &mut Client, now: Time) -> Result<RequestId, CommandError> {
        client.read(now, self.login, self.up_to)
    }

    fn answer(answer: Answer<'static>) -> Option<Self::Answer> {
        matches!(answer, Answer::Read).then_some(())
    }
}

impl Command for SendMessage<'_> {
    type Answer = Accepted;

    fn give(self, client: &mut Client, now: Time) -> Result<RequestId, CommandError> {
        client.give_message(now, self)
    }

    fn answer(answer: Answer<'static>) -> Option<Self::Answer> {
        if let Answer::MessageSent { date, position } = answer {
            Some(Accepted { date, position })
        } else {
            None
        }
    }
}

/// Reason why a command can't be taken at present. It has not begun, and the machine is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CommandError {
    /// There is no connection on which the server has spoken yet. Wait for `Event::Connected`; if the status is
    /// `Offline`, call `reconnect` first.
    #[error("there is no connection: wait until it is connected, or reconnect")]
    NotConnected,
    /// The client was closed for good.
    #[error("the client is closed: make another one")]
    Closed,
    /// The server does not have the extension of the protocol to which the command belongs.
    #[error("the server does not have the extension \"{0}\": it can't do this")]
    NoExtension(&'static str),
    /// A password would travel over a connection that others can read.
    #[error(
        "the connection is not confidential, and a password would be sent: connect to a wss:// URL, or on this machine"
    )]
    NotConfidential,
    /// The command needs a signed-in user. Authorize, or restore a session, and wait for the answer.
    #[error("nobody is signed in: authorize first")]
    NotSignedIn,
    /// Somebody is signed in on this connection, or about to be.
    #[error("somebody is signed in already, or about to be: sign out, or close the connection, first")]
    AlreadySignedIn,
    /// A text is longer than the limit allows.
    #[error("the {field} has {length} bytes, the limit is {limit}: shorten it")]
    TooLong {
        /// `login`, `password`, `sid`, `to`, `body`, `key`, `invitation`, `member`, `prefix`, `old_password` or
        /// `session`.
        field: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// So many requests are unanswered that no more are taken. Wait for answers.
    #[error("{limit} requests are unanswered: wait for answers")]
    TooManyRequests {
        /// The limit.
        limit: usize,
    },
    /// So much waits to be sent that no more is taken. Wait until the connection has taken some of it.
    #[error("{limit} bytes wait to be sent: wait until the connection takes them")]
    OutputFull {
        /// The limit in bytes.
        limit: usize,
    },
    /// So many messages have not ended that no more are taken without a connection.
    #[error("{limit} messages wait for the connection: wait for it too")]
    OfflineFull {
        /// The limit.
        limit: usize,
    },
    /// The messages that have not ended take so much memory that no more are taken.
    #[error("the messages that have not ended take {limit} bytes: wait for answers")]
    OutboxFull {
        /// The limit in bytes.
        limit: usize,
    },
    /// The key of a message is empty, or belongs to another message that has not ended.
    #[error("the key is empty or in use: give each message another one")]
    BadKey,
    /// The protocol defines this type of request: use its own command.
    #[error("\"{0}\" has a command of its own: use that")]
    ReservedType(&'static str),
}

/// Refuses a text that is over its limit.
pub(super) fn within(field: &'static str, text: &str, limit: usize) -> Result<(), CommandError> {
    if text.len() > limit { Err(too_long(field, text.len(), limit)) } else { Ok(()) }
}

#[cold]
fn too_long(field: &'static str, length: usize, limit: usize) -> CommandError {
    CommandError::TooLong { field, length, limit }
}
