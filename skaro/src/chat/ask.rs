//! The chat's requests to the server: one command type for all requests of the protocol.

use std::fmt;

use skaro_proto::client::{Client, Command, CommandError, GetHistory, RequestId, SendMessage};
use skaro_proto::message::{Answer, Page, RequestKind};
use skaro_proto::{Secret, Time};

use super::command::Id;
use super::people::PeopleRequest;

/// A request, with the data for reporting its end.
pub(crate) enum Ask {
    Authorize {
        login: String,
        password: Secret,
    },
    Restore {
        sid: Secret,
    },
    RegisterType,
    Contacts,
    /// Contacts, of whom only those with unread messages are shown.
    Unread,
    History {
        login: String,
        page: Page,
    },
    Read {
        login: String,
        up_to: u64,
    },
    /// A read mark that the chat sets on its own.
    Shown {
        login: String,
        up_to: u64,
    },
    Message {
        to: String,
        body: String,
        marker: u64,
        key: Option<String>,
    },
    /// A request of the extension `people`.
    People(PeopleRequest),
    /// The chat's own question about a user or conference: whether it exists, its name, and who is present.
    Meet {
        login: String,
    },
}

/// A request with the id that its end repeats, if a program gave one.
pub(crate) struct Asked {
    pub(crate) ask: Ask,
    pub(crate) id: Option<Id>,
    /// Set if it is a command of `--json`, whose failures are events.
    pub(crate) is_command: bool,
}

impl From<Ask> for Asked {
    fn from(ask: Ask) -> Self {
        Asked { ask, id: None, is_command: false }
    }
}

impl Ask {
    /// Returns the type of the request's message.
    fn kind(&self) -> &'static str {
        match self {
            Ask::Authorize { .. } => RequestKind::Authorize,
            Ask::Restore { .. } => RequestKind::SessionRestore,
            Ask::RegisterType => RequestKind::RegisterType,
            Ask::Contacts | Ask::Unread => RequestKind::GetContacts,
            Ask::History { .. } => RequestKind::GetHistory,
            Ask::Read { .. } | Ask::Shown { .. } => RequestKind::Read,
            Ask::Message { .. } => RequestKind::SendMessage,
            Ask::People(request) => request.kind(),
            Ask::Meet { .. } => RequestKind::GetUserData,
        }
        .as_str()
    }

    /// Returns whether the chat makes this request on its own, so that a failure does not matter.
    pub(crate) const fn is_by_itself(&self) -> bool {
        matches!(self, Ask::Unread | Ask::Shown { .. } | Ask::Meet { .. })
    }

    /// Returns whether the request signs in, or is followed by a sign-in.
    pub(crate) const fn signs_in(&self) -> bool {
        matches!(
            self,
            Ask::Authorize { .. } | Ask::Restore { .. } | Ask::People(PeopleRequest::Register { .. })
        )
    }
}

/// Shows the type, and the number of a message, for people.
impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        if let Ask::Message { marker, .. } = self { write!(f, " #{marker}") } else { Ok(()) }
    }
}

/// Makes the request a command for the adapters, with the answer unchanged.
impl Command for &Ask {
    type Answer = Answer<'static>;

    fn give(self, client: &mut Client, now: Time) -> Result<RequestId, CommandError> {
        match self {
            Ask::Authorize { login, password } => client.authorize(now, login, password.expose()),
            Ask::Restore { sid } => client.session_restore(now, sid.expose()),
            Ask::RegisterType => client.register_type(now),
            Ask::Contacts | Ask::Unread => client.get_contacts(now),
            Ask::History { login, page } => GetHistory { login, page: *page }.give(client, now),
            Ask::Read { login, up_to } | Ask::Shown { login, up_to } => client.read(now, login, *up_to),
            Ask::Message { to, body, marker, key } => {
                SendMessage { to, body, marker: Some(*marker), key: key.as_deref() }.give(client, now)
            }
            Ask::People(request) => request.give(client, now),
            Ask::Meet { login } => client.get_user_data(now, login),
        }
    }

    fn answer(answer: Answer<'static>) -> Option<Self::Answer> {
        Some(answer)
    }
}
