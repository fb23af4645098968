//! Options, certificates and users that are read again while the server runs.

use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use skaro_proto::server::store::{Operation, Outcome};
use skaro_proto::server::{self, ServerConfig};
use skaro_tokio::ServerOptions;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::{info, warn};

use super::running::Running;
use super::{Fixed, ServeArgs, config, options, seed, service};
use crate::config::Misunderstood;
use crate::exit::{Exit, Fault};
use crate::{Command, Program};

/// Time-out for reading the files.
const READ: Duration = Duration::from_secs(10);

/// Number of users that are added at the same time, so that the store makes them durable together.
const USERS_AT_ONCE: usize = 256;

/// The result of reading.
struct Read {
    file: Option<PathBuf>,
    fixed: Fixed,
    config: ServerConfig,
    options: ServerOptions,
    accounts: Vec<Operation>,
}

impl Running {
    /// Reads options, certificates and users again, and keeps all connections.
    ///
    /// Returns those changed options that only take effect after a restart. After an error all options are unchanged.
    pub(crate) async fn reload(&self) -> Result<Vec<&'static str>, Fault> {
        let _one_at_a_time = self.reloading.lock().await;
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
        let before = self.kept.lock().unwrap_or_else(PoisonError::into_inner).file.clone();
        let Read { file, fixed, config, mut options, accounts } = read_apart(before).await?;
        self.add(accounts).await?;
        // This comes last, because it can't fail.
        self.server.with(|machine, _| machine.set_config(config));
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.file = file;
            // A forgotten option must not turn TLS off for everybody.
            if options.tls.is_some() != kept.options.tls.is_some() {
                options.tls.clone_from(&kept.options.tls);
            }
            kept.options = options.clone();
        }
        self.server.set_options(options);
        let changed = self.fixed.iter().zip(&fixed).filter(|(before, now)| before != now);
        let restart: Vec<_> = changed.map(|((name, _), _)| *name).collect();
        restart.iter().for_each(|name| warn!("{name} is changed only by a restart"));
        Ok(restart)
    }

    /// Adds accounts that don't exist yet.
    async fn add(&self, accounts: Vec<Operation>) -> Result<(), Fault> {
        let mut added = 0;
        let mut outcomes =
            stream::iter(accounts).map(|account| self.server.operate(account)).buffered(USERS_AT_ONCE);
        while let Some(outcome) = outcomes.next().await {
            match outcome {
                Ok(Outcome::Added(_)) => added += 1,
                Ok(_) => (),
                Err(error) => {
                    let reason = format!("can't add all users ({added} were added): {error}");
                    return Err(Fault::new(Exit::Output, reason));
                }
            }
        }
        if added > 0 {
            info!(users = added, "users were added");
        }
        Ok(())
    }
}

/// Reads in a thread of its own, because reading a file may block.
async fn read_apart(before: Option<PathBuf>) -> Result<Read, Fault> {
    let (tell, told) = oneshot::channel();
    // A blocked thread of the runtime would delay the runtime's end.
    let thread = thread::Builder::new().name("reload".into()).spawn(move || _ = tell.send(read(before)));
    thread.map_err(|error| Fault::new(Exit::System, format!("can't start a thread: {error}")))?;
    match timeout(READ, told).await {
        Ok(Ok(read)) => read,
        Ok(Err(_)) => Err(Fault::new(Exit::Software, "reading the options has failed")),
        Err(_) => Err(Fault::new(Exit::NoInput, format!("a file can't be read within {READ:?}"))),
    }
}

fn read(before: Option<PathBuf>) -> Result<Read, Fault> {
    before.iter().try_for_each(|path| refuse_pipe(path))?;
    let line: Vec<_> = std::env::args_os().collect();
    let args: ServeArgs = match crate::config::parse(&line) {
        Ok(Program { command: Command::Serve(args) }) => args,
        Ok(_) => return Err(Fault::new(Exit::Software, "this is another command")),
        Err(Misunderstood::Line(error)) => return Err(Fault::new(Exit::Usage, error.to_string())),
        Err(Misunderstood::File(fault)) => return Err(fault),
    };
    let file = args.config.config.clone();
    if let (Some(before), None) = (before, &file) {
        let reason =
            format!("{} is not there any more: without it all options would change", before.display());
        return Err(Fault::new(Exit::NoInput, reason));
    }
    args.files().try_for_each(refuse_pipe)?;
    let (config, options) = (config(&args), options(&args)?);
    let mut machine = server::Server::with_store(config.clone(), seed()?);
    let mut accounts = Vec::new();
    args.users.add_to(|login, password| {
        accounts.push(machine.account(login, password)?);
        Ok(())
    })?;
    Ok(Read { file, fixed: args.fixed(), config, options, accounts })
}

/// Fails if a path is a pipe: reading blocks if nobody writes to it.
#[cfg(unix)]
fn refuse_pipe(path: &Path) -> Result<(), Fault> {
    use std::os::unix::fs::FileTypeExt;
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.file_type().is_fifo() => {
            Err(Fault::new(Exit::NoInput, format!("{} is a pipe, which can't be read again", path.display())))
        }
        // Other errors are reported when the file is read.
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
const fn refuse_pipe(_: &Path) -> Result<(), Fault> {
    Ok(())
}
