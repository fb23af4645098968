//! Requests of the extension `people`. Programs give them with `--json` as they are on the wire, people as lines.

use serde::Deserialize;
use serde_json::{Map, Value as Json};
use skaro_proto::client::{
    AddContact, Client, Command, CommandError, DelContact, Register, RequestId, SignOut, UpdateMyData,
};
use skaro_proto::message::RequestKind;
use skaro_proto::{Fields, Secret, Time, Value};

use crate::text::name;

/// A request of the extension.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum PeopleRequest {
    Register {
        login: String,
        password: Hidden,
        invitation: Option<Hidden>,
        profile: Option<Map<String, Json>>,
    },
    Invite {},
    AddContact {
        login: String,
        #[serde(default)]
        blocked: bool,
        member: Option<String>,
        #[serde(default)]
        owner: bool,
    },
    DelContact {
        login: String,
        member: Option<String>,
    },
    SearchContacts {
        prefix: String,
        limit: Option<u64>,
    },
    GetUserData {
        login: String,
    },
    UpdateMyData {
        login: Option<String>,
        profile: Option<Map<String, Json>>,
        password: Option<Hidden>,
        old_password: Option<Hidden>,
        #[serde(default)]
        end_sessions: bool,
    },
    GetSessions {},
    SignOut {
        session: Option<String>,
        #[serde(default)]
        others: bool,
    },
}

/// A secret in a program's command.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(from = "String")]
pub(crate) struct Hidden(pub(crate) Secret);

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Hidden(Secret::from(text))
    }
}

/// The names of the commands of `--json` that are such requests.
pub(crate) const COMMANDS: [&str; 9] = [
    "register",
    "invite",
    "add_contact",
    "del_contact",
    "search_contacts",
    "get_user_data",
    "update_my_data",
    "get_sessions",
    "sign_out",
];

/// Returns whether a login is that of a conference.
pub(crate) fn is_conference(login: &str) -> bool {
    login.starts_with('#')
}

impl PeopleRequest {
    /// Lists a user as a contact, or joins a conference.
    pub(crate) fn add(login: &str) -> Self {
        PeopleRequest::AddContact { login: login.into(), blocked: false, member: None, owner: false }
    }

    /// Changes one field of the profile of the user or a conference. Null removes it.
    pub(crate) fn set(login: Option<&str>, field: &str, value: Json) -> Self {
        PeopleRequest::UpdateMyData {
            login: login.map(Into::into),
            profile: Some([(field.to_owned(), value)].into_iter().collect()),
            password: None,
            old_password: None,
            end_sessions: false,
        }
    }

    /// Changes the user's password.
    pub(crate) const fn change_password(old: Secret, new: Secret) -> Self {
        PeopleRequest::UpdateMyData {
            login: None,
            profile: None,
            password: Some(Hidden(new)),
            old_password: Some(Hidden(old)),
            end_sessions: false,
        }
    }

    /// Returns the type of the request's message.
    pub(crate) const fn kind(&self) -> RequestKind {
        match self {
            PeopleRequest::Register { .. } => RequestKind::Register,
            PeopleRequest::Invite {} => RequestKind::Invite,
            PeopleRequest::AddContact { .. } => RequestKind::AddContact,
            PeopleRequest::DelContact { .. } => RequestKind::DelContact,
            PeopleRequest::SearchContacts { .. } => RequestKind::SearchContacts,
            PeopleRequest::GetUserData { .. } => RequestKind::GetUserData,
            PeopleRequest::UpdateMyData { .. } => RequestKind::UpdateMyData,
            PeopleRequest::GetSessions {} => RequestKind::GetSessions,
            PeopleRequest::SignOut { .. } => RequestKind::SignOut,
        }
    }

    /// Gives the request to a client.
    pub(crate) fn give(&self, client: &mut Client, now: Time) -> Result<RequestId, CommandError> {
        match self {
            PeopleRequest::Register { login, password, invitation, profile } => client.register(
                now,
                Register {
                    login,
                    password: password.0.expose(),
                    invitation: invitation.as_ref().map(|Hidden(code)| code.expose()),
                    profile: profile.as_ref().map(fields),
                },
            ),
            PeopleRequest::Invite {} => client.invite(now),
            PeopleRequest::AddContact { login, blocked, member, owner } => {
                let (blocked, owner, member) = (*blocked, *owner, member.as_deref());
                client.add_contact(now, AddContact { login, blocked, member, owner })
            }
            PeopleRequest::DelContact { login, member } => {
                client.del_contact(now, DelContact { login, member: member.as_deref() })
            }
            PeopleRequest::SearchContacts { prefix, limit } => client.search_contacts(now, prefix, *limit),
            PeopleRequest::GetUserData { login } => client.get_user_data(now, login),
            PeopleRequest::UpdateMyData { login, profile, password, old_password, end_sessions } => client
                .update_my_data(
                    now,
                    UpdateMyData {
                        login: login.as_deref(),
                        profile: profile.as_ref().map(fields),
                        password: password.as_ref().map(|Hidden(password)| password.expose()),
                        old_password: old_password.as_ref().map(|Hidden(password)| password.expose()),
                        end_sessions: *end_sessions,
                    },
                ),
            PeopleRequest::GetSessions {} => client.get_sessions(now),
            PeopleRequest::SignOut { session: Some(session), .. } => {
                SignOut::Session(session).give(client, now)
            }
            PeopleRequest::SignOut { others: true, .. } => SignOut::Others.give(client, now),
            PeopleRequest::SignOut { .. } => SignOut::Own.give(client, now),
        }
    }

    /// Returns what was done, for people, or nothing if the answer or an entry of the log contains it.
    pub(crate) fn done(&self) -> String {
        match self {
            PeopleRequest::Register { login, .. } => format!("registered {}", name(login)),
            PeopleRequest::AddContact { login, member: Some(member), owner: false, .. } => {
                format!("{} is invited into {}", name(member), name(login))
            }
            PeopleRequest::AddContact { member: Some(_), .. } => String::new(),
            PeopleRequest::AddContact { login, blocked: true, .. } => format!("{} is blocked", name(login)),
            PeopleRequest::AddContact { login, .. } if is_conference(login) => {
                format!("you are in {}; /who {} lists all members", name(login), name(login))
            }
            PeopleRequest::AddContact { login, .. } => format!("{} is one of your contacts", name(login)),
            PeopleRequest::DelContact { login, member: None } if !is_conference(login) => {
                format!("{} is no contact of yours", name(login))
            }
            PeopleRequest::UpdateMyData { password: Some(_), .. } => {
                "your password is changed; /signout others ends what was signed in with the old one".into()
            }
            // All members are told of a topic, including this one.
            PeopleRequest::UpdateMyData { login: Some(_), profile: Some(profile), .. }
                if profile.contains_key("status_text") =>
            {
                String::new()
            }
            PeopleRequest::UpdateMyData { .. } => "changed".into(),
            PeopleRequest::SignOut { session: None, others: false } => "signed out".into(),
            PeopleRequest::SignOut { others: true, .. } => "your other sessions have ended".into(),
            PeopleRequest::SignOut { .. } => "that session has ended".into(),
            _ => String::new(),
        }
    }
}

/// Returns a profile as the protocol's fields.
fn fields(profile: &Map<String, Json>) -> Fields<'_> {
    let mut fields = Fields::new();
    fields.extend(profile.iter().map(|(name, json)| (name.as_str(), value(json))));
    fields
}

fn value(json: &Json) -> Value<'_> {
    match json {
        Json::Null => Value::Null,
        Json::Bool(bool) => Value::Bool(*bool),
        Json::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Value::Unsigned(number),
            (None, Some(number)) => Value::Negative(number),
            (None, None) => Value::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::Text(text.as_str().into()),
        Json::Array(list) => Value::List(list.iter().map(value).collect()),
        Json::Object(map) => Value::Map(fields(map)),
    }
}
