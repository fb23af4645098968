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

/// A message that somebody sends.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SentMessage {
    /// The sender's login.
    pub from: Login,
    /// The recipient's login. There need not be such a user before the message has been taken.
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
    /// Those for which replies are awaited, and until when.
    awaited: Mutex<HashMap<OperationId, Instant>>,
    /// Those of whoever runs the server, about which nobody decides, on their way to the store.
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

    /// Changes an outcome as the hooks want it; returns the message if it was taken now.
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

    /// A reply is awaited for an operation.
    pub(super) fn wait(&self, id: OperationId, until: Instant) {
        lock(&self.awaited).insert(id, until);
    }

    /// A reply is given, or nobody waits for it any more; returns whether somebody did until now.
    pub(super) fn end_wait(&self, id: OperationId) -> bool {
        lock(&self.awaited).remove(&id).is_some()
    }

    /// Nobody waits for replies any more.
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

    /// Returns the moment until which the next reply is awaited.
    pub(super) fn deadline(&self) -> Option<Instant> {
        lock(&self.awaited).values().min().copied()
    }

    /// Returns the operations whose replies are awaited no longer.
    pub(super) fn overdue(&self, now: Instant) -> Vec<OperationId> {
        lock(&self.awaited).iter().filter(|(_, until)| **until <= now).map(|(id, _)| *id).collect()
    }

    /// An operation is one of whoever runs the server.
    pub(super) fn add_own(&self, id: OperationId) {
        lock(&self.own).insert(id);
    }

    /// Returns whether an operation, which the store is asked for now, is one of whoever runs the server.
    pub(super) fn take_own(&self, id: OperationId) -> bool {
        lock(&self.own).remove(&id)
    }

    pub(super) fn missed(&self, message: SentMessage) {
        // Once the thread has ended, nobody is there to take note of it.
        _ = self.jobs.send(Job::Missed(message));
    }
}
