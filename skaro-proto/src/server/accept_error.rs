//! Reasons for which a connection is not accepted.

use thiserror::Error;

/// The reason why the server does not accept a connection, which the adapter drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// There are [`max_connections`](super::ServerConfig::max_connections), and none could make room: on each a user is
    /// signed in, or was until it began to close.
    #[error("the server has {limit} connections, and takes no more: try again later")]
    Full {
        /// The limit.
        limit: usize,
    },
    /// There are as many from this address as allowed.
    #[error("the server has {limit} connections from this address, and takes no more: close some of them")]
    TooManyFromAddress {
        /// The limit.
        limit: usize,
    },
    /// There is no memory for another one.
    #[error("the server uses its {limit} bytes of memory: try again later")]
    OutOfMemory {
        /// The limit in bytes.
        limit: usize,
    },
    /// The server is shutting down.
    #[error("the server is shutting down: connect again once it is back")]
    ShuttingDown,
}

impl AcceptError {
    /// Returns the reason as a word, for counters.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            AcceptError::Full { .. } => "full",
            AcceptError::TooManyFromAddress { .. } => "address",
            AcceptError::OutOfMemory { .. } => "memory",
            AcceptError::ShuttingDown => "shutting_down",
        }
    }
}
