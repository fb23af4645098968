//! The memory that an event keeps. What waits for an application is counted by it, not by its length on the wire.

use compact_str::CompactString;

use super::event::{Ended, Event, Failure};
use super::incoming::Incoming;
use super::{Disconnect, SignedOutReason};
use crate::message::{Answer, text_bytes};

impl Event<'_> {
    /// Returns an upper bound of the bytes that the event takes on the heap once it is owned, besides its own size.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match self {
            Event::Connected { extra } => extra.heap_bytes(),
            Event::Ended(ended) | Event::Late(ended) | Event::Postponed(ended) => ended.heap_bytes(),
            Event::Message(Incoming { message, .. }) => message.heap_bytes(),
            Event::Info(notice) | Event::Error(notice) => notice.heap_bytes(),
            Event::Sent(sent) => sent.heap_bytes(),
            Event::Read(mark) => mark.heap_bytes(),
            Event::Contact(change) => change.heap_bytes(),
            Event::ChangedUserData(changed) => changed.heap_bytes(),
            Event::Typing(typing) => typing.heap_bytes(),
            Event::ReadBy(read_by) => read_by.heap_bytes(),
            Event::LogChanged { log, .. } => log.capacity(),
            Event::Unknown { kind, message, .. } => text_bytes(kind) + message.heap_bytes(),
            Event::SignedOut { reason: SignedOutReason::Refused(refusal) } => refusal.heap_bytes(),
            Event::Disconnected(reason) | Event::Reconnecting { reason, .. } => match reason {
                Disconnect::Closed { reason, .. } | Disconnect::Failed(reason) => reason.capacity(),
                _ => 0,
            },
            Event::ProtocolError(_) | Event::CaughtUp { .. } | Event::SignedOut { .. } | Event::GaveUp => 0,
        }
    }
}

impl Ended<'_> {
    fn heap_bytes(&self) -> usize {
        let login = Some(&self.ticket.login).filter(|login| login.is_heap_allocated());
        let login = login.map_or(0, CompactString::capacity);
        let outcome = match &self.outcome {
            Ok(answer) => Answer::heap_bytes(answer),
            Err(Failure::Refused(refusal)) => refusal.heap_bytes(),
            Err(_) => 0,
        };
        login + outcome + self.extra.heap_bytes()
    }
}
