//! A socket with its channel and write buffer, and a timer: shared by clients and servers.

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
use crate::channel::Channel;
use crate::clock::Clock;
use crate::websocket::OUTPUT_AT_ONCE;

/// A socket, its channel, and the data being written.
pub(super) struct Link<S> {
    socket: S,
    channel: Channel,
    output: Vec<u8>,
    written: usize,
    /// Set if there may be more to write after the buffer.
    is_full: bool,
    /// The latest decrypted input.
    decrypted: Vec<u8>,
}

/// The state of a completed write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// Everything was written; there may be more that did not fit into the buffer, or came meanwhile.
    Full,
    /// Everything was written.
    All,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    /// Creates a link with first output that is encrypted already.
    pub(super) const fn new(socket: S, channel: Channel, output: Vec<u8>) -> Self {
        Link { socket, channel, output, written: 0, is_full: false, decrypted: Vec::new() }
    }

    /// Fills the buffer, if its previous content was written. If not, there may be more once it is.
    pub(super) fn fill(&mut self, take_output: impl FnOnce(&mut Vec<u8>)) {
        if self.written < self.output.len() {
            self.is_full = true;
            return;
        }
        self.written = 0;
        self.output.clear();
        take_output(&mut self.output);
        self.is_full = self.output.len() > OUTPUT_AT_ONCE;
        self.channel.seal(&mut self.output);
    }

    /// Frees what the buffers have, if everything was written.
    pub(super) fn shrink(&mut self) {
        if self.written == self.output.len() {
            self.written = 0;
            self.output = Vec::new();
            self.decrypted = Vec::new();
        }
    }

    /// Writes the buffer as far as the socket takes it. Frees a large buffer afterwards.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Written>> {
        while let Some(rest) = self.output.get(self.written..).filter(|rest| !rest.is_empty()) {
            let written = ready!(Pin::new(&mut self.socket).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
        }
        if !mem::take(&mut self.is_full) {
            return Poll::Ready(Ok(Written::All));
        }
        self.output = Vec::new();
        self.written = 0;
        Poll::Ready(Ok(Written::Full))
    }

    /// Reads and decrypts; `None` at the end of the stream. The result may be empty, because TLS has messages of its
    /// own.
    pub(super) fn poll_read<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
        input: &'a mut [u8],
    ) -> Poll<io::Result<Option<&'a [u8]>>> {
        if self.channel.has_ended() {
            return Poll::Ready(Ok(None));
        }
        let length = ready!(Pin::new(&mut self.socket).poll_read(cx, input))?;
        if length == 0 {
            return Poll::Ready(Ok(None));
        }
        let input = input.get(..length).unwrap_or_default();
        let received = self.channel.receive(input, &mut self.decrypted);
        if received.is_err() && self.written == self.output.len() {
            // A TLS alert tells the peer the reason (RFC 8446, section 6.2). Its delivery is not awaited.
            let mut alert = Vec::new();
            self.channel.seal(&mut alert);
            _ = Pin::new(&mut self.socket).poll_write(cx, &alert);
        }
        Poll::Ready(received.map(Some))
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

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// A socket that takes so many bytes at present.
    #[derive(Default)]
    struct Socket {
        takes: usize,
        taken: Vec<u8>,
    }

    impl AsyncWrite for Socket {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let length = bytes.len().min(self.takes);
            if length == 0 {
                return Poll::Pending;
            }
            self.takes -= length;
            self.taken.extend(bytes.iter().take(length));
            Poll::Ready(Ok(length))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncRead for Socket {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
    }

    #[test]
    fn what_comes_while_a_buffer_is_being_written_follows_it_at_once() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut link = Link::new(Socket { takes: 4, ..Socket::default() }, Channel::plain(), Vec::new());
        let mut queue = b"first ".to_vec();
        link.fill(|output| output.append(&mut queue));
        assert!(link.poll_write(&mut cx).is_pending());
        queue.extend(b"second");
        link.fill(|output| output.append(&mut queue));
        link.socket.takes = 100;
        assert!(matches!(link.poll_write(&mut cx), Poll::Ready(Ok(Written::Full))), "there is more");
        link.fill(|output| output.append(&mut queue));
        assert!(matches!(link.poll_write(&mut cx), Poll::Ready(Ok(Written::All))));
        assert_eq!(link.socket.taken, b"first second");
    }
}
