//! The options, and what follows from them.

use std::time::Duration;

use clap::Args;
use skaro_proto::client::ClientConfig;

use crate::network::NetworkOptions;
use crate::secrets::PasswordOptions;
use crate::{exit, time};

/// Messages that may wait while the connection is being made again.
pub(crate) const OFFLINE_MESSAGES: usize = 100;

/// Chats: lines go in, what happens comes out.
///
/// Type /help to see what one can type. Without --url everything happens in this process: a server, and somebody who
/// answers.
///
/// On a terminal the exit status tells whether the connection broke; in a pipe it tells the first thing that failed, so
/// that scripts know.
#[derive(Args)]
#[command(after_help = exit::TABLE)]
pub(crate) struct ChatArgs {
    /// The server: ws://host:port/path, or wss: for TLS. Without it a server is started in this process.
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// Whom to sign in as.
    #[arg(long)]
    pub(crate) login: Option<String>,
    #[command(flatten)]
    pub(crate) password: PasswordOptions,
    #[command(flatten)]
    pub(crate) network: NetworkOptions,
    /// Writes one JSON object a line, for programs.
    #[arg(long)]
    pub(crate) json: bool,
    /// Ends when the connection breaks, instead of making it again.
    #[arg(long)]
    pub(crate) no_reconnect: bool,
    /// How long a request waits for its answer.
    #[arg(long, value_name = "SECONDS", value_parser = time::seconds)]
    pub(crate) request_timeout: Option<Duration>,
    /// Takes the adapter for programs without an async runtime; nothing else changes.
    #[arg(long)]
    pub(crate) blocking: bool,
}

impl ChatArgs {
    /// How the client is to behave.
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
