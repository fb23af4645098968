//! The options, and what follows from them.

use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::Parser;
use skaro_proto::Secret;
use skaro_proto::client::Config;

use super::ask::Ask;

/// Messages that may wait while the connection is being made again.
pub(crate) const OFFLINE_MESSAGES: usize = 100;

/// A chat over the skaro protocol. Lines go in, what happens comes out.
///
/// Type /help to see what one can type. Without --url everything happens in this process: a server, and somebody who
/// answers.
#[derive(Parser)]
#[command(name = "chat")]
pub(crate) struct Args {
    /// The server: ws://host:port/path, or wss: for TLS. Without it a server is started in this process.
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// Whom to sign in as.
    #[arg(long)]
    pub(crate) login: Option<String>,
    /// The password. Others can see it in the list of processes; the environment, or being asked, is better.
    #[arg(long, env = "SKARO_PASSWORD", hide_env_values = true)]
    pub(crate) password: Option<String>,
    /// A file with certificates, as PEM: with wss:// the server's must be certified by one of these, instead of by
    /// one that the system trusts.
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<std::path::PathBuf>,
    /// Writes one JSON object a line, for programs.
    #[arg(long)]
    pub(crate) json: bool,
    /// Ends when the connection breaks, instead of making it again.
    #[arg(long)]
    pub(crate) no_reconnect: bool,
    /// How long a request waits for its answer.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) request_timeout: Option<Duration>,
}

impl Args {
    /// Reads the command line; if it makes no sense (or asks for help), the error tells.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        Args::try_parse()
    }

    /// How the client is to behave.
    pub(crate) fn config(&self) -> Config {
        let mut config = Config::default();
        config.keep_credentials = true;
        config.offline_messages = OFFLINE_MESSAGES;
        if self.no_reconnect {
            config.reconnect = None;
        }
        if let Some(timeout) = self.request_timeout {
            config.request_timeout = timeout;
        }
        config
    }

    /// Signing in as the options say, if they do. Asks for the password if that is possible.
    pub(crate) fn sign_in(&self) -> Result<Option<Ask>, String> {
        let Some(login) = self.login.clone() else { return Ok(None) };
        let password = match &self.password {
            Some(password) => password.clone(),
            None if io::stdin().is_terminal() => rpassword::prompt_password(format!("Password of {login}: "))
                .map_err(|error| format!("can't ask for the password: {error}"))?,
            None => return Err("there is no password: set SKARO_PASSWORD, or give --password".into()),
        };
        Ok(Some(Ask::Authorize { login, password: Secret::from(password) }))
    }
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds: f64 = text.parse().map_err(|_| "not a number")?;
    let duration = Duration::try_from_secs_f64(seconds).map_err(|_| "no time that one can wait")?;
    if duration.is_zero() { Err("nothing can be answered in no time") } else { Ok(duration) }
}
