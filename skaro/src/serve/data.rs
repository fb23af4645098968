//! The server's data directory, and the store in it.

use std::env;
use std::fs::DirBuilder;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use skaro_proto::server::Histogram;
use skaro_proto::server::store::{Operation, StoreLimits};
use skaro_sqlite::{Fatal, OpenError, Report, SqliteStore, Worker, WorkerConfig};
use skaro_tokio::{Completions, Submit};

use crate::config::ConfigOptions;
use crate::exit::{Exit, Fault};
use crate::output;

/// The directory that systemd gives a service (systemd.exec(5)).
const VARIABLE: &str = "STATE_DIRECTORY";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The store's file in the directory.
const STORE: &str = "store";

#[derive(Args)]
pub(crate) struct DataOptions {
    /// The directory for users, messages and sessions. It is created if missing, for this user only. Default: that of
    /// the environment variable STATE_DIRECTORY, which systemd sets, else ./skaro-data.
    #[arg(long, value_name = "DIR", conflicts_with = "memory")]
    data: Option<PathBuf>,
    /// Keeps everything in memory only, so that it is lost when the server ends.
    #[arg(long)]
    memory: bool,
    /// Age in days at which messages are deleted, in the background. Without this option none are deleted for their
    /// age.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500), conflicts_with = "memory")]
    keep_days: Option<u32>,
}

/// The directory of a server, for those who look after it.
#[derive(Args)]
pub(crate) struct StoreDirectory {
    #[command(flatten)]
    _config: ConfigOptions,
    /// The server's directory. Default: that of the environment variable STATE_DIRECTORY, else ./skaro-data.
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
}

impl StoreDirectory {
    /// Returns the directory.
    pub(crate) fn path(&self) -> PathBuf {
        directory(self.data.as_deref())
    }

    /// Returns the path of the store in the directory.
    pub(crate) fn store(&self) -> PathBuf {
        self.path().join(STORE)
    }
}

/// Returns the directory that is given by an option or the environment, or the default.
fn directory(option: Option<&Path>) -> PathBuf {
    // There may be several, separated by colons.
    let given = env::var_os(VARIABLE).and_then(|list| env::split_paths(&list).next());
    let given = given.filter(|path| !path.as_os_str().is_empty());
    option.map(Path::to_path_buf).or(given).unwrap_or_else(|| "skaro-data".into())
}

impl DataOptions {
    /// Returns the directory; `None` for memory.
    pub(crate) fn directory(&self) -> Option<PathBuf> {
        (!self.memory).then(|| directory(self.data.as_deref()))
    }

    /// Returns the settings of the store's threads.
    pub(crate) fn worker(&self) -> WorkerConfig {
        let mut config = WorkerConfig::default();
        config.max_age = self.keep_days.map(|days| DAY * days);
        config
    }
}

/// Opens the store in a directory.
pub(crate) fn open(directory: &Path, limits: StoreLimits) -> Result<SqliteStore, Fault> {
    let made = make_private(directory).and_then(|()| directory.canonicalize());
    let unusable = |error| {
        let reason =
            format!("can't use {}: {error}; give another directory with --data", directory.display());
        Fault::new(Exit::System, reason)
    };
    let directory = made.map_err(unusable)?;
    warn_if_open(&directory);
    let path = directory.join(STORE);
    SqliteStore::open(path, limits, Timestamp::now().as_millisecond()).map_err(|error| {
        let exit = match error {
            OpenError::InUse { .. } => Exit::Temporary,
            OpenError::Foreign { .. } | OpenError::TooNew { .. } => Exit::Config,
            OpenError::NoLog { .. } | OpenError::File { .. } => Exit::System,
            _ => Exit::Output,
        };
        Fault::new(exit, error.to_string())
    })
}

/// Warns if others can replace the private files in a directory.
#[cfg(unix)]
fn warn_if_open(directory: &Path) {
    use std::os::unix::fs::MetadataExt;
    if std::fs::metadata(directory).is_ok_and(|metadata| metadata.mode() & 0o002 != 0) {
        output::warn(&format!("others can replace the data: chmod o-w {}", directory.display()));
    }
}

#[cfg(not(unix))]
const fn warn_if_open(_: &Path) {}

/// Creates a directory that only its owner can read, unless it exists.
///
/// The store's files are private in any directory.
pub(crate) fn make_private(directory: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Adds accounts that don't exist yet, and returns the number of all users.
pub(crate) fn add(store: &mut SqliteStore, accounts: &[Operation]) -> Result<u64, Fault> {
    for outcome in store.execute_all(accounts).map_err(failed)? {
        outcome.map_err(|error| Fault::new(Exit::Output, format!("can't add users: {error}")))?;
    }
    store.users().map_err(failed)
}

fn failed(fatal: Fatal) -> Fault {
    Fault::new(Exit::Output, fatal.to_string())
}

/// Times of the store's transactions.
pub(crate) type CommitTimes = Arc<Mutex<Histogram>>;

/// Runs a store in threads of its own.
pub(crate) fn start(
    store: SqliteStore,
    config: WorkerConfig,
    completions: Completions,
    commits: CommitTimes,
) -> io::Result<Submit> {
    let worker = Worker::start(store, config, move |report| match report {
        Report::Completed(all) => completions.complete_all(all),
        Report::Committed { took, .. } => commits.lock().unwrap_or_else(PoisonError::into_inner).add(took),
        Report::Failed(fatal) => completions.fail(fatal),
        // A later version's.
        _ => (),
    });
    let worker = worker.map_err(io::Error::other)?;
    Ok(Box::new(move |id, operation| worker.submit(id, operation)))
}
