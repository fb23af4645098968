//! The operator's end: access to the running server, or to the store while no server runs.

#[cfg(unix)]
use std::io::{BufRead, BufReader, Read, Write};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::path::Path;
#[cfg(unix)]
use std::path::PathBuf;
#[cfg(unix)]
use std::time::Duration;

use jiff::Timestamp;
use skaro_proto::Time;
use skaro_proto::message::Registration;
use skaro_proto::server::store::Store;
use skaro_proto::server::{Server, ServerConfig};
use skaro_sqlite::SqliteStore;
#[cfg(unix)]
use zeroize::Zeroizing;

use super::{Answer, Request, Why};
#[cfg(unix)]
use super::{MAX_LINE, SOCKET};
use crate::exit::{Exit, Fault};
use crate::serve;

/// Time-out for the server's answer.
#[cfg(unix)]
const ANSWER: Duration = Duration::from_secs(30);

/// The same for reading options again, when there may be many users to add.
#[cfg(unix)]
const RELOADED: Duration = Duration::from_secs(600);

/// The server or the store that carries requests out.
pub(crate) enum Target {
    /// The socket of a running server.
    #[cfg(unix)]
    Running(PathBuf),
    /// The store, which no server has locked.
    Store { store: Box<SqliteStore>, machine: Box<Server> },
}

impl Target {
    /// Finds the server of a data directory, or opens its store.
    pub(crate) fn find(directory: &Path) -> Result<Target, Fault> {
        expect_store(directory)?;
        #[cfg(unix)]
        {
            let path = directory.join(SOCKET);
            if connect(&path)?.is_some() {
                return Ok(Target::Running(path));
            }
        }
        // It is unknown whether a server would register users by invitation.
        let mut config = ServerConfig::default();
        config.registration = Registration::Invitation;
        let store =
            serve::open_store(directory, config.store_limits()).map_err(|fault| match fault.exit {
                // A reachable server would have been asked.
                Exit::Temporary => Fault::new(Exit::Temporary, unreachable_server(directory)),
                _ => fault,
            })?;
        let mut machine = Server::with_store(config, serve::seed()?);
        machine.set_time_of_day(Time::ZERO, Timestamp::now().as_millisecond());
        Ok(Target::Store { store: Box::new(store), machine: Box::new(machine) })
    }

    /// Has a request carried out, and returns its answer, or a fault if it was refused.
    pub(crate) fn ask(&mut self, request: Request) -> Result<Answer, Fault> {
        let answer = match self {
            #[cfg(unix)]
            Target::Running(path) => exchange(path, &request)?,
            Target::Store { store, machine } => match request.operation(machine, Time::ZERO) {
                Ok((operation, when_done)) => match store.execute(operation) {
                    Ok(outcome) => Answer::of(outcome, when_done),
                    Err(error) => return Err(Fault::new(Exit::Output, error.to_string())),
                },
                Err(refused) => refused,
            },
        };
        match answer {
            Answer::Refused { why, reason } => {
                let exit = match why {
                    Why::Invalid => Exit::Usage,
                    Why::NoSuchUser => Exit::NoUser,
                    Why::Exists => Exit::Data,
                    Why::Unavailable => Exit::Temporary,
                    Why::Misconfigured => Exit::Config,
                    Why::Unreadable => Exit::NoInput,
                    Why::Failed => Exit::Output,
                    Why::System => Exit::System,
                };
                Err(Fault::new(exit, reason))
            }
            answer => Ok(answer),
        }
    }

    /// Has a request carried out whose answer contains no data.
    pub(crate) fn have_done(&mut self, request: Request) -> Result<(), Fault> {
        match self.ask(request)? {
            Answer::Done => Ok(()),
            _ => Err(unexpected()),
        }
    }
}

/// Fails if a directory contains no store.
pub(crate) fn expect_store(directory: &Path) -> Result<(), Fault> {
    if directory.join("store").exists() {
        return Ok(());
    }
    let reason = format!("there is no store in {}: give the directory with --data", directory.display());
    Err(Fault::new(Exit::NoInput, reason))
}

fn unreachable_server(directory: &Path) -> String {
    let directory = directory.display();
    format!(
        "the store in {directory} is in use by a server that can't be reached: nobody listens at {directory}/control; if that \
         file was removed, restart the server"
    )
}

pub(crate) fn unexpected() -> Fault {
    Fault::new(
        Exit::Protocol,
        "the server has given another answer than was asked for: is it another version?",
    )
}

/// Connects to the server that listens on a socket. `None` if nobody listens.
#[cfg(unix)]
fn connect(path: &Path) -> Result<Option<UnixStream>, Fault> {
    use std::io::ErrorKind::{ConnectionRefused, NotFound};

    let connected = UnixStream::connect(path).and_then(|stream| {
        stream.set_read_timeout(Some(ANSWER))?;
        stream.set_write_timeout(Some(ANSWER))?;
        Ok(stream)
    });
    match connected {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if matches!(error.kind(), NotFound | ConnectionRefused) => Ok(None),
        Err(error) => {
            let exit = match error.kind() {
                std::io::ErrorKind::PermissionDenied => Exit::Denied,
                _ => Exit::Unavailable,
            };
            Err(Fault::new(exit, format!("can't reach the server at {}: {error}", path.display())))
        }
    }
}

/// Sends a request on a new connection. The server waits one second for it.
#[cfg(unix)]
fn exchange(path: &Path, request: &Request) -> Result<Answer, Fault> {
    let not_done = |why: String| Fault::new(Exit::Temporary, format!("{why}: this was not done"));
    let broken = |error: std::io::Error| {
        let reason = format!("the server does not answer ({error}): nobody knows whether this was done");
        Fault::new(Exit::Temporary, reason)
    };
    let mut line = Zeroizing::new(serde_json::to_vec(request).map_err(|error| not_done(error.to_string()))?);
    line.push(b'\n');
    let Some(mut stream) = connect(path)? else { return Err(not_done("the server has ended".into())) };
    if matches!(request, Request::Reload) {
        stream.set_read_timeout(Some(RELOADED)).map_err(|error| not_done(error.to_string()))?;
    }
    // The server carries out only whole lines.
    stream.write_all(&line).map_err(|error| not_done(format!("the server does not listen ({error})")))?;
    let mut answer = Vec::new();
    BufReader::new(stream.take(MAX_LINE as u64)).read_until(b'\n', &mut answer).map_err(broken)?;
    if answer.is_empty() {
        return Err(broken(std::io::ErrorKind::UnexpectedEof.into()));
    }
    serde_json::from_slice(&answer).map_err(|_| unexpected())
}
