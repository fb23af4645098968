//! What the chat tells, for people: names in colours of their own, times, whose dialog.

use std::borrow::Cow;
use std::fmt::Write;

use jiff::{Timestamp, Zoned};
use skaro_proto::Value;
use skaro_proto::client::Delivery;
use skaro_proto::message::{Contacts, Date, Message, Registration};

use super::report::Report;

const DIM: &str = "2";
const RED: &str = "31";
/// Colours that can be read on dark and on light backgrounds alike.
const NAMES: [&str; 10] = ["32", "33", "34", "35", "36", "92", "93", "94", "95", "96"];

/// How to write for people.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    /// Whether to use ANSI colours.
    pub(crate) colours: bool,
    /// Whether to repeat what the user has sent; on a terminal it stands there already.
    pub(crate) echoes: bool,
}

impl Look {
    /// A report as one line, or several.
    pub(crate) fn report(self, report: &Report<'_>) -> String {
        match report {
            Report::Connected => self.dim("connected"),
            Report::RegisterType { register_type } => registration(register_type).into(),
            Report::Authorized { user, .. } => format!("signed in as {}", self.name(&user.login)),
            Report::Restored { user, .. } => format!("signed in again as {}", self.name(&user.login)),
            Report::Contacts { contacts } => self.contacts(contacts),
            Report::History { login, history } => self.history(login, history),
            Report::MessageSent { to, date, from, body, .. } if self.echoes => {
                self.said(*date, to, from, body)
            }
            Report::MessageSent { to, marker, date, .. } => {
                self.dim(&format!("{} sent to {}, #{marker}", time(*date), clean(to)))
            }
            Report::Message { dialog, message } => self.message(dialog, message),
            Report::Info { info, request: None } => format!("the server says: {}", clean(info)),
            Report::Info { info, request: Some(request) } => {
                let why = if info.is_empty() { "the server does not say why" } else { info };
                self.red(&format!("{request} was refused: {}", clean(why)))
            }
            Report::Error { info } => self.red(&format!("the server reports an error: {}", clean(info))),
            Report::Unknown { kind, .. } => {
                self.dim(&format!("the server sent something unknown: {}", clean(kind)))
            }
            Report::ProtocolError { reason } => {
                self.red(&format!("the server sent what makes no sense: {}", clean(reason)))
            }
            Report::Disconnected { reason } => self.red(&format!("disconnected: {}", clean(reason))),
            Report::Reconnecting { after_ms } => {
                let seconds = std::time::Duration::from_millis(*after_ms).as_secs_f32();
                self.dim(&format!("connecting again in {seconds:.1} s"))
            }
            Report::TimedOut { request, marker } => {
                self.red(&format!("{request}{}: no answer came in time", number(*marker)))
            }
            Report::Lost { request, marker, delivery } => {
                let known = match delivery {
                    Delivery::NotSent => "was not sent",
                    Delivery::Unknown => "may or may not have arrived",
                };
                self.red(&format!("{request}{} {known}: the connection broke", number(*marker)))
            }
        }
    }

    /// A name, always in the same colour.
    pub(crate) fn name(self, name: &str) -> String {
        let sum = name.bytes().fold(5381_usize, |sum, byte| sum.wrapping_mul(33) ^ usize::from(byte));
        self.paint(NAMES.get(sum % NAMES.len()).unwrap_or(&DIM), &clean(name))
    }

    fn message(self, dialog: &str, message: &Message<'_>) -> String {
        self.said(message.date.as_ref(), dialog, &message.from.login, &message.body)
    }

    fn said(self, date: Option<&Date<'_>>, dialog: &str, from: &str, body: &str) -> String {
        let (time, dialog) = (self.dim(&time(date)), self.dim(&format!("[{}]", clean(dialog))));
        format!("{time} {dialog} {}: {}", self.name(from), clean(body))
    }

    fn history(self, login: &str, history: &[Message<'_>]) -> String {
        let count = history.len();
        let count = if count == 1 { "1 message".into() } else { format!("{count} messages") };
        let mut text = self.dim(&format!("history with {}: {count}", clean(login)));
        for message in history {
            // Writing to a string can't fail.
            _ = write!(text, "\n{}", self.message(login, message));
        }
        text
    }

    fn contacts(self, contacts: &Contacts<'_>) -> String {
        if contacts.is_empty() {
            return "you know nobody yet".into();
        }
        let contact = |user: &skaro_proto::message::User<'_>| match user.extra.get("online") {
            Some(Value::Bool(true)) => format!("{} (online)", self.name(&user.login)),
            _ => self.name(&user.login),
        };
        let contacts: Vec<_> = contacts.iter().map(contact).collect();
        format!("you know {}", contacts.join(", "))
    }

    fn dim(self, text: &str) -> String {
        self.paint(DIM, text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.paint(RED, text)
    }

    fn paint(self, colour: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.into() }
    }
}

fn registration(registration: &Registration<'_>) -> Cow<'static, str> {
    match registration {
        Registration::Open => "everybody may register".into(),
        Registration::Invitation => "whoever was invited may register".into(),
        Registration::Closed => "nobody may register".into(),
        other => format!("registration: {}", clean(other.as_str())).into(),
    }
}

fn number(marker: Option<u64>) -> String {
    marker.map(|marker| format!(" #{marker}")).unwrap_or_default()
}

/// The local time of day, with the day if it is not today. Other servers' dates, whatever they are, stand as they
/// came.
fn time(date: Option<&Date<'_>>) -> String {
    let Some(date) = date else { return "--:--".into() };
    let Some(timestamp) = date.as_integer().and_then(|date| Timestamp::from_millisecond(date).ok()) else {
        return clean(&date.to_string()).into_owned();
    };
    let now = Zoned::now();
    let local = timestamp.to_zoned(now.time_zone().clone());
    let format = if local.date() == now.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    local.strftime(format).to_string()
}

/// Text from others must not move the cursor, change colours, turn the writing direction, or look like several lines.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        match char {
            '\t' => cleaned.push(' '),
            '\n' | '\u{2028}' | '\u{2029}' => cleaned.push_str(" ⏎ "),
            '\r' => (),
            char if is_harmful(char) => cleaned.extend(char.escape_unicode()),
            char => cleaned.push(char),
        }
    }
    Cow::Owned(cleaned)
}

fn is_harmful(char: char) -> bool {
    let turns = matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    char.is_control() || turns || matches!(char, '\u{2028}' | '\u{2029}')
}
