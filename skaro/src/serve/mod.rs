//! `skaro serve`: a server, with its users from files and options, everything else in memory.

mod limits;
mod users;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject};
use skaro_proto::message::Registration;
use skaro_proto::server::{self, ServerConfig};
use skaro_tokio::{Server, ServerOptions, random_seed};
use tokio::sync::mpsc;

use limits::LimitOptions;
use users::UserOptions;

use crate::exit::{self, Exit, Fault};
use crate::signals::{self, Signal};
use crate::text::Shown;
use crate::{output, runtime};

/// How to make a certificate; a test does what this says.
const RECIPE: &str = "\
A certificate for tests, which clients trust by --ca cert.pem (and 127.0.0.1 and localhost are its names):

  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 \\
    -keyout key.pem -out cert.pem -subj /CN=localhost \\
    -addext basicConstraints=critical,CA:FALSE \\
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1

Without CA:FALSE it would be an authority's certificate, which a server must not use.";

/// Serves in memory: when it ends, it forgets all but its users.
///
/// Ctrl-C or SIGTERM end it well: the clients are told. SIGHUP is ignored.
#[derive(Args)]
#[command(after_help = RECIPE, after_long_help = format!("{RECIPE}\n\n{}", exit::TABLE))]
pub(crate) struct ServeArgs {
    /// Where to listen; port 0 lets the system choose one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8000")]
    listen: String,
    #[command(flatten)]
    users: UserOptions,
    #[command(flatten)]
    limits: LimitOptions,
    /// Keeps messages and sessions in memory only, as it does without this option until there is a store.
    #[arg(long)]
    memory: bool,
    /// What clients are told who ask how to register.
    #[arg(long, value_enum, default_value_t = Registering::Closed)]
    registration: Registering,
    /// The format for clients that ask for none.
    #[arg(long, value_enum, default_value_t = Format::Cbor)]
    format: Format,
    /// The certificate, as PEM, after which clients connect by TLS: a file, with those that certify it behind it.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, as PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Registering {
    Open,
    Invitation,
    Closed,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Cbor,
    Json,
}

/// Serves until a signal ends it.
pub(crate) fn run(args: ServeArgs) -> Result<Exit, Fault> {
    // Before anything else, so that no signal can come too early.
    let (sender, mut stop) = mpsc::channel(1);
    let mut is_ending = false;
    signals::take(move |signal| match signal {
        Signal::End => {
            _ = sender.try_send(());
            // A second signal ends the program at once.
            !std::mem::replace(&mut is_ending, true)
        }
        Signal::HangUp => {
            log("SIGHUP is ignored: there is nothing to read again");
            true
        }
    });
    let (machine, users) = furnish(&args)?;
    runtime::start()?.block_on(async {
        let server = bind(&args, machine).await?;
        let kept = if args.memory { "in memory (--memory)" } else { "in memory" };
        log(&format!("{users} users; all else is kept {kept}, and lost when this ends"));
        if users == 0 {
            output::warn("nobody can sign in: give --user-file");
        }
        // If nobody reads that, the server serves all the same.
        _ = output::say(&Shown::from(format!("listening on {}", server.url())));
        // `None` would mean that nobody watches for signals any more.
        _ = stop.recv().await;
        log("shutting down");
        server.shut_down("the server is shutting down").await;
        Ok(Exit::Success)
    })
}

/// Tells the operator, on standard error.
fn log(text: &str) {
    output::complain(&Shown::from("skaro serve: ").plain(text));
}

async fn bind(args: &ServeArgs, machine: server::Server) -> Result<Server, Fault> {
    let address = args.listen.as_str();
    let mut options = ServerOptions::default();
    options.address_header = args.limits.address_header();
    if let (Some(cert), Some(key)) = (&args.tls_cert, &args.tls_key) {
        options.tls = Some(tls(cert, key)?);
    }
    let bound = Server::bind_with(address, machine, options).await;
    bound.map_err(|error| Fault::new(Exit::System, format!("can't listen on {address}: {error}")))
}

/// Reads what the server proves itself with.
fn tls(cert: &Path, key: &Path) -> Result<Arc<rustls::ServerConfig>, Fault> {
    let unreadable = |path: &Path, error: pem::Error| {
        Fault::new(Exit::NoInput, format!("can't read {}: {error}", path.display()))
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect);
    let chain = chain.map_err(|error| unreadable(cert, error))?;
    if chain.is_empty() {
        return Err(unreadable(cert, pem::Error::NoItemsFound));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, error))?;
    let unusable = |error| Fault::new(Exit::Config, format!("can't use {}: {error}", cert.display()));
    // rustls wants to be told whose cryptography to use, or finds none if several crates in the program have some.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = builder.and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret));
    Ok(Arc::new(config.map_err(unusable)?))
}

/// The machine, and how many users it has.
fn furnish(args: &ServeArgs) -> Result<(server::Server, usize), Fault> {
    let mut config = ServerConfig::default();
    args.limits.apply(&mut config);
    // Nobody can add a contact in this protocol, so everybody knows everybody.
    config.open_directory = true;
    config.registration = match args.registration {
        Registering::Open => Registration::Open,
        Registering::Invitation => Registration::Invitation,
        Registering::Closed => Registration::Closed,
    };
    config.format = match args.format {
        Format::Cbor => skaro_proto::Format::Cbor,
        Format::Json => skaro_proto::Format::Json,
    };
    let mut machine = machine(config)?;
    let users = args.users.add_to(&mut machine)?;
    Ok((machine, users))
}

/// A machine with secrets of its own.
pub(crate) fn machine(config: ServerConfig) -> Result<server::Server, Fault> {
    let no_randomness = |error| Fault::new(Exit::System, format!("the system has no randomness: {error}"));
    Ok(server::Server::new(config, random_seed().map_err(no_randomness)?))
}
