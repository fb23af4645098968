//! The application's side of a client: the waiters for answers, and the events that wait to be read.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::fmt;
use std::mem;

use skaro_proto::client::{Client, Command, CommandError, Disconnect, Ended, Event, RequestId, Status};
use skaro_proto::{Frame, Time};

/// Bytes that unread events may keep before reading pauses.
const PAUSE_BYTES: usize = 4 << 20;

/// Bytes that unread events may keep while reading goes on because a command waits for its answer. Beyond that the
/// connection ends.
const MAX_BYTES: usize = 16 << 20;

/// A waiter for the end of a command: the sending half of a channel that the runtime offers.
pub trait Waiter {
    /// Delivers the end, or returns it if nobody waits any more.
    ///
    /// # Errors
    /// If nobody waits any more.
    #[allow(clippy::result_large_err, reason = "no failure, but the same thing handed back")]
    fn end(self, ended: Ended<'static>) -> Result<(), Ended<'static>>;
}

/// For applications in which nobody waits: all ends are events.
impl Waiter for Infallible {
    fn end(self, _: Ended<'static>) -> Result<(), Ended<'static>> {
        match self {}
    }
}

/// A [`Client`] with its application's side, for adapters in which many tasks give commands and one reads events.
///
/// It delivers the ends of commands to their waiters, and keeps events until the application reads them, within two
/// limits:
///
/// * Beyond the capacity in events, or 4 MiB, reading pauses until half of them are gone, and TCP slows the server
///   down. Reading goes on nevertheless while a command waits for its answer, so that an answer can be awaited in the
///   loop over events, and while the client is connecting, signing in or closing. With a [cursor](Client::has_cursor)
///   reading never pauses: the server sends no more than a window of the log beyond what the application has taken.
/// * Beyond 16 MiB the connection ends, with a reason that says what to do. The client does not reconnect while more
///   than that is kept. Until then no command's end can be [awaited](Self::request), since the application might read
///   the events only afterwards. Messages that were given before, and [submitted](Self::submit) ones, wait for the
///   connection.
///
/// An end for which nobody waits any more becomes an event: nothing is lost silently. Entries of the log that wait when
/// the connection breaks are dropped, and come again on the next one. Presence ([`Event::is_presence`]) is dropped
/// then, too, and also while as many events wait as the capacity allows: old presence is worthless.
pub struct Mailbox<W> {
    client: Client,
    waiting: BTreeMap<RequestId, W>,
    events: VecDeque<Event<'static>>,
    /// Bytes that the waiting events keep.
    kept: usize,
    capacity: usize,
    /// Set when the application has dropped its events, so that none are collected.
    events_dropped: bool,
    /// Set when the first limit is reached, cleared when no more than half of it is used.
    is_full: bool,
    /// Set while the machine knows that reading pauses.
    is_paused: bool,
    /// Set when taking events has left an acknowledgement to be sent.
    acknowledges: bool,
    finished: bool,
}

/// For applications.
impl<W: Waiter> Mailbox<W> {
    /// Creates a mailbox that pauses reading when this many events wait.
    #[must_use]
    pub fn new(client: Client, capacity: usize) -> Self {
        Mailbox {
            client,
            waiting: BTreeMap::new(),
            events: VecDeque::new(),
            kept: 0,
            capacity: capacity.max(1),
            events_dropped: false,
            is_full: false,
            is_paused: false,
            acknowledges: false,
            finished: false,
        }
    }

    /// Returns the machine, to look at.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Gives a command, whose end goes to this waiter.
    ///
    /// # Errors
    /// If the command can't be given; nobody needs to wait then. [`CommandError::NotConnected`] also if the client does
    /// not connect before events are read.
    pub fn request(
        &mut self,
        now: Time,
        command: impl Command,
        waiter: W,
    ) -> Result<RequestId, CommandError> {
        if self.waits_for_room() {
            return Err(CommandError::NotConnected);
        }
        let id = self.submit(now, command)?;
        self.waiting.insert(id, waiter);
        Ok(id)
    }

    /// Gives a command, whose end becomes an event.
    ///
    /// # Errors
    /// If the command can't be given.
    pub fn submit(&mut self, now: Time, command: impl Command) -> Result<RequestId, CommandError> {
        // Nothing would handle the command any more.
        if self.finished {
            return Err(CommandError::Closed);
        }
        self.handle(|client| command.give(client, now))
    }

    /// Tells that the user is typing: see [`Client::typing`].
    ///
    /// # Errors
    /// As [`Client::typing`].
    pub fn typing(&mut self, now: Time, login: &str) -> Result<(), CommandError> {
        if self.finished {
            return Err(CommandError::Closed);
        }
        self.handle(|client| client.typing(now, login))
    }

    /// Closes the connection for good: see [`Client::close`].
    pub fn close(&mut self, now: Time) {
        self.handle(|client| client.close(now));
    }

    /// Connects now: see [`Client::reconnect`].
    ///
    /// # Errors
    /// If the client is closed.
    pub fn reconnect(&mut self, now: Time) -> Result<(), CommandError> {
        self.handle(|client| client.reconnect(now))
    }

    /// Stops reconnecting: see [`Client::stop_reconnecting`].
    pub fn stop_reconnecting(&mut self, now: Time) {
        self.handle(|client| client.stop_reconnecting(now));
    }

    /// Returns the number of commands that have not ended and have a waiter.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes the next event.
    pub fn next_event(&mut self) -> Option<Event<'static>> {
        let event = self.events.pop_front()?;
        self.kept -= size(&event);
        if let Some(position) = event.position() {
            self.acknowledges |= self.client.handle_taken(position);
        }
        Some(event)
    }

    /// Moves all events behind those that were taken before, so that the mailbox need not be locked for each event.
    ///
    /// Taken events no longer count for the limits. If events are taken only after the last ones have been read, there
    /// are at most twice as many as the limits allow.
    pub fn take_events(&mut self, taken: &mut VecDeque<Event<'static>>) {
        if let Some(position) = self.events.iter().rev().find_map(Event::position) {
            self.acknowledges |= self.client.handle_taken(position);
        }
        if taken.is_empty() {
            // None is moved then: they are large.
            mem::swap(&mut self.events, taken);
        } else {
            taken.append(&mut self.events);
        }
        self.kept = 0;
    }

    /// Returns whether an application need not wait for events: there is one, or there will be no more.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.finished || !self.events.is_empty()
    }

    /// Returns whether taking events has made room for more, or left an acknowledgement to be sent. Then call
    /// [`Driver::drive`](crate::Driver::drive).
    #[must_use]
    pub fn has_room_again(&self) -> bool {
        self.acknowledges || self.is_full && self.is_half_empty()
    }

    /// Drops all events, now and in the future: nobody will read them.
    pub fn drop_events(&mut self) {
        self.events_dropped = true;
        self.events.clear();
        self.kept = 0;
    }

    /// Takes back an end that was delivered but never read. It becomes an event.
    pub fn return_end(&mut self, ended: Ended<'static>) {
        self.keep(Event::Ended(ended));
    }

    /// Returns why there is no connection, if the first one ended before the server spoke.
    #[must_use]
    pub fn why_offline(&self) -> Option<Disconnect> {
        let reason = |event: &Event<'_>| match event {
            Event::Disconnected(reason) => Some(reason.clone()),
            _ => None,
        };
        let is_offline = self.client.status() == Status::Offline;
        self.events.iter().rev().find_map(reason).filter(|_| is_offline)
    }

    /// Ends the mailbox, whatever the client is doing: it takes no more commands, and drops all waiters, which tells
    /// those who wait.
    pub fn finish(&mut self) {
        self.collect();
        self.waiting.clear();
        self.finished = true;
    }

    /// Returns whether the mailbox has ended: nothing will happen any more.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.finished
    }
}

/// For the driver.
impl<W: Waiter> Mailbox<W> {
    /// Calls the machine, and sorts the ends and events that it has then.
    pub(crate) fn handle<T>(&mut self, call: impl FnOnce(&mut Client) -> T) -> T {
        let result = call(&mut self.client);
        self.collect();
        result
    }

    /// Handles a frame. Its meaning becomes an event, also if the frame is invalid.
    pub(crate) fn handle_frame(&mut self, now: Time, frame: Frame<'_>) {
        let event = match self.client.handle_frame(now, frame) {
            Ok(event) => event.into_owned(),
            Err(error) => Event::ProtocolError(error),
        };
        // What happened before was collected before; what the frame causes comes after it.
        self.emit(event);
        self.collect();
        if self.is_overfull() {
            let reason = Disconnect::Overrun { bytes: self.kept, limit: MAX_BYTES };
            self.handle(|client| client.handle_disconnected(now, reason));
        }
    }

    /// Returns the machine, to ask what to send.
    pub(crate) const fn client_mut(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Returns whether to read from the connection.
    pub(crate) fn wants_frames(&self) -> bool {
        let status = self.client.status();
        let is_awaited = matches!(status, Status::Greeting | Status::SigningIn | Status::Closing);
        !self.is_full || is_awaited || !self.waiting.is_empty() || self.client.has_cursor()
    }

    /// Returns whether unread events keep so much that there must be no new connection, which would only add some.
    pub(crate) fn waits_for_room(&self) -> bool {
        self.is_overfull() && matches!(self.client.status(), Status::Waiting { .. })
    }

    const fn is_overfull(&self) -> bool {
        self.kept > MAX_BYTES
    }

    /// Checks whether the first limit has been reached, or half of it, and tells the machine.
    pub(crate) fn update_pause(&mut self, now: Time) {
        self.acknowledges = false;
        if self.events.len() >= self.capacity || self.kept >= PAUSE_BYTES {
            self.is_full = true;
        } else if self.is_half_empty() {
            self.is_full = false;
        }
        let is_paused = !self.wants_frames();
        if is_paused == self.is_paused {
            return;
        }
        self.is_paused = is_paused;
        if is_paused {
            self.client.handle_paused(now);
        } else {
            self.client.handle_resumed(now);
        }
    }

    /// Notes that there is a new connection. The machine assumes that it is being read.
    pub(crate) const fn forget_pause(&mut self) {
        self.is_paused = false;
    }

    fn is_half_empty(&self) -> bool {
        self.events.len() <= self.capacity / 2 && self.kept <= PAUSE_BYTES / 2
    }

    /// Sorts what the machine tells: ends go to their waiters, the rest to the events.
    fn collect(&mut self) {
        while let Some(event) = self.client.poll_event() {
            self.emit(event);
        }
    }

    fn emit(&mut self, event: Event<'static>) {
        // An event is large, so it is moved as rarely as possible.
        let waiter = match &event {
            Event::Ended(ended) => self.waiting.remove(&ended.ticket.id()),
            _ => None,
        };
        let Some(waiter) = waiter else { return self.keep(event) };
        if let Event::Ended(ended) = event
            && let Err(unwanted) = waiter.end(ended)
        {
            self.keep(Event::Ended(unwanted));
        }
    }

    fn keep(&mut self, event: Event<'static>) {
        if matches!(event, Event::Disconnected(_)) {
            self.drop_untaken();
        }
        let is_unwanted = self.events.len() >= self.capacity && event.is_presence();
        if !self.events_dropped && !is_unwanted {
            self.kept += size(&event);
            self.events.push_back(event);
        }
    }

    /// Drops the entries of the log that nobody has taken, and presence: the next connection brings them anew.
    fn drop_untaken(&mut self) {
        self.events.retain(|event| event.position().is_none() && !event.is_presence());
        self.kept = self.events.iter().map(size).sum();
    }
}

/// Returns how many bytes an event keeps.
fn size(event: &Event<'_>) -> usize {
    size_of::<Event<'_>>() + event.heap_bytes()
}

/// Shows the client's status and the amount that waits, without secrets.
impl<W> fmt::Debug for Mailbox<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Mailbox");
        shown.field("client", &self.client).field("waiting_events", &self.events.len());
        shown.field("kept_bytes", &self.kept).field("finished", &self.finished).finish_non_exhaustive()
    }
}
