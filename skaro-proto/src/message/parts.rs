//! What messages are made of: users, chat messages, dates, states.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

use super::field::Field;
use super::plain;
use crate::format::{DecodeError, Decoded, Fault, Inside, Key, Read, Reader, Shape, optional, required};
use crate::value::Fields;

/// A user: a login, and whatever else the server tells (`online`, say).
#[derive(Clone, Debug, PartialEq)]
pub struct User<'a> {
    /// The user's login.
    pub login: Cow<'a, str>,
    /// Everything else that the server tells of the user.
    pub extra: Fields<'a>,
}

impl<'a> User<'a> {
    /// A user of whom no more is told than the login.
    pub fn new(login: impl Into<Cow<'a, str>>) -> Self {
        User { login: login.into(), extra: Fields::new() }
    }

    /// The same user, independent of the frame.
    pub fn into_owned(self) -> User<'static> {
        User { login: owned(self.login), extra: self.extra.into_owned() }
    }
}

/// All the users whom the signed-in user knows. A server may send a list, or a map from login to user.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contacts<'a>(pub Vec<User<'a>>);

impl Contacts<'_> {
    /// The same contacts, independent of the frame.
    pub fn into_owned(self) -> Contacts<'static> {
        Contacts(self.0.into_iter().map(User::into_owned).collect())
    }
}

/// Who sent a message, and in which conference, if in one.
#[derive(Clone, Debug, PartialEq)]
pub struct Sender<'a> {
    /// The sender's login.
    pub login: Cow<'a, str>,
    /// The conference in which it was sent, if the server has such.
    pub in_conference: Option<Cow<'a, str>>,
    /// Everything else that the server tells of the sender.
    pub extra: Fields<'a>,
}

/// A chat message: one that has just arrived, or one of a history.
#[derive(Clone, Debug, PartialEq)]
pub struct Message<'a> {
    /// Who sent it.
    pub from: Sender<'a>,
    /// The login of the user for whom it is meant.
    pub to: Cow<'a, str>,
    /// Its text.
    pub body: Cow<'a, str>,
    /// When the server took it, if it tells.
    pub date: Option<Date<'a>>,
    /// Everything else that the server tells of it.
    pub extra: Fields<'a>,
}

impl<'a> Message<'a> {
    /// The dialog to which the message belongs, seen by the user with this login: what a user sent belongs to the
    /// recipient's dialog; everything else to its conference, or if it has none to its sender's dialog.
    ///
    /// ```
    /// use skaro_proto::message::{Message, Sender};
    /// let message = Message::new("alice", "bob", "hello");
    /// assert_eq!(message.dialog(Some("alice")), "bob");
    /// assert_eq!(message.dialog(Some("bob")), "alice");
    /// ```
    pub fn dialog(&self, user: Option<&str>) -> Cow<'a, str> {
        if user == Some(&self.from.login) {
            return self.to.clone();
        }
        self.from.in_conference.as_ref().unwrap_or(&self.from.login).clone()
    }

    /// A message without a date, not in a conference.
    pub fn new(
        from: impl Into<Cow<'a, str>>,
        to: impl Into<Cow<'a, str>>,
        body: impl Into<Cow<'a, str>>,
    ) -> Self {
        let from = Sender { login: from.into(), in_conference: None, extra: Fields::new() };
        Message { from, to: to.into(), body: body.into(), date: None, extra: Fields::new() }
    }

    /// The same message, independent of the frame.
    pub fn into_owned(self) -> Message<'static> {
        let from = Sender {
            login: owned(self.from.login),
            in_conference: self.from.in_conference.map(owned),
            extra: self.from.extra.into_owned(),
        };
        Message {
            from,
            to: owned(self.to),
            body: owned(self.body),
            date: self.date.map(Date::into_owned),
            extra: self.extra.into_owned(),
        }
    }
}

/// When the server took a message. How servers tell that was never published.
///
/// This project's server sends whole milliseconds since 1970-01-01T00:00:00Z, strictly increasing within a dialog.
#[derive(Clone, Debug, PartialEq)]
pub enum Date<'a> {
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(Cow<'a, str>),
}

impl Date<'_> {
    /// The number, if it is a whole one.
    pub const fn as_integer(&self) -> Option<i64> {
        match self {
            Date::Integer(number) => Some(*number),
            Date::Float(_) | Date::Text(_) => None,
        }
    }

    /// The same date, independent of the frame.
    pub fn into_owned(self) -> Date<'static> {
        match self {
            Date::Integer(number) => Date::Integer(number),
            Date::Float(number) => Date::Float(number),
            Date::Text(text) => Date::Text(owned(text)),
        }
    }
}

impl fmt::Display for Date<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Date::Integer(number) => number.fmt(f),
            Date::Float(number) => number.fmt(f),
            Date::Text(text) => text.fmt(f),
        }
    }
}

/// How a server lets new users register.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Registration<'a> {
    /// Everybody may.
    Open,
    /// Whoever was invited may.
    Invitation,
    /// Nobody may.
    Closed,
    /// A word of another server: the original's words were never published.
    Other(Cow<'a, str>),
}

impl<'a> Registration<'a> {
    /// The word on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Registration::Open => "open",
            Registration::Invitation => "invitation",
            Registration::Closed => "closed",
            Registration::Other(word) => word,
        }
    }

    /// The same, independent of the frame.
    pub fn into_owned(self) -> Registration<'static> {
        match self {
            Registration::Open => Registration::Open,
            Registration::Invitation => Registration::Invitation,
            Registration::Closed => Registration::Closed,
            Registration::Other(word) => Registration::Other(owned(word)),
        }
    }
}

impl<'a> From<Cow<'a, str>> for Registration<'a> {
    fn from(word: Cow<'a, str>) -> Self {
        match &*word {
            "open" => Registration::Open,
            "invitation" => Registration::Invitation,
            "closed" => Registration::Closed,
            _ => Registration::Other(word),
        }
    }
}

/// How a request went. The first three characters decide; the original sends text, an integer will do as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status<'a> {
    /// The number that the first three characters are; 0 if they are none, or zeros.
    code: u16,
    /// What follows them in a text; the whole text if the code is 0.
    rest: Cow<'a, str>,
}

impl Status<'static> {
    /// The request was carried out.
    pub const SUCCESS: Self = Self::new(200);

    /// A status of three digits and nothing else. Codes beyond 999 are no status: 0.
    pub const fn new(code: u16) -> Self {
        Status { code: if code < 1000 { code } else { 0 }, rest: Cow::Borrowed("") }
    }
}

impl<'a> Status<'a> {
    /// The three digits as a number: 200 is success, 4… a refusal that repeating won't change, 5… one that may pass.
    /// 0 if the status does not begin with three digits other than zeros.
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// Whether the request was carried out.
    pub const fn is_success(&self) -> bool {
        self.code == 200
    }

    /// The digits, if there is nothing else.
    pub(super) fn digits(&self) -> Option<[u8; 3]> {
        let digit = |place| b'0' + (self.code / place % 10) as u8;
        (self.code != 0 && self.rest.is_empty()).then(|| [digit(100), digit(10), digit(1)])
    }

    /// The same, independent of the frame.
    pub fn into_owned(self) -> Status<'static> {
        Status { code: self.code, rest: owned(self.rest) }
    }
}

impl<'a> From<Cow<'a, str>> for Status<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        let [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', ..] = text.as_bytes() else {
            return Status { code: 0, rest: text };
        };
        let code = [a, b, c].into_iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
        if code == 0 {
            return Status { code, rest: text };
        }
        let rest = match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.get(3..).unwrap_or_default()),
            Cow::Owned(text) => Cow::Owned(text.get(3..).unwrap_or_default().into()),
        };
        Status { code, rest }
    }
}

/// As on the wire: `200`, `404 Not Found`.
impl fmt::Display for Status<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            0 => f.write_str(&self.rest),
            code => write!(f, "{code:03}{}", self.rest),
        }
    }
}

pub(super) fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

impl<'de> Shape<'de> for User<'de> {
    const EXPECTED: &'static str = "a map";

    fn map<R: Reader<'de>>(mut map: Inside<'_, R, R::Left>) -> Read<Decoded<Self>> {
        let (mut login, mut extra) = (None, Fields::new());
        while let Some(name) = map.next_name()? {
            match name {
                Key::Listed(Field::Login) => login = map.value()?,
                _ => map.keep(name.into_text(), &mut extra)?,
            }
        }
        Ok(required(login, "login").map(|login| User { login, extra }))
    }
}

impl<'de> Shape<'de> for Sender<'de> {
    const EXPECTED: &'static str = "a map";

    fn map<R: Reader<'de>>(mut map: Inside<'_, R, R::Left>) -> Read<Decoded<Self>> {
        let (mut login, mut in_conference, mut extra) = (None, None, Fields::new());
        while let Some(name) = map.next_name()? {
            match name {
                Key::Listed(Field::Login) => login = map.value()?,
                Key::Listed(Field::InConference) => in_conference = map.value()?,
                _ => map.keep(name.into_text(), &mut extra)?,
            }
        }
        let sender = || {
            let in_conference = optional(in_conference, "in_conference")?;
            Ok(Sender { login: required(login, "login")?, in_conference, extra })
        };
        Ok(sender())
    }
}

impl<'de> Shape<'de> for Message<'de> {
    const EXPECTED: &'static str = "a map";

    fn map<R: Reader<'de>>(mut map: Inside<'_, R, R::Left>) -> Read<Decoded<Self>> {
        match map.attempt(plain::message) {
            Some(message) => Ok(Ok(message)),
            None => Message::read_long(map),
        }
    }
}

impl<'de> Message<'de> {
    /// Reads whatever fields are left in a map.
    pub(super) fn read_long<R: Reader<'de>>(mut map: Inside<'_, R, R::Left>) -> Read<Decoded<Self>> {
        let (mut from, mut to, mut body, mut date, mut extra) = (None, None, None, None, Fields::new());
        while let Some(name) = map.next_name()? {
            match name {
                Key::Listed(Field::From) => from = map.value()?,
                Key::Listed(Field::To) => to = map.value()?,
                Key::Listed(Field::Body) => body = map.value()?,
                Key::Listed(Field::Date) => date = map.value()?,
                _ => map.keep(name.into_text(), &mut extra)?,
            }
        }
        let message = || {
            let (from, to) = (required(from, "from")?, required(to, "to")?);
            Ok(Message { from, to, body: required(body, "body")?, date: optional(date, "date")?, extra })
        };
        Ok(message())
    }
}

/// A list of messages is as good as its first bad one is bad.
impl<'de> Shape<'de> for Vec<Message<'de>> {
    const EXPECTED: &'static str = "a list of messages";

    fn list<R: Reader<'de>>(list: Inside<'_, R, R::Left>) -> Read<Decoded<Self>> {
        collect(list)
    }
}

impl<'de> Shape<'de> for Contacts<'de> {
    const EXPECTED: &'static str = "a list of users or a map from login to user";

    fn list<R: Reader<'de>>(list: Inside<'_, R, R::Left>) -> Read<Decoded<Self>> {
        Ok(collect(list)?.map(Contacts))
    }

    fn map<R: Reader<'de>>(mut map: Inside<'_, R, R::Left>) -> Read<Decoded<Self>> {
        let mut users = Ok(Vec::new());
        while let Some(login) = map.next_name::<Field>()? {
            let login = login.into_text();
            let Some(fields) = map.value::<Fields<'de>>()? else { continue };
            let user = fields.map(|fields| User { login, extra: fields.without(|name| name == "login") });
            merge(&mut users, user);
        }
        Ok(users.map(Contacts))
    }
}

fn collect<'de, T, R>(mut list: Inside<'_, R, R::Left>) -> Read<Decoded<Vec<T>>>
where
    T: Shape<'de>,
    R: Reader<'de>,
{
    let mut items = Ok(Vec::new());
    while let Some(item) = list.next::<T>()? {
        merge(&mut items, item.unwrap_or_else(|| Err(Box::new(DecodeError::frame(Fault::Missing)))));
    }
    Ok(items)
}

/// Adds an item, unless something was wrong before; frees what was collected as soon as something is.
fn merge<T>(items: &mut Decoded<Vec<T>>, item: Decoded<T>) {
    match (items.as_mut(), item) {
        (Ok(items), Ok(item)) => {
            if items.len() == items.capacity() {
                // For 16, 128, 256, … items: a history of 100 messages takes two allocations. Room for all that might
                // follow, in each of many lists that stay short, would be more than their frame is worth.
                items.reserve_exact(match items.len() {
                    0 => 16,
                    16 => 112,
                    length => length,
                });
            }
            items.push(item);
        }
        (Ok(_), Err(error)) => *items = Err(error),
        (Err(_), _) => (),
    }
}

impl<'de> Shape<'de> for Date<'de> {
    const EXPECTED: &'static str = "a number or text";

    fn integer(number: i128) -> Decoded<Self> {
        Ok(i64::try_from(number).map_or(Date::Float(number as f64), Date::Integer))
    }

    fn float(number: f64) -> Decoded<Self> {
        Ok(Date::Float(number))
    }

    fn text(text: Cow<'de, str>) -> Decoded<Self> {
        Ok(Date::Text(text))
    }
}

impl<'de> Shape<'de> for Registration<'de> {
    const EXPECTED: &'static str = "text";

    fn text(word: Cow<'de, str>) -> Decoded<Self> {
        Ok(word.into())
    }
}

impl<'de> Shape<'de> for Status<'de> {
    const EXPECTED: &'static str = "text or a whole number";

    fn integer(number: i128) -> Decoded<Self> {
        match u16::try_from(number) {
            Ok(code) if code < 1000 => Ok(Status::new(code)),
            // Whatever else it is, it means what its digits mean as a text.
            _ => Ok(Status::from(Cow::Owned(number.to_string()))),
        }
    }

    fn text(text: Cow<'de, str>) -> Decoded<Self> {
        Ok(text.into())
    }
}
