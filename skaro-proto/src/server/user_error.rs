//! Errors of commands about users.

use thiserror::Error;

use super::store::{Denial, StoreError};

/// An error of a command about users: [`add_user`](super::Server::add_user), [`introduce`](super::Server::introduce) or
/// [`post`](super::Server::post). Nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UserError {
    /// Logins need at least one character.
    #[error("a login needs at least one character")]
    EmptyLogin,
    /// Logins that begin with `#` are reserved for conferences.
    #[error("logins that begin with \"#\" are reserved: choose another one than \"{0}\"")]
    Reserved(alloc::string::String),
    /// A login, password or body is over its limit.
    #[error("the {field} has {length} bytes, the limit is {limit}: choose a shorter one")]
    TooLong {
        /// `login`, `password`, or the `body` of a posted message.
        field: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// There is a user with this login already.
    #[error("there is a user \"{0}\" already: choose another login")]
    Exists(alloc::string::String),
    /// There is no user with this login.
    #[error("there is no user \"{0}\": add it first")]
    Unknown(alloc::string::String),
    /// The sender of a posted message may not write to its recipient.
    #[error("the message was refused: {}", .0.reason())]
    Denied(Denial),
    /// The store is not inside the machine. Use [`operate`](super::Server::operate) instead, with
    /// [`account`](super::Server::account), [`Operation::Introduce`](super::store::Operation::Introduce) or
    /// [`Operation::Append`](super::store::Operation::Append).
    #[error("the store is not inside of the server's machine: ask for an operation instead")]
    StoreElsewhere,
    /// The store did not carry it out.
    #[error(transparent)]
    Store(#[from] StoreError),
}
