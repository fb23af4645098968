//! TLS: whose certificate is good, and whose is not.

use std::sync::Arc;

use async_std::task::block_on;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use skaro_async_std::Server;
use skaro_blocking::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use skaro_blocking::rustls::{ClientConfig, RootCertStore, ServerConfig, crypto::ring};
use skaro_blocking::{ConnectError, GetContacts, Options};

use crate::adapters::Adapter;
use crate::world::{machine, sign_in};

pub(crate) fn checks_certificates<A: Adapter>() {
    let (authority, other) = (Authority::new("good"), Authority::new("other"));
    let good = authority.server(&["localhost", "127.0.0.1", "::1"], false);
    let client = connect::<A>(&good, "127.0.0.1", Some(authority.trusted())).expect("a good certificate");
    sign_in(&client, "alice");
    client.request(GetContacts).unwrap();
    client.close();
    connect::<A>(&good, "localhost", Some(authority.trusted())).expect("a good certificate for a name");

    let refused = |server: &Server, host, trusted| match connect::<A>(server, host, trusted) {
        Ok(_) => panic!("connected"),
        Err(ConnectError::Tls { source, .. }) => source.to_string(),
        Err(error @ ConnectError::NoTrustRoots(_)) => error.to_string(),
        Err(other) => panic!("{other:?}"),
    };
    let reason = refused(&good, "127.0.0.1", Some(other.trusted()));
    assert!(reason.contains("UnknownIssuer"), "{reason}");
    // The system does not know this authority either, if it knows any.
    refused(&good, "127.0.0.1", None);
    let wrong_name = authority.server(&["example.org"], false);
    let reason = refused(&wrong_name, "127.0.0.1", Some(authority.trusted()));
    assert!(reason.contains("not valid for"), "{reason}");
    let expired = authority.server(&["127.0.0.1"], true);
    let reason = refused(&expired, "127.0.0.1", Some(authority.trusted()));
    assert!(reason.contains("expired"), "{reason}");
}

/// An IPv6 address in a URL stands in brackets, and in a certificate without.
pub(crate) fn takes_an_ipv6_address_for_a_name<A: Adapter>() {
    let authority = Authority::new("good");
    let server = authority.server_at("[::1]:0", &["::1"], false);
    let Ok(server) = server else { return eprintln!("no IPv6 on this machine: nothing to test") };
    connect::<A>(&server, "[::1]", Some(authority.trusted())).expect("a good certificate");
}

fn connect<A: Adapter>(
    server: &Server,
    host: &str,
    trusted: Option<Arc<ClientConfig>>,
) -> Result<A, ConnectError> {
    let url = format!("wss://{host}:{}/skaro_client/", server.local_addr().port());
    assert!(server.url().starts_with("wss://"));
    A::connect(Options::new(url), trusted)
}

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn trusted(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
    }

    fn server(&self, names: &[&str], expired: bool) -> Server {
        self.server_at("127.0.0.1:0", names, expired).unwrap()
    }

    fn server_at(&self, address: &str, names: &[&str], expired: bool) -> std::io::Result<Server> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        if expired {
            (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let tls = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        block_on(Server::bind_with_tls(address, machine(), Arc::new(tls)))
    }
}
