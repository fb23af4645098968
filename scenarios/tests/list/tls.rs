//! TLS: whose certificate is good, and whose is not.

use std::net::TcpListener;
use std::sync::Arc;

use skaro_async_std::{AsyncStd, ServerOptions};
use skaro_blocking::rustls::{ClientConfig, ServerConfig};
use skaro_blocking::{ConnectError, GetContacts, Options};
use skaro_scenarios::adapters::Adapter;
use skaro_scenarios::certificates::Authority;
use skaro_scenarios::servers::{self, Served};
use skaro_scenarios::world::{machine, sign_in};

use crate::Alone;

pub(crate) fn all<A: Adapter>() -> Vec<Alone> {
    vec![
        ("certificates are checked", checks_certificates::<A>),
        ("an IPv6 address is a good name", takes_an_ipv6_address_for_a_name::<A>),
        ("TLS on one side only", tls_on_one_side_only::<A>),
    ]
}

fn checks_certificates<A: Adapter>() {
    let (authority, other) = (Authority::new("good"), Authority::new("other"));
    let good = serve(&authority, &["localhost", "127.0.0.1", "::1"], false);
    let client = connect::<A>(&*good, "127.0.0.1", Some(authority.trusted())).expect("a good certificate");
    sign_in(&client, "alice");
    client.request(GetContacts).unwrap();
    client.close();
    connect::<A>(&*good, "localhost", Some(authority.trusted())).expect("a good certificate for a name");

    let refused = |server: &dyn Served, host, trusted| match connect::<A>(server, host, trusted) {
        Ok(_) => panic!("connected"),
        Err(ConnectError::Tls { source, .. }) => source.to_string(),
        Err(error @ ConnectError::NoTrustRoots(_)) => error.to_string(),
        Err(other) => panic!("{other:?}"),
    };
    let reason = refused(&*good, "127.0.0.1", Some(other.trusted()));
    assert!(reason.contains("UnknownIssuer"), "{reason}");
    // The system does not know this authority either, if it knows any.
    refused(&*good, "127.0.0.1", None);
    let wrong_name = serve(&authority, &["example.org"], false);
    let reason = refused(&*wrong_name, "127.0.0.1", Some(authority.trusted()));
    assert!(reason.contains("not valid for"), "{reason}");
    let expired = serve(&authority, &["127.0.0.1"], true);
    let reason = refused(&*expired, "127.0.0.1", Some(authority.trusted()));
    assert!(reason.contains("expired"), "{reason}");
}

/// An IPv6 address in a URL stands in brackets, and in a certificate without.
fn takes_an_ipv6_address_for_a_name<A: Adapter>() {
    let authority = Authority::new("good");
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        return eprintln!("no IPv6 on this machine: nothing to test");
    };
    let server = serve_at(listener, Some(authority.certified(&["::1"], false)));
    connect::<A>(&*server, "[::1]", Some(authority.trusted())).expect("a good certificate");
}

/// Case 22: `ws` to a port with TLS and `wss` to one without are told alike by all adapters.
fn tls_on_one_side_only<A: Adapter>() {
    let authority = Authority::new("good");
    let secure = serve(&authority, &["127.0.0.1"], false);
    let plain = serve_at(TcpListener::bind("127.0.0.1:0").unwrap(), None);
    let fails = |scheme: &str, server: &dyn Served| {
        let mut options = Options::new(format!("{scheme}://{}/", server.address()));
        options.tls = Some(authority.trusted());
        match A::connect(options) {
            Ok(_) => panic!("connected"),
            Err(error) => error,
        }
    };
    let error = fails("ws", &*secure);
    assert!(matches!(error, ConnectError::TlsExpected { .. }), "{error:?}");
    let error = fails("wss", &*plain);
    assert!(matches!(error, ConnectError::NotTls { .. }), "{error:?}");
}

fn connect<A: Adapter>(
    server: &dyn Served,
    host: &str,
    trusted: Option<Arc<ClientConfig>>,
) -> Result<A, ConnectError> {
    let mut options = Options::new(format!("wss://{host}:{}/skaro_client/", server.address().port()));
    options.tls = trusted;
    A::connect(options)
}

fn serve(authority: &Authority, names: &[&str], expired: bool) -> Box<dyn Served> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    serve_at(listener, Some(authority.certified(names, expired)))
}

/// The server of async-std: the one of tokio serves in a world with TLS.
fn serve_at(listener: TcpListener, tls: Option<Arc<ServerConfig>>) -> Box<dyn Served> {
    let mut options = ServerOptions::default();
    options.tls = tls;
    servers::serve::<AsyncStd>(listener, machine(|_| ()), options)
}
