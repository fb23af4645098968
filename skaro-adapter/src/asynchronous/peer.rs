//! The task of one connection of a server.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use skaro_proto::server::ConnectionId;

use super::polled::{Polled, Timer};
use super::runtime::Runtime;
use super::served::{ServerOptions, Shared};
use crate::connection::{Connection, Turn};
use crate::link::Link;

/// Size in bytes of the read buffer, which is on the stack.
const INPUT: usize = 4 << 10;

/// Steps of one connection before it yields to other tasks: each reads and writes some KiB at most.
const AT_ONCE: usize = 4;

/// Serves one connection, which the machine has taken, to its end.
pub(super) async fn serve<R: Runtime>(
    socket: R::Stream,
    id: ConnectionId,
    options: ServerOptions,
    shared: Arc<Shared>,
) {
    if let Ok(channel) = options.channel() {
        let connection = Connection::new(id, options.address_header);
        let (link, timer) = (Link::new(channel), Timer::new());
        let mut task = Task::<R> { shared: &shared, id, connection, socket, link, timer };
        poll_fn(|cx| task.poll(cx)).await;
    }
    shared.unregister(id);
    shared.call(|machine, now| machine.handle_disconnected(now, id));
}

struct Task<'s, R: Runtime> {
    shared: &'s Shared,
    id: ConnectionId,
    connection: Connection,
    socket: R::Stream,
    link: Link,
    timer: Timer<R>,
}

impl<R: Runtime> Task<'_, R> {
    /// Ready when the connection must be dropped.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.register(self.id, cx.waker());
        for _ in 0..AT_ONCE {
            // On an error the connection is broken.
            if ready!(self.step(cx)).unwrap_or(true) {
                return Poll::Ready(());
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Drives the machine, writes, and reads. Ready with false if there may be more to do, and with true at the end.
    fn step(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let now = self.shared.clock.now();
        let turn = self.connection.turn(now, || self.shared.machine());
        if turn == (Turn::Idle { until: None }) {
            self.link.shrink();
        }
        self.link.fill(|output| self.connection.take_output(output));
        let mut input = [0; INPUT];
        let mut socket = Polled(&mut self.socket, cx);
        if let Poll::Ready(read) = self.link.turn(&mut socket, self.connection.wants_bytes(), &mut input) {
            let Some(bytes) = read? else { return Poll::Ready(Ok(true)) };
            self.connection.handle_bytes(bytes);
            return Poll::Ready(Ok(false));
        }
        match turn {
            Turn::Gone => Poll::Ready(Ok(true)),
            Turn::Again => Poll::Ready(Ok(false)),
            Turn::Idle { until } => self.timer.poll(until, &self.shared.clock, cx).map(|()| Ok(false)),
        }
    }
}
