//! TLS around a connection, through rustls.

use std::sync::Arc;

use futures_rustls::rustls::{self, RootCertStore, crypto::ring};
use futures_rustls::{TlsAcceptor, TlsConnector};
use skaro_proto::client::{ConnectError, Endpoint};

use crate::tcp::Tcp;

pub(crate) type Stream = futures_rustls::TlsStream<Tcp>;
pub(crate) type ClientConfig = Arc<rustls::ClientConfig>;
pub(crate) type Acceptor = TlsAcceptor;

/// The client's side of the handshake; without a configuration as the system's trust roots have it.
pub(crate) async fn connect(
    config: Option<&ClientConfig>,
    endpoint: &Endpoint,
    stream: Tcp,
) -> Result<Stream, ConnectError> {
    let config =
        config.cloned().map_or_else(trust_the_system, Ok).map_err(|error| endpoint.untrusted(error))?;
    let name = endpoint.host.clone().try_into().map_err(|error| endpoint.untrusted(error))?;
    let connected = TlsConnector::from(config).connect(name, stream).await;
    Ok(connected.map_err(|error| endpoint.untrusted(error))?.into())
}

/// The server's side of the handshake.
pub(crate) async fn accept(acceptor: &Acceptor, stream: Tcp) -> std::io::Result<Stream> {
    Ok(acceptor.accept(stream).await?.into())
}

fn trust_the_system() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions()?.with_root_certificates(roots);
    Ok(Arc::new(builder.with_no_client_auth()))
}
