//! A WebSocket (RFC 6455) without I/O: turns bytes into messages, and messages into bytes.
//!
//! The memory of a WebSocket is limited: the largest allowed message, and unwritten output.

mod incoming;
mod output;
#[cfg(test)]
mod tests;

use std::fmt;

use skaro_proto::client::Disconnect;
use skaro_proto::{CloseCode, Frame, Transmit};
use thiserror::Error;

use incoming::{Incoming, Whole};
use output::Output;

/// Bytes of waiting output above which no new frame should be taken from a machine: see [`WebSocket::has_room`].
pub const OUTPUT_AT_ONCE: usize = 16 << 10;

/// Length of the longest header in bytes: two bytes, a length of eight, a mask of four.
const MAX_HEADER: usize = 14;

/// Capacity in bytes of buffers that are kept for the next message. Larger ones are freed when they are empty.
const KEPT: usize = 16 << 10;

/// The opcodes of frames (RFC 6455, section 5.2).
mod opcode {
    pub(super) const CONTINUATION: u8 = 0;
    pub(super) const TEXT: u8 = 1;
    pub(super) const BINARY: u8 = 2;
    pub(super) const CLOSE: u8 = 8;
    pub(super) const PING: u8 = 9;
    pub(super) const PONG: u8 = 10;
}

/// The ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a connection has two ends (RFC 6455, section 1.2)")]
pub enum Role {
    /// Masks what it sends.
    Client,
    /// Requires masks.
    Server,
}

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
///     let Received::Message(frame) = received else { panic!() };
///     assert_eq!(frame, Frame::Text("{}"));
/// }
/// # Ok::<(), skaro_adapter::websocket::WebSocketError>(())
/// ```
pub struct WebSocket {
    role: Role,
    phase: Phase,
    max_message_bytes: usize,
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
pub enum Received<'a> {
    /// A message.
    Message(Frame<'a>),
    /// A ping, which was answered, or a pong.
    SignOfLife,
    /// The peer closes the connection for this reason. The answer is in the output.
    Closing(Disconnect),
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
    Protocol(&'static str),
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
    pub const fn set_max_message_bytes(&mut self, limit: usize) {
        self.max_message_bytes = limit;
    }

    /// Reads the next message, and advances the input past it. `Ok(None)` means that the input is used up. Pings are
    /// answered here; while much output waits, only the last ping is answered (RFC 6455, section 5.5.3).
    ///
    /// # Errors
    /// If the peer violates the protocol: close the connection with [`WebSocketError::close_code`]. Later input is
    /// discarded. Continue to read it for a moment: a system that closes a socket with unread input resets the
    /// connection, and the peer might not receive the code.
    pub fn receive<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Received<'a>>, WebSocketError> {
        if matches!(self.phase, Phase::Failed | Phase::Closed) {
            self.incoming.discard();
            while self.incoming.skip_to_close(input) {
                self.phase = Phase::Closed;
            }
            return Ok(None);
        }
        let received = match self.incoming.next(input, self.role, self.max_message_bytes) {
            Ok(None) => return Ok(None),
            Ok(Some(Whole::Text(text))) => Received::Message(Frame::Text(text)),
            Ok(Some(Whole::Binary(bytes))) => Received::Message(Frame::Binary(bytes)),
            Ok(Some(Whole::Pong)) => Received::SignOfLife,
            Ok(Some(Whole::Ping(content))) => {
                if self.phase == Phase::Open {
                    self.output.pong(self.role, content);
                }
                Received::SignOfLife
            }
            Ok(Some(Whole::Close(code, reason))) => {
                let code = code.map(|code| if is_allowed(code) { code } else { 1002 });
                if self.phase == Phase::Open {
                    self.output.close(self.role, code);
                }
                self.phase = Phase::Closed;
                Received::Closing(Disconnect::Closed { code, reason: reason.to_owned() })
            }
            Err(error) => {
                self.phase = Phase::Failed;
                return Err(error);
            }
        };
        Ok(Some(received))
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
                self.output.write(self.role, opcode::TEXT, text.as_bytes());
            }
            Transmit::Frame(Frame::Binary(bytes)) => {
                self.output.write(self.role, opcode::BINARY, bytes);
            }
            Transmit::Ping => self.output.write(self.role, opcode::PING, &[]),
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
        self.incoming.shrink();
        self.output.shrink();
    }

    /// Returns the number of frames, fragments and control frames included, that were received since the last call.
    pub(crate) const fn take_frames(&mut self) -> usize {
        self.incoming.take_frames()
    }
}

/// Returns whether a Close frame may have this code (RFC 6455, section 7.4, and the registry of IANA).
const fn is_allowed(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Masks or unmasks a payload (RFC 6455, section 5.3).
fn mask(key: [u8; 4], payload: &mut [u8]) {
    let [a, b, c, d] = key;
    let words = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = payload.as_chunks_mut();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ words).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip([a, b, c, d, a, b, c]) {
        *byte ^= key;
    }
}
