//! `skaro send`: sends one message; the exit status tells whether it was accepted.

use std::io::{self, Read};
use std::time::Duration;

use clap::Args;
use skaro_blocking::Client;

use crate::exit::{self, Exit, Fault};
use crate::network::NetworkOptions;
use crate::secrets::PasswordOptions;
use crate::time;

/// Maximum length of a text from standard input in bytes; the protocol allows less.
const TEXT: u64 = 64 << 10;

/// Sends one message.
///
/// Ends when the server has accepted the message, or with an exit status that tells why it did not.
#[derive(Args)]
#[command(after_help = exit::TABLE)]
pub(crate) struct SendArgs {
    /// The server: ws://host:port/path, or wss: for TLS.
    #[arg(long)]
    url: String,
    /// The login to sign in with.
    #[arg(long)]
    login: String,
    #[command(flatten)]
    password: PasswordOptions,
    #[command(flatten)]
    network: NetworkOptions,
    /// Time-out of requests in seconds. Default 30.
    #[arg(long, value_name = "SECONDS", value_parser = time::seconds)]
    request_timeout: Option<Duration>,
    /// The recipient's login.
    to: String,
    /// The message; its words are joined by spaces. Without it, standard input is read to its end.
    text: Vec<String>,
}

/// Sends the message.
pub(crate) fn run(args: SendArgs) -> Result<Exit, Fault> {
    let password = args.password.find(&args.login)?;
    let text = if args.text.is_empty() { read_text(io::stdin().lock())? } else { args.text.join(" ") };
    if text.is_empty() {
        return Err(Fault::new(Exit::Data, "the text is empty"));
    }
    let mut options = args.network.options(args.url)?;
    options.config.reconnect = None;
    if let Some(timeout) = args.request_timeout {
        options.config.request_timeout = timeout;
    }
    let (client, events) = Client::connect(options)?;
    drop(events);
    let as_login = |fault: Fault| fault.in_front(&format!("can't sign in as {}: ", args.login));
    client.authorize(&args.login, password.expose()).map_err(|error| as_login(error.into()))?;
    let to = |fault: Fault| fault.in_front(&format!("can't send to {}: ", args.to));
    client.send_message(&args.to, &text).map_err(|error| to(error.into()))?;
    client.close();
    Ok(Exit::Success)
}

/// Reads a text to its end, without one trailing line feed, which the shell adds.
fn read_text(from: impl Read) -> Result<String, Fault> {
    let mut text = String::new();
    match from.take(TEXT + 1).read_to_string(&mut text) {
        Ok(length) if length as u64 > TEXT => {
            Err(Fault::new(Exit::Data, format!("the text has more than {TEXT} bytes")))
        }
        Ok(_) => Ok(text.strip_suffix('\n').unwrap_or(&text).into()),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(Fault::new(Exit::Data, "the text is not UTF-8"))
        }
        Err(error) => Err(Fault::new(Exit::NoInput, format!("can't read the text: {error}"))),
    }
}
