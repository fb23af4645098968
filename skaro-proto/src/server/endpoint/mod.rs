//! One connection's side of the protocol: challenge, proof, limits, silence, the closing handshake. It knows no users,
//! logs or store.

mod decode;
mod handle;

pub(super) use decode::listed;
pub use decode::{Decoded, decode};

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

use super::ConnectionId;
use super::config::ServerConfig;
use super::rate::{BYTES_PER_UNIT, Bucket};
use crate::auth::Verifier;
use crate::codec::{DecodeError, DecodeErrorKind, Fields, Format};
use crate::keep_alive::KeepAlive;
use crate::log::debug;
use crate::message::{Answer, AnswerMessage, InvalidRequest, Notice, Refusal, ServerMessage, StatusCode};
use crate::output::{CloseCode, Output};
use crate::secret::Secret;
use crate::time::Time;

/// Bytes that may wait for a connection before its frames are no longer wanted: the network slows down a client that
/// asks for much and reads nothing, long before it is cut off.
pub(super) const ENOUGH: usize = 64 << 10;

/// The server's end of one connection, without I/O, and without a service behind it.
///
/// It decodes requests and encodes answers. Which users exist, and what a request does, is up to the service.
/// [`Server`](super::Server) is one service; to build another one over the same protocol, keep an endpoint for each
/// connection. `S` is what the service knows of the user who is signed in.
///
/// Its methods come in four families:
///
/// * **ask**: [`session`](Self::session), [`format`](Self::format), [`queued`](Self::queued),
///   [`wants_frames`](Self::wants_frames), [`max_frame_bytes`](Self::max_frame_bytes),
///   [`is_opening`](Self::is_opening), [`is_open`](Self::is_open), [`is_heard`](Self::is_heard),
///   [`is_gone`](Self::is_gone), [`proves`](Self::proves);
/// * **handle_**: what the outside reports, including the connection's end
///   ([`handle_disconnected`](Self::handle_disconnected));
/// * **commands**: what the service wants: [`sign_in`](Self::sign_in), [`answer`](Self::answer),
///   [`refuse_sign_in`](Self::refuse_sign_in), [`push`](Self::push), [`push_error`](Self::push_error),
///   [`expect_secret`](Self::expect_secret), [`close`](Self::close);
/// * **poll_**: what to do next. After each call of the second or third family, drain
///   [`poll_transmit`](Self::poll_transmit) as fast as the connection takes frames, ask
///   [`poll_closed`](Self::poll_closed) whether it has ended and who was signed in, drop the connection if it
///   [is gone](Self::is_gone), and set a timer for [`poll_timeout`](Self::poll_timeout).
///
/// The times passed to it must not go back. Each call must be given the same configuration; a change must apply to all
/// later calls. The endpoint uses these parts of the configuration: [`format`](ServerConfig::format);
/// [`max_frame_bytes`](crate::Limits::max_frame_bytes) and [`max_queued_bytes`](crate::Limits::max_queued_bytes), and
/// both limits for [strangers](ServerConfig::max_stranger_frame_bytes); [`keep_alive`](ServerConfig::keep_alive) and
/// the other time-outs of handshakes, of signing in and of writing;
/// [`max_sign_in_attempts`](ServerConfig::max_sign_in_attempts);
/// [`max_invalid_frames`](ServerConfig::max_invalid_frames); [`frame_rate`](ServerConfig::frame_rate), which here
/// applies to one connection.
///
/// Everything else is up to the service: limits by address, by user and in total, on texts, and on guesses; session
/// ids, which must be random; and refusing requests while nobody is signed in (401), a second sign-in (409), and
/// unknown requests (501). A service without logs ignores `since`, `log` and `key`.
///
/// ```
/// use skaro_proto::auth::Verifier;
/// use skaro_proto::message::{Answer, Request, SignedIn, User};
/// use skaro_proto::server::{ConnectionId, Endpoint, ServerConfig};
/// use skaro_proto::{Client, ClientConfig, Format, Secret, Time, Transmit};
///
/// // A service with one user, and the user's client.
/// let (now, config, alice) = (Time::ZERO, ServerConfig::default(), Verifier::new("correct horse"));
/// let mut endpoint = Endpoint::new(ConnectionId::new(1), now, &config);
/// let mut client = Client::new(ClientConfig::default(), [7; 32]);
/// endpoint.handle_connected(now, &config, Some(Format::Json), Secret::from("a random text"), &[]);
/// client.handle_connected(now);
/// let Some(Transmit::Frame(challenge)) = endpoint.poll_transmit(now) else { panic!() };
/// client.handle_frame(now, challenge)?;
///
/// client.authorize(now, "alice", "correct horse")?;
/// let Some(Transmit::Frame(frame)) = client.poll_transmit() else { panic!() };
/// let Some(message) = endpoint.handle_frame(now, &config, frame)? else { panic!() };
/// if let Request::Authorize { login, proof, .. } = &message.request
///     && login == "alice"
///     && endpoint.proves(&alice, proof)
/// {
///     endpoint.sign_in("alice")?;
///     let answer = SignedIn::new("a random id", User::new("alice"));
///     endpoint.answer(now, &config, message.on_request, "authorize", Ok(Answer::Authorized(answer)));
/// }
/// assert_eq!(endpoint.session(), Some(&"alice"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Endpoint<S> {
    id: ConnectionId,
    format: Format,
    state: State<S>,
    output: Output,
    keep_alive: KeepAlive,
    /// The time at which something last left the queue, or the queue was last empty.
    progress: Time,
    /// Limit on the rate of frames, unless the service has one for several connections.
    frames: Bucket,
    /// Bytes read since some of them counted as a frame.
    read: u16,
    /// The time until which it is not read, after frames that came too fast.
    throttled: Option<Time>,
    /// Invalid frames so far.
    faults: u32,
    /// Refused attempts to sign in so far.
    refused: u32,
}

enum State<S> {
    /// The opening handshake is under way, until a deadline.
    Opening { until: Time },
    /// A user may sign in, until a deadline.
    Open { token: Secret, until: Time },
    /// A user has signed in.
    SignedIn(S),
    /// The closing handshake is under way, until a deadline. What still arrives is ignored, but counts for the rate.
    Closing { until: Time, closed: Option<Box<Closed<S>>> },
    /// The connection is to be dropped, or is gone.
    Gone { closed: Option<Box<Closed<S>>> },
}

/// The end of an endpoint's work: it handles and sends no more messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed<S> {
    /// The code that the client is told; `None` if the connection ends without a closing handshake.
    pub code: Option<CloseCode>,
    /// The service's data of the user who was signed in until now; `None` if nobody was.
    pub session: Option<S>,
}

/// Ask.
impl<S> Endpoint<S> {
    /// Creates the endpoint of a connection that was accepted, and whose opening handshake begins.
    #[must_use]
    pub fn new(id: ConnectionId, now: Time, config: &ServerConfig) -> Self {
        Endpoint {
            id,
            format: config.format,
            state: State::Opening { until: now + config.handshake_timeout },
            output: Output::default(),
            keep_alive: KeepAlive::new(now),
            progress: now,
            frames: Bucket::default(),
            read: 0,
            throttled: None,
            faults: 0,
            refused: 0,
        }
    }

    /// Returns what the service knows of the user who is signed in; `None` if nobody is.
    #[must_use]
    pub const fn session(&self) -> Option<&S> {
        match &self.state {
            State::SignedIn(session) => Some(session),
            _ => None,
        }
    }

    /// Returns the format of the frames.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Returns the number of bytes that wait to be sent.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.output.len()
    }

    /// Returns whether the challenge was sent, and nobody has signed in yet.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// Returns whether the opening handshake is under way.
    #[must_use]
    pub const fn is_opening(&self) -> bool {
        matches!(self.state, State::Opening { .. })
    }

    /// Returns whether requests are heard, that is, handled: not before the challenge, nor once the connection is being
    /// closed.
    #[must_use]
    pub const fn is_heard(&self) -> bool {
        matches!(self.state, State::Open { .. } | State::SignedIn(_))
    }

    /// Returns whether the connection is to be dropped, without a handshake if there was none. Nothing more is sent.
    /// Call [`poll_closed`](Self::poll_closed) before dropping the endpoint.
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        matches!(self.state, State::Gone { .. })
    }

    /// Returns whether the adapter is to read frames from this connection.
    ///
    /// It is not to read them while more than 64 KiB wait to be sent to the client (or more than half of the limit on
    /// its queue, if that is less), nor for a moment after frames that came
    /// [faster than allowed](ServerConfig::frame_rate). A frame that is handed over anyway is handled.
    #[must_use]
    pub fn wants_frames(&self, config: &ServerConfig) -> bool {
        self.throttled.is_none() && self.has_room(config) && !self.is_gone()
    }

    /// Returns the present limit in bytes on a frame. It is lower before a user signs in: see
    /// [`ServerConfig::max_stranger_frame_bytes`].
    #[must_use]
    pub fn max_frame_bytes(&self, config: &ServerConfig) -> usize {
        let limit = config.limits.max_frame_bytes;
        if self.session().is_some() { limit } else { limit.min(config.max_stranger_frame_bytes) }
    }

    /// Returns whether a client has proved that it knows a password: the proof is HMAC-SHA512 of the challenge's token.
    ///
    /// Returns `false` unless a user [may sign in](Self::is_open). Compares in constant time. To keep secret which
    /// users exist, check some verifier for an unknown login, too.
    #[must_use]
    pub fn proves(&self, verifier: &Verifier, proof: &str) -> bool {
        matches!(&self.state, State::Open { token, .. } if verifier.verify(token.expose(), proof))
    }

    /// Returns whether so much waits to be sent that the connection is to be cut off.
    pub(super) fn is_slow(&self, config: &ServerConfig) -> bool {
        self.output.len() > self.output_limit(config)
    }

    /// Returns whether so little waits to be sent that further frames are read.
    pub(super) fn has_room(&self, config: &ServerConfig) -> bool {
        self.output.len() <= ENOUGH.min(self.output_limit(config) / 2)
    }

    fn output_limit(&self, config: &ServerConfig) -> usize {
        let limit = config.limits.max_queued_bytes;
        if self.session().is_some() { limit } else { limit.min(config.max_stranger_queued_bytes) }
    }

    /// Bytes of memory that the queue takes.
    pub(super) fn capacity(&self) -> usize {
        self.output.capacity()
    }

    /// Returns the time by which something must have left the queue, if it must.
    fn write_deadline(&self, config: &ServerConfig) -> Option<Time> {
        config.write_timeout.filter(|_| !self.output.is_empty()).map(|within| self.progress + within)
    }

    /// Returns the time from which the queue has been waiting to be read.
    pub(super) const fn progress(&self) -> Time {
        self.progress
    }
}

/// Commands: what the service wants.
impl<S> Endpoint<S> {
    /// Signs a user in. Tell the client next: the answer is wiped once it is sent.
    ///
    /// # Errors
    /// Gives the session back if nobody [may sign in](Self::is_open): a user has signed in already, or requests are not
    /// heard.
    pub fn sign_in(&mut self, session: S) -> Result<(), S> {
        if !self.is_open() {
            return Err(session);
        }
        self.state = State::SignedIn(session);
        // The service may count frames by user from now on: others do not slow this one down.
        self.throttled = None;
        self.expect_secret();
        Ok(())
    }

    /// Answers a request, given its number and its type.
    ///
    /// A refusal without a status gets 500, since each needs one. Each 4 KiB of the answer count as a frame for
    /// [the rate](ServerConfig::frame_rate). Has no effect unless requests are [heard](Self::is_heard).
    pub fn answer(
        &mut self,
        now: Time,
        config: &ServerConfig,
        number: u64,
        kind: &str,
        outcome: Result<Answer<'_>, Refusal<'_>>,
    ) {
        let before = self.queued();
        self.write_answer(now, config, number, kind, outcome);
        self.charge(now, config, self.queued().saturating_sub(before) / BYTES_PER_UNIT, None);
    }

    /// Answers a request. The answer counts for no rate.
    pub(super) fn write_answer(
        &mut self,
        now: Time,
        config: &ServerConfig,
        number: u64,
        kind: &str,
        mut outcome: Result<Answer<'_>, Refusal<'_>>,
    ) {
        if let Err(refusal) = &mut outcome {
            refusal.status.get_or_insert(StatusCode::new(500));
        }
        let message = AnswerMessage { kind: kind.into(), id: number, outcome, extra: Fields::new() };
        self.push(now, config, &ServerMessage::Answer(message));
    }

    /// Refuses an attempt to sign in, and closes the connection if it was
    /// [one too many](ServerConfig::max_sign_in_attempts). An attempt after a user has signed in counts, too.
    pub fn refuse_sign_in(
        &mut self,
        now: Time,
        config: &ServerConfig,
        number: u64,
        kind: &str,
        refusal: Refusal<'_>,
    ) {
        self.write_answer(now, config, number, kind, Err(refusal));
        self.refused += 1;
        if self.is_heard() && self.refused >= config.max_sign_in_attempts {
            self.close(now, config, CloseCode::Policy);
        }
    }

    /// Tells the client what is wrong with a frame: in the request's answer if it has a number, else in an `error`.
    /// Closes the connection if it was [one too many](ServerConfig::max_invalid_frames). Returns the error.
    pub(super) fn reject(
        &mut self,
        now: Time,
        config: &ServerConfig,
        rejected: InvalidRequest<'_>,
    ) -> DecodeError {
        let InvalidRequest { error, request } = rejected;
        let info = error.to_string();
        match request {
            Some((number, kind)) => {
                let refusal = Refusal { status: Some(StatusCode::new(400)), info: info.into() };
                self.write_answer(now, config, number, &kind, Err(refusal));
            }
            None => self.push_error(now, config, info),
        }
        self.faults += 1;
        debug!("connection {}: a frame without sense, number {}", self.id, self.faults);
        if matches!(error.kind, DecodeErrorKind::TooLarge { .. }) && error.field.is_empty() {
            self.close(now, config, CloseCode::TooBig);
        } else if self.faults >= config.max_invalid_frames {
            self.close(now, config, CloseCode::Policy);
        }
        error
    }

    /// Sends a message if requests are [heard](Self::is_heard), even if nobody has signed in.
    ///
    /// A client that has not read for so long that [too much](crate::Limits::max_queued_bytes) waits is cut off: what
    /// waits is dropped, and the connection is closed.
    pub fn push(&mut self, now: Time, config: &ServerConfig, message: &ServerMessage<'_>) {
        if !self.is_heard() {
            return;
        }
        if self.is_slow(config) {
            return self.cut_off(now, config);
        }
        self.write(now, message);
    }

    /// Tells the client of an error that belongs to no request.
    pub fn push_error(&mut self, now: Time, config: &ServerConfig, info: impl Into<Cow<'static, str>>) {
        self.push(now, config, &ServerMessage::Error(Notice { info: info.into(), extra: Fields::new() }));
    }

    /// Begins the closing handshake, after all that waits to be sent. Nobody is signed in from now on. If its opening
    /// handshake is not done, the connection is [gone](Self::is_gone) at once.
    pub fn close(&mut self, now: Time, config: &ServerConfig, code: CloseCode) {
        if self.is_opening() {
            return self.drop_now();
        }
        if !self.is_heard() {
            return;
        }
        debug!("connection {}: closing with code {}", self.id, code.code());
        let session = self.leave();
        let until = now + config.close_timeout;
        self.state = State::Closing { until, closed: Some(Box::new(Closed { code: Some(code), session })) };
        self.note_push(now);
        self.output.push_close(code);
    }

    /// Ends the connection without a handshake. What waits to be sent is dropped.
    pub(super) fn drop_now(&mut self) {
        let closed = match &mut self.state {
            State::Closing { closed, .. } | State::Gone { closed } => closed.take(),
            _ => Some(Box::new(Closed { code: None, session: self.leave() })),
        };
        self.state = State::Gone { closed };
        self.output.clear();
    }

    fn leave(&mut self) -> Option<S> {
        match core::mem::replace(&mut self.state, State::Gone { closed: None }) {
            State::SignedIn(session) => Some(session),
            _ => None,
        }
    }

    pub(super) fn cut_off(&mut self, now: Time, config: &ServerConfig) {
        debug!("connection {}: too much waits for it", self.id);
        self.output.clear();
        self.close(now, config, CloseCode::Policy);
    }

    #[inline]
    fn write(&mut self, now: Time, message: &ServerMessage<'_>) {
        let format = self.format;
        if self.output.is_large() {
            return self.push_written(now, &message.encode(format));
        }
        self.note_push(now);
        self.output.push(format, 0, |out| message.encode_into(format, out));
    }

    /// Puts a message that was written for several connections into the queue.
    pub(super) fn push_written(&mut self, now: Time, written: &[u8]) {
        self.note_push(now);
        self.output.push_written(self.format, written);
    }

    /// Puts a long message into the queue, for which it makes room at once.
    pub(super) fn push_long(&mut self, now: Time, length: usize, write: impl FnOnce(&mut Vec<u8>)) {
        self.note_push(now);
        self.output.reserve(length);
        self.output.push(self.format, 0, write);
    }

    /// Notes that something is about to be put into the queue.
    fn note_push(&mut self, now: Time) {
        if self.output.is_empty() {
            self.progress = now;
        }
    }

    /// Prepares the queue for the next message, which contains a secret.
    ///
    /// The queue does not move in memory, which would leave a copy behind, and is wiped once the message is sent.
    /// [`sign_in`](Self::sign_in) does this for its answer.
    pub fn expect_secret(&mut self) {
        self.output.reserve_for_secret();
        self.output.mark_secret();
    }
}

/// Shows the number of the connection and how much waits, without secrets.
impl<S> fmt::Debug for Endpoint<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Endpoint");
        shown.field("id", &self.id).field("format", &self.format).field("queued", &self.queued());
        shown.field("is_signed_in", &self.session().is_some()).finish_non_exhaustive()
    }
}
