//! In place of TLS where it is left out: there is none, and who asks for it is told.

use std::convert::Infallible;
use std::io;

use skaro_proto::client::{ConnectError, Endpoint};
use tungstenite::stream::MaybeTlsStream;

use crate::stream::Stream;

pub(crate) type ClientConfig = Infallible;

pub(crate) fn connect(
    _: Option<&ClientConfig>,
    _: &Endpoint,
    _: Stream,
) -> Result<MaybeTlsStream<Stream>, ConnectError> {
    Err(ConnectError::NoTls)
}

pub(crate) fn is_at_fault(_: &io::Error) -> bool {
    false
}
