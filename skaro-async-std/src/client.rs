//! What the application holds: a handle that commands, a stream that tells.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_std::channel::Receiver;
use futures_util::Stream;
use skaro_proto::client::{
    self as machine, Authorize, Command, ConnectError, Event, GetContacts, GetHistory, Options, RegisterType,
    RequestError, SendMessage, SessionRestore,
};
use skaro_proto::message::{Contacts, Date, History, Registration, SignedIn};
use skaro_proto::tungstenite::Access;

use crate::dial::Target;
use crate::driver;
use crate::shared::Shared;
use crate::wakes::Guest;

/// A client: commands go in, answers come back. Clones share the connection; when the last one is dropped, the
/// connection is closed properly.
///
/// Many commands may be under way at once, from many tasks. Each ends exactly once: with its answer, or with a
/// [`RequestError`] that says why there is none. A command is given when its future is first polled; if that order
/// is not enough, [`submit`](Self::submit) gives one at once. The end of a command whose future was dropped becomes
/// an event.
///
/// A future that waits, for an answer or for [`Events`], looks after the connection meanwhile: that spares a change of
/// tasks. If it is woken and not polled, the client's own task does so after ten milliseconds.
///
/// ```no_run
/// use skaro_async_std::{Client, Options, proto::Format};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mut options = Options::new("wss://chat.example.org/skaro_client/");
/// options.format = Some(Format::Json);
/// options.config.keep_credentials = true;
/// let (client, events) = Client::connect(options).await?;
/// client.authorize("alice", "correct horse").await?;
/// for message in client.get_history("bob").await? {
///     println!("{}: {}", message.from.login, message.body);
/// }
/// client.close().await;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Client(Arc<Handle>);

/// What happens: messages, notices, connections that come and go. Must be read (or dropped): when too many events
/// wait, nothing is read from the connection any more.
pub struct Events {
    shared: Arc<Shared>,
    /// Taken from the mailbox together, and not handed on yet.
    taken: VecDeque<Event<'static>>,
}

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    /// Yields nothing, until the driver ends.
    ended: Receiver<Infallible>,
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
    pub async fn connect(options: impl Into<Options>) -> Result<(Client, Events), ConnectError> {
        Self::start(Target::new(options.into(), None)?).await
    }

    /// As [`connect`](Self::connect), but this configuration of TLS decides which certificates are good.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    #[cfg(feature = "tls")]
    pub async fn connect_with_tls(
        options: impl Into<Options>,
        tls: Arc<crate::rustls::ClientConfig>,
    ) -> Result<(Client, Events), ConnectError> {
        Self::start(Target::new(options.into(), Some(tls))?).await
    }

    async fn start(target: Target) -> Result<(Client, Events), ConnectError> {
        let shared = Arc::new(Shared::new(target));
        let ended = driver::start(shared.clone()).await?;
        Ok((
            Client(Arc::new(Handle { shared: shared.clone(), ended })),
            Events { shared, taken: VecDeque::new() },
        ))
    }

    /// Gives any command, and waits for its end. All the methods below are this one.
    ///
    /// # Errors
    /// If it can't be taken, is refused, times out, or is lost with its connection.
    pub async fn request<C: Command>(&self, command: C) -> Result<C::Answer, RequestError> {
        let ended = self.0.shared.request(command)?.await?;
        ended.into_answer::<C>()
    }

    /// Signs in: proves to know the password without sending it.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub async fn authorize(&self, login: &str, password: &str) -> Result<SignedIn<'static>, RequestError> {
        self.request(Authorize { login, password }).await
    }

    /// Asks how one can register on the server.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub async fn register_type(&self) -> Result<Registration<'static>, RequestError> {
        self.request(RegisterType).await
    }

    /// Goes on with a session whose connection broke no more than five minutes ago.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub async fn session_restore(&self, sid: &str) -> Result<SignedIn<'static>, RequestError> {
        self.request(SessionRestore { sid }).await
    }

    /// Asks for all the users whom the user knows.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub async fn get_contacts(&self) -> Result<Contacts<'static>, RequestError> {
        self.request(GetContacts).await
    }

    /// Asks for the messages exchanged with another user; after a reconnection, [`History::unseen`] tells which of
    /// them are new.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub async fn get_history(&self, login: &str) -> Result<History<'static>, RequestError> {
        self.request(GetHistory { login }).await
    }

    /// Sends a message, and waits until the server has taken it; tells when that was.
    ///
    /// # Errors
    /// As [`request`](Self::request). If it is [lost](machine::Failure::Lost), it may be unknown whether the server took it.
    pub async fn send_message(&self, to: &str, body: &str) -> Result<Option<Date<'static>>, RequestError> {
        self.request(SendMessage { to, body, marker: None }).await
    }

    /// Gives a command without waiting: its end comes as an event, [`Event::Ended`], which bears the number that
    /// this returns.
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
    pub async fn close(&self) {
        self.0.close();
        // An error: there is nobody any more who could send anything.
        _ = self.0.ended.recv().await;
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
    }
}

impl Stream for Events {
    type Item = Event<'static>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Events { shared, taken } = &mut *self;
        if taken.is_empty() {
            ready!(shared.poll_events(taken, cx));
        }
        Poll::Ready(taken.pop_front())
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
        self.shared.wakes.leave(Guest::Events);
        self.shared.command(|mailbox, _| mailbox.drop_events());
    }
}
