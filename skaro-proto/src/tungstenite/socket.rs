//! A WebSocket that does what a machine wants, as far as that goes without waiting.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;
use tungstenite::protocol::{Message, WebSocket};
use tungstenite::{Error, Result};

/// What async-tungstenite's and tokio-tungstenite's `WebSocketStream` are, and [`NonBlocking`] too.
pub trait Messages: Sink<Message, Error = Error> + Stream<Item = Result<Message>> + Unpin {}

impl<T: Sink<Message, Error = Error> + Stream<Item = Result<Message>> + Unpin> Messages for T {}

/// A WebSocket that is written to as far as it takes messages, and flushed once for all that is ready together.
#[derive(Debug)]
pub struct Socket<S> {
    messages: S,
    /// Whether something was written that has not been flushed.
    unflushed: bool,
}

impl<S: Messages> Socket<S> {
    /// Over a WebSocket whose opening handshake is done.
    pub const fn new(messages: S) -> Self {
        Socket { messages, unflushed: false }
    }

    /// Sends what there is to send, until there is nothing left or the other end takes no more at present.
    ///
    /// # Errors
    /// If the connection is broken.
    pub fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        next: impl FnMut() -> Option<Message>,
    ) -> Poll<Result<()>> {
        ready!(self.poll_write(cx, next))?;
        self.poll_flush(cx)
    }

    /// As [`poll_send`](Self::poll_send), but what is small waits for [`poll_flush`](Self::poll_flush): there may soon
    /// be more that leaves together with it.
    ///
    /// # Errors
    /// If the connection is broken.
    pub fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        mut next: impl FnMut() -> Option<Message>,
    ) -> Poll<Result<()>> {
        loop {
            ready!(Pin::new(&mut self.messages).poll_ready(cx))?;
            let Some(message) = next() else { return Poll::Ready(Ok(())) };
            Pin::new(&mut self.messages).start_send(message)?;
            self.unflushed = true;
        }
    }

    /// Lets everything leave that was written, as far as the other end takes it.
    ///
    /// # Errors
    /// If the connection is broken.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if self.unflushed {
            ready!(Pin::new(&mut self.messages).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// The next message.
    ///
    /// # Errors
    /// If there will be none.
    pub fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message>> {
        let message = ready!(Pin::new(&mut self.messages).poll_next(cx));
        if let Some(Ok(Message::Close(_))) = message {
            // tungstenite has its answer ready. If that can't leave at once, so be it: nobody waits for it.
            _ = Pin::new(&mut self.messages).poll_flush(cx);
        }
        Poll::Ready(message.unwrap_or(Err(Error::ConnectionClosed)))
    }
}

/// tungstenite's own [`WebSocket`] over a stream that does not block: what would block is pending, and whoever polls
/// must know by other means (`poll(2)` and the like) when it may go on; no waker is called.
#[derive(Debug)]
pub struct NonBlocking<S> {
    socket: WebSocket<S>,
    /// Whether the other end took no more, last time.
    blocked: bool,
}

impl<S: Read + Write + Unpin> NonBlocking<S> {
    /// Over a WebSocket whose opening handshake is done.
    pub const fn new(socket: WebSocket<S>) -> Self {
        NonBlocking { socket, blocked: false }
    }

    fn note<T>(&mut self, result: Result<T>) -> Poll<Result<T>> {
        self.blocked = would_block(&result);
        if self.blocked { Poll::Pending } else { Poll::Ready(result) }
    }
}

fn would_block<T>(result: &Result<T>) -> bool {
    matches!(result, Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock)
}

impl<S: Read + Write + Unpin> Stream for NonBlocking<S> {
    type Item = Result<Message>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let message = self.socket.read();
        if would_block(&message) { Poll::Pending } else { Poll::Ready(Some(message)) }
    }
}

impl<S: Read + Write + Unpin> Sink<Message> for NonBlocking<S> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if self.blocked { self.poll_flush(cx) } else { Poll::Ready(Ok(())) }
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<()> {
        let result = self.socket.write(message);
        match self.note(result) {
            Poll::Ready(result) => result,
            // tungstenite has taken the message, and keeps it until the other end takes more.
            Poll::Pending => Ok(()),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        let result = self.socket.flush();
        self.note(result)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match self.socket.close(None) {
            Ok(()) => self.poll_flush(cx),
            result => self.note(result),
        }
    }
}
