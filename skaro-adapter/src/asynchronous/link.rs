//! What the tasks of both sides have: a connection with what is being written to it, and a timer.

use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use skaro_proto::Time;

use super::runtime::Runtime;
use crate::clock::Clock;
use crate::websocket::OUTPUT_AT_ONCE;

/// A connection, plain or by TLS.
pub(super) enum Stream<S> {
    Plain(S),
    /// In a box: the state of TLS takes more than a kilobyte.
    #[cfg(feature = "tls")]
    Tls(Box<futures_rustls::TlsStream<S>>),
}

/// A connection, and what is being written to it.
pub(super) struct Link<S> {
    stream: Stream<S>,
    output: Vec<u8>,
    written: usize,
    /// Whether something was written that has not been flushed (TLS keeps some).
    unflushed: bool,
}

/// How far writing has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// All has left, and there may be more that did not fit into the buffer.
    Full,
    /// All has left.
    All,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Link<S> {
    pub(super) const fn new(stream: Stream<S>) -> Self {
        Link { stream, output: Vec::new(), written: 0, unflushed: false }
    }

    /// Lets the buffer be filled, if what it held has left.
    pub(super) fn fill(&mut self, take_output: impl FnOnce(&mut Vec<u8>)) {
        if self.written == self.output.len() {
            self.written = 0;
            self.output.clear();
            take_output(&mut self.output);
        }
    }

    /// Writes what is in the buffer, as far as the other end takes it. A large buffer is not kept.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Written>> {
        while let Some(rest) = self.output.get(self.written..).filter(|rest| !rest.is_empty()) {
            let written = ready!(Pin::new(self.stream.writer()).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(self.stream.writer()).poll_flush(cx))?;
            self.unflushed = false;
        }
        let is_full = self.output.len() > OUTPUT_AT_ONCE;
        if is_full {
            drop(mem::take(&mut self.output));
            self.written = 0;
        }
        Poll::Ready(Ok(if is_full { Written::Full } else { Written::All }))
    }

    /// Reads what has come; `Ok(0)` is the end.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, input: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.reader()).poll_read(cx, input)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream<S> {
    pub(super) fn reader(&mut self) -> &mut (dyn AsyncRead + Send + Unpin + '_) {
        match self {
            Stream::Plain(stream) => stream,
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream,
        }
    }

    pub(super) fn writer(&mut self) -> &mut (dyn AsyncWrite + Send + Unpin + '_) {
        match self {
            Stream::Plain(stream) => stream,
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream,
        }
    }
}

/// A timer that is armed stays, if it goes off early enough: that is cheaper than arming one for each deadline.
pub(super) struct Timer<R> {
    armed: Option<(Time, Pin<Box<dyn Future<Output = ()> + Send>>)>,
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
        // The clock is coarse, and asking it again and again leads to nothing.
        let after = (deadline - clock.now()).max(Duration::from_millis(1));
        let (_, sleep) = self.armed.get_or_insert_with(|| (deadline, Box::pin(R::sleep(after))));
        ready!(sleep.as_mut().poll(cx));
        self.armed = None;
        Poll::Ready(())
    }
}
