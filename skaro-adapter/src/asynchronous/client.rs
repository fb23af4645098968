//! The handle that takes commands, and the stream of events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_channel::oneshot;
use futures_core::Stream;
use futures_util::{FutureExt, future};
use skaro_proto::Secret;
use skaro_proto::client::{
    self as machine, Authorize, Command, CommandError, Event, GetContacts, GetHistory, RegisterType,
    RequestError, RequestId, SendMessage, SessionRestore, Status,
};
use skaro_proto::message::{Contacts, Date, History, Registration, SignedIn};

use super::runtime::Runtime;
use super::shared::Shared;
use super::task;
use crate::error::ConnectError;
use crate::options::Options;

/// A client: commands go in, answers come back.
///
/// Clones share the connection. When the last one is dropped, the connection is closed properly.
///
/// Many commands may be under way at once, from many tasks. Each ends exactly once: with its answer, or with a
/// [`RequestError`] that says why there is none. A command is given when its future is first polled; if that order
/// is not enough, [`submit`](Self::submit) gives one at once. The end of a command whose future was dropped becomes
/// an [`Event::Ended`].
pub struct Client<R> {
    handle: Arc<Handle>,
    runtime: PhantomData<fn() -> R>,
}

/// What happens on a client's connections: a [`Stream`], and [`next`](Self::next) without one.
///
/// Read them, or drop them. While many wait, nothing is read from the connection unless somebody waits for an answer; if
/// too many wait even so, the connection ends with a reason that says so.
#[must_use = "events must be read or dropped: while many wait, nothing is read from the connection"]
pub struct Events {
    shared: Arc<Shared>,
    /// Taken together, and not handed on yet.
    taken: VecDeque<Event<'static>>,
}

struct Handle {
    shared: Arc<Shared>,
    /// Yields nothing, until the client's task ends.
    ended: future::Shared<oneshot::Receiver<Infallible>>,
}

impl<R: Runtime> Client<R> {
    /// Connects to a server, and waits until it has spoken.
    ///
    /// From then on the connection looks after itself, as [`Config`](machine::Config) says: if it is lost, the events
    /// tell, and tell when it is back. A URL with `wss://` is connected to by TLS; unless the options say otherwise, the
    /// system's trust roots decide whether the server's certificate is good.
    ///
    /// # Errors
    /// If the first connection does not come about. (For later ones see [`Event::Reconnecting`].)
    pub async fn connect(options: impl Into<Options>) -> Result<(Client<R>, Events), ConnectError> {
        let (shared, ended) = task::start::<R>(options.into()).await?;
        let handle = Handle { shared: shared.clone(), ended: ended.shared() };
        let client = Client { handle: Arc::new(handle), runtime: PhantomData };
        Ok((client, Events { shared, taken: VecDeque::new() }))
    }
}

impl<R> Client<R> {
    /// Gives any command, and waits for its end. All the commands below are this one.
    ///
    /// # Errors
    /// If it can't be taken, is refused, times out, or is lost with its connection.
    pub async fn request<C: Command>(&self, command: C) -> Result<C::Answer, RequestError> {
        let ended = self.handle.shared.request(command)?.await?;
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

    /// Sends a message, and waits until the server has taken it; returns when that was, if the server tells.
    ///
    /// # Errors
    /// As [`request`](Self::request). If it is [lost](machine::Failure::Lost), it may be unknown whether the server
    /// took it.
    pub async fn send_message(&self, to: &str, body: &str) -> Result<Option<Date<'static>>, RequestError> {
        self.request(SendMessage { to, body, marker: None }).await
    }

    /// Gives a command without waiting: its end comes as an event, [`Event::Ended`], which bears the number that
    /// this returns.
    ///
    /// # Errors
    /// If the command can't be taken.
    pub fn submit(&self, command: impl Command) -> Result<RequestId, CommandError> {
        self.handle.shared.command(|mailbox, now| mailbox.submit(now, command))
    }

    /// Returns what the client is doing.
    pub fn status(&self) -> Status {
        self.with(machine::Client::status)
    }

    /// Returns the login of the user who is signed in, or was when the connection broke.
    pub fn user(&self) -> Option<String> {
        self.with(|machine| machine.user().map(String::from))
    }

    /// Returns what [`session_restore`](Self::session_restore) takes, for five minutes after the connection broke.
    pub fn session_id(&self) -> Option<Secret> {
        self.with(|machine| machine.session_id().cloned())
    }

    /// Looks at the machine, for whatever has no method here.
    ///
    /// Everybody else waits meanwhile: be brief, and do not call this client from within, which would never return.
    pub fn with<T>(&self, look: impl FnOnce(&machine::Client) -> T) -> T {
        self.handle.shared.with(|driver| look(driver.mailbox().client()))
    }

    /// Connects now, instead of waiting for the time that [`Event::Reconnecting`] told.
    ///
    /// # Errors
    /// If the client is closed.
    pub fn reconnect(&self) -> Result<(), CommandError> {
        self.handle.shared.command(|mailbox, now| mailbox.reconnect(now))
    }

    /// Does not connect again when the connection breaks, or broke.
    pub fn stop_reconnecting(&self) {
        self.handle.shared.command(|mailbox, now| mailbox.stop_reconnecting(now));
    }

    /// Closes the connection for good, and waits for the closing handshake, for
    /// [a few seconds](machine::Config::close_timeout) at most. What is under way may still be answered meanwhile.
    pub async fn close(&self) {
        self.handle.close();
        // An error: there is nobody any more who could send anything.
        _ = self.handle.ended.clone().await;
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
    }
}

impl<R> Clone for Client<R> {
    fn clone(&self) -> Self {
        Client { handle: self.handle.clone(), runtime: PhantomData }
    }
}

impl<R> fmt::Debug for Client<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.handle.shared).finish()
    }
}

impl Events {
    /// Waits for the next event; `None` when the client is closed, and all have been read.
    pub async fn next(&mut self) -> Option<Event<'static>> {
        future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<Option<Event<'static>>> {
        if self.taken.is_empty() {
            ready!(self.shared.poll_events(&mut self.taken, cx));
        }
        Poll::Ready(self.taken.pop_front())
    }
}

impl Stream for Events {
    type Item = Event<'static>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx)
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
