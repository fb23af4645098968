//! The connection between a server and a store that works elsewhere, such as in threads of its own.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Weak};

use skaro_proto::server::OperationId;
use skaro_proto::server::store::{Operation, Outcome, StoreError};

use super::served::Shared;

/// Asks a store for an operation, whose outcome the store tells by [`Completions`] later. An error means that the operation
/// is not carried out, and that there will be no completion. It is called while all connections are locked: it must neither
/// wait nor complete anything. When it is dropped, the store is to carry out what it was asked for, and to close.
pub type Submit = Box<dyn Fn(OperationId, Operation) -> Result<(), StoreError> + Send>;

/// The reason for which a store can't go on.
pub type StoreFailure = Arc<dyn Error + Send + Sync>;

/// Tells a server what came of the operations that it asked its store for. It may be called from any thread, and locks all
/// connections for a moment. Once the server has ended, it has no effect.
#[derive(Clone)]
pub struct Completions(pub(super) Weak<Shared>);

impl Completions {
    /// Tells that an operation has come to its end: it is durable, or was not carried out. Operations of one
    /// [lane](Operation::lane) must be told in the order in which they were carried out.
    pub fn complete(&self, id: OperationId, result: Result<Outcome, StoreError>) {
        if let Some(shared) = self.0.upgrade() {
            shared.call(|machine, now| machine.handle_stored(now, id, result));
        }
    }

    /// Tells that the store can't go on, and that nobody knows what is durable of the operations that are open. The server
    /// shuts down; [`Server::store_failed`](super::Server::store_failed) has the reason.
    pub fn fail(&self, failure: impl Error + Send + Sync + 'static) {
        if let Some(shared) = self.0.upgrade() {
            shared.fail(Arc::new(failure));
        }
    }
}

impl fmt::Debug for Completions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completions").finish_non_exhaustive()
    }
}
