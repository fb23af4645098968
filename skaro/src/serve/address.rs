//! The address to listen on.

use std::net::{Ipv6Addr, SocketAddr};

/// Checks that a text has an address and a port.
///
/// The address may also be a name, which is resolved later.
pub(crate) fn parse(text: &str) -> Result<String, String> {
    if text.parse::<SocketAddr>().is_ok() {
        return Ok(text.into());
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err("an IPv6 address needs brackets and a port: [::1]:8000".into());
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, port),
        _ if text.parse::<u16>().is_ok() => ("", text),
        _ => return Err(format!("a port is missing: give {text}:8000")),
    };
    if port.parse::<u16>().is_err() {
        return Err("the port must be a number from 0 to 65535".into());
    }
    if host.is_empty() {
        return Err(format!(
            "an address is missing: give 127.0.0.1:{port}, or 0.0.0.0:{port} for clients on other machines, too"
        ));
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port() {
        for text in ["127.0.0.1:8000", "[::1]:0", "localhost:8000", "0.0.0.0:65535"] {
            assert_eq!(parse(text), Ok(text.into()));
        }
        for (text, advice) in [
            ("18001", "127.0.0.1:18001"),
            (":18001", "0.0.0.0:18001"),
            ("127.0.0.1", "give 127.0.0.1:8000"),
            ("localhost", "give localhost:8000"),
            ("[::1]", "give [::1]:8000"),
            ("::1", "[::1]:8000"),
            ("::1:8000", "[::1]:8000"),
            ("127.0.0.1:65536", "65535"),
            ("127.0.0.1:http", "a number"),
            ("", "a port is missing"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(advice), "{text}: {error}");
        }
    }
}
