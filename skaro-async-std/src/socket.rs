//! A WebSocket that does what a machine wants, without waiting.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_std::net::TcpStream;
use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::{Error, Message};
use futures_util::{SinkExt, StreamExt};

/// A connection, plain or by TLS.
#[cfg(feature = "tls")]
pub(crate) type Stream = futures_util::future::Either<TcpStream, Box<futures_rustls::TlsStream<TcpStream>>>;
#[cfg(not(feature = "tls"))]
pub(crate) type Stream = TcpStream;

pub(crate) const fn plain(stream: TcpStream) -> Stream {
    #[cfg(feature = "tls")]
    let stream = futures_util::future::Either::Left(stream);
    stream
}

/// How long a peer may take for what has no deadline of its own: opening handshakes on a server.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(15);

/// A WebSocket that is written to as far as it takes messages, and flushed once for all that is ready together.
pub(crate) struct Socket {
    stream: WebSocketStream<Stream>,
    unflushed: bool,
}

impl Socket {
    pub(crate) const fn new(stream: WebSocketStream<Stream>) -> Self {
        Socket { stream, unflushed: false }
    }

    /// Sends what there is to send, until there is nothing left or the other end takes no more.
    pub(crate) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        mut next: impl FnMut() -> Option<Message>,
    ) -> Poll<Result<(), Error>> {
        loop {
            ready!(self.stream.poll_ready_unpin(cx))?;
            let Some(message) = next() else { break };
            self.stream.start_send_unpin(message)?;
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(self.stream.poll_flush_unpin(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// The next message; an error when there will be none.
    pub(crate) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, Error>> {
        self.stream.poll_next_unpin(cx).map(|message| message.unwrap_or(Err(Error::ConnectionClosed)))
    }

    /// Finishes a closing handshake that the other end began, without keeping anybody waiting.
    pub(crate) fn finish_closing(mut self, within: Duration) {
        async_std::task::spawn(async_std::future::timeout(
            within,
            async move { self.stream.close(None).await },
        ));
    }
}
