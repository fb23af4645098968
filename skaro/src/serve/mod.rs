//! `skaro serve`: a server that keeps its data in a directory.

mod address;
#[cfg(unix)]
mod control;
mod data;
mod limits;
mod logging;
mod metrics;
mod people;
mod places;
mod reload;
mod running;
mod service;
mod tls;
mod users;

use std::net::{TcpListener, ToSocketAddrs};
use std::path::Path;

use clap::{Args, ValueEnum};
use skaro_proto::server::{self, ServerConfig};
use skaro_sqlite::SqliteStore;
use skaro_tokio::{Server, ServerOptions, random_seed};
use tokio::sync::{Notify, mpsc};
use tracing::{error, info, warn};

#[cfg(unix)]
use control::Control;
use data::{CommitTimes, DataOptions};
pub(crate) use data::{StoreDirectory, make_private, open as open_store};
use limits::LimitOptions;
use logging::LogOptions;
use people::PeopleOptions;
use running::Running;
use tls::TlsOptions;
use users::UserOptions;

use crate::config::ConfigOptions;
use crate::exit::{self, Exit, Fault};
use crate::signals::{self, Signal};
use crate::text::Shown;
use crate::{output, runtime};

/// Instructions for creating a certificate; a test runs them.
const RECIPE: &str = "\
A certificate for tests, which clients trust by --ca cert.pem (and 127.0.0.1 and localhost are its names):

  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 \\
    -keyout key.pem -out cert.pem -subj /CN=localhost \\
    -addext basicConstraints=critical,CA:FALSE \\
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1

Without CA:FALSE it would be an authority's certificate, which a server must not use.";

/// Serves, and keeps users, messages and sessions in a directory.
///
/// Ctrl-C or SIGTERM shut it down properly and notify the clients. SIGHUP and `skaro reload` make it read options,
/// certificates and users again.
#[derive(Args)]
#[command(after_help = RECIPE, after_long_help = format!("{RECIPE}\n\n{}", exit::TABLE))]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    config: ConfigOptions,
    /// Checks the configuration, reports what is wrong with it, and ends. A server may be running with it meanwhile.
    #[arg(long)]
    check: bool,
    /// The address to listen on; with port 0 the system chooses a port.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8000", value_parser = address::parse)]
    listen: String,
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    users: UserOptions,
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    people: PeopleOptions,
    /// The format for clients that ask for none.
    #[arg(long, value_enum, default_value_t = Format::Cbor)]
    format: Format,
    #[command(flatten)]
    tls: TlsOptions,
    /// An HTTP address for /metrics (Prometheus), /alive and /ready. Anyone who can reach it can read them.
    #[arg(long, value_name = "ADDR", value_parser = address::parse)]
    metrics: Option<String>,
    #[command(flatten)]
    log: LogOptions,
}

impl ServeArgs {
    /// Returns the files that the server reads.
    fn files(&self) -> impl Iterator<Item = &Path> {
        self.tls.files().into_iter().chain([self.users.file()]).flatten()
    }

    /// Returns the options that only a restart changes, as texts for comparison.
    fn fixed(&self) -> Fixed {
        let [format, level] = self.log.texts();
        [
            ("listen", self.listen.clone()),
            ("TLS", self.tls.files().iter().any(Option::is_some).to_string()),
            ("data", format!("{:?}", self.data.directory())),
            ("keep-days", format!("{:?}", self.data.worker().max_age)),
            ("max-members", self.people.max_members().to_string()),
            ("metrics", self.metrics.clone().unwrap_or_default()),
            ("log-format", format),
            ("log-level", level),
        ]
    }
}

/// Names of options with their values.
type Fixed = [(&'static str, String); 8];

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Cbor,
    Json,
}

/// Serves until a signal ends it.
pub(crate) fn run(args: ServeArgs) -> Result<Exit, Fault> {
    args.log.start();
    if args.check {
        return check(&args);
    }
    let is_json = args.log.is_json();
    match serve(args) {
        // A program may parse all of standard error as JSON.
        Err(fault) if is_json => {
            error!("{}", fault.reason.render(false));
            Ok(fault.exit)
        }
        ended => ended,
    }
}

fn serve(args: ServeArgs) -> Result<Exit, Fault> {
    // First, so that no signal is missed.
    let (sender, mut signals) = mpsc::channel(8);
    let mut is_ending = false;
    signals::take(move |signal| {
        // If the queue is full, other signals in it already ask for the same.
        _ = sender.try_send(signal);
        // A second signal to end the program ends it at once.
        signal != Signal::End || !std::mem::replace(&mut is_ending, true)
    });
    let (machine, store) = furnish(&args)?;
    raise_file_limit(machine.config().max_connections);
    runtime::start()?.block_on(async {
        let metrics = args.metrics.as_deref().map(listen_for_metrics).transpose()?;
        let commits = CommitTimes::default();
        let options = options(&args)?;
        let server = listen(&args, options.clone(), machine, store, commits.clone())?;
        let control = args.data.directory().and_then(|directory| control(&directory));
        let url = server.url();
        info!(version = env!("CARGO_PKG_VERSION"), url, "listening");
        // The server runs even if standard output is closed.
        if let Err(error) = output::say(&Shown::from(format!("listening on {url}"))) {
            warn!("standard output does not tell where the server listens: {error}");
        }
        service::ready();
        let running = Running::new(server, &args, options, commits);
        let hung_up = Notify::new();
        let obey_signals = async {
            // `None` would mean that signals are no longer watched.
            while let Some(Signal::HangUp) = signals.recv().await {
                hung_up.notify_one();
            }
        };
        let reload = async {
            loop {
                hung_up.notified().await;
                // The log contains the error.
                _ = running.reload().await;
            }
        };
        tokio::select! {
            () = obey_signals => (),
            () = reload => (),
            _ = running.server.store_failed() => (),
            () = obey(control.as_ref(), &running) => (),
            () = running.watch() => (),
            () = metrics::serve(metrics.as_ref(), &running) => (),
        }
        running.look();
        info!("shutting down");
        service::stopping();
        match running.server.shut_down("the server is shutting down").await {
            Some(failure) => Err(Fault::new(Exit::Output, failure.to_string())),
            None => Ok(Exit::Success),
        }
    })
}

/// Listens at the address for metrics.
///
/// Must be called within the runtime.
fn listen_for_metrics(address: &str) -> Result<tokio::net::TcpListener, Fault> {
    let listening = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        info!("metrics are at http://{}/metrics", listener.local_addr()?);
        tokio::net::TcpListener::from_std(listener)
    });
    listening.map_err(|error| Fault::new(Exit::System, format!("can't listen on {address}: {error}")))
}

/// Reads everything that a server reads at its start, except its data.
fn check(args: &ServeArgs) -> Result<Exit, Fault> {
    let mut machine = machine(config(args))?;
    args.users.add_to(|login, password| machine.account(login, password).map(drop))?;
    options(args)?;
    let listen = &args.listen;
    let unknown = |error| Fault::new(Exit::System, format!("can't listen on {listen}: {error}"));
    listen.to_socket_addrs().map_err(unknown)?;
    output::tell(&Shown::from("the configuration is right"))
}

/// Serves operators through a socket in the data directory. Never ends.
#[cfg(unix)]
async fn obey(control: Option<&Control>, running: &Running) {
    match control {
        Some(control) => control.serve(running).await,
        None => std::future::pending().await,
    }
}

/// Listens for operators. If that fails, the server runs without the socket.
#[cfg(unix)]
fn control(directory: &Path) -> Option<Control> {
    let listening = Control::listen(directory);
    let why = |error| {
        let directory = directory.display();
        warn!("skaro user and the like can't reach this server: no socket in {directory}: {error}");
    };
    listening.map_err(why).ok()
}

/// Operators work on the store only while no server runs.
#[cfg(not(unix))]
async fn obey(_: Option<&()>, _: &Running) {
    std::future::pending().await
}

#[cfg(not(unix))]
const fn control(_: &Path) -> Option<()> {
    None
}

/// Raises the limit of open files as far as the system allows: each connection needs one.
#[cfg(unix)]
fn raise_file_limit(max_connections: usize) {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    let limit = if setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() { hard } else { soft };
    if limit <= max_connections as u64 {
        warn!(
            "only {limit} files can be open, and there may be {max_connections} connections: raise ulimit -n, or \
             lower --max-connections"
        );
    }
}

#[cfg(not(unix))]
const fn raise_file_limit(_: usize) {}

fn listen(
    args: &ServeArgs,
    options: ServerOptions,
    machine: server::Server,
    store: Option<SqliteStore>,
    commits: CommitTimes,
) -> Result<Server, Fault> {
    let address = args.listen.as_str();
    let impossible = |error| Fault::new(Exit::System, format!("can't listen on {address}: {error}"));
    let listener = TcpListener::bind(address).map_err(impossible)?;
    let Some(store) = store else { return Server::listen(listener, machine, options).map_err(impossible) };
    let config = args.data.worker();
    Server::listen_with_store(listener, machine, options, |completions| {
        data::start(store, config, completions, commits)
    })
    .map_err(|error| Fault::new(Exit::System, format!("can't serve: {error}")))
}

/// Returns the options of the adapter.
fn options(args: &ServeArgs) -> Result<ServerOptions, Fault> {
    let mut options = ServerOptions::default();
    options.address_header = args.limits.address_header()?;
    options.tls = args.tls.read()?;
    Ok(options)
}

/// Returns the machine's configuration.
fn config(args: &ServeArgs) -> ServerConfig {
    let mut config = ServerConfig::default();
    args.limits.apply(&mut config);
    args.people.apply(&mut config);
    config.format = match args.format {
        Format::Cbor => skaro_proto::Format::Cbor,
        Format::Json => skaro_proto::Format::Json,
    };
    config
}

/// Creates the machine, opens its store, adds the users, and reports where the data is.
fn furnish(args: &ServeArgs) -> Result<(server::Server, Option<SqliteStore>), Fault> {
    let config = config(args);
    let (machine, store, users, place) = match args.data.directory() {
        Some(directory) => {
            let mut store = data::open(&directory, config.store_limits())?;
            let mut machine = server::Server::with_store(config, seed()?);
            let mut accounts = Vec::new();
            args.users.add_to(|login, password| {
                accounts.push(machine.account(login, password)?);
                Ok(())
            })?;
            let users = data::add(&mut store, &accounts)?;
            let place = format!("the data is in {}", store.path().display());
            (machine, Some(store), users, place)
        }
        None => {
            let (mut machine, mut users) = (machine(config)?, 0);
            args.users.add_to(|login, password| {
                users += 1;
                machine.add_user(login, password)
            })?;
            (machine, None, users, "all is kept in memory, and lost when this ends".into())
        }
    };
    let plural = if users == 1 { "" } else { "s" };
    info!("{place}; {users} user{plural}");
    if users == 0 && args.people.is_closed() {
        warn!("nobody can sign in: add users with skaro user add, or --user-file");
    }
    Ok((machine, store))
}

/// Creates a machine with a random seed, which keeps everything in memory.
pub(crate) fn machine(config: ServerConfig) -> Result<server::Server, Fault> {
    Ok(server::Server::new(config, seed()?))
}

pub(crate) fn seed() -> Result<[u8; 32], Fault> {
    random_seed().map_err(|error| Fault::new(Exit::System, format!("the system has no randomness: {error}")))
}
