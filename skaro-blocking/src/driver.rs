//! The loop around the machine: one thread that owns the socket.
//!
//! The socket itself does not block: only so can one thread wait for frames, for the time, and for other threads
//! that want something sent, all at once and without turning around in circles.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};
use skaro_proto::Time;
use skaro_proto::client::{ConnectError, Disconnect, Status};
use skaro_proto::tungstenite::Received;
use tungstenite::{Error, WebSocket};

use crate::client::{Shared, State};
use crate::dial::Target;
use crate::stream::Stream;

/// Frames that are read before looking whether there is something to send.
const AT_ONCE: usize = 64;

pub(crate) struct Driver {
    pub(crate) shared: Arc<Shared>,
    pub(crate) poll: Poll,
    events: Events,
    socket: Option<WebSocket<Stream>>,
    /// Whether something was written that has not been flushed.
    unflushed: bool,
}

impl Driver {
    pub(crate) fn new(target: Target) -> Result<Driver, ConnectError> {
        let failed = |error: io::Error| ConnectError::Network {
            host: "this machine".into(),
            reason: error.to_string(),
        };
        let poll = Poll::new().map_err(failed)?;
        let waker = Waker::new(poll.registry(), Token(0)).map_err(failed)?;
        let shared = Arc::new(Shared::new(target, waker));
        Ok(Driver { shared, poll, events: Events::with_capacity(8), socket: None, unflushed: false })
    }

    /// Makes the first connection, and waits until the server has spoken.
    pub(crate) fn connect(&mut self) -> Result<(), ConnectError> {
        self.socket = Some(self.dial()?);
        self.shared.lock().mailbox.client.handle_connected(self.shared.now());
        while self.status() == Status::Greeting {
            self.step();
        }
        match self.shared.lock().mailbox.why_offline() {
            Some(reason) => Err(ConnectError::Ended(reason)),
            None => Ok(()),
        }
    }

    /// Looks after the connection, and those that follow it, until the client is closed.
    pub(crate) fn run(mut self) {
        while self.status() != Status::Closed {
            self.step();
        }
        self.shared.finish();
    }

    fn status(&self) -> Status {
        self.shared.lock().mailbox.client.status()
    }

    /// Does what can be done at once, then waits until something happens.
    fn step(&mut self) {
        let shared = self.shared.clone();
        let mut state = shared.lock();
        let before = state.mailbox.client.status();
        // In every step, for there may always be something to read: time goes on.
        state.mailbox.client.handle_timeout(shared.now());
        let status = state.mailbox.client.status();
        if !status.has_connection() {
            self.socket = None;
            self.unflushed = false;
        }
        let sent = self.send(&mut state);
        if let Err(error) = sent {
            state.mailbox.client.handle_disconnected(shared.now(), (&error).into());
            self.socket = None;
        }
        let reads = state.mailbox.wants_frames(shared.now());
        let deadline = state.mailbox.client.poll_timeout();
        // Whoever looks at the status between steps may have been waiting for this.
        let has_changed = state.mailbox.client.status() != before;
        self.report(&mut state);
        drop(state);
        if status == Status::Dialing {
            return self.redial();
        }
        if has_changed || reads && self.receive() {
            return;
        }
        self.wait(deadline);
    }

    fn report(&self, state: &mut State) {
        state.mailbox.collect();
        self.shared.tell(state);
    }

    fn redial(&mut self) {
        let result = self.dial();
        let now = self.shared.now();
        let mut state = self.shared.lock();
        match result {
            Ok(socket) if state.mailbox.client.status() == Status::Dialing => {
                self.socket = Some(socket);
                state.mailbox.client.handle_connected(now);
            }
            Ok(_) => (),
            Err(error) => state.mailbox.client.handle_disconnected(now, error.into()),
        }
    }

    /// Sends what there is to send, as far as the other end takes it, and flushes once for all of it.
    fn send(&mut self, state: &mut State) -> Result<(), Error> {
        let client = &mut state.mailbox.client;
        let Some(socket) = &mut self.socket else {
            while client.poll_transmit().is_some() {}
            return Ok(());
        };
        if self.unflushed {
            self.unflushed = !went_through(socket.flush())?;
            if self.unflushed {
                return Ok(());
            }
        }
        while let Some(transmit) = client.poll_transmit() {
            self.unflushed = true;
            if !went_through(socket.write(transmit.into()))? {
                return Ok(());
            }
        }
        if self.unflushed {
            self.unflushed = !went_through(socket.flush())?;
        }
        Ok(())
    }

    /// Reads what has arrived; tells whether that was anything.
    fn receive(&mut self) -> bool {
        let shared = self.shared.clone();
        for n in 0..AT_ONCE {
            let Some(socket) = &mut self.socket else { return n > 0 };
            let message = socket.read();
            let now = shared.now();
            let mut state = shared.lock();
            let mailbox = &mut state.mailbox;
            match &message {
                Ok(message) => match Received::from(message) {
                    Received::Frame(frame) => mailbox.handle_frame(now, frame),
                    Received::SignOfLife => mailbox.client.handle_pong(now),
                    Received::Closing(reason) => {
                        // The answer to the closing handshake; if it can't leave at once, so be it.
                        _ = socket.flush();
                        mailbox.client.handle_disconnected(now, reason);
                    }
                },
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return n > 0,
                Err(error) => mailbox.client.handle_disconnected(now, Disconnect::from(error)),
            }
            let goes_on = mailbox.wants_frames(now);
            self.report(&mut state);
            if message.is_err() || !goes_on {
                return true;
            }
        }
        true
    }

    /// Waits for the socket, another thread, or a deadline.
    fn wait(&mut self, deadline: Option<Time>) {
        let left = deadline.map(|deadline| deadline - self.shared.now());
        self.wait_for(left);
    }

    fn wait_for(&mut self, left: Option<Duration>) {
        // A signal may interrupt it; whoever calls looks what there is to do and comes back.
        _ = self.poll.poll(&mut self.events, left);
    }

    /// Waits while a connection is being made: fails when time is up, or when it is wanted no more.
    pub(crate) fn wait_while_dialing(&mut self, until: Instant) -> Result<(), ConnectError> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || !matches!(self.status(), Status::Dialing | Status::Offline) {
            return Err(ConnectError::TimedOut);
        }
        self.wait_for(Some(left));
        Ok(())
    }
}

/// Whether all went through, or the rest must wait until the other end takes more.
fn went_through(result: Result<(), Error>) -> Result<bool, Error> {
    match result {
        Ok(()) => Ok(true),
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}
