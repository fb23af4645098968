//! Operations on their way between the hooks of an application and the store.

use std::collections::{HashMap, HashSet};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use skaro_proto::auth::Verifier;
use skaro_proto::message::Refusal;
use skaro_proto::server::OperationId;
use skaro_proto::server::store::{Appended, Login, Operation, Outcome, StoreError};

use super::lock::lock;

/// A message that a user sends.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SentMessage {
    /// The sender's login.
    pub from: Login,
    /// The recipient's login. The recipient is known to exist only once the message has been accepted.
    pub to: Login,
    /// The text.
    pub body: Arc<str>,
}

/// Data of an operation that is needed when its outcome comes back from the store.
pub(super) enum Kept {
    Verifier(Verifier),
    Message(SentMessage),
    /// A message that is refused unless it was sent before.
    Refusal(Refusal<'static>),
}

/// Operations between the hooks and the store.
pub(super) struct Passing {
    jobs: Sender<Job>,
    kept: Mutex<HashMap<OperationId, Kept>>,
    /// The operations for which replies are awaited, and their deadlines.
    awaited: Mutex<HashMap<OperationId, Instant>>,
    /// The operations of the server's operator on their way to the store. They bypass the hooks.
    own: Mutex<HashSet<OperationId>>,
}

pub(super) enum Job {
    Operation(OperationId, Operation),
    Missed(SentMessage),
    End,
}

impl Passing {
    pub(super) fn new(jobs: Sender<Job>) -> Self {
        Passing { jobs, kept: Mutex::default(), awaited: Mutex::default(), own: Mutex::default() }
    }

    /// Keeps something until the operation returns.
    pub(super) fn keep(&self, id: OperationId, kept: Kept) {
        lock(&self.kept).insert(id, kept);
    }

    /// Changes an outcome as the hooks have decided; returns the message if it was accepted now.
    pub(super) fn returned(
        &self,
        id: OperationId,
        result: &mut Result<Outcome, StoreError>,
    ) -> Option<SentMessage> {
        match (lock(&self.kept).remove(&id)?, &mut *result) {
            (Kept::Verifier(verifier), Ok(Outcome::Account(Some(account)))) => account.verifier = verifier,
            (Kept::Refusal(refusal), Ok(Outcome::NoSuchKey)) => *result = Ok(Outcome::Refused(refusal)),
            (Kept::Message(message), Ok(Outcome::Appended(Appended { is_repetition: false, .. }))) => {
                return Some(message);
            }
            _ => (),
        }
        None
    }

    /// Notes that a reply is awaited for an operation.
    pub(super) fn wait(&self, id: OperationId, until: Instant) {
        lock(&self.awaited).insert(id, until);
    }

    /// Stops waiting for a reply; returns whether it was awaited until now.
    pub(super) fn end_wait(&self, id: OperationId) -> bool {
        lock(&self.awaited).remove(&id).is_some()
    }

    /// Stops waiting for all replies.
    pub(super) fn end_all(&self) {
        lock(&self.awaited).clear();
    }

    /// Returns whether a reply is awaited for an operation.
    pub(super) fn is_awaited(&self, id: OperationId) -> bool {
        lock(&self.awaited).contains_key(&id)
    }

    /// Returns the number of operations for which replies are awaited.
    pub(super) fn awaited(&self) -> usize {
        lock(&self.awaited).len()
    }

    /// Returns the earliest deadline of an awaited reply.
    pub(super) fn deadline(&self) -> Option<Instant> {
        lock(&self.awaited).values().min().copied()
    }

    /// Returns the operations whose replies are overdue.
    pub(super) fn overdue(&self, now: Instant) -> Vec<OperationId> {
        lock(&self.awaited).iter().filter(|(_, until)| **until <= now).map(|(id, _)| *id).collect()
    }

    /// Notes that an operation is one of the server's operator.
    pub(super) fn add_own(&self, id: OperationId) {
        lock(&self.own).insert(id);
    }

    /// Returns whether an operation, which is given to the store now, is one of the server's operator.
    pub(super) fn take_own(&self, id: OperationId) -> bool {
        lock(&self.own).remove(&id)
    }

    pub(super) fn missed(&self, message: SentMessage) {
        // It fails if the thread of the hooks has ended.
        _ = self.jobs.send(Job::Missed(message));
    }
}
