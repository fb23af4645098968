//! URLs of servers and proxies, by one parser.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::error::ConnectError;

/// A parsed WebSocket URL (RFC 6455, section 3).
///
/// ```
/// use skaro_adapter::Url;
///
/// let url = Url::parse("WSS://[::1]?room=1")?;
/// assert_eq!((url.is_secure(), url.host(), url.port()), (true, "::1", 443));
/// assert_eq!((url.target(), &*url.host_header()), ("/?room=1", "[::1]"));
/// # Ok::<(), skaro_adapter::ConnectError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    is_secure: bool,
    pub(crate) authority: Authority,
    target: String,
}

impl Url {
    /// Parses a URL with the scheme `ws` or `wss`.
    ///
    /// # Errors
    /// [`ConnectError::Url`] if the URL is invalid.
    pub fn parse(url: &str) -> Result<Url, ConnectError> {
        let schemes = "it must begin with ws:// or wss://";
        let (scheme, rest) = split_scheme(url).ok_or(ConnectError::Url(schemes))?;
        let is_secure = match &*scheme {
            "ws" => false,
            "wss" => true,
            _ => return Err(ConnectError::Url(schemes)),
        };
        if rest.contains('#') {
            return Err(ConnectError::Url("a fragment (#…) can't be sent"));
        }
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(ConnectError::Url("it must not contain a user or a password"));
        }
        let authority =
            Authority::parse(authority, if is_secure { 443 } else { 80 }).map_err(ConnectError::Url)?;
        let slash = if target.starts_with('/') { "" } else { "/" };
        check_target(target).map_err(ConnectError::Url)?;
        Ok(Url { is_secure, authority, target: format!("{slash}{target}") })
    }

    /// Returns whether the connection uses TLS: the scheme is `wss`.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Returns the host to resolve and dial: a name in lower case, or an address. An IPv6 address has no brackets; its
    /// zone, if any, follows a `%`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.authority.host
    }

    /// Returns the host without its zone, which only has a meaning on this machine (RFC 6874, section 4).
    #[must_use]
    pub fn host_without_zone(&self) -> &str {
        self.authority.without_zone()
    }

    /// Returns the port. The default is 80, or 443 with TLS.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.authority.port
    }

    /// Returns the target of the request: the path, which is `/` if the URL has none, and the query.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Returns the value of the header `Host` (RFC 9110, section 7.2): without zone, and without the default port.
    #[must_use]
    pub fn host_header(&self) -> String {
        let default = if self.is_secure { 443 } else { 80 };
        let host = self.authority.bracketed();
        if self.port() == default { host } else { format!("{host}:{}", self.port()) }
    }

    /// Returns host and port, for errors and for proxies.
    #[must_use]
    pub fn host_and_port(&self) -> String {
        self.authority.to_string()
    }
}

/// Hides the query, which may be secret.
impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "wss" } else { "ws" };
        let path = self.target.split('?').next().unwrap_or_default();
        write!(f, "{scheme}://{}{path}", self.authority)
    }
}

/// Splits `scheme://rest`, and converts the scheme to lower case.
pub(crate) fn split_scheme(url: &str) -> Option<(String, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    Some((scheme.to_ascii_lowercase(), rest))
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Authority {
    /// Parses `host`, `host:port` or `[address]:port`.
    pub(crate) fn parse(authority: &str, default_port: u16) -> Result<Authority, &'static str> {
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']').ok_or("the address has no closing bracket")?;
                (ipv6(address)?, port)
            }
            None => {
                let (name, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
                (name_or_ipv4(name)?, port)
            }
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => default_port,
            None => return Err("expected only a colon and a port behind the address"),
            // RFC 3986, section 3.2.3: the port may be empty.
            Some("") => default_port,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|port| *port > 0).ok_or(PORT)?
            }
            Some(_) => return Err(PORT),
        };
        Ok(Authority { host, port })
    }

    fn without_zone(&self) -> &str {
        self.host.split('%').next().unwrap_or_default()
    }

    fn bracketed(&self) -> String {
        let host = self.without_zone();
        if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.bracketed(), self.port)
    }
}

const PORT: &str = "the port must be a number from 1 to 65535";

/// Parses an IPv6 address (RFC 3986, section 3.2.2) with an optional zone (RFC 6874, section 2).
fn ipv6(address: &str) -> Result<String, &'static str> {
    let (address, zone) = match address.split_once("%25") {
        Some((address, zone)) => (address, Some(zone)),
        None if address.contains('%') => return Err("the zone of the address must follow %25"),
        None => (address, None),
    };
    let address: Ipv6Addr = address.parse().map_err(|_| "the brackets must contain an IPv6 address")?;
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    match zone {
        None => Ok(address.to_string()),
        Some(zone) if !zone.is_empty() && zone.bytes().all(is_unreserved) => Ok(format!("{address}%{zone}")),
        Some(_) => Err("the zone of the address is invalid"),
    }
}

fn name_or_ipv4(name: &str) -> Result<String, &'static str> {
    if name.is_empty() {
        return Err("the host is missing");
    }
    if !name.is_ascii() {
        return Err("the host's name must be written in ASCII (xn--…)");
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) {
        return Err("the host's name contains an invalid character");
    }
    // A name that ends with a number must be an IPv4 address: systems interpret other forms, such as 127.1,
    // differently.
    let last = name.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let is_address = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    if is_address && name.parse::<Ipv4Addr>().is_err() {
        return Err("the IPv4 address is invalid");
    }
    Ok(name.to_ascii_lowercase())
}

/// Checks path and query (RFC 3986, sections 3.3 and 3.4).
fn check_target(target: &str) -> Result<(), &'static str> {
    let mut rest = target.as_bytes();
    loop {
        rest = match rest {
            [] => return Ok(()),
            [b'%', a, b, rest @ ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => rest,
            [b'%', ..] => return Err("a % must be followed by two hexadecimal digits"),
            [byte, rest @ ..] if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(byte) => {
                rest
            }
            _ => return Err("the path or query contains a character that must be percent-encoded"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Maps URLs to "host port target Host-header", with a leading exclamation mark for TLS. Cases 15 and 16.
    #[test]
    fn what_is_typed_is_what_is_dialed_and_sent() {
        for (url, expected) in [
            ("ws://localhost", "localhost 80 / localhost"),
            ("ws://127.0.0.1:8000?x=1", "127.0.0.1 8000 /?x=1 127.0.0.1:8000"),
            ("WS://Example.ORG/A?B", "example.org 80 /A?B example.org"),
            ("WSS://example.org", "!example.org 443 / example.org"),
            ("wss://example.org:80/", "!example.org 80 / example.org:80"),
            ("ws://example.org:80/", "example.org 80 / example.org"),
            ("ws://example.org:443/", "example.org 443 / example.org:443"),
            ("ws://example.org:/x", "example.org 80 /x example.org"),
            ("ws://h:08000/", "h 8000 / h:8000"),
            ("ws://h/a%2fb?c=%C3%A9&d=?/@:", "h 80 /a%2fb?c=%C3%A9&d=?/@: h"),
            ("ws://h/?", "h 80 /? h"),
            ("ws://h//x/../y", "h 80 //x/../y h"),
            (
                "ws://my_host.xn--bcher-kva.example.",
                "my_host.xn--bcher-kva.example. 80 / my_host.xn--bcher-kva.example.",
            ),
            ("ws://[::1]:8000", "::1 8000 / [::1]:8000"),
            ("wss://[2001:DB8::0:1]?x", "!2001:db8::1 443 /?x [2001:db8::1]"),
            ("ws://[fe80::1%25eth0]:8000/", "fe80::1%eth0 8000 / [fe80::1]:8000"),
        ] {
            let parsed = Url::parse(url).unwrap();
            let mark = if parsed.is_secure() { "!" } else { "" };
            let (host, port) = (parsed.host(), parsed.port());
            let told = format!("{mark}{host} {port} {} {}", parsed.target(), parsed.host_header());
            assert_eq!(told, expected, "{url}");
        }
    }

    #[test]
    fn what_is_no_url_is_told() {
        for (url, told) in [
            ("", "it must begin with ws:// or wss://"),
            ("localhost:8000", "it must begin with ws:// or wss://"),
            (" ws://h", "it must begin with ws:// or wss://"),
            ("http://localhost", "it must begin with ws:// or wss://"),
            ("ws:h", "it must begin with ws:// or wss://"),
            ("ws://", "the host is missing"),
            ("ws:///x", "the host is missing"),
            ("ws://:8000", "the host is missing"),
            ("ws://[::1", "the address has no closing bracket"),
            ("ws://[]", "the brackets must contain an IPv6 address"),
            ("ws://[127.0.0.1]", "the brackets must contain an IPv6 address"),
            ("ws://[::1]8000", "expected only a colon and a port behind the address"),
            ("ws://[fe80::1%eth0]", "the zone of the address must follow %25"),
            ("ws://[fe80::1%25]", "the zone of the address is invalid"),
            ("ws://[fe80::1%25a%20b]", "the zone of the address is invalid"),
            ("ws://host:0", PORT),
            ("ws://host:65536", PORT),
            ("ws://host:+80", PORT),
            ("ws://host:http", PORT),
            ("ws://::1", "the host is missing"),
            ("ws://host:80:80", PORT),
            ("ws://alice:secret@host", "it must not contain a user or a password"),
            ("ws://ho st", "the host's name contains an invalid character"),
            ("ws://h%6fst", "the host's name contains an invalid character"),
            ("ws://host\\x", "the host's name contains an invalid character"),
            ("ws://bücher.example", "the host's name must be written in ASCII (xn--…)"),
            ("ws://127.1", "the IPv4 address is invalid"),
            ("ws://256.0.0.1", "the IPv4 address is invalid"),
            ("ws://h/#there", "a fragment (#…) can't be sent"),
            ("ws://h/a b", "the path or query contains a character that must be percent-encoded"),
            ("ws://h/é", "the path or query contains a character that must be percent-encoded"),
            ("ws://h/\r\nX: y", "the path or query contains a character that must be percent-encoded"),
            ("ws://h/%2", "a % must be followed by two hexadecimal digits"),
            ("ws://h/?%zz", "a % must be followed by two hexadecimal digits"),
        ] {
            let error = Url::parse(url).map(drop).unwrap_err().to_string();
            assert_eq!(error, format!("invalid URL: {told}"), "{url}");
        }
    }
}
