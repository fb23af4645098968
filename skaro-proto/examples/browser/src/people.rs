//! Requests of a page by the extension `people`.

use alloc::string::String;
use core::time::Duration;

use serde_json::Value;
use skaro_proto::client::{AddContact, CommandError, DelContact, Register, RequestId, SignOut, UpdateMyData};
use skaro_proto::message::{Registration, RequestKind};
use skaro_proto::{Fields, Time, Value as FieldValue};

use crate::chat::Chat;
use crate::news;

/// Time for which the server is not told again that the user types.
const TYPING: Duration = Duration::from_secs(5);

/// Maximum number of users and conferences that a search yields.
const FOUND: u64 = 20;

impl Chat {
    /// Makes a request of the extension: an object with the request's type as `ask`, and its fields.
    pub fn ask(&mut self, now: Time, what: &str) {
        let Ok(Value::Object(what)) = serde_json::from_str(what) else { return };
        let text = |name| what.get(name).and_then(Value::as_str);
        let is = |name| what.get(name).and_then(Value::as_bool) == Some(true);
        let (login, member) = (text("login").unwrap_or_default(), text("member"));
        let client = &mut self.client;
        let (kind, asked) = match text("ask") {
            Some("add_contact") => {
                let contact = AddContact { login, blocked: is("blocked"), member, owner: is("owner") };
                (RequestKind::AddContact, client.add_contact(now, contact))
            }
            Some("del_contact") => {
                (RequestKind::DelContact, client.del_contact(now, DelContact { login, member }))
            }
            Some("search_contacts") => {
                (RequestKind::SearchContacts, client.search_contacts(now, login, Some(FOUND)))
            }
            Some("get_user_data") => (RequestKind::GetUserData, client.get_user_data(now, login)),
            Some("update_my_data") => {
                let profile = what.get("profile").and_then(Value::as_object).map(profile);
                let update = UpdateMyData { login: text("login"), profile, ..UpdateMyData::default() };
                (RequestKind::UpdateMyData, client.update_my_data(now, update))
            }
            Some("get_sessions") => (RequestKind::GetSessions, client.get_sessions(now)),
            Some("sign_out") => {
                let which = text("session").map_or(SignOut::Others, SignOut::Session);
                (RequestKind::SignOut, client.sign_out(now, which))
            }
            _ => return,
        };
        if let Err(error) = asked {
            self.news.push_back(news::failed(&kind, login, error));
        }
    }

    /// Tells the other side that the user types, unless the server was told something like that just now.
    pub fn typing(&mut self, now: Time, dialog: &str) {
        if self.typed.is_none_or(|typed| now - typed >= TYPING) && self.client.typing(now, dialog).is_ok() {
            self.typed = Some(now);
        }
    }

    /// Asks who may register, unless that is out of the question: then nobody shall look for an invitation in vain.
    pub(crate) fn ask_how_to_register(&mut self, now: Time) -> Result<RequestId, CommandError> {
        if !self.client.has_people() {
            return Err(CommandError::NoExtension("people"));
        }
        if !self.client.is_confidential() {
            return Err(CommandError::NotConfidential);
        }
        self.client.register_type(now)
    }

    /// Registers who waits for that, if it is possible.
    pub(crate) fn register_as(&mut self, now: Time, registration: &Registration<'_>) {
        let Some(entrant) = &mut self.waiting else { return };
        let Some(invitation) = entrant.invitation.take() else { return };
        let invitation = Some(invitation.expose()).filter(|invitation| !invitation.is_empty());
        let refusal = match registration {
            Registration::Closed => news::sign_in_failed("nobody can register at this server"),
            Registration::Invitation if invitation.is_none() => news::invitation_needed(),
            _ => {
                let (login, password) = (entrant.login.as_str(), entrant.password.expose());
                let register = Register { login, password, invitation, profile: None };
                match self.client.register(now, register) {
                    Ok(_) => return,
                    Err(error) => news::sign_in_failed(error),
                }
            }
        };
        self.waiting = None;
        self.news.push_back(refusal);
    }
}

/// The fields of a profile that change: an empty text removes one.
fn profile(changes: &serde_json::Map<String, Value>) -> Fields<'static> {
    let mut fields = Fields::new();
    for (name, value) in changes {
        let value = match value {
            Value::String(text) if !text.is_empty() => FieldValue::from(text.clone()),
            Value::Bool(true) => FieldValue::from(true),
            _ => FieldValue::Null,
        };
        fields.push(name, value);
    }
    fields
}
