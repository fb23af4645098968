//! For adapters over tungstenite or one of its async relatives (feature `tungstenite`): between the machines' frames
//! and WebSocket messages, and the loop that every client has around its machine ([`Wire`]). No I/O here either: a
//! socket is whatever takes and yields messages.

mod socket;
mod wire;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::server;
use tungstenite::http::{HeaderName, HeaderValue, Request, header};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Message, WebSocketConfig};
use tungstenite::{Error, error::CapacityError};

use crate::client::{ConnectError, Disconnect, Options, without_secrets};
use crate::codec::{Format, Frame};
use crate::output::Transmit;

pub use socket::{Messages, NonBlocking, Socket};
pub use wire::{Access, Wire};

/// The WebSocket message that does what a machine wants.
impl From<Transmit<'_>> for Message {
    fn from(transmit: Transmit<'_>) -> Self {
        match transmit {
            Transmit::Frame(Frame::Text(text)) => Message::text(text),
            Transmit::Frame(Frame::Binary(bytes)) => Message::binary(Vec::from(bytes)),
            Transmit::Ping => Message::Ping(Default::default()),
            Transmit::Close(code) => {
                let code = CloseCode::from(code.code());
                Message::Close(Some(CloseFrame { code, reason: Default::default() }))
            }
        }
    }
}

/// What a WebSocket message is to a machine.
#[derive(Debug)]
pub enum Received<'a> {
    /// A frame.
    Frame(Frame<'a>),
    /// A ping or a pong: report a pong.
    SignOfLife,
    /// The other end closes: finish the handshake, and report the end of the connection.
    Closing(Disconnect),
}

impl<'a> From<&'a Message> for Received<'a> {
    fn from(message: &'a Message) -> Self {
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
}

/// Why a connection broke, in the machines' words.
impl From<&Error> for Disconnect {
    fn from(error: &Error) -> Self {
        match error {
            Error::ConnectionClosed | Error::AlreadyClosed => {
                Disconnect::Closed { code: None, reason: String::new() }
            }
            Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => Disconnect::Failed(
                alloc::format!("the server sent a frame of {size} bytes or more, the limit is {max_size}"),
            ),
            error => Disconnect::Failed(error.to_string()),
        }
    }
}

/// Why the opening handshake failed.
impl From<Error> for ConnectError {
    fn from(error: Error) -> Self {
        match error {
            Error::Http(response) => ConnectError::Status(response.status().as_u16()),
            error => ConnectError::Handshake(error.to_string()),
        }
    }
}

/// Bytes that an adapter reads from a connection without a break, if there are always more: then it lets others have
/// their turn. A peer can send WebSocket frames without end that make no message (empty pieces of one that never ends,
/// RFC 6455, section 5.4), and tungstenite, which waits for one, would read them without end.
pub const READ_AT_ONCE: usize = 256 << 10;

/// Buffers for chat. tungstenite's default read buffer of 128 KiB is cleared for every read and kept for every
/// connection, which costs many times the rest.
pub fn config(largest_frame: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4 << 10)
        .write_buffer_size(16 << 10)
        .max_message_size(Some(largest_frame))
        .max_frame_size(Some(largest_frame))
}

/// The opening handshake's request, with headers and subprotocol.
///
/// # Errors
/// If the URL or a header can't be sent.
pub fn request(options: &Options) -> Result<Request<()>, ConnectError> {
    let bad_url = |_| ConnectError::Url {
        url: without_secrets(&options.url),
        reason: "it has characters that no URL has",
    };
    let mut request = options.url.as_str().into_client_request().map_err(bad_url)?;
    for (name, value) in &options.headers {
        let bad_header = || ConnectError::Header(name.clone());
        let key = HeaderName::try_from(name.as_str()).map_err(|_| bad_header())?;
        let value = HeaderValue::try_from(value.as_str()).map_err(|_| bad_header())?;
        request.headers_mut().insert(key, value);
    }
    if let Some(format) = options.format {
        let subprotocol = HeaderValue::from_static(format.subprotocol());
        request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    Ok(request)
}

/// A server's side of the opening handshake: the format for which the client asks, which the response then confirms.
pub fn choose_format(request: &server::Request, response: &mut server::Response) -> Option<Format> {
    let offers = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let format = offers.iter().find_map(|offer| Format::offered(offer.to_str().ok()?))?;
    let chosen = HeaderValue::from_static(format.subprotocol());
    response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, chosen);
    Some(format)
}
