//! Backups of a store while a server works with it, and stores made from them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::check::check;
use crate::error::OpenError;
use crate::file::{self, beside};

/// An error of [`backup`] or [`restore`]. Nothing was created.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The file to be created exists already.
    #[error(
        "{path} exists: give another place, or move it away with all files beside it whose names begin the same"
    )]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file to be copied can't be opened, or is no store.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The copy could not be written.
    #[error("{path} can't be written: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The copy is damaged, and so is probably what it was made from.
    #[error("{path} is damaged, so it was not copied: {faults}")]
    Damaged {
        /// The file that was copied.
        path: PathBuf,
        /// Descriptions of the faults.
        faults: String,
    },
}

/// Copies a store, as it is at one moment, to a new file that only its owner can read. Returns its size in bytes.
///
/// A server may work with the store meanwhile, but its write-ahead log grows until the copy is made. The copy is
/// checked and synchronized, and gets its name last.
///
/// # Errors
/// If the new file exists already or can't be written, or the store can't be read or is damaged.
pub fn backup(store: &Path, to: &Path) -> Result<u64, BackupError> {
    make(store, to, |part| {
        let db = file::existing(store)?;
        let target = part.to_str().ok_or_else(|| write_error(part, "the name is not UTF-8"))?;
        db.execute("VACUUM INTO ?", [target]).map(drop).map_err(|error| write_error(part, error))
    })
}

/// Creates a store from a backup, and returns its size in bytes.
///
/// Its logs get new ids, so that clients know that what they had may be missing, and nobody is signed in.
///
/// # Errors
/// If the store exists already or is in use, or the backup can't be read, is no store, or is damaged.
pub fn restore(backup: &Path, to: &Path) -> Result<u64, BackupError> {
    let _lock = file::lock(to)?;
    make(backup, to, |part| {
        drop(file::existing(backup)?);
        fs::copy(backup, part).map_err(|error| write_error(part, error))?;
        let (db, file) = file::writer(part)?;
        let renew = db.execute_batch(
            // SQLite's random numbers begin with those of the system.
            "BEGIN; DELETE FROM sessions; UPDATE accounts SET log = randomblob(16); COMMIT;
             PRAGMA wal_checkpoint(TRUNCATE)",
        );
        renew.map_err(|error| write_error(part, error))?;
        // Closing it removes its write-ahead log, which is empty.
        db.close().map_err(|(_, error)| write_error(part, error))?;
        drop(file);
        Ok(())
    })
}

fn write_error(path: &Path, error: impl ToString) -> BackupError {
    BackupError::Write { path: path.into(), source: io::Error::other(error.to_string()) }
}

/// Creates a file under another name, checks and synchronizes it, and gives it its final name.
fn make(
    from: &Path,
    to: &Path,
    write: impl FnOnce(&Path) -> Result<(), BackupError>,
) -> Result<u64, BackupError> {
    // SQLite would take another store's write-ahead log for this one's.
    for path in ["", "-wal", "-shm", "-journal"].map(|end| beside(to, end)) {
        if path.symlink_metadata().is_ok() {
            return Err(BackupError::Exists { path });
        }
    }
    let part = beside(to, ".part");
    let made = fill(&part, write).and_then(|()| {
        let faults = check(&part)?;
        if !faults.is_empty() {
            return Err(BackupError::Damaged { path: from.into(), faults: faults.join("; ") });
        }
        // Empty, but a connection that only reads can't remove them.
        remove(&part, &["-wal", "-shm"]);
        let named = || {
            let size = File::open(&part)?.sync_all().and_then(|()| part.metadata())?.len();
            fs::rename(&part, to)?;
            sync_directory(to).map(|()| size)
        };
        named().map_err(|source| BackupError::Write { path: to.into(), source })
    });
    if made.is_err() {
        remove(&part, &["", "-wal", "-shm", "-journal"]);
    }
    made
}

/// Removes files whose names begin with this one's, if they are there.
fn remove(path: &Path, ends: &[&str]) {
    ends.iter().for_each(|end| _ = fs::remove_file(beside(path, end)));
}

/// Begins with an empty file that only its owner can read, whatever was left of an earlier attempt.
fn fill(part: &Path, write: impl FnOnce(&Path) -> Result<(), BackupError>) -> Result<(), BackupError> {
    match fs::remove_file(part) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            return Err(BackupError::Write { path: part.into(), source });
        }
        _ => (),
    }
    file::private(part).map_err(|source| BackupError::Write { path: part.into(), source })?;
    write(part)
}

/// Makes a new name durable.
#[cfg(unix)]
fn sync_directory(of: &Path) -> io::Result<()> {
    let directory = of.parent().filter(|path| !path.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

/// A directory can't be opened as a file.
#[cfg(not(unix))]
const fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
