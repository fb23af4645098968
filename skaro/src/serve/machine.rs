//! The server's machine, as this program sets it up.

use std::time::{SystemTime, UNIX_EPOCH};

use skaro_proto::server::{Config, Server};

use crate::exit::{Exit, Fault};

/// The configuration that `skaro serve`, and the server inside of `skaro chat`, begin with.
pub(crate) fn config() -> Config {
    let mut config = Config::default();
    // Milliseconds since 1970, or 0 on a machine whose clock is before that.
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    config.unix_epoch = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
    config
}

/// A machine with secrets of its own.
pub(crate) fn machine(config: Config) -> Result<Server, Fault> {
    let no_randomness = |error| Fault::new(Exit::System, format!("the system has no randomness: {error}"));
    Ok(Server::new(config, skaro_async_std::random_seed().map_err(no_randomness)?))
}
