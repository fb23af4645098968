//! Parts of messages: users, chat messages, dates, status codes.

use alloc::borrow::Cow;
use alloc::vec::{self, Vec};
use core::fmt;
use core::ops::Deref;
use core::slice;

use crate::codec::Fields;

/// A user: a login, and whatever else the server tells, for example `online`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct User<'a> {
    /// The user's login.
    pub login: Cow<'a, str>,
    /// Everything else that the server tells of the user.
    pub extra: Fields<'a>,
}

impl<'a> User<'a> {
    /// Returns a user without further fields.
    pub fn new(login: impl Into<Cow<'a, str>>) -> Self {
        User { login: login.into(), extra: Fields::new() }
    }

    /// Returns the same user, no longer borrowed from the frame.
    #[must_use]
    pub fn into_owned(self) -> User<'static> {
        User { login: owned(self.login), extra: self.extra.into_owned() }
    }

    /// Returns an upper bound of the bytes of heap that the user takes once it is owned.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let User { login, extra } = self;
        text_bytes(login) + extra.heap_bytes()
    }
}

/// All the users whom the signed-in user knows: a list. A server may send a list, or a map from login to user.
///
/// ```
/// use skaro_proto::message::{Contacts, User};
/// let contacts = Contacts::from(vec![User::new("alice"), User::new("bob")]);
/// assert_eq!(contacts.len(), 2);
/// assert_eq!(contacts[0].login, "alice");
/// for contact in &contacts {
///     println!("{}", contact.login);
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contacts<'a>(Vec<User<'a>>);

impl Contacts<'_> {
    /// Returns the same contacts, no longer borrowed from the frame.
    pub fn into_owned(self) -> Contacts<'static> {
        self.0.into_iter().map(User::into_owned).collect()
    }

    /// Returns an upper bound of the bytes of heap that the contacts take once they are owned.
    pub fn heap_bytes(&self) -> usize {
        list_bytes(&self.0, User::heap_bytes)
    }
}

impl<'a> From<Vec<User<'a>>> for Contacts<'a> {
    fn from(users: Vec<User<'a>>) -> Self {
        Contacts(users)
    }
}

impl<'a> FromIterator<User<'a>> for Contacts<'a> {
    fn from_iter<I: IntoIterator<Item = User<'a>>>(users: I) -> Self {
        Contacts(users.into_iter().collect())
    }
}

impl<'a> Deref for Contacts<'a> {
    type Target = [User<'a>];

    fn deref(&self) -> &[User<'a>] {
        &self.0
    }
}

impl<'a> IntoIterator for Contacts<'a> {
    type Item = User<'a>;
    type IntoIter = vec::IntoIter<User<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'c, 'a> IntoIterator for &'c Contacts<'a> {
    type Item = &'c User<'a>;
    type IntoIter = slice::Iter<'c, User<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// The sender of a message, and the conference in which it was sent, if in one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sender<'a> {
    /// The sender's login.
    pub login: Cow<'a, str>,
    /// The conference in which it was sent, if any.
    pub in_conference: Option<Cow<'a, str>>,
    /// Everything else that the server tells of the sender.
    pub extra: Fields<'a>,
}

impl<'a> Sender<'a> {
    /// Returns a sender outside of conferences.
    pub fn new(login: impl Into<Cow<'a, str>>) -> Self {
        Sender { login: login.into(), in_conference: None, extra: Fields::new() }
    }

    pub(super) fn into_owned(self) -> Sender<'static> {
        Sender {
            login: owned(self.login),
            in_conference: self.in_conference.map(owned),
            extra: self.extra.into_owned(),
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let Sender { login, in_conference, extra } = self;
        text_bytes(login) + in_conference.as_ref().map_or(0, text_bytes) + extra.heap_bytes()
    }
}

/// A chat message: one that has just arrived, or one of a history.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Message<'a> {
    /// The sender.
    pub from: Sender<'a>,
    /// The login of the user for whom it is meant.
    pub to: Cow<'a, str>,
    /// Its text.
    pub body: Cow<'a, str>,
    /// Date at which the server took it, if it tells.
    pub date: Option<Date<'a>>,
    /// The position in the receiving user's log, if the server told it.
    pub position: Option<u64>,
    /// The sender's key, if the receiving user sent it, and gave one.
    pub key: Option<Cow<'a, str>>,
    /// Everything else that the server tells of it.
    pub extra: Fields<'a>,
}

impl<'a> Message<'a> {
    /// Returns a message without a date, not in a conference.
    pub fn new(
        from: impl Into<Cow<'a, str>>,
        to: impl Into<Cow<'a, str>>,
        body: impl Into<Cow<'a, str>>,
    ) -> Self {
        Message {
            from: Sender::new(from),
            to: to.into(),
            body: body.into(),
            date: None,
            position: None,
            key: None,
            extra: Fields::new(),
        }
    }

    /// Returns whether the user with this login sent the message, from any client.
    ///
    /// ```
    /// use skaro_proto::message::Message;
    /// assert!(Message::new("alice", "bob", "hello").is_from("alice"));
    /// ```
    #[must_use]
    pub fn is_from(&self, login: &str) -> bool {
        self.from.login == login
    }

    /// Returns the dialog to which the message belongs, as seen by the user with this login.
    ///
    /// A message that this user sent belongs to the recipient's dialog. Any other message belongs to its conference or,
    /// if it has none, to its sender's dialog.
    ///
    /// ```
    /// use skaro_proto::message::Message;
    /// let message = Message::new("alice", "bob", "hello");
    /// assert_eq!(message.dialog(Some("alice")), "bob");
    /// assert_eq!(message.dialog(Some("bob")), "alice");
    /// ```
    #[must_use]
    pub fn dialog(&self, user: Option<&str>) -> &str {
        self.dialog_if_own(user.is_some_and(|user| self.is_from(user)))
    }

    pub(crate) fn dialog_if_own(&self, is_own: bool) -> &str {
        let from = &self.from;
        if is_own { &self.to } else { from.in_conference.as_ref().unwrap_or(&from.login) }
    }

    /// Returns the same message, no longer borrowed from the frame.
    pub fn into_owned(self) -> Message<'static> {
        Message {
            from: self.from.into_owned(),
            to: owned(self.to),
            body: owned(self.body),
            date: self.date.map(Date::into_owned),
            position: self.position,
            key: self.key.map(owned),
            extra: self.extra.into_owned(),
        }
    }

    /// Returns an upper bound of the bytes of heap that the message takes once it is owned.
    pub fn heap_bytes(&self) -> usize {
        let Message { from, to, body, date, position: _, key, extra } = self;
        let texts = text_bytes(to) + text_bytes(body) + key.as_ref().map_or(0, text_bytes);
        let date = date.as_ref().map_or(0, Date::heap_bytes);
        from.heap_bytes() + texts + date + extra.heap_bytes()
    }
}

/// The time at which the server took a message.
///
/// The format was never published. This project's server sends whole milliseconds since 1970-01-01T00:00:00Z,
/// strictly increasing within a dialog.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the formats have no other scalars that tell a date")]
pub enum Date<'a> {
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(Cow<'a, str>),
}

impl Date<'_> {
    /// Returns the number, if it is a whole one.
    #[must_use]
    pub const fn as_integer(&self) -> Option<i64> {
        match self {
            Date::Integer(number) => Some(*number),
            Date::Float(_) | Date::Text(_) => None,
        }
    }

    /// Returns the same date, no longer borrowed from the frame.
    #[must_use]
    pub fn into_owned(self) -> Date<'static> {
        match self {
            Date::Integer(number) => Date::Integer(number),
            Date::Float(number) => Date::Float(number),
            Date::Text(text) => Date::Text(owned(text)),
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Date::Integer(_) | Date::Float(_) => 0,
            Date::Text(text) => text_bytes(text),
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

/// The way in which new users can register.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Registration<'a> {
    /// Everybody may.
    Open,
    /// Anyone who was invited may.
    Invitation,
    /// Nobody may.
    Closed,
    /// A word of another server: the original's words were never published.
    Other(Cow<'a, str>),
}

impl<'a> Registration<'a> {
    /// Returns the word on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Registration::Open => "open",
            Registration::Invitation => "invitation",
            Registration::Closed => "closed",
            Registration::Other(word) => word,
        }
    }

    /// Returns the same, no longer borrowed from the frame.
    #[must_use]
    pub fn into_owned(self) -> Registration<'static> {
        match self {
            Registration::Open => Registration::Open,
            Registration::Invitation => Registration::Invitation,
            Registration::Closed => Registration::Closed,
            Registration::Other(word) => Registration::Other(owned(word)),
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Registration::Open | Registration::Invitation | Registration::Closed => 0,
            Registration::Other(word) => text_bytes(word),
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

/// The outcome of a request.
///
/// The first three characters decide. The original sends text; an integer is accepted, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusCode<'a> {
    /// The number that the first three characters form; 0 if they form none, or are zeros.
    code: u16,
    /// The rest of a text after them; the whole text if the code is 0.
    rest: Cow<'a, str>,
}

impl StatusCode<'static> {
    /// The request was carried out.
    pub const SUCCESS: Self = Self::new(200);

    /// Returns a status of three digits and nothing else. A code beyond 999 is no status, and becomes 0.
    #[must_use]
    pub const fn new(code: u16) -> Self {
        StatusCode { code: if code < 1000 { code } else { 0 }, rest: Cow::Borrowed("") }
    }
}

impl<'a> StatusCode<'a> {
    /// Returns the three digits as a number; 0 if the status does not begin with three digits other than zeros.
    ///
    /// 200 is success. 4xx is a refusal that repeating won't change, except for 429 (too much at once). 5xx is a
    /// refusal that may pass.
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// Returns whether the server may accept the same request later: 429 and 5xx.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        matches!(self.code, 429 | 500..=599)
    }

    /// Returns whether the request may have been carried out, or may still be: 504.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        self.code == 504
    }

    /// Returns whether the request was carried out.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.code == 200
    }

    /// Returns the digits, if there is nothing else.
    pub(super) fn digits(&self) -> Option<[u8; 3]> {
        let digit = |place| b'0' + (self.code / place % 10) as u8;
        (self.code != 0 && self.rest.is_empty()).then(|| [digit(100), digit(10), digit(1)])
    }

    /// Returns the same, no longer borrowed from the frame.
    #[must_use]
    pub fn into_owned(self) -> StatusCode<'static> {
        StatusCode { code: self.code, rest: owned(self.rest) }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        text_bytes(&self.rest)
    }
}

impl<'a> From<Cow<'a, str>> for StatusCode<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        let [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', ..] = text.as_bytes() else {
            return StatusCode { code: 0, rest: text };
        };
        let code = [a, b, c].into_iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
        if code == 0 {
            return StatusCode { code, rest: text };
        }
        let rest = match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.get(3..).unwrap_or_default()),
            Cow::Owned(text) => Cow::Owned(text.get(3..).unwrap_or_default().into()),
        };
        StatusCode { code, rest }
    }
}

/// As on the wire: `200`, `404 Not Found`.
impl fmt::Display for StatusCode<'_> {
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

/// Returns an upper bound of the bytes of heap that a text takes once it is owned.
#[allow(clippy::ptr_arg, reason = "what is owned may have more room than it needs")]
pub(crate) fn text_bytes(text: &Cow<'_, str>) -> usize {
    match text {
        Cow::Borrowed(text) => text.len(),
        Cow::Owned(text) => text.capacity(),
    }
}

/// Returns how many bytes of heap a list takes, given those that each item takes besides.
#[allow(clippy::ptr_arg, reason = "a list may have more room than it needs")]
pub(super) fn list_bytes<T>(list: &Vec<T>, heap_bytes: impl Fn(&T) -> usize) -> usize {
    list.capacity() * size_of::<T>() + list.iter().map(heap_bytes).sum::<usize>()
}
