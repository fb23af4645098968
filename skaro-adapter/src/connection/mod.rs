//! One connection of a server as a value, without I/O.

mod incoming;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::ops::DerefMut;
use std::time::Duration;

use skaro_proto::Time;
use skaro_proto::server::{ConnectionId, Server};

use crate::http::{AddressHeader, Reply, ServerHandshake, Upgrade, unavailable};
use crate::websocket::{Phase, Received, Role, WebSocket, WebSocketError};
use incoming::{Incoming, Ready};

/// Bytes to read before each turn. Decoding and handling them delays all other connections.
pub const READ_AT_ONCE: usize = 16 << 10;

/// Messages to split off before each turn. They wait in memory until the machine wants them.
const MESSAGES_AT_ONCE: usize = 256;

/// Time during which a connection is read on after it was refused: a system that closes a socket with unread input
/// resets the connection, and the peer might not receive the refusal.
const LINGER: Duration = Duration::from_secs(2);

/// Time without activity after which buffers are freed.
const IDLE: Duration = Duration::from_secs(10);

/// One connection of a server, from first byte to last: the opening handshake, then a WebSocket.
///
/// The task of a connection that the machine has [accepted](Server::handle_accepted) repeats:
///
/// 1. Read at most [`READ_AT_ONCE`] bytes, if [`wants_bytes`](Self::wants_bytes), and call
///    [`handle_bytes`](Self::handle_bytes), which turns bytes into messages.
/// 2. Call [`turn`](Self::turn), which locks the machine for a moment, handles the messages that it wants, and fetches
///    frames.
/// 3. Call [`take_output`](Self::take_output) and write. If the written buffer had more than
///    [`OUTPUT_AT_ONCE`](crate::websocket::OUTPUT_AT_ONCE) bytes, or the write had to wait, there may be more: go to
///    step 2.
/// 4. Wait for bytes, for the machine ([`Server::poll_ready`] reports connections with work), or for the deadline that
///    `turn` returned; don't wait if it returned [`Turn::Again`].
///
/// When the connection ends, call [`Server::handle_disconnected`]. [`Driver`](crate::Driver) has an example.
pub struct Connection {
    id: ConnectionId,
    stage: Stage,
    /// Received, and not handled by the machine yet: it came after the last turn, or the machine wants no more for now.
    incoming: VecDeque<Incoming>,
    /// Input behind these, at most one read.
    unread: Vec<u8>,
    /// Output outside of the WebSocket, or to be written before the WebSocket's output.
    output: Vec<u8>,
    wants_frames: bool,
    max_frame_bytes: usize,
    /// Bytes read since the last turn.
    read: usize,
    /// Messages split off since the last turn.
    messages: usize,
    /// The time to free buffers; `None` if they are freed.
    idle_at: Option<Time>,
}

#[derive(Debug)]
enum Stage {
    Handshake(ServerHandshake),
    Upgrade(Box<Upgrade>),
    Open(WebSocket),
    /// The request was refused; input is discarded for a while that begins with the next turn.
    Lingering {
        until: Option<Time>,
    },
    Gone,
}

/// The next action of a connection's task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an adapter must handle each action")]
pub enum Turn {
    /// Write, and wait for bytes, for the machine, or for this deadline.
    Idle {
        /// The deadline of the next turn; `None` if there is none.
        until: Option<Time>,
    },
    /// Write, and take the next turn: messages are left that the machine wants.
    Again,
    /// Write the output as far as possible without waiting, and drop the connection.
    Gone,
}

/// Shows neither input nor output.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Connection");
        shown.field("id", &self.id).field("stage", &self.stage).finish_non_exhaustive()
    }
}

impl Connection {
    /// Creates a connection that the machine has just accepted. The header, if any, is trusted to contain the client's
    /// address.
    #[must_use]
    pub const fn new(id: ConnectionId, address_header: Option<AddressHeader>) -> Self {
        Connection {
            id,
            stage: Stage::Handshake(ServerHandshake::new(address_header)),
            incoming: VecDeque::new(),
            unread: Vec::new(),
            output: Vec::new(),
            wants_frames: true,
            max_frame_bytes: 0,
            read: 0,
            messages: 0,
            idle_at: None,
        }
    }

    /// Returns whether to read from the connection. Ask again after each turn.
    #[must_use]
    pub fn wants_bytes(&self) -> bool {
        match self.stage {
            Stage::Handshake(_) => true,
            Stage::Open(_) | Stage::Lingering { .. } => self.wants_frames && self.has_handled_all(),
            Stage::Upgrade(_) | Stage::Gone => false,
        }
    }

    fn has_handled_all(&self) -> bool {
        self.incoming.is_empty() && self.unread.is_empty()
    }

    /// Splits the input into messages for the next turn, and keeps what is behind them for further turns.
    pub fn handle_bytes(&mut self, input: &[u8]) {
        self.read += input.len();
        let mut rest = input;
        if self.unread.is_empty() {
            self.split(&mut rest);
        }
        self.unread.extend_from_slice(rest);
    }

    /// Splits input into messages, and advances it past the bytes that were used.
    fn split(&mut self, input: &mut &[u8]) {
        match &mut self.stage {
            Stage::Handshake(handshake) => match handshake.receive(input) {
                Reply::NeedMore => (),
                Reply::Upgrade(upgrade) => self.stage = Stage::Upgrade(Box::new(upgrade)),
                Reply::Refuse(response) => {
                    *input = &[];
                    self.refuse(response);
                }
            },
            Stage::Open(websocket) => self.messages += receive(websocket, input, &mut self.incoming),
            Stage::Lingering { .. } | Stage::Gone => *input = &[],
            // The next turn handles the request first.
            Stage::Upgrade(_) => (),
        }
    }

    /// Splits what was kept, as far as there is room for further messages.
    fn split_unread(&mut self) {
        let unread = mem::take(&mut self.unread);
        let mut rest = &unread[..];
        self.split(&mut rest);
        let used = unread.len() - rest.len();
        self.unread = unread;
        self.unread.drain(..used);
    }

    fn refuse(&mut self, response: Vec<u8>) {
        self.output = response;
        self.unread = Vec::new();
        self.stage = Stage::Lingering { until: None };
    }

    /// Lets the machine handle the messages that it wants, fetches its frames, and returns the next action. Messages
    /// are decoded before the machine is locked.
    pub fn turn<S: DerefMut<Target = Server>>(&mut self, now: Time, lock: impl FnOnce() -> S) -> Turn {
        if !self.unread.is_empty() {
            self.split_unread();
        }
        let mut incoming = mem::take(&mut self.incoming);
        // Those that the machine does not want at present are decoded later, not at each turn.
        let early = if self.wants_frames { incoming.len() } else { 0 };
        let decoded: Vec<_> = incoming.iter().take(early).map(|it| it.decode(self.max_frame_bytes)).collect();
        let server = &mut *lock();
        self.upgrade(now, server);
        let frames = self.websocket().map_or(0, WebSocket::take_frames);
        // Each message counts by itself when it is handled.
        let others = frames.saturating_sub(mem::take(&mut self.messages));
        server.handle_read(now, self.id, mem::take(&mut self.read), others);
        let (mut decoded, mut handled) = (decoded.into_iter(), 0);
        for next in &incoming {
            if !server.wants_frames(self.id) {
                break;
            }
            let ready = decoded.next().unwrap_or_else(|| next.decode(self.max_frame_bytes));
            self.hand_over(now, server, ready);
            handled += 1;
        }
        drop(decoded);
        incoming.drain(..handled);
        self.incoming = incoming;
        let has_worked = handled > 0;
        let has_worked = self.fetch(server) || has_worked;
        self.wants_frames = server.wants_frames(self.id);
        let has_handled_all = self.has_handled_all();
        match &mut self.stage {
            Stage::Open(websocket) if websocket.phase() == Phase::Closed && has_handled_all => {
                server.handle_disconnected(now, self.id);
                self.end()
            }
            // The machine drops a connection without a handshake to make room, or after a closing handshake that took
            // too long.
            _ if !server.has_connection(self.id) => self.end(),
            Stage::Handshake(_) => Turn::Idle { until: None },
            Stage::Open(websocket) => {
                self.max_frame_bytes = server.max_frame_bytes(self.id);
                websocket.set_max_message_bytes(self.max_frame_bytes);
                if self.wants_frames && !has_handled_all { Turn::Again } else { self.rest(now, has_worked) }
            }
            Stage::Lingering { until } if until.is_none_or(|until| now < until) => {
                let until = *until.get_or_insert(now + LINGER);
                Turn::Idle { until: Some(until) }
            }
            Stage::Upgrade(_) | Stage::Lingering { .. } | Stage::Gone => self.end(),
        }
    }

    /// Starts the WebSocket, if the opening handshake is done.
    fn upgrade(&mut self, now: Time, server: &mut Server) {
        let Stage::Upgrade(upgrade) = &mut self.stage else { return };
        if let Some(address) = upgrade.address
            && let Err(why) = server.handle_forwarded(now, self.id, address)
        {
            return self.refuse(unavailable(&why.to_string()));
        }
        server.handle_connected(now, self.id, upgrade.format);
        self.output = mem::take(&mut upgrade.response);
        self.max_frame_bytes = server.max_frame_bytes(self.id);
        self.stage = Stage::Open(WebSocket::new(Role::Server, self.max_frame_bytes));
    }

    fn hand_over(&mut self, now: Time, server: &mut Server, ready: Ready<'_>) {
        match ready {
            // The machine itself reports errors to the client.
            Ready::Message(decoded) => _ = server.handle_message(now, self.id, decoded),
            Ready::SignOfLife => server.handle_pong(now, self.id),
            // The WebSocket has queued the answer.
            Ready::Closing => (),
            Ready::Failed(WebSocketError::TooLarge { .. }) => server.handle_oversized(now, self.id),
            Ready::Failed(error) => server.handle_failed(now, self.id, error.close_code()),
        }
    }

    /// Fetches frames while little output waits; returns whether there were any.
    fn fetch(&mut self, server: &mut Server) -> bool {
        let Stage::Open(websocket) = &mut self.stage else { return false };
        let mut has_worked = false;
        while websocket.has_room()
            && let Some(transmit) = server.poll_transmit(self.id)
        {
            websocket.send(transmit);
            has_worked = true;
        }
        has_worked
    }

    /// Frees buffers after some time without activity.
    fn rest(&mut self, now: Time, has_worked: bool) -> Turn {
        if has_worked {
            self.idle_at = Some(now + IDLE);
        } else if self.idle_at.is_some_and(|at| at <= now) {
            self.idle_at = None;
            self.incoming.shrink_to_fit();
            self.unread.shrink_to_fit();
            if let Stage::Open(websocket) = &mut self.stage {
                websocket.shrink();
            }
        }
        Turn::Idle { until: self.idle_at }
    }

    fn end(&mut self) -> Turn {
        if let Some(websocket) = self.websocket() {
            let mut last = Vec::new();
            websocket.take_output(&mut last);
            self.output.append(&mut last);
        }
        self.stage = Stage::Gone;
        Turn::Gone
    }

    /// Swaps the output into an empty buffer, whose memory is reused for further output. Does nothing if the buffer is
    /// not empty.
    pub fn take_output(&mut self, into: &mut Vec<u8>) {
        if !into.is_empty() {
            return;
        }
        if self.output.is_empty() {
            if let Some(websocket) = self.websocket() {
                websocket.take_output(into);
            }
            return;
        }
        // The HTTP response or the last output: rare, and may be written together with what follows.
        *into = mem::take(&mut self.output);
        if let Some(websocket) = self.websocket() {
            let mut rest = Vec::new();
            websocket.take_output(&mut rest);
            into.append(&mut rest);
        }
    }

    const fn websocket(&mut self) -> Option<&mut WebSocket> {
        match &mut self.stage {
            Stage::Open(websocket) => Some(websocket),
            _ => None,
        }
    }
}

/// Splits input into messages until there are enough; returns how many there were.
fn receive(websocket: &mut WebSocket, input: &mut &[u8], incoming: &mut VecDeque<Incoming>) -> usize {
    let mut messages = 0;
    while incoming.len() < MESSAGES_AT_ONCE {
        let next = match websocket.receive(input) {
            Ok(None) => break,
            Ok(Some(Received::Message(frame))) => {
                messages += 1;
                Incoming::Message(frame.into())
            }
            // Several signs of life in a row count as one.
            Ok(Some(Received::SignOfLife)) if matches!(incoming.back(), Some(Incoming::SignOfLife)) => {
                continue;
            }
            Ok(Some(Received::SignOfLife)) => Incoming::SignOfLife,
            Ok(Some(Received::Closing(_))) => Incoming::Closing,
            Err(error) => Incoming::Failed(error),
        };
        incoming.push_back(next);
    }
    messages
}
