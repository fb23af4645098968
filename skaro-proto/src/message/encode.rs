//! Writing messages: each of them is described here once, for both formats. The type comes first wherever the original
//! client does not put it elsewhere, so that readers know at once what they read.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::client::{ClientMessage, Request};
use super::server::{Answer, AnswerMessage, ServerMessage};
use super::types::{Contacts, Date, Message, Registration, Sender, StatusCode, User};
use crate::codec::{self, Encode, Encoder, Field, Format, Start};

impl ClientMessage<'_> {
    /// Returns the message as the content of a frame of this format.
    ///
    /// ```
    /// use skaro_proto::{Format, message::{ClientMessage, Request}};
    /// let message = ClientMessage::new(1, Request::RegisterType);
    /// assert_eq!(message.encode(Format::Json), br#"{"type":"register_type","on_request":1}"#);
    /// ```
    #[must_use]
    pub fn encode(&self, format: Format) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_into(format, &mut out);
        out
    }

    /// Writes the message after what is in the buffer already. As long as that has room, nothing is allocated.
    #[inline(always)]
    pub fn encode_into(&self, format: Format, out: &mut Vec<u8>) {
        codec::write(format, self, out);
    }
}

impl ServerMessage<'_> {
    /// Returns the message as the content of a frame of this format.
    #[must_use]
    pub fn encode(&self, format: Format) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_into(format, &mut out);
        out
    }

    /// Writes the message after what is in the buffer already. As long as that has room, nothing is allocated.
    pub fn encode_into(&self, format: Format, out: &mut Vec<u8>) {
        codec::write(format, self, out);
    }
}

impl Encode for ClientMessage<'_> {
    #[inline(always)]
    fn encode<E: Encoder>(&self, to: &mut E) {
        let map = match &self.request {
            Request::SendMessage { to: recipient, body } => {
                let map = to.begin_message(const { &Start::new("send_message") });
                to.field(Field::To, recipient);
                to.field(Field::Body, body);
                map
            }
            Request::GetHistory { login } => {
                let map = to.begin_message(const { &Start::new("get_history") });
                to.field(Field::Login, login);
                map
            }
            Request::GetContacts => to.begin_message(const { &Start::new("get_contacts") }),
            Request::RegisterType => to.begin_message(const { &Start::new("register_type") }),
            Request::SessionRestore { sid } => {
                let map = to.begin_message(const { &Start::new("session_restore") });
                to.field(Field::Sid, sid);
                map
            }
            Request::Authorize { login, proof } => {
                // The original's order: it takes the caller's dictionary and adds the type and the number.
                let map = to.begin_map();
                to.field(Field::Login, login);
                to.field(Field::Password, proof);
                to.field(Field::Type, "authorize");
                map
            }
            Request::Other { kind, fields } => {
                let map = to.begin_map();
                to.field(Field::Type, kind);
                fields.encode_fields(to);
                map
            }
        };
        to.field(Field::OnRequest, &self.on_request);
        self.extra.encode_fields(to);
        to.end_map(map);
    }
}

impl Encode for ServerMessage<'_> {
    fn encode<E: Encoder>(&self, to: &mut E) {
        match self {
            ServerMessage::ShowMessage(message) => {
                let map = to.begin_message(const { &Start::new("show_message") });
                message.encode_fields(to);
                to.end_map(map);
            }
            ServerMessage::Answer(answer) => answer.encode(to),
            ServerMessage::CheckConnection(challenge) => {
                let map = to.begin_message(const { &Start::new("check_connection") });
                to.field(Field::Token, &challenge.token);
                challenge.extra.encode_fields(to);
                to.end_map(map);
            }
            ServerMessage::Info(notice) => {
                let map = to.begin_message(const { &Start::new("info") });
                to.field(Field::Info, &notice.info);
                notice.extra.encode_fields(to);
                to.end_map(map);
            }
            ServerMessage::Error(notice) => {
                let map = to.begin_message(const { &Start::new("error") });
                to.field(Field::Info, &notice.info);
                notice.extra.encode_fields(to);
                to.end_map(map);
            }
            ServerMessage::Unknown { message, .. } => message.encode(to),
        }
    }
}

impl Encode for AnswerMessage<'_> {
    #[inline]
    fn encode<E: Encoder>(&self, to: &mut E) {
        let map = to.begin_message(const { &Start::new("request") });
        to.field(Field::For, &self.kind);
        to.field(Field::Id, &self.id);
        match &self.outcome {
            Ok(answer) => {
                to.field(Field::Status, "200");
                answer.encode_fields(to);
            }
            Err(refusal) => {
                to.optional_field(Field::Status, &refusal.status);
                to.field(Field::Info, &refusal.info);
            }
        }
        self.extra.encode_fields(to);
        to.end_map(map);
    }
}

impl Answer<'_> {
    #[inline]
    fn encode_fields<E: Encoder>(&self, to: &mut E) {
        match self {
            Answer::MessageSent(date) => to.optional_field(Field::Date, date),
            Answer::History(history) => to.field(Field::History, &**history),
            Answer::Contacts(contacts) => to.field(Field::Data, contacts),
            Answer::RegisterType(registration) => to.field(Field::RegisterType, registration),
            Answer::Authorized(signed_in) | Answer::Restored(signed_in) => {
                to.field(Field::SessionId, &signed_in.session_id);
                to.field(Field::User, &signed_in.user);
            }
            Answer::Other(fields) => fields.encode_fields(to),
        }
    }
}

impl Message<'_> {
    #[inline]
    fn encode_fields<E: Encoder>(&self, to: &mut E) {
        to.field(Field::From, &self.from);
        to.field(Field::To, &self.to);
        to.field(Field::Body, &self.body);
        to.optional_field(Field::Date, &self.date);
        self.extra.encode_fields(to);
    }
}

impl Encode for Message<'_> {
    fn encode<E: Encoder>(&self, to: &mut E) {
        let map = to.begin_map();
        self.encode_fields(to);
        to.end_map(map);
    }
}

impl Encode for Sender<'_> {
    #[inline]
    fn encode<E: Encoder>(&self, to: &mut E) {
        let map = to.begin_map();
        to.field(Field::Login, &self.login);
        to.optional_field(Field::InConference, &self.in_conference);
        self.extra.encode_fields(to);
        to.end_map(map);
    }
}

impl Encode for User<'_> {
    fn encode<E: Encoder>(&self, to: &mut E) {
        let map = to.begin_map();
        to.field(Field::Login, &self.login);
        self.extra.encode_fields(to);
        to.end_map(map);
    }
}

impl Encode for Contacts<'_> {
    fn encode<E: Encoder>(&self, to: &mut E) {
        (**self).encode(to);
    }
}

impl Encode for Date<'_> {
    #[inline]
    fn encode<E: Encoder>(&self, to: &mut E) {
        match self {
            Date::Integer(number) => number.encode(to),
            Date::Float(number) => to.float(*number),
            Date::Text(text) => to.text(text),
        }
    }
}

impl Encode for Registration<'_> {
    fn encode<E: Encoder>(&self, to: &mut E) {
        to.text(self.as_str());
    }
}

impl Encode for StatusCode<'_> {
    fn encode<E: Encoder>(&self, to: &mut E) {
        match self.digits() {
            Some(digits) => to.text(core::str::from_utf8(&digits).unwrap_or_default()),
            None => to.text(&self.to_string()),
        }
    }
}
