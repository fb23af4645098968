//! The interface for applications: [`Client`] for commands, [`Events`] for events.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use skaro_adapter::{ConnectError, Options};
use skaro_proto::Secret;
use skaro_proto::client::{
    self as machine, Accepted, Authorize, Command, CommandError, Event, GetContacts, GetHistory, Read,
    RegisterType, RequestError, RequestId, SendMessage, SessionRestore, Status,
};
use skaro_proto::message::{Contacts, History, Registration, SignedIn};

use crate::connect::MakeTransport;
use crate::io::Transport;
use crate::shared::Shared;

/// A client's handle: gives commands, and returns their answers.
///
/// Clones share the connection, and can be sent to other threads. The connection is closed properly when the last clone
/// is dropped, which may take [a few seconds](machine::ClientConfig::close_timeout) if the server does not respond. An
/// attempt to reconnect that is under way at that moment ends by itself, in its own thread, after its
/// [time-out](machine::ClientConfig::dial_timeout).
///
/// Any number of commands may run at once, from any threads: none waits for another, or for events. Each ends exactly
/// once: with its answer, or with a [`RequestError`].
///
/// ```no_run
/// use std::time::Duration;
/// use skaro_blocking::{Client, NoEvent};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (client, mut events) = Client::connect("wss://chat.example.org/skaro_client/")?;
/// client.authorize("alice", "correct horse")?;
/// let sender = client.clone();
/// std::thread::spawn(move || sender.send_message("bob", "from another thread"));
/// loop {
///     match events.next_event(Duration::from_secs(10)) {
///         Ok(event) => println!("{event:?}"),
///         Err(NoEvent::TimedOut) => println!("nothing new"),
///         Err(NoEvent::Closed) => break,
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Client(Arc<Handle>);

/// The events of a client: an iterator that waits for each event, and ends when the client is closed.
///
/// Read the events, or drop this value. With a server that keeps logs, 256 entries or 1 MiB wait here at most.
/// With any other server, the connection is not read while many events wait (see [`Options::event_capacity`]), unless a
/// command waits for its answer. If too many events wait even then, the connection ends with a reason that says so.
#[must_use = "events that nobody reads stop the connection: read them, or drop this"]
pub struct Events {
    shared: Arc<Shared>,
    /// Taken from the driver, and not returned yet.
    taken: VecDeque<Event<'static>>,
}

/// The reason why [`Events::next_event`] returned no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "there is no third reason")]
pub enum NoEvent {
    /// No event arrived in time.
    #[error("nothing happened in time")]
    TimedOut,
    /// The client is closed: there will be no more events.
    #[error("the client is closed")]
    Closed,
}

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Client {
    /// Connects to a server, and waits for its first message.
    ///
    /// Later the client reconnects by itself, as [`ClientConfig`](machine::ClientConfig) says: events report when the
    /// connection is lost and when it is back. A `wss://` URL uses TLS; unless [`Options::tls`] says otherwise, the
    /// system's trust roots decide which certificates are valid.
    ///
    /// Resolving the server's name can't be interrupted: it takes as long as the system lets it, whatever
    /// [`dial_timeout`](machine::ClientConfig::dial_timeout) says.
    ///
    /// # Errors
    /// If the first connection fails. (Failures of later ones are reported by [`Event::Reconnecting`].)
    pub fn connect(options: impl Into<Options>) -> Result<(Client, Events), ConnectError> {
        Self::start(options.into(), None)
    }

    /// Connects as [`connect`](Self::connect) does, but over streams that the application opens, for example Unix
    /// sockets.
    ///
    /// The function is called for each connection, later by other threads, and returns a stream that does not block.
    /// The URL still determines the opening handshake, and whether TLS is used. A proxy, if any, is asked over the
    /// stream. To [`register`](Self::register) or to [change a password](Self::change_password) without TLS,
    /// [vouch](Options::confidential) for these streams.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    ///
    /// ```no_run
    /// # #[cfg(unix)] {
    /// use skaro_blocking::{Client, mio::net::UnixStream};
    ///
    /// let (client, events) = Client::connect_over("ws://localhost/skaro_client/", || {
    ///     Ok(Box::new(UnixStream::connect("/run/skaro.socket")?))
    /// })?;
    /// # }
    /// # Ok::<(), skaro_blocking::ConnectError>(())
    /// ```
    pub fn connect_over(
        options: impl Into<Options>,
        transport: impl Fn() -> io::Result<Box<dyn Transport>> + Send + Sync + 'static,
    ) -> Result<(Client, Events), ConnectError> {
        Self::start(options.into(), Some(Box::new(transport)))
    }

    fn start(options: Options, transport: Option<MakeTransport>) -> Result<(Client, Events), ConnectError> {
        let (shared, thread) = Shared::start(options, transport)?;
        let handle = Handle { shared: shared.clone(), thread: Some(thread) };
        Ok((Client(Arc::new(handle)), Events { shared, taken: VecDeque::new() }))
    }

    /// Gives any command, and waits for its end. The methods for single commands call this.
    ///
    /// While the client reconnects, messages wait for a connection, for
    /// [`message_timeout`](machine::ClientConfig::message_timeout) at most, unless
    /// [too many](machine::ClientConfig::offline_messages) wait. All other commands fail without a connection, and are
    /// lost if theirs breaks.
    ///
    /// # Errors
    /// If the command can't be given, is refused ([`RequestError::refusal`] returns the status), times out, or is lost
    /// with its connection.
    pub fn request<C: Command>(&self, command: C) -> Result<C::Answer, RequestError> {
        self.0.shared.request(command)?.into_answer::<C>()
    }

    /// Signs in by proving knowledge of the password, which is not sent.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn authorize(&self, login: &str, password: &str) -> Result<SignedIn<'static>, RequestError> {
        self.request(Authorize { login, password })
    }

    /// Asks whether and how users can register on the server.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn register_type(&self) -> Result<Registration<'static>, RequestError> {
        self.request(RegisterType)
    }

    /// Restores a session whose connection broke at most five minutes ago.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn session_restore(&self, sid: &str) -> Result<SignedIn<'static>, RequestError> {
        self.request(SessionRestore { sid })
    }

    /// Asks for the user's contacts.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn get_contacts(&self) -> Result<Contacts<'static>, RequestError> {
        self.request(GetContacts)
    }

    /// Asks for the last messages exchanged with another user.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn get_history(&self, login: &str) -> Result<History<'static>, RequestError> {
        self.request(GetHistory::new(login))
    }

    /// Sends a message, waits until the server has accepted it, and returns the time and the position in the log.
    ///
    /// With a server that keeps logs the message arrives exactly once, even if connections break meanwhile. A key in
    /// [`SendMessage`] extends this to restarts of the program.
    ///
    /// # Errors
    /// As [`request`](Self::request). After [`Failure::Lost`](machine::Failure::Lost) or
    /// [`TimedOut`](machine::Failure::TimedOut) the server may have accepted the message. Statuses of refusals:
    ///
    /// * 403: one of the two has blocked the other, the recipient takes messages only from contacts, or the user is no
    ///   member of the conference.
    /// * 404: the user or the conference does not exist.
    /// * 409: the key is that of another message.
    /// * 413: the text is too long for the server.
    /// * 429: too many messages.
    pub fn send_message(&self, to: &str, body: &str) -> Result<Accepted, RequestError> {
        self.request(SendMessage::new(to, body))
    }

    /// Marks a dialog as read up to a position in the user's log.
    ///
    /// The mark holds for all of the user's devices, and for the unread counts in contacts.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn read(&self, login: &str, up_to: u64) -> Result<(), RequestError> {
        self.request(Read { login, up_to })
    }

    /// Tells a user, or the members of a conference, that the user is typing.
    ///
    /// The notice has no answer and may be lost. While the user types, call this at most once every 5 seconds.
    ///
    /// # Errors
    /// If nobody is signed in, or the server does not support it.
    pub fn typing(&self, login: &str) -> Result<(), CommandError> {
        self.0.shared.command(|mailbox, now| mailbox.typing(now, login))
    }

    /// Gives a command without waiting. It ends with an [`Event::Ended`] that has the returned number.
    ///
    /// The command is sent within some milliseconds, or at once if a thread waits for an answer or an event.
    ///
    /// # Errors
    /// If the command can't be given.
    pub fn submit(&self, command: impl Command) -> Result<RequestId, CommandError> {
        self.0.shared.command(|mailbox, now| mailbox.submit(now, command))
    }

    /// Returns the state of the client.
    #[must_use]
    pub fn status(&self) -> Status {
        self.with(machine::Client::status)
    }

    /// Returns the login of the user who is signed in, or who was when the connection broke.
    #[must_use]
    pub fn user(&self) -> Option<String> {
        self.with(|machine| machine.user().map(Into::into))
    }

    /// Returns the argument for [`session_restore`](Self::session_restore), valid for five minutes after the connection
    /// broke.
    #[must_use]
    pub fn session_id(&self) -> Option<Secret> {
        self.with(|machine| machine.session_id().cloned())
    }

    /// Calls a function with the machine, for data that has no method here.
    ///
    /// The client is locked meanwhile: return quickly, and do not call this client from within, which would deadlock.
    pub fn with<T>(&self, look: impl FnOnce(&machine::Client) -> T) -> T {
        self.0.shared.with(|mailbox| look(mailbox.client()))
    }

    /// Connects now, instead of at the time in [`Event::Reconnecting`].
    ///
    /// # Errors
    /// If the client is closed.
    pub fn reconnect(&self) -> Result<(), CommandError> {
        self.0.shared.command(|mailbox, now| mailbox.reconnect(now))
    }

    /// Stops reconnecting, now and after later disconnects.
    pub fn stop_reconnecting(&self) {
        self.0.shared.command(|mailbox, now| mailbox.stop_reconnecting(now));
    }

    /// Closes the connection for good, and waits for the closing handshake.
    ///
    /// The wait takes at most [`close_timeout`](machine::ClientConfig::close_timeout). Running commands may still be
    /// answered meanwhile. The session can be restored for 5 minutes; sign out to end it.
    pub fn close(&self) {
        self.0.close();
        self.0.shared.await_end();
    }
}

impl Handle {
    fn close(&self) {
        self.shared.command(|mailbox, now| mailbox.close(now));
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
        // Only a thread that looks up a name may outlive the client.
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

impl Events {
    /// Waits for the next event, at most for this time.
    ///
    /// # Errors
    /// If no event arrives in that time, or the client is closed.
    pub fn next_event(&mut self, timeout: Duration) -> Result<Event<'static>, NoEvent> {
        // A time-out beyond the range of the clock is no time-out.
        self.wait(Instant::now().checked_add(timeout))
    }

    fn wait(&mut self, until: Option<Instant>) -> Result<Event<'static>, NoEvent> {
        let Events { shared, taken } = self;
        if taken.is_empty() {
            let news = shared.take(until, |mailbox| mailbox.has_news().then(|| mailbox.take_events(taken)));
            news.ok_or(NoEvent::TimedOut)?;
        }
        taken.pop_front().ok_or(NoEvent::Closed)
    }
}

impl Iterator for Events {
    type Item = Event<'static>;

    fn next(&mut self) -> Option<Self::Item> {
        self.wait(None).ok()
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.shared.command(|mailbox, _| mailbox.drop_events());
    }
}

/// Hides the events, which may be private.
impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("shared", &self.shared).finish_non_exhaustive()
    }
}
