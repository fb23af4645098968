//! `skaro backup`, `skaro restore`, `skaro check`: the file of a server's store.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use skaro_sqlite::{BackupError, OpenError};

use crate::exit::{self, Exit, Fault};
use crate::output;
use crate::serve::{self, StoreDirectory};
use crate::text::Shown;

/// Copies a server's data to a new file, also while the server runs.
///
/// The copy is consistent: all data at one moment. It is checked, and gets its name last. Only its owner can read it,
/// because it contains messages, and password verifiers that are as good as passwords.
#[derive(Args)]
#[command(after_help = exit::TABLE)]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    directory: StoreDirectory,
    /// The new file.
    file: PathBuf,
}

/// Restores a server's data from a backup, into a directory without any.
///
/// Users have the passwords of the backup, and are signed out. Their logs get new ids, so that clients, which may
/// have seen newer messages, start over.
#[derive(Args)]
#[command(after_help = exit::TABLE)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    directory: StoreDirectory,
    /// The backup.
    file: PathBuf,
}

/// Checks a server's data, also while the server runs.
#[derive(Args)]
#[command(after_help = exit::TABLE)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    directory: StoreDirectory,
    /// A backup to check instead.
    file: Option<PathBuf>,
}

pub(crate) fn back_up(args: &BackupArgs) -> Result<Exit, Fault> {
    let size = skaro_sqlite::backup(&args.directory.store(), &args.file).map_err(fault)?;
    output::tell(&Shown::from(format!("{size} bytes in {}", args.file.display())))
}

pub(crate) fn restore(args: &RestoreArgs) -> Result<Exit, Fault> {
    let directory = args.directory.path();
    let unusable = |error| Fault::new(Exit::Output, format!("can't use {}: {error}", directory.display()));
    let is_new = !directory.exists();
    serve::make_private(&directory).map_err(unusable)?;
    let store = args.directory.store();
    let size = skaro_sqlite::restore(&args.file, &store).map_err(|error| {
        if is_new {
            // Nothing came of it, so nothing is left of it; whatever else is there stays.
            _ = fs::remove_file(store.with_extension("lock"));
            _ = fs::remove_dir(&directory);
        }
        fault(error)
    })?;
    output::tell(&Shown::from(format!("{size} bytes in {}", args.directory.store().display())))
}

pub(crate) fn check(args: CheckArgs) -> Result<Exit, Fault> {
    let path = args.file.unwrap_or_else(|| args.directory.store());
    let faults = skaro_sqlite::check(&path).map_err(|error| fault(error.into()))?;
    if faults.is_empty() {
        return output::tell(&Shown::from(format!("{} is whole", path.display())));
    }
    let damaged = Shown::from(format!("{} is damaged:", path.display()));
    let reason = faults.iter().fold(damaged, |shown, fault| shown.line().plain(fault));
    Err(Fault::new(Exit::Data, reason))
}

fn fault(error: BackupError) -> Fault {
    let exit = match &error {
        BackupError::Open(OpenError::InUse { .. }) => Exit::Temporary,
        BackupError::Open(OpenError::Foreign { .. } | OpenError::TooNew { .. }) => Exit::Data,
        BackupError::Open(error) if error.is_damage() => Exit::Data,
        BackupError::Open(_) => Exit::NoInput,
        BackupError::Damaged { .. } => Exit::Data,
        _ => Exit::Output,
    };
    Fault::new(exit, error.to_string())
}
