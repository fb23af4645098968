//! Making a connection.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Instant;

use mio::Interest;
use mio::net::TcpStream;
use skaro_proto::client::{ConnectError, Endpoint, Options, Status};
use skaro_proto::tungstenite::{NonBlocking, config, request};
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Error, HandshakeError};

use crate::driver::{CONNECTION, Driver};
use crate::shared::Shared;
use crate::stream::{Readiness, Stream};
use crate::tls;

/// A connection, plain or by TLS.
pub(crate) type Socket = NonBlocking<MaybeTlsStream<Stream>>;

/// Where and how to connect.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) options: Options,
    pub(crate) endpoint: Endpoint,
    tls: Option<tls::ClientConfig>,
}

impl Target {
    pub(crate) fn new(options: Options, tls: Option<tls::ClientConfig>) -> Result<Target, ConnectError> {
        Ok(Target { endpoint: Endpoint::parse(&options.url)?, options, tls })
    }
}

/// For how long an attempt to connect is wanted: so long, and only while this is what the client is doing.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) status: Status,
    pub(crate) until: Instant,
}

impl Driver {
    /// Connects once, in the time that the configuration allows, or until nobody wants it any more.
    pub(crate) fn dial(&mut self, shared: &Shared) -> Result<Socket, ConnectError> {
        let Target { options, endpoint, tls } = &shared.target;
        let wanted = Wanted { status: shared.status(), until: Instant::now() + options.dial_timeout() };
        let request = request(options)?;
        let socket = self.connect_tcp(shared, &wanted)?;
        let stream = Stream::new(socket, self.readiness.clone());
        let stream = match endpoint.is_secure {
            false => MaybeTlsStream::Plain(stream),
            true => tls::connect(tls.as_ref(), endpoint, stream)?,
        };
        let config = config(options.config.limits.frame);
        let mut handshake = tungstenite::client::client_with_config(request, stream, Some(config));
        loop {
            match handshake {
                Ok((socket, _)) => return Ok(NonBlocking::new(socket)),
                // What TLS has against the server comes as a failure to read or write.
                Err(HandshakeError::Failure(Error::Io(error)))
                    if endpoint.is_secure && tls::is_at_fault(&error) =>
                {
                    return Err(endpoint.untrusted(error));
                }
                Err(HandshakeError::Failure(error)) => return Err(error.into()),
                Err(HandshakeError::Interrupted(unfinished)) => {
                    self.wait_while_dialing(shared, &wanted)?;
                    handshake = unfinished.handshake();
                }
            }
        }
    }

    /// Tries each address of the host in turn, each for an equal share of the time that is left.
    fn connect_tcp(&mut self, shared: &Shared, wanted: &Wanted) -> Result<TcpStream, ConnectError> {
        let endpoint = &shared.target.endpoint;
        let unreachable = |error: io::Error| endpoint.unreachable(error);
        let addresses = (endpoint.host.as_str(), endpoint.port).to_socket_addrs().map_err(unreachable)?;
        let mut result = Err(unreachable(io::ErrorKind::NotFound.into()));
        let mut untried = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        for address in addresses {
            if shared.status() != wanted.status {
                return Err(ConnectError::TimedOut);
            }
            let share = wanted.until.saturating_duration_since(Instant::now()) / untried.max(1);
            untried = untried.saturating_sub(1);
            result = match self.connect_address(
                shared,
                address,
                &Wanted { until: Instant::now() + share, ..*wanted },
            ) {
                Ok(Some(stream)) => return Ok(stream),
                Ok(None) => Err(ConnectError::TimedOut),
                Err(error) => Err(unreachable(error)),
            };
        }
        result
    }

    /// Connects to an address; `None` if it takes too long.
    fn connect_address(
        &mut self,
        shared: &Shared,
        address: SocketAddr,
        wanted: &Wanted,
    ) -> io::Result<Option<TcpStream>> {
        self.readiness = Readiness::default();
        let mut stream = TcpStream::connect(address)?;
        self.poll.registry().register(&mut stream, CONNECTION, Interest::READABLE | Interest::WRITABLE)?;
        while self.wait_while_dialing(shared, wanted).is_ok() {
            if let Some(error) = stream.take_error()? {
                return Err(error);
            }
            match stream.peer_addr() {
                Ok(_) => {
                    // Chat messages are small and wanted at once.
                    stream.set_nodelay(true)?;
                    return Ok(Some(stream));
                }
                Err(error) if error.kind() == io::ErrorKind::NotConnected => (),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}
