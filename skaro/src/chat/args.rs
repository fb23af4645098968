//! The options of `skaro chat`, and the client's configuration from them.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use skaro_proto::client::ClientConfig;

use crate::network::NetworkOptions;
use crate::secrets::PasswordOptions;
use crate::{exit, time};

/// Number of messages that may wait during a reconnection.
pub(crate) const OFFLINE_MESSAGES: usize = 100;

/// Chats: reads lines, and prints messages and events.
///
/// Type /help for a list of commands. Without --url the server runs in this process, with a user who answers, and anybody
/// may register.
///
/// On a terminal the exit status tells whether the connection broke; in a pipe it tells the first failure, for scripts.
#[derive(Args)]
#[command(after_help = exit::TABLE)]
pub(crate) struct ChatArgs {
    /// The server: ws://host:port/path, or wss: for TLS. Without it a server is started in this process.
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// The login to sign in with.
    #[arg(long)]
    pub(crate) login: Option<String>,
    #[command(flatten)]
    pub(crate) password: PasswordOptions,
    /// Registers the login as a new user first. On a terminal the password is asked for twice.
    #[arg(long, requires = "login")]
    pub(crate) register: bool,
    /// An invitation, if the server requires one to register.
    #[arg(long, value_name = "CODE", requires = "register")]
    pub(crate) invitation: Option<String>,
    #[command(flatten)]
    pub(crate) network: NetworkOptions,
    /// Writes one JSON object per line, and reads such commands, for programs.
    #[arg(long)]
    pub(crate) json: bool,
    /// Prints lines, instead of filling the terminal with a list of contacts and a dialog.
    #[arg(long)]
    pub(crate) plain: bool,
    /// Does not ring the terminal's bell when a message arrives.
    #[arg(long)]
    pub(crate) no_bell: bool,
    /// Ends when the connection breaks, instead of reconnecting.
    #[arg(long)]
    pub(crate) no_reconnect: bool,
    /// Time-out of requests in seconds. Default 30.
    #[arg(long, value_name = "SECONDS", value_parser = time::seconds)]
    pub(crate) request_timeout: Option<Duration>,
    /// A file that stores how far this chat has shown the user's log, so that the next chat first shows what was said
    /// meanwhile. It is created if missing. It belongs to one user of one server, and to one chat at a time.
    #[arg(long, value_name = "FILE", requires = "login", requires = "url")]
    pub(crate) state: Option<PathBuf>,
    /// Updates --state only on the command "taken", for programs.
    #[arg(long, requires = "state", requires = "json")]
    pub(crate) taken: bool,
    /// Uses the blocking adapter instead of the one for tokio; nothing else changes.
    #[arg(long)]
    pub(crate) blocking: bool,
}

impl ChatArgs {
    /// Returns the client's configuration.
    pub(crate) fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::default();
        config.offline_messages = OFFLINE_MESSAGES;
        if self.no_reconnect {
            config.reconnect = None;
        }
        if let Some(timeout) = self.request_timeout {
            config.request_timeout = timeout;
        }
        config
    }
}
