//! Making a connection.

use async_std::net::TcpStream;
use async_tungstenite::tungstenite::client::IntoClientRequest;
use async_tungstenite::tungstenite::http::{HeaderName, HeaderValue, Request, StatusCode, header};
use async_tungstenite::tungstenite::Error;
use async_tungstenite::client_async_with_config;
use skaro_proto::Format;
use skaro_proto::client::Config;
use thiserror::Error;

use crate::socket::{self, Socket};

/// Where and how to connect.
///
/// ```
/// use skaro_async_std::{Options, proto::Format};
///
/// let mut options = Options::new("ws://127.0.0.1:8000/skaro_client/");
/// options.format = Some(Format::Json);
/// options.config.keep_credentials = true;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The server's URL: `ws://host:port/path`.
    pub url: String,
    /// How the client behaves.
    pub config: Config,
    /// The format to ask for, by a WebSocket subprotocol. By default none is asked for: the server chooses, and
    /// servers that know of no subprotocols are content.
    pub format: Option<Format>,
    /// Headers for the opening handshake.
    pub headers: Vec<(String, String)>,
    /// Events that wait for the application at most; beyond that nothing is read. Default 1024.
    pub events: usize,
}

impl Options {
    /// The defaults, for this server.
    pub fn new(url: impl Into<String>) -> Self {
        Options { url: url.into(), config: Config::default(), format: None, headers: Vec::new(), events: 1024 }
    }
}

impl<T: Into<String>> From<T> for Options {
    fn from(url: T) -> Self {
        Options::new(url)
    }
}

/// Why there is no connection.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is none that one can connect to.
    #[error("\"{url}\" is no URL to connect to: {reason}")]
    Url {
        /// The URL.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A header that can't be sent.
    #[error("the header \"{0}\" can't be sent")]
    Header(String),
    /// The network does not let us through: no such host, nobody listens, no route.
    #[error("can't reach {host}: {error}")]
    Network {
        /// Host and port.
        host: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// The server does not speak WebSocket there: it answered with this HTTP status.
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
    Ended(skaro_proto::client::Disconnect),
}

/// Connects once. Whoever calls this sees to the time.
pub(crate) async fn dial(options: &Options) -> Result<Socket, ConnectError> {
    let request = request(options)?;
    let url = |reason: &str| ConnectError::Url { url: options.url.clone(), reason: reason.into() };
    if request.uri().scheme_str() != Some("ws") {
        return Err(url("it must begin with ws://"));
    }
    let host = request.uri().host().ok_or_else(|| url("it names no host"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = request.uri().port_u16().unwrap_or(80);
    let network = |error| ConnectError::Network { host: format!("{host}:{port}"), error };
    // Tries each address of the host in turn.
    let stream = TcpStream::connect((host.as_str(), port)).await.map_err(network)?;
    // Chat messages are small and wanted at once.
    stream.set_nodelay(true).map_err(network)?;
    let config = socket::config(options.config.limits.frame);
    let (stream, _) = client_async_with_config(request, stream, Some(config)).await.map_err(handshake)?;
    Ok(Socket::new(stream))
}

fn request(options: &Options) -> Result<Request<()>, ConnectError> {
    let url = |error: Error| ConnectError::Url { url: options.url.clone(), reason: error.to_string() };
    let mut request = options.url.as_str().into_client_request().map_err(url)?;
    for (name, value) in &options.headers {
        let bad = || ConnectError::Header(name.clone());
        let key = HeaderName::try_from(name.as_str()).map_err(|_| bad())?;
        request.headers_mut().insert(key, HeaderValue::try_from(value.as_str()).map_err(|_| bad())?);
    }
    if let Some(format) = options.format {
        let subprotocol = HeaderValue::from_static(format.subprotocol());
        request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    Ok(request)
}

fn handshake(error: Error) -> ConnectError {
    match error {
        Error::Http(response) if response.status() != StatusCode::SWITCHING_PROTOCOLS => {
            ConnectError::Status(response.status().as_u16())
        }
        error => ConnectError::Handshake(error.to_string()),
    }
}
