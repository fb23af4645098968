//! Making a connection.

use std::io;
use std::time::Instant;

use async_std::future::timeout;
use async_std::net::{TcpStream, ToSocketAddrs};
use async_tungstenite::{WebSocketStream, client_async_with_config};
use futures_util::future::Either;
use skaro_proto::client::{ConnectError, Endpoint, Options};
use skaro_proto::tungstenite::{config, request};

use crate::tcp::Tcp;
use crate::tls;

/// A connection, plain or by TLS.
pub(crate) type Stream = Either<Tcp, Box<tls::Stream>>;

/// Where and how to connect.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) options: Options,
    endpoint: Endpoint,
    tls: Option<tls::ClientConfig>,
}

impl Target {
    pub(crate) fn new(options: Options, tls: Option<tls::ClientConfig>) -> Result<Target, ConnectError> {
        Ok(Target { endpoint: Endpoint::parse(&options.url)?, options, tls })
    }

    /// Connects once, in the time that the configuration allows.
    pub(crate) async fn dial(&self) -> Result<WebSocketStream<Stream>, ConnectError> {
        timeout(self.options.dial_timeout(), self.connect()).await.unwrap_or(Err(ConnectError::TimedOut))
    }

    async fn connect(&self) -> Result<WebSocketStream<Stream>, ConnectError> {
        let request = request(&self.options)?;
        let stream = Tcp::from(self.connect_tcp().await?);
        let stream = match self.endpoint.is_secure {
            false => Either::Left(stream),
            true => Either::Right(Box::new(tls::connect(self.tls.as_ref(), &self.endpoint, stream).await?)),
        };
        let config = config(self.options.config.limits.frame);
        Ok(client_async_with_config(request, stream, Some(config)).await?.0)
    }

    /// Tries each address of the host in turn, each for an equal share of the time that is left.
    async fn connect_tcp(&self) -> Result<TcpStream, ConnectError> {
        let until = Instant::now() + self.options.dial_timeout();
        let unreachable = |error: io::Error| self.endpoint.unreachable(error);
        let Endpoint { host, port, .. } = &self.endpoint;
        let addresses = (host.as_str(), *port).to_socket_addrs().await.map_err(unreachable)?;
        let mut result = Err(unreachable(io::ErrorKind::NotFound.into()));
        let mut untried = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        for address in addresses {
            let share = until.saturating_duration_since(Instant::now()) / untried.max(1);
            untried = untried.saturating_sub(1);
            result = match timeout(share, TcpStream::connect(address)).await {
                Ok(connected) => connected.map_err(unreachable),
                Err(_) => Err(ConnectError::TimedOut),
            };
            if let Ok(stream) = &result {
                // Chat messages are small and wanted at once.
                stream.set_nodelay(true).map_err(unreachable)?;
                break;
            }
        }
        result
    }
}
