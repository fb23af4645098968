//! The loop around the machine: one thread that owns the socket.
//!
//! The socket itself does not block: only so can one thread wait for frames, for the time, and for other threads
//! that want something sent, all at once and without turning around in circles.

use std::io;
use std::sync::Arc;
use std::task::Context;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};
use skaro_proto::client::{ConnectError, Status};
use skaro_proto::tungstenite::{Access, Wire};

use crate::client::Shared;
use crate::dial::{Socket, Target};

pub(crate) struct Driver {
    pub(crate) shared: Arc<Shared>,
    pub(crate) poll: Poll,
    events: Events,
}

impl Driver {
    pub(crate) fn new(target: Target) -> Result<Driver, ConnectError> {
        let prepare = || {
            let poll = Poll::new()?;
            let waker = Waker::new(poll.registry(), Token(0))?;
            io::Result::Ok((poll, waker))
        };
        let (poll, waker) = prepare().map_err(|error| target.endpoint.unreachable(error))?;
        let shared = Arc::new(Shared::new(target, waker));
        Ok(Driver { shared, poll, events: Events::with_capacity(8) })
    }

    /// Makes the first connection, and waits until the server has spoken.
    pub(crate) fn connect(&mut self) -> Result<Wire<Socket>, ConnectError> {
        let socket = self.dial()?;
        let mut wire = Wire::connected(&*self.shared, socket);
        while self.status() == Status::Greeting {
            self.step(&mut wire);
        }
        match self.shared.with(|mailbox| mailbox.why_offline()) {
            Some(reason) => Err(ConnectError::Ended(reason)),
            None => Ok(wire),
        }
    }

    /// Looks after the connection, and those that follow it, until the client is closed.
    pub(crate) fn run(mut self, mut wire: Wire<Socket>) {
        while self.status() != Status::Closed {
            self.step(&mut wire);
        }
    }

    fn status(&self) -> Status {
        self.shared.with(|mailbox| mailbox.client.status())
    }

    /// Does something that can be done at once, or waits until something happens.
    fn step(&mut self, wire: &mut Wire<Socket>) {
        // mio tells what to wake for.
        let mut cx = Context::from_waker(std::task::Waker::noop());
        if wire.poll(&*self.shared, &mut cx).is_ready() {
            return;
        }
        let (status, deadline) =
            self.shared.with(|mailbox| (mailbox.client.status(), mailbox.client.poll_timeout()));
        if status == Status::Dialing {
            let result = self.dial();
            return wire.dialed(&*self.shared, result);
        }
        self.wait(deadline.map(|deadline| deadline - self.shared.now()));
    }

    /// Waits for the socket, another thread, or a deadline.
    fn wait(&mut self, left: Option<Duration>) {
        // A signal may interrupt it; whoever calls looks what there is to do and comes back.
        _ = self.poll.poll(&mut self.events, left);
    }

    /// Waits while a connection is being made: fails when time is up, or when it is wanted no more.
    pub(crate) fn wait_while_dialing(&mut self, until: Instant) -> Result<(), ConnectError> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || !matches!(self.status(), Status::Dialing | Status::Offline) {
            return Err(ConnectError::TimedOut);
        }
        self.wait(Some(left));
        Ok(())
    }
}

/// Whatever ends the driver, nobody waits for it in vain.
impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.with(|mailbox| mailbox.finish());
    }
}
