//! Reading messages. Each is described here once, for both formats.

mod people;

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::client::{ClientMessage, InvalidRequest, Page, Request, Since};
use super::entries::{ContactChange, ReadMark, Sent};
use super::server::{
    Answer, AnswerMessage, Challenge, Cursor, History, Notice, Refusal, ServerMessage, SignedIn,
};
use super::types::{Contacts, Date, Message, Registration, Sender, StatusCode, User};
use crate::codec::{
    self, Decode, DecodeError, DecodeErrorKind, Field, Fields, Frame, MapReader, Nesting, Reader, Result,
    SeqReader, Slot, push,
};

/// Reads the map of which a frame must consist.
fn read<'a, T: Decode<'a>>(frame: Frame<'a>) -> core::result::Result<T, DecodeError> {
    match codec::read(frame, Nesting::FRAME) {
        Ok(Slot::Value(value)) => Ok(value),
        Ok(Slot::Absent) => Err(DecodeError::frame(DecodeErrorKind::WrongType { expected: T::EXPECTED })),
        Ok(Slot::Wrong(error)) | Err(error) => Err(*error),
    }
}

impl<'a> ServerMessage<'a> {
    /// Reads a server's frame.
    ///
    /// # Errors
    /// If it is not well-formed, or a field that the message needs is missing or of the wrong type.
    pub fn decode(frame: Frame<'a>) -> core::result::Result<Self, DecodeError> {
        read(frame)
    }
}

impl<'a> ClientMessage<'a> {
    /// Reads a client's frame.
    ///
    /// # Errors
    /// If it is not well-formed, or a field that the request needs is missing or of the wrong type.
    pub fn decode(frame: Frame<'a>) -> core::result::Result<Self, Box<InvalidRequest<'a>>> {
        match read(frame) {
            Ok(Incoming(result)) => result,
            Err(error) => Err(Box::new(InvalidRequest { error, request: None })),
        }
    }
}

impl<'a> Decode<'a> for ServerMessage<'a> {
    const EXPECTED: &'static str = "a map";

    #[inline]
    fn map<R: Reader<'a>>(mut map: MapReader<'_, 'a, R>) -> Result<Slot<Self>> {
        let (mut from, mut lists) = (Slot::Absent, None::<Lists<'_>>);
        while let Some(field) = map.field()? {
            match field {
                Field::From => from = map.value()?,
                Field::Data => lists.get_or_insert_default().contacts = map.value()?,
                Field::History => lists.get_or_insert_default().history = map.value()?,
                _ => map.store(field)?,
            }
        }
        Ok(server_message(&mut map, &mut from, &mut lists).into())
    }
}

/// Values that are too large to be read twice: once to find their end, and once more if they are needed.
#[derive(Default)]
struct Lists<'a> {
    contacts: Slot<Contacts<'a>>,
    history: Slot<History<'a>>,
}

#[inline(always)]
fn server_message<'a, R: Reader<'a>>(
    map: &mut MapReader<'_, 'a, R>,
    from: &mut Slot<Sender<'a>>,
    lists: &mut Option<Lists<'a>>,
) -> Result<ServerMessage<'a>> {
    let kind: Cow<'a, str> = map.required(Field::Type)?;
    Ok(match &*kind {
        "show_message" => ServerMessage::ShowMessage(message(map, from)?),
        "request" => ServerMessage::Answer(answer(map, lists)?),
        "check_connection" => ServerMessage::CheckConnection(Challenge {
            token: map.required(Field::Token)?,
            extensions: map.optional(Field::Extensions)?.unwrap_or_default(),
            extra: Fields::others(map),
        }),
        "info" => ServerMessage::Info(notice(map)?),
        "error" => ServerMessage::Error(notice(map)?),
        "sent" | "read" | "contact" => entry(map, kind)?,
        _ => people::server_message(map, from, kind)?,
    })
}

/// Reads an entry of a log other than a message. Without a position it is no entry, but a message of an unknown type.
#[cold]
fn entry<'a, R: Reader<'a>>(map: &mut MapReader<'_, 'a, R>, kind: Cow<'a, str>) -> Result<ServerMessage<'a>> {
    let Some(position) = position(map)? else {
        return Ok(ServerMessage::Unknown { kind, message: Fields::all(map) });
    };
    Ok(match &*kind {
        "sent" => {
            ServerMessage::Sent(Sent { position, key: map.optional(Field::Key)?, extra: Fields::others(map) })
        }
        "contact" => ServerMessage::ContactChanged(ContactChange {
            login: map.required(Field::Login)?,
            state: map.required(Field::State)?,
            position,
            extra: Fields::others(map),
        }),
        _ => ServerMessage::Read(ReadMark {
            login: map.required(Field::Login)?,
            up_to: map.required(Field::UpTo)?,
            position,
            extra: Fields::others(map),
        }),
    })
}

/// Reads the position of an entry, if it is one.
#[inline(always)]
fn position<'a, R: Reader<'a>>(map: &mut MapReader<'_, 'a, R>) -> Result<Option<u64>> {
    match map.optional(Field::Position)? {
        Some(0) => Err(zero(Field::Position)),
        position => Ok(position),
    }
}

#[inline(always)]
fn answer<'a, R: Reader<'a>>(
    map: &mut MapReader<'_, 'a, R>,
    lists: &mut Option<Lists<'a>>,
) -> Result<AnswerMessage<'a>> {
    let kind: Cow<'a, str> = map.required(Field::For)?;
    let id = map.required(Field::Id)?;
    let status = map.optional::<StatusCode<'_>>(Field::Status)?;
    let outcome = match status {
        Some(status) if status.is_success() => Ok(match &*kind {
            "send_message" => {
                Answer::MessageSent { date: map.optional(Field::Date)?, position: position(map)? }
            }
            "get_history" => {
                let mut history: History<'_> =
                    map.required_value(Field::History, lists.take().unwrap_or_default().history)?;
                history.more = map.optional(Field::More)?;
                Answer::History(history)
            }
            "get_contacts" => {
                Answer::Contacts(map.required_value(Field::Data, lists.take().unwrap_or_default().contacts)?)
            }
            "register_type" => Answer::RegisterType(map.required(Field::RegisterType)?),
            "read" => Answer::Read,
            "authorize" => Answer::Authorized(signed_in(map)?),
            "session_restore" => Answer::Restored(signed_in(map)?),
            _ => match people::answer(map, lists, &kind)? {
                Some(answer) => answer,
                None => {
                    let outcome = Ok(Answer::Other(Fields::others(map)));
                    return Ok(AnswerMessage { kind, id, outcome, extra: Fields::new() });
                }
            },
        }),
        status => Err(Refusal { status, info: map.optional(Field::Info)?.unwrap_or_default() }),
    };
    Ok(AnswerMessage { kind, id, outcome, extra: Fields::others(map) })
}

fn notice<'a, R: Reader<'a>>(map: &mut MapReader<'_, 'a, R>) -> Result<Notice<'a>> {
    Ok(Notice { info: map.required(Field::Info)?, extra: Fields::others(map) })
}

#[cold]
fn signed_in<'a, R: Reader<'a>>(map: &mut MapReader<'_, 'a, R>) -> Result<SignedIn<'a>> {
    let (session_id, user) = (map.required(Field::SessionId)?, map.required(Field::User)?);
    let cursor = match map.optional(Field::Log)? {
        None => None,
        Some(log) => {
            Some(Cursor { log, head: map.required(Field::Head)?, begin: map.required(Field::Begin)? })
        }
    };
    Ok(SignedIn { session_id, user, cursor })
}

#[inline(always)]
fn message<'a, R: Reader<'a>>(
    map: &mut MapReader<'_, 'a, R>,
    from: &mut Slot<Sender<'a>>,
) -> Result<Message<'a>> {
    Ok(Message {
        from: map.required_value(Field::From, core::mem::take(from))?,
        to: map.required(Field::To)?,
        body: map.required(Field::Body)?,
        date: map.optional(Field::Date)?,
        position: position(map)?,
        key: map.optional(Field::Key)?,
        extra: Fields::others(map),
    })
}

impl<'a> Decode<'a> for Message<'a> {
    const EXPECTED: &'static str = "a map";

    fn map<R: Reader<'a>>(mut map: MapReader<'_, 'a, R>) -> Result<Slot<Self>> {
        let mut from = Slot::Absent;
        while let Some(field) = map.field()? {
            match field {
                Field::From => from = map.value()?,
                _ => map.store(field)?,
            }
        }
        Ok(message(&mut map, &mut from).into())
    }
}

impl<'a> Decode<'a> for Sender<'a> {
    const EXPECTED: &'static str = "a map";

    fn map<R: Reader<'a>>(mut map: MapReader<'_, 'a, R>) -> Result<Slot<Self>> {
        map.store_all()?;
        Ok(sender(&mut map).into())
    }
}

#[inline(always)]
fn sender<'a, R: Reader<'a>>(map: &mut MapReader<'_, 'a, R>) -> Result<Sender<'a>> {
    Ok(Sender {
        in_conference: map.optional(Field::InConference)?,
        login: map.required(Field::Login)?,
        extra: Fields::others(map),
    })
}

impl<'a> Decode<'a> for User<'a> {
    const EXPECTED: &'static str = "a map";

    fn map<R: Reader<'a>>(mut map: MapReader<'_, 'a, R>) -> Result<Slot<Self>> {
        map.store_all()?;
        Ok(user(&mut map).into())
    }
}

fn user<'a, R: Reader<'a>>(map: &mut MapReader<'_, 'a, R>) -> Result<User<'a>> {
    Ok(User { login: map.required(Field::Login)?, extra: Fields::others(map) })
}

impl<'a> Decode<'a> for Contacts<'a> {
    const EXPECTED: &'static str = "a list of users or a map from login to user";

    fn list<R: Reader<'a>>(list: SeqReader<'_, 'a, R>) -> Result<Slot<Self>> {
        Ok(list.items::<User<'_>>()?.map(Contacts::from))
    }

    fn map<R: Reader<'a>>(mut map: MapReader<'_, 'a, R>) -> Result<Slot<Self>> {
        let mut users = Vec::new();
        while let Some(login) = map.name()? {
            match map.value()? {
                Slot::Absent => (),
                Slot::Value(Profile(extra)) => push(&mut users, User { login, extra }),
                Slot::Wrong(error) => {
                    drop(users);
                    map.skip_all()?;
                    return Ok(Slot::Wrong(error));
                }
            }
        }
        Ok(Slot::Value(users.into()))
    }
}

/// The fields of a user, whose login is known from elsewhere.
struct Profile<'a>(Fields<'a>);

impl<'a> Decode<'a> for Profile<'a> {
    const EXPECTED: &'static str = "a map";

    fn map<R: Reader<'a>>(mut map: MapReader<'_, 'a, R>) -> Result<Slot<Self>> {
        map.skip_all()?;
        map.ignore(Field::Login);
        Ok(Slot::Value(Profile(Fields::others(&map))))
    }
}

impl<'a> Decode<'a> for History<'a> {
    const EXPECTED: &'static str = "a list of messages";

    fn list<R: Reader<'a>>(list: SeqReader<'_, 'a, R>) -> Result<Slot<Self>> {
        Ok(list.items()?.map(History::new))
    }
}

impl<'a> Decode<'a> for Date<'a> {
    const EXPECTED: &'static str = "a number or text";

    #[inline]
    fn unsigned(number: u64) -> Slot<Self> {
        Slot::Value(i64::try_from(number).map_or(Date::Float(number as f64), Date::Integer))
    }

    fn negative(number: i64) -> Slot<Self> {
        Slot::Value(Date::Integer(number))
    }

    fn float(number: f64) -> Slot<Self> {
        Slot::Value(Date::Float(number))
    }

    fn text(text: Cow<'a, str>) -> Slot<Self> {
        Slot::Value(Date::Text(text))
    }
}

impl Decode<'_> for Since {
    const EXPECTED: &'static str = "a position or \"head\"";

    fn unsigned(position: u64) -> Slot<Self> {
        Slot::Value(Since::Position(position))
    }

    fn text(text: Cow<'_, str>) -> Slot<Self> {
        if text == "head" { Slot::Value(Since::Head) } else { Self::wrong() }
    }
}

impl<'a> Decode<'a> for Registration<'a> {
    const EXPECTED: &'static str = "text";

    fn text(word: Cow<'a, str>) -> Slot<Self> {
        Slot::Value(word.into())
    }
}

impl<'a> Decode<'a> for StatusCode<'a> {
    const EXPECTED: &'static str = "text or a whole number";

    fn unsigned(number: u64) -> Slot<Self> {
        Slot::Value(match u16::try_from(number) {
            Ok(code) if code < 1000 => StatusCode::new(code),
            // Any other number means the same as its digits in a text.
            _ => StatusCode::from(Cow::Owned(number.to_string())),
        })
    }

    fn negative(number: i64) -> Slot<Self> {
        Slot::Value(StatusCode::from(Cow::Owned(number.to_string())))
    }

    #[inline(always)]
    fn text(text: Cow<'a, str>) -> Slot<Self> {
        Slot::Value(if text == "200" { StatusCode::SUCCESS } else { text.into() })
    }
}

/// A request, or the reason why it is invalid.
struct Incoming<'a>(core::result::Result<ClientMessage<'a>, Box<InvalidRequest<'a>>>);

impl<'a> Decode<'a> for Incoming<'a> {
    const EXPECTED: &'static str = "a map";

    #[inline]
    fn map<R: Reader<'a>>(mut map: MapReader<'_, 'a, R>) -> Result<Slot<Self>> {
        map.store_all()?;
        Ok(client_message(&mut map).into())
    }
}

#[inline(always)]
fn client_message<'a, R: Reader<'a>>(map: &mut MapReader<'_, 'a, R>) -> Result<Incoming<'a>> {
    let kind: Cow<'a, str> = map.required(Field::Type)?;
    if matches!(&*kind, "ack" | "typing") {
        return one_way(map, &kind);
    }
    let on_request = match map.required(Field::OnRequest)? {
        0 => return Err(zero(Field::OnRequest)),
        number => number,
    };
    let request = match request(map, &kind) {
        Ok(request) => request,
        Err(error) => {
            let request = Some((on_request, kind));
            return Ok(Incoming(Err(Box::new(InvalidRequest { error: *error, request }))));
        }
    };
    let extra = match request {
        Request::Other { .. } => Fields::new(),
        _ => Fields::others(map),
    };
    Ok(Incoming(Ok(ClientMessage { on_request, request, extra })))
}

#[cold]
fn one_way<'a, R: Reader<'a>>(map: &mut MapReader<'_, 'a, R>, kind: &str) -> Result<Incoming<'a>> {
    let request = match kind {
        "ack" => Request::Ack { position: map.required(Field::Position)? },
        _ => Request::Typing { login: map.required(Field::Login)? },
    };
    Ok(Incoming(Ok(ClientMessage { on_request: 0, request, extra: Fields::others(map) })))
}

#[inline(always)]
fn request<'a, R: Reader<'a>>(map: &mut MapReader<'_, 'a, R>, kind: &Cow<'a, str>) -> Result<Request<'a>> {
    Ok(match &**kind {
        "send_message" => Request::SendMessage {
            to: map.required(Field::To)?,
            body: map.required(Field::Body)?,
            key: map.optional(Field::Key)?,
        },
        "get_history" => Request::GetHistory { login: map.required(Field::Login)?, page: page(map)? },
        "get_contacts" => Request::GetContacts,
        "register_type" => Request::RegisterType,
        "read" => Request::Read { login: map.required(Field::Login)?, up_to: map.required(Field::UpTo)? },
        "session_restore" => Request::SessionRestore {
            sid: map.required(Field::Sid)?,
            since: map.optional(Field::Since)?,
            log: map.optional(Field::Log)?,
            presence: map.optional(Field::Presence)?.unwrap_or_default(),
        },
        "authorize" => Request::Authorize {
            login: map.required(Field::Login)?,
            proof: map.required(Field::Password)?,
            since: map.optional(Field::Since)?,
            log: map.optional(Field::Log)?,
            presence: map.optional(Field::Presence)?.unwrap_or_default(),
        },
        _ => people::request(map, kind)?,
    })
}

fn page<'a, R: Reader<'a>>(map: &mut MapReader<'_, 'a, R>) -> Result<Page> {
    Ok(Page {
        before: map.optional(Field::Before)?,
        after: map.optional(Field::After)?,
        before_date: map.optional(Field::BeforeDate)?,
        after_date: map.optional(Field::AfterDate)?,
        limit: map.optional(Field::Limit)?,
    })
}

#[cold]
fn zero(field: Field) -> Box<DecodeError> {
    let kind = DecodeErrorKind::WrongType { expected: "at least 1" };
    Box::new(DecodeError::frame(kind)).in_field(field.name())
}
