//! Frames of clients, decoded before anything is known of their connection.

use alloc::boxed::Box;

use crate::codec::{DecodeError, DecodeErrorKind, Frame};
use crate::log::trace;
use crate::message::{ClientMessage, InvalidRequest, RequestKind};

/// Maximum number of bytes of a request's type, far more than any name needs.
const TYPE: usize = 256;

/// The result of [`decode`]: a client's message, or the error in its frame.
#[derive(Debug)]
pub struct Decoded<'f>(pub(super) Result<ClientMessage<'f>, Box<InvalidRequest<'f>>>);

impl Decoded<'_> {
    /// Returns the number and the type of a request that is invalid.
    pub(in crate::server) fn refused(&self) -> Option<(u64, &'static str)> {
        let (number, kind) = self.0.as_ref().err()?.request.as_ref()?;
        Some((*number, listed(kind)))
    }
}

/// Decodes a frame from a client.
///
/// This needs no server: an adapter in which many threads share one does it before it locks the server. `limit` is what
/// [`Server::max_frame_bytes`](crate::Server::max_frame_bytes) returns for the connection.
#[must_use]
pub fn decode(frame: Frame<'_>, limit: usize) -> Decoded<'_> {
    trace!("received {frame:?}");
    let length = frame.as_bytes().len();
    if length > limit {
        let error = DecodeError::frame(DecodeErrorKind::TooLarge { length, limit });
        return Decoded(Err(Box::new(InvalidRequest { error, request: None })));
    }
    let mut result = ClientMessage::decode(frame);
    let kind = match &result {
        Ok(message) => message.request.kind(),
        Err(rejected) => rejected.request.as_ref().map_or("", |(_, kind)| kind),
    };
    // A message is large: it stays where it is.
    if let Err(rejected) = check_type(kind) {
        result = Err(rejected);
    }
    Decoded(result)
}

/// Returns the type of a request as written to a log, where text from the client must not appear.
pub(in crate::server) fn listed(kind: &str) -> &'static str {
    RequestKind::LISTED.iter().map(|kind| kind.as_str()).find(|listed| *listed == kind).unwrap_or("other")
}

/// An answer repeats the type of its request, so a long one would cost more than its frame.
fn check_type<'f>(kind: &str) -> Result<(), Box<InvalidRequest<'f>>> {
    let (length, limit) = (kind.len(), TYPE);
    if length <= limit {
        return Ok(());
    }
    let error = Box::new(DecodeError::frame(DecodeErrorKind::TooLarge { length, limit })).in_field("type");
    Err(Box::new(InvalidRequest { error: *error, request: None }))
}
