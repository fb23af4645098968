//! Between the core's frames and WebSocket messages.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_std::net::TcpStream;
use async_tungstenite::WebSocketStream;
use futures_util::{SinkExt, StreamExt};

use async_tungstenite::tungstenite::Error;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::protocol::{CloseFrame, Message, WebSocketConfig};
use skaro_proto::client::Disconnect;
use skaro_proto::{Frame, Transmit};

/// How long a peer may take for what has no deadline of its own: opening handshakes on a server.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(15);

/// A WebSocket that is written to as far as it takes messages, and flushed once for all that is ready together.
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
    unflushed: bool,
}

impl Socket {
    pub(crate) const fn new(stream: WebSocketStream<TcpStream>) -> Self {
        Socket { stream, unflushed: false }
    }

    /// Sends what there is to send, until there is nothing left or the other end takes no more. Tells `false` when
    /// the connection is to be dropped.
    pub(crate) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        mut next: impl FnMut() -> Option<Action>,
    ) -> Poll<Result<bool, Error>> {
        loop {
            ready!(self.stream.poll_ready_unpin(cx))?;
            match next() {
                Some(Action::Send(message)) => self.stream.start_send_unpin(message)?,
                Some(Action::Drop) => return Poll::Ready(Ok(false)),
                None => break,
            }
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(self.stream.poll_flush_unpin(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(true))
    }

    /// The next message; an error when there will be none.
    pub(crate) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, Error>> {
        self.stream.poll_next_unpin(cx).map(|message| message.unwrap_or(Err(Error::ConnectionClosed)))
    }

    /// Finishes a closing handshake that the other end began, without keeping anybody waiting.
    pub(crate) fn finish_closing(mut self, within: Duration) {
        async_std::task::spawn(async_std::future::timeout(within, async move { self.stream.close(None).await }));
    }
}

/// Buffers for chat: tungstenite's default read buffer of 128 KiB is cleared for every read and kept for every
/// connection, which costs many times the rest.
pub(crate) fn config(largest_frame: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4 << 10)
        .write_buffer_size(4 << 10)
        .max_message_size(Some(largest_frame))
        .max_frame_size(Some(largest_frame))
}

/// What to do with a socket.
pub(crate) enum Action {
    Send(Message),
    Drop,
}

impl From<Transmit<'_>> for Action {
    fn from(transmit: Transmit<'_>) -> Self {
        Action::Send(match transmit {
            Transmit::Frame(Frame::Text(text)) => Message::text(text),
            Transmit::Frame(Frame::Binary(bytes)) => Message::binary(bytes.to_vec()),
            Transmit::Ping => Message::Ping(Default::default()),
            Transmit::Close(code) => {
                let code = CloseCode::from(code.code());
                Message::Close(Some(CloseFrame { code, reason: "".into() }))
            }
            _ => return Action::Drop,
        })
    }
}

/// What a WebSocket message is to the core.
pub(crate) enum Received<'a> {
    Frame(Frame<'a>),
    SignOfLife,
    Closing(Disconnect),
}

pub(crate) fn received(message: &Message) -> Received<'_> {
    match message {
        Message::Text(text) => Received::Frame(Frame::Text(text)),
        Message::Binary(bytes) => Received::Frame(Frame::Binary(bytes)),
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Received::SignOfLife,
        Message::Close(frame) => Received::Closing(Disconnect::Closed {
            code: frame.as_ref().map(|frame| frame.code.into()),
            reason: frame.as_ref().map(|frame| frame.reason.to_string()).unwrap_or_default(),
        }),
    }
}

/// Why a connection broke, in the core's words.
pub(crate) fn failure(error: &Error) -> Disconnect {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => Disconnect::Closed { code: None, reason: String::new() },
        error => Disconnect::Failed(error.to_string()),
    }
}
