//! Making a connection: name resolution, dialing, handshakes.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use futures_util::{AsyncReadExt, AsyncWriteExt};

use super::link::Link;
use super::runtime::Runtime;
use crate::clock::Clock;
use crate::dial::{Dialer, Step};
use crate::error::ConnectError;
use crate::opening::{Opened, Opening};
use crate::options::Options;
use crate::url::Url;

/// Size in bytes of the read buffer during the handshakes.
const INPUT: usize = 4 << 10;

/// A connection whose handshakes are done, with the first bytes for its WebSocket.
pub(super) struct Dialed<S> {
    pub(super) link: Link<S>,
    pub(super) input: Vec<u8>,
}

/// Makes one attempt to connect, within the configured time.
pub(super) async fn dial<R: Runtime>(options: &Options) -> Result<Dialed<R::Stream>, ConnectError> {
    let sleep = pin!(R::sleep(options.dial_timeout()));
    match select(pin!(connect::<R>(options)), sleep).await {
        Either::Left((result, _)) => result,
        Either::Right(((), _)) => Err(ConnectError::TimedOut),
    }
}

async fn connect<R: Runtime>(options: &Options) -> Result<Dialed<R::Stream>, ConnectError> {
    let url = Url::parse(&options.url)?;
    // Before dialing, because invalid options make dialing pointless.
    let mut opening = Opening::new(&url, options)?;
    let (host, port) = options.dials(&url);
    let mut socket = connect_tcp::<R>(host, port).await?;
    let (mut input, mut output) = ([0; INPUT], Vec::new());
    loop {
        opening.take_output(&mut output);
        socket.write_all(&output).await.map_err(|error| opening.handle_end(Some(error)))?;
        output.clear();
        let length = socket.read(&mut input).await.map_err(|error| opening.handle_end(Some(error)))?;
        if length == 0 {
            return Err(opening.handle_end(None));
        }
        let result = opening.handle_bytes(input.get(..length).unwrap_or_default());
        if result.is_err() {
            // A TLS alert may tell the peer the reason. Its delivery is not awaited.
            opening.take_output(&mut output);
            _ = socket.write(&output).await;
        }
        if result? {
            let Opened { channel, input, output } = opening.finish();
            return Ok(Dialed { link: Link::new(socket, channel, output), input });
        }
    }
}

/// Connects to one of the addresses of a host (RFC 8305).
async fn connect_tcp<R: Runtime>(host: &str, port: u16) -> Result<R::Stream, ConnectError> {
    let resolved = R::resolve(host, port).await;
    let addresses = resolved.map_err(|error| ConnectError::resolve(host, error))?;
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
