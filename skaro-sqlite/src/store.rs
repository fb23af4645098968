//! The store: transactions around operations.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use skaro_proto::server::store::{Operation, Outcome, Store, StoreError, StoreLimits, is_conference};

use crate::error::{Failure, Fatal, OpenError, Result};
use crate::file;
use crate::tx::Tx;

/// A store in a file, with SQLite's files (`-wal`, `-shm`) and a lock (`.lock`) beside it. Only their owner can read
/// them.
///
/// Operations that were carried out are durable: SQLite has synchronized its write-ahead log. Memory use does not grow
/// with the number of messages.
pub struct SqliteStore {
    db: Connection,
    path: PathBuf,
    limits: StoreLimits,
    /// The failure after which nothing is carried out any more.
    failed: Option<Fatal>,
    /// Set from when there is no room until something is written again.
    is_full: bool,
    /// Closed after the connection.
    file: File,
    /// The last to go: as long as it is here, no other server opens the file.
    _lock: file::Lock,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens a store, or creates it if it does not exist.
    ///
    /// Sessions that were in use count as broken from `now` on, a Unix time in milliseconds: each can be taken for
    /// [its lifetime](StoreLimits::session_lifetime) after that.
    ///
    /// The directory must exist, on a local disk: SQLite shares memory between connections by a file. The limits may
    /// differ from earlier ones; what exceeds lower ones is discarded when something is added to its log.
    ///
    /// # Errors
    /// If another server has the store open, the file is no store or one of a later version, or the disk fails.
    pub fn open(
        path: impl Into<PathBuf>,
        limits: StoreLimits,
        now: i64,
    ) -> core::result::Result<Self, OpenError> {
        let path = path.into();
        let lock = file::lock(&path)?;
        let (db, file) = file::writer(&path)?;
        let mut store = SqliteStore { db, path, limits, failed: None, is_full: false, file, _lock: lock };
        // On a full disk they stay in use, which lets them be taken as well.
        match store.transact(|tx| tx.break_sessions(now)) {
            Ok(()) | Err(Failure::Refused(_)) => Ok(store),
            Err(Failure::Fatal(fatal)) => Err(OpenError::Failed(fatal)),
        }
    }

    /// Carries out operations in order, in as few transactions as possible. All are durable when this returns.
    ///
    /// # Errors
    /// If it is unknown what is durable now. Then nothing is carried out any more.
    pub fn execute_all(
        &mut self,
        operations: &[Operation],
    ) -> core::result::Result<Vec<core::result::Result<Outcome, StoreError>>, Fatal> {
        if let Some(fatal) = &self.failed {
            return Err(fatal.clone());
        }
        match self.carry_out(operations) {
            Ok(outcomes) => Ok(outcomes),
            // Whatever one of them failed for, the others must not suffer.
            Err(Failure::Refused(error)) => {
                self.make_room(error)?;
                operations.iter().map(|operation| self.execute_one(operation)).collect()
            }
            Err(Failure::Fatal(fatal)) => Err(fatal),
        }
    }

    /// Carries out operations in one transaction.
    fn carry_out(
        &mut self,
        operations: &[Operation],
    ) -> Result<Vec<core::result::Result<Outcome, StoreError>>> {
        let (db, path, file) = (&self.db, &self.path, &self.file);
        let work = |tx: &Tx<'_>| {
            let mut has_room = None;
            let execute = |operation| {
                if adds(operation) && (has_room.is_none() || adds_to_many(operation)) {
                    has_room = Some(file::has_room(db, path, file)?);
                }
                execute(tx, operation, has_room.unwrap_or(true))
            };
            operations.iter().map(execute).collect()
        };
        let result = self.ready().and_then(|()| transact(db, &self.limits, "BEGIN IMMEDIATE", work));
        self.is_full &= result.is_err();
        self.note(result)
    }

    /// Carries the write-ahead log over to the file, unless that was tried since the disk became full. The log then
    /// begins anew, in the room that it has.
    fn make_room(&mut self, error: StoreError) -> core::result::Result<(), Fatal> {
        if error == StoreError::Full && !core::mem::replace(&mut self.is_full, true) {
            self.checkpoint()?;
        }
        Ok(())
    }

    fn execute_one(
        &mut self,
        operation: &Operation,
    ) -> core::result::Result<core::result::Result<Outcome, StoreError>, Fatal> {
        match self.carry_out(core::slice::from_ref(operation)) {
            Ok(mut outcomes) => Ok(outcomes.pop().unwrap_or(Err(StoreError::Unavailable))),
            Err(Failure::Refused(error)) => Ok(Err(error)),
            Err(Failure::Fatal(fatal)) => Err(fatal),
        }
    }

    /// Checkpoints SQLite's write-ahead log: carries it over to the file, as far as no read needs it.
    ///
    /// # Errors
    /// If it is unknown what is durable now. If the disk has no room, nothing changes, which is no error.
    pub fn checkpoint(&mut self) -> core::result::Result<(), Fatal> {
        self.carry_over("PRAGMA wal_checkpoint(PASSIVE)")
    }

    /// Carries over SQLite's write-ahead log to the file, and makes the log empty, unless another process reads. No
    /// connection of this process may read meanwhile.
    pub(crate) fn empty_log(&mut self) -> core::result::Result<(), Fatal> {
        self.carry_over("PRAGMA wal_checkpoint(TRUNCATE)")
    }

    fn carry_over(&mut self, checkpoint: &str) -> core::result::Result<(), Fatal> {
        let done = self.ready().and_then(|()| Ok(self.db.query_row(checkpoint, [], |_| Ok(()))?));
        self.settle(done)
    }

    /// Returns the length of SQLite's write-ahead log in bytes.
    pub(crate) fn log_bytes(&self) -> u64 {
        std::fs::metadata(file::beside(&self.path, "-wal")).map_or(0, |data| data.len())
    }

    /// Discards at most `limit` messages that are dated before a Unix time in milliseconds, the oldest first. One in a
    /// conference counts once for each log that has it. Returns whether there may be more.
    ///
    /// # Errors
    /// If it is unknown what is durable now. If the disk has no room, nothing changes, which is no error.
    pub fn forget_older(&mut self, before: i64, limit: usize) -> core::result::Result<bool, Fatal> {
        let more = self.transact(|tx| tx.forget_older(before, limit));
        self.settle(more)
    }

    /// Discards at most `limit` keys that have expired at a Unix time in milliseconds, the oldest first. Returns
    /// whether there may be more. Expired keys of a sender who adds others are discarded without this.
    ///
    /// # Errors
    /// If it is unknown what is durable now. If the disk has no room, nothing changes, which is no error.
    pub fn forget_keys(&mut self, now: i64, limit: usize) -> core::result::Result<bool, Fatal> {
        let more = self.transact(|tx| tx.forget_keys(now, limit));
        self.settle(more)
    }

    /// Returns the number of users.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn users(&self) -> core::result::Result<u64, Fatal> {
        let count = "SELECT count(*) FROM accounts WHERE verifier IS NOT NULL";
        self.db.query_row(count, [], |row| row.get(0)).map(crate::tx::number).map_err(Fatal::new)
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a connection that reads beside this one.
    pub(crate) fn reader(&self) -> core::result::Result<Reader, OpenError> {
        let db = file::reader(&self.path)
            .map_err(|source| OpenError::Sqlite { path: self.path.clone(), source })?;
        Ok(Reader { db, limits: self.limits.clone() })
    }

    /// Carries out an operation that only reads.
    pub(crate) fn read(&mut self, operation: &Operation) -> Result<Outcome> {
        let found =
            self.ready().and_then(|()| transact(&self.db, &self.limits, "BEGIN", |tx| tx.execute(operation)));
        self.note(found)
    }

    fn settle<T: Default>(&mut self, result: Result<T>) -> core::result::Result<T, Fatal> {
        match self.note(result) {
            Ok(value) => Ok(value),
            Err(Failure::Refused(_)) => Ok(T::default()),
            Err(Failure::Fatal(fatal)) => Err(fatal),
        }
    }

    fn transact<T>(&mut self, work: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
        let result = self.ready().and_then(|()| transact(&self.db, &self.limits, "BEGIN IMMEDIATE", work));
        self.note(result)
    }

    /// Fails after a fatal failure.
    fn ready(&self) -> Result<()> {
        self.failed.clone().map_or(Ok(()), |fatal| Err(Failure::Fatal(fatal)))
    }

    /// Lets nothing be carried out any more after a fatal failure, nor be carried over to the file when it is closed:
    /// only a store that is opened again knows which changes in the log are whole.
    fn note<T>(&mut self, result: Result<T>) -> Result<T> {
        if let Err(Failure::Fatal(fatal)) = &result
            && self.failed.is_none()
        {
            self.failed = Some(fatal.clone());
            _ = self.db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
        result
    }
}

/// Carries out an operation, unless it adds something and there is no room.
fn execute(
    tx: &Tx<'_>,
    operation: &Operation,
    has_room: bool,
) -> Result<core::result::Result<Outcome, StoreError>> {
    if has_room || !adds(operation) {
        return tx.execute(operation).map(Ok);
    }
    // It may have been carried out before.
    let known = match operation {
        Operation::Append { from, to, body, key: Some(key), .. } => tx.find_key(*from, to, body, key)?,
        Operation::AddAccount { login, .. } => tx.id_of(login)?.map(|_| Outcome::Exists),
        Operation::Register { login, log, .. } => tx.registered(login, *log)?,
        _ => None,
    };
    Ok(known.ok_or(StoreError::Full))
}

/// Returns whether an operation makes the file longer. Others need a few pages at most, such as those of sessions.
const fn adds(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::Append { .. }
            | Operation::AddAccount { .. }
            | Operation::Register { .. }
            | Operation::Introduce { .. }
            | Operation::Invite { .. }
    ) || changes_people(operation)
}

/// Returns whether an operation may have an entry in the log of each member of a conference, or of each contact.
pub(crate) fn adds_to_many(operation: &Operation) -> bool {
    match operation {
        Operation::Append { to, .. } => is_conference(to),
        _ => changes_people(operation),
    }
}

const fn changes_people(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::ChangeContact { .. } | Operation::ChangeMember { .. } | Operation::SetProfile { .. }
    )
}

/// Works within one transaction, which is taken back if the work or its end fails.
fn transact<T>(
    db: &Connection,
    limits: &StoreLimits,
    begin: &'static str,
    work: impl FnOnce(&Tx<'_>) -> Result<T>,
) -> Result<T> {
    let tx = Tx { db, limits };
    tx.run(begin, [])?;
    let result = work(&tx).and_then(|value| {
        tx.prepare("COMMIT")?.execute([]).map_err(Failure::of_commit)?;
        Ok(value)
    });
    // SQLite has taken it back itself after some errors.
    if result.is_err() && !db.is_autocommit() {
        tx.run("ROLLBACK", []).map_err(|error| match error {
            Failure::Refused(error) => Failure::Fatal(Fatal::new(error)),
            fatal @ Failure::Fatal(_) => fatal,
        })?;
    }
    result
}

impl Store for SqliteStore {
    /// Carries out an operation in a transaction of its own. After a [fatal](Fatal) error everything is
    /// [unavailable](StoreError::Unavailable).
    fn execute(&mut self, operation: Operation) -> core::result::Result<Outcome, StoreError> {
        let outcomes = self.execute_all(&[operation]);
        outcomes.ok().and_then(|mut outcomes| outcomes.pop()).unwrap_or(Err(StoreError::Unavailable))
    }
}

/// A connection that reads.
pub(crate) struct Reader {
    db: Connection,
    limits: StoreLimits,
}

impl Reader {
    /// Carries out an operation that only reads.
    pub(crate) fn read(&self, operation: &Operation) -> Result<Outcome> {
        transact(&self.db, &self.limits, "BEGIN", |tx| tx.execute(operation))
    }
}
