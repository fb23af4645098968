//! What the application holds: a handle that commands, events that tell.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use skaro_proto::client::{
    self as machine, Authorize, Command, ConnectError, Ended, Event, GetContacts, GetHistory, Mailbox,
    Options, RegisterType, RequestError, SendMessage, SessionRestore, Waiter,
};
use skaro_proto::message::{Contacts, Date, History, Registration, SignedIn};
use skaro_proto::tungstenite::Access;

use crate::dial::Target;
use crate::driver::Driver;
use crate::shared::Shared;

/// A client: commands go in, answers come back. Clones share the connection and can be sent to other threads; when
/// the last one is dropped, the connection is closed properly, which may take
/// [a few seconds](machine::Config::close_timeout) if the server does not take part, and longer only if the system is
/// looking up the server's name just then: that can't be interrupted.
///
/// Many commands may be under way at once, from many threads: none waits for another, nor for events. Each ends
/// exactly once: with its answer, or with a [`RequestError`] that says why there is none.
///
/// ```no_run
/// use std::time::Duration;
/// use skaro_blocking::{Client, NoEvent};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (client, events) = Client::connect("wss://chat.example.org/skaro_client/")?;
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

/// What happens: messages, notices, connections that come and go. Must be read (or dropped): when too many events
/// wait, nothing is read from the connection any more.
///
/// As an iterator it waits for each event, and ends when the client is closed.
pub struct Events {
    shared: Arc<Shared>,
    /// Taken from the mailbox together by the iterator, and not handed on yet.
    taken: Mutex<VecDeque<Event<'static>>>,
}

/// Why [`Events::next_event`] has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
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

/// The thread that waits for the end of a command.
#[derive(Debug)]
pub(crate) struct Waiting(oneshot::Sender<Ended<'static>>);

impl Waiter for Waiting {
    fn end(self, ended: Ended<'static>) -> Result<(), Ended<'static>> {
        self.0.send(ended).map_err(oneshot::SendError::into_inner)
    }
}

impl Client {
    /// Connects to a server, and waits until it has spoken. From then on the connection looks after itself, as
    /// [`Config`](machine::Config) says; if it is lost, the events tell, and tell when it is back.
    ///
    /// A URL with `wss://` is connected to by TLS, and the system's trust roots decide whether the server's
    /// certificate is good.
    ///
    /// # Errors
    /// If the first connection does not come about. (For later ones see [`Event::Reconnecting`].)
    pub fn connect(options: impl Into<Options>) -> Result<(Client, Events), ConnectError> {
        Self::start(Target::new(options.into(), None)?)
    }

    /// As [`connect`](Self::connect), but this configuration of TLS decides which certificates are good.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    #[cfg(feature = "tls")]
    pub fn connect_with_tls(
        options: impl Into<Options>,
        tls: Arc<rustls::ClientConfig>,
    ) -> Result<(Client, Events), ConnectError> {
        Self::start(Target::new(options.into(), Some(tls))?)
    }

    fn start(target: Target) -> Result<(Client, Events), ConnectError> {
        let shared = Driver::connect(target)?;
        let own = shared.clone();
        let thread = thread::Builder::new().name("skaro".into()).spawn(move || own.run());
        let thread = Some(thread.map_err(|error| shared.target.endpoint.unreachable(error))?);
        Ok((
            Client(Arc::new(Handle { shared: shared.clone(), thread })),
            Events { shared, taken: Mutex::default() },
        ))
    }

    /// Gives any command, and waits for its end. All the methods below are this one.
    ///
    /// # Errors
    /// If it can't be taken, is refused, times out, or is lost with its connection.
    pub fn request<C: Command>(&self, command: C) -> Result<C::Answer, RequestError> {
        let (sender, receiver) = oneshot::channel();
        let shared = &self.0.shared;
        let mut waits = shared.begin(|mailbox, now| mailbox.request(now, command, Waiting(sender)))?;
        waits.nudge();
        let ended = match waits.drive(None, || receiver.try_recv().ok()) {
            Some(ended) => ended,
            None => receiver.recv().map_err(|_| machine::CommandError::Closed)?,
        };
        ended.into_answer::<C>()
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

    /// Asks for the messages exchanged with another user; after a reconnection, [`History::unseen`] tells which of
    /// them are new.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn get_history(&self, login: &str) -> Result<History<'static>, RequestError> {
        self.request(GetHistory { login })
    }

    /// Sends a message, and waits until the server has taken it; tells when that was.
    ///
    /// # Errors
    /// As [`request`](Self::request). If it is [lost](machine::Failure::Lost), it may be unknown whether the server
    /// took it.
    pub fn send_message(&self, to: &str, body: &str) -> Result<Option<Date<'static>>, RequestError> {
        self.request(SendMessage { to, body, marker: None })
    }

    /// Gives a command without waiting: its end comes as an event, [`Event::Ended`], which bears the number that
    /// this returns. It leaves within some milliseconds, and at once if a thread waits for something meanwhile.
    ///
    /// # Errors
    /// If the command can't be taken.
    pub fn submit(&self, command: impl Command) -> Result<machine::RequestId, machine::CommandError> {
        self.0.shared.command(|mailbox, now| mailbox.submit(now, command))
    }

    /// Looks at the machine: its status, its user, its dialogs. Everybody else waits meanwhile: be brief, and do not call
    /// this client from within.
    pub fn with<T>(&self, look: impl FnOnce(&machine::Client) -> T) -> T {
        self.0.shared.with(|mailbox| look(&mailbox.client))
    }

    /// Connects now, instead of waiting for the time that [`Event::Reconnecting`] told.
    ///
    /// # Errors
    /// If the client is closed.
    pub fn reconnect(&self) -> Result<(), machine::CommandError> {
        self.0.shared.command(|mailbox, now| mailbox.client.reconnect(now))
    }

    /// Does not connect again when the connection breaks, or broke.
    pub fn stop_reconnecting(&self) {
        self.0.shared.command(|mailbox, now| mailbox.client.stop_reconnecting(now));
    }

    /// Closes the connection for good, and waits for the closing handshake, for
    /// [a few seconds](machine::Config::close_timeout) at most. What is under way may still be answered meanwhile.
    pub fn close(&self) {
        self.0.close();
        self.0.shared.await_end();
    }
}

impl Handle {
    fn close(&self) {
        self.shared.command(|mailbox, now| mailbox.client.close(now));
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
        // No thread outlives its client.
        self.thread.take().into_iter().for_each(|thread| drop(thread.join()));
    }
}

impl Events {
    /// The next event, for which to wait so long at most.
    ///
    /// # Errors
    /// If there is none in that time, or never again.
    pub fn next_event(&self, timeout: Duration) -> Result<Event<'static>, NoEvent> {
        if let Some(event) = self.taken.lock().unwrap_or_else(PoisonError::into_inner).pop_front() {
            return Ok(event);
        }
        // A time-out that is longer than the clock counts is none.
        let until = Instant::now().checked_add(timeout);
        let event = self.shared.wait_for(until, Mailbox::next_event);
        event.ok_or_else(|| match self.shared.with(|mailbox| mailbox.is_finished()) {
            true => NoEvent::Closed,
            false => NoEvent::TimedOut,
        })
    }
}

impl Iterator for Events {
    type Item = Event<'static>;

    fn next(&mut self) -> Option<Self::Item> {
        // Whoever has the events to itself may take several at once: nobody else waits for them.
        let taken = self.taken.get_mut().unwrap_or_else(PoisonError::into_inner);
        if taken.is_empty() {
            let take = |mailbox: &mut Mailbox<_>| mailbox.has_news().then(|| mailbox.take_events(taken));
            self.shared.wait_for(None, take)?;
        }
        taken.pop_front()
    }
}

/// What is read is nobody else's business.
impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("shared", &self.shared).finish_non_exhaustive()
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.shared.command(|mailbox, _| mailbox.drop_events());
    }
}
