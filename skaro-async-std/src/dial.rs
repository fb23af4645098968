//! Making a connection.

use std::time::{Duration, Instant};

use async_std::future::timeout;
use async_std::net::{TcpStream, ToSocketAddrs};
use async_tungstenite::client_async_with_config;
use skaro_proto::client::{ConnectError, Endpoint, Options};
use skaro_proto::tungstenite::{config, request};

use crate::socket::{Socket, Stream, plain};

/// Nobody waits longer for a connection; the system's clock could not tell a time that is much later.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Where and how to connect.
pub(crate) struct Target {
    pub(crate) options: Options,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<std::sync::Arc<futures_rustls::rustls::ClientConfig>>,
}

impl Target {
    pub(crate) const fn new(options: Options) -> Target {
        Target {
            options,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Connects once, in the time that the configuration allows.
    pub(crate) async fn dial(&self) -> Result<Socket, ConnectError> {
        let limit = self.options.config.dial_timeout.min(LONGEST);
        let dialing = timeout(limit, self.dial_until(Instant::now() + limit));
        dialing.await.unwrap_or(Err(ConnectError::TimedOut))
    }

    async fn dial_until(&self, until: Instant) -> Result<Socket, ConnectError> {
        let endpoint = Endpoint::parse(&self.options.url)?;
        let request = request(&self.options)?;
        let stream = connect_tcp(&endpoint, until).await?;
        let stream = if endpoint.is_secure { self.secure(&endpoint, stream).await? } else { plain(stream) };
        let config = config(self.options.config.limits.frame);
        let (stream, _) = client_async_with_config(request, stream, Some(config)).await?;
        Ok(Socket::new(stream))
    }

    #[cfg(not(feature = "tls"))]
    async fn secure(&self, _: &Endpoint, _: TcpStream) -> Result<Stream, ConnectError> {
        Err(ConnectError::NoTls)
    }

    /// Puts TLS around a connection.
    #[cfg(feature = "tls")]
    async fn secure(&self, endpoint: &Endpoint, stream: TcpStream) -> Result<Stream, ConnectError> {
        let failed = |error: &dyn std::fmt::Display| ConnectError::Tls {
            host: endpoint.host.clone(),
            reason: error.to_string(),
        };
        let tls = self.tls.clone().map_or_else(trust_the_system, Ok).map_err(|error| failed(&error))?;
        let name = endpoint.host.clone().try_into().map_err(|error| failed(&error))?;
        let connecting = futures_rustls::TlsConnector::from(tls).connect(name, stream);
        let stream = connecting.await.map_err(|error| failed(&error))?;
        Ok(futures_util::future::Either::Right(Box::new(stream.into())))
    }
}

/// TLS as the system's trust roots have it.
#[cfg(feature = "tls")]
fn trust_the_system()
-> Result<std::sync::Arc<futures_rustls::rustls::ClientConfig>, futures_rustls::rustls::Error> {
    use futures_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = std::sync::Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(std::sync::Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// Tries each address of the host in turn, each for an equal share of the time that is left.
async fn connect_tcp(endpoint: &Endpoint, until: Instant) -> Result<TcpStream, ConnectError> {
    let network = |error: std::io::Error| ConnectError::Network {
        host: format!("{}:{}", endpoint.host, endpoint.port),
        reason: error.to_string(),
    };
    let addresses: Vec<_> =
        (endpoint.host.as_str(), endpoint.port).to_socket_addrs().await.map_err(network)?.collect();
    let mut result = Err(network(std::io::ErrorKind::NotFound.into()));
    for (n, address) in addresses.iter().enumerate() {
        let left = until.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - n).unwrap_or(u32::MAX);
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Chat messages are small and wanted at once.
                stream.set_nodelay(true).map_err(network)?;
                return Ok(stream);
            }
            Ok(Err(error)) => result = Err(network(error)),
            Err(_) => result = Err(ConnectError::TimedOut),
        }
    }
    result
}
