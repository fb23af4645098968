//! A server that runs: what its operator can change of it, and what it tells.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use skaro_proto::CloseCode;
use skaro_proto::server::Note;
use skaro_proto::server::store::Outcome;
use skaro_tokio::Server;
use tracing::{debug, info, warn};

use super::data::CommitTimes;
use super::{ServeArgs, config, options, service};
use crate::config::Misunderstood;
use crate::exit::{Exit, Fault};
use crate::{Command, Program, text};

/// Time between two looks at what has happened.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Lines that events may make in the log at each look. Whoever is refused all the time can't fill a disk.
const LINES: usize = 50;

/// Events that are kept until the next look.
pub(crate) const NOTES: usize = 1024;

/// A server that runs.
pub(crate) struct Running {
    pub(crate) server: Server,
    args: Mutex<ServeArgs>,
    pub(crate) commits: CommitTimes,
}

impl Running {
    pub(crate) fn new(server: Server, args: ServeArgs, commits: CommitTimes) -> Self {
        server.with(|machine, _| machine.keep_notes(NOTES));
        Running { server, args: Mutex::new(args), commits }
    }

    /// Reads options, certificates and users again, without a cut. An error changes nothing. Returns the options that only a
    /// restart changes.
    pub(crate) async fn reload(&self) -> Result<Vec<&'static str>, Fault> {
        service::reloading();
        let reloaded = self.read_again().await;
        service::ready();
        match &reloaded {
            Ok(_) => info!("options, certificates and users were read again"),
            Err(fault) => warn!("nothing was changed: {}", fault.reason.render(false)),
        }
        reloaded
    }

    async fn read_again(&self) -> Result<Vec<&'static str>, Fault> {
        let line: Vec<_> = std::env::args_os().collect();
        let args = match crate::config::parse(&line) {
            Ok(Program { command: Command::Serve(args) }) => args,
            Ok(_) => return Err(Fault::new(Exit::Software, "this is another command")),
            Err(Misunderstood::Line(error)) => return Err(Fault::new(Exit::Usage, error.to_string())),
            Err(Misunderstood::File(fault)) => return Err(fault),
        };
        let (config, options) = (config(&args), options(&args)?);
        let mut accounts = Vec::new();
        args.users.add_to(|login, password| {
            accounts.push(self.server.with(|machine, _| machine.account(login, password))?);
            Ok(())
        })?;
        self.server.with(|machine, _| machine.set_config(config));
        self.server.set_options(options);
        let before = {
            let mut kept = self.args.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *kept, args).fixed()
        };
        let now = self.args.lock().unwrap_or_else(PoisonError::into_inner).fixed();
        let changed = before.iter().zip(&now).filter(|(before, now)| before != now);
        let restart: Vec<_> = changed.map(|((name, _), _)| *name).collect();
        restart.iter().for_each(|name| warn!("{name} is changed only by a restart"));
        let mut added = 0;
        for account in accounts {
            match self.server.operate(account).await {
                Ok(Outcome::Added(_)) => added += 1,
                Ok(_) => (),
                Err(error) => return Err(Fault::new(Exit::Output, format!("can't add users: {error}"))),
            }
        }
        if added > 0 {
            info!(users = added, "users were added");
        }
        Ok(restart)
    }

    /// Writes what happens into the log, and tells the system that the server is alive. Never ends.
    pub(crate) async fn watch(&self) {
        let mut watchdog = service::Watchdog::start();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let (notes, lost) = self.server.with(|machine, _| {
                let notes: Vec<_> = std::iter::from_fn(|| machine.poll_note()).collect();
                (notes, machine.take_lost_notes())
            });
            tell(&notes, lost);
            watchdog.tell();
        }
    }
}

fn tell(notes: &[Note], lost: u64) {
    let mut lines = 0;
    for note in notes {
        if lines == LINES {
            break;
        }
        lines += usize::from(tell_one(note));
    }
    let untold = notes.len().saturating_sub(LINES) as u64 + lost;
    if lines == LINES && untold > 0 {
        warn!("{untold} more events within half a second");
    }
}

/// Writes a line; returns whether it is one that matters.
fn tell_one(note: &Note) -> bool {
    let shown = |address: &Option<IpAddr>| address.map_or("unknown".into(), |address| address.to_string());
    match note {
        Note::NotAccepted { address, error } => {
            warn!(address = shown(address), "connection refused: {error}");
        }
        Note::SignedIn { connection, address, login, is_restored } => {
            let how = if *is_restored { "signed in again" } else { "signed in" };
            info!(connection = %connection, address = shown(address), login = &*text::name(login), "{how}");
        }
        Note::Refused {
            connection,
            address,
            request: request @ ("authorize" | "session_restore"),
            status,
        } => {
            warn!(connection = %connection, address = shown(address), status, "sign-in refused ({request})");
        }
        Note::Refused { connection, address, request, status: status @ (429 | 503 | 504) } => {
            warn!(connection = %connection, address = shown(address), status, "refused ({request})");
        }
        Note::Refused { connection, address, request, status } => {
            debug!(connection = %connection, address = shown(address), status, "refused ({request})");
            return false;
        }
        Note::Closed { connection, address, code: CloseCode::Away | CloseCode::Normal } => {
            debug!(connection = %connection, address = shown(address), "closed");
            return false;
        }
        Note::Closed { connection, address, code } => {
            let code = code.code();
            info!(connection = %connection, address = shown(address), code, "closed by the server");
        }
        Note::Slow { request, took } => {
            warn!(milliseconds = took.as_millis() as u64, "the store was slow ({request})");
        }
        _ => return false,
    }
    true
}
