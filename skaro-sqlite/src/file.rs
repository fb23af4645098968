//! Opening: the lock, the files, the connection's settings, the format.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::OpenError;
use crate::schema::{APPLICATION, STEPS};
use crate::tx::number;

/// Number of statements that are kept prepared: more than there are.
const STATEMENTS: usize = 128;

/// Pages of the write-ahead log beyond which a commit checkpoints it, that is, carries it over to the file: 16 MiB.
/// This bounds the time that opening takes after a crash.
const MAX_LOG_PAGES: i64 = 4096;

/// Length in bytes to which the write-ahead log is cut when it begins anew: that of a log that was checkpointed in
/// time.
const KEPT_LOG: i64 = MAX_LOG_PAGES * 4096;

/// Length of a page in bytes, SQLite's default.
const PAGE: u64 = 4096;

/// Bytes that the file has beyond its pages before something is added: more than a batch of messages takes.
const ROOM: u64 = 2 << 20;

/// Opens a file that only its owner can read, and creates it if it does not exist. What is written goes to its end.
pub(crate) fn private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Returns the name of a file beside a store.
pub(crate) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// A lock on the file beside a store, until this is dropped or the process ends.
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that is being started has it as well, until its program is loaded.
        _ = self.0.unlock();
    }
}

/// Locks the file beside a store.
pub(crate) fn lock(path: &Path) -> Result<Lock, OpenError> {
    let name = beside(path, ".lock");
    let file = private(&name).map_err(|source| OpenError::File { path: name.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.into() }),
        Err(TryLockError::Error(source)) => Err(OpenError::File { path: name, source }),
    }
}

/// Opens the connection that writes, and the file for [`has_room`]. The file has to stay open as long as the
/// connection: when a process closes a file, it loses its locks (fcntl(2)), SQLite's as well.
pub(crate) fn writer(path: &Path) -> Result<(Connection, File), OpenError> {
    // SQLite gives its other files the permissions of this one.
    let file = private(path).map_err(|source| OpenError::File { path: path.into(), source })?;
    let sqlite = |source| OpenError::Sqlite { path: path.into(), source };
    let db = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(sqlite)?;
    let version = format_version(&db).map_err(sqlite)?;
    let known = STEPS.len() as i64;
    let version = match version {
        None => return Err(OpenError::Foreign { path: path.into() }),
        Some(version) if version > known => {
            return Err(OpenError::TooNew { path: path.into(), version, known });
        }
        Some(version) => usize::try_from(version).unwrap_or_default(),
    };
    if !keep_log(&db).map_err(sqlite)? {
        return Err(OpenError::NoLog { path: path.into() });
    }
    settle(&db).map_err(sqlite)?;
    for (step, n) in STEPS.iter().zip(1..).skip(version) {
        let step =
            format!("BEGIN;{step}PRAGMA application_id = {APPLICATION};PRAGMA user_version = {n};COMMIT;");
        db.execute_batch(&step).map_err(sqlite)?;
    }
    Ok((db, file))
}

/// Returns whether the file is longer than its pages by the room for a batch. If not, tries to make it so.
///
/// Pages that are added stand in the write-ahead log, until they are carried over to the file. Without room for them
/// there the log could not begin anew on a full disk, and nothing could be changed any more, not even a session. What
/// is appended is never in the way: SQLite knows the number of its pages, and cuts the file when all are carried over.
pub(crate) fn has_room(db: &Connection, path: &Path, mut file: &File) -> rusqlite::Result<bool> {
    let pages = db.prepare_cached("PRAGMA page_count")?.query_row([], |row| row.get(0))?;
    let needed = number(pages).saturating_mul(PAGE) + ROOM;
    let length = file.metadata().map_or(0, |data| data.len());
    if length >= needed {
        return Ok(true);
    }
    let missing = needed + ROOM - length;
    // What fits only in part must not take the last room of others, such as SQLite's write-ahead log.
    let scratch = beside(path, ".room");
    let fits = private(&scratch).and_then(|mut file| extend(&mut file, missing));
    _ = std::fs::remove_file(scratch);
    let extended = fits.and_then(|()| extend(&mut file, missing));
    // An error means that there is no room, as on a full disk, or in a file that may not grow.
    Ok(extended.is_ok())
}

/// Appends zeros.
fn extend(file: &mut impl Write, bytes: u64) -> std::io::Result<()> {
    let zeros = [0; 1 << 16];
    (0..bytes.div_ceil(1 << 16)).try_for_each(|_| file.write_all(&zeros))
}

/// Returns the version of the file's format; 0 for an empty file, `None` for a file of another program.
fn format_version(db: &Connection) -> rusqlite::Result<Option<i64>> {
    let number = |pragma: &str| db.query_row(pragma, [], |row| row.get::<_, i64>(0));
    // The number of tables shows whether a file is empty.
    let tables = match number("SELECT count(*) FROM sqlite_schema") {
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            return Ok(None);
        }
        tables => tables?,
    };
    let application = number("PRAGMA application_id")?;
    match (tables, application) {
        (0, 0) => Ok(Some(0)),
        (_, APPLICATION) => number("PRAGMA user_version").map(Some),
        _ => Ok(None),
    }
}

/// Lets SQLite keep a write-ahead log; returns whether it does. It stays with another journal where it can't, without
/// an error.
fn keep_log(db: &Connection) -> rusqlite::Result<bool> {
    db.busy_timeout(core::time::Duration::ZERO)?;
    let mode: String = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    Ok(mode == "wal")
}

/// Makes commits durable, and checks what they refer to.
fn settle(db: &Connection) -> rusqlite::Result<()> {
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "wal_autocheckpoint", MAX_LOG_PAGES)?;
    db.pragma_update(None, "journal_size_limit", KEPT_LOG)?;
    // What is deleted is overwritten where that costs no writing of its own.
    db.pragma_update(None, "secure_delete", "FAST")?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.pragma_update(None, "cache_size", -16_384)?;
    prepare_once(db)?;
    Ok(())
}

/// Keeps statements prepared: otherwise SQLite prepares some anew with each other value, to find a better plan, which
/// takes longer than the plan could gain here.
fn prepare_once(db: &Connection) -> rusqlite::Result<()> {
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// Opens a store's file that is there, to read it beside a server that may work with it. It may have an earlier format.
pub(crate) fn existing(path: &Path) -> Result<Connection, OpenError> {
    // SQLite's own error does not say that the file does not exist.
    path.metadata().map_err(|source| OpenError::File { path: path.into(), source })?;
    let sqlite = |source| OpenError::Sqlite { path: path.into(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(sqlite)?;
    // A server that has just been started may be about to make the write-ahead log.
    db.busy_timeout(core::time::Duration::from_secs(5)).map_err(sqlite)?;
    match format_version(&db).map_err(sqlite)? {
        None | Some(0) => Err(OpenError::Foreign { path: path.into() }),
        Some(version) if version > STEPS.len() as i64 => {
            Err(OpenError::TooNew { path: path.into(), version, known: STEPS.len() as i64 })
        }
        Some(_) => Ok(db),
    }
}

/// Opens a connection that only reads.
pub(crate) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    db.busy_timeout(core::time::Duration::ZERO)?;
    db.pragma_update(None, "query_only", true)?;
    db.pragma_update(None, "cache_size", -16_384)?;
    prepare_once(&db)?;
    Ok(db)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_an_earlier_format_takes_the_steps_that_it_lacks() {
        let place = tempfile::tempdir().unwrap();
        for version in 1..STEPS.len() {
            let path = place.path().join(version.to_string());
            let db = Connection::open(&path).unwrap();
            STEPS[..version].iter().for_each(|step| db.execute_batch(step).unwrap());
            db.execute_batch(
                "INSERT INTO accounts (id, login, skeleton, verifier, log) VALUES (7, x'61', x'61', x'00', x'00')",
            )
            .unwrap();
            db.pragma_update(None, "application_id", APPLICATION).unwrap();
            db.pragma_update(None, "user_version", version as i64).unwrap();
            drop(db);
            let (db, _file) = writer(&path).unwrap();
            assert_eq!(format_version(&db), Ok(Some(STEPS.len() as i64)));
            let tables = |db: &Connection| {
                let mut all = db.prepare("SELECT name FROM pragma_table_list ORDER BY name").unwrap();
                let mut columns =
                    db.prepare("SELECT name, type, dflt_value FROM pragma_table_info(?)").unwrap();
                let names = all.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap);
                let shown = names.map(|name| {
                    let columns = columns.query_map([&name], |row| {
                        Ok((
                            row.get::<_, String>(0)?,
                            row.get::<_, String>(1)?,
                            row.get::<_, Option<String>>(2)?,
                        ))
                    });
                    let columns: Vec<_> = columns.unwrap().map(Result::unwrap).collect();
                    (name, columns)
                });
                shown.collect::<Vec<_>>()
            };
            let (new, _file) = writer(&place.path().join("new")).unwrap();
            assert_eq!(tables(&db), tables(&new), "from {version}");
            let kept =
                db.query_row("SELECT is_disabled FROM accounts WHERE id = 7", [], |row| row.get::<_, i64>(0));
            assert_eq!(kept, Ok(0));
        }
    }

    #[test]
    fn commits_are_synchronized_and_references_checked() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("store");
        // Once made, and once found.
        for _ in 0..2 {
            let (db, _file) = writer(&path).unwrap();
            let pragma = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
            assert_eq!(db.pragma_query_value(None, "journal_mode", |row| row.get(0)), Ok("wal".to_owned()));
            // 2 is FULL.
            assert_eq!((pragma("synchronous"), pragma("foreign_keys"), pragma("busy_timeout")), (2, 1, 0));
            assert_eq!((pragma("user_version"), pragma("application_id")), (STEPS.len() as i64, APPLICATION));
        }
    }

    #[test]
    fn a_process_that_is_being_started_holds_no_lock() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("store");
        let first = lock(&path).unwrap();
        let inherited = first.0.try_clone().unwrap();
        assert!(matches!(lock(&path), Err(OpenError::InUse { .. })));
        drop(first);
        assert!(lock(&path).is_ok());
        drop(inherited);
    }

    #[test]
    fn a_log_that_is_not_kept_is_noticed() {
        assert_eq!(keep_log(&Connection::open_in_memory().unwrap()), Ok(false));
    }
}
