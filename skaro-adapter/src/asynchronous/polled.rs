//! Sockets and timers as clients and servers poll them.

use std::future::Future;
use std::io::{self, ErrorKind, Read, Write};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use skaro_proto::Time;

use super::runtime::Runtime;
use crate::clock::Clock;

/// An async socket, for the duration of a poll: where it is pending, it would block.
pub(super) struct Polled<'a, 'cx, S>(pub(super) &'a mut S, pub(super) &'a mut Context<'cx>);

impl<S: AsyncRead + Unpin> Read for Polled<'_, '_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        or_would_block(Pin::new(&mut *self.0).poll_read(self.1, buffer))
    }
}

impl<S: AsyncWrite + Unpin> Write for Polled<'_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        or_would_block(Pin::new(&mut *self.0).poll_write(self.1, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn or_would_block(result: Poll<io::Result<usize>>) -> io::Result<usize> {
    match result {
        Poll::Ready(result) => result,
        Poll::Pending => Err(ErrorKind::WouldBlock.into()),
    }
}

type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A timer that is not rearmed if it goes off early enough, which is cheaper than rearming it for each deadline.
pub(super) struct Timer<R> {
    armed: Option<(Time, Sleep)>,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> Timer<R> {
    pub(super) const fn new() -> Self {
        Timer { armed: None, runtime: PhantomData }
    }

    /// Ready at the deadline, or somewhat before it.
    pub(super) fn poll(&mut self, deadline: Option<Time>, clock: &Clock, cx: &mut Context<'_>) -> Poll<()> {
        self.armed.take_if(|(at, _)| deadline.is_none_or(|deadline| deadline < *at));
        let Some(deadline) = deadline else { return Poll::Pending };
        // The clock is coarse: a shorter wait might end before the clock has advanced, and be repeated many times.
        let after = (deadline - clock.now()).max(Duration::from_millis(1));
        let (_, sleep) = self.armed.get_or_insert_with(|| (deadline, Box::pin(R::sleep(after))));
        ready!(sleep.as_mut().poll(cx));
        self.armed = None;
        Poll::Ready(())
    }
}
