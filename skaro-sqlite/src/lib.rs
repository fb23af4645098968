//! Store of a chat server on disk, over SQLite: [`SqliteStore`] carries out the operations of
//! [`skaro_proto::server::store`].

mod account;
mod append;
mod error;
mod file;
mod read;
mod schema;
mod session;
mod store;
mod trim;
mod tx;

pub use error::{Fatal, OpenError};
pub use store::SqliteStore;
