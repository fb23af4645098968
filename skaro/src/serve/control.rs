//! The server's end of the control socket.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use skaro_proto::server::Server;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::places::{self, Leave};
use super::running::Running;
use crate::control::{Answer, MAX_LINE, Request, SOCKET, Session, Why, refused, session_key};

/// Time for a request to arrive. Operators send it at once.
const ARRIVAL: Duration = Duration::from_secs(1);

/// Time for sending an answer.
const ANSWER: Duration = Duration::from_secs(10);

/// A listening socket in the data directory, accessible only to its owner. It is removed when this is dropped.
pub(crate) struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Listens in a directory whose store this process has open.
    ///
    /// Must be called within the runtime.
    pub(crate) fn listen(directory: &Path) -> io::Result<Control> {
        // Created in a private directory, so that no other user can connect before the socket itself is private.
        let private = directory.join(".control");
        match fs::remove_dir_all(&private) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::DirBuilder::new().mode(0o700).create(&private)?,
        }
        let (new, path) = (private.join("new"), directory.join(SOCKET));
        let listener = UnixListener::bind(&new)?;
        fs::set_permissions(&new, Permissions::from_mode(0o600))?;
        // This replaces the socket of an earlier process, which no longer has the store open.
        fs::rename(&new, &path)?;
        fs::remove_dir(&private)?;
        Ok(Control { listener, path })
    }

    /// Serves operators. Never ends.
    pub(crate) async fn serve(&self, running: &Running) {
        let accept = async || Ok(self.listener.accept().await?.0);
        // An error means that the operator has gone away.
        let converse = async |stream, leave| _ = converse(stream, leave, running).await;
        places::serve(accept, converse).await;
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.path);
    }
}

/// Answers a request.
async fn converse(mut stream: UnixStream, leave: Leave, running: &Running) -> io::Result<()> {
    let mut line = Zeroizing::new(Vec::new());
    let mut limited = BufReader::new((&mut stream).take(MAX_LINE as u64));
    let arrived = tokio::select! {
        // A request that has arrived is carried out.
        biased;
        read = timeout(ARRIVAL, limited.read_until(b'\n', &mut line)) => read.ok().transpose()?,
        _ = leave => None,
    };
    let answer = match (arrived, line.last()) {
        (None, _) => refused(Why::Unavailable, "the request did not arrive in time: it was not carried out"),
        (Some(0), _) => return Ok(()),
        // Only a whole line is carried out: an operator who could not send all of it knows that nothing was done.
        (Some(_), Some(b'\n')) => match serde_json::from_slice(&line) {
            Ok(request) => carry_out(request, running).await,
            Err(error) => {
                // The request may contain a password, so no part of it is repeated.
                let reason = format!("this is no request, at column {}", error.column());
                refused(Why::Invalid, reason)
            }
        },
        (Some(_), _) => refused(Why::Invalid, "this is no whole line: nothing was carried out"),
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    timeout(ANSWER, stream.write_all(&line)).await?
}

async fn carry_out(request: Request, running: &Running) -> Answer {
    if matches!(request, Request::Reload) {
        return match running.reload().await {
            Ok(restart) => Answer::Reloaded { restart: restart.into_iter().map(String::from).collect() },
            Err(fault) => refused(fault.exit.into(), fault.reason.render(false)),
        };
    }
    let change = request.change().map(|(what, whose)| (what, whose.map(String::from)));
    // Events that may be the operator's reason come first in the log.
    running.look();
    let (operation, when_done) = match running.server.with(|machine, now| request.operation(machine, now)) {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let mut answer = match running.server.operate(operation).await {
        Ok(outcome) => Answer::of(outcome, when_done),
        Err(error) => refused(Why::Unavailable, error.to_string()),
    };
    if let (Answer::Done | Answer::Invitation(_), Some((what, whose))) = (&answer, change) {
        tracing::info!(of = whose, "{what} by an operator");
    }
    if let Answer::Sessions { sessions, .. } = &mut answer {
        running
            .server
            .with(|machine, _| sessions.iter_mut().for_each(|it| it.address = address(machine, it)));
    }
    answer
}

fn address(machine: &Server, session: &Session) -> Option<String> {
    let key = session_key(&session.session).ok()?;
    Some(machine.holder(&key)?.1?.to_string())
}
