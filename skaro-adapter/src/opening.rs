//! The handshakes between connecting a socket and using its WebSocket: proxy, TLS and HTTP.

use std::fmt;
use std::io::{self, Read, Write};
use std::task::{Poll, ready};

use crate::channel::Channel;
use crate::error::ConnectError;
use crate::http::ClientHandshake;
use crate::link::Link;
use crate::options::Options;
use crate::proxy::ProxyHandshake;
use crate::url::Url;

/// All handshakes of a client's new connection: see [`Target`](crate::Target).
pub struct Opening {
    url: Url,
    link: Link,
    /// The handshake with the proxy, and the channel that follows it.
    proxy: Option<(ProxyHandshake, Channel)>,
    http: ClientHandshake,
    /// The HTTP request, until it is sent.
    request: Vec<u8>,
}

/// Hides input and output, which contain headers and credentials.
impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("url", &self.url).field("link", &self.link).finish_non_exhaustive()
    }
}

impl Opening {
    pub(crate) fn new(url: &Url, options: &Options) -> Result<Opening, ConnectError> {
        let (http, request) = ClientHandshake::new(url, options)?;
        let channel = if url.is_secure() { secure(url, options)? } else { Channel::plain() };
        let proxy = options.proxy.as_ref().map(|proxy| ProxyHandshake::new(proxy, url)).transpose()?;
        let mut opening =
            Opening { url: url.clone(), link: Link::new(Channel::plain()), proxy: None, http, request };
        match proxy {
            None => opening.send_request(channel),
            Some((proxy, mut first)) => {
                opening.proxy = Some((proxy, channel));
                opening.link.fill(|output| output.append(&mut first));
            }
        }
        Ok(opening)
    }

    fn send_request(&mut self, channel: Channel) {
        self.link.switch(channel);
        self.link.fill(|output| output.append(&mut self.request));
    }

    /// Writes and reads until the connection is open, or the socket would block.
    ///
    /// The buffer for reading may have any size. At most 16 KiB of a response are stored.
    ///
    /// # Errors
    /// If the socket or a handshake fails.
    pub fn advance(
        &mut self,
        socket: &mut (impl Read + Write),
        buffer: &mut [u8],
    ) -> Poll<Result<(), ConnectError>> {
        loop {
            let mut input = match ready!(self.link.turn(socket, true, buffer)) {
                Ok(Some(input)) => input,
                Ok(None) => return Poll::Ready(Err(self.failed(None))),
                Err(error) => return Poll::Ready(Err(self.failed(Some(error)))),
            };
            match self.proxy.take() {
                None => {
                    if self.http.receive(&mut input)? {
                        let rest = input.to_vec();
                        self.link.unread(rest);
                        return Poll::Ready(Ok(()));
                    }
                    // TLS may have something to say.
                    self.link.fill(|_| ());
                }
                Some((mut proxy, channel)) => {
                    let mut reply = Vec::new();
                    if proxy.receive(input, &mut reply)? {
                        self.send_request(channel);
                    } else {
                        self.link.fill(|output| output.append(&mut reply));
                        self.proxy = Some((proxy, channel));
                    }
                }
            }
        }
    }

    /// Returns the error of a connection that ended before it was open: closed, or broken.
    fn failed(&self, error: Option<io::Error>) -> ConnectError {
        match (&self.proxy, error) {
            (Some((proxy, _)), error) => proxy.handle_end(error),
            (None, Some(error)) => failed(&self.url, error),
            (None, None) => self.http.handle_end(None),
        }
    }

    /// Returns the connection, once it is open. Its first input may have been read already.
    #[must_use]
    pub fn finish(self) -> Link {
        self.link
    }
}

#[cfg(feature = "tls")]
fn secure(url: &Url, options: &Options) -> Result<Channel, ConnectError> {
    crate::tls::channel(url, options)
}

#[cfg(not(feature = "tls"))]
fn secure(_: &Url, _: &Options) -> Result<Channel, ConnectError> {
    Err(ConnectError::NoTls)
}

#[cfg(feature = "tls")]
fn failed(url: &Url, error: io::Error) -> ConnectError {
    crate::tls::failed(url, error)
}

#[cfg(not(feature = "tls"))]
fn failed(url: &Url, error: io::Error) -> ConnectError {
    ConnectError::network(url.host_and_port(), error)
}

#[cfg(test)]
#[cfg(feature = "tls")]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::connection::Connection;
    use crate::link::tests::Memory;
    use crate::proxy::Proxy;
    use rustls::crypto::ring;
    use rustls::pki_types::PrivateKeyDer;
    use rustls::{ClientConfig, RootCertStore, ServerConfig};
    use skaro_proto::Time;
    use skaro_proto::server::{self, Peer};

    /// Creates the server's side of TLS, and a client's configuration that trusts it.
    fn tls() -> (Channel, Arc<ClientConfig>) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = || Arc::new(ring::default_provider());
        let config =
            ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
        let config =
            config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let client =
            ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
        let client = client.with_root_certificates(roots).with_no_client_auth();
        (Channel::server(Arc::new(config)).unwrap(), Arc::new(client))
    }

    /// Passes bytes between both sides until the client's side is open or has failed.
    fn open(
        opening: &mut Opening,
        socket: &mut Memory,
        channel: &mut Channel,
        answers: &[&[u8]],
    ) -> Result<(), ConnectError> {
        let mut machine = server::Server::new(server::ServerConfig::default(), [1; 32]);
        let id = machine.handle_accepted(Time::ZERO, Peer::UNKNOWN).unwrap();
        let mut connection = Connection::new(id, None);
        let (mut buffer, mut answers) = (Vec::new(), answers.iter());
        assert!(opening.advance(socket, &mut [0; 100]).is_pending());
        for _ in 0..10 {
            let sent = std::mem::take(&mut socket.taken);
            let mut answer = match answers.next() {
                // The proxy's answer.
                Some(answer) => answer.to_vec(),
                None => {
                    connection.handle_bytes(channel.receive(&sent, &mut buffer).unwrap_or_default());
                    connection.turn(Time::ZERO, || &mut machine);
                    let mut answer = Vec::new();
                    connection.take_output(&mut answer);
                    channel.seal(&mut answer);
                    answer
                }
            };
            // In two pieces, since networks may split data anywhere.
            let half = answer.split_off(answer.len() / 2);
            for piece in [answer, half] {
                socket.gives.extend(piece);
                if let Poll::Ready(result) = opening.advance(socket, &mut [0; 100]) {
                    return result;
                }
            }
        }
        panic!("it takes too long");
    }

    fn begin(url: &str, change: impl FnOnce(&mut Options)) -> Opening {
        let mut options = Options::from(url);
        change(&mut options);
        Opening::new(&Url::parse(url).unwrap(), &options).unwrap()
    }

    #[test]
    fn all_handshakes_in_all_combinations() {
        let connect: &[&[u8]] = &[b"HTTP/1.1 200 OK\r\n\r\n"];
        let socks: &[&[u8]] = &[&[5, 0], &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]];
        for (proxy, answers) in
            [(None, &[][..]), (Some("http://proxy"), connect), (Some("socks5://proxy"), socks)]
        {
            for url in ["ws://localhost", "wss://localhost"] {
                let (mut channel, config) = tls();
                if url.starts_with("ws:") {
                    channel = Channel::plain();
                }
                let mut opening = begin(url, |options| {
                    options.tls = Some(config);
                    options.proxy = proxy.map(|proxy| Proxy::parse(proxy).unwrap());
                });
                let mut socket = Memory::new();
                open(&mut opening, &mut socket, &mut channel, answers).unwrap();
                let mut link = opening.finish();
                link.fill(|output| output.push(b'x'));
                assert!(link.turn(&mut socket, false, &mut []).is_pending());
                assert_eq!(socket.taken == b"x", url.starts_with("ws:"));
                // The server's first frame came behind the last handshake, by half at least.
                let mut buffer = [0; 1000];
                let first = loop {
                    match link.turn(&mut socket, true, &mut buffer) {
                        Poll::Ready(Ok(Some([]))) => (),
                        Poll::Ready(Ok(Some(frame))) => break frame[0],
                        other => panic!("{other:?}"),
                    }
                };
                assert_eq!(first, 0x82, "{url}");
            }
        }
    }

    /// Case 22: all adapters report this alike, since it is decided here.
    #[test]
    fn tls_where_there_is_none_and_none_where_there_is() {
        let (mut channel, config) = tls();
        let mut opening = begin("ws://localhost", |_| ());
        let error = open(&mut opening, &mut Memory::new(), &mut channel, &[]).unwrap_err();
        assert!(matches!(&error, ConnectError::TlsExpected { host } if host == "localhost:80"), "{error}");
        let mut opening = begin("wss://localhost", |options| options.tls = Some(config));
        let error = open(&mut opening, &mut Memory::new(), &mut Channel::plain(), &[]).unwrap_err();
        assert!(matches!(&error, ConnectError::NotTls { host } if host == "localhost:443"), "{error}");
    }

    #[test]
    fn a_certificate_that_is_not_trusted_is_refused_and_the_server_is_told() {
        let (mut channel, _) = tls();
        let (_, other) = tls();
        let mut opening = begin("wss://localhost", |options| options.tls = Some(other));
        let mut socket = Memory::new();
        let error = open(&mut opening, &mut socket, &mut channel, &[]).unwrap_err();
        assert!(matches!(error, ConnectError::Tls { .. }), "{error}");
        assert!(channel.receive(&socket.taken, &mut Vec::new()).is_err());
    }

    #[test]
    fn debug_output_has_no_secrets() {
        let mut opening = begin("ws://localhost/?hunter2", |options| {
            options.headers.push(("Cookie".into(), "hunter2".into()));
            options.proxy = Some(Proxy::parse("http://hunter2:hunter2@proxy").unwrap());
        });
        let mut socket = Memory::new();
        socket.gives.extend(b"HTTP/1.1 200 hunter2");
        assert!(opening.advance(&mut socket, &mut [0; 100]).is_pending());
        let shown = format!("{opening:?} {:?}", Url::parse("ws://h/?hunter2").unwrap());
        // Bytes are shown as numbers: 104, 117, …
        assert!(!shown.contains("hunter2") && !shown.contains("104, 117"), "{shown}");
    }

    #[test]
    fn whoever_hangs_up_is_named() {
        let text = |mut opening: Opening| {
            let mut socket = Memory::new();
            socket.has_ended = true;
            let Poll::Ready(Err(error)) = opening.advance(&mut socket, &mut [0; 100]) else { panic!() };
            error.to_string()
        };
        let server = text(begin("ws://h", |_| ()));
        assert_eq!(server, "can't connect to h:80: closed during the opening handshake");
        let proxy =
            text(begin("ws://h", |options| options.proxy = Some(Proxy::parse("http://proxy").unwrap())));
        assert_eq!(proxy, "the proxy proxy:80 failed: closed during the handshake");
    }
}
