//! An endpoint as the adapter sees it: what is reported to it, and what it has to do next.

use alloc::borrow::Cow;
use alloc::format;

use super::super::config::ServerConfig;
use super::super::rate::{BYTES_PER_UNIT, Bucket};
use super::decode::{Decoded, decode};
use super::{Closed, Endpoint, State};
use crate::codec::{DecodeError, Format, Frame};
use crate::keep_alive::Silence;
use crate::log::{debug, trace};
use crate::message::{Challenge, ClientMessage, ServerMessage};
use crate::output::{CloseCode, Transmit};
use crate::secret::Secret;
use crate::time::Time;

/// Handle: what the outside reports.
impl<S> Endpoint<S> {
    /// Reports that the opening handshake is done. In it the client may have asked for a format (see
    /// [`Format::offered`]).
    ///
    /// The server speaks first: it sends a token, which must be random and new for each connection, and the names of
    /// the protocol's extensions that the service knows.
    pub fn handle_connected(
        &mut self,
        now: Time,
        config: &ServerConfig,
        format: Option<Format>,
        token: Secret,
        extensions: &[&'static str],
    ) {
        if !self.is_opening() {
            return;
        }
        debug!("connection {}: connected", self.id);
        self.format = format.unwrap_or(config.format);
        let mut challenge = Challenge::new(token.expose());
        challenge.extensions = extensions.iter().map(|name| Cow::Borrowed(*name)).collect();
        self.expect_secret();
        self.write(now, &ServerMessage::CheckConnection(challenge));
        self.keep_alive.heard(now);
        self.state = State::Open { token, until: now + config.sign_in_timeout };
    }

    /// Handles a frame from the client, and returns the request in it.
    ///
    /// The service has to [answer](Self::answer) it, unless it is [`Ack`](crate::message::Request::Ack) or
    /// [`Typing`](crate::message::Request::Typing). Returns `None` if requests are [not heard](Self::is_heard) any
    /// more.
    ///
    /// # Errors
    /// If the frame is invalid. The client has been answered already, and the connection is closed if the frame was
    /// [one too many](ServerConfig::max_invalid_frames).
    pub fn handle_frame<'f>(
        &mut self,
        now: Time,
        config: &ServerConfig,
        frame: Frame<'f>,
    ) -> Result<Option<ClientMessage<'f>>, DecodeError> {
        self.handle_message(now, config, decode(frame, self.max_frame_bytes(config)))
    }

    /// Handles a frame that [`decode`] has decoded.
    ///
    /// # Errors
    /// As [`handle_frame`](Self::handle_frame).
    pub fn handle_message<'f>(
        &mut self,
        now: Time,
        config: &ServerConfig,
        decoded: Decoded<'f>,
    ) -> Result<Option<ClientMessage<'f>>, DecodeError> {
        let result = self.hear(now, config, decoded);
        self.charge(now, config, 1, None);
        result
    }

    /// Handles a frame without counting it for the rate.
    #[inline]
    pub(in crate::server) fn hear<'f>(
        &mut self,
        now: Time,
        config: &ServerConfig,
        decoded: Decoded<'f>,
    ) -> Result<Option<ClientMessage<'f>>, DecodeError> {
        self.keep_alive.heard(now);
        match decoded.0 {
            _ if !self.is_heard() => Ok(None),
            Ok(message) => Ok(Some(message)),
            Err(rejected) => Err(self.reject(now, config, *rejected)),
        }
    }

    /// Counts what the adapter has read: all bytes, those of messages included, and control frames and fragments. Each
    /// of these frames, and each 4 KiB, counts as a frame, so that none of them can come faster than
    /// [`ServerConfig::frame_rate`] allows.
    pub fn handle_read(&mut self, now: Time, config: &ServerConfig, bytes: usize, frames: usize) {
        let count = self.count_read(bytes, frames);
        self.charge(now, config, count, None);
    }

    /// Returns how many frames were read.
    pub(in crate::server) fn count_read(&mut self, bytes: usize, frames: usize) -> usize {
        let read = bytes.saturating_add(self.read.into());
        self.read = u16::try_from(read % BYTES_PER_UNIT).unwrap_or_default();
        frames.saturating_add(read / BYTES_PER_UNIT)
    }

    /// Counts frames for the rate, either of this connection or shared by several. If they come too fast, reading stops
    /// for a while. Returns whether it does.
    pub(in crate::server) fn charge(
        &mut self,
        now: Time,
        config: &ServerConfig,
        frames: usize,
        shared: Option<&mut Bucket>,
    ) -> bool {
        let Some(rate) = config.frame_rate.filter(|_| frames > 0) else { return false };
        let count = u32::try_from(frames).unwrap_or(u32::MAX);
        let Some(until) = shared.unwrap_or(&mut self.frames).take(count, now, rate) else { return false };
        debug!("connection {}: sends too fast, not read until {until:?}", self.id);
        self.throttled = Some(until);
        true
    }

    /// Reports that the connection is gone. [`poll_closed`](Self::poll_closed) tells who was signed in.
    pub fn handle_disconnected(&mut self) {
        self.drop_now();
    }

    /// Reports that the client has answered a ping, or sent one: it is alive.
    pub fn handle_pong(&mut self, now: Time) {
        self.keep_alive.heard(now);
    }

    /// Reports a frame over the limit, which the adapter did not read. The connection is closed.
    pub fn handle_oversized(&mut self, now: Time, config: &ServerConfig) {
        let limit = self.max_frame_bytes(config);
        debug!("connection {}: a frame over the limit of {limit} bytes", self.id);
        self.push_error(now, config, format!("the frame is over the limit of {limit} bytes"));
        self.close(now, config, CloseCode::TooBig);
    }

    /// Reports that the client has violated the WebSocket protocol (RFC 6455, section 7.1.7). The connection is closed
    /// with this code after all that waits to be sent.
    pub fn handle_failed(&mut self, now: Time, config: &ServerConfig, code: CloseCode) {
        debug!("connection {}: violates the WebSocket protocol", self.id);
        self.close(now, config, code);
    }

    /// Handles the deadlines that have passed.
    ///
    /// Call it at the time that [`poll_timeout`](Self::poll_timeout) returns; an earlier call does no harm. After
    /// frames that came too fast, others are wanted again only once it has been called.
    ///
    /// `is_held_up` tells that the service does not let the connection be read at present. The time of the client's
    /// silence then starts again, since its pongs wait unread, as it does after frames that came too fast. When the
    /// service lets the connection be read again, it reports [`handle_pong`](Self::handle_pong).
    ///
    /// Returns whether there is something to send, frames are wanted again, or the connection is gone.
    pub fn handle_timeout(&mut self, now: Time, config: &ServerConfig, is_held_up: bool) -> bool {
        if is_held_up || self.throttled.is_some() {
            // Its pongs may have come, but were not read.
            self.keep_alive.heard(now);
        } else if !self.output.is_empty() {
            self.keep_alive.left(self.progress);
        }
        let is_read_again = self.throttled.take_if(|until| *until <= now).is_some();
        let is_stuck = self.write_deadline(config).is_some_and(|until| until <= now);
        match self.state {
            State::Opening { until } | State::Closing { until, .. } if until <= now => {
                debug!("connection {}: its handshake takes too long", self.id);
                self.drop_now();
            }
            State::Opening { .. } | State::Closing { .. } | State::Gone { .. } => return is_read_again,
            // A closing handshake would have to wait behind what does not leave.
            _ if is_stuck => {
                debug!("connection {}: does not read", self.id);
                self.drop_now();
            }
            State::Open { until, .. } if until <= now => {
                self.push_error(now, config, "nobody signed in for too long: connect again to sign in");
                self.close(now, config, CloseCode::Policy);
            }
            State::Open { .. } | State::SignedIn(_) => match self.keep_alive.check(now, config.keep_alive) {
                Silence::Bearable => return is_read_again,
                Silence::Ping => {
                    self.note_push(now);
                    self.output.push_ping();
                }
                Silence::Dead => {
                    debug!("connection {}: silent for too long", self.id);
                    self.drop_now();
                }
            },
        }
        true
    }
}

/// Poll: what to do next.
impl<S> Endpoint<S> {
    /// Returns what the adapter is to do next; `None` if there is nothing left for now. Fetch only as much as the
    /// connection takes: what is fetched counts as sent.
    pub fn poll_transmit(&mut self, now: Time) -> Option<Transmit<'_>> {
        self.begin_transmit(now);
        self.take_transmit(now)
    }

    /// Frees memory of what has left, before [`take_transmit`](Self::take_transmit).
    pub(in crate::server) fn begin_transmit(&mut self, now: Time) {
        self.output.settle();
        self.progress = now;
    }

    pub(in crate::server) fn take_transmit(&mut self, now: Time) -> Option<Transmit<'_>> {
        let transmit = self.output.take();
        if let Some(transmit) = &transmit {
            trace!("connection {}: sends {transmit:?}", self.id);
            if matches!(transmit, Transmit::Ping) {
                self.keep_alive.ping_left(now);
            }
        }
        transmit
    }

    /// Returns the end of the endpoint's work, once: when the closing handshake begins, or, without one, when the
    /// connection is to be dropped or is gone.
    pub fn poll_closed(&mut self) -> Option<Closed<S>> {
        match &mut self.state {
            State::Closing { closed, .. } | State::Gone { closed } => closed.take().map(|closed| *closed),
            _ => None,
        }
    }

    /// Returns the time at which to call [`handle_timeout`](Self::handle_timeout), if nothing happens before; `None`
    /// for never.
    #[must_use]
    pub fn poll_timeout(&self, config: &ServerConfig) -> Option<Time> {
        let alive = self.keep_alive.deadline(config.keep_alive);
        let alive = self.write_deadline(config).map_or(alive, |until| until.min(alive));
        let deadline = match self.state {
            State::Opening { until } | State::Closing { until, .. } => until,
            State::Open { until, .. } => until.min(alive),
            State::SignedIn(_) => alive,
            State::Gone { .. } => return None,
        };
        Some(self.throttled.map_or(deadline, |until| until.min(deadline)))
    }
}
