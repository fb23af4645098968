//! Where and how to connect.

use std::fmt;
use std::time::Duration;

use skaro_proto::Format;
use skaro_proto::client::ClientConfig;

use crate::proxy::Proxy;
use crate::url::Url;

/// Where and how to connect.
///
/// ```
/// use skaro_adapter::Options;
/// use skaro_proto::Format;
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
    /// The configuration of the client's machine.
    pub config: ClientConfig,
    /// The format to ask for, by a WebSocket subprotocol. By default none is asked for: the server chooses, and
    /// servers that know of no subprotocols are content.
    pub format: Option<Format>,
    /// Headers for the opening handshake, as names and values.
    pub headers: Vec<(String, String)>,
    /// Events that may wait for the application before reading pauses: see [`Mailbox`](crate::Mailbox). Default 1024.
    pub event_capacity: usize,
    /// The proxy by which the server is reached. Default none.
    pub proxy: Option<Proxy>,
    /// The configuration of TLS for `wss:`. By default the system's trust roots decide which certificates are good.
    #[cfg(feature = "tls")]
    pub tls: Option<std::sync::Arc<rustls::ClientConfig>>,
}

impl Options {
    /// Creates the defaults for this server.
    pub fn new(url: impl Into<String>) -> Self {
        Options {
            url: url.into(),
            config: ClientConfig::default(),
            format: None,
            headers: Vec::new(),
            event_capacity: 1024,
            proxy: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Returns how long an attempt to connect may take: as configured, but a day at most, since systems can't tell the
    /// time of a deadline that is much later.
    pub fn dial_timeout(&self) -> Duration {
        self.config.dial_timeout.min(Duration::from_secs(24 * 3600))
    }
}

/// For adapters.
impl Options {
    /// Returns host and port to resolve and dial: the proxy's, if there is one, or else those of the URL.
    pub fn dials<'a>(&'a self, url: &'a Url) -> (&'a str, u16) {
        match &self.proxy {
            Some(proxy) => (proxy.host(), proxy.port()),
            None => (url.host(), url.port()),
        }
    }
}

impl From<&str> for Options {
    fn from(url: &str) -> Self {
        Options::new(url)
    }
}

impl From<&String> for Options {
    fn from(url: &String) -> Self {
        Options::new(url)
    }
}

impl From<String> for Options {
    fn from(url: String) -> Self {
        Options::new(url)
    }
}

/// Without what may be secret: the values of headers, and what a URL may hide.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        let mut shown = f.debug_struct("Options");
        shown.field("url", &without_secrets(&self.url)).field("config", &self.config);
        shown.field("format", &self.format).field("headers", &names);
        shown.field("event_capacity", &self.event_capacity).field("proxy", &self.proxy);
        shown.finish_non_exhaustive()
    }
}

/// A URL without user, password and query.
fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://…@{rest}"),
        (None, Some((_, rest))) => format!("…@{rest}"),
        (_, None) => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_dialed_in_place_of_the_server() {
        let url = Url::parse("ws://h").unwrap();
        let mut options = Options::from("ws://h".to_owned());
        assert_eq!(options.dials(&url), ("h", 80));
        options.proxy = Some(Proxy::parse("socks5://proxy").unwrap());
        assert_eq!(options.dials(&url), ("proxy", 1080));
    }

    #[test]
    fn debug_output_has_no_secrets() {
        for url in ["ws://alice:hunter2@h/x", "ws://h/?token=hunter2", "alice:hunter2@h", "ws://h/#hunter2"] {
            let mut options = Options::from(url);
            options.headers.push(("Cookie".into(), "hunter2".into()));
            options.proxy = Some(Proxy::parse("http://user:hunter2@proxy:3128").unwrap());
            let shown = format!("{options:?}");
            assert!(!shown.contains("hunter2") && shown.contains("Cookie"), "{shown}");
        }
    }
}
