//! Store of a chat server on disk, over SQLite.
//!
//! [`SqliteStore`] carries out the operations of [`skaro_proto::server::store`] one after the other, [`Worker`] in its
//! own threads.
//!
//! A message is durable before anyone is told of it: SQLite keeps a write-ahead log (`journal_mode=WAL`) that each
//! transaction synchronizes (`synchronous=FULL`), and the worker puts all waiting changes into one transaction. On a
//! full disk only operations that need room are refused. After a [`Fatal`] error it is unknown what is durable.
//!
//! ```
//! use skaro_proto::auth::Verifier;
//! use skaro_proto::server::store::{LogId, Operation, Outcome, Store, StoreLimits};
//! use skaro_sqlite::SqliteStore;
//!
//! let place = tempfile::tempdir()?;
//! let mut store = SqliteStore::open(place.path().join("store"), StoreLimits::default(), 0)?;
//! let (login, verifier) = ("alice".into(), Verifier::new("correct horse"));
//! let added = store.execute(Operation::AddAccount { login, verifier, log: LogId([1; 16]) })?;
//! assert!(matches!(added, Outcome::Added(_)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod account;
mod append;
mod backup;
mod check;
mod conference;
mod contacts;
mod error;
mod file;
mod gate;
mod operators;
mod people;
mod queue;
mod read;
mod schema;
mod session;
mod store;
mod trim;
mod tx;
mod worker;

pub use backup::{BackupError, backup, restore};
pub use check::check;
pub use error::{Fatal, OpenError};
pub use store::SqliteStore;
pub use worker::{Report, StartError, Worker, WorkerConfig};
