//! A server that runs: what its operator can change of it, and what it tells.

use std::collections::BTreeMap;
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

/// Lines that events of one kind may make in the log at each look. Whoever is refused all the time can't fill a disk, nor push
/// out what else happens.
const LINES: u64 = 25;

/// Events of one kind that are kept until the next look.
pub(crate) const NOTES: usize = 256;

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

    /// Reads options, certificates and users again, without a cut. An error changes no option. Returns the options that only a
    /// restart changes.
    pub(crate) async fn reload(&self) -> Result<Vec<&'static str>, Fault> {
        service::reloading();
        let reloaded = self.read_again().await;
        service::ready();
        match &reloaded {
            Ok(_) => info!("options, certificates and users were read again"),
            Err(fault) => warn!("no option was changed: {}", fault.reason.render(false)),
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
        // Last, since none of it can fail.
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
            tell(&notes, &lost);
            watchdog.tell();
        }
    }
}

fn tell(notes: &[Note], lost: &BTreeMap<&'static str, u64>) {
    // Lines, and events without one, by kind.
    let mut kinds: BTreeMap<_, (u64, u64)> = BTreeMap::new();
    for note in notes {
        let (lines, untold) = kinds.entry(note.kind()).or_default();
        if *lines == LINES {
            *untold += 1;
        } else {
            *lines += u64::from(tell_one(note));
        }
    }
    for (kind, (lines, untold)) in kinds {
        let untold = untold + lost.get(kind).copied().unwrap_or_default();
        if lines == LINES && untold > 0 {
            warn!(kind, "{untold} more events within half a second");
        }
    }
}

/// Writes a line; returns whether it is one that matters.
fn tell_one(note: &Note) -> bool {
    let shown = |address: &Option<IpAddr>| address.map_or("unknown".into(), |address| address.to_string());
    match note {
        Note::NotAccepted { address, error, count } => {
            warn!(address = shown(address), connections = count, "connection refused: {error}");
        }
        Note::SignedIn { connection, address, login, is_restored } => {
            let how = if *is_restored { "signed in again" } else { "signed in" };
            info!(connection = %connection, address = shown(address), login = &*text::name(login), "{how}");
        }
        Note::Registered { connection, address, login } => {
            info!(connection = %connection, address = shown(address), login = &*text::name(login), "registered");
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

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::Arc;

    use skaro_proto::Time;
    use skaro_proto::server::{self, ServerConfig};

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn many_events_of_a_kind_push_no_others_out_of_the_log() {
        let mut machine = server::Server::new(ServerConfig::default(), [7; 32]);
        let connection = machine.connect(Time::ZERO, None).unwrap();
        let closed = Note::Closed { connection, address: None, code: CloseCode::Policy };
        let mut notes = vec![closed; 100];
        notes.push(Note::Refused { connection, address: None, request: "authorize", status: 401 });
        notes.push(Note::SignedIn { connection, address: None, login: "alice".into(), is_restored: false });
        let log = Log::default();
        let writer = log.clone();
        let lines = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(lines, || tell(&notes, &BTreeMap::from([("closed", 1000)])));
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count() as u64, LINES + 3, "{text}");
        for line in ["sign-in refused", "signed in", "1075 more events"] {
            assert!(text.contains(line), "no {line} in {text}");
        }
    }
}
