//! One connection of a server: its task, from TLS to the last byte.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
#[cfg(feature = "tls")]
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
#[cfg(feature = "tls")]
use futures_util::future::{Either, select};
use skaro_proto::server::ConnectionId;

use super::link::{Link, Stream, Timer, Written};
use super::runtime::Runtime;
use super::server::Shared;
use crate::connection::{Connection, Turn};

/// What puts TLS around connections.
#[cfg(feature = "tls")]
pub(super) type Tls = futures_rustls::TlsAcceptor;
#[cfg(not(feature = "tls"))]
pub(super) type Tls = std::convert::Infallible;

/// Bytes that are read at once; they lie on the stack.
const INPUT: usize = 4 << 10;

/// Turns of one connection before the others have theirs: each reads and writes some KiB at most.
const AT_ONCE: usize = 4;

/// Looks after one connection from its beginning to its end.
pub(super) async fn serve<R: Runtime>(stream: R::Stream, address: SocketAddr, shared: Arc<Shared>) {
    let Ok(id) = shared.call(|machine, now| machine.handle_accepted(now, address.ip().into())) else { return };
    // In a box, which is gone afterwards: the task itself would keep its place.
    if let Some(stream) = Box::pin(secure(stream, id, &shared)).await {
        let connection = Connection::new(id, shared.address_header);
        let mut task =
            Task::<R> { shared: &shared, id, connection, link: Link::new(stream), timer: Timer::new() };
        poll_fn(|cx| task.poll(cx)).await;
    }
    shared.unregister(id);
    shared.call(|machine, now| machine.handle_disconnected(now, id));
}

/// Puts TLS around the connection, unless that fails or the machine gives the connection up.
async fn secure<S>(stream: S, id: ConnectionId, shared: &Shared) -> Option<Stream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Some(tls) = &shared.tls else { return Some(Stream::Plain(stream)) };
    #[cfg(not(feature = "tls"))]
    match *tls {}
    #[cfg(feature = "tls")]
    match select(tls.accept(stream), pin!(gone(id, shared))).await {
        Either::Left((accepted, _)) => Some(Stream::Tls(Box::new(accepted.ok()?.into()))),
        Either::Right(_) => None,
    }
}

/// Waits until the machine gives the connection up.
async fn gone(id: ConnectionId, shared: &Shared) {
    poll_fn(|cx| {
        shared.register(id, cx.waker());
        let is_there = shared.call(|machine, _| machine.has_connection(id));
        if is_there { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
}

struct Task<'s, R: Runtime> {
    shared: &'s Shared,
    id: ConnectionId,
    connection: Connection,
    link: Link<R::Stream>,
    timer: Timer<R>,
}

impl<R: Runtime> Task<'_, R> {
    /// Ready when the connection is to be dropped.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.register(self.id, cx.waker());
        for _ in 0..AT_ONCE {
            // An error: the connection is broken.
            if ready!(self.step(cx)).unwrap_or(true) {
                return Poll::Ready(());
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Has one turn of the machine, writes, reads: ready if there may be more to do, with whether it is all over.
    fn step(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let now = self.shared.clock.now();
        let turn = self.connection.turn(now, || self.shared.machine());
        self.link.fill(|output| self.connection.take_output(output));
        let written = self.link.poll_write(cx)?;
        let until = match turn {
            Turn::Gone => return Poll::Ready(Ok(true)),
            Turn::Idle { until } => until,
        };
        if written == Poll::Ready(Written::Full) {
            return Poll::Ready(Ok(false));
        }
        if self.connection.wants_bytes() {
            let mut input = [0; INPUT];
            if let Poll::Ready(read) = self.link.poll_read(cx, &mut input) {
                let input = input.get(..read?).unwrap_or_default();
                self.connection.handle_bytes(input);
                return Poll::Ready(Ok(input.is_empty()));
            }
        }
        self.timer.poll(until, &self.shared.clock, cx).map(|()| Ok(false))
    }
}
