//! The two directions, client to server and server to client, with the same checks for both.

use std::fmt::Debug;

use skaro_proto::message::{Answer, ClientMessage, Request, ServerMessage};
use skaro_proto::{DecodeError, DecodeErrorKind, Fields, Format, Frame};

pub trait Direction {
    type Message<'a>: Clone + Debug + PartialEq;
    /// The error of an invalid frame.
    type Error: Debug + PartialEq;

    fn decode(frame: Frame<'_>) -> Result<Self::Message<'_>, Self::Error>;
    fn encode(message: &Self::Message<'_>, format: Format) -> Vec<u8>;
    fn fault(error: &Self::Error) -> DecodeErrorKind;

    /// Additional fields of the frame's map, which the message does not need.
    fn others<'m, 'a>(message: &'m Self::Message<'a>) -> &'m Fields<'a>;
}

pub struct ToServer;
pub struct ToClient;

impl Direction for ToServer {
    type Message<'a> = ClientMessage<'a>;
    /// With the request's number and type, if they were readable.
    type Error = (DecodeError, Option<(u64, String)>);

    fn decode(frame: Frame<'_>) -> Result<ClientMessage<'_>, Self::Error> {
        ClientMessage::decode(frame).map_err(|rejected| {
            (rejected.error, rejected.request.map(|(number, kind)| (number, kind.into_owned())))
        })
    }

    fn encode(message: &ClientMessage<'_>, format: Format) -> Vec<u8> {
        message.encode(format)
    }

    fn fault(error: &Self::Error) -> DecodeErrorKind {
        error.0.kind
    }

    fn others<'m, 'a>(message: &'m Self::Message<'a>) -> &'m Fields<'a> {
        match &message.request {
            Request::Other { fields, .. } => fields,
            _ => &message.extra,
        }
    }
}

impl Direction for ToClient {
    type Message<'a> = ServerMessage<'a>;
    type Error = DecodeError;

    fn decode(frame: Frame<'_>) -> Result<ServerMessage<'_>, DecodeError> {
        ServerMessage::decode(frame)
    }

    fn encode(message: &ServerMessage<'_>, format: Format) -> Vec<u8> {
        message.encode(format)
    }

    fn fault(error: &DecodeError) -> DecodeErrorKind {
        error.kind
    }

    fn others<'m, 'a>(message: &'m Self::Message<'a>) -> &'m Fields<'a> {
        match message {
            ServerMessage::CheckConnection(it) => &it.extra,
            ServerMessage::Info(it) | ServerMessage::Error(it) => &it.extra,
            ServerMessage::ShowMessage(it) => &it.extra,
            ServerMessage::Sent(it) => &it.extra,
            ServerMessage::Read(it) => &it.extra,
            ServerMessage::ContactChanged(it) => &it.extra,
            ServerMessage::ChangedUserData(it) => &it.extra,
            ServerMessage::Typing(it) => &it.extra,
            ServerMessage::ReadBy(it) => &it.extra,
            ServerMessage::Unknown { message, .. } => message,
            ServerMessage::Answer(it) => match &it.outcome {
                Ok(Answer::Other(fields)) => fields,
                _ => &it.extra,
            },
            other => panic!("{other:?}"),
        }
    }
}

/// Returns an encoded message in this format as a frame.
pub fn frame(format: Format, written: &[u8]) -> Frame<'_> {
    match format {
        Format::Json => Frame::Text(std::str::from_utf8(written).expect("JSON is UTF-8")),
        Format::Cbor => Frame::Binary(written),
    }
}
