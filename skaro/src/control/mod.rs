//! Control of a server by its operator.
//!
//! `skaro user` and similar commands send requests to the running server through a socket in its data directory, or
//! apply them to the store while no server runs.
//!
//! A connection carries one request and its answer, each of which is a line of JSON.

pub(crate) mod client;

use serde::{Deserialize, Serialize};
use skaro_proto::Time;
use skaro_proto::message::Registration;
use skaro_proto::server::Server;
use skaro_proto::server::store::{KeptSessions, Login, Operation, Outcome, SessionKey};
use zeroize::Zeroizing;

#[cfg(unix)]
use crate::exit::Exit;

/// Maximum length of a line in bytes. Passwords and logins may have some KiB, and a page of users contains many logins.
#[cfg(unix)]
pub(crate) const MAX_LINE: usize = 1 << 20;

/// Maximum number of accounts or sessions in one answer.
const PAGE: usize = 100;

/// Name of the socket in the data directory.
#[cfg(unix)]
pub(crate) const SOCKET: &str = "control";

/// A request of the operator.
#[derive(Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    AddUser { login: String, password: Zeroizing<String> },
    SetPassword { login: String, password: Zeroizing<String> },
    RemoveUser { login: String },
    SetDisabled { login: String, is_disabled: bool },
    ListUsers { after: Option<String> },
    ListSessions { login: Option<String>, after: Option<String> },
    EndSessions { login: String },
    EndSession { session: String },
    Invite { days: u16 },
    Reload,
}

/// The answer to a request.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    Done,
    /// Options were read again. Only a restart changes these.
    Reloaded {
        restart: Vec<String>,
    },
    Users {
        users: Vec<User>,
        more: bool,
    },
    Sessions {
        sessions: Vec<Session>,
        more: bool,
    },
    Invitation(Invitation),
    Refused {
        why: Why,
        reason: String,
    },
}

/// An account, in a list.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) login: String,
    pub(crate) is_disabled: bool,
    pub(crate) sessions: u64,
    pub(crate) head: u64,
}

/// A session, in a list.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) session: String,
    pub(crate) login: String,
    /// The last moment at which it can be restored, as a Unix time in milliseconds; `None` while it is in use.
    pub(crate) until: Option<i64>,
    /// The address of its connection, if a server runs and knows it (IPv6: the network of 56 bits).
    #[serde(default)]
    pub(crate) address: Option<String>,
}

/// An invitation that was made.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Invitation {
    pub(crate) invitation: String,
    /// The last moment at which it is valid, as a Unix time in milliseconds.
    pub(crate) until: i64,
    /// `false` if the server is known not to register users by invitation.
    pub(crate) is_of_use: bool,
}

/// The kind of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Why {
    /// The request is invalid.
    Invalid,
    /// The user does not exist.
    NoSuchUser,
    /// The user exists already.
    Exists,
    /// The store can't do it at present.
    Unavailable,
    /// The server's configuration is wrong.
    Misconfigured,
    /// A file can't be read.
    Unreadable,
    /// The store has not carried out the whole request.
    Failed,
    /// The operating system refuses something.
    System,
}

/// Returns a fault of the server as it is reported to the operator.
#[cfg(unix)]
impl From<Exit> for Why {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Usage => Why::Invalid,
            Exit::Config => Why::Misconfigured,
            Exit::NoInput => Why::Unreadable,
            Exit::Output => Why::Failed,
            Exit::System => Why::System,
            _ => Why::Unavailable,
        }
    }
}

pub(crate) fn refused(why: Why, reason: impl Into<String>) -> Answer {
    Answer::Refused { why, reason: reason.into() }
}

impl Request {
    /// Returns what the request changes, and for which user, for the log.
    #[cfg(unix)]
    pub(crate) fn change(&self) -> Option<(&'static str, Option<&str>)> {
        let (what, whose) = match self {
            Request::AddUser { login, .. } => ("user added", login),
            Request::SetPassword { login, .. } => ("password changed", login),
            Request::RemoveUser { login } => ("user removed", login),
            Request::SetDisabled { login, is_disabled: true } => ("user disabled", login),
            Request::SetDisabled { login, is_disabled: false } => ("user enabled", login),
            Request::EndSessions { login } => ("sessions ended", login),
            Request::EndSession { session } => ("session ended", session),
            Request::Invite { .. } => return Some(("invitation made", None)),
            Request::ListUsers { .. } | Request::ListSessions { .. } | Request::Reload => return None,
        };
        Some((what, Some(whose)))
    }

    /// Returns the operation of the store, and the answer for when it is done.
    ///
    /// Returns a refusal if a text is too long, or not a valid key.
    pub(crate) fn operation(self, machine: &mut Server, now: Time) -> Result<(Operation, Answer), Answer> {
        let login = |login: String| Login::from(&*login);
        let operation = match self {
            Request::AddUser { login, password } => account(machine, &login, &password)?,
            Request::SetPassword { login, password } => match account(machine, &login, &password)? {
                Operation::AddAccount { login, verifier, .. } => {
                    Operation::SetVerifier { login, verifier, old: None, keeps: KeptSessions::None }
                }
                other => other,
            },
            Request::RemoveUser { login: it } => Operation::RemoveAccount { login: login(it) },
            Request::SetDisabled { login: it, is_disabled } => {
                Operation::SetDisabled { login: login(it), is_disabled }
            }
            Request::ListUsers { after } => {
                Operation::ListAccounts { after: after.map(login), max_accounts: PAGE }
            }
            Request::ListSessions { login: it, after } => Operation::ListSessions {
                login: it.map(login),
                after: after.as_deref().map(session_key).transpose()?,
                max_sessions: PAGE,
            },
            Request::EndSessions { login: it } => {
                Operation::EndSessions { login: login(it), keeps: KeptSessions::None }
            }
            Request::EndSession { session } => {
                Operation::EndSession { session: session_key(&session)?, of: None }
            }
            Request::Invite { days } => return Ok(invite(machine, now, days)),
            Request::Reload => return Err(refused(Why::Unavailable, "no server runs")),
        };
        Ok((operation, Answer::Done))
    }
}

fn invite(machine: &mut Server, at: Time, days: u16) -> (Operation, Answer) {
    let is_of_use = machine.config().registration == Registration::Invitation;
    let (invitation, mut operation) = machine.invitation(at);
    let mut good_until = 0;
    if let Operation::Invite { until, now, .. } = &mut operation {
        *until = now.saturating_add(i64::from(days) * 24 * 60 * 60 * 1000);
        good_until = *until;
    }
    (operation, Answer::Invitation(Invitation { invitation, until: good_until, is_of_use }))
}

fn account(machine: &mut Server, login: &str, password: &str) -> Result<Operation, Answer> {
    if password.is_empty() {
        return Err(refused(Why::Invalid, "the password is empty"));
    }
    machine.account(login, password).map_err(|error| refused(Why::Invalid, error.to_string()))
}

pub(crate) fn session_key(text: &str) -> Result<SessionKey, Answer> {
    let number = u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32);
    let key = number.map(|number| SessionKey(number.to_be_bytes()));
    key.ok_or_else(|| refused(Why::Invalid, "a session is told by 32 hexadecimal digits, as they are listed"))
}

impl Answer {
    /// Returns the answer to a request with this outcome.
    pub(crate) fn of(outcome: Outcome, when_done: Answer) -> Answer {
        match Answer::from(outcome) {
            Answer::Done => when_done,
            other => other,
        }
    }
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done | Outcome::Changed(_) | Outcome::Added(_) => Answer::Done,
            Outcome::Exists => refused(Why::Exists, "there is a user with this login already"),
            Outcome::NoSuchUser => refused(Why::NoSuchUser, "there is no user with this login"),
            Outcome::Accounts { accounts, more } => {
                let user = |account: skaro_proto::server::store::AccountSummary| User {
                    login: account.login.to_string(),
                    is_disabled: account.is_disabled,
                    sessions: account.sessions,
                    head: account.head,
                };
                Answer::Users { users: accounts.into_iter().map(user).collect(), more }
            }
            Outcome::Sessions { sessions, more } => {
                let session = |session: skaro_proto::server::store::SessionSummary| Session {
                    session: format!("{:032x}", u128::from_be_bytes(session.key.0)),
                    login: session.login.to_string(),
                    until: session.until,
                    address: None,
                };
                Answer::Sessions { sessions: sessions.into_iter().map(session).collect(), more }
            }
            _ => refused(Why::Unavailable, "the store has made a mistake"),
        }
    }
}

#[cfg(test)]
mod tests {
    use skaro_proto::server::ServerConfig;
    use skaro_proto::server::store::{MemoryStore, Store};

    use super::*;

    #[test]
    fn requests_are_carried_out_and_errors_contain_no_secret() {
        let config = ServerConfig::default();
        let mut store = MemoryStore::new(config.store_limits());
        let mut machine = Server::with_store(config, [7; 32]);
        let mut ask = |line: &str| {
            let request: Request = serde_json::from_str(line).unwrap();
            match request.operation(&mut machine, Time::ZERO) {
                Ok((operation, when_done)) => Answer::of(store.execute(operation).unwrap(), when_done),
                Err(refused) => refused,
            }
        };
        let add = r#"{"do":"add_user","login":"alice","password":"hunter2"}"#;
        assert_eq!(ask(add), Answer::Done);
        let why = |answer| match answer {
            Answer::Refused { why, reason } => {
                assert!(!reason.contains("hunter"), "{reason}");
                why
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(why(ask(add)), Why::Exists);
        assert_eq!(ask(r#"{"do":"set_password","login":"alice","password":"x"}"#), Answer::Done);
        let long = "hunter2".repeat(10_000);
        for (line, refusal) in [
            (r#"{"do":"add_user","login":"","password":"hunter2"}"#.into(), Why::Invalid),
            (r#"{"do":"add_user","login":"bob","password":""}"#.into(), Why::Invalid),
            (format!(r#"{{"do":"set_password","login":"alice","password":"{long}"}}"#), Why::Invalid),
            (r#"{"do":"set_password","login":"bob","password":"hunter2"}"#.into(), Why::NoSuchUser),
            (r#"{"do":"remove_user","login":"bob"}"#.into(), Why::NoSuchUser),
            (r#"{"do":"end_session","session":"+7"}"#.into(), Why::Invalid),
        ] {
            assert_eq!(why(ask(&line)), refusal, "{line:.60}");
        }
        let users = vec![User { login: "alice".into(), is_disabled: false, sessions: 0, head: 0 }];
        assert_eq!(ask(r#"{"do":"list_users"}"#), Answer::Users { users, more: false });
        assert!(serde_json::from_str::<Request>(r#"{"do":"format_disk"}"#).is_err());
    }
}
