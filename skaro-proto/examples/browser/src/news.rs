//! News for the page, as JSON: the machine's events in the terms of a chat.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Display;

use serde_json::{Value, json};
use skaro_proto::Fields;
use skaro_proto::client::{Delivery, Event, Failure, Ticket};
use skaro_proto::message::{
    Answer, ContactState, Contacts, Date, History, Member, Message, RequestKind, SessionInfo, User,
};

pub(crate) fn sign_in_failed(reason: impl Display) -> String {
    json!({ "event": "sign_in_failed", "reason": reason.to_string() }).to_string()
}

pub(crate) fn signed_in(login: &str, has_people: bool) -> String {
    json!({ "event": "signed_in", "login": login, "has_people": has_people }).to_string()
}

/// The user is out, and the page shall forget what it knows.
pub(crate) fn signed_out(reason: &str) -> String {
    json!({ "event": "signed_out", "reason": reason }).to_string()
}

/// Registering takes an invitation, and there was none.
pub(crate) fn invitation_needed() -> String {
    json!({ "event": "invitation_needed" }).to_string()
}

/// A failed request, except for signing in and sending.
pub(crate) fn failed(kind: &RequestKind, dialog: &str, reason: impl Display) -> String {
    refused(kind, dialog, reason, None)
}

fn refused(kind: &RequestKind, dialog: &str, reason: impl Display, status: Option<u16>) -> String {
    let (kind, reason) = (kind.as_str(), reason.to_string());
    json!({ "event": "failed", "request": kind, "dialog": dialog, "reason": reason, "status": status })
        .to_string()
}

/// A message that did not arrive, or may not have arrived.
pub(crate) fn not_sent(dialog: &str, marker: u64, reason: impl Display, may_be_sent: bool) -> String {
    let reason = reason.to_string();
    json!({ "event": "not_sent", "dialog": dialog, "marker": marker, "reason": reason, "may_be_sent": may_be_sent })
        .to_string()
}

pub(crate) fn sent(ticket: &Ticket, taken: Option<&Date<'_>>) -> String {
    json!({ "event": "sent", "dialog": ticket.login(), "marker": ticket.marker(), "date": taken.map(date) })
        .to_string()
}

pub(crate) fn contacts(contacts: &Contacts<'_>) -> String {
    let contacts: Vec<_> = contacts.iter().map(user).collect();
    json!({ "event": "contacts", "contacts": contacts }).to_string()
}

/// Returns the news of an answer of the extension `people`.
pub(crate) fn answer(ticket: &Ticket, answer: &Answer<'_>) -> Option<String> {
    let told = match answer {
        Answer::User(data) => json!({ "event": "user", "user": user(data) }),
        Answer::Users { users, more } => {
            let users: Vec<_> = users.iter().map(user).collect();
            json!({ "event": "found", "users": users, "more": more })
        }
        Answer::Sessions(sessions) => {
            let sessions: Vec<_> = sessions.iter().map(session).collect();
            json!({ "event": "sessions", "sessions": sessions })
        }
        Answer::Contact | Answer::Updated | Answer::SignedOut => {
            json!({ "event": "done", "request": ticket.kind().as_str(), "dialog": ticket.login() })
        }
        _ => return None,
    };
    Some(told.to_string())
}

pub(crate) fn history(dialog: &str, history: &History<'_>) -> String {
    let messages: Vec<_> = history.iter().map(message).collect();
    json!({ "event": "history", "dialog": dialog, "messages": messages }).to_string()
}

/// Returns the news of a command that failed.
pub(crate) fn ended_badly(ticket: &Ticket, failure: &Failure<'_>) -> String {
    let status = match failure {
        Failure::Refused(refusal) => refusal.status.as_ref().map(|status| status.code()),
        _ => None,
    };
    let reason = match failure {
        Failure::Refused(refusal) if !refusal.info.is_empty() => refusal.info.to_string(),
        failure => failure.to_string(),
    };
    match (ticket.kind(), ticket.marker()) {
        (RequestKind::Authorize | RequestKind::SessionRestore, _) => sign_in_failed(reason),
        (RequestKind::RegisterType | RequestKind::Register, _) => sign_in_failed(reason),
        (RequestKind::SendMessage, Some(marker)) => {
            let may_be_sent = matches!(failure, Failure::TimedOut | Failure::Lost(Delivery::Unknown));
            not_sent(ticket.login(), marker, reason, may_be_sent)
        }
        (kind, _) => refused(&kind, ticket.login(), reason, status),
    }
}

/// Returns the news of any other event.
pub(crate) fn event(event: &Event<'_>) -> Option<String> {
    let told = match event {
        Event::Message(incoming) => {
            json!({ "event": "message", "dialog": incoming.dialog(), "message": message(&incoming.message) })
        }
        Event::Read(mark) => json!({ "event": "read", "dialog": mark.login, "up_to": mark.up_to }),
        Event::Contact(change) => {
            json!({ "event": "contact", "login": change.login, "state": change.state.as_str() })
        }
        Event::ChangedUserData(changed) => json!({
            "event": if changed.position.is_some() { "changed" } else { "presence" },
            "user": user(&changed.user),
            "member": changed.member,
        }),
        Event::Typing(typing) => {
            json!({ "event": "typing", "dialog": typing.dialog(), "from": typing.from.login })
        }
        Event::ReadBy(read_by) => {
            json!({ "event": "read_by", "dialog": read_by.login, "date": date(&read_by.date) })
        }
        Event::LogChanged { .. } => json!({ "event": "log_changed" }),
        Event::Info(notice) => json!({ "event": "notice", "text": notice.info }),
        Event::Error(notice) => json!({ "event": "notice", "text": notice.info, "is_error": true }),
        Event::ProtocolError(error) => {
            json!({ "event": "notice", "text": error.to_string(), "is_error": true })
        }
        Event::Disconnected(reason) => json!({ "event": "disconnected", "reason": reason.to_string() }),
        Event::Reconnecting { after, reason, .. } => {
            let after = after.as_secs_f64() * 1000.0;
            json!({ "event": "reconnecting", "after": after, "reason": reason.to_string() })
        }
        Event::GaveUp => json!({ "event": "gave_up" }),
        _ => return None,
    };
    Some(told.to_string())
}

/// A user or a conference as the server tells of it; null for what it does not.
fn user(user: &User<'_>) -> Value {
    let members = user.members().map(|members| members.iter().map(member).collect::<Vec<_>>());
    let last = user.extra.get("last");
    json!({
        "login": user.login,
        "online": user.online(),
        "unread": user.unread(),
        "state": user.state().as_ref().map(ContactState::as_str),
        "profile": user.profile().as_ref().map(profile),
        "read_date": user.read_date().as_ref().map(date),
        "members": members,
        "more": user.has_more_members(),
        "last": last.as_ref().and_then(|last| last.as_map()).and_then(|last| text(last, "body")),
    })
}

fn member(member: &Member<'_>) -> Value {
    json!({ "login": member.login, "owner": member.owner })
}

fn session(session: &SessionInfo<'_>) -> Value {
    json!({ "session": session.session, "current": session.current, "until": session.until })
}

/// The part of a profile that a chat shows.
fn profile(profile: &Fields<'_>) -> Value {
    let is = |name| profile.get(name).and_then(|value| value.as_bool()) == Some(true);
    json!({
        "name": text(profile, "name"),
        "status_text": text(profile, "status_text"),
        "public": is("public"),
        "tells_read": is("tells_read"),
    })
}

fn text(fields: &Fields<'_>, name: &str) -> Option<String> {
    fields.get(name).and_then(|value| value.as_text().map(String::from))
}

fn message(message: &Message<'_>) -> Value {
    json!({
        "from": message.from.login,
        "to": message.to,
        "body": message.body,
        "date": message.date.as_ref().map(date),
        "position": message.position,
    })
}

fn date(date: &Date<'_>) -> Value {
    match date {
        Date::Integer(number) => json!(number),
        Date::Float(number) => json!(number),
        Date::Text(text) => json!(text),
    }
}
