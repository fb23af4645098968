//! Writing messages: strictly, one way for each thing. The type comes first wherever the original client does not
//! put it elsewhere, so that readers know at once what they read.

use alloc::vec::Vec;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::format::Format;

use super::client::{ClientMessage, Request};
use super::parts::{Contacts, Date, Message, Registration, Sender, Status, User};
use super::server::{Answer, AnswerMessage, ServerMessage};

impl ClientMessage<'_> {
    /// The message as the content of a frame of this format.
    ///
    /// ```
    /// use skaro_proto::{Format, message::{ClientMessage, Request}};
    /// let message = ClientMessage::new(1, Request::RegisterType);
    /// assert_eq!(message.encode(Format::Json), br#"{"type":"register_type","on_request":1}"#);
    /// ```
    pub fn encode(&self, format: Format) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_into(format, &mut out);
        out
    }

    /// Writes the same after what is in the buffer already. As long as that has room, nothing is allocated.
    pub fn encode_into(&self, format: Format, out: &mut Vec<u8>) {
        if self.write_plain(format, out).is_none() {
            format.write(self, out);
        }
    }
}

impl ServerMessage<'_> {
    /// The message as the content of a frame of this format.
    pub fn encode(&self, format: Format) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_into(format, &mut out);
        out
    }

    /// Writes the same after what is in the buffer already. As long as that has room, nothing is allocated.
    pub fn encode_into(&self, format: Format, out: &mut Vec<u8>) {
        if self.write_plain(format, out).is_none() {
            format.write(self, out);
        }
    }
}

impl Serialize for ClientMessage<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let own = match &self.request {
            Request::RegisterType | Request::GetContacts => 0,
            Request::SessionRestore { .. } | Request::GetHistory { .. } => 1,
            Request::Authorize { .. } | Request::SendMessage { .. } => 2,
            Request::Other { fields, .. } => fields.len(),
        };
        let mut map = serializer.serialize_map(Some(2 + own + self.extra.len()))?;
        // The original's order: it takes the caller's dictionary and adds the type and the number.
        if let Request::Authorize { login, proof } = &self.request {
            map.serialize_entry("login", login)?;
            map.serialize_entry("password", proof)?;
        }
        map.serialize_entry("type", self.request.kind())?;
        match &self.request {
            Request::Authorize { .. } | Request::RegisterType | Request::GetContacts => (),
            Request::SessionRestore { sid } => map.serialize_entry("sid", sid)?,
            Request::GetHistory { login } => map.serialize_entry("login", login)?,
            Request::SendMessage { to, body } => {
                map.serialize_entry("to", to)?;
                map.serialize_entry("body", body)?;
            }
            Request::Other { fields, .. } => fields.write(&mut map)?,
        }
        map.serialize_entry("on_request", &self.on_request)?;
        self.extra.write(&mut map)?;
        map.end()
    }
}

impl Serialize for ServerMessage<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, name, text, extra) = match self {
            ServerMessage::CheckConnection(it) => ("check_connection", "token", &it.token, &it.extra),
            ServerMessage::Info(it) => ("info", "info", &it.info, &it.extra),
            ServerMessage::Error(it) => ("error", "info", &it.info, &it.extra),
            ServerMessage::Answer(answer) => return answer.serialize(serializer),
            ServerMessage::ShowMessage(message) => {
                let mut map = serializer.serialize_map(Some(1 + message.len()))?;
                map.serialize_entry("type", "show_message")?;
                message.write(&mut map)?;
                return map.end();
            }
            ServerMessage::Unknown { message, .. } => return message.serialize(serializer),
        };
        let mut map = serializer.serialize_map(Some(2 + extra.len()))?;
        map.serialize_entry("type", kind)?;
        map.serialize_entry(name, text)?;
        extra.write(&mut map)?;
        map.end()
    }
}

impl Serialize for AnswerMessage<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let status = match &self.outcome {
            Ok(_) => Some(&Status::SUCCESS),
            Err(refusal) => refusal.status.as_ref(),
        };
        let own = match &self.outcome {
            Ok(Answer::Authorized(_) | Answer::Restored(_)) => 2,
            Ok(Answer::MessageSent(None)) => 0,
            Ok(Answer::Other(fields)) => fields.len(),
            Ok(
                Answer::MessageSent(Some(_))
                | Answer::RegisterType(_)
                | Answer::Contacts(_)
                | Answer::History(_),
            ) => 1,
            Err(_) => 1,
        };
        let entries = 3 + usize::from(status.is_some()) + own + self.extra.len();
        let mut map = serializer.serialize_map(Some(entries))?;
        map.serialize_entry("type", "request")?;
        map.serialize_entry("for", &self.kind)?;
        map.serialize_entry("id", &self.id)?;
        if let Some(status) = status {
            map.serialize_entry("status", status)?;
        }
        match &self.outcome {
            Ok(Answer::Authorized(signed_in) | Answer::Restored(signed_in)) => {
                map.serialize_entry("session_id", &signed_in.session_id)?;
                map.serialize_entry("user", &signed_in.user)?;
            }
            Ok(Answer::RegisterType(registration)) => map.serialize_entry("register_type", registration)?,
            Ok(Answer::Contacts(contacts)) => map.serialize_entry("data", contacts)?,
            Ok(Answer::History(history)) => map.serialize_entry("history", &history.messages)?,
            Ok(Answer::MessageSent(Some(date))) => map.serialize_entry("date", date)?,
            Ok(Answer::MessageSent(None)) => (),
            Ok(Answer::Other(fields)) => fields.write(&mut map)?,
            Err(refusal) => map.serialize_entry("info", &refusal.info)?,
        }
        self.extra.write(&mut map)?;
        map.end()
    }
}

impl Message<'_> {
    fn len(&self) -> usize {
        3 + usize::from(self.date.is_some()) + self.extra.len()
    }

    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("from", &self.from)?;
        map.serialize_entry("to", &self.to)?;
        map.serialize_entry("body", &self.body)?;
        if let Some(date) = &self.date {
            map.serialize_entry("date", date)?;
        }
        self.extra.write(map)
    }
}

impl Serialize for Message<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        self.write(&mut map)?;
        map.end()
    }
}

impl Serialize for Sender<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entries = 1 + usize::from(self.in_conference.is_some()) + self.extra.len();
        let mut map = serializer.serialize_map(Some(entries))?;
        map.serialize_entry("login", &self.login)?;
        if let Some(conference) = &self.in_conference {
            map.serialize_entry("in_conference", conference)?;
        }
        self.extra.write(&mut map)?;
        map.end()
    }
}

impl Serialize for User<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1 + self.extra.len()))?;
        map.serialize_entry("login", &self.login)?;
        self.extra.write(&mut map)?;
        map.end()
    }
}

impl Serialize for Contacts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Serialize for Date<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Date::Integer(number) => serializer.serialize_i64(*number),
            Date::Float(number) => serializer.serialize_f64(*number),
            Date::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl Serialize for Registration<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Serialize for Status<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.digits() {
            Some(digits) => serializer.serialize_str(core::str::from_utf8(&digits).unwrap_or_default()),
            None => serializer.collect_str(self),
        }
    }
}
