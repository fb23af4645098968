//! The connection between a server and a store that works elsewhere, such as in threads of its own.

use std::error::Error;
use std::sync::Arc;

use skaro_proto::server::OperationId;
use skaro_proto::server::store::{Operation, StoreError};
use thiserror::Error;

/// Asks a store for an operation, whose outcome the store tells by [`Completions`](super::Completions) later.
///
/// An error means that the operation is not carried out, and that there will be no completion. It is called while all
/// connections are locked: it must neither wait nor complete anything. When it is dropped, the store is to carry out what it
/// was asked for, and to close.
pub type Submit = Box<dyn Fn(OperationId, Operation) -> Result<(), StoreError> + Send>;

/// An operation of [`Server::operate`](super::Server::operate) without an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OperateError {
    /// It was not carried out, and never will be.
    #[error(transparent)]
    Refused(StoreError),
    /// The store has failed: nobody knows whether it was carried out.
    #[error("the store has failed: nobody knows whether this was done")]
    Unknown,
}

/// The reason for which a store can't go on.
pub type StoreFailure = Arc<dyn Error + Send + Sync>;
