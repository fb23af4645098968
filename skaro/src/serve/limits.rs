//! What the operator allows clients to cost, and by which proxy they come.

use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};
use skaro_proto::server::ServerConfig;
use skaro_tokio::AddressHeader;

/// Bytes of memory with which a server can do anything useful.
const LEAST_MEMORY: usize = 1 << 20;

#[derive(Args)]
pub(crate) struct LimitOptions {
    /// Memory for messages, sessions and queues, in bytes or with K, M or G behind the number. Beyond it the oldest
    /// messages are forgotten, then clients are refused. Without it 1G.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_memory: Option<usize>,
    /// Connections at the same time. Without it 20000.
    #[arg(long, value_name = "NUMBER")]
    max_connections: Option<NonZeroUsize>,
    /// The header in which a proxy in front of this server tells clients' addresses, which limits are by. Only if all
    /// clients come by that proxy: others could claim any address.
    #[arg(long, value_enum, value_name = "HEADER")]
    trust_proxy: Option<Header>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Header {
    XForwardedFor,
    Forwarded,
}

impl LimitOptions {
    /// Changes what the options say.
    pub(crate) fn apply(&self, config: &mut ServerConfig) {
        config.max_memory = self.max_memory.or(config.max_memory);
        config.max_connections = self.max_connections.map_or(config.max_connections, NonZeroUsize::get);
    }

    pub(crate) fn address_header(&self) -> Option<AddressHeader> {
        self.trust_proxy.map(|header| match header {
            Header::XForwardedFor => AddressHeader::XForwardedFor,
            Header::Forwarded => AddressHeader::Forwarded,
        })
    }
}

/// Reads a size in bytes, KiB, MiB or GiB.
fn size(text: &str) -> Result<usize, &'static str> {
    let (digits, shift) = match text.chars().last().map(|unit| unit.to_ascii_uppercase()) {
        Some('K') => (text.get(..text.len() - 1), 10),
        Some('M') => (text.get(..text.len() - 1), 20),
        Some('G') => (text.get(..text.len() - 1), 30),
        _ => (Some(text), 0),
    };
    let number: usize = digits.unwrap_or_default().parse().map_err(|_| "no size: give 512M, for example")?;
    let size = number.checked_mul(1 << shift).ok_or("more than this machine can count")?;
    if size < LEAST_MEMORY { Err("too little for a server: give 1M at least") } else { Ok(size) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [("1048576", 1 << 20), ("1024k", 1 << 20), ("512M", 512 << 20), ("2g", 2 << 30)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "M", "-1M", "1.5G", "1 M", "1MB", "512", "0", "99999999999999G", "1ſ", "5é"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
