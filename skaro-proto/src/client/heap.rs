//! The memory that an event keeps: what waits for an application is counted by that, not by what it took on the wire.

use super::event::{Ended, Event, Failure, ProtocolError};
use super::incoming::Incoming;
use super::{Disconnect, SignedOutReason};
use crate::message::Answer;

/// Bytes of the path to a field, at most: a few names that are part of the program.
const PATH: usize = 128;

impl Event<'_> {
    /// Returns how many bytes the event keeps on the heap, besides its own size: an estimate that errs upwards. What is
    /// borrowed from a frame is not counted, so ask after [`into_owned`](Self::into_owned).
    pub fn heap_bytes(&self) -> usize {
        match self {
            Event::Connected { extra } => extra.heap_bytes(),
            Event::Ended(ended) | Event::Late(ended) | Event::Postponed(ended) => ended.heap_bytes(),
            Event::Message(Incoming { message, .. }) => message.heap_bytes(),
            Event::Info(notice) | Event::Error(notice) => notice.heap_bytes(),
            Event::Sent(sent) => sent.heap_bytes(),
            Event::Read(mark) => mark.heap_bytes(),
            Event::LogChanged { log, .. } => log.len(),
            Event::Unknown { kind, message, .. } => kind.len() + message.heap_bytes(),
            Event::ProtocolError(ProtocolError::Frame(_)) => PATH,
            Event::ProtocolError(_) => 0,
            Event::SignedOut { reason: SignedOutReason::Refused(refusal) } => refusal.heap_bytes(),
            Event::Disconnected(reason) | Event::Reconnecting { reason, .. } => match reason {
                Disconnect::Closed { reason, .. } | Disconnect::Failed(reason) => reason.capacity(),
                _ => 0,
            },
            Event::CaughtUp { .. } | Event::SignedOut { .. } | Event::GaveUp => 0,
        }
    }
}

impl Ended<'_> {
    fn heap_bytes(&self) -> usize {
        // A login of more than 24 bytes is on the heap.
        let login = Some(self.ticket.login().len()).filter(|length| *length > 24).unwrap_or(0);
        let outcome = match &self.outcome {
            Ok(answer) => Answer::heap_bytes(answer),
            Err(Failure::Refused(refusal)) => refusal.heap_bytes(),
            Err(_) => 0,
        };
        login + outcome + self.extra.heap_bytes()
    }
}
