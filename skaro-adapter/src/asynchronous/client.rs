//! The client's handle and its stream of events.

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
    self as machine, Accepted, Authorize, Command, CommandError, Event, GetContacts, GetHistory, Read,
    RegisterType, RequestError, RequestId, SendMessage, SessionRestore, Status,
};
use skaro_proto::message::{Contacts, History, Registration, SignedIn};

use super::runtime::Runtime;
use super::shared::Shared;
use super::task;
use crate::error::ConnectError;
use crate::options::Options;

/// A client's handle: gives commands, and returns their answers.
///
/// Clones share the connection, which is closed properly when the last clone is dropped.
///
/// Any number of commands may run at once, from any tasks. Each ends exactly once: with its answer, or with a
/// [`RequestError`]. A command is given when its future is first polled; to give one at once, use
/// [`submit`](Self::submit). If the future of a command is dropped, its end becomes an [`Event::Ended`].
pub struct Client<R> {
    handle: Arc<Handle>,
    runtime: PhantomData<fn() -> R>,
}

/// The events of a client: a [`Stream`], with a method [`next`](Self::next) that needs no trait.
///
/// Read the events, or drop this value. With a server that keeps logs, 256 entries or 1 MiB wait here at most.
/// With any other server, the connection is not read while many events wait, unless a command waits for its answer. If
/// too many events wait even then, the connection ends with a reason that says so.
#[must_use = "events must be read or dropped: while many wait, nothing is read from the connection"]
pub struct Events {
    shared: Arc<Shared>,
    /// Taken from the driver, and not returned by `next` yet.
    taken: VecDeque<Event<'static>>,
}

struct Handle {
    shared: Arc<Shared>,
    /// Resolves when the client's task ends; never yields a value.
    ended: future::Shared<oneshot::Receiver<Infallible>>,
}

impl<R: Runtime> Client<R> {
    /// Connects to a server, and waits for its first message.
    ///
    /// Later the client reconnects by itself, as [`ClientConfig`](machine::ClientConfig) says: events report when the
    /// connection is lost and when it is back. A `wss://` URL uses TLS; unless the options say otherwise, the system's
    /// trust roots decide which certificates are valid.
    ///
    /// # Errors
    /// If the first connection fails. (Failures of later ones are reported by [`Event::Reconnecting`].)
    pub async fn connect(options: impl Into<Options>) -> Result<(Client<R>, Events), ConnectError> {
        let (shared, ended) = task::start::<R>(options.into()).await?;
        let handle = Handle { shared: shared.clone(), ended: ended.shared() };
        let client = Client { handle: Arc::new(handle), runtime: PhantomData };
        Ok((client, Events { shared, taken: VecDeque::new() }))
    }
}

impl<R> Client<R> {
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
    pub async fn request<C: Command>(&self, command: C) -> Result<C::Answer, RequestError> {
        let ended = self.handle.shared.request(command)?.await?;
        ended.into_answer::<C>()
    }

    /// Signs in by proving knowledge of the password, which is not sent.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub async fn authorize(&self, login: &str, password: &str) -> Result<SignedIn<'static>, RequestError> {
        self.request(Authorize { login, password }).await
    }

    /// Asks whether and how users can register on the server.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub async fn register_type(&self) -> Result<Registration<'static>, RequestError> {
        self.request(RegisterType).await
    }

    /// Restores a session whose connection broke at most five minutes ago.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub async fn session_restore(&self, sid: &str) -> Result<SignedIn<'static>, RequestError> {
        self.request(SessionRestore { sid }).await
    }

    /// Asks for the user's contacts.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub async fn get_contacts(&self) -> Result<Contacts<'static>, RequestError> {
        self.request(GetContacts).await
    }

    /// Asks for the last messages exchanged with another user.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub async fn get_history(&self, login: &str) -> Result<History<'static>, RequestError> {
        self.request(GetHistory::new(login)).await
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
    pub async fn send_message(&self, to: &str, body: &str) -> Result<Accepted, RequestError> {
        self.request(SendMessage::new(to, body)).await
    }

    /// Marks a dialog as read up to a position in the user's log.
    ///
    /// The mark holds for all of the user's devices, and for the unread counts in contacts.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub async fn read(&self, login: &str, up_to: u64) -> Result<(), RequestError> {
        self.request(Read { login, up_to }).await
    }

    /// Tells a user, or the members of a conference, that the user is typing.
    ///
    /// The notice has no answer and may be lost. While the user types, call this at most once every 5 seconds.
    ///
    /// # Errors
    /// If nobody is signed in, or the server does not support it.
    pub fn typing(&self, login: &str) -> Result<(), CommandError> {
        self.handle.shared.command(|mailbox, now| mailbox.typing(now, login))
    }

    /// Gives a command without waiting. It ends with an [`Event::Ended`] that has the returned number.
    ///
    /// # Errors
    /// If the command can't be given.
    pub fn submit(&self, command: impl Command) -> Result<RequestId, CommandError> {
        self.handle.shared.command(|mailbox, now| mailbox.submit(now, command))
    }

    /// Returns the state of the client.
    pub fn status(&self) -> Status {
        self.with(machine::Client::status)
    }

    /// Returns the login of the user who is signed in, or who was when the connection broke.
    #[must_use]
    pub fn user(&self) -> Option<String> {
        self.with(|machine| machine.user().map(String::from))
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
        self.handle.shared.with(|driver| look(driver.mailbox().client()))
    }

    /// Connects now, instead of at the time in [`Event::Reconnecting`].
    ///
    /// # Errors
    /// If the client is closed.
    pub fn reconnect(&self) -> Result<(), CommandError> {
        self.handle.shared.command(|mailbox, now| mailbox.reconnect(now))
    }

    /// Stops reconnecting, now and after later disconnects.
    pub fn stop_reconnecting(&self) {
        self.handle.shared.command(|mailbox, now| mailbox.stop_reconnecting(now));
    }

    /// Closes the connection for good, and waits for the closing handshake.
    ///
    /// The wait takes at most [`close_timeout`](machine::ClientConfig::close_timeout). Running commands may still be
    /// answered meanwhile. The session can be restored for 5 minutes; sign out to end it.
    pub async fn close(&self) {
        self.handle.close();
        // An error is the expected end: the sender never sends.
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
    /// Waits for the next event. Returns `None` once the client is closed and all events were read.
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

/// Hides the events, which may be private.
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
