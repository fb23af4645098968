//! Options of a client's connection.

use std::fmt;

use skaro_proto::Format;
use skaro_proto::client::ClientConfig;

use crate::proxy::Proxy;

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
    /// The format to ask for, by a WebSocket subprotocol. By default the client asks for none and the server chooses,
    /// which also works with servers that know no subprotocols.
    pub format: Option<Format>,
    /// Additional headers for the opening handshake, as names and values.
    pub headers: Vec<(String, String)>,
    /// Number of waiting events from which reading pauses: see [`Mailbox`](crate::Mailbox). Default 1024.
    pub event_capacity: usize,
    /// The proxy for the connection. Default none.
    pub proxy: Option<Proxy>,
    /// Vouches that nobody can listen to a `ws:` connection, for example because it uses a Unix socket or a tunnel.
    /// Default `false`.
    ///
    /// Connections by `wss:`, or to a loopback address without a proxy, are known to be confidential. Passwords
    /// themselves (to register, or to change one) are sent over confidential connections only.
    pub confidential: bool,
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
            confidential: false,
            #[cfg(feature = "tls")]
            tls: None,
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
        shown.field("confidential", &self.confidential);
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
