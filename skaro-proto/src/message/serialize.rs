//! Messages for serde, in the shape that they have on the wire, so that applications can write them in other formats.

use serde::ser::{Serialize, Serializer};

use super::client::ClientMessage;
use super::server::{AnswerMessage, ServerMessage};
use super::types::{Contacts, Date, Message, Registration, Sender, StatusCode, User};
use crate::codec::serialize_encoded;

macro_rules! serialize {
    ($($message:ident)*) => {$(
        impl Serialize for $message<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serialize_encoded(self, serializer)
            }
        }
    )*};
}

serialize! { ClientMessage ServerMessage AnswerMessage Contacts Date Message Registration Sender StatusCode User }
