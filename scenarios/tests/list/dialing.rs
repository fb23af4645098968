//! Ways to connect, and not to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use skaro_async_std::{AsyncStd, ServerOptions};
use skaro_blocking::{ConnectError, Format, GetContacts, Options, Proxy};
use skaro_scenarios::adapters::Adapter;
use skaro_scenarios::certificates::Authority;
use skaro_scenarios::servers::{Served, serve};
use skaro_scenarios::world::{machine, sign_in};

use crate::Alone;

pub(crate) fn all<A: Adapter>() -> Vec<Alone> {
    vec![
        ("ways not to connect", ways_not_to_connect::<A>),
        ("headers", headers::<A>),
        ("a name with an address where nobody listens", a_name_with_a_dead_address::<A>),
        ("by an HTTP proxy", by_an_http_proxy::<A>),
        ("by a SOCKS5 proxy", by_a_socks5_proxy::<A>),
        ("proxies that refuse", proxies_that_refuse::<A>),
    ]
}

fn fails<A: Adapter>(options: Options) -> ConnectError {
    match A::connect(options) {
        Ok(_) => panic!("connected"),
        Err(error) => error,
    }
}

/// Lets somebody be talked to who connects once; tells where.
fn once(talk: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || talk(listener.accept().unwrap().0));
    address
}

fn ways_not_to_connect<A: Adapter>() {
    let fails = fails::<A>;
    assert!(matches!(fails(Options::new("http://localhost/")), ConnectError::Url(_)));
    let error = fails(Options::new("ws://local host/"));
    assert!(matches!(error, ConnectError::Url(_)), "{error:?}");
    let mut header = Options::new("ws://localhost/");
    header.headers.push(("bad name".into(), "x".into()));
    assert!(matches!(fails(header), ConnectError::Header(name) if name == "bad name"));
    let error = fails(Options::new("ws://nobody.invalid/"));
    assert!(matches!(error, ConnectError::Resolve { .. }), "{error:?}");
    // Nobody listens on a port that was just given back.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(matches!(fails(Options::new(format!("ws://{free}/"))), ConnectError::Network { .. }));
    // Somebody listens, but is no WebSocket server.
    let answers = |answer: &'static str| {
        let address = once(move |mut stream| {
            _ = stream.read(&mut [0; 2000]);
            stream.write_all(answer.as_bytes()).unwrap();
            // Until the client has gone.
            _ = stream.read(&mut [0; 1]);
        });
        Options::new(format!("ws://{address}/"))
    };
    let not_found = answers("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let error = fails(not_found);
    assert!(
        matches!(&error, ConnectError::Status { code: 404, reason } if reason == "Not Found"),
        "{error:?}"
    );
    assert!(matches!(fails(answers("hello\r\n\r\n")), ConnectError::Handshake(_)));
    let mut nothing = answers("");
    nothing.config.dial_timeout = Duration::from_millis(500);
    assert!(matches!(fails(nothing), ConnectError::TimedOut));
    // A WebSocket server that says nothing.
    let address = once(|stream| _ = tungstenite::accept(stream).unwrap().read());
    let mut silent = Options::new(format!("ws://{address}/"));
    silent.config.greeting_timeout = Duration::from_millis(200);
    let error = fails(silent);
    assert!(matches!(error, ConnectError::TimedOut | ConnectError::Ended(_)), "{error:?}");
}

fn headers<A: Adapter>() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_head(&mut stream).to_lowercase()
    });
    let mut options = Options::new(format!("WS://{address}?x=1"));
    options.headers.push(("X-Test".into(), "yes".into()));
    options.format = Some(Format::Json);
    assert!(A::connect(options).is_err());
    let request = server.join().unwrap();
    for line in ["get /?x=1 http/1.1", "x-test: yes", "sec-websocket-protocol: skaro.json"] {
        assert!(request.contains(line), "{request}");
    }
}

/// On most systems `localhost` has an IPv6 and an IPv4 address.
fn a_name_with_a_dead_address<A: Adapter>() {
    let server = a_server();
    let url = format!("ws://localhost:{}/", server.address().port());
    sign_in(&A::connect(Options::new(url)).unwrap(), "alice");
}

fn a_server() -> Box<dyn Served> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    serve::<AsyncStd>(listener, machine(|_| ()), ServerOptions::default())
}

/// Reads to the empty line behind a request's or a response's head.
fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    String::from_utf8(head).unwrap()
}

/// Copies both ways until both have ended.
fn join(mut near: TcpStream, mut far: TcpStream) {
    let (mut from, mut to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
    thread::spawn(move || {
        _ = std::io::copy(&mut from, &mut to);
        _ = to.shutdown(std::net::Shutdown::Write);
    });
    _ = std::io::copy(&mut far, &mut near);
    _ = near.shutdown(std::net::Shutdown::Write);
}

/// With TLS to the server, as people behind such proxies have it. The server's name is one that only the proxy knows.
fn by_an_http_proxy<A: Adapter>() {
    let authority = Authority::new("good");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = ServerOptions::default();
    options.tls = Some(authority.certified(&["chat.invalid"], false));
    let server = serve::<AsyncStd>(listener, machine(|_| ()), options);
    let target = server.address();
    let proxy = once(move |mut stream| {
        let request = read_head(&mut stream);
        assert!(request.starts_with("CONNECT chat.invalid:443 HTTP/1.1\r\n"), "{request}");
        // alice:secret
        assert!(request.contains("Proxy-Authorization: Basic YWxpY2U6c2VjcmV0\r\n"), "{request}");
        stream.write_all(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n").unwrap();
        join(stream, TcpStream::connect(target).unwrap());
    });
    let mut options = Options::new("wss://chat.invalid/skaro_client/");
    options.proxy = Some(Proxy::parse(&format!("http://alice:secret@{proxy}")).unwrap());
    options.tls = Some(authority.trusted());
    let client = A::connect(options).unwrap();
    sign_in(&client, "alice");
    client.request(GetContacts).unwrap();
}

fn by_a_socks5_proxy<A: Adapter>() {
    let server = a_server();
    let target = server.address();
    let proxy = once(move |mut stream| {
        let mut read = |length: usize| {
            let mut bytes = vec![0; length];
            stream.read_exact(&mut bytes).unwrap();
            bytes
        };
        // RFC 1928: version 5, a list of methods; 2 is the one of RFC 1929.
        let [5, count] = read(2)[..] else { panic!("no SOCKS5") };
        assert!(read(count.into()).contains(&2));
        stream.write_all(&[5, 2]).unwrap();
        let mut sign_in = [0; 14];
        stream.read_exact(&mut sign_in).unwrap();
        assert_eq!(&sign_in, b"\x01\x05alice\x06secret");
        stream.write_all(&[1, 0]).unwrap();
        // Connect (1) to a name (3), whose length comes first.
        let mut request = [0; 19];
        stream.read_exact(&mut request).unwrap();
        assert_eq!(&request, b"\x05\x01\0\x03\x0cchat.invalid\0\x50");
        stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 80]).unwrap();
        join(stream, TcpStream::connect(target).unwrap());
    });
    let mut options = Options::new("ws://chat.invalid/skaro_client/");
    options.proxy = Some(Proxy::parse(&format!("socks5://alice:secret@{proxy}")).unwrap());
    let client = A::connect(options).unwrap();
    sign_in(&client, "alice");
    client.request(GetContacts).unwrap();
}

fn proxies_that_refuse<A: Adapter>() {
    let reason = |scheme: &str, answer: &'static [u8]| {
        let address = once(move |mut stream| {
            _ = stream.read(&mut [0; 2000]);
            stream.write_all(answer).unwrap();
            _ = stream.read(&mut [0; 1]);
        });
        let mut options = Options::new("ws://chat.invalid/");
        options.proxy = Some(Proxy::parse(&format!("{scheme}://{address}")).unwrap());
        match fails::<A>(options) {
            ConnectError::Proxy { proxy, reason, .. } if proxy == address.to_string() => reason,
            other => panic!("{other:?}"),
        }
    };
    let refused = reason("http", b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    assert!(refused.contains("407"), "{refused}");
    reason("socks5", &[5, 0xff]);
    reason("socks5", b"HTTP/1.1 400 Bad Request\r\n\r\n");
    // Nobody answers there.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut options = Options::new("ws://chat.invalid/");
    options.proxy = Some(Proxy::parse(&format!("socks5://{free}")).unwrap());
    let error = fails::<A>(options);
    assert!(error.to_string().contains(&free.to_string()), "{error}");
}
