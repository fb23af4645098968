//! What the application holds: a handle that commands, a stream that tells.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use async_std::channel::{Sender, TrySendError, bounded};
use futures_util::Stream;
use skaro_proto::Time;
use skaro_proto::client::{
    self as machine, Authorize, Command, ConnectError, Ended, Event, GetContacts, GetHistory, Mailbox,
    Options, RegisterType, RequestError, SendMessage, SessionRestore, Waiter,
};
use skaro_proto::message::{Contacts, Date, History, Registration, SignedIn};

use crate::dial::Target;
use crate::driver;

/// A client: commands go in, answers come back. Clones share the connection; when the last one is dropped, the
/// connection is closed properly.
///
/// Many commands may be under way at once, from many tasks. Each ends exactly once: with its answer, or with a
/// [`RequestError`] that says why there is none. A command is given when its future is first polled; if that order
/// is not enough, [`submit`](Self::submit) gives one at once. The end of a command whose future was dropped becomes
/// an event.
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
/// for message in client.get_history("bob").await?.messages {
///     println!("{}: {}", message.from.login, message.body);
/// }
/// client.close().await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client(Arc<Handle>);

/// What happens: messages, notices, connections that come and go. Must be read (or dropped): when too many events
/// wait, nothing is read from the connection any more.
pub struct Events(Arc<Shared>);

struct Handle(Arc<Shared>);

/// What handles, events and the driver share.
pub(crate) struct Shared {
    state: Mutex<State>,
    start: Instant,
    pub(crate) target: Target,
}

pub(crate) struct State {
    pub(crate) mailbox: Mailbox<Waiting>,
    /// Whether the driver has ended.
    done: bool,
    /// Who wants to know of a new event, who of anything to do, and who of the end.
    reader: Option<Waker>,
    pub(crate) driver: Option<Waker>,
    closing: Vec<Waker>,
}

/// The task that waits for the end of a command.
pub(crate) struct Waiting(Sender<Ended<'static>>);

impl Waiter for Waiting {
    fn end(self, ended: Ended<'static>) -> Result<(), Ended<'static>> {
        self.0.try_send(ended).map_err(TrySendError::into_inner)
    }
}

impl Shared {
    pub(crate) fn now(&self) -> Time {
        Time::since_epoch(self.start.elapsed())
    }

    /// Nothing in here is left half-done by a panic, so a poisoned lock is as good as any.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Wakes the application if there is something for it.
    pub(crate) fn wake_reader(&mut self) {
        if self.mailbox.waiting_events() > 0 || self.done {
            self.reader.take().into_iter().for_each(Waker::wake);
        }
    }

    fn wake_driver(&mut self) {
        self.driver.take().into_iter().for_each(Waker::wake);
    }

    /// The driver ends: nobody will be told anything any more.
    pub(crate) fn finish(&mut self) {
        self.done = true;
        self.mailbox.finish();
        self.wake_reader();
        self.closing.drain(..).for_each(Waker::wake);
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
    pub async fn connect(options: impl Into<Options>) -> Result<(Client, Events), ConnectError> {
        Self::start(Target::new(options.into())).await
    }

    /// As [`connect`](Self::connect), but this configuration of TLS decides which certificates are good.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    #[cfg(feature = "tls")]
    pub async fn connect_with_tls(
        options: impl Into<Options>,
        tls: Arc<futures_rustls::rustls::ClientConfig>,
    ) -> Result<(Client, Events), ConnectError> {
        Self::start(Target { tls: Some(tls), ..Target::new(options.into()) }).await
    }

    async fn start(target: Target) -> Result<(Client, Events), ConnectError> {
        let mut seed = [0; 8];
        // Only spreads the clients of a server over time: nothing depends on its quality.
        _ = getrandom::fill(&mut seed);
        let machine = machine::Client::new(target.options.config.clone(), u64::from_le_bytes(seed));
        let mailbox = Mailbox::new(machine, target.options.events);
        let state = State { mailbox, done: false, reader: None, driver: None, closing: Vec::new() };
        let shared = Arc::new(Shared { state: Mutex::new(state), start: Instant::now(), target });
        driver::start(shared.clone()).await?;
        Ok((Client(Arc::new(Handle(shared.clone()))), Events(shared)))
    }

    /// Gives any command, and waits for its end. All the methods below are this one.
    ///
    /// # Errors
    /// If it can't be taken, is refused, times out, or is lost with its connection.
    pub async fn request<C: Command>(&self, command: C) -> Result<C::Answer, RequestError> {
        let (sender, receiver) = bounded(1);
        let now = self.0.0.now();
        {
            let mut state = self.0.0.lock();
            state.mailbox.request(now, command, Waiting(sender))?;
            state.wake_driver();
        }
        let ended = receiver.recv().await.map_err(|_| machine::CommandError::Closed)?;
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
        self.0.command(|machine, now| command.give(machine, now))
    }

    /// Looks at the machine: its status, its user, its dialogs.
    pub fn with<T>(&self, look: impl FnOnce(&machine::Client) -> T) -> T {
        look(&self.0.0.lock().mailbox.client)
    }

    /// Connects now, instead of waiting for the time that [`Event::Reconnecting`] told.
    ///
    /// # Errors
    /// If the client is closed.
    pub fn reconnect(&self) -> Result<(), machine::CommandError> {
        self.0.command(|machine, now| machine.reconnect(now))
    }

    /// Does not connect again when the connection breaks, or broke.
    pub fn stop_reconnecting(&self) {
        self.0.command(machine::Client::stop_reconnecting);
    }

    /// Closes the connection for good, and waits for the closing handshake, for
    /// [a few seconds](machine::Config::close_timeout) at most. What is under way may still be answered meanwhile.
    pub async fn close(&self) {
        self.0.command(machine::Client::close);
        poll_fn(|cx| {
            let mut state = self.0.0.lock();
            if state.done {
                return Poll::Ready(());
            }
            state.closing.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Handle {
    fn command<T>(&self, command: impl FnOnce(&mut machine::Client, Time) -> T) -> T {
        let now = self.0.now();
        let mut state = self.0.lock();
        let result = command(&mut state.mailbox.client, now);
        state.wake_driver();
        result
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.command(machine::Client::close);
    }
}

impl Stream for Events {
    type Item = Event<'static>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.0.lock();
        if let Some(event) = state.mailbox.next_event() {
            if state.mailbox.has_made_room() {
                state.wake_driver();
            }
            return Poll::Ready(Some(event));
        }
        if state.done {
            return Poll::Ready(None);
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.mailbox.drop_events();
        state.wake_driver();
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.with(|machine| machine.fmt(f))
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}
