//! Operations on their way between the hooks of an application and the store.

use std::collections::HashMap;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

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
}

pub(super) enum Job {
    Operation(OperationId, Operation),
    Missed(SentMessage),
    End,
}

impl Passing {
    pub(super) fn new(jobs: Sender<Job>) -> Self {
        Passing { jobs, kept: Mutex::default() }
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

    pub(super) fn missed(&self, message: SentMessage) {
        // Once the thread has ended, nobody is there to take note of it.
        _ = self.jobs.send(Job::Missed(message));
    }
}
