//! Options of a client's connection.

use std::fmt;
use std::time::Duration;

use skaro_proto::Format;
use skaro_proto::client::ClientConfig;

use crate::proxy::Proxy;
use crate::url::Url;

/// Options of a client's connection: the server, and the way to it.
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
    /// The format to ask for, by a WebSocket subprotocol. By default none is asked for and the server chooses, which
    /// also works with servers that know no subprotocols.
    pub format: Option<Format>,
    /// Additional headers for the opening handshake, as names and values.
    pub headers: Vec<(String, String)>,
    /// Number of waiting events from which reading pauses: see [`Mailbox`](crate::Mailbox). Default 1024.
    pub event_capacity: usize,
    /// The proxy for the connection. Default none.
    pub proxy: Option<Proxy>,
    /// The configuration of TLS for `wss:`. By default the system's trust roots decide which certificates are valid.
    #[cfg(feature = "tls")]
    pub tls: Option<std::sync::Arc<rustls::ClientConfig>>,
}

impl Options {
    /// Creates options with defaults for this server.
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

    /// Returns the time-out of an attempt to connect: as configured, but at most a day, since systems can't represent
    /// much later deadlines.
    #[must_use]
    pub fn dial_timeout(&self) -> Duration {
        self.config.dial_timeout.min(Duration::from_secs(24 * 3600))
    }
}

/// Methods for adapters.
impl Options {
    /// Returns the host and port to resolve and dial: those of the proxy, if there is one, otherwise those of the URL.
    #[must_use]
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

/// Hides secrets: the values of headers, and the credentials and query of the URL.
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

/// Returns a URL without user, password, query and fragment.
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
    fn connecting_takes_as_long_as_it_may_and_a_day_at_most() {
        let mut options = Options::new("ws://h");
        for (wanted, may) in [(20, 20), (86_400, 86_400), (86_401, 86_400), (u64::MAX, 86_400)] {
            options.config.dial_timeout = Duration::from_secs(wanted);
            assert_eq!(options.dial_timeout(), Duration::from_secs(may));
        }
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
