//! Errors: what SQLite says, and what that means for an operation, and for the process.

use std::path::PathBuf;

use rusqlite::ffi;
use skaro_proto::server::store::StoreError;
use thiserror::Error;

/// An error after which it is unknown what is durable, such as a failed synchronization: the process has to end. When
/// the store is opened again, it has what is durable.
#[derive(Clone, Debug, Error)]
#[error("the store failed ({reason}): check the disk, then start again")]
pub struct Fatal {
    reason: String,
}

impl Fatal {
    pub(crate) fn new(reason: impl ToString) -> Self {
        Fatal { reason: reason.to_string() }
    }
}

/// An error while a store is opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file or its lock could not be opened.
    #[error("{path} can't be opened: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error("{path} is in use by another server: stop that one first")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is a database of another program.
    #[error("{path} is not a store of this server: choose another place")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a later version.
    #[error("{path} has format {version}, this version knows up to {known}: install a newer one")]
    TooNew {
        /// The file.
        path: PathBuf,
        /// The version of its format.
        version: i64,
        /// The latest version that is known.
        known: i64,
    },
    /// The file system does not let processes share memory, like some network file systems, so SQLite can't keep a
    /// write-ahead log.
    #[error("{path} is on a file system without shared memory, which the store needs: choose a local disk")]
    NoLog {
        /// The file.
        path: PathBuf,
    },
    /// It was opened, but fails.
    #[error(transparent)]
    Failed(#[from] Fatal),
    /// SQLite reports an error.
    #[error("{path} can't be opened: {source}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// The error.
        source: rusqlite::Error,
    },
}

impl OpenError {
    /// Returns whether the file is damaged, or cut off.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        let code = match self {
            OpenError::Sqlite { source, .. } => source.sqlite_error_code(),
            _ => None,
        };
        matches!(code, Some(rusqlite::ErrorCode::DatabaseCorrupt))
    }
}

/// The reason why an operation was not carried out.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was not, and never will be.
    Refused(StoreError),
    /// It is unknown whether it was.
    Fatal(Fatal),
}

impl Failure {
    /// Returns the failure of a commit. Frames of it may be in the write-ahead log already, and be found after a crash:
    /// only an error before the last of them is a refusal.
    pub(crate) fn of_commit(error: rusqlite::Error) -> Self {
        match error.sqlite_error().map(|error| error.extended_code) {
            Some(ffi::SQLITE_FULL | ffi::SQLITE_IOERR_WRITE) => Failure::Refused(StoreError::Full),
            _ => Failure::Fatal(Fatal::new(error)),
        }
    }
}

/// Returns the failure of anything but a commit.
impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        let Some(code) = error.sqlite_error().map(|error| error.extended_code) else {
            return Failure::Fatal(Fatal::new(error));
        };
        match (code & 0xff, code) {
            // What can't be written, for any reason, was not written: the transaction is taken back, and nothing is
            // lost but by a failed synchronization. A file that may not grow and a used-up quota count as errors of
            // writing.
            (ffi::SQLITE_FULL | ffi::SQLITE_TOOBIG, _)
            | (_, ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_SHMSIZE) => Failure::Refused(StoreError::Full),
            (ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED, _) => Failure::Refused(StoreError::Busy),
            (ffi::SQLITE_NOMEM, _) => Failure::Refused(StoreError::Unavailable),
            _ => Failure::Fatal(Fatal::new(error)),
        }
    }
}

/// Returns the failure for a file whose content makes no sense.
pub(crate) fn corrupt(what: &str) -> Failure {
    Failure::Fatal(Fatal::new(format_args!("the file is damaged: {what}")))
}

pub(crate) type Result<T> = core::result::Result<T, Failure>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_refused_only_if_it_is_known_not_to_be_in_the_log() {
        let error = |code| rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_WRITE] {
            assert!(matches!(Failure::of_commit(error(code)), Failure::Refused(StoreError::Full)), "{code}");
        }
        // The first three are refusals of anything else.
        for code in [
            ffi::SQLITE_BUSY,
            ffi::SQLITE_NOMEM,
            ffi::SQLITE_IOERR_SHMSIZE,
            ffi::SQLITE_IOERR_FSYNC,
            ffi::SQLITE_IOERR_DIR_FSYNC,
            ffi::SQLITE_IOERR_TRUNCATE,
            ffi::SQLITE_IOERR,
            ffi::SQLITE_CORRUPT,
            ffi::SQLITE_CONSTRAINT,
        ] {
            assert!(matches!(Failure::of_commit(error(code)), Failure::Fatal(_)), "{code}");
        }
        for code in [ffi::SQLITE_BUSY, ffi::SQLITE_NOMEM, ffi::SQLITE_IOERR_SHMSIZE] {
            assert!(matches!(error(code).into(), Failure::Refused(_)), "{code}");
        }
    }
}
