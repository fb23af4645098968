//! A server to try things with: users from the command line, everything else in memory.
//!
//! ```console
//! $ cargo run --example serve -- --user alice:secret --user bob:secret
//! listening on ws://127.0.0.1:8000/skaro_client/
//! ```

use std::error::Error;
use std::io::{self, Write};
#[cfg(feature = "tls")]
use std::path::{Path, PathBuf};
use std::process::ExitCode;
#[cfg(feature = "tls")]
use std::sync::Arc;

use async_std::channel::{self, Receiver};
use async_std::task;
use clap::{Parser, ValueEnum};
use skaro_async_std::Server;
use skaro_async_std::proto::message::Registration;
use skaro_async_std::proto::{self, server};
#[cfg(feature = "tls")]
use skaro_async_std::rustls::{
    self,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
};

/// A server of the skaro protocol, in memory: when it ends, it forgets all but its users.
#[derive(Parser)]
struct Args {
    /// Where to listen; port 0 lets the system choose one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8000")]
    listen: String,
    /// Somebody who may sign in; may be given several times.
    #[arg(long = "user", value_name = "LOGIN:PASSWORD", value_parser = user)]
    users: Vec<(String, String)>,
    /// What clients are told who ask how to register.
    #[arg(long, value_enum, default_value_t = Registering::Closed)]
    registration: Registering,
    /// The format for clients that ask for none.
    #[arg(long, value_enum, default_value_t = Format::Cbor)]
    format: Format,
    /// The certificate, as PEM, after which clients connect by TLS: a file, with those that certify it behind it.
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, as PEM.
    #[cfg(feature = "tls")]
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

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    match task::block_on(serve(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("serve: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: Args) -> Result<(), Box<dyn Error>> {
    // Before anything else, so that no signal can come too early.
    let stop = stop_signal()?;
    let server = bind(&args, machine(&args)?).await?;
    let mut stdout = io::stdout();
    writeln!(stdout, "listening on {}", server.url())?;
    stdout.flush()?;
    // An error would mean that the signal handler is gone, which it never is.
    _ = stop.recv().await;
    server.shut_down("the server is shutting down").await;
    Ok(())
}

async fn bind(args: &Args, machine: server::Server) -> Result<Server, Box<dyn Error>> {
    let address = args.listen.as_str();
    #[cfg(feature = "tls")]
    let bound = match (&args.tls_cert, &args.tls_key) {
        (Some(cert), Some(key)) => Server::bind_with_tls(address, machine, tls(cert, key)?).await,
        _ => Server::bind(address, machine).await,
    };
    #[cfg(not(feature = "tls"))]
    let bound = Server::bind(address, machine).await;
    Ok(bound.map_err(|error| format!("can't listen on {address}: {error}"))?)
}

/// Reads what the server proves itself with.
#[cfg(feature = "tls")]
fn tls(cert: &Path, key: &Path) -> Result<Arc<rustls::ServerConfig>, Box<dyn Error>> {
    let read = |path: &Path, error: pem::Error| format!("can't read {}: {error}", path.display());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect);
    let chain = chain.map_err(|error| read(cert, error))?;
    if chain.is_empty() {
        return Err(read(cert, pem::Error::NoItemsFound).into());
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| read(key, error))?;
    // rustls wants to be told whose cryptography to use, or finds none if several crates in the program have some.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(config.with_no_client_auth().with_single_cert(chain, secret)?))
}

fn machine(args: &Args) -> Result<server::Server, Box<dyn Error>> {
    let mut config = server::Config::default();
    // Nobody can add a contact in this protocol, so everybody knows everybody.
    config.open_directory = true;
    config.registration = match args.registration {
        Registering::Open => Registration::Open,
        Registering::Invitation => Registration::Invitation,
        Registering::Closed => Registration::Closed,
    };
    config.format = match args.format {
        Format::Cbor => proto::Format::Cbor,
        Format::Json => proto::Format::Json,
    };
    let mut machine = server::Server::new(config, skaro_async_std::random_seed()?);
    for (login, password) in &args.users {
        machine.add_user(login, password).map_err(|error| format!("--user {login}:…: {error}"))?;
    }
    Ok(machine)
}

/// Splits at the first colon: a password may contain more of them.
fn user(text: &str) -> Result<(String, String), &'static str> {
    let (login, password) = text.split_once(':').ok_or("a user is given as LOGIN:PASSWORD")?;
    Ok((login.into(), password.into()))
}

/// Yields when somebody wants the server to end: Ctrl-C, SIGTERM, a terminal that closes.
fn stop_signal() -> Result<Receiver<()>, ctrlc::Error> {
    let (sender, receiver) = channel::bounded(1);
    // Only the first signal counts; for further ones the channel is full.
    ctrlc::set_handler(move || _ = sender.try_send(()))?;
    Ok(receiver)
}
