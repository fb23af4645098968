//! Connections come and go: what the outside reports, what silence means, when to try again.

use alloc::vec::Vec;

use super::{
    Awaited, Client, CommandError, Delivery, Disconnect, Ended, Event, Failure, SignedOutReason, Status,
};
use crate::codec::Format;
use crate::keep_alive::{KeepAlive, Silence};
use crate::log::{debug, warn};
use crate::message::RequestKind;
use crate::output::CloseCode;
use crate::secret::Secret;
use crate::time::Time;

use super::session::Credentials;

/// A change that the answer to a request will make.
#[derive(Clone, PartialEq)]
pub(super) enum Change {
    /// The session of this connection ends.
    SignOut,
    /// The password is another one.
    Password(Secret),
}

/// The connection, or what there is in place of one.
#[derive(Clone, PartialEq)]
pub(super) enum Link {
    Offline,
    Waiting { until: Time },
    Dialing { deadline: Time },
    Up(Connection),
    Closed,
}

#[derive(Clone, PartialEq)]
pub(super) struct Connection {
    pub(super) stage: Stage,
    since: Time,
    keep_alive: KeepAlive,
    /// Set while the adapter does not read, so that silence means nothing.
    paused: bool,
    /// Set if the adapter says that the connection is confidential.
    pub(super) confidential: bool,
    /// Changes that answers will make, by the numbers of their requests.
    pub(super) changes: Vec<(u64, Change)>,
}

#[derive(Clone, PartialEq)]
pub(super) enum Stage {
    /// The server has not spoken.
    Greeting { deadline: Time },
    /// Commands are taken.
    Open {
        format: Format,
        /// Set if the server keeps logs, and the application wants that.
        log: bool,
        /// Set if the server has the extension `people`.
        people: bool,
        sign_in: SignIn,
    },
    /// The closing handshake is under way.
    Closing { deadline: Time },
}

/// State of signing in on this connection. The token is dropped after success.
#[derive(Clone, PartialEq)]
pub(super) enum SignIn {
    No { token: Secret },
    Pending { token: Secret, number: u64, credentials: Option<Credentials> },
    Yes,
}

impl Connection {
    /// Returns the format to write. Nothing is written before the server's first message or after closing.
    pub(super) const fn format(&self) -> Format {
        match self.stage {
            Stage::Open { format, .. } => format,
            Stage::Greeting { .. } | Stage::Closing { .. } => Format::Cbor,
        }
    }

    pub(super) fn heard(&mut self, now: Time) {
        self.keep_alive.heard(now);
    }
}

/// Handle: what the outside reports.
impl Client {
    /// Reports that a connection was made. The server speaks first.
    pub fn handle_connected(&mut self, now: Time) {
        self.advance(now);
        match self.link {
            Link::Closed => return,
            Link::Up(_) => self.lose(Disconnect::Failed("replaced by another connection".into())),
            Link::Offline | Link::Waiting { .. } | Link::Dialing { .. } => (),
        }
        if matches!(self.link, Link::Closed) {
            return;
        }
        self.output.clear();
        self.link = Link::Up(Connection {
            stage: Stage::Greeting { deadline: self.now + self.config.greeting_timeout },
            since: self.now,
            keep_alive: KeepAlive::new(self.now),
            paused: false,
            confidential: false,
            changes: Vec::new(),
        });
        debug!("connected");
    }

    /// Reports that the connection is gone, or that an attempt to make one has failed. Does nothing if the machine
    /// knows already.
    pub fn handle_disconnected(&mut self, now: Time, reason: Disconnect) {
        self.advance(now);
        match self.link {
            Link::Up(_) => self.lose(reason),
            Link::Dialing { .. } => self.plan_reconnection(reason),
            Link::Offline | Link::Waiting { .. } | Link::Closed => (),
        }
    }

    /// Reports that the server has answered a ping, or sent one: it is alive.
    pub fn handle_pong(&mut self, now: Time) {
        self.advance(now);
        if let Link::Up(connection) = &mut self.link {
            connection.heard(self.now);
        }
    }

    /// Reports that the adapter stops reading, because the application does not keep up. From now on silence means
    /// nothing, but requests still time out.
    pub fn handle_paused(&mut self, now: Time) {
        self.set_paused(now, true);
    }

    /// Reports that the adapter reads again.
    pub fn handle_resumed(&mut self, now: Time) {
        self.set_paused(now, false);
    }

    fn set_paused(&mut self, now: Time, paused: bool) {
        self.advance(now);
        if let Link::Up(connection) = &mut self.link {
            connection.paused = paused;
            connection.heard(self.now);
        }
    }

    /// Handles the deadlines that have passed. Call it at the time that [`poll_timeout`](Self::poll_timeout) returns;
    /// an earlier call changes nothing.
    pub fn handle_timeout(&mut self, now: Time) {
        self.advance(now);
        let now = self.now;
        self.time_requests_out();
        match &mut self.link {
            Link::Offline | Link::Closed => (),
            Link::Waiting { until } if *until <= now => self.dial(),
            Link::Dialing { deadline } if *deadline <= now => {
                self.plan_reconnection(Disconnect::TimedOut(Awaited::Connection));
            }
            Link::Waiting { .. } | Link::Dialing { .. } => (),
            Link::Up(connection) => match connection.stage {
                Stage::Greeting { deadline } if deadline <= now => self.give_up(Awaited::Greeting),
                Stage::Closing { deadline } if deadline <= now => self.give_up(Awaited::Close),
                Stage::Greeting { .. } | Stage::Closing { .. } => (),
                Stage::Open { .. } => self.check_silence(),
            },
        }
    }

    fn check_silence(&mut self) {
        let (Link::Up(connection), Some(within)) = (&mut self.link, self.config.keep_alive) else { return };
        if connection.paused {
            return;
        }
        match connection.keep_alive.check(self.now, within) {
            Silence::Bearable => (),
            Silence::Ping => self.output.push_ping(),
            Silence::Dead => self.give_up(Awaited::SignOfLife),
        }
    }

    /// Returns the time at which the link needs attention.
    pub(super) fn link_deadline(&self) -> Option<Time> {
        match &self.link {
            Link::Offline | Link::Closed => None,
            Link::Waiting { until } => Some(*until),
            Link::Dialing { deadline } => Some(*deadline),
            Link::Up(connection) => match connection.stage {
                Stage::Greeting { deadline } | Stage::Closing { deadline } => Some(deadline),
                Stage::Open { .. } if connection.paused => None,
                Stage::Open { .. } => Some(connection.keep_alive.deadline(self.config.keep_alive?)),
            },
        }
    }

    fn time_requests_out(&mut self) {
        self.time_messages_out();
        let mut automatic = false;
        while let Some((number, ticket)) = self.in_flight.timed_out(self.now) {
            if ticket.kept {
                self.outbox.requeue(ticket.id, true);
                continue;
            }
            let signs_in = matches!(ticket.kind, RequestKind::Authorize | RequestKind::SessionRestore);
            if signs_in {
                self.sign_in_failed(number, ticket.automatic);
                automatic |= ticket.automatic;
            }
            debug!("request {number}: timed out");
            self.events.push_back(Event::Ended(Ended::without_answer(ticket, Failure::TimedOut)));
        }
        if automatic {
            self.give_up_resuming(Disconnect::TimedOut(Awaited::SignIn));
        }
    }
}

/// Commands about the connection.
impl Client {
    /// Closes the client for good.
    ///
    /// If there is a connection, a closing handshake begins, which may take a few seconds. Answers that come before its
    /// end still count. If there is none, the client stops connecting again.
    pub fn close(&mut self, now: Time) {
        self.advance(now);
        self.persistent = false;
        match &mut self.link {
            Link::Closed => (),
            Link::Up(Connection { stage: Stage::Closing { .. }, .. }) => (),
            Link::Up(connection) => {
                connection.stage = Stage::Closing { deadline: self.now + self.config.close_timeout };
                self.output.push_close(CloseCode::Normal);
                debug!("closing");
                self.end_waiting();
            }
            Link::Offline | Link::Waiting { .. } | Link::Dialing { .. } => {
                self.link = Link::Closed;
                debug!("closed");
                self.end_outbox();
            }
        }
        self.credentials = None;
        self.established = false;
    }

    /// Connects now instead of waiting, even after the machine gave up or was told to stop. Attempts are counted from
    /// the beginning again.
    ///
    /// # Errors
    /// If the client was closed.
    pub fn reconnect(&mut self, now: Time) -> Result<(), CommandError> {
        if matches!(self.link, Link::Closed) {
            return Err(CommandError::Closed);
        }
        self.advance(now);
        match self.link {
            Link::Closed => (),
            Link::Offline | Link::Waiting { .. } => {
                self.persistent = true;
                self.stopped = false;
                self.attempt = 0;
                self.dial();
            }
            Link::Dialing { .. } => (),
            Link::Up(_) => {
                self.stopped = false;
                self.persistent |= self.config.reconnect.is_some();
            }
        }
        Ok(())
    }

    /// Stays offline when the connection breaks, or now if there is none. [`reconnect`](Self::reconnect) undoes it.
    pub fn stop_reconnecting(&mut self, now: Time) {
        self.advance(now);
        self.persistent = false;
        self.refused = false;
        self.stopped = true;
        if matches!(self.link, Link::Waiting { .. } | Link::Dialing { .. }) {
            self.stay_offline();
        }
    }
}

impl Client {
    fn dial(&mut self) {
        debug!("dialing");
        self.link = Link::Dialing { deadline: self.now + self.config.dial_timeout };
    }

    /// Drops a connection because something did not come in time.
    pub(super) fn give_up(&mut self, awaited: Awaited) {
        self.lose(Disconnect::TimedOut(awaited));
    }

    /// The connection is gone: ends what was under way on it, and plans the next one.
    pub(super) fn lose(&mut self, reason: Disconnect) {
        let Link::Up(connection) = &self.link else { return };
        let closing = matches!(connection.stage, Stage::Closing { .. });
        let lasted = self.now - connection.since;
        let signed_in = self.status() == Status::SignedIn;
        let leaves = self.was_signing_out();
        if let Some(session) = self.session.as_mut().filter(|_| signed_in) {
            session.broken = Some(self.now);
        }
        if self.config.reconnect.as_ref().is_some_and(|backoff| lasted >= backoff.stable_after) {
            self.attempt = 0;
        }
        let requested = closing && !matches!(reason, Disconnect::TimedOut(_));
        let reason = match reason {
            _ if requested => Disconnect::Requested,
            Disconnect::Closed { code: Some(code), .. } if code == CloseCode::Replaced.code() => {
                // Restoring the session would take it from the other connection, which would take it back, without end.
                self.session = None;
                self.persistent = false;
                Disconnect::Replaced
            }
            reason => reason,
        };
        let ended = CloseCode::SessionEnded.code();
        let is_ended = matches!(reason, Disconnect::Closed { code: Some(code), .. } if code == ended);
        if requested {
            debug!("closed");
        } else {
            warn!("connection lost: {}", reason.kind());
        }
        self.events.push_back(Event::Disconnected(reason.clone()));
        // The user wants to be signed out, whether or not the server has ended the session.
        if leaves {
            self.forget_user(SignedOutReason::Requested);
        } else if is_ended {
            // The session was ended on purpose: signing in again with the kept password would undo that.
            self.forget_user(SignedOutReason::Ended);
        }
        self.end_in_flight();
        self.output.clear();
        self.cursor.cut();
        self.outbox.pause(None);
        if closing {
            self.link = Link::Closed;
            self.end_outbox();
            return;
        }
        if reason == Disconnect::Replaced {
            self.signed_out(SignedOutReason::Replaced);
        }
        if leaves || is_ended || reason == Disconnect::SignedOut {
            // Nobody is left to send what the user wrote.
            self.end_outbox();
        }
        self.plan_reconnection(reason);
    }

    fn end_in_flight(&mut self) {
        let first_unsent = self.output.first_request().unwrap_or(u64::MAX);
        for (number, ticket) in self.in_flight.lost() {
            if ticket.kept {
                self.outbox.requeue(ticket.id, number < first_unsent);
                continue;
            }
            let delivery = if number >= first_unsent { Delivery::NotSent } else { Delivery::Unknown };
            debug!("request {number}: lost");
            self.events.push_back(Event::Ended(Ended::without_answer(ticket, Failure::Lost(delivery))));
        }
    }

    fn plan_reconnection(&mut self, reason: Disconnect) {
        let Some(backoff) = self.config.reconnect.as_ref().filter(|_| self.persistent) else {
            return self.stay_offline();
        };
        if backoff.attempts.is_some_and(|attempts| self.attempt >= attempts) {
            self.persistent = false;
            return self.stay_offline();
        }
        let after = backoff.delay(self.attempt, &mut self.random);
        let (at, attempt) = (self.now + after, self.attempt);
        self.attempt = self.attempt.saturating_add(1);
        self.link = Link::Waiting { until: at };
        debug!("dialing in {after:?}, after {attempt} failed attempts: {}", reason.kind());
        self.events.push_back(Event::Reconnecting { at, after, attempt, reason });
    }

    fn stay_offline(&mut self) {
        self.link = Link::Offline;
        debug!("offline");
        self.end_outbox();
        self.signed_out(SignedOutReason::GaveUp);
        if self.config.reconnect.is_some() {
            self.events.push_back(Event::GaveUp);
        }
    }
}
