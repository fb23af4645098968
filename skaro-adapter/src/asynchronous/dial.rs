//! Making a connection: name, address, proxy, TLS, opening handshake.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use futures_io::{AsyncRead, AsyncWrite};
use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use futures_util::{AsyncReadExt, AsyncWriteExt};

use super::link::Stream;
use super::runtime::Runtime;
use crate::clock::Clock;
use crate::dial::{Dialer, Step};
use crate::error::ConnectError;
use crate::http::ClientHandshake;
use crate::options::Options;
use crate::proxy::{Proxy, ProxyHandshake};
#[cfg(feature = "tls")]
use crate::tls;
use crate::url::Url;

/// Bytes that are read at once during handshakes.
const INPUT: usize = 1 << 10;

/// A connection whose opening handshake is done.
pub(super) struct Opened<R: Runtime> {
    pub(super) stream: Stream<R::Stream>,
    /// The first bytes of the WebSocket, which came together with the end of the handshake.
    pub(super) rest: Vec<u8>,
}

/// Connects once, in the time that the configuration allows.
pub(super) async fn dial<R: Runtime>(options: &Options) -> Result<Opened<R>, ConnectError> {
    let sleep = pin!(R::sleep(options.dial_timeout()));
    match select(pin!(connect::<R>(options)), sleep).await {
        Either::Left((result, _)) => result,
        Either::Right(((), _)) => Err(ConnectError::TimedOut),
    }
}

async fn connect<R: Runtime>(options: &Options) -> Result<Opened<R>, ConnectError> {
    let url = Url::parse(&options.url)?;
    // Before anything is sent: what can't be asked for need not be dialed.
    let (mut handshake, request) = ClientHandshake::new(&url, options)?;
    let stream = match &options.proxy {
        None => connect_tcp::<R>(url.host(), url.port()).await?,
        Some(proxy) => connect_by_proxy::<R>(proxy, &url).await?,
    };
    let mut stream = secure(stream, &url, options).await?;
    write(stream.writer(), &request).await.map_err(|error| broken(&url, error))?;
    loop {
        let input = read(stream.reader()).await.map_err(|error| broken(&url, error))?;
        if let Some(rest) = handshake.receive(&input)? {
            return Ok(Opened { stream, rest });
        }
    }
}

async fn connect_by_proxy<R: Runtime>(proxy: &Proxy, url: &Url) -> Result<R::Stream, ConnectError> {
    let mut stream = connect_tcp::<R>(proxy.host(), proxy.port()).await?;
    let (mut handshake, mut output) = ProxyHandshake::new(proxy, url)?;
    loop {
        write(&mut stream, &output).await.map_err(|error| broken(url, error))?;
        output.clear();
        let input = read(&mut stream).await.map_err(|error| broken(url, error))?;
        if handshake.receive(&input, &mut output)? {
            return Ok(stream);
        }
    }
}

/// Puts TLS around the connection if the URL asks for it.
#[cfg(feature = "tls")]
async fn secure<S: AsyncRead + AsyncWrite + Send + Unpin>(
    stream: S,
    url: &Url,
    options: &Options,
) -> Result<Stream<S>, ConnectError> {
    if !url.is_secure() {
        return Ok(Stream::Plain(stream));
    }
    let connector = futures_rustls::TlsConnector::from(tls::config(options)?);
    let connected = connector.connect(tls::server_name(url)?, stream).await;
    let stream = connected.map_err(|error| broken(url, error))?;
    Ok(Stream::Tls(Box::new(stream.into())))
}

#[cfg(not(feature = "tls"))]
async fn secure<S>(stream: S, url: &Url, _: &Options) -> Result<Stream<S>, ConnectError> {
    if url.is_secure() { Err(ConnectError::NoTls) } else { Ok(Stream::Plain(stream)) }
}

/// Tells why a connection that was made is of no use.
fn broken(url: &Url, error: io::Error) -> ConnectError {
    #[cfg(feature = "tls")]
    if url.is_secure() {
        return tls::failed(url, error);
    }
    ConnectError::Network { host: url.host_and_port(), source: Arc::new(error) }
}

async fn write(stream: &mut (dyn AsyncWrite + Send + Unpin + '_), output: &[u8]) -> io::Result<()> {
    stream.write_all(output).await?;
    stream.flush().await
}

/// Reads what has come, at least a byte.
async fn read(stream: &mut (dyn AsyncRead + Send + Unpin + '_)) -> io::Result<Vec<u8>> {
    let mut input = vec![0; INPUT];
    let length = stream.read(&mut input).await?;
    if length == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    input.truncate(length);
    Ok(input)
}

/// Connects to one of the addresses of a host (RFC 8305).
async fn connect_tcp<R: Runtime>(host: &str, port: u16) -> Result<R::Stream, ConnectError> {
    let resolved = R::resolve(host, port).await;
    let addresses = resolved
        .map_err(|source| ConnectError::Resolve { host: host.to_owned(), source: Arc::new(source) })?;
    let clock = Clock::start();
    let mut dialer = Dialer::new(format!("{host}:{port}"), addresses);
    let mut attempts = FuturesUnordered::new();
    loop {
        let until = match dialer.next(clock.now()) {
            Step::Connect(address) => {
                attempts.push(async move { (address, R::connect(address).await) });
                continue;
            }
            Step::Wait(until) => until,
            Step::Failed(error) => return Err(error),
        };
        let mut sleep = until.map(|until| Box::pin(R::sleep(until - clock.now())));
        let ended = poll_fn(|cx| {
            if let Poll::Ready(Some(ended)) = attempts.poll_next_unpin(cx) {
                return Poll::Ready(Some(ended));
            }
            sleep.as_mut().map_or(Poll::Pending, |sleep| sleep.as_mut().poll(cx).map(|()| None))
        });
        match ended.await {
            Some((_, Ok(stream))) => return Ok(stream),
            Some((address, Err(error))) => dialer.failed(address, error),
            None => (),
        }
    }
}
