//! Handling of frames from the server.

use super::in_flight::Place;
use super::link::{Link, SignIn, Stage};
use super::people::PEOPLE;
use super::{Client, Ended, Event, Failure, LogStart, ProtocolError, SignedOutReason};
use crate::codec::{DecodeError, DecodeErrorKind, Format, Frame};
use crate::log::{debug, trace};
use crate::message::{Answer, AnswerMessage, Challenge, RequestKind, ServerMessage, StatusCode};
use crate::secret::Secret;
use crate::time::Time;

/// The name of the extension for logs.
const LOG: &str = "log";

impl Client {
    /// Handles a frame from the server, and returns its event.
    ///
    /// Each frame yields one event, borrowed from the frame. Whatever else the frame causes comes from
    /// [`poll_event`](Self::poll_event) afterwards.
    ///
    /// # Errors
    /// If the frame is invalid, by itself or at this point. Such a frame changes nothing: no frame can disturb the
    /// machine, or make it panic.
    pub fn handle_frame<'f>(&mut self, now: Time, frame: Frame<'f>) -> Result<Event<'f>, ProtocolError> {
        trace!("received {frame:?}");
        let (length, limit) = (frame.as_bytes().len(), self.config.limits.max_frame_bytes);
        if length > limit {
            return Err(DecodeError::frame(DecodeErrorKind::TooLarge { length, limit }).into());
        }
        if !matches!(self.link, Link::Up(_)) {
            return Err(ProtocolError::NoConnection);
        }
        // The message becomes an event in place: both are large, and each move of them costs time that shows.
        let message = ServerMessage::decode(frame);
        let (mut place, mut entry) = (None, None);
        match &message {
            Ok(ServerMessage::CheckConnection(challenge)) => self.check_challenge(challenge)?,
            Ok(ServerMessage::Answer(answer)) => place = Some(self.check_answer(answer)?),
            Ok(message) => entry = self.check_entry(message)?,
            Err(_) => (),
        }
        if message.is_ok() {
            self.handle_pong(now);
        }
        if let Some((position, entry)) = entry
            && let Some(event) = self.entry_arrived(position, entry, length)
        {
            return Ok(event);
        }
        let event = match message {
            Ok(ServerMessage::CheckConnection(challenge)) => Ok(self.challenged(challenge, frame.format())),
            Ok(ServerMessage::Answer(answer)) => self.answered(answer, place),
            Ok(ServerMessage::ShowMessage(message)) => Ok(self.message_arrived(message, entry.is_some())),
            Ok(ServerMessage::Info(notice)) => Ok(Event::Info(notice)),
            Ok(ServerMessage::Error(notice)) => Ok(Event::Error(notice)),
            Ok(ServerMessage::Sent(sent)) => {
                if let Some(key) = &sent.key {
                    self.own_entry(key, None, sent.position);
                }
                Ok(Event::Sent(sent))
            }
            Ok(ServerMessage::Read(mark)) => Ok(Event::Read(mark)),
            Ok(ServerMessage::ContactChanged(change)) => Ok(Event::Contact(change)),
            Ok(ServerMessage::ChangedUserData(changed)) => Ok(self.user_changed(changed, entry.is_some())),
            Ok(ServerMessage::Typing(typing)) => Ok(Event::Typing(typing)),
            Ok(ServerMessage::ReadBy(read_by)) => Ok(Event::ReadBy(read_by)),
            Ok(ServerMessage::Unknown { kind, message }) => {
                Ok(Event::Unknown { kind, message, position: entry.map(|(position, _)| position) })
            }
            Err(error) => Err(error.into()),
        };
        if entry.is_some() {
            self.catch_up();
        }
        event
    }

    fn check_challenge(&self, challenge: &Challenge<'_>) -> Result<(), ProtocolError> {
        self.check_length("token", &challenge.token, self.config.limits.max_secret_bytes)?;
        match &self.link {
            Link::Up(connection) => match &connection.stage {
                Stage::Greeting { .. } | Stage::Open { sign_in: SignIn::No { .. }, .. } => Ok(()),
                Stage::Open { .. } | Stage::Closing { .. } => Err(ProtocolError::UnexpectedChallenge),
            },
            _ => Err(ProtocolError::NoConnection),
        }
    }

    fn challenged<'f>(&mut self, challenge: Challenge<'f>, format: Format) -> Event<'f> {
        let sign_in = SignIn::No { token: Secret::from(&*challenge.token) };
        let has = |extension| challenge.extensions.iter().any(|known| known == extension);
        let (log, people) = (self.config.log != LogStart::Off && has(LOG), has(PEOPLE));
        if let Link::Up(connection) = &mut self.link {
            debug!("greeted, in {format}");
            let again = matches!(connection.stage, Stage::Open { .. });
            connection.stage = Stage::Open { format, log, people, sign_in };
            let resumes = !again && self.persistent;
            self.persistent |= !again && self.config.reconnect.is_some() && !self.stopped;
            if resumes {
                self.resume();
            } else if !again {
                self.end_outbox();
                // After `stop_reconnecting`, nobody signs the user in again.
                self.signed_out(SignedOutReason::GaveUp);
            }
        }
        Event::Connected { extra: challenge.extra }
    }

    /// Returns the place of the request that is answered, if this answer may be one to it.
    fn check_answer(&self, answer: &AnswerMessage<'_>) -> Result<Place, ProtocolError> {
        let id = answer.id;
        let (place, ticket) = self.in_flight.find(id).ok_or(ProtocolError::UnexpectedAnswer { id })?;
        let expected = ticket.kind.as_str();
        if answer.kind != expected {
            return Err(ProtocolError::WrongAnswer { id, expected });
        }
        if let Ok(Answer::Authorized(signed_in) | Answer::Restored(signed_in)) = &answer.outcome {
            self.check_length("session_id", &signed_in.session_id, self.config.limits.max_secret_bytes)?;
            self.check_length("login", &signed_in.user.login, self.config.limits.max_login_bytes)?;
        }
        Ok(place)
    }

    fn check_length(&self, field: &'static str, text: &str, limit: usize) -> Result<(), ProtocolError> {
        let length = text.len();
        if length > limit { Err(ProtocolError::TooLong { field, length, limit }) } else { Ok(()) }
    }

    fn answered<'f>(
        &mut self,
        answer: AnswerMessage<'f>,
        place: Option<Place>,
    ) -> Result<Event<'f>, ProtocolError> {
        let late = matches!(place, Some(Place::Late(_)));
        let Some(ticket) = place.and_then(|place| self.in_flight.answered(place)) else {
            return Err(ProtocolError::UnexpectedAnswer { id: answer.id });
        };
        match &answer.outcome {
            Ok(_) => debug!("request {}: answered", answer.id),
            Err(refusal) => {
                let status = refusal.status.as_ref().map_or(0, StatusCode::code);
                debug!("request {}: refused, status {status}", answer.id);
            }
        }
        match &answer.outcome {
            // Even if the answer is late: the server considers the user signed in, so it would refuse another try.
            Ok(Answer::Authorized(signed_in) | Answer::Restored(signed_in)) => {
                self.sign_in_succeeded(answer.id, &ticket.kind, signed_in)
            }
            _ if ticket.kept => return Ok(self.message_answered(ticket, answer)),
            Ok(changed @ (Answer::SignedOut | Answer::Updated)) => self.settle(answer.id, Some(changed)),
            Ok(_) => (),
            Err(refusal) => {
                if matches!(ticket.kind, RequestKind::SignOut | RequestKind::UpdateMyData) {
                    self.settle(answer.id, None);
                }
                if matches!(ticket.kind, RequestKind::Authorize | RequestKind::SessionRestore) {
                    self.sign_in_failed(answer.id, ticket.automatic);
                }
                // The machine asks for nothing else by itself.
                if ticket.automatic {
                    self.resumption_refused(ticket.kind, refusal);
                }
            }
        }
        let outcome = answer.outcome.map_err(Failure::Refused);
        let ended = Ended { ticket, outcome, extra: answer.extra };
        Ok(if late { Event::Late(ended) } else { Event::Ended(ended) })
    }
}
