//! Making a connection.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Interest, Token};
use skaro_proto::client::{ConnectError, Endpoint, Options};
use skaro_proto::tungstenite::{config, request};
use tungstenite::{Error, HandshakeError, WebSocket};

use crate::driver::Driver;
use crate::stream::Stream;

/// Nobody waits longer for a connection; the system's clock could not tell a time that is much later.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Where and how to connect.
pub(crate) struct Target {
    pub(crate) options: Options,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<std::sync::Arc<rustls::ClientConfig>>,
}

impl Target {
    pub(crate) const fn new(options: Options) -> Target {
        Target {
            options,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Puts TLS around a connection, if the URL asks for it.
    fn secure(&self, endpoint: &Endpoint, stream: TcpStream) -> Result<Stream, ConnectError> {
        if !endpoint.is_secure {
            return Ok(Stream::Plain(stream));
        }
        #[cfg(not(feature = "tls"))]
        return Err(ConnectError::NoTls);
        #[cfg(feature = "tls")]
        {
            let failed = |error: &dyn std::fmt::Display| ConnectError::Tls {
                host: endpoint.host.clone(),
                reason: error.to_string(),
            };
            let tls = self.tls.clone().map_or_else(trust_the_system, Ok).map_err(|error| failed(&error))?;
            let name = endpoint.host.clone().try_into().map_err(|error| failed(&error))?;
            let session = rustls::ClientConnection::new(tls, name).map_err(|error| failed(&error))?;
            Ok(Stream::Tls(Box::new(rustls::StreamOwned::new(session, stream))))
        }
    }
}

/// TLS as the system's trust roots have it.
#[cfg(feature = "tls")]
fn trust_the_system() -> Result<std::sync::Arc<rustls::ClientConfig>, rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(std::sync::Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

impl Driver {
    /// Connects once, in the time that the configuration allows, or until nobody wants it any more.
    pub(crate) fn dial(&mut self) -> Result<WebSocket<Stream>, ConnectError> {
        let shared = self.shared.clone();
        let options = &shared.target.options;
        let until = Instant::now() + options.config.dial_timeout.min(LONGEST);
        let endpoint = Endpoint::parse(&options.url)?;
        let request = request(options)?;
        let stream = self.connect_tcp(&endpoint, until)?;
        let stream = shared.target.secure(&endpoint, stream)?;
        let config = config(options.config.limits.frame);
        let mut handshake = tungstenite::client::client_with_config(request, stream, Some(config));
        loop {
            match handshake {
                Ok((socket, _)) => return Ok(socket),
                Err(HandshakeError::Failure(error)) => return Err(failure(&endpoint, error)),
                Err(HandshakeError::Interrupted(unfinished)) => {
                    self.wait_while_dialing(until)?;
                    handshake = unfinished.handshake();
                }
            }
        }
    }

    /// Tries each address of the host in turn, each for an equal share of the time that is left.
    fn connect_tcp(&mut self, endpoint: &Endpoint, until: Instant) -> Result<TcpStream, ConnectError> {
        let network = |error: io::Error| ConnectError::Network {
            host: format!("{}:{}", endpoint.host, endpoint.port),
            reason: error.to_string(),
        };
        let addresses: Vec<_> =
            (endpoint.host.as_str(), endpoint.port).to_socket_addrs().map_err(network)?.collect();
        let mut result = Err(network(io::ErrorKind::NotFound.into()));
        for (n, address) in addresses.iter().enumerate() {
            let left = until.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(addresses.len() - n).unwrap_or(u32::MAX);
            match self.connect_address(*address, Instant::now() + share) {
                Ok(Some(stream)) => return Ok(stream),
                Ok(None) => result = Err(ConnectError::TimedOut),
                Err(error) => result = Err(network(error)),
            }
        }
        result
    }

    /// Connects to an address; `None` if it takes too long.
    fn connect_address(&mut self, address: SocketAddr, until: Instant) -> io::Result<Option<TcpStream>> {
        let mut stream = TcpStream::connect(address)?;
        self.poll.registry().register(&mut stream, Token(1), Interest::READABLE | Interest::WRITABLE)?;
        while self.wait_while_dialing(until).is_ok() {
            if let Some(error) = stream.take_error()? {
                return Err(error);
            }
            match stream.peer_addr() {
                Ok(_) => {
                    // Chat messages are small and wanted at once.
                    stream.set_nodelay(true)?;
                    return Ok(Some(stream));
                }
                Err(error) if error.kind() == io::ErrorKind::NotConnected => (),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// What tungstenite reports of the opening handshake; an I/O error may be TLS's.
fn failure(endpoint: &Endpoint, error: Error) -> ConnectError {
    #[cfg(feature = "tls")]
    if let Error::Io(io) = &error
        && let Some(tls) = io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>())
    {
        return ConnectError::Tls { host: endpoint.host.clone(), reason: tls.to_string() };
    }
    _ = endpoint;
    error.into()
}
