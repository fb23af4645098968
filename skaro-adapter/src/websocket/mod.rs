//! A WebSocket (RFC 6455) without I/O: turns bytes into messages, and messages into bytes.
//!
//! tungstenite decodes, over a pipe in memory that never holds more than the current frame. So its state can be dropped
//! between two messages, and the memory of a WebSocket is limited: the largest allowed message, and unwritten output.
//!
//! At the log level "trace" tungstenite logs received data, including session ids: do not enable that level for it.

mod incoming;
mod output;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;

use skaro_proto::client::Disconnect;
use skaro_proto::{CloseCode, Frame, Transmit};
use thiserror::Error;
use tungstenite::Bytes;
use tungstenite::error::Error as Library;
use tungstenite::protocol::frame::Utf8Bytes;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tungstenite::protocol::{Message, WebSocketConfig, WebSocketContext};

use incoming::Incoming;
use output::Output;

pub use tungstenite::protocol::Role;

/// Bytes of waiting output above which no new frame should be taken from a machine: see [`WebSocket::has_room`].
pub const OUTPUT_AT_ONCE: usize = 16 << 10;

/// Size in bytes of tungstenite's read buffer, which it clears before every read.
const READ_BUFFER: usize = 1 << 10;

/// Capacity in bytes of buffers that are kept for the next message. Larger ones are freed when they are empty.
const KEPT: usize = 16 << 10;

/// A WebSocket whose opening handshake is done.
///
/// ```
/// use skaro_adapter::websocket::{Received, Role, WebSocket};
/// use skaro_proto::{Frame, Transmit};
///
/// let mut client = WebSocket::new(Role::Client, 1 << 20);
/// let mut server = WebSocket::new(Role::Server, 16 << 10);
/// client.send(Transmit::Frame(Frame::Text("{}")));
/// let mut bytes = Vec::new();
/// client.take_output(&mut bytes);
///
/// let mut input = &bytes[..];
/// while let Some(received) = server.receive(&mut input)? {
///     let Received::Message(payload) = received else { panic!() };
///     assert_eq!(payload.frame(), Frame::Text("{}"));
/// }
/// # Ok::<(), skaro_adapter::websocket::WebSocketError>(())
/// ```
pub struct WebSocket {
    role: Role,
    phase: Phase,
    max_message_bytes: usize,
    /// Exists from the first frame until [`shrink`](Self::shrink).
    decoder: Option<Box<WebSocketContext>>,
    incoming: Incoming,
    output: Output,
}

/// The phases of a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an adapter must handle each phase")]
pub enum Phase {
    /// Messages go both ways.
    Open,
    /// A Close frame was sent. Messages still arrive until the peer's Close frame does.
    Closing,
    /// The peer violated the protocol: its input is discarded, our output is still sent.
    Failed,
    /// The peer's Close frame was received and answered: write the output and drop the connection.
    Closed,
}

/// A received message or control frame.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "an adapter must handle whatever is received")]
pub enum Received {
    /// A message.
    Message(Payload),
    /// A ping, which was answered, or a pong.
    SignOfLife,
    /// The peer closes the connection for this reason. The answer is in the output.
    Closing(Disconnect),
}

/// The content of a received message.
#[derive(Clone)]
#[expect(clippy::exhaustive_enums, reason = "WebSocket has two kinds of messages (RFC 6455, section 5.6)")]
pub enum Payload {
    /// The content of a text message.
    Text(Utf8Bytes),
    /// The content of a binary message.
    Binary(Bytes),
}

impl Payload {
    /// Returns the content as a frame for a machine.
    pub fn frame(&self) -> Frame<'_> {
        match self {
            Payload::Text(text) => Frame::Text(text),
            Payload::Binary(bytes) => Frame::Binary(bytes),
        }
    }
}

/// Shows only kind and length: the content may be secret.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.frame().fmt(f)
    }
}

/// Hides input and output, which may be secret.
impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("WebSocket");
        shown.field("role", &self.role).field("phase", &self.phase).field("output_len", &self.output_len());
        shown.finish_non_exhaustive()
    }
}

/// A violation of the WebSocket protocol by the peer. No more input is accepted from it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WebSocketError {
    /// A frame that RFC 6455 forbids.
    #[error("the peer violated the WebSocket protocol: {0}")]
    Protocol(String),
    /// A text message that is not UTF-8.
    #[error("the peer sent a text message that is not UTF-8")]
    InvalidText,
    /// A message, in one frame or in fragments, that is larger than the limit.
    #[error("the peer sent a message larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}

impl WebSocketError {
    /// Returns the code for closing the connection (RFC 6455, section 7.4.1).
    #[must_use]
    pub const fn close_code(&self) -> CloseCode {
        match self {
            WebSocketError::Protocol(_) => CloseCode::Protocol,
            WebSocketError::InvalidText => CloseCode::InvalidData,
            WebSocketError::TooLarge { .. } => CloseCode::TooBig,
        }
    }
}

impl From<WebSocketError> for Disconnect {
    fn from(error: WebSocketError) -> Self {
        Disconnect::Failed(error.to_string())
    }
}

impl WebSocket {
    /// Creates one end of a connection with this role. Messages of more than `max_message_bytes` are errors.
    #[must_use]
    pub const fn new(role: Role, max_message_bytes: usize) -> Self {
        WebSocket {
            role,
            phase: Phase::Open,
            max_message_bytes,
            decoder: None,
            incoming: Incoming::new(),
            output: Output::new(),
        }
    }

    /// Returns the current phase.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Sets the size limit in bytes of messages that are received from now on.
    pub fn set_max_message_bytes(&mut self, limit: usize) {
        if limit == self.max_message_bytes {
            return;
        }
        self.max_message_bytes = limit;
        if let Some(decoder) = &mut self.decoder {
            decoder.set_config(|config| {
                config.max_message_size = Some(limit);
                config.max_frame_size = Some(limit);
            });
        }
    }

    /// Reads the next message, and advances the input past it. `Ok(None)` means that the input is used up. Pings are
    /// answered here; while much output waits, only the last ping is answered (RFC 6455, section 5.5.3).
    ///
    /// # Errors
    /// If the peer violates the protocol: close the connection with [`WebSocketError::close_code`]. Later input is
    /// discarded. Continue to read it for a moment: a system that closes a socket with unread input resets the
    /// connection, and the peer might not receive the code.
    pub fn receive(&mut self, input: &mut &[u8]) -> Result<Option<Received>, WebSocketError> {
        while let Some(mut part) = self.incoming.next(input) {
            if matches!(self.phase, Phase::Failed | Phase::Closed) {
                if part.is_close {
                    self.phase = Phase::Closed;
                }
                continue;
            }
            let limit = self.max_message_bytes;
            let decoder = self.decoder.get_or_insert_with(|| Box::new(new_decoder(self.role, limit)));
            let message = decoder.read(&mut part.pipe);
            self.give_back();
            match message {
                Ok(message) => return Ok(Some(self.received(message))),
                // A fragment, or the beginning of a frame.
                Err(Library::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => (),
                Err(error) => {
                    self.phase = Phase::Failed;
                    self.decoder = None;
                    return Err(match error {
                        Library::Capacity(_) => WebSocketError::TooLarge { limit },
                        Library::Utf8(_) => WebSocketError::InvalidText,
                        error => WebSocketError::Protocol(error.to_string()),
                    });
                }
            }
        }
        Ok(None)
    }

    fn received(&mut self, message: Message) -> Received {
        match message {
            Message::Text(text) => Received::Message(Payload::Text(text)),
            Message::Binary(bytes) => Received::Message(Payload::Binary(bytes)),
            Message::Ping(content) => {
                if self.phase == Phase::Open {
                    self.output.pong(self.role, content);
                }
                Received::SignOfLife
            }
            Message::Pong(_) | Message::Frame(_) => Received::SignOfLife,
            Message::Close(frame) => {
                let code = frame.as_ref().map(|frame| u16::from(frame.code));
                if self.phase == Phase::Open {
                    self.output.close(self.role, code);
                }
                self.phase = Phase::Closed;
                let reason = frame.map(|frame| frame.reason.to_string()).unwrap_or_default();
                Received::Closing(Disconnect::Closed { code, reason })
            }
        }
    }

    /// Returns whether so little output waits that the machine may be asked for its next frame. Frames that stay in the
    /// machine are known not to have been sent if the connection breaks.
    #[must_use]
    pub const fn has_room(&self) -> bool {
        self.output.len() <= OUTPUT_AT_ONCE
    }

    /// Encodes a frame, ping or close into the output. Does nothing after a Close frame.
    pub fn send(&mut self, transmit: Transmit<'_>) {
        if matches!(self.phase, Phase::Closing | Phase::Closed) || self.output.is_closed {
            return;
        }
        match transmit {
            Transmit::Frame(Frame::Text(text)) => {
                self.output.write(self.role, OpCode::Data(Data::Text), text.as_bytes());
            }
            Transmit::Frame(Frame::Binary(bytes)) => {
                self.output.write(self.role, OpCode::Data(Data::Binary), bytes);
            }
            Transmit::Ping => self.output.write(self.role, OpCode::Control(Control::Ping), &[]),
            Transmit::Close(code) => self.close(code.code()),
            _ => (),
        }
    }

    /// Starts the closing handshake with this code, or ends it if the peer violated the protocol.
    pub fn close(&mut self, code: u16) {
        if self.phase == Phase::Closed {
            return;
        }
        self.output.close(self.role, Some(code));
        if self.phase == Phase::Open {
            self.phase = Phase::Closing;
        }
    }

    /// Returns the number of bytes that wait to be written to the connection.
    #[must_use]
    pub const fn output_len(&self) -> usize {
        self.output.len()
    }

    /// Swaps the output into an empty buffer, whose memory is reused for further output. Does nothing if the buffer is
    /// not empty, so that the data being written has a limit.
    pub fn take_output(&mut self, into: &mut Vec<u8>) {
        self.output.take(self.role, into);
    }

    /// Frees memory that is not needed between two messages. Call it after some idle seconds.
    pub fn shrink(&mut self) {
        if self.incoming.is_between_messages() {
            self.decoder = None;
        }
        self.output.shrink();
    }

    /// Returns the number of frames, fragments and control frames included, that were received since the last call.
    pub(crate) fn take_frames(&mut self) -> usize {
        self.incoming.take_frames()
    }

    /// Frees buffers that a large message needed.
    fn give_back(&mut self) {
        if self.incoming.is_between_messages() && self.incoming.take_largest() > KEPT as u64 {
            self.decoder = None;
        }
    }
}

fn new_decoder(role: Role, limit: usize) -> WebSocketContext {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        // The decoder writes only answers to pings and Close frames, which the pipe discards: see `received`.
        .max_write_buffer_size(1 << 10)
        .max_message_size(Some(limit))
        .max_frame_size(Some(limit));
    WebSocketContext::new(role, Some(config))
}
