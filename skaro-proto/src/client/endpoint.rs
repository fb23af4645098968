//! Where to connect, and why that may fail: what every adapter needs, and none should decide for itself.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use thiserror::Error;

use super::{Config, Disconnect};
use crate::codec::Format;

/// Where and how to connect.
///
/// ```
/// use skaro_proto::{Format, client::Options};
///
/// let mut options = Options::new("wss://chat.example.org/skaro_client/");
/// options.format = Some(Format::Json);
/// options.config.keep_credentials = true;
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// The server's URL: `ws://host:port/path`, or `wss:` for TLS.
    pub url: String,
    /// How the client behaves.
    pub config: Config,
    /// The format to ask for, by a WebSocket subprotocol. By default none is asked for: the server chooses, and
    /// servers that know of no subprotocols are content.
    pub format: Option<Format>,
    /// Headers for the opening handshake, as names and values.
    pub headers: Vec<(String, String)>,
    /// Events that wait for the application at most; beyond that nothing is read, nor beyond 4 MiB of frames. Default
    /// 1024. An adapter may take all that wait in order to give them out one by one: meanwhile as many may wait again.
    pub events: usize,
}

impl Options {
    /// The defaults, for this server.
    pub fn new(url: impl Into<String>) -> Self {
        Options {
            url: url.into(),
            config: Config::default(),
            format: None,
            headers: Vec::new(),
            events: 1024,
        }
    }

    /// How long an attempt to connect may take: what the configuration says, a day at most, since systems can't tell
    /// the time of a deadline that is much later.
    pub fn dial_timeout(&self) -> Duration {
        self.config.dial_timeout.min(Duration::from_secs(24 * 3600))
    }
}

/// Without what may be secret: the values of headers, and what a URL may hide.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        let mut shown = f.debug_struct("Options");
        shown.field("url", &without_secrets(&self.url)).field("config", &self.config);
        shown.field("format", &self.format).field("headers", &names).field("events", &self.events).finish()
    }
}

/// A URL without user, password and query.
pub(crate) fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => alloc::format!("{scheme}://…@{rest}"),
        (None, Some((_, rest))) => alloc::format!("…@{rest}"),
        (_, None) => url.to_string(),
    }
}

impl<T: Into<String>> From<T> for Options {
    fn from(url: T) -> Self {
        Options::new(url)
    }
}

/// The parts of a URL (RFC 6455, section 3) that one needs for connecting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Whether to use TLS: the scheme is `wss`.
    pub is_secure: bool,
    /// The host: a name or an address, without the brackets that a URL puts around an IPv6 address.
    pub host: String,
    /// The port; by default 80, or 443 with TLS.
    pub port: u16,
}

impl Endpoint {
    /// Reads a URL.
    ///
    /// ```
    /// use skaro_proto::client::Endpoint;
    /// let endpoint = Endpoint::parse("wss://[::1]/skaro_client/")?;
    /// assert_eq!((endpoint.is_secure, &*endpoint.host, endpoint.port), (true, "::1", 443));
    /// # Ok::<(), skaro_proto::client::ConnectError>(())
    /// ```
    ///
    /// # Errors
    /// [`ConnectError::Url`] if it is no WebSocket URL.
    pub fn parse(url: &str) -> Result<Endpoint, ConnectError> {
        let bad = |reason| ConnectError::Url { url: without_secrets(url), reason };
        let (scheme, rest) = url.split_once("://").ok_or(bad("it must begin with ws:// or wss://"))?;
        let is_secure = match scheme {
            _ if scheme.eq_ignore_ascii_case("ws") => false,
            _ if scheme.eq_ignore_ascii_case("wss") => true,
            _ => return Err(bad("it must begin with ws:// or wss://")),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(bad("it must not contain a user or a password"));
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or(bad("its address has no closing bracket"))?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        if host.is_empty() {
            return Err(bad("it names no host"));
        }
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or(bad("its port is no port"))?,
            None if port.is_empty() => {
                if is_secure {
                    443
                } else {
                    80
                }
            }
            None => return Err(bad("there is something between the address and the port")),
        };
        Ok(Endpoint { is_secure, host: host.to_string(), port })
    }

    /// The network does not let us through, for this reason.
    pub fn unreachable(&self, reason: impl fmt::Display) -> ConnectError {
        ConnectError::Network {
            host: alloc::format!("{}:{}", self.host, self.port),
            reason: reason.to_string(),
        }
    }

    /// TLS failed, for this reason.
    pub fn untrusted(&self, reason: impl fmt::Display) -> ConnectError {
        ConnectError::Tls { host: self.host.clone(), reason: reason.to_string() }
    }
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is none that one can connect to.
    #[error("\"{url}\" is no URL to connect to: {reason}")]
    Url {
        /// The URL, without user, password and query.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A header that can't be sent.
    #[error("the header \"{0}\" can't be sent")]
    Header(String),
    /// The network does not let us through: no such host, nobody listens, no route.
    #[error("can't reach {host}: {reason}")]
    Network {
        /// Host and port.
        host: String,
        /// What the system says.
        reason: String,
    },
    /// TLS failed: most often the server's certificate is not to be trusted, or is for another host.
    #[error("no secure connection to {host}: {reason}")]
    Tls {
        /// The host.
        host: String,
        /// What is wrong.
        reason: String,
    },
    /// The URL asks for TLS, which this build can't do.
    #[error("this build has no TLS: enable the feature \"tls\"")]
    NoTls,
    /// The server answered with this HTTP status instead of opening a WebSocket.
    #[error("the server answered with HTTP status {0} instead of opening a WebSocket")]
    Status(u16),
    /// The server does not speak WebSocket, or broke its rules.
    #[error("the server does not speak WebSocket: {0}")]
    Handshake(String),
    /// It took too long.
    #[error("the connection did not come about in time")]
    TimedOut,
    /// The connection came about, but ended before the server said anything.
    #[error("the connection ended before the server spoke: {0}")]
    Ended(Disconnect),
}

impl From<ConnectError> for Disconnect {
    fn from(error: ConnectError) -> Self {
        Disconnect::Failed(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_in_their_variety() {
        for (url, is_secure, host, port) in [
            ("ws://localhost", false, "localhost", 80),
            ("WSS://localhost/", true, "localhost", 443),
            ("ws://127.0.0.1:8000/skaro_client/", false, "127.0.0.1", 8000),
            ("ws://[::1]:8000", false, "::1", 8000),
            ("wss://[2001:db8::1]?x", true, "2001:db8::1", 443),
        ] {
            let expected = Endpoint { is_secure, host: host.into(), port };
            assert_eq!(Endpoint::parse(url), Ok(expected), "{url}");
        }
    }

    #[test]
    fn what_is_no_url_is_told() {
        for (url, told) in [
            ("", "ws://"),
            ("localhost:8000", "ws://"),
            ("http://localhost", "ws://"),
            ("ws://", "no host"),
            ("ws://:8000", "no host"),
            ("ws://[::1", "bracket"),
            ("ws://[::1]8000", "between"),
            ("ws://host:0", "port"),
            ("ws://host:65536", "port"),
            ("ws://host:http", "port"),
            ("ws://alice:secret@host", "password"),
            ("http://host?secret", "ws://"),
        ] {
            let error = Endpoint::parse(url).unwrap_err();
            assert!(error.to_string().contains(told), "{url}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
