//! Threads around a store: one that writes, in batches, and one that reads beside it.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use skaro_proto::server::store::{AccountId, Operation, Outcome, StoreError};
use thiserror::Error;

use crate::error::{Failure, Fatal, OpenError};
use crate::gate::Gate;
use crate::queue::{Queue, Taken};
use crate::store::{Reader, SqliteStore};
use crate::tx::is_reading;

/// Messages or keys that retention discards in one transaction, so that others wait for milliseconds at most.
const FORGET: usize = 256;

/// Interval at which the age of messages and keys is checked.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Settings of a [`Worker`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WorkerConfig {
    /// Maximum number of waiting operations, for writing and for reading each; more are refused. Default 4096.
    pub max_waiting: usize,
    /// Maximum bytes of their texts. Default 16 MiB.
    pub max_waiting_bytes: usize,
    /// Maximum number of operations in one transaction. One that may add an entry to the log of each member of a
    /// conference, or of each contact, counts as 64. Default 512.
    pub max_batch: usize,
    /// Maximum bytes of their texts. Default 1 MiB.
    pub max_batch_bytes: usize,
    /// Time without an operation after which SQLite's write-ahead log is checkpointed, that is, carried over to the
    /// file. Default 1 second.
    pub idle: Duration,
    /// Length in bytes of SQLite's write-ahead log beyond which it is emptied, while reads wait for a moment. During a
    /// read, SQLite only makes it longer, so a long read by another process, such as a backup, may make it longer than
    /// this. Default 64 MiB: four times the length at which SQLite checkpoints it, so that reads seldom have to wait.
    pub max_log_bytes: u64,
    /// Age, by their dates, at which messages are discarded: at the start and once a minute, in steps of 256 messages
    /// between other transactions. Logs tell that they were there. Default `None`: age does not matter.
    pub max_age: Option<Duration>,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        WorkerConfig {
            max_waiting: 4096,
            max_waiting_bytes: 16 << 20,
            max_batch: 512,
            max_batch_bytes: 1 << 20,
            idle: Duration::from_secs(1),
            max_log_bytes: 64 << 20,
            max_age: None,
        }
    }
}

/// An error while a worker is started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The connection that reads could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A thread could not be started.
    #[error("a thread of the store can't be started: {0}")]
    Thread(#[from] io::Error),
}

/// A worker's report.
#[derive(Debug)]
#[non_exhaustive]
pub enum Report<I> {
    /// Operations that have ended: they are durable, or were not carried out. These are the changes of one batch, or
    /// one read.
    Completed(Vec<(I, Result<Outcome, StoreError>)>),
    /// A transaction has ended. This comes before its operations are reported, and serves to measure the disk.
    Committed {
        /// The number of its operations.
        operations: usize,
        /// Time that it took, with its synchronization.
        took: Duration,
    },
    /// It is unknown what is durable, and what became of the open operations: the process has to end.
    Failed(Fatal),
}

/// A store that works in its own threads. `I` is the type of the ids of operations.
///
/// Operations that change something are carried out in the order in which they were submitted: all that wait go into
/// one transaction. Those that only read run concurrently, and see all that was reported before they were submitted. If
/// an account has changes under way, its reads wait for them, and happen after their commit, before the next
/// transaction. Dropping the worker carries out what waits, and closes the store.
#[derive(Debug)]
pub struct Worker<I: Send + 'static> {
    shared: Arc<Shared<I>>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared<I> {
    writes: Queue<I>,
    reads: Queue<I>,
    /// Numbers of open changes by account: reads of the account wait behind them.
    changing: Mutex<BTreeMap<AccountId, usize>>,
    /// Held for each read, and to empty SQLite's write-ahead log.
    gate: Gate,
    has_failed: AtomicBool,
    config: WorkerConfig,
    report: Box<dyn Fn(Report<I>) + Send + Sync>,
}

impl<I> std::fmt::Debug for Shared<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("config", &self.config).finish_non_exhaustive()
    }
}

impl<I: Send + 'static> Worker<I> {
    /// Starts the threads. They call `report`, each with one report at a time. The time that a call takes delays the
    /// next one.
    ///
    /// # Errors
    /// If a connection can't be opened, or a thread can't be started.
    pub fn start(
        store: SqliteStore,
        config: WorkerConfig,
        report: impl Fn(Report<I>) + Send + Sync + 'static,
    ) -> Result<Self, StartError> {
        let reader = store.reader()?;
        let shared = Arc::new(Shared {
            writes: Queue::new(config.max_waiting, config.max_waiting_bytes),
            reads: Queue::new(config.max_waiting, config.max_waiting_bytes),
            changing: Mutex::default(),
            gate: Gate::default(),
            has_failed: AtomicBool::new(false),
            config,
            report: Box::new(report),
        });
        let mut worker = Worker { shared: shared.clone(), threads: Vec::new() };
        let reading = shared.clone();
        worker.threads.push(
            Builder::new()
                .name("store-read".into())
                .spawn(move || reading.guard(|| reading.read(&reader)))?,
        );
        worker.threads.push(
            Builder::new().name("store-write".into()).spawn(move || shared.guard(|| shared.write(store)))?,
        );
        Ok(worker)
    }

    /// Submits an operation, without waiting. Its outcome is reported once, with this id, from another thread. After
    /// [`Report::Failed`] no outcomes are reported.
    ///
    /// # Errors
    /// * [`Busy`](StoreError::Busy) if too many wait ([`max_waiting`](WorkerConfig::max_waiting),
    ///   [`max_waiting_bytes`](WorkerConfig::max_waiting_bytes));
    /// * [`Unavailable`](StoreError::Unavailable) after a failure.
    ///
    /// Then the operation is not carried out, and nothing is reported.
    pub fn submit(&self, id: I, operation: Operation) -> Result<(), StoreError> {
        if self.shared.has_failed.load(Ordering::Acquire) {
            return Err(StoreError::Unavailable);
        }
        let (account, is_reading) = (account(&operation), is_reading(&operation));
        let mut changing = self.shared.changing();
        let waits = account.is_some_and(|account| changing.contains_key(&account));
        let queue = if is_reading && !waits { &self.shared.reads } else { &self.shared.writes };
        if !queue.push(id, operation) {
            return Err(StoreError::Busy);
        }
        if let Some(account) = account.filter(|_| !is_reading) {
            *changing.entry(account).or_default() += 1;
        }
        Ok(())
    }
}

impl<I: Send + 'static> Drop for Worker<I> {
    fn drop(&mut self) {
        // The connection that writes is the last to go: another one can't remove SQLite's write-ahead log.
        let queues = [&self.shared.reads, &self.shared.writes];
        for (queue, thread) in queues.into_iter().zip(self.threads.drain(..)) {
            queue.close();
            // A thread that drops it in a report waits for the others only.
            if thread.thread().id() != std::thread::current().id() {
                let _panicked = thread.join();
            }
        }
    }
}

/// Returns the account that an operation reads or changes in its own name, if that is known.
fn account(operation: &Operation) -> Option<AccountId> {
    match operation {
        Operation::Append { from: account, .. }
        | Operation::FindKey { from: account, .. }
        | Operation::MoveMark { account, .. }
        | Operation::ReadDialog { account, .. }
        | Operation::ListContacts { account, .. }
        | Operation::ChangeContact { account, .. }
        | Operation::ChangeMember { account, .. }
        | Operation::SetProfile { account, .. }
        | Operation::FindUser { account, .. }
        | Operation::SearchUsers { account, .. }
        | Operation::ListKnown { account, .. } => Some(*account),
        Operation::Invite { by, .. } => *by,
        _ => None,
    }
}

impl<I> Shared<I> {
    fn changing(&self) -> MutexGuard<'_, BTreeMap<AccountId, usize>> {
        // No code of others runs under this lock.
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note that these operations are done.
    fn changed(&self, operations: &[Operation]) {
        let mut changing = self.changing();
        for account in operations.iter().filter(|it| !is_reading(it)).filter_map(account) {
            if let Some(open) = changing.get_mut(&account) {
                *open -= 1;
                if *open == 0 {
                    changing.remove(&account);
                }
            }
        }
    }

    fn fail(&self, fatal: Fatal) {
        if !self.has_failed.swap(true, Ordering::AcqRel) {
            (self.report)(Report::Failed(fatal));
        }
        self.writes.close();
        self.reads.close();
    }

    /// Runs what a thread does, and reports how it fails.
    fn guard(&self, work: impl FnOnce() -> Result<(), Fatal>) {
        let panicked = |_| Err(Fatal::new("a thread of the store panicked"));
        if let Err(fatal) = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(panicked) {
            self.fail(fatal);
        }
    }

    fn write(&self, mut store: SqliteStore) -> Result<(), Fatal> {
        let config = &self.config;
        let mut batch = Vec::new();
        let mut next_look = Instant::now();
        // Set if there is something to carry over.
        let mut is_changed = true;
        let mut long_log = config.max_log_bytes;
        loop {
            if next_look <= Instant::now() {
                let is_more = self.forget(&mut store)?;
                next_look = Instant::now() + if is_more { Duration::ZERO } else { LOOK_EVERY };
                is_changed = true;
            }
            let look = Some(next_look.saturating_duration_since(Instant::now()));
            let idle = is_changed.then_some(config.idle);
            let time = [look, idle].into_iter().flatten().min();
            match self.writes.take(&mut batch, config.max_batch, config.max_batch_bytes, time) {
                Taken::Some => {
                    self.carry_out(&mut store, &mut batch)?;
                    is_changed = true;
                }
                Taken::Idle if time == idle => {
                    store.checkpoint()?;
                    is_changed = false;
                }
                Taken::Idle => (),
                Taken::Closed => return store.checkpoint(),
            }
            self.shorten_log(&mut store, &mut long_log)?;
            if self.has_failed.load(Ordering::Acquire) {
                return Ok(());
            }
        }
    }

    /// Carries out the changes of a batch in one transaction, then the reads that waited for them, one by one: the
    /// result of each is handed over before the next one begins.
    fn carry_out(&self, store: &mut SqliteStore, batch: &mut Vec<(I, Operation)>) -> Result<(), Fatal> {
        let (readings, changes): (Vec<_>, Vec<_>) =
            batch.drain(..).partition(|(_, operation)| is_reading(operation));
        let (ids, changes): (Vec<_>, Vec<_>) = changes.into_iter().unzip();
        if !changes.is_empty() {
            let begin = Instant::now();
            let outcomes = store.execute_all(&changes)?;
            self.changed(&changes);
            (self.report)(Report::Committed { operations: changes.len(), took: begin.elapsed() });
            (self.report)(Report::Completed(ids.into_iter().zip(outcomes).collect()));
        }
        readings.into_iter().try_for_each(|(id, reading)| self.tell(id, store.read(&reading)))
    }

    /// Reports what a read found.
    fn tell(&self, id: I, found: Result<Outcome, Failure>) -> Result<(), Fatal> {
        let outcome = match found {
            Ok(outcome) => Ok(outcome),
            Err(Failure::Refused(error)) => Err(error),
            Err(Failure::Fatal(fatal)) => return Err(fatal),
        };
        (self.report)(Report::Completed(vec![(id, outcome)]));
        Ok(())
    }

    /// Empties SQLite's write-ahead log if it is longer than this. If another process reads, the next attempt is made
    /// when it has grown as much again: each has to look through the log.
    fn shorten_log(&self, store: &mut SqliteStore, long: &mut u64) -> Result<(), Fatal> {
        let bytes = store.log_bytes();
        if bytes <= *long {
            *long = (*long).min(bytes + self.config.max_log_bytes);
            return Ok(());
        }
        let _nobody_reads = self.gate.enter();
        store.empty_log()?;
        *long = store.log_bytes() + self.config.max_log_bytes;
        Ok(())
    }

    /// Discards what is too old, in a small step. Returns whether there may be more.
    fn forget(&self, store: &mut SqliteStore) -> Result<bool, Fatal> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let milliseconds = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let is_more = match self.config.max_age {
            Some(age) => store.forget_older(milliseconds(now.saturating_sub(age)), FORGET)?,
            None => false,
        };
        Ok(is_more || store.forget_keys(milliseconds(now), FORGET)?)
    }

    fn read(&self, reader: &Reader) -> Result<(), Fatal> {
        let mut batch = Vec::new();
        loop {
            match self.reads.take(&mut batch, self.config.max_batch, usize::MAX, None) {
                Taken::Closed => return Ok(()),
                Taken::Idle | Taken::Some => (),
            }
            for (id, operation) in batch.drain(..) {
                let inside = self.gate.enter();
                let found = reader.read(&operation);
                drop(inside);
                self.tell(id, found)?;
            }
        }
    }
}
