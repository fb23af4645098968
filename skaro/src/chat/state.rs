//! The file of `--state`: the place in the user's log up to which the chat has shown everything.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fs4::{FileExt, TryLockError};
use serde::{Deserialize, Serialize};
use skaro_proto::client::{Event, LogStart};

use crate::exit::{Exit, Fault};

/// A file that no other process uses as long as this exists.
pub(crate) struct State {
    path: PathBuf,
    login: String,
    place: LogStart,
    /// Place after the last event, if only the program moves the place in the file.
    come: Option<LogStart>,
    /// Number of events that were shown since the file was written.
    unsaved: usize,
    _lock: File,
}

/// Number of events after which the file is written even if more wait.
///
/// At most that many are shown again after the chat was killed.
const FAR_AHEAD: usize = 100;

/// The content of the file.
#[derive(Serialize, Deserialize)]
struct Content {
    login: String,
    log: String,
    position: u64,
}

impl State {
    /// Locks and reads the file. If it does not exist yet, the chat begins at the log's head.
    ///
    /// The place moves with each event, or only by [`handle_taken`](Self::handle_taken).
    pub(crate) fn open(path: PathBuf, login: &str, waits_for_taken: bool) -> Result<State, Fault> {
        let fault =
            |exit, reason: &dyn std::fmt::Display| Fault::new(exit, format!("{}: {reason}", path.display()));
        // The lock needs a file of its own, because each change replaces the file with the state.
        let lock = File::options().create(true).append(true).open(with_ending(&path, "lock"));
        let lock = lock.map_err(|error| fault(Exit::System, &error))?;
        match FileExt::try_lock(&lock) {
            Ok(()) => (),
            Err(TryLockError::WouldBlock) => {
                return Err(fault(Exit::Temporary, &"another chat uses this file: give each its own"));
            }
            Err(TryLockError::Error(error)) => return Err(fault(Exit::System, &error)),
        }
        let place = match fs::read(&path) {
            Ok(bytes) => {
                let content: Content = serde_json::from_slice(&bytes)
                    .map_err(|error| fault(Exit::Config, &format!("no state of a chat: {error}")))?;
                if content.login != login {
                    let reason = format!("this is the state of {}: give each user a file", content.login);
                    return Err(fault(Exit::Config, &reason));
                }
                LogStart::Since { log: content.log, position: content.position }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => LogStart::Head,
            Err(error) => return Err(fault(Exit::NoInput, &error)),
        };
        let come = waits_for_taken.then(|| place.clone());
        Ok(State { login: login.into(), place, come, unsaved: 0, _lock: lock, path })
    }

    /// Returns the place at which the chat begins, or which it has reached.
    pub(crate) const fn place(&self) -> &LogStart {
        &self.place
    }

    /// Moves the place to after an event of this user.
    pub(crate) fn follow(&mut self, user: &str, event: &Event<'_>) {
        // After a manual sign-in as another user, the events belong to another log.
        if user != self.login {
            return;
        }
        let is_beginning = self.place == LogStart::Head || matches!(event, Event::LogChanged { .. });
        let waits_for_taken = self.come.as_mut().map(|come| come.follow(event)).is_some();
        if (is_beginning || !waits_for_taken) && self.place.follow(event) {
            self.unsaved += 1;
        }
    }

    /// Moves the place to after an event that the program has handled. Returns whether that event has occurred.
    pub(crate) fn handle_taken(&mut self, position: u64) -> bool {
        let Some(LogStart::Since { log, position: come }) = &self.come else { return false };
        if position > *come {
            return false;
        }
        let is_later = match &self.place {
            LogStart::Since { position: before, .. } => position > *before,
            _ => true,
        };
        if is_later {
            self.place = LogStart::Since { log: log.clone(), position };
            self.unsaved += 1;
        }
        true
    }

    /// Returns whether the file must be written now, even if other work waits.
    pub(crate) const fn is_far_ahead(&self) -> bool {
        self.unsaved >= FAR_AHEAD
    }

    /// Writes the place into the file, if it has moved.
    pub(crate) fn save(&mut self) -> io::Result<()> {
        if self.unsaved == 0 {
            return Ok(());
        }
        let LogStart::Since { log, position } = &self.place else { return Ok(()) };
        let content = Content { login: self.login.clone(), log: log.clone(), position: *position };
        // At any moment the file is either the old one or the new one.
        let beside = with_ending(&self.path, "new");
        // A killed chat may have left this file behind.
        _ = fs::remove_file(&beside);
        let mut file = File::options().write(true).create_new(true).open(&beside)?;
        file.write_all(&serde_json::to_vec(&content)?)?;
        file.sync_all()?;
        fs::rename(beside, &self.path)?;
        self.unsaved = 0;
        Ok(())
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}
