//! Whose certificates are good, if not those that the system trusts.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore, crypto::ring};

use super::args::Args;

impl Args {
    /// The configuration of TLS, if the options say more than that there is to be some.
    pub(crate) fn trust(&self) -> Result<Option<Arc<ClientConfig>>, String> {
        let Some(path) = &self.ca else { return Ok(None) };
        let unusable = |error: &dyn std::fmt::Display| format!("can't use {}: {error}", path.display());
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
        let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
        Ok(Some(Arc::new(builder.with_root_certificates(roots).with_no_client_auth())))
    }
}
