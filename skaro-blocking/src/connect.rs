//! Makes connections: TCP by Happy Eyeballs or a stream of the application's own, a proxy, TLS, the opening handshake.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use skaro_adapter::dial::{Dialer, Step};
use skaro_adapter::http::ClientHandshake;
use skaro_adapter::{ConnectError, Options, ProxyHandshake, Url};
use skaro_proto::Time;

use crate::io::{Io, Transport};

/// What makes streams of the application's own.
pub(crate) type MakeTransport = Box<dyn FnMut() -> io::Result<Box<dyn Transport>> + Send>;

/// Returns how long an attempt to connect may yet take; `None` if it is not wanted any more.
pub(crate) type Left<'a> = &'a mut dyn FnMut() -> Option<Duration>;

/// Where and how to connect, and the connection.
pub(crate) struct Connector {
    pub(crate) options: Options,
    pub(crate) url: Url,
    transport: Option<MakeTransport>,
    #[cfg(feature = "tls")]
    tls: Option<Arc<rustls::ClientConfig>>,
    pub(crate) io: Io,
}

impl Connector {
    /// Creates it without connecting, and what wakes the thread that waits for it.
    pub(crate) fn new(
        options: Options,
        transport: Option<MakeTransport>,
    ) -> Result<(Connector, mio::Waker), ConnectError> {
        let url = Url::parse(&options.url)?;
        #[cfg(feature = "tls")]
        let tls = url.is_secure().then(|| skaro_adapter::tls::config(&options)).transpose()?;
        #[cfg(not(feature = "tls"))]
        if url.is_secure() {
            return Err(ConnectError::NoTls);
        }
        let (io, waker) = Io::new().map_err(|error| failed(&url, error))?;
        #[cfg(feature = "tls")]
        return Ok((Connector { options, url, transport, tls, io }, waker));
        #[cfg(not(feature = "tls"))]
        return Ok((Connector { options, url, transport, io }, waker));
    }

    /// Connects; returns the first bytes for the WebSocket.
    pub(crate) fn connect(&mut self, left: Left<'_>) -> Result<Vec<u8>, ConnectError> {
        let (mut handshake, request) = ClientHandshake::new(&self.url, &self.options)?;
        match &mut self.transport {
            Some(make) => make().and_then(|transport| self.io.adopt(transport, false)),
            None => {
                let stream = self.connect_tcp(left)?;
                self.io.adopt(Box::new(stream), true)
            }
        }
        .map_err(|error| failed(&self.url, error))?;
        let proxy =
            self.options.proxy.as_ref().map(|proxy| ProxyHandshake::new(proxy, &self.url)).transpose()?;
        if let Some((mut handshake, request)) = proxy {
            self.io.output = request;
            self.exchange(left, |input, output| handshake.receive(input, output))?;
        }
        #[cfg(feature = "tls")]
        if let Some(config) = &self.tls {
            let name = skaro_adapter::tls::server_name(&self.url)?;
            let session = rustls::ClientConnection::new(config.clone(), name)
                .map_err(|error| failed(&self.url, io::Error::other(error)))?;
            self.io.layer(|stream| Box::new(rustls::StreamOwned::new(session, stream)));
        }
        self.io.output = request;
        self.exchange(left, |input, _| handshake.receive(input))
    }

    /// Connects to the first address that takes the connection.
    fn connect_tcp(&mut self, left: Left<'_>) -> Result<TcpStream, ConnectError> {
        let (host, port) = match &self.options.proxy {
            Some(proxy) => (proxy.host(), proxy.port()),
            None => (self.url.host(), self.url.port()),
        };
        let unknown = |error| ConnectError::Resolve { host: host.to_owned(), source: Arc::new(error) };
        let addresses = (host, port).to_socket_addrs().map_err(unknown)?;
        let mut dialer = Dialer::new(format!("{host}:{port}"), addresses);
        let mut attempts: Vec<(SocketAddr, TcpStream)> = Vec::new();
        let start = Instant::now();
        loop {
            let now = Time::since_epoch(start.elapsed());
            match dialer.next(now) {
                Step::Failed(error) => return Err(error),
                Step::Connect(address) => {
                    let stream = TcpStream::connect(address)
                        .and_then(|mut stream| self.io.watch(&mut stream).map(|()| stream));
                    match stream {
                        Ok(stream) => attempts.push((address, stream)),
                        Err(error) => dialer.failed(address, error),
                    }
                }
                Step::Wait(until) => {
                    let left = left().ok_or(ConnectError::TimedOut)?;
                    self.io.wait(Some(until.map_or(left, |until| left.min(until - now))));
                    for (address, stream) in std::mem::take(&mut attempts) {
                        match is_connected(&stream) {
                            Ok(true) => return Ok(stream),
                            Ok(false) => attempts.push((address, stream)),
                            Err(error) => dialer.failed(address, error),
                        }
                    }
                }
            }
        }
    }

    /// Sends the output, and reads until the handshake is done; returns what came behind it.
    fn exchange(
        &mut self,
        left: Left<'_>,
        mut handle: impl FnMut(&mut &[u8], &mut Vec<u8>) -> Result<bool, ConnectError>,
    ) -> Result<Vec<u8>, ConnectError> {
        loop {
            let left = left().ok_or(ConnectError::TimedOut)?;
            let mut reply = Vec::new();
            match self.io.turn(true, Some(left)).map_err(|error| failed(&self.url, error))? {
                None => continue,
                Some([]) => return Err(failed(&self.url, ErrorKind::UnexpectedEof.into())),
                Some(mut bytes) => {
                    if handle(&mut bytes, &mut reply)? {
                        return Ok(bytes.to_vec());
                    }
                }
            }
            self.io.output.append(&mut reply);
        }
    }
}

/// Creates the error for a failure of the network, or of TLS.
fn failed(url: &Url, error: io::Error) -> ConnectError {
    #[cfg(feature = "tls")]
    if url.is_secure() {
        return skaro_adapter::tls::failed(url, error);
    }
    ConnectError::Network { host: url.host_and_port(), source: Arc::new(error) }
}

/// Returns whether a stream is connected; `false` if it may yet be.
fn is_connected(stream: &TcpStream) -> io::Result<bool> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        // Chat messages are small and wanted at once.
        Ok(_) => stream.set_nodelay(true).map(|()| true),
        Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
        Err(error) => Err(error),
    }
}
