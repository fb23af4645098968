//! The interface between a server and a store outside of its machine, for example in threads of its own.

use std::error::Error;
use std::sync::Arc;

use skaro_proto::server::OperationId;
use skaro_proto::server::store::{Operation, StoreError};
use thiserror::Error;

/// Asks a store for an operation, whose outcome the store reports later through [`Completions`](super::Completions).
///
/// An error means that the operation is not carried out, and that no completion follows. The function is called while
/// all connections are locked, so it must neither wait nor complete anything. When it is dropped, the store must carry
/// out the operations that it was asked for, and close.
pub type Submit = Box<dyn Fn(OperationId, Operation) -> Result<(), StoreError> + Send>;

/// The reason why [`Server::operate`](super::Server::operate) returned no outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OperateError {
    /// The operation was not carried out, and never will be.
    #[error(transparent)]
    Refused(StoreError),
    /// The store has failed, and it is unknown whether the operation was carried out.
    #[error("the store has failed: nobody knows whether this was done")]
    Unknown,
}

/// The reason why a store has failed.
pub type StoreFailure = Arc<dyn Error + Send + Sync>;
