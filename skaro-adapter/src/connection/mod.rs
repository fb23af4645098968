//! One connection of a server as one value, without I/O.

mod machine;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::net::IpAddr;
use std::time::Duration;

use skaro_proto::Time;
use skaro_proto::server::{ConnectionId, Server};

use crate::http::{AddressHeader, Reply, ServerHandshake, Upgrade, unavailable};
use crate::websocket::{Phase, Received, Role, WebSocket, WebSocketError};
use machine::Incoming;

/// Bytes to read for one turn: what decoding and handling them costs keeps the others waiting.
pub const READ_AT_ONCE: usize = 16 << 10;

/// Messages to decode for one turn: they wait for it in memory.
const MESSAGES_AT_ONCE: usize = 256;

/// How long an opening handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a connection is read on after its last word: a system that is told to close a connection with unread input
/// resets it, and the peer may never see that word.
const LINGER: Duration = Duration::from_secs(2);

/// After how long without a turn that did something buffers are given back.
const IDLE: Duration = Duration::from_secs(10);

/// One connection of a server, from its first byte to its last: the opening handshake, then a WebSocket.
///
/// A server's task for a connection (after the TLS handshake, if any) repeats:
///
/// 1. Read at most [`READ_AT_ONCE`] bytes, if [`wants_bytes`](Self::wants_bytes), and call
///    [`handle_bytes`](Self::handle_bytes), without the machine's lock: here bytes become messages.
/// 2. Lock the machine, call [`turn`](Self::turn), and unlock it: here messages are handled, and frames fetched. If there
///    are bytes left of those that were read, go to step 1 with them.
/// 3. Call [`take_output`](Self::take_output) and write. When a buffer was written that had more than
///    [`OUTPUT_AT_ONCE`](crate::websocket::OUTPUT_AT_ONCE) bytes, there may be more: go to step 2.
/// 4. Wait for bytes, for the machine ([`Server::poll_ready`] says that it has something for this connection), or for
///    the moment that the turn returned.
///
/// When the connection ends, call [`handle_end`](Self::handle_end). [`Driver`](crate::Driver) has an example.
pub struct Connection {
    stage: Stage,
    /// Received, and not handed to the machine yet.
    incoming: VecDeque<Incoming>,
    /// What is to be written without a WebSocket, or before what that has.
    output: Vec<u8>,
    wants_frames: bool,
    address: Option<IpAddr>,
    /// When buffers are given back; `None` if they have been.
    idle_at: Option<Time>,
}

#[derive(Debug)]
enum Stage {
    Handshake {
        handshake: ServerHandshake,
        until: Time,
    },
    Upgrade(Box<Upgrade>),
    Open {
        id: ConnectionId,
        websocket: WebSocket,
    },
    /// The last word has been said; what comes is discarded, for a while that begins with the next turn.
    Lingering {
        websocket: Option<WebSocket>,
        until: Option<Time>,
    },
    Gone,
}

/// What the task of a connection does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Write, and wait for bytes, for the machine, or for this moment.
    Idle {
        /// When the next turn is, if nothing happens before; `None` for never.
        until: Option<Time>,
    },
    /// Write the output as far as it goes without waiting, and drop the connection.
    Gone,
}

/// Without what is received and sent.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Connection");
        shown.field("stage", &self.stage).field("address", &self.address).finish_non_exhaustive()
    }
}

impl Connection {
    /// Creates a connection that was accepted just now. The header, if any, is the one that is trusted to tell the
    /// client's address.
    pub fn new(now: Time, address_header: Option<AddressHeader>) -> Self {
        let until = now + HANDSHAKE_TIMEOUT;
        Connection {
            stage: Stage::Handshake { handshake: ServerHandshake::new(address_header), until },
            incoming: VecDeque::new(),
            output: Vec::new(),
            wants_frames: true,
            address: None,
            idle_at: None,
        }
    }

    /// Creates a connection of a server that is full: whatever is asked gets the status 503.
    pub fn refused(why: &str) -> Self {
        let mut connection = Connection::new(Time::ZERO, None);
        connection.refuse(unavailable(why));
        connection
    }

    /// Returns the number that the machine gave the connection, once the opening handshake is done.
    pub const fn id(&self) -> Option<ConnectionId> {
        match self.stage {
            Stage::Open { id, .. } => Some(id),
            _ => None,
        }
    }

    /// Returns the client's address as the trusted header tells it.
    pub const fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Returns whether to read from the connection. Ask again after each turn.
    pub fn wants_bytes(&self) -> bool {
        match self.stage {
            Stage::Handshake { .. } | Stage::Lingering { .. } => true,
            Stage::Open { .. } => self.wants_frames && self.incoming.is_empty(),
            Stage::Upgrade(_) | Stage::Gone => false,
        }
    }

    /// Reads the input into messages, for the next turn. The input is shortened by what was read: if something remains,
    /// call this again after the turn.
    pub fn handle_bytes(&mut self, input: &mut &[u8]) {
        match &mut self.stage {
            Stage::Handshake { handshake, .. } => match handshake.receive(input) {
                Reply::NeedMore => (),
                Reply::Upgrade(upgrade) => self.stage = Stage::Upgrade(Box::new(upgrade)),
                Reply::Refuse(response) => self.refuse(response),
            },
            Stage::Open { websocket, .. } => receive(websocket, input, &mut self.incoming),
            Stage::Lingering { websocket: Some(websocket), .. } => {
                // Only a Close frame matters, and changes its phase.
                while let Ok(Some(_)) = websocket.receive(input) {}
            }
            Stage::Lingering { websocket: None, .. } | Stage::Gone => *input = &[],
            // It is the machine's turn.
            Stage::Upgrade(_) => (),
        }
    }

    fn refuse(&mut self, response: Vec<u8>) {
        self.output = response;
        self.stage = Stage::Lingering { websocket: None, until: None };
    }

    /// Hands what was received to the machine, fetches what it wants to send, and returns what to do next.
    pub fn turn(&mut self, now: Time, server: &mut Server) -> Turn {
        self.upgrade(now, server);
        let has_worked = self.hand_over(now, server) | self.fetch(server);
        match &mut self.stage {
            Stage::Handshake { until, .. } if now < *until => Turn::Idle { until: Some(*until) },
            Stage::Open { id, websocket } if websocket.phase() == Phase::Closed => {
                server.handle_disconnected(now, *id);
                self.end()
            }
            // The machine drops it without a handshake, or after one that has taken too long.
            Stage::Open { id, .. } if !server.has_connection(*id) => self.end(),
            Stage::Open { id, websocket } => {
                websocket.set_max_message_bytes(machine::max_message_bytes(server, *id));
                self.wants_frames = machine::wants_frames(server, *id);
                self.rest(now, has_worked)
            }
            Stage::Lingering { websocket: Some(websocket), .. } if websocket.phase() == Phase::Closed => {
                self.end()
            }
            Stage::Lingering { until, .. } if until.is_none_or(|until| now < until) => {
                let until = *until.get_or_insert(now + LINGER);
                Turn::Idle { until: Some(until) }
            }
            Stage::Handshake { .. } | Stage::Upgrade(_) | Stage::Lingering { .. } | Stage::Gone => self.end(),
        }
    }

    /// Begins the WebSocket, if the opening handshake is done and the machine takes the connection.
    fn upgrade(&mut self, now: Time, server: &mut Server) {
        let Stage::Upgrade(upgrade) = &mut self.stage else { return };
        match machine::connect(server, now, upgrade.format) {
            Err(why) => self.refuse(unavailable(&why.to_string())),
            Ok(id) => {
                self.output = mem::take(&mut upgrade.response);
                self.address = upgrade.address;
                let websocket = WebSocket::new(Role::Server, machine::max_message_bytes(server, id));
                self.stage = Stage::Open { id, websocket };
            }
        }
    }

    /// Hands over what was received; returns whether that was anything.
    fn hand_over(&mut self, now: Time, server: &mut Server) -> bool {
        let has_worked = !self.incoming.is_empty();
        while let Some(incoming) = self.incoming.pop_front() {
            let Stage::Open { id, websocket } = &mut self.stage else { continue };
            let id = *id;
            match incoming {
                Incoming::Frame(payload) => machine::handle_message(server, now, id, &payload),
                Incoming::SignOfLife => server.handle_pong(now, id),
                // The WebSocket has answered.
                Incoming::Closing => (),
                Incoming::Failed(WebSocketError::TooLarge { .. }) => server.handle_oversized(now, id),
                Incoming::Failed(error) => {
                    websocket.close(error.close_code());
                    server.handle_disconnected(now, id);
                    self.linger();
                }
            }
        }
        has_worked
    }

    fn linger(&mut self) {
        self.stage = match mem::replace(&mut self.stage, Stage::Gone) {
            Stage::Open { websocket, .. } => Stage::Lingering { websocket: Some(websocket), until: None },
            stage => stage,
        };
    }

    /// Fetches frames, as long as little output waits; returns whether there were any.
    fn fetch(&mut self, server: &mut Server) -> bool {
        let Stage::Open { id, websocket } = &mut self.stage else { return false };
        let mut has_worked = false;
        while websocket.has_room()
            && let Some(transmit) = server.poll_transmit(*id)
        {
            websocket.send(transmit);
            has_worked = true;
        }
        has_worked
    }

    /// Gives buffers back after a while in which nothing happened.
    fn rest(&mut self, now: Time, has_worked: bool) -> Turn {
        if has_worked {
            self.idle_at = Some(now + IDLE);
        } else if self.idle_at.is_some_and(|at| at <= now) {
            self.idle_at = None;
            self.incoming.shrink_to_fit();
            if let Stage::Open { websocket, .. } = &mut self.stage {
                websocket.shrink();
            }
        }
        Turn::Idle { until: self.idle_at }
    }

    fn end(&mut self) -> Turn {
        if let Stage::Open { websocket, .. } | Stage::Lingering { websocket: Some(websocket), .. } =
            &mut self.stage
        {
            let mut last = Vec::new();
            websocket.take_output(&mut last);
            self.output.append(&mut last);
        }
        self.stage = Stage::Gone;
        Turn::Gone
    }

    /// Moves what is to be written to a buffer, whose memory is used for what comes next. Does nothing unless the buffer
    /// is empty.
    pub fn take_output(&mut self, into: &mut Vec<u8>) {
        if !into.is_empty() {
            return;
        }
        if !self.output.is_empty() {
            mem::swap(&mut self.output, into);
            self.output = Vec::new();
        }
        if let Stage::Open { websocket, .. } | Stage::Lingering { websocket: Some(websocket), .. } =
            &mut self.stage
        {
            if into.is_empty() {
                websocket.take_output(into);
            } else {
                let mut rest = Vec::new();
                websocket.take_output(&mut rest);
                into.append(&mut rest);
            }
        }
    }

    /// Reports that the connection has ended.
    pub fn handle_end(&mut self, now: Time, server: &mut Server) {
        if let Stage::Open { id, .. } = self.stage {
            server.handle_disconnected(now, id);
        }
        self.stage = Stage::Gone;
        self.incoming.clear();
    }
}

fn receive(websocket: &mut WebSocket, input: &mut &[u8], incoming: &mut VecDeque<Incoming>) {
    while incoming.len() < MESSAGES_AT_ONCE {
        let next = match websocket.receive(input) {
            Ok(None) => return,
            Ok(Some(Received::Message(payload))) => machine::decode(payload),
            // One says as much as many.
            Ok(Some(Received::SignOfLife)) if matches!(incoming.back(), Some(Incoming::SignOfLife)) => {
                continue;
            }
            Ok(Some(Received::SignOfLife)) => Incoming::SignOfLife,
            Ok(Some(Received::Closing(_))) => Incoming::Closing,
            Err(error) => Incoming::Failed(error),
        };
        incoming.push_back(next);
    }
}
