//! The handshakes between connecting a socket and using its WebSocket: proxy, TLS and HTTP, without I/O.

use std::fmt;
use std::io;

use crate::channel::Channel;
use crate::error::ConnectError;
use crate::http::ClientHandshake;
use crate::options::Options;
use crate::proxy::ProxyHandshake;
use crate::url::Url;

/// All handshakes of a client's new connection.
///
/// 1. Connect to [`Options::dials`], with a [`Dialer`](crate::dial::Dialer).
/// 2. Write [`take_output`](Self::take_output), read, call [`handle_bytes`](Self::handle_bytes), and so on.
/// 3. When that returns true: [`finish`](Self::finish), and hand what it returns to a [`Driver`](crate::Driver).
pub struct Opening {
    url: Url,
    proxy: Option<ProxyHandshake>,
    channel: Channel,
    http: ClientHandshake,
    /// The HTTP request, until the proxy's handshake is done.
    request: Vec<u8>,
    /// Output for the socket.
    output: Vec<u8>,
    /// Decrypted input that is not used yet.
    input: Vec<u8>,
    buffer: Vec<u8>,
}

/// A connection whose handshakes are done.
#[expect(clippy::exhaustive_structs, reason = "an adapter must use each part")]
pub struct Opened {
    /// The channel between the socket and the WebSocket.
    pub channel: Channel,
    /// The first bytes for the WebSocket, decrypted: for [`Driver::handle_bytes`](crate::Driver::handle_bytes).
    pub input: Vec<u8>,
    /// Remaining output for the socket.
    pub output: Vec<u8>,
}

/// Hides input and output, which contain headers and credentials.
impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("url", &self.url).field("proxy", &self.proxy).finish_non_exhaustive()
    }
}

/// Hides input and output.
impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("channel", &self.channel).finish_non_exhaustive()
    }
}

impl Opening {
    /// Starts the handshakes.
    ///
    /// # Errors
    /// If the options can't be used: a header that can't be sent, no trust roots, or no TLS in this build.
    pub fn new(url: &Url, options: &Options) -> Result<Opening, ConnectError> {
        let (http, request) = ClientHandshake::new(url, options)?;
        let channel = if url.is_secure() { secure(url, options)? } else { Channel::plain() };
        let proxy = options.proxy.as_ref().map(|proxy| ProxyHandshake::new(proxy, url)).transpose()?;
        let (url, buffer, input) = (url.clone(), Vec::new(), Vec::new());
        let mut opening =
            Opening { url, proxy: None, channel, http, request, output: Vec::new(), input, buffer };
        match proxy {
            None => opening.send_request(),
            Some((proxy, output)) => {
                opening.proxy = Some(proxy);
                opening.output = output;
            }
        }
        Ok(opening)
    }

    fn send_request(&mut self) {
        let mut request = std::mem::take(&mut self.request);
        self.channel.seal(&mut request);
        self.output.append(&mut request);
    }

    /// Handles bytes read from the socket; returns true once the connection is open. Stores at most 16 KiB of a
    /// response.
    ///
    /// # Errors
    /// If a handshake fails. Write the output even then, as far as possible without waiting: it may tell the peer the
    /// reason.
    pub fn handle_bytes(&mut self, bytes: &[u8]) -> Result<bool, ConnectError> {
        if let Some(proxy) = &mut self.proxy {
            if proxy.receive(bytes, &mut self.output)? {
                self.proxy = None;
                self.send_request();
            }
            return Ok(false);
        }
        let received = self.channel.receive(bytes, &mut self.buffer);
        if let Ok(received) = received {
            self.input.extend_from_slice(received);
        }
        let failure = received.err();
        let mut answer = Vec::new();
        self.channel.seal(&mut answer);
        self.output.append(&mut answer);
        if let Some(error) = failure {
            return Err(failed(&self.url, error));
        }
        let mut rest = &self.input[..];
        let result = self.http.receive(&mut rest);
        let used = self.input.len() - rest.len();
        self.input.drain(..used);
        match result {
            Ok(false) if self.channel.has_ended() => Err(self.handle_end(None)),
            result => result,
        }
    }

    /// Returns the error of a socket that ended in the middle of the handshakes: closed, or broken.
    #[must_use]
    pub fn handle_end(&self, error: Option<io::Error>) -> ConnectError {
        match &self.proxy {
            Some(proxy) => proxy.handle_end(error),
            None => self.http.handle_end(error),
        }
    }

    /// Swaps the output for the socket into an empty buffer. Does nothing if the buffer is not empty.
    pub fn take_output(&mut self, into: &mut Vec<u8>) {
        if into.is_empty() {
            std::mem::swap(&mut self.output, into);
        }
    }

    /// Returns the connection, once it is open.
    #[must_use]
    pub fn finish(self) -> Opened {
        Opened { channel: self.channel, input: self.input, output: self.output }
    }
}

#[cfg(feature = "tls")]
fn secure(url: &Url, options: &Options) -> Result<Channel, ConnectError> {
    let (config, name) = (crate::tls::config(options)?, crate::tls::server_name(url)?);
    let session = rustls::ClientConnection::new(config, name)
        .map_err(|error| crate::tls::failed(url, io::Error::other(error)))?;
    Ok(Channel::over(session.into()))
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
    fn open(opening: &mut Opening, channel: &mut Channel, answers: &[&[u8]]) -> Result<(), ConnectError> {
        let mut machine = server::Server::new(server::ServerConfig::default(), [1; 32]);
        let id = machine.handle_accepted(Time::ZERO, Peer::UNKNOWN).unwrap();
        let mut connection = Connection::new(id, None);
        let (mut buffer, mut answers) = (Vec::new(), answers.iter());
        for _ in 0..10 {
            let mut sent = Vec::new();
            opening.take_output(&mut sent);
            let mut answer = match answers.next() {
                // The proxy's answer.
                Some(answer) => answer.to_vec(),
                None => {
                    let mut input = channel.receive(&sent, &mut buffer).unwrap_or_default();
                    connection.handle_bytes(&mut input);
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
                if opening.handle_bytes(&piece)? {
                    return Ok(());
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
                open(&mut opening, &mut channel, answers).unwrap();
                // The server's first frame may have come with the last handshake, or comes with the next TLS record.
                let mut opened = opening.finish();
                if opened.input.is_empty() {
                    continue;
                }
                assert_eq!(opened.input.first(), Some(&0x82), "{url}");
                assert!(!opened.channel.has_ended());
                let mut output = b"x".to_vec();
                opened.channel.seal(&mut output);
                assert_eq!(output == b"x", url.starts_with("ws:"));
            }
        }
    }

    /// Case 22: all adapters report this alike, since it is decided here.
    #[test]
    fn tls_where_there_is_none_and_none_where_there_is() {
        let (mut channel, config) = tls();
        let error = open(&mut begin("ws://localhost", |_| ()), &mut channel, &[]).unwrap_err();
        assert!(matches!(&error, ConnectError::TlsExpected { host } if host == "localhost:80"), "{error}");
        let mut opening = begin("wss://localhost", |options| options.tls = Some(config));
        let error = open(&mut opening, &mut Channel::plain(), &[]).unwrap_err();
        assert!(matches!(&error, ConnectError::NotTls { host } if host == "localhost:443"), "{error}");
    }

    #[test]
    fn a_certificate_that_is_not_trusted_is_refused_and_the_server_is_told() {
        let (mut channel, _) = tls();
        let (_, other) = tls();
        let mut opening = begin("wss://localhost", |options| options.tls = Some(other));
        let error = open(&mut opening, &mut channel, &[]).unwrap_err();
        assert!(matches!(error, ConnectError::Tls { .. }), "{error}");
        let mut alert = Vec::new();
        opening.take_output(&mut alert);
        assert!(channel.receive(&alert, &mut Vec::new()).is_err());
    }

    #[test]
    fn debug_output_has_no_secrets() {
        let mut opening = begin("ws://localhost/?hunter2", |options| {
            options.headers.push(("Cookie".into(), "hunter2".into()));
            options.proxy = Some(Proxy::parse("http://hunter2:hunter2@proxy").unwrap());
        });
        opening.handle_bytes(b"HTTP/1.1 200 hunter2").unwrap();
        let shown = format!("{opening:?} {:?}", Url::parse("ws://h/?hunter2").unwrap());
        // Bytes are shown as numbers: 104, 117, …
        assert!(!shown.contains("hunter2") && !shown.contains("104, 117"), "{shown}");
    }

    #[test]
    fn whoever_hangs_up_is_named() {
        let text = |opening: Opening| opening.handle_end(None).to_string();
        let server = text(begin("ws://h", |_| ()));
        assert_eq!(server, "can't connect to h:80: closed during the opening handshake");
        let proxy =
            text(begin("ws://h", |options| options.proxy = Some(Proxy::parse("http://proxy").unwrap())));
        assert_eq!(proxy, "the proxy proxy:80 failed: closed during the handshake");
    }
}
