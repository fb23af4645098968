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

/// A client: commands go in, answers come back. Clones share the connection and can be sent to other threads; when
/// the last one is dropped, the connection is closed properly, which may take
/// [a few seconds](machine::ClientConfig::close_timeout) if the server does not take part. An attempt to connect again that is
/// under way then ends by itself, in its own thread, when its [time](machine::ClientConfig::dial_timeout) is over.
///
/// Many commands may be under way at once, from many threads: none waits for another, nor for events. Each ends
/// exactly once: with its answer, or with a [`RequestError`] that says why there is none.
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

/// Events of a client: messages, notices, connections that begin and end. Read them or drop this. With a server that keeps
/// logs no more than a window of the log waits here. With any other, when too many events wait, reading from the connection
/// stops until some are read, unless a thread waits for an answer; see [`Options::event_capacity`].
///
/// As an iterator it waits for each event, and ends when the client is closed.
#[must_use = "events that nobody reads stop the connection: read them, or drop this"]
pub struct Events {
    shared: Arc<Shared>,
    /// Taken from the driver, and not returned yet.
    taken: VecDeque<Event<'static>>,
}

/// Reason for which [`Events::next_event`] returns no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "there is no third reason")]
pub enum NoEvent {
    /// Nothing happened in that time.
    #[error("nothing happened in time")]
    TimedOut,
    /// The client is closed: nothing will happen any more.
    #[error("the client is closed")]
    Closed,
}

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Client {
    /// Connects to a server, and waits until it has spoken. If the connection breaks later, the client
    /// connects again as [`ClientConfig`](machine::ClientConfig) says, and events report both.
    ///
    /// The look-up of the server's name can't be interrupted: it takes as long as the system lets it, whatever
    /// [`dial_timeout`](machine::ClientConfig::dial_timeout) says.
    ///
    /// A URL with `wss://` uses TLS: the server's certificate is checked against the system's trust roots, or as
    /// [`Options::tls`] says.
    ///
    /// # Errors
    /// If the first connection can't be made. (For later ones see [`Event::Reconnecting`].)
    pub fn connect(options: impl Into<Options>) -> Result<(Client, Events), ConnectError> {
        Self::start(options.into(), None)
    }

    /// Connects as [`connect`](Self::connect), but over streams of the application's own, for example a Unix socket.
    /// The function is called for each connection, later by other threads, and returns a stream that does not block. The
    /// URL tells what is sent in the opening handshake, and whether there is TLS; a proxy, if any, is asked over the
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

    /// Gives any command, and waits for its end. All the methods below are this one.
    ///
    /// # Errors
    /// If it can't be taken, is refused, times out, or is lost with its connection.
    pub fn request<C: Command>(&self, command: C) -> Result<C::Answer, RequestError> {
        self.0.shared.request(command)?.into_answer::<C>()
    }

    /// Signs in: proves to know the password without sending it.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn authorize(&self, login: &str, password: &str) -> Result<SignedIn<'static>, RequestError> {
        self.request(Authorize { login, password })
    }

    /// Asks how one can register on the server.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn register_type(&self) -> Result<Registration<'static>, RequestError> {
        self.request(RegisterType)
    }

    /// Goes on with a session whose connection broke no more than five minutes ago.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn session_restore(&self, sid: &str) -> Result<SignedIn<'static>, RequestError> {
        self.request(SessionRestore { sid })
    }

    /// Asks for all the users whom the user knows.
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

    /// Sends a message, and waits until the server has accepted it; returns when that was, and where in the log it is. With
    /// a server that keeps logs it arrives once, whatever breaks meanwhile; [`SendMessage`] can bring a key, which extends
    /// that over the end of this program.
    ///
    /// # Errors
    /// As [`request`](Self::request). After [`Failure::Lost`](machine::Failure::Lost) or
    /// [`TimedOut`](machine::Failure::TimedOut) the server may have accepted it.
    pub fn send_message(&self, to: &str, body: &str) -> Result<Accepted, RequestError> {
        self.request(SendMessage::new(to, body))
    }

    /// Tells how far the user has read a dialog, for all of the user's devices and the unread counts in contacts: up to this
    /// position in the user's log.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn read(&self, login: &str, up_to: u64) -> Result<(), RequestError> {
        self.request(Read { login, up_to })
    }

    /// Tells a user, or the members of a conference, that the user is typing, which may be lost. Call it every 5 seconds at most
    /// while the user types.
    ///
    /// # Errors
    /// If nobody is signed in, or the server does not pass it on.
    pub fn typing(&self, login: &str) -> Result<(), CommandError> {
        self.0.shared.command(|mailbox, now| mailbox.typing(now, login))
    }

    /// Gives a command without waiting: its end comes as an event, [`Event::Ended`], with the number that this returns.
    /// It leaves within some milliseconds, and at once if a thread waits for something meanwhile.
    ///
    /// # Errors
    /// If the command can't be taken.
    pub fn submit(&self, command: impl Command) -> Result<RequestId, CommandError> {
        self.0.shared.command(|mailbox, now| mailbox.submit(now, command))
    }

    /// Returns what the client is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        self.with(machine::Client::status)
    }

    /// Returns the login of the user who is signed in, or was when the connection broke.
    #[must_use]
    pub fn user(&self) -> Option<String> {
        self.with(|machine| machine.user().map(Into::into))
    }

    /// Returns the id of the session: see [`session_restore`](Self::session_restore).
    #[must_use]
    pub fn session_id(&self) -> Option<Secret> {
        self.with(|machine| machine.session_id().cloned())
    }

    /// Looks at the machine. Everybody else waits meanwhile: be brief, and do not call this client from within, which
    /// would wait for itself.
    pub fn with<T>(&self, look: impl FnOnce(&machine::Client) -> T) -> T {
        self.0.shared.with(|mailbox| look(mailbox.client()))
    }

    /// Connects now, instead of waiting for the time that [`Event::Reconnecting`] told.
    ///
    /// # Errors
    /// If the client is closed.
    pub fn reconnect(&self) -> Result<(), CommandError> {
        self.0.shared.command(|mailbox, now| mailbox.reconnect(now))
    }

    /// Does not connect again when the connection breaks, or broke.
    pub fn stop_reconnecting(&self) {
        self.0.shared.command(|mailbox, now| mailbox.stop_reconnecting(now));
    }

    /// Closes the connection for good, and waits for the closing handshake, for
    /// [a few seconds](machine::ClientConfig::close_timeout) at most. What is under way may still be answered meanwhile.
    /// The session can be restored for 5 minutes; sign out to end it.
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
    /// Waits for the next event, for this long at most.
    ///
    /// # Errors
    /// If there is none in that time, or never again.
    pub fn next_event(&mut self, timeout: Duration) -> Result<Event<'static>, NoEvent> {
        // A time-out that is longer than the clock counts is none.
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
