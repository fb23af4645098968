//! The operator's end: the server that runs, or the store while none does.

#[cfg(unix)]
use std::io::{BufRead, BufReader, Read, Write};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::path::Path;
#[cfg(unix)]
use std::time::Duration;

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

/// Time that a server has for an answer.
#[cfg(unix)]
const ANSWER: Duration = Duration::from_secs(30);

/// What carries requests out.
pub(crate) enum Target {
    /// A server that runs.
    #[cfg(unix)]
    Running(BufReader<UnixStream>),
    /// The store, of which no server has the lock.
    Store { store: Box<SqliteStore>, machine: Box<Server> },
}

impl Target {
    /// Finds the server of a data directory, or opens its store.
    pub(crate) fn find(directory: &Path) -> Result<Target, Fault> {
        if !directory.join("store").exists() {
            let reason =
                format!("there is no store in {}: give the directory with --data", directory.display());
            return Err(Fault::new(Exit::NoInput, reason));
        }
        #[cfg(unix)]
        if let Some(stream) = connect(directory)? {
            return Ok(Target::Running(BufReader::new(stream)));
        }
        let config = ServerConfig::default();
        let store = serve::open_store(directory, config.store_limits())?;
        let machine = Server::with_store(config, serve::seed()?);
        Ok(Target::Store { store: Box::new(store), machine: Box::new(machine) })
    }

    /// Has a request carried out; returns its answer unless that is a refusal.
    pub(crate) fn ask(&mut self, request: Request) -> Result<Answer, Fault> {
        let answer = match self {
            #[cfg(unix)]
            Target::Running(stream) => exchange(stream, &request)?,
            Target::Store { store, machine } => match request.operation(machine) {
                Ok(operation) => match store.execute(operation) {
                    Ok(outcome) => outcome.into(),
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
                };
                Err(Fault::new(exit, reason))
            }
            answer => Ok(answer),
        }
    }

    /// Has a request carried out that has no other answer than that it is done.
    pub(crate) fn have_done(&mut self, request: Request) -> Result<(), Fault> {
        match self.ask(request)? {
            Answer::Done => Ok(()),
            _ => Err(unexpected()),
        }
    }
}

pub(crate) fn unexpected() -> Fault {
    Fault::new(
        Exit::Protocol,
        "the server has given another answer than was asked for: is it another version?",
    )
}

/// Connects to the server that has this directory open; `None` if nobody listens.
#[cfg(unix)]
fn connect(directory: &Path) -> Result<Option<UnixStream>, Fault> {
    use std::io::ErrorKind::{ConnectionRefused, NotFound};

    let path = directory.join(SOCKET);
    let connected = UnixStream::connect(&path).and_then(|stream| {
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

#[cfg(unix)]
fn exchange(stream: &mut BufReader<UnixStream>, request: &Request) -> Result<Answer, Fault> {
    let broken = |error: std::io::Error| {
        let reason = format!("the server does not answer ({error}): nobody knows whether this was done");
        Fault::new(Exit::Temporary, reason)
    };
    let mut line = Zeroizing::new(serde_json::to_vec(request).map_err(|error| broken(error.into()))?);
    line.push(b'\n');
    stream.get_mut().write_all(&line).map_err(broken)?;
    let mut answer = Vec::new();
    stream.take(MAX_LINE as u64).read_until(b'\n', &mut answer).map_err(broken)?;
    if answer.is_empty() {
        return Err(broken(std::io::ErrorKind::UnexpectedEof.into()));
    }
    serde_json::from_slice(&answer).map_err(|_| unexpected())
}
