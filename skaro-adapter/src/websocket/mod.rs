//! A WebSocket (RFC 6455) without I/O: bytes in, messages out; messages in, bytes out.
//!
//! tungstenite decodes, over a pipe in memory that never holds more than the current frame. So between two messages
//! its state can be thrown away, and what one WebSocket costs has a bound: the largest message that is allowed, and
//! what the owner has not written yet.
//!
//! At the log level "trace" tungstenite logs what arrives, session ids included: do not enable that level for it.

mod incoming;
mod output;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;

use skaro_proto::client::Disconnect;
use skaro_proto::{Frame, Transmit};
use thiserror::Error;
use tungstenite::Bytes;
use tungstenite::error::Error as Library;
use tungstenite::protocol::frame::Utf8Bytes;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tungstenite::protocol::{Message, WebSocketConfig, WebSocketContext};

use incoming::Incoming;
use output::Output;

pub use tungstenite::protocol::Role;

/// Bytes of output above which no new frame should be taken from a machine: see [`WebSocket::has_room`].
pub const OUTPUT_AT_ONCE: usize = 16 << 10;

/// tungstenite's read buffer, which it clears for every read.
const READ_BUFFER: usize = 1 << 10;

/// Bytes of buffers that are kept for the next message. Larger ones are given back when they are empty.
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
    /// Exists from the first frame to the next [`shrink`](Self::shrink).
    decoder: Option<Box<WebSocketContext>>,
    incoming: Incoming,
    output: Output,
}

/// How far a WebSocket's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Messages go both ways.
    Open,
    /// A Close frame was sent. Messages still arrive, until the peer's Close frame does.
    Closing,
    /// The peer broke the protocol: what it sends is discarded, what we send still leaves.
    Failed,
    /// The peer's Close frame came, and has been answered: write the output and drop the connection.
    Closed,
}

/// What arrived.
#[derive(Debug)]
pub enum Received {
    /// A message.
    Message(Payload),
    /// A ping, which has been answered, or a pong.
    SignOfLife,
    /// The peer closes the connection, for this reason. The answer is in the output.
    Closing(Disconnect),
}

/// The content of a message that arrived.
#[derive(Clone)]
pub enum Payload {
    /// Of a text message.
    Text(Utf8Bytes),
    /// Of a binary message.
    Binary(Bytes),
}

impl Payload {
    /// Returns the content as a machine takes it.
    pub fn frame(&self) -> Frame<'_> {
        match self {
            Payload::Text(text) => Frame::Text(text),
            Payload::Binary(bytes) => Frame::Binary(bytes),
        }
    }
}

/// Only kind and length: the content may be secret.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.frame().fmt(f)
    }
}

/// Without what arrives and leaves, which may be secret.
impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("WebSocket");
        shown.field("role", &self.role).field("phase", &self.phase).field("output_len", &self.output_len());
        shown.finish_non_exhaustive()
    }
}

/// A peer that breaks the WebSocket protocol. Nothing that it sends is read any more.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WebSocketError {
    /// A frame that RFC 6455 forbids.
    #[error("the peer broke the WebSocket protocol: {0}")]
    Protocol(String),
    /// A text message that is not UTF-8.
    #[error("the peer sent a text message that is not UTF-8")]
    InvalidText,
    /// A message, in one frame or in fragments, that is over the limit.
    #[error("the peer sent a message of more than {limit} bytes, which is the limit")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}

impl WebSocketError {
    /// Returns the code with which to close the connection (RFC 6455, section 7.4.1).
    pub const fn close_code(&self) -> u16 {
        match self {
            WebSocketError::Protocol(_) => 1002,
            WebSocketError::InvalidText => 1007,
            WebSocketError::TooLarge { .. } => 1009,
        }
    }
}

impl From<WebSocketError> for Disconnect {
    fn from(error: WebSocketError) -> Self {
        Disconnect::Failed(error.to_string())
    }
}

impl WebSocket {
    /// Creates the end of a connection with this role. Messages of more bytes than this are errors.
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

    /// Returns how far its life has come.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Sets how many bytes a message may have that arrives from now on.
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

    /// Reads the next message out of the input, which is shortened by what was read. `Ok(None)` says that the input is
    /// used up. Pings are answered here; of pings that come while much output waits only the last one is (RFC 6455,
    /// section 5.5.3).
    ///
    /// # Errors
    /// If the peer breaks the protocol: close the connection with [`WebSocketError::close_code`]. What comes after that is
    /// discarded here, and can be read on for a moment: a system that is told to close a connection with unread input
    /// resets it, and the peer may never see the code.
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

    /// Returns whether little enough output waits that a machine may be asked for its next frame. What stays there is
    /// known not to have been sent if the connection breaks.
    pub const fn has_room(&self) -> bool {
        self.output.len() <= OUTPUT_AT_ONCE
    }

    /// Writes what a machine wants to send to the output. Nothing leaves after a Close frame.
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

    /// Begins the closing handshake with this code, or ends it if the peer broke the protocol.
    pub fn close(&mut self, code: u16) {
        if self.phase == Phase::Closed {
            return;
        }
        self.output.close(self.role, Some(code));
        if self.phase == Phase::Open {
            self.phase = Phase::Closing;
        }
    }

    /// Returns how many bytes wait to be written to the connection.
    pub const fn output_len(&self) -> usize {
        self.output.len()
    }

    /// Moves the output to a buffer, whose memory is used for what comes next. Does nothing unless the buffer is empty:
    /// so what is on its way has a bound.
    pub fn take_output(&mut self, into: &mut Vec<u8>) {
        self.output.take(self.role, into);
    }

    /// Gives back memory that a WebSocket between two messages does not need. Call it after some idle seconds.
    pub fn shrink(&mut self) {
        if self.incoming.is_between_messages() {
            self.decoder = None;
        }
        self.output.shrink();
    }

    /// Gives back what a large message needed.
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
        // It writes nothing but answers to pings and Close frames, which the pipe swallows: see `received`.
        .max_write_buffer_size(1 << 10)
        .max_message_size(Some(limit))
        .max_frame_size(Some(limit));
    WebSocketContext::new(role, Some(config))
}
