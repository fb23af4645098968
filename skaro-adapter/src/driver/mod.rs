//! A client as a value: its machine and its connection, without I/O.

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;

use skaro_proto::Time;
use skaro_proto::client::{Client, Disconnect, Status};

use crate::error::ConnectError;
use crate::log::{debug, warn};
use crate::mailbox::{Mailbox, Waiter};
use crate::websocket::{Phase, Received, Role, WebSocket};

/// A client's machine, its [`Mailbox`], and its [`WebSocket`] while there is a connection.
///
/// An adapter keeps it in a mutex, and connects, reads, writes and waits without holding the lock:
///
/// 1. Connect to the [`Target`](crate::Target), and do the handshakes. Then call [`dialed`](Self::dialed), and
///    [`handle_confidential`](Self::handle_confidential) if nobody can listen.
/// 2. Call [`drive`](Self::drive), also after commands and at the deadline that it returned. It returns the next
///    action: dial, stop, or wait.
/// 3. [Fill](crate::Link::fill) the link with [`take_output`](Self::take_output), and unlock.
/// 4. Take a [turn](crate::Link::turn) of the link, which reads if [`wants_bytes`](Self::wants_bytes), at most 16 KiB
///    at once. If it returns something, lock, call [`handle_read`](Self::handle_read), and go to step 2; otherwise
///    wait.
/// 5. If there is no connection any more ([`has_connection`](Self::has_connection)), take a last turn without reading,
///    and drop the socket.
///
/// An example with a server's [`Connection`](crate::Connection), and no network between them:
///
/// ```
/// use std::convert::Infallible;
/// use skaro_adapter::http::ClientHandshake;
/// use skaro_adapter::{Connection, Driver, Next, Options, Url};
/// use skaro_proto::client::{Authorize, Client, Event, Status};
/// use skaro_proto::{Time, server};
///
/// let mut machine = server::Server::new(server::ServerConfig::default(), [7; 32]);
/// machine.add_user("alice", "correct horse")?;
/// let id = machine.handle_accepted(Time::ZERO, Default::default())?;
/// let mut connection = Connection::new(id, None);
///
/// let options = Options::from("ws://127.0.0.1:8000/skaro_client/");
/// let mut driver: Driver<Infallible> =
///     Driver::new(Client::new(options.config.clone(), [1; 32]), options.event_capacity);
///
/// // The opening handshake: bytes go back and forth.
/// let now = Time::ZERO; // a real adapter asks its clock
/// let (mut handshake, request) = ClientHandshake::new(&Url::parse(&options.url)?, &options)?;
/// let mut buffer = Vec::new();
/// connection.handle_bytes(&request);
/// connection.turn(now, || &mut machine);
/// connection.take_output(&mut buffer);
/// let mut input = &buffer[..];
/// assert!(handshake.receive(&mut input)?);
/// driver.dialed(now, Ok(()));
/// driver.handle_bytes(now, input);
///
/// while !driver.mailbox().client().is_authorized() {
///     while let Some(event) = driver.mailbox_mut().next_event() {
///         if matches!(event, Event::Connected { .. }) {
///             let sign_in = Authorize { login: "alice", password: "correct horse" };
///             driver.mailbox_mut().submit(now, sign_in)?;
///         }
///     }
///     // The client's turn, the server's turn: an adapter would wait as long as these return.
///     assert!(matches!(driver.drive(now), Next::Idle { .. }));
///     buffer.clear();
///     driver.take_output(&mut buffer);
///     connection.handle_bytes(&buffer);
///     connection.turn(now, || &mut machine);
///     buffer.clear();
///     connection.take_output(&mut buffer);
///     driver.handle_bytes(now, &buffer);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Driver<W> {
    mailbox: Mailbox<W>,
    websocket: Option<WebSocket>,
    /// The remaining output of a closed WebSocket.
    last_output: Vec<u8>,
    has_been_connected: bool,
}

/// Hides the output.
impl<W> fmt::Debug for Driver<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Driver");
        shown.field("mailbox", &self.mailbox).field("websocket", &self.websocket).finish_non_exhaustive()
    }
}

/// The next action of an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an adapter must handle each action")]
pub enum Next {
    /// Wait for bytes, a command, or this deadline.
    Idle {
        /// The time of the next call of `drive`; `None` if there is none.
        until: Option<Time>,
    },
    /// Connect, unless an attempt is running already, and wait as if idle.
    Dial {
        /// The time of the next call of `drive`.
        until: Option<Time>,
    },
    /// The client is closed: finish the mailbox, and end.
    Closed,
}

/// Methods for the application's side.
impl<W: Waiter> Driver<W> {
    /// Creates a driver for a client without a connection. Reading pauses while this many events wait.
    #[must_use]
    pub fn new(client: Client, event_capacity: usize) -> Self {
        let mailbox = Mailbox::new(client, event_capacity);
        Driver { mailbox, websocket: None, last_output: Vec::new(), has_been_connected: false }
    }

    /// Returns the mailbox.
    #[must_use]
    pub const fn mailbox(&self) -> &Mailbox<W> {
        &self.mailbox
    }

    /// Returns the mailbox for commands and events. Call [`drive`](Self::drive) after commands, and after taking events
    /// if there is [room again](Mailbox::has_room_again).
    pub const fn mailbox_mut(&mut self) -> &mut Mailbox<W> {
        &mut self.mailbox
    }
}

/// Methods for the connection's side.
impl<W: Waiter> Driver<W> {
    /// Reports the result of dialing, and returns the connection if the client still wants it.
    ///
    /// Report failures only of later connections: if the first one fails, drop the client instead.
    pub fn dialed<C>(&mut self, now: Time, result: Result<C, ConnectError>) -> Option<C> {
        let status = self.mailbox.client().status();
        let is_first = !self.has_been_connected && status == Status::Offline;
        let connection = match result {
            Ok(connection) if is_first || status == Status::Dialing => connection,
            Ok(_) => return None,
            Err(error) => {
                warn!("dialing failed: {error}");
                if status == Status::Dialing {
                    self.mailbox.handle(|client| client.handle_disconnected(now, error.into()));
                }
                return None;
            }
        };
        debug!("the handshakes are done");
        self.has_been_connected = true;
        self.mailbox.handle(|client| client.handle_connected(now));
        self.mailbox.forget_pause();
        let limit = self.mailbox.client().config().limits.max_frame_bytes;
        self.websocket = Some(WebSocket::new(Role::Client, limit));
        self.last_output = Vec::new();
        Some(connection)
    }

    /// Marks the [dialed](Self::dialed) connection as confidential: nobody can listen to it.
    ///
    /// Call this if [`Target::is_confidential`](crate::Target::is_confidential) returns true. The client sends
    /// passwords themselves over confidential connections only.
    pub fn handle_confidential(&mut self) {
        self.mailbox.handle(Client::handle_confidential);
    }

    /// Returns whether there is a connection. Keep the socket exactly as long.
    #[must_use]
    pub fn has_connection(&self) -> bool {
        self.mailbox.client().status().has_connection()
    }

    /// Returns whether to read from the connection. Ask again after [`drive`](Self::drive).
    #[must_use]
    pub fn wants_bytes(&self) -> bool {
        self.websocket.is_some() && self.mailbox.wants_frames()
    }

    /// Handles what [`Link::turn`](crate::Link::turn) returned.
    pub fn handle_read(&mut self, now: Time, read: io::Result<Option<&[u8]>>) {
        match read {
            Ok(Some(bytes)) => self.handle_bytes(now, bytes),
            Ok(None) => self.handle_end(now, None),
            Err(error) => self.handle_end(now, Some(error)),
        }
    }

    /// Handles bytes read from the connection. All of them are processed in this call, so read little at once.
    pub fn handle_bytes(&mut self, now: Time, bytes: &[u8]) {
        let mut input = bytes;
        while let Some(websocket) = &mut self.websocket {
            let mailbox = &mut self.mailbox;
            match websocket.receive(&mut input) {
                Ok(None) => return,
                Ok(Some(Received::Message(frame))) => mailbox.handle_frame(now, frame),
                Ok(Some(Received::SignOfLife)) => mailbox.handle(|client| client.handle_pong(now)),
                Ok(Some(Received::Closing(reason))) => {
                    mailbox.handle(|client| client.handle_disconnected(now, reason));
                }
                Err(error) => {
                    websocket.close(error.close_code().code());
                    mailbox.handle(|client| client.handle_disconnected(now, error.into()));
                }
            }
            self.drop_lost();
        }
    }

    /// Reports that the connection has ended: closed without a closing handshake, or broken.
    pub fn handle_end(&mut self, now: Time, error: Option<io::Error>) {
        let reason = match error {
            None => Disconnect::Closed { code: None, reason: String::new() },
            Some(error) => Disconnect::Failed(error.to_string()),
        };
        self.websocket = None;
        self.last_output = Vec::new();
        if self.has_connection() {
            self.mailbox.handle(|client| client.handle_disconnected(now, reason));
        }
    }

    /// Ends the client at once, without a closing handshake, for an adapter that can't go on.
    pub fn abandon(&mut self, now: Time) {
        self.mailbox.close(now);
        self.handle_end(now, None);
        self.mailbox.finish();
    }

    /// Gives the machine the time, fetches its output, and returns the next action.
    pub fn drive(&mut self, now: Time) -> Next {
        if self.mailbox.waits_for_room() {
            self.mailbox.update_pause(now);
            return Next::Idle { until: None };
        }
        self.mailbox.handle(|client| client.handle_timeout(now));
        self.drop_lost();
        let client = self.mailbox.client_mut();
        match &mut self.websocket {
            // Frames that stay in the machine are known not to have been sent.
            Some(websocket) => {
                while websocket.has_room()
                    && let Some(transmit) = client.poll_transmit()
                {
                    websocket.send(transmit);
                }
            }
            None => while client.poll_transmit().is_some() {},
        }
        self.mailbox.update_pause(now);
        let client = self.mailbox.client();
        let until = client.poll_timeout();
        match client.status() {
            Status::Closed => Next::Closed,
            Status::Dialing => Next::Dial { until },
            _ => Next::Idle { until },
        }
    }

    /// Swaps the output into an empty buffer, whose memory is reused for further output. Does nothing if the buffer is
    /// not empty, so that the data being written has a limit, beyond which frames wait in the machine.
    pub fn take_output(&mut self, into: &mut Vec<u8>) {
        match &mut self.websocket {
            Some(websocket) => websocket.take_output(into),
            None if into.is_empty() => *into = std::mem::take(&mut self.last_output),
            None => (),
        }
    }

    /// Drops the WebSocket of a connection that the machine has given up. A queued Close frame is still written.
    fn drop_lost(&mut self) {
        if self.has_connection() {
            return;
        }
        if let Some(mut websocket) = self.websocket.take()
            && websocket.phase() != Phase::Open
        {
            websocket.take_output(&mut self.last_output);
        }
    }
}
