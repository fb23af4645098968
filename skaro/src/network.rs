//! Options for connecting to a server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use skaro_tokio::{ConnectError, Options, Proxy};

use crate::exit::{Exit, Fault};
use crate::output;

/// Options for connecting to a server.
#[derive(Args)]
pub(crate) struct NetworkOptions {
    /// A file with certificates in PEM. With wss:// the server's certificate must be signed by one of these, instead of
    /// by one that the system trusts.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The proxy for the connection: http://host:port (HTTP CONNECT) or socks5://host:port, with user:password@ in
    /// front of the host if it requires authentication.
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
}

impl NetworkOptions {
    /// Returns the adapters' options for a server.
    pub(crate) fn options(&self, url: String) -> Result<Options, Fault> {
        let mut options = Options::new(url);
        options.tls = self.ca.as_deref().map(trusting).transpose()?;
        if let Some(proxy) = &self.proxy {
            if proxy.contains('@') {
                output::warn("others can see the password in --proxy");
            }
            let unusable = |error: ConnectError| Fault::from(error).in_front("--proxy: ");
            options.proxy = Some(Proxy::parse(proxy).map_err(unusable)?);
        }
        Ok(options)
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
        return Err(unusable(&"the file contains no certificate"));
    }
    // rustls can't choose a provider by itself if several crates in the program enable different ones.
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| unusable(&error))?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}
