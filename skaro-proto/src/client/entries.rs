//! The log's entries: in order, without holes, each once, acknowledged as the application takes them.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};

use super::cursor::Entry;
use super::link::Connection;
use super::link::{Link, Stage};
use super::{Client, Disconnect, Event, Incoming, LogStart, ProtocolError};
use crate::message::{self, ChangedUserData, ClientMessage, Date, Message, Sent, ServerMessage, Since};

/// For adapters, and for applications that store their place in the log.
impl Client {
    /// Reports that the application has taken the events up to this [position](Event::position). The server may then
    /// send what follows, and after a break the log goes on here. Returns whether there is an acknowledgement to be
    /// sent.
    ///
    /// Call it whenever events that have a position are passed to the application. If the connection breaks, drop those
    /// that have not been passed on: they come again. So what waits is never more than a window of the log.
    pub fn handle_taken(&mut self, position: u64) -> bool {
        self.cursor.take(position);
        let Link::Up(Connection { stage: Stage::Open { format, .. }, .. }) = &self.link else { return false };
        let Some(position) = self.cursor.acknowledge() else { return false };
        self.output.push(*format, 0, |out| ClientMessage::ack(position).encode_into(*format, out));
        true
    }

    /// Returns the id of the user's log and the position up to which the application has taken its entries, as
    /// [`LogStart::Since`] takes them; `None` before the first sign-in, and if the server keeps no logs.
    #[must_use]
    pub fn log(&self) -> Option<(&str, u64)> {
        self.cursor.place()
    }

    /// Returns whether the entries of the user's log come over this connection. If so, the log's window limits the
    /// events that wait for the application, and there is no reason to stop reading.
    #[must_use]
    pub const fn has_cursor(&self) -> bool {
        self.cursor.is_live()
    }
}

impl Client {
    /// Returns the place in the log to ask for, if the server keeps logs and the application wants that.
    pub(super) fn since(&self, login: Option<&str>) -> (Option<Since>, Option<Cow<'static, str>>) {
        if !self.keeps_logs() {
            return (None, None);
        }
        let is_other = login.is_some_and(|login| self.last_user.as_deref().is_some_and(|user| user != login));
        let (since, log) = if is_other { (Since::Head, None) } else { self.cursor.since() };
        (Some(since), log.map(|log| log.to_string().into()))
    }

    /// Returns whether the server keeps logs, and the application wants that: then messages have keys and may be sent
    /// again.
    pub(super) const fn keeps_logs(&self) -> bool {
        matches!(&self.link, Link::Up(Connection { stage: Stage::Open { log: true, .. }, .. }))
    }

    /// Begins the log after the user was signed in, if the server tells of a cursor.
    pub(super) fn begin_log(&mut self, told: Option<&message::Cursor<'_>>) {
        let Some(told) = told.filter(|_| self.config.log != LogStart::Off) else {
            // A server without keys would take a repetition for a new message.
            return self.end_unknown();
        };
        if self.cursor.begin(told) {
            self.end_unknown();
            let (log, position) = (told.log.clone().into_owned(), told.begin);
            self.events.push_back(Event::LogChanged { log, position });
        }
        self.catch_up();
    }

    /// Reports that everything up to the head at the time of signing in has come.
    pub(super) fn catch_up(&mut self) {
        if let Some(position) = self.cursor.catch_up() {
            let log = self.cursor.place().map_or_else(String::new, |(log, _)| log.to_string());
            self.events.push_back(Event::CaughtUp { log, position });
        }
    }

    /// Checks where a message fits into the log, if it is an entry.
    ///
    /// # Errors
    /// If it came before, or if there is no cursor.
    pub(super) fn check_entry(
        &self,
        message: &ServerMessage<'_>,
    ) -> Result<Option<(u64, Entry)>, ProtocolError> {
        let Some(position) = message.position() else { return Ok(None) };
        if !self.cursor.is_live() {
            let is_plain = matches!(message, ServerMessage::ShowMessage(_) | ServerMessage::Unknown { .. });
            return if is_plain { Ok(None) } else { Err(ProtocolError::UnexpectedEntry { position }) };
        }
        match self.cursor.check(position) {
            Entry::Known => Err(ProtocolError::KnownEntry { position }),
            entry => Ok(Some((position, entry))),
        }
    }

    /// Counts an entry that arrived in a frame of this length. If entries are missing before it, returns the event in
    /// its place.
    pub(super) fn entry_arrived(
        &mut self,
        position: u64,
        entry: Entry,
        length: usize,
    ) -> Option<Event<'static>> {
        if let Entry::Hole { expected } = entry {
            self.lose(Disconnect::MissingEntries { expected, position });
            return Some(Event::ProtocolError(ProtocolError::MissingEntries { expected, position }));
        }
        self.cursor.arrive(length);
        None
    }

    pub(super) fn user_changed<'f>(&self, mut changed: ChangedUserData<'f>, is_entry: bool) -> Event<'f> {
        if !is_entry {
            changed.position = None;
        }
        Event::ChangedUserData(changed)
    }

    pub(super) fn message_arrived<'f>(&mut self, mut message: Message<'f>, is_entry: bool) -> Event<'f> {
        if !is_entry {
            message.position = None;
        } else if let (Some(key), Some(position)) = (&message.key, message.position)
            && self.own_entry(key, message.date.clone().map(Date::into_owned), position)
        {
            // The application has the text already, since it gave this message itself.
            let mut sent = Sent::new(position);
            (sent.key, sent.extra) = (message.key, message.extra);
            return Event::Sent(sent);
        }
        Event::Message(Incoming::new(message, self.user()))
    }
}
