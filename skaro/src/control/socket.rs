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

use super::{Answer, MAX_LINE, Request, SOCKET, Session, Why, refused, session_key};
use crate::serve::Running;
use crate::text::name;

/// Time for a request or an answer to cross the socket.
const CROSSING: Duration = Duration::from_secs(10);

/// A listening socket in the data directory, for its owner alone. It is removed when this is dropped.
pub(crate) struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Listens in a directory whose store this process has open. Must be called within the runtime.
    pub(crate) fn listen(directory: &Path) -> io::Result<Control> {
        // Made in a directory that nobody else can enter, so that nobody connects before it is private.
        let private = directory.join(".control");
        match fs::remove_dir_all(&private) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::DirBuilder::new().mode(0o700).create(&private)?,
        }
        let (new, path) = (private.join("new"), directory.join(SOCKET));
        let listener = UnixListener::bind(&new)?;
        fs::set_permissions(&new, Permissions::from_mode(0o600))?;
        // What an earlier process left is replaced: it has not the store open any more.
        fs::rename(&new, &path)?;
        fs::remove_dir(&private)?;
        Ok(Control { listener, path })
    }

    /// Serves four operators at the same time; the others wait in the system's queue. Never ends.
    pub(crate) async fn serve(&self, running: &Running) {
        tokio::join!(self.work(running), self.work(running), self.work(running), self.work(running));
    }

    async fn work(&self, running: &Running) {
        loop {
            match self.listener.accept().await {
                // An operator who has gone away misses nothing.
                Ok((stream, _)) => _ = converse(stream, running).await,
                // No file descriptors are left.
                Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.path);
    }
}

/// Answers requests until the other end closes, or is silent for too long.
async fn converse(stream: UnixStream, running: &Running) -> io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut reading = BufReader::new(reading);
    loop {
        let mut line = Zeroizing::new(Vec::new());
        let mut limited = (&mut reading).take(MAX_LINE as u64);
        if timeout(CROSSING, limited.read_until(b'\n', &mut line)).await?? == 0 {
            return Ok(());
        }
        let answer = match serde_json::from_slice(&line) {
            Ok(request) => carry_out(request, running).await,
            Err(error) => {
                // Nothing is repeated of what may be a password.
                let reason = format!("this is no request, at column {}", error.column());
                refused(Why::Invalid, reason)
            }
        };
        let mut line = serde_json::to_vec(&answer)?;
        line.push(b'\n');
        timeout(CROSSING, writing.write_all(&line)).await??;
    }
}

async fn carry_out(request: Request, running: &Running) -> Answer {
    if matches!(request, Request::Reload) {
        return match running.reload().await {
            Ok(restart) => Answer::Reloaded { restart: restart.into_iter().map(String::from).collect() },
            Err(fault) => refused(Why::Invalid, fault.reason.render(false)),
        };
    }
    let change = request.change().map(|(what, whose)| (what, name(whose).into_owned()));
    let operation = match running.server.with(|machine, _| request.operation(machine)) {
        Ok(operation) => operation,
        Err(refused) => return refused,
    };
    let mut answer = match running.server.operate(operation).await {
        Ok(outcome) => outcome.into(),
        Err(error) => refused(Why::Unavailable, error.to_string()),
    };
    if let (Answer::Done, Some((what, whose))) = (&answer, change) {
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
