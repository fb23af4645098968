//! A running server: what its operator can change, and what it reports.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use skaro_proto::CloseCode;
use skaro_proto::server::Note;
use skaro_tokio::{Server, ServerOptions};
use tracing::{debug, info, warn};

use super::data::CommitTimes;
use super::{Fixed, ServeArgs, service};

/// Time between two looks at new events. An event's line in the log has the time of the look.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Number of looks for which the limits [`LINES`] and [`SIGN_INS`] hold.
const LOOKS: u32 = 10;

/// Maximum number of lines in the log for events of one kind, within [`LOOKS`] looks.
///
/// A client that is refused again and again can't fill a disk or displace other events.
const LINES: u64 = 25;

/// The same for sign-ins and registrations. Those of one user should not hide those of others.
const SIGN_INS: u64 = 250;

/// Events of one kind that are kept until the next look.
pub(crate) const NOTES: usize = 256;

/// A running server.
pub(crate) struct Running {
    pub(crate) server: Server,
    pub(super) kept: Mutex<Kept>,
    /// Options that only a restart changes, as they were at the start.
    pub(super) fixed: Fixed,
    pub(super) reloading: tokio::sync::Mutex<()>,
    pub(crate) commits: CommitTimes,
    told: Mutex<Told>,
}

/// The options that were read last.
pub(super) struct Kept {
    /// The file with options.
    pub(super) file: Option<PathBuf>,
    pub(super) options: ServerOptions,
}

impl Running {
    pub(crate) fn new(
        server: Server,
        args: &ServeArgs,
        options: ServerOptions,
        commits: CommitTimes,
    ) -> Self {
        server.with(|machine, _| machine.keep_notes(NOTES));
        Running {
            server,
            kept: Mutex::new(Kept { file: args.config.config.clone(), options }),
            fixed: args.fixed(),
            reloading: tokio::sync::Mutex::default(),
            commits,
            told: Mutex::default(),
        }
    }

    /// Writes events to the log, and tells the system that the server is alive. Never ends.
    pub(crate) async fn watch(&self) {
        let mut watchdog = service::Watchdog::start();
        loop {
            for _ in 0..LOOKS {
                tokio::time::sleep(LOOK_EVERY).await;
                self.look();
            }
            self.told.lock().unwrap_or_else(PoisonError::into_inner).sum_up();
            watchdog.tell();
        }
    }

    /// Writes all events so far to the log, so that later lines come after them.
    pub(crate) fn look(&self) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let (notes, lost) = self.server.with(|machine, _| {
            let notes: Vec<_> = std::iter::from_fn(|| machine.poll_note()).collect();
            (notes, machine.take_lost_notes())
        });
        told.tell(&notes, &lost);
    }
}

/// Numbers of lines written and of events without a line, by kind.
#[derive(Default)]
struct Told(BTreeMap<&'static str, (u64, u64)>);

impl Told {
    fn tell(&mut self, notes: &[Note], lost: &BTreeMap<&'static str, u64>) {
        for note in notes {
            let (lines, untold) = self.0.entry(note.kind()).or_default();
            if *lines == share(note.kind()) {
                *untold += 1;
            } else {
                *lines += u64::from(tell_one(note));
            }
        }
        for (kind, lost) in lost {
            self.0.entry(kind).or_default().1 += lost;
        }
    }

    /// Reports how many events had no line, and starts counting again.
    fn sum_up(&mut self) {
        for (kind, (lines, untold)) in std::mem::take(&mut self.0) {
            if lines == share(kind) && untold > 0 {
                warn!(kind, "{untold} more events within half a second");
            }
        }
    }
}

/// Returns the maximum number of lines for a kind of event.
fn share(kind: &str) -> u64 {
    if matches!(kind, "signed_in" | "registered") { SIGN_INS } else { LINES }
}

/// Writes a line, and returns whether it counts towards the limit.
fn tell_one(note: &Note) -> bool {
    let shown = |address: &Option<IpAddr>| address.map_or("unknown".into(), |address| address.to_string());
    match note {
        Note::NotAccepted { address, error, count } => {
            warn!(address = shown(address), connections = count, "connection refused: {error}");
        }
        Note::SignedIn { connection, address, login, is_restored } => {
            let how = if *is_restored { "signed in again" } else { "signed in" };
            info!(connection = %connection, address = shown(address), login = &**login, "{how}");
        }
        Note::Registered { connection, address, login } => {
            info!(connection = %connection, address = shown(address), login = &**login, "registered");
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
        let signed_in = |login: &str| Note::SignedIn {
            connection,
            address: None,
            login: login.into(),
            is_restored: false,
        };
        notes.extend(std::iter::repeat_n(signed_in("mallory"), 100));
        notes.push(signed_in("alice"));
        let log = Log::default();
        let writer = log.clone();
        let lines = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(lines, || {
            let mut told = Told::default();
            notes.chunks(60).for_each(|notes| told.tell(notes, &BTreeMap::new()));
            told.tell(&[], &BTreeMap::from([("closed", 1000)]));
            told.sum_up();
        });
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count() as u64, LINES + 103, "{text}");
        for line in ["sign-in refused", "login=\"alice\"", "1075 more events"] {
            assert!(text.contains(line), "no {line} in {text}");
        }
    }
}
