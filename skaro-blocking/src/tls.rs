//! TLS around a connection, through rustls.

use std::io;
use std::sync::Arc;

use rustls::{ClientConnection, RootCertStore, StreamOwned, crypto::ring};
use skaro_proto::client::{ConnectError, Endpoint};
use tungstenite::stream::MaybeTlsStream;

use crate::stream::Stream;

pub(crate) type ClientConfig = Arc<rustls::ClientConfig>;

/// Secures a connection; without a configuration as the system's trust roots have it. The handshake takes place with
/// the first bytes that are read or written.
pub(crate) fn connect(
    config: Option<&ClientConfig>,
    endpoint: &Endpoint,
    stream: Stream,
) -> Result<MaybeTlsStream<Stream>, ConnectError> {
    let config =
        config.cloned().map_or_else(trust_the_system, Ok).map_err(|error| endpoint.untrusted(error))?;
    let name = endpoint.host.clone().try_into().map_err(|error| endpoint.untrusted(error))?;
    let session = ClientConnection::new(config, name).map_err(|error| endpoint.untrusted(error))?;
    Ok(MaybeTlsStream::Rustls(StreamOwned::new(session, stream)))
}

/// Whether it is TLS that failed, and not what lies below.
pub(crate) fn is_at_fault(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

fn trust_the_system() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions()?.with_root_certificates(roots);
    Ok(Arc::new(builder.with_no_client_auth()))
}
