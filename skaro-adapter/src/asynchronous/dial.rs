//! Making a connection: name resolution, dialing, handshakes.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;

use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::polled::Polled;
use super::runtime::Runtime;
use crate::clock::Clock;
use crate::dial::Step;
use crate::error::ConnectError;
use crate::link::Link;
use crate::target::Target;

/// Size in bytes of the read buffer during the handshakes.
const INPUT: usize = 4 << 10;

/// A connection that was made.
pub(super) struct Connected<R: Runtime> {
    pub(super) socket: R::Stream,
    pub(super) link: Link,
    pub(super) is_confidential: bool,
}

/// A connection, or the reason why there is none.
pub(super) type Dialed<R> = Result<Connected<R>, ConnectError>;

/// Makes one attempt to connect, within the configured time.
pub(super) async fn dial<R: Runtime>(target: &Target) -> Dialed<R> {
    let sleep = pin!(R::sleep(target.timeout()));
    match select(pin!(connect::<R>(target)), sleep).await {
        Either::Left((result, _)) => result,
        Either::Right(((), _)) => Err(ConnectError::TimedOut),
    }
}

async fn connect<R: Runtime>(target: &Target) -> Dialed<R> {
    let mut opening = target.opening()?;
    let (address, mut socket) = connect_tcp::<R>(target).await?;
    let mut input = [0; INPUT];
    poll_fn(|cx| opening.advance(&mut Polled(&mut socket, cx), &mut input)).await?;
    let is_confidential = target.is_confidential(Some(address));
    Ok(Connected { socket, link: opening.finish(), is_confidential })
}

/// Connects to one of the addresses of a host (RFC 8305), and returns it.
async fn connect_tcp<R: Runtime>(target: &Target) -> Result<(SocketAddr, R::Stream), ConnectError> {
    let mut dialer = target.dialer(R::resolve(target.host(), target.port()).await)?;
    let clock = Clock::start();
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
            Some((address, Ok(stream))) => return Ok((address, stream)),
            Some((address, Err(error))) => dialer.failed(address, error),
            None => (),
        }
    }
}
