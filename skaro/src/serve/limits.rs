//! The server's limits, and the proxy in front of it.

use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};
use skaro_proto::server::ServerConfig;
use skaro_tokio::AddressHeader;

use crate::exit::{Exit, Fault};

/// Minimum memory in bytes for a useful server.
const LEAST_MEMORY: usize = 8 << 20;

#[derive(Args)]
pub(crate) struct LimitOptions {
    /// Memory for connections and queues, in bytes, or with K, M or G behind the number; 8M at least. At this limit
    /// requests are refused (503). The store's caches and queues take up to 64M more. With --memory half of it is for
    /// messages and sessions, beyond which the oldest messages are dropped.
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "1G")]
    max_memory: usize,
    /// Maximum number of connections.
    #[arg(long, value_name = "NUMBER", value_parser = number, default_value = "20000")]
    max_connections: NonZeroUsize,
    /// Maximum number of connections from one address (IPv6: from one network of 56 bits).
    #[arg(long, value_name = "NUMBER", value_parser = number, default_value = "256")]
    max_connections_per_address: NonZeroUsize,
    /// Maximum number of connections of one user.
    #[arg(long, value_name = "NUMBER", value_parser = number, default_value = "64")]
    max_connections_per_user: NonZeroUsize,
    /// The header in which a proxy in front of this server gives clients' addresses, for limits by address. Only safe
    /// if clients can't reach the server except through that proxy.
    #[arg(long, value_enum, value_name = "HEADER")]
    trust_proxy: Option<Header>,
    /// Treats connections through that proxy as confidential, because clients reach it only over TLS. They may then
    /// send passwords, for example to register.
    #[arg(long)]
    proxy_ends_tls: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Header {
    XForwardedFor,
    Forwarded,
}

impl LimitOptions {
    /// Applies the options to a configuration.
    pub(crate) fn apply(&self, config: &mut ServerConfig) {
        config.max_memory = Some(self.max_memory);
        config.max_connections = self.max_connections.get();
        config.max_connections_per_address = Some(self.max_connections_per_address.get());
        config.max_connections_per_user = self.max_connections_per_user.get();
        config.proxy_ends_tls = self.proxy_ends_tls;
    }

    /// Returns the header of the trusted proxy.
    pub(crate) fn address_header(&self) -> Result<Option<AddressHeader>, Fault> {
        if self.proxy_ends_tls && self.trust_proxy.is_none() {
            // Otherwise the server can't know which connections come through it.
            return Err(Fault::new(Exit::Config, "proxy-ends-tls needs trust-proxy: give both"));
        }
        Ok(self.trust_proxy.map(|header| match header {
            Header::XForwardedFor => AddressHeader::XForwardedFor,
            Header::Forwarded => AddressHeader::Forwarded,
        }))
    }
}

/// Parses a number above 0.
pub(crate) fn number(text: &str) -> Result<NonZeroUsize, &'static str> {
    let number: usize = text.parse().map_err(|_| "not a number")?;
    NonZeroUsize::new(number).ok_or("too small: give 1 at least")
}

/// Parses a size in bytes, KiB, MiB or GiB.
fn size(text: &str) -> Result<usize, &'static str> {
    let (digits, shift) = match text.chars().last().map(|unit| unit.to_ascii_uppercase()) {
        Some('K') => (text.get(..text.len() - 1), 10),
        Some('M') => (text.get(..text.len() - 1), 20),
        Some('G') => (text.get(..text.len() - 1), 30),
        _ => (Some(text), 0),
    };
    let number: usize =
        digits.unwrap_or_default().parse().map_err(|_| "not a size: give 512M, for example")?;
    let size = number.checked_mul(1 << shift).ok_or("too large for this machine")?;
    if size < LEAST_MEMORY { Err("too small: give 8M at least") } else { Ok(size) }
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_machine() {
        let command = LimitOptions::augment_args(clap::Command::new("limits"));
        let options = LimitOptions::from_arg_matches(&command.get_matches_from(["limits"])).unwrap();
        let (mut config, default) = (ServerConfig::default(), ServerConfig::default());
        options.apply(&mut config);
        assert_eq!(config, default);
    }

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [("8388608", 8 << 20), ("8192k", 8 << 20), ("512M", 512 << 20), ("2g", 2 << 30)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "M", "-1M", "1.5G", "1 M", "1MB", "7M", "0", "99999999999999G", "1ſ", "5é"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
