//! Errors of connecting.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use skaro_proto::client::Disconnect;
use thiserror::Error;

/// The reason why connecting failed. Its text contains no secrets; its source, if any, is the error of the system or of
/// TLS.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is invalid or unsupported.
    #[error("invalid URL: {0}")]
    Url(&'static str),
    /// A header in the options can't be sent: it is not well-formed (RFC 9110, section 5), or it is part of the
    /// handshake itself.
    #[error("the header \"{0}\" can't be sent: it is invalid, or part of the handshake itself")]
    Header(String),
    /// The host's name could not be resolved.
    #[error("can't find the host {host}: {source}")]
    Resolve {
        /// The host.
        host: String,
        /// The system's error.
        source: Arc<io::Error>,
    },
    /// The connection failed: refused, no route, or broken.
    #[error("can't connect to {host}: {source}")]
    Network {
        /// Host and port.
        host: String,
        /// The system's error.
        source: Arc<io::Error>,
    },
    /// TLS failed: most often the server's certificate is not trusted, or is for another host.
    #[error("TLS to {host} failed: {source}")]
    Tls {
        /// The host.
        host: String,
        /// The error of TLS.
        source: Arc<dyn StdError + Send + Sync>,
    },
    /// The operating system provides no randomness, which a client needs for the keys of its messages.
    #[error("the operating system has no randomness to give: {0}")]
    NoRandomness(String),
    /// The system has no trust roots, so no certificate can be checked. Install them (`ca-certificates`), name a file
    /// in the environment variable `SSL_CERT_FILE`, or give a configuration of TLS.
    #[error("no trust roots: {0}; install the system's certificates, or set SSL_CERT_FILE")]
    NoTrustRoots(String),
    /// The URL begins with `wss://`, but the server does not speak TLS on this port.
    #[error("{host} does not speak TLS: use a ws:// URL, or another port")]
    NotTls {
        /// Host and port.
        host: String,
    },
    /// The URL begins with `ws://`, but the server speaks TLS on this port.
    #[error("{host} expects TLS: use a wss:// URL, or another port")]
    TlsExpected {
        /// Host and port.
        host: String,
    },
    /// The URL needs TLS, which this build lacks.
    #[error("this build has no TLS: enable the feature \"tls\"")]
    NoTls,
    /// The proxy refused or failed to connect.
    #[error("the proxy {proxy} failed: {reason}")]
    Proxy {
        /// The proxy's host and port.
        proxy: String,
        /// The HTTP status with which the proxy refused; `None` for other failures.
        status: Option<u16>,
        /// The proxy's reason.
        reason: String,
    },
    /// The server answered with this HTTP status instead of opening a WebSocket.
    #[error("the server answered with HTTP status {code}{} instead of opening a WebSocket", spaced(reason))]
    Status {
        /// The status code.
        code: u16,
        /// The server's reason phrase, or empty.
        reason: String,
    },
    /// The server does not speak WebSocket, or violated its opening handshake.
    #[error("the server does not speak WebSocket: {0}")]
    Handshake(&'static str),
    /// There was no WebSocket within [`dial_timeout`](skaro_proto::client::ClientConfig::dial_timeout).
    #[error("timed out while connecting")]
    TimedOut,
    /// The connection ended before the server's first message, or that message did not come within
    /// [`greeting_timeout`](skaro_proto::client::ClientConfig::greeting_timeout).
    #[error("the connection ended before the server spoke: {0}")]
    Ended(Disconnect),
}

impl ConnectError {
    /// Creates the error of a host's name that could not be resolved.
    pub fn resolve(host: impl Into<String>, error: io::Error) -> Self {
        ConnectError::Resolve { host: host.into(), source: Arc::new(error) }
    }

    /// Creates the error of a failed connection to this host and port.
    pub fn network(host: impl Into<String>, error: io::Error) -> Self {
        ConnectError::Network { host: host.into(), source: Arc::new(error) }
    }
}

fn spaced(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" ({reason})") }
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
    fn causes_are_kept() {
        let error = ConnectError::network("localhost:1", io::ErrorKind::ConnectionRefused.into());
        let cause = error.source().and_then(|cause| cause.downcast_ref::<Arc<io::Error>>());
        assert_eq!(cause.map(|cause| cause.kind()), Some(io::ErrorKind::ConnectionRefused));
        assert_eq!(Disconnect::from(error.clone()), Disconnect::Failed(error.to_string()));
    }

    #[test]
    fn a_status_is_told_with_its_reason_if_there_is_one() {
        let text = |reason: &str| ConnectError::Status { code: 503, reason: reason.into() }.to_string();
        assert_eq!(
            text("Full"),
            "the server answered with HTTP status 503 (Full) instead of opening a WebSocket"
        );
        assert_eq!(text(""), "the server answered with HTTP status 503 instead of opening a WebSocket");
    }
}
