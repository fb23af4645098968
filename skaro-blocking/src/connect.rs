//! Makes connections: TCP by Happy Eyeballs or a stream of the application's own, a proxy, TLS, the opening handshake.

use std::io::{self, ErrorKind};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use mio::Waker;
use skaro_adapter::dial::{Dialer, Step};
use skaro_adapter::http::ClientHandshake;
use skaro_adapter::{ConnectError, Options, ProxyHandshake, Url};
use skaro_proto::Time;

use crate::io::{Io, Transport};

/// Function that opens a stream of the application's own.
pub(crate) type MakeTransport = Box<dyn Fn() -> io::Result<Box<dyn Transport>> + Send + Sync>;

/// Address to connect to, and the options for it.
pub(crate) struct Target {
    pub(crate) options: Options,
    url: Url,
    transport: Option<MakeTransport>,
    #[cfg(feature = "tls")]
    tls: Option<Arc<rustls::ClientConfig>>,
}

impl Target {
    pub(crate) fn new(options: Options, transport: Option<MakeTransport>) -> Result<Target, ConnectError> {
        let url = Url::parse(&options.url)?;
        #[cfg(feature = "tls")]
        let tls = url.is_secure().then(|| skaro_adapter::tls::config(&options)).transpose()?;
        #[cfg(not(feature = "tls"))]
        if url.is_secure() {
            return Err(ConnectError::NoTls);
        }
        Ok(Target {
            options,
            url,
            transport,
            #[cfg(feature = "tls")]
            tls,
        })
    }

    /// Connects; returns the connection, what wakes the thread that waits for it, and the first bytes for the WebSocket.
    pub(crate) fn connect(&self) -> Result<(Io, Waker, Vec<u8>), ConnectError> {
        let until = Instant::now() + self.options.dial_timeout();
        let (mut handshake, request) = ClientHandshake::new(&self.url, &self.options)?;
        let transport = match &self.transport {
            Some(make) => make().map_err(|error| self.failed(error))?,
            None => Box::new(self.connect_tcp(until)?),
        };
        let (mut io, waker) = Io::new(transport).map_err(|error| self.failed(error))?;
        if let Some(proxy) = &self.options.proxy {
            let (mut handshake, request) = ProxyHandshake::new(proxy, &self.url)?;
            io.output = request;
            self.exchange(&mut io, until, |input, output| handshake.receive(input, output))?;
        }
        #[cfg(feature = "tls")]
        if let Some(config) = &self.tls {
            let name = skaro_adapter::tls::server_name(&self.url)?;
            let session = rustls::ClientConnection::new(config.clone(), name);
            let session = session.map_err(|error| self.failed(io::Error::other(error)))?;
            io.layer(|stream| Box::new(rustls::StreamOwned::new(session, stream)));
        }
        io.output = request;
        let rest = self.exchange(&mut io, until, |input, _| handshake.receive(input))?;
        Ok((io, waker, rest))
    }

    /// Connects to the first address that takes the connection.
    fn connect_tcp(&self, until: Instant) -> Result<mio::net::TcpStream, ConnectError> {
        let (host, port) = match &self.options.proxy {
            Some(proxy) => (proxy.host(), proxy.port()),
            None => (self.url.host(), self.url.port()),
        };
        let unknown = |error| ConnectError::Resolve { host: host.to_owned(), source: Arc::new(error) };
        let addresses = (host, port).to_socket_addrs().map_err(unknown)?;
        let mut dialer = Dialer::new(format!("{host}:{port}"), addresses);
        let (sender, receiver) = mpsc::channel();
        let start = Instant::now();
        loop {
            let (now, left) = (Time::since_epoch(start.elapsed()), left(until)?);
            match dialer.next(now) {
                Step::Failed(error) => return Err(error),
                Step::Connect(address) => {
                    let sender = sender.clone();
                    // Those that come too late are for nobody.
                    let attempt =
                        move || _ = sender.send((address, TcpStream::connect_timeout(&address, left)));
                    if let Err(error) = thread::Builder::new().spawn(attempt) {
                        dialer.failed(address, error);
                    }
                }
                Step::Wait(next) => {
                    let timeout = next.map_or(left, |next| left.min(next - now));
                    match receiver.recv_timeout(timeout) {
                        Ok((_, Ok(stream))) => {
                            return non_blocking(stream).map_err(|error| self.failed(error));
                        }
                        Ok((address, Err(error))) => dialer.failed(address, error),
                        Err(_) => (),
                    }
                }
            }
        }
    }

    /// Sends the output, and reads until the handshake is done; returns what came behind it.
    fn exchange(
        &self,
        io: &mut Io,
        until: Instant,
        mut handle: impl FnMut(&mut &[u8], &mut Vec<u8>) -> Result<bool, ConnectError>,
    ) -> Result<Vec<u8>, ConnectError> {
        loop {
            let mut reply = Vec::new();
            match io.turn(true, Some(left(until)?)).map_err(|error| self.failed(error))? {
                None => continue,
                Some([]) => return Err(self.failed(ErrorKind::UnexpectedEof.into())),
                Some(mut bytes) => {
                    if handle(&mut bytes, &mut reply)? {
                        return Ok(bytes.to_vec());
                    }
                }
            }
            io.output.append(&mut reply);
        }
    }

    /// Creates the error for a failure of the network, of TLS, or of the system.
    pub(crate) fn failed(&self, error: io::Error) -> ConnectError {
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            return skaro_adapter::tls::failed(&self.url, error);
        }
        ConnectError::Network { host: self.url.host_and_port(), source: Arc::new(error) }
    }
}

/// Returns how long is left until then.
fn left(until: Instant) -> Result<Duration, ConnectError> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ConnectError::TimedOut) } else { Ok(left) }
}

fn non_blocking(stream: TcpStream) -> io::Result<mio::net::TcpStream> {
    // Chat messages are small and wanted at once.
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(mio::net::TcpStream::from_std(stream))
}
