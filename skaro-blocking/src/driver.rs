//! The loop around the machine in two halves, of which whoever has the turn makes a loop.
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

use crate::dial::{Socket, Target, Wanted};
use crate::shared::{Next, Shared, Turn};
use crate::stream::Readiness;

/// No deadline is waited for more briefly: the clock is coarse, and asking it again and again leads to nothing.
const TICK: Duration = Duration::from_millis(1);

const WAKER: Token = Token(0);
pub(crate) const CONNECTION: Token = Token(1);

/// The connection, or its place as long as there is none.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) poll: Poll,
    events: Events,
    /// Of the connection that is there or is being made.
    pub(crate) readiness: Readiness,
    wire: Wire<Socket>,
}

impl Driver {
    /// Makes the first connection, and waits until the server has spoken.
    pub(crate) fn connect(target: Target) -> Result<Arc<Shared>, ConnectError> {
        let prepare = || {
            let poll = Poll::new()?;
            let waker = Waker::new(poll.registry(), WAKER)?;
            io::Result::Ok((poll, waker))
        };
        let (poll, waker) = prepare().map_err(|error| target.endpoint.unreachable(error))?;
        let shared = Arc::new(Shared::new(target, waker));
        let (events, readiness, wire) = (Events::with_capacity(8), Readiness::default(), Wire::default());
        let mut driver = Driver { poll, events, readiness, wire };
        let socket = driver.dial(&shared)?;
        driver.wire = Wire::connected(&*shared, socket);
        while shared.status() == Status::Greeting {
            _ = driver.advance(&shared) || driver.rest(&shared, Turn::Own, None);
        }
        match shared.with(|mailbox| mailbox.why_offline()) {
            Some(reason) => Err(ConnectError::Ended(reason)),
            None => {
                shared.open(driver);
                Ok(shared)
            }
        }
    }

    /// Does something that can be done at once; false if there is nothing for now.
    pub(crate) fn advance(&mut self, shared: &Shared) -> bool {
        // mio tells what to wake for.
        let mut cx = Context::from_waker(std::task::Waker::noop());
        self.wire.poll(shared, &mut cx).is_ready()
    }

    /// Dials, or waits until something happens, but not beyond that moment. Tells whether it is still the turn of that
    /// one.
    pub(crate) fn rest(&mut self, shared: &Shared, turn: Turn, until: Option<Instant>) -> bool {
        match shared.next(turn) {
            Next::Leave => return false,
            Next::Dial => {
                let result = self.dial(shared);
                self.wire.dialed(shared, result);
            }
            Next::Sleep(deadline) => {
                let left = deadline.map(|deadline| (deadline - shared.now()).max(TICK));
                let wanted = until.map(|until| until.saturating_duration_since(Instant::now()));
                self.sleep(shared, turn, left.into_iter().chain(wanted).min());
            }
        }
        true
    }

    /// Waits for the socket, another thread, or a deadline.
    fn sleep(&mut self, shared: &Shared, turn: Turn, left: Option<Duration>) {
        // If there is something to look at, then without waiting: somebody who never ceases to give commands must not
        // keep what arrives from being noticed.
        let is_busy = !shared.fall_asleep(turn) | self.readiness.take_pause();
        let left = if is_busy { Some(Duration::ZERO) } else { left };
        // A signal may interrupt it; whoever calls looks what there is to do and comes back.
        _ = self.poll.poll(&mut self.events, left);
        let of_the_connection = self.events.iter().filter(|event| event.token() == CONNECTION);
        of_the_connection.for_each(|event| self.readiness.note(event));
        shared.wake_up();
    }

    /// Waits while a connection is being made: fails when time is up, or when it is wanted no more.
    pub(crate) fn wait_while_dialing(
        &mut self,
        shared: &Shared,
        wanted: &Wanted,
    ) -> Result<(), ConnectError> {
        let left = wanted.until.saturating_duration_since(Instant::now());
        if left.is_zero() || shared.status() != wanted.status {
            return Err(ConnectError::TimedOut);
        }
        self.sleep(shared, Turn::Own, Some(left));
        Ok(())
    }
}
