//! How much memory an event keeps: what waits for an application is counted by what it takes, not by what it took on the
//! wire, which may be a hundredth of that.
//!
//! Everything below [`Event::heap_bytes`] is about the types of [`message`](crate::message) and belongs there.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::event::{Ended, Event, Failure, ProtocolError};
use super::incoming::Incoming;
use super::{Disconnect, SignedOutReason};
use crate::message::{Answer, Date, Message, Notice, Refusal, Sender, SignedIn, User};
use crate::value::{Fields, Value};

/// What the path to a field takes, at most: a few names that are part of the program.
const PATH: usize = 128;

impl Event<'_> {
    /// How many bytes the event keeps on the heap, besides its own size. What is borrowed from a frame is not counted, so
    /// ask after [`into_owned`](Self::into_owned).
    pub fn heap_bytes(&self) -> usize {
        match self {
            Event::Connected { extra } => fields(extra),
            Event::Ended(ended) | Event::Late(ended) => of_ended(ended),
            Event::Message(Incoming { message: it, .. }) => message(it),
            Event::Info(it) | Event::Error(it) => notice(it),
            Event::Unknown { kind, message } => text(kind) + fields(message),
            Event::ProtocolError(ProtocolError::Frame(_)) => PATH,
            Event::ProtocolError(_) => 0,
            Event::SignedOut { reason: SignedOutReason::Refused(it) } => refusal(it),
            Event::Disconnected(reason) | Event::Reconnecting { reason, .. } => match reason {
                Disconnect::Closed { reason, .. } | Disconnect::Failed(reason) => reason.capacity(),
                _ => 0,
            },
            Event::SignedOut { .. } | Event::GaveUp => 0,
        }
    }
}

fn of_ended(ended: &Ended<'_>) -> usize {
    // A login of more than 24 bytes is on the heap.
    let login = ended.ticket.login().len();
    let login = if login > 24 { login } else { 0 };
    login
        + fields(&ended.extra)
        + match &ended.outcome {
            Ok(it) => answer(it),
            Err(Failure::Refused(it)) => refusal(it),
            Err(_) => 0,
        }
}

fn answer(answer: &Answer<'_>) -> usize {
    match answer {
        Answer::Authorized(it) | Answer::Restored(it) => signed_in(it),
        Answer::Contacts(it) => list(&it.0, user),
        Answer::History(it) => list(&it.messages, message),
        Answer::MessageSent(Some(it)) => date(it),
        Answer::RegisterType(it) => it.as_str().len(),
        Answer::Other(it) => fields(it),
        _ => 0,
    }
}

fn signed_in(it: &SignedIn<'_>) -> usize {
    text(&it.session_id) + user(&it.user)
}

fn user(it: &User<'_>) -> usize {
    text(&it.login) + fields(&it.extra)
}

fn message(it: &Message<'_>) -> usize {
    let Sender { login, in_conference, extra, .. } = &it.from;
    let from = text(login) + in_conference.as_ref().map_or(0, text) + fields(extra);
    from + text(&it.to) + text(&it.body) + it.date.as_ref().map_or(0, date) + fields(&it.extra)
}

fn notice(it: &Notice<'_>) -> usize {
    text(&it.info) + fields(&it.extra)
}

fn refusal(it: &Refusal<'_>) -> usize {
    text(&it.info) + it.status.as_ref().map_or(0, |status| status.to_string().len())
}

fn date(it: &Date<'_>) -> usize {
    match it {
        Date::Text(it) => text(it),
        _ => 0,
    }
}

#[allow(clippy::ptr_arg, reason = "only what is owned counts")]
fn text(text: &Cow<'_, str>) -> usize {
    match text {
        Cow::Borrowed(_) => 0,
        Cow::Owned(text) => String::capacity(text),
    }
}

fn fields(fields: &Fields<'_>) -> usize {
    // A list that grew has as many places as the next power of two, and at least four.
    let places = if fields.is_empty() { 0 } else { fields.len().next_power_of_two().max(4) };
    let contents = fields.iter().map(|(name, it)| name.len() + value(it)).sum::<usize>();
    places * size_of::<(Cow<'_, str>, Value<'_>)>() + contents
}

fn value(it: &Value<'_>) -> usize {
    match it {
        Value::Text(it) => text(it),
        Value::Bytes(Cow::Owned(bytes)) => bytes.capacity(),
        Value::List(items) => list(items, value),
        Value::Map(it) => fields(it),
        _ => 0,
    }
}

fn list<T>(list: &Vec<T>, heap_bytes: impl Fn(&T) -> usize) -> usize {
    list.capacity() * size_of::<T>() + list.iter().map(heap_bytes).sum::<usize>()
}
