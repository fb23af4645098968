//! TLS through rustls, for clients: the default configuration, the server's name, and errors.

use std::io;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, crypto::ring};

use crate::channel::Channel;
use crate::error::ConnectError;
use crate::options::Options;
use crate::url::Url;

/// Creates the client's side of a connection by TLS.
pub(crate) fn channel(url: &Url, options: &Options) -> Result<Channel, ConnectError> {
    let config = options.tls.clone().map_or_else(default_config, Ok)?;
    let session = ClientConnection::new(config, server_name(url)?);
    session.map(|session| Channel::over(session.into())).map_err(|error| failed(url, io::Error::other(error)))
}

/// Creates a configuration that trusts the system's roots. It is an error if there are none.
pub(crate) fn default_config() -> Result<Arc<ClientConfig>, ConnectError> {
    let found = rustls_native_certs::load_native_certs();
    let why = found.errors.first().map(ToString::to_string);
    trusting(found.certs, why)
}

fn trusting(
    certificates: Vec<rustls::pki_types::CertificateDer<'static>>,
    why: Option<String>,
) -> Result<Arc<ClientConfig>, ConnectError> {
    let mut roots = RootCertStore::empty();
    let (_, ignored) = roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        let why = why.unwrap_or_else(|| match ignored {
            0 => "the system has no certificates".into(),
            count => format!("none of the system's {count} certificates can be read"),
        });
        return Err(ConnectError::NoTrustRoots(why));
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    // The provider, ring, supports the default versions.
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(|error| ConnectError::Tls { host: String::new(), source: Arc::new(error) })?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// Returns the name or address that the server's certificate must have.
fn server_name(url: &Url) -> Result<ServerName<'static>, ConnectError> {
    // A name may end with a dot, but the name for TLS must not (RFC 6066, section 3).
    let host = url.host_without_zone();
    let name = host.strip_suffix('.').unwrap_or(host).to_owned();
    name.try_into().map_err(|error| ConnectError::Tls { host: host.to_owned(), source: Arc::new(error) })
}

/// Converts the error of a TLS connection: to a TLS error if it is or contains an error of rustls, otherwise to a
/// network error.
pub(crate) fn failed(url: &Url, error: io::Error) -> ConnectError {
    match error.downcast::<rustls::Error>() {
        // The input is not TLS, for example an answer in HTTP.
        Ok(rustls::Error::InvalidMessage(_)) => ConnectError::NotTls { host: url.host_and_port() },
        Ok(error) => ConnectError::Tls { host: url.host().to_owned(), source: Arc::new(error) },
        Err(error) => ConnectError::network(url.host_and_port(), error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error;

    fn certificate() -> rustls::pki_types::CertificateDer<'static> {
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.der().clone()
    }

    /// Case 22.
    #[test]
    fn no_trust_roots_is_an_error_of_its_own() {
        for (certificates, why, told) in [
            (vec![], None, "no trust roots: the system has no certificates; install"),
            (vec![], Some("no such directory".to_owned()), "no trust roots: no such directory; install"),
            (
                vec![vec![1, 2, 3].into()],
                None,
                "no trust roots: none of the system's 1 certificates can be read",
            ),
        ] {
            let error = trusting(certificates, why).unwrap_err().to_string();
            assert!(error.starts_with(told), "{error}");
        }
        assert!(trusting(vec![certificate()], Some("one of them".into())).is_ok());
    }

    /// Case 22: the error of rustls at a plain server's answer.
    #[test]
    fn a_server_without_tls_is_recognised() {
        let url = Url::parse("wss://localhost:8000").unwrap();
        let config = trusting(vec![certificate()], None).unwrap();
        let mut session = ClientConnection::new(config, server_name(&url).unwrap()).unwrap();
        session.read_tls(&mut &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..]).unwrap();
        let error = session.process_new_packets().unwrap_err();
        let error = failed(&url, io::Error::new(io::ErrorKind::InvalidData, error));
        assert!(matches!(&error, ConnectError::NotTls { host } if host == "localhost:8000"), "{error}");
    }

    #[test]
    fn what_failed_is_told_with_its_cause() {
        let url = Url::parse("wss://localhost").unwrap();
        let untrusted = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let error = failed(&url, io::Error::other(untrusted));
        assert!(matches!(error, ConnectError::Tls { .. }) && error.source().is_some(), "{error}");
        let error = failed(&url, io::ErrorKind::ConnectionReset.into());
        assert!(
            matches!(&error, ConnectError::Network { source, .. } if source.kind() == io::ErrorKind::ConnectionReset)
        );
    }

    #[test]
    fn certificates_may_be_for_names_and_addresses() {
        for (url, name) in [
            ("wss://Example.org.", "example.org"),
            ("wss://127.0.0.1", "127.0.0.1"),
            ("wss://[fe80::1%25eth0]", "fe80::1"),
        ] {
            assert_eq!(server_name(&Url::parse(url).unwrap()).unwrap().to_str(), name);
        }
        assert!(server_name(&Url::parse("wss://-").unwrap()).is_err());
    }
}
