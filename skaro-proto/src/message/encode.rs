//! Writing messages. Each is described here once, for both formats. The type comes first, unless the original client
//! puts it elsewhere, so that readers know at once what they read.

mod people;

use alloc::string::ToString;
use alloc::vec::Vec;

use super::client::{ClientMessage, Request, Since};
use super::entries::{ReadMark, Sent};
use super::server::{Answer, AnswerMessage, Challenge, Cursor, Notice, Refusal, ServerMessage, SignedIn};
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

    /// Appends the message to the buffer. Nothing is allocated as long as the buffer has room.
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

    /// Appends the message to the buffer. Nothing is allocated as long as the buffer has room.
    pub fn encode_into(&self, format: Format, out: &mut Vec<u8>) {
        codec::write(format, self, out);
    }
}

impl Encode for ClientMessage<'_> {
    #[inline(always)]
    fn encode<E: Encoder>(&self, to: &mut E) {
        let map = match &self.request {
            Request::SendMessage { to: recipient, body, key } => {
                let map = to.begin_message(const { &Start::new("send_message") });
                to.field(Field::To, recipient);
                to.field(Field::Body, body);
                to.optional_field(Field::Key, key);
                map
            }
            request => begin_other(request, to),
        };
        if !self.request.is_one_way() {
            to.field(Field::OnRequest, &self.on_request);
        }
        self.extra.encode_fields(to);
        to.end_map(map);
    }
}

/// Begins any other request, with its own fields. Kept apart, since chat messages are what is written most.
#[cold]
#[inline(never)]
fn begin_other<E: Encoder>(request: &Request<'_>, to: &mut E) -> E::Map {
    match request {
        Request::SendMessage { .. } => to.begin_message(const { &Start::new("send_message") }),
        Request::GetHistory { login, page } => {
            let map = to.begin_message(const { &Start::new("get_history") });
            to.field(Field::Login, login);
            to.optional_field(Field::Before, &page.before);
            to.optional_field(Field::After, &page.after);
            to.optional_field(Field::BeforeDate, &page.before_date);
            to.optional_field(Field::AfterDate, &page.after_date);
            to.optional_field(Field::Limit, &page.limit);
            map
        }
        Request::Read { login, up_to } => {
            let map = to.begin_message(const { &Start::new("read") });
            to.field(Field::Login, login);
            to.field(Field::UpTo, up_to);
            map
        }
        Request::Ack { position } => {
            let map = to.begin_message(const { &Start::new("ack") });
            to.field(Field::Position, position);
            map
        }
        Request::GetContacts => to.begin_message(const { &Start::new("get_contacts") }),
        Request::RegisterType => to.begin_message(const { &Start::new("register_type") }),
        Request::SessionRestore { sid, since, log, presence } => {
            let map = to.begin_message(const { &Start::new("session_restore") });
            to.field(Field::Sid, sid);
            to.optional_field(Field::Since, since);
            to.optional_field(Field::Log, log);
            to.flag(Field::Presence, *presence);
            map
        }
        Request::Authorize { login, proof, since, log, presence } => {
            // The original's order: it takes the caller's dictionary and adds the type and the number.
            let map = to.begin_map();
            to.field(Field::Login, login);
            to.field(Field::Password, proof);
            to.field(Field::Type, "authorize");
            to.optional_field(Field::Since, since);
            to.optional_field(Field::Log, log);
            to.flag(Field::Presence, *presence);
            map
        }
        Request::Other { kind, fields } => {
            let map = to.begin_map();
            to.field(Field::Type, kind);
            fields.encode_fields(to);
            map
        }
        request => people::begin(request, to),
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
            ServerMessage::CheckConnection(Challenge { token, extensions, extra }) => {
                let map = to.begin_message(const { &Start::new("check_connection") });
                to.field(Field::Token, token);
                if !extensions.is_empty() {
                    to.field(Field::Extensions, &**extensions);
                }
                extra.encode_fields(to);
                to.end_map(map);
            }
            ServerMessage::Info(Notice { info, extra }) => {
                let map = to.begin_message(const { &Start::new("info") });
                to.field(Field::Info, info);
                extra.encode_fields(to);
                to.end_map(map);
            }
            ServerMessage::Error(Notice { info, extra }) => {
                let map = to.begin_message(const { &Start::new("error") });
                to.field(Field::Info, info);
                extra.encode_fields(to);
                to.end_map(map);
            }
            ServerMessage::Sent(Sent { position, key, extra }) => {
                let map = to.begin_message(const { &Start::new("sent") });
                to.field(Field::Position, position);
                to.optional_field(Field::Key, key);
                extra.encode_fields(to);
                to.end_map(map);
            }
            ServerMessage::Read(ReadMark { login, up_to, position, extra }) => {
                let map = to.begin_message(const { &Start::new("read") });
                to.field(Field::Login, login);
                to.field(Field::UpTo, up_to);
                to.field(Field::Position, position);
                extra.encode_fields(to);
                to.end_map(map);
            }
            ServerMessage::Unknown { message, .. } => message.encode(to),
            rare => people::push(rare, to),
        }
    }
}

impl Encode for AnswerMessage<'_> {
    #[inline]
    fn encode<E: Encoder>(&self, to: &mut E) {
        let AnswerMessage { kind, id, outcome, extra } = self;
        let map = to.begin_message(const { &Start::new("request") });
        to.field(Field::For, kind);
        to.field(Field::Id, id);
        match outcome {
            Ok(answer) => {
                to.field(Field::Status, "200");
                answer.encode_fields(to);
            }
            Err(Refusal { status, info }) => {
                to.optional_field(Field::Status, status);
                to.field(Field::Info, info);
            }
        }
        extra.encode_fields(to);
        to.end_map(map);
    }
}

impl Answer<'_> {
    #[inline]
    fn encode_fields<E: Encoder>(&self, to: &mut E) {
        match self {
            Answer::MessageSent { date, position } => {
                to.optional_field(Field::Date, date);
                to.optional_field(Field::Position, position);
            }
            Answer::History(history) => {
                to.field(Field::History, &**history);
                to.optional_field(Field::More, &history.more);
            }
            Answer::Read => (),
            Answer::Contacts(contacts) => to.field(Field::Data, contacts),
            Answer::RegisterType(registration) => to.field(Field::RegisterType, registration),
            Answer::Authorized(signed_in) | Answer::Restored(signed_in) => {
                let SignedIn { session_id, user, cursor } = signed_in;
                to.field(Field::SessionId, session_id);
                to.field(Field::User, user);
                if let Some(Cursor { log, head, begin }) = cursor {
                    to.field(Field::Log, log);
                    to.field(Field::Head, head);
                    to.field(Field::Begin, begin);
                }
            }
            Answer::Other(fields) => fields.encode_fields(to),
            rare => people::answer(rare, to),
        }
    }
}

impl Message<'_> {
    #[inline]
    fn encode_fields<E: Encoder>(&self, to: &mut E) {
        let Message { from, to: recipient, body, date, position, key, extra } = self;
        to.field(Field::From, from);
        to.field(Field::To, recipient);
        to.field(Field::Body, body);
        to.optional_field(Field::Date, date);
        to.optional_field(Field::Position, position);
        to.optional_field(Field::Key, key);
        extra.encode_fields(to);
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
        let Sender { login, in_conference, extra } = self;
        let map = to.begin_map();
        to.field(Field::Login, login);
        to.optional_field(Field::InConference, in_conference);
        extra.encode_fields(to);
        to.end_map(map);
    }
}

impl Encode for User<'_> {
    fn encode<E: Encoder>(&self, to: &mut E) {
        let User { login, extra } = self;
        let map = to.begin_map();
        to.field(Field::Login, login);
        extra.encode_fields(to);
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

impl Encode for Since {
    fn encode<E: Encoder>(&self, to: &mut E) {
        match self {
            Since::Head => to.text("head"),
            Since::Position(position) => to.unsigned(*position),
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
