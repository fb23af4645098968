//! What servers send.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::field::Field::{self, *};
use super::field::FieldSet;
use super::parts::{self, Contacts, Message, Registration, Sender, Status, owned};
use super::plain;
use crate::format::{
    DecodeError, Decoded, Fill, Frame, Inside, Key, Parsed, Read, Reader, optional, required,
};
use crate::value::Fields;

/// A message from a server.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ServerMessage<'a> {
    /// `check_connection`, the first message: the challenge for `authorize`.
    CheckConnection(Challenge<'a>),
    /// `request`: the answer to a request.
    Answer(AnswerMessage<'a>),
    /// `show_message`: somebody sent a message.
    ShowMessage(Message<'a>),
    /// `info`: the server has something to tell.
    Info(Notice<'a>),
    /// `error`: the server reports an error.
    Error(Notice<'a>),
    /// A message of a type that nobody has listed.
    Unknown {
        /// Its type.
        kind: Cow<'a, str>,
        /// The whole of it, `type` included.
        message: Fields<'a>,
    },
}

/// What the server asks to be proven. `Debug` leaves the token out.
#[derive(Clone, PartialEq)]
pub struct Challenge<'a> {
    /// The text to authenticate with the password as the key.
    pub token: Cow<'a, str>,
    /// Everything else that the server tells.
    pub extra: Fields<'a>,
}

/// Something that the server tells its user.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice<'a> {
    /// What it tells.
    pub info: Cow<'a, str>,
    /// Everything else that came with it.
    pub extra: Fields<'a>,
}

/// An answer, with the request that it answers.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerMessage<'a> {
    /// The type of the request.
    pub kind: Cow<'a, str>,
    /// The request's number.
    pub id: u64,
    /// What came of it.
    pub outcome: Result<Answer<'a>, Refusal<'a>>,
    /// Fields that an answer of this kind does not need.
    pub extra: Fields<'a>,
}

/// What a request yields when it succeeds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Answer<'a> {
    /// To `authorize`: the user is signed in.
    Authorized(SignedIn<'a>),
    /// To `session_restore`: the user is signed in again.
    Restored(SignedIn<'a>),
    /// To `register_type`: how one can register.
    RegisterType(Registration<'a>),
    /// To `get_contacts`: the users whom the user knows.
    Contacts(Contacts<'a>),
    /// To `get_history`: the messages exchanged with a user.
    History(History<'a>),
    /// To `send_message`: the server has taken the message, then, if it tells.
    MessageSent(Option<parts::Date<'a>>),
    /// To a request of another type: all the fields but `type`, `for`, `id` and `status`.
    Other(Fields<'a>),
}

/// The messages exchanged with a user, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History<'a> {
    /// All that the server sent.
    pub messages: Vec<Message<'a>>,
    /// Which of them are new, by their places.
    pub(crate) unseen: Vec<usize>,
}

impl<'a> History<'a> {
    /// A history of these messages, none of them new.
    pub const fn new(messages: Vec<Message<'a>>) -> Self {
        History { messages, unseen: Vec::new() }
    }

    /// The messages that have not reached the application yet, neither by themselves nor in a history before, and
    /// that won't come by themselves: after a reconnection, what was missed while away.
    ///
    /// A [`Client`](crate::client::Client) finds them by their dates. So there are none unless the server tells
    /// dates as whole numbers, and they are exact only if these strictly increase within a dialog, as this project's
    /// server sees to. A server that keeps or sends only the last messages can't tell of more than these.
    pub fn unseen(&self) -> impl Iterator<Item = &Message<'a>> {
        self.unseen.iter().filter_map(|place| self.messages.get(*place))
    }
}

/// A user, and the session that lets the user come back. `Debug` leaves the session's id out.
#[derive(Clone, PartialEq)]
pub struct SignedIn<'a> {
    /// What `session_restore` takes within five minutes after the connection broke.
    pub session_id: Cow<'a, str>,
    /// The user.
    pub user: parts::User<'a>,
}

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal<'a> {
    /// The status, if the answer had one.
    pub status: Option<Status<'a>>,
    /// The reason, for people; empty if the server gave none.
    pub info: Cow<'a, str>,
}

impl<'a> ServerMessage<'a> {
    /// Reads a server's frame.
    ///
    /// # Errors
    /// If it is not well-formed, or a field that the message needs is missing or of the wrong type.
    pub fn decode(frame: Frame<'a>) -> Result<Self, DecodeError> {
        let mut reading = Reading::default();
        frame.read(&mut reading)?;
        if let Some(message) = reading.message {
            return Ok(message);
        }
        let mut slots = Slots::default();
        let slots = match &mut reading.slots {
            Some(slots) => slots,
            None => {
                frame.read(&mut slots)?;
                &mut slots
            }
        };
        slots.message(frame).map_err(|error| *error)
    }
}

/// What was read of a frame: a message, if it can be told on the way; else all fields, or nothing of use.
#[derive(Default)]
struct Reading<'a> {
    message: Option<ServerMessage<'a>>,
    slots: Option<Slots<'a>>,
}

impl<'de> Fill<'de> for Reading<'de> {
    fn fill<R: Reader<'de>>(&mut self, mut map: Inside<'_, R, R::Left>) -> Read<()> {
        self.message = map.attempt(plain::server_message);
        if self.message.is_some() {
            return Ok(());
        }
        let slots = self.slots.insert(Slots::default());
        let Some(first) = map.next_name()? else { return Ok(()) };
        slots.take(first, &mut map)?;
        if !matches!(&slots.kind, Some(Ok(kind)) if kind == "show_message") {
            return slots.fill(map);
        }
        // A chat message with something unusual: read at once, if nothing is wrong with it. But if the type came once
        // more, it may be another one.
        self.slots = None;
        let message = Message::read_long(map)?.ok().filter(|message| message.extra.get("type").is_none());
        self.message = message.map(ServerMessage::ShowMessage);
        Ok(())
    }
}

/// Every field that any message has.
#[derive(Default)]
struct Slots<'a> {
    seen: FieldSet,
    kind: Parsed<Cow<'a, str>>,
    request: Parsed<Cow<'a, str>>,
    id: Parsed<u64>,
    status: Parsed<Status<'a>>,
    info: Parsed<Cow<'a, str>>,
    token: Parsed<Cow<'a, str>>,
    from: Parsed<Sender<'a>>,
    to: Parsed<Cow<'a, str>>,
    body: Parsed<Cow<'a, str>>,
    date: Parsed<parts::Date<'a>>,
    session_id: Parsed<Cow<'a, str>>,
    user: Parsed<parts::User<'a>>,
    register_type: Parsed<Registration<'a>>,
    data: Parsed<Contacts<'a>>,
    history: Parsed<Vec<Message<'a>>>,
}

impl<'de> Fill<'de> for Slots<'de> {
    fn fill<R: Reader<'de>>(&mut self, mut map: Inside<'_, R, R::Left>) -> Read<()> {
        while let Some(name) = map.next_name()? {
            self.take(name, &mut map)?;
        }
        Ok(())
    }
}

impl<'de> Slots<'de> {
    #[inline]
    fn take<R: Reader<'de>>(&mut self, name: Key<'de, Field>, map: &mut Inside<'_, R, R::Left>) -> Read<()> {
        let Key::Listed(field) = name else {
            self.seen = self.seen.with_unlisted();
            return map.skip();
        };
        self.seen = self.seen.with(field);
        match field {
            Type => self.kind = map.value()?,
            For => self.request = map.value()?,
            Id => self.id = map.value()?,
            Status => self.status = map.value()?,
            Info => self.info = map.value()?,
            Token => self.token = map.value()?,
            From => self.from = map.value()?,
            To => self.to = map.value()?,
            Body => self.body = map.value()?,
            Date => self.date = map.value()?,
            SessionId => self.session_id = map.value()?,
            User => self.user = map.value()?,
            RegisterType => self.register_type = map.value()?,
            Data => self.data = map.value()?,
            History => self.history = map.value()?,
            _ => map.skip()?,
        }
        Ok(())
    }
}

const CHALLENGE: FieldSet = FieldSet::of(&[Type, Token]);
const NOTICE: FieldSet = FieldSet::of(&[Type, Info]);
const MESSAGE: FieldSet = FieldSet::of(&[Type, From, To, Body, Date]);
const ANSWER: FieldSet = FieldSet::of(&[Type, For, Id, Status]);
const REFUSAL: FieldSet = ANSWER.with(Info);
const SIGNED_IN: FieldSet = ANSWER.with(SessionId).with(User);

impl<'a> Slots<'a> {
    fn message(&mut self, frame: Frame<'a>) -> Decoded<ServerMessage<'a>> {
        let kind = required(self.kind.take(), "type")?;
        Ok(match &*kind {
            "check_connection" => ServerMessage::CheckConnection(Challenge {
                token: required(self.token.take(), "token")?,
                extra: CHALLENGE.others(self.seen, frame)?,
            }),
            "request" => ServerMessage::Answer(self.answer(frame)?),
            "show_message" => ServerMessage::ShowMessage(Message {
                from: required(self.from.take(), "from")?,
                to: required(self.to.take(), "to")?,
                body: required(self.body.take(), "body")?,
                date: optional(self.date.take(), "date")?,
                extra: MESSAGE.others(self.seen, frame)?,
            }),
            "info" => ServerMessage::Info(self.notice(frame)?),
            "error" => ServerMessage::Error(self.notice(frame)?),
            _ => {
                let mut message = Fields::new();
                frame.read(&mut message).map_err(Box::new)?;
                ServerMessage::Unknown { kind, message }
            }
        })
    }

    fn notice(&mut self, frame: Frame<'a>) -> Decoded<Notice<'a>> {
        Ok(Notice { info: required(self.info.take(), "info")?, extra: NOTICE.others(self.seen, frame)? })
    }

    fn answer(&mut self, frame: Frame<'a>) -> Decoded<AnswerMessage<'a>> {
        let kind = required(self.request.take(), "for")?;
        let id = required(self.id.take(), "id")?;
        let status = optional(self.status.take(), "status")?;
        let seen = self.seen;
        let (mut outcome, known) = match status {
            Some(status) if status.is_success() => {
                let (answer, known) = self.success(&kind)?;
                (Ok(answer), known)
            }
            status => (
                Err(Refusal { status, info: optional(self.info.take(), "info")?.unwrap_or_default() }),
                REFUSAL,
            ),
        };
        let mut extra = known.others(seen, frame)?;
        if let Ok(Answer::Other(fields)) = &mut outcome {
            *fields = core::mem::take(&mut extra);
        }
        Ok(AnswerMessage { kind, id, outcome, extra })
    }

    /// The answer, and the fields that such an answer has.
    fn success(&mut self, kind: &str) -> Decoded<(Answer<'a>, FieldSet)> {
        Ok(match kind {
            "authorize" => (Answer::Authorized(self.signed_in()?), SIGNED_IN),
            "session_restore" => (Answer::Restored(self.signed_in()?), SIGNED_IN),
            "register_type" => {
                let registration = required(self.register_type.take(), "register_type")?;
                (Answer::RegisterType(registration), ANSWER.with(RegisterType))
            }
            "get_contacts" => (Answer::Contacts(required(self.data.take(), "data")?), ANSWER.with(Data)),
            "get_history" => (
                Answer::History(self::History::new(required(self.history.take(), "history")?)),
                ANSWER.with(History),
            ),
            "send_message" => (Answer::MessageSent(optional(self.date.take(), "date")?), ANSWER.with(Date)),
            _ => (Answer::Other(Fields::new()), ANSWER),
        })
    }

    fn signed_in(&mut self) -> Decoded<SignedIn<'a>> {
        let session_id = required(self.session_id.take(), "session_id")?;
        Ok(SignedIn { session_id, user: required(self.user.take(), "user")? })
    }
}

/// What makes each of the messages independent of the frame.
mod owning {
    use super::*;

    impl Challenge<'_> {
        /// The same challenge, independent of the frame.
        pub fn into_owned(self) -> Challenge<'static> {
            Challenge { token: owned(self.token), extra: self.extra.into_owned() }
        }
    }

    impl Notice<'_> {
        /// The same notice, independent of the frame.
        pub fn into_owned(self) -> Notice<'static> {
            Notice { info: owned(self.info), extra: self.extra.into_owned() }
        }
    }

    impl SignedIn<'_> {
        /// The same, independent of the frame.
        pub fn into_owned(self) -> SignedIn<'static> {
            SignedIn { session_id: owned(self.session_id), user: self.user.into_owned() }
        }
    }

    impl super::History<'_> {
        /// The same history, independent of the frame.
        pub fn into_owned(self) -> super::History<'static> {
            let messages = self.messages.into_iter().map(Message::into_owned).collect();
            super::History { messages, unseen: self.unseen }
        }
    }

    impl Refusal<'_> {
        /// The same refusal, independent of the frame.
        pub fn into_owned(self) -> Refusal<'static> {
            Refusal { status: self.status.map(Status::into_owned), info: owned(self.info) }
        }
    }

    impl Answer<'_> {
        /// The same answer, independent of the frame.
        pub fn into_owned(self) -> Answer<'static> {
            match self {
                Answer::Authorized(signed_in) => Answer::Authorized(signed_in.into_owned()),
                Answer::Restored(signed_in) => Answer::Restored(signed_in.into_owned()),
                Answer::RegisterType(registration) => Answer::RegisterType(registration.into_owned()),
                Answer::Contacts(contacts) => Answer::Contacts(contacts.into_owned()),
                Answer::History(history) => Answer::History(history.into_owned()),
                Answer::MessageSent(date) => Answer::MessageSent(date.map(parts::Date::into_owned)),
                Answer::Other(fields) => Answer::Other(fields.into_owned()),
            }
        }
    }
}

impl fmt::Debug for Challenge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenge").field("extra", &self.extra).finish_non_exhaustive()
    }
}

impl fmt::Debug for SignedIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedIn").field("user", &self.user).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::plain::tests::{both, fields};
    use super::*;
    use proptest::prelude::*;

    fn the_long_way(frame: Frame<'_>) -> Result<ServerMessage<'_>, DecodeError> {
        let mut slots = Slots::default();
        frame.read(&mut slots)?;
        slots.message(frame).map_err(|error| *error)
    }

    #[test]
    fn fields_of_other_messages_are_kept() {
        let message = r#"{"type":"show_message","from":{"login":"a"},"to":"b","body":"c","date":1"#;
        let answer = r#"{"type":"request","for":"send_message","id":1,"status":"200","date":1"#;
        let others = [
            r#""id":2"#,
            r#""status":"200""#,
            r#""for":"x""#,
            r#""from":{"login":"a"}"#,
            r#""to":"b""#,
            r#""body":"c""#,
        ];
        for (start, other) in [message, answer].iter().flat_map(|start| others.map(|other| (start, other))) {
            let text = std::format!("{start},{other}}}");
            assert_eq!(ServerMessage::decode(Frame::Text(&text)), the_long_way(Frame::Text(&text)), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_short_way_leads_where_the_long_way_does(fields in fields()) {
            let (json, cbor) = both(&fields);
            for frame in [Frame::Text(&json), Frame::Binary(&cbor)] {
                prop_assert_eq!(ServerMessage::decode(frame), the_long_way(frame), "{}", &json);
            }
        }
    }
}
