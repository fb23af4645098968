//! The server's certificate and key.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem, pem::PemObject};
use rustls::{Error, ServerConfig};
use webpki::{EndEntityCert, KeyUsage};

use crate::exit::{Exit, Fault};
use crate::secrets;

#[derive(Args)]
pub(crate) struct TlsOptions {
    /// The server's certificate in PEM, followed by intermediate certificates. With it, clients connect by TLS.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, as PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

impl TlsOptions {
    /// Returns the files, if they are given.
    pub(crate) fn files(&self) -> [Option<&Path>; 2] {
        [self.tls_cert.as_deref(), self.tls_key.as_deref()]
    }

    /// Reads the files; `None` without these options.
    pub(crate) fn read(&self) -> Result<Option<Arc<ServerConfig>>, Fault> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => configuration(cert, key).map(|config| Some(Arc::new(config))),
            (None, None) => Ok(None),
            // A file with options may contain only one of them.
            _ => Err(Fault::new(Exit::Config, "a certificate needs its key: give both tls-cert and tls-key")),
        }
    }
}

fn configuration(cert: &Path, key: &Path) -> Result<ServerConfig, Fault> {
    let unreadable = |path: &Path, error: pem::Error| {
        Fault::new(Exit::NoInput, format!("can't read {}: {error}", path.display()))
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect);
    let chain = chain.map_err(|error| unreadable(cert, error))?;
    let Some(first) = chain.first() else { return Err(unreadable(cert, pem::Error::NoItemsFound)) };
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, error))?;
    let is_open = std::fs::metadata(key).is_ok_and(|metadata| secrets::is_open_to_others(&metadata));
    if is_open {
        tracing::warn!("others can read or change the key: chmod o= {}", key.display());
    }
    let unusable =
        |reason: &dyn Display| Fault::new(Exit::Config, format!("can't use {}: {reason}", cert.display()));
    if is_authority(first) {
        return Err(unusable(&"it is an authority's certificate, which clients refuse; --help has a recipe"));
    }
    // rustls can't choose a provider by itself if several crates in the program enable different ones.
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = builder.and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret));
    config.map_err(|error| match error {
        Error::InconsistentKeys(_) => Fault::new(
            Exit::Config,
            format!(
                "{} and {} do not belong together: give the key from which the certificate was made",
                cert.display(),
                key.display()
            ),
        ),
        error => unusable(&error),
    })
}

/// Returns whether a certificate may sign others. Clients don't accept such a certificate from a server.
fn is_authority(certificate: &CertificateDer<'_>) -> bool {
    // Without trust anchors the verification always fails, but the certificate itself is checked first.
    let Ok(parsed) = EndEntityCert::try_from(certificate) else { return false };
    let usage = KeyUsage::server_auth();
    let verified = parsed.verify_for_usage(&[], &[], &[], UnixTime::now(), usage, None, None);
    matches!(verified, Err(webpki::Error::CaUsedAsEndEntity))
}
