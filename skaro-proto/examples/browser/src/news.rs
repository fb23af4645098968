//! News for the page, as JSON: the machine's events in the terms of a chat.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Display;

use serde_json::{Value, json};
use skaro_proto::client::{Delivery, Event, Failure, Ticket};
use skaro_proto::message::{Contacts, Date, History, Message, RequestKind};

pub(crate) fn sign_in_failed(reason: impl Display) -> String {
    json!({ "event": "sign_in_failed", "reason": reason.to_string() }).to_string()
}

pub(crate) fn signed_in(login: &str) -> String {
    json!({ "event": "signed_in", "login": login }).to_string()
}

/// A failed request, except for signing in and sending.
pub(crate) fn failed(kind: RequestKind, dialog: &str, reason: impl Display) -> String {
    json!({ "event": "failed", "request": kind.as_str(), "dialog": dialog, "reason": reason.to_string() })
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
    let contact = |user: &skaro_proto::message::User<'_>| {
        let is_online = user.extra.get("online").and_then(|online| online.as_bool()) == Some(true);
        json!({ "login": user.login, "online": is_online, "unread": user.unread() })
    };
    let contacts: Vec<_> = contacts.iter().map(contact).collect();
    json!({ "event": "contacts", "contacts": contacts }).to_string()
}

pub(crate) fn history(dialog: &str, history: &History<'_>) -> String {
    let messages: Vec<_> = history.iter().map(message).collect();
    json!({ "event": "history", "dialog": dialog, "messages": messages }).to_string()
}

/// Returns the news of a command that failed.
pub(crate) fn ended_badly(ticket: &Ticket, failure: &Failure<'_>) -> String {
    let reason = match failure {
        Failure::Refused(refusal) if !refusal.info.is_empty() => refusal.info.to_string(),
        failure => failure.to_string(),
    };
    match (ticket.kind(), ticket.marker()) {
        (RequestKind::Authorize | RequestKind::SessionRestore, _) => sign_in_failed(reason),
        (RequestKind::SendMessage, Some(marker)) => {
            let may_be_sent = matches!(failure, Failure::TimedOut | Failure::Lost(Delivery::Unknown));
            not_sent(ticket.login(), marker, reason, may_be_sent)
        }
        (kind, _) => failed(kind, ticket.login(), reason),
    }
}

/// Returns the news of any other event.
pub(crate) fn event(event: &Event<'_>) -> Option<String> {
    let told = match event {
        Event::Message(incoming) => {
            json!({ "event": "message", "dialog": incoming.dialog(), "message": message(&incoming.message) })
        }
        Event::Read(mark) => json!({ "event": "read", "dialog": mark.login, "up_to": mark.up_to }),
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
