//! Whom to connect to, and whose certificates are good.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore, crypto::ring};

use crate::exit::{Exit, Fault};

/// How to trust a server.
#[derive(Args)]
pub(crate) struct TrustOptions {
    /// A file with certificates, as PEM: with wss:// the server's must be certified by one of these, instead of by
    /// one that the system trusts.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl TrustOptions {
    /// The configuration of TLS, if the options say more than that there is to be some.
    pub(crate) fn tls(&self) -> Result<Option<Arc<ClientConfig>>, Fault> {
        self.ca.as_deref().map(trusting).transpose()
    }
}

fn trusting(path: &Path) -> Result<Arc<ClientConfig>, Fault> {
    let unusable = |error: &dyn std::fmt::Display| {
        Fault::new(Exit::NoInput, format!("can't use {}: {error}", path.display()))
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unusable(&error))? {
        let certificate = certificate.map_err(|error| unusable(&error))?;
        roots.add(certificate).map_err(|error| unusable(&error))?;
    }
    if roots.is_empty() {
        return Err(unusable(&"there is no certificate in it"));
    }
    // rustls wants to be told whose cryptography to use, or finds none if several crates in the program have some.
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| unusable(&error))?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}
