//! Requests of clients, and the answers to them.

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::sync::Arc;

use super::connection::State;
use super::notes::Note;
use super::pending::{Asker, Pending, Start};
use super::rate::BYTES_PER_UNIT;
use super::refusal::{
    Refused, nobody_signed_in, not_stored, out_of_memory, refused, refused_elsewhere, unknown_user,
    wrong_outcome,
};
use super::registering::Form;
use super::store::{AccountId, Operation, Outcome, StoreError};
use super::{ConnectionId, Server};
use crate::codec::Fields;
use crate::codec::{DecodeError, DecodeErrorKind, Frame};
use crate::log::{debug, trace};
use crate::message::{
    Answer, AnswerMessage, ClientMessage, InvalidRequest, Refusal, Request, RequestKind, ServerMessage,
    StatusCode,
};
use crate::time::Time;

/// Bytes of the type of a request, far more than any name needs.
const TYPE: usize = 256;

/// The result of [`decode`]: a client's message, or the error in its frame.
#[derive(Debug)]
pub struct Decoded<'f>(Result<ClientMessage<'f>, Box<InvalidRequest<'f>>>);

/// Decodes a frame from a client. That needs no server: an adapter in which many threads share one does this before it
/// locks the server. `limit` is what [`Server::max_frame_bytes`] says of the connection.
#[must_use]
pub fn decode(frame: Frame<'_>, limit: usize) -> Decoded<'_> {
    trace!("received {frame:?}");
    let length = frame.as_bytes().len();
    if length > limit {
        let error = DecodeError::frame(DecodeErrorKind::TooLarge { length, limit });
        return Decoded(Err(Box::new(InvalidRequest { error, request: None })));
    }
    Decoded(match ClientMessage::decode(frame) {
        Ok(message) => check_type(message.request.kind()).map(|()| message),
        Err(rejected) => {
            let kind = rejected.request.as_ref().map_or("", |(_, kind)| kind);
            Err(check_type(kind).err().unwrap_or(rejected))
        }
    })
}

/// Returns the type of a request for a log, in which the client's own words have no place.
fn listed(kind: &str) -> &'static str {
    RequestKind::LISTED.iter().map(|kind| kind.as_str()).find(|listed| *listed == kind).unwrap_or("other")
}

/// An answer repeats the type of its request, so a long one would cost more than its frame.
fn check_type<'f>(kind: &str) -> Result<(), Box<InvalidRequest<'f>>> {
    let (length, limit) = (kind.len(), TYPE);
    if length <= limit {
        return Ok(());
    }
    let error = Box::new(DecodeError::frame(DecodeErrorKind::TooLarge { length, limit })).in_field("type");
    Err(Box::new(InvalidRequest { error: *error, request: None }))
}

/// Handle: what the outside reports.
impl Server {
    /// A client has sent a frame. What comes of it waits in the outputs of the connections concerned. [`decode`] and
    /// [`handle_message`](Self::handle_message) in one.
    ///
    /// # Errors
    /// As [`handle_message`](Self::handle_message).
    pub fn handle_frame(&mut self, now: Time, id: ConnectionId, frame: Frame<'_>) -> Result<(), DecodeError> {
        self.handle_message(now, id, decode(frame, self.max_frame_bytes(id)))
    }

    /// Handles a client's frame that [`decode`] has decoded.
    ///
    /// # Errors
    /// If the frame is invalid. The client was answered with an `error` already, so an adapter need only log or count it.
    /// A refused request is no error.
    pub fn handle_message(
        &mut self,
        now: Time,
        id: ConnectionId,
        decoded: Decoded<'_>,
    ) -> Result<(), DecodeError> {
        self.advance(now);
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        connection.keep_alive.heard(self.now);
        let before = connection.output.len();
        let is_stranger = matches!(connection.state, State::Open { .. });
        let may_have_cursor = is_stranger || connection.cursor.is_some();
        let has_many = connection
            .user()
            .map_or_else(|| self.operations.has_many_sign_ins(), |user| self.operations.has_many_of(user));
        let result = match decoded.0 {
            _ if !connection.is_heard() => Ok(()),
            Ok(ClientMessage { request: Request::Ack { position }, .. }) => self
                .acknowledge(id, position)
                .map_err(|error| self.reject(id, InvalidRequest { error, request: None })),
            Ok(ClientMessage { request: Request::Typing { login }, .. }) => {
                self.typing(id, &login);
                Ok(())
            }
            // Whoever goes on sending although frames are not wanted.
            Ok(message) if connection.open >= 2 * connection.max_open() || has_many => {
                let outcome = refused(503, "too many requests are under way: wait for their answers");
                self.answer(id, message.on_request, message.request.kind(), outcome);
                Ok(())
            }
            Ok(message) => {
                self.carry_out(id, message);
                Ok(())
            }
            Err(rejected) => Err(self.reject(id, *rejected)),
        };
        self.charge_output(id, 1, before);
        // After the answer, and not charged: how fast entries come is up to the client's acknowledgements.
        if may_have_cursor {
            self.pump(id);
        }
        result
    }

    /// Counts a number of frames for the rate, and the answers that were written since so many bytes waited.
    pub(super) fn charge_output(&mut self, id: ConnectionId, frames: usize, before: usize) {
        self.charge_frames(id, |connection| {
            frames + connection.output.len().saturating_sub(before) / BYTES_PER_UNIT
        });
    }

    /// Says what is wrong with a frame: as the request's answer if it has a number, else as an `error`.
    fn reject(&mut self, id: ConnectionId, rejected: InvalidRequest<'_>) -> DecodeError {
        let InvalidRequest { error, request } = rejected;
        let info = error.to_string().into();
        match request {
            Some((number, kind)) => self.answer(id, number, &kind, Err((400, info))),
            None => self.notify_error(id, info),
        }
        self.fault(id, &error);
        error
    }

    pub(super) fn answer(
        &mut self,
        id: ConnectionId,
        number: u64,
        kind: &str,
        outcome: Result<Answer<'_>, Refused>,
    ) {
        match &outcome {
            Ok(answer) => self.tally.answered(kind, answer),
            Err((code, _)) => {
                let (request, status) = (listed(kind), *code);
                debug!("connection {id}: request {number} ({request}) refused, status {status}");
                self.tally.refused(request, status);
                let address = self.address(id);
                self.tally.notes.add(|| Note::Refused { connection: id, address, request, status });
            }
        }
        let refusal = |(code, info)| Refusal { status: Some(StatusCode::new(code)), info };
        let outcome = outcome.map_err(refusal);
        let message = AnswerMessage { kind: kind.into(), id: number, outcome, extra: Fields::new() };
        self.push(id, &ServerMessage::Answer(message));
    }

    fn carry_out(&mut self, id: ConnectionId, message: ClientMessage<'_>) {
        let (number, request) = (message.on_request, message.request);
        let asker = Asker { id, number };
        let outcome = match &request {
            // Before any other check: it may be a repetition.
            Request::SendMessage { to, body, key } => {
                return self.send_message(asker, to, body, key.as_deref());
            }
            _ if !self.make_room(0) => out_of_memory(),
            Request::Authorize { login, proof, since, log, presence } => {
                return self.authorize(asker, login, proof, Start::new(*since, log.as_deref(), *presence));
            }
            Request::SessionRestore { sid, since, log, presence } => {
                return self.session_restore(asker, sid, Start::new(*since, log.as_deref(), *presence));
            }
            Request::GetHistory { login, page } => return self.get_history(asker, login, *page),
            Request::GetContacts => return self.get_contacts(asker),
            Request::RegisterType => Ok(Answer::RegisterType(self.config.registration.clone())),
            Request::Read { login, up_to } => return self.read(asker, login, *up_to),
            Request::Other { kind, fields } if self.config.forwards_requests => {
                return self.forward(asker, kind, fields.clone());
            }
            Request::Register { login, password, invitation, profile } => {
                let (invitation, profile) = (invitation.as_deref(), profile.as_ref());
                return self.register(asker, &Form { login, password, invitation, profile });
            }
            Request::Invite => return self.invite(asker),
            Request::AddContact { login, blocked, member, owner } => {
                return self.add_contact(asker, login, member.as_deref(), (*blocked, *owner));
            }
            Request::DelContact { login, member } => {
                return self.del_contact(asker, login, member.as_deref());
            }
            Request::SearchContacts { prefix, limit } => return self.search_contacts(asker, prefix, *limit),
            Request::GetUserData { login } => return self.get_user_data(asker, login),
            Request::UpdateMyData { login, profile, password, old_password, end_sessions } => {
                match (profile, password) {
                    (Some(profile), None) => return self.set_profile(asker, login.as_deref(), profile),
                    (None, Some(password)) if login.is_none() => {
                        return self.set_password(asker, password, old_password.as_deref(), *end_sessions);
                    }
                    _ => refused(400, "give a profile, or a password of the user's own"),
                }
            }
            Request::GetSessions => return self.get_sessions(asker),
            Request::SignOut { session, others } => {
                return self.end_sessions(asker, session.as_deref(), *others);
            }
            Request::Ack { .. } | Request::Typing { .. } | Request::Other { .. } => no_such_request(),
        };
        self.answer(id, number, request.kind(), outcome);
    }

    /// Asks whoever stands before the store for the answer to a request that the protocol does not list.
    fn forward(&mut self, asker: Asker, kind: &str, fields: Fields<'_>) {
        let user = self.signed_in_user(asker.id).ok().and_then(|user| self.accounts.get(user));
        let (login, kind) = (user.map(|user| user.login.clone()), Arc::<str>::from(kind));
        let request = Operation::Request { login, kind: kind.clone(), fields: fields.into_owned() };
        self.ask(request, Some(asker), Pending::Other { kind });
    }

    pub(super) fn answered_elsewhere(
        &mut self,
        asker: Option<Asker>,
        kind: &str,
        result: Result<Outcome, StoreError>,
    ) {
        let Some(asker) = asker else { return };
        let outcome = match result {
            Ok(Outcome::Answer(fields)) => Ok(Answer::Other(without_listed(fields))),
            Ok(Outcome::NoSuchRequest) => no_such_request(),
            Ok(Outcome::Refused(refusal)) => refused_elsewhere(refusal),
            Ok(_) => wrong_outcome(),
            Err(error) => not_stored(error),
        };
        self.answer(asker.id, asker.number, kind, outcome);
    }

    pub(super) fn signed_in_user(&self, id: ConnectionId) -> Result<AccountId, Refused> {
        match self.connections.get(&id).and_then(|connection| connection.user()) {
            Some(user) => Ok(user),
            None => nobody_signed_in(),
        }
    }

    /// Refuses a request about a user whose login is longer than any, before the store is asked.
    pub(super) fn check_login(&self, login: &str) -> Result<(), Refused> {
        if login.len() > self.config.limits.max_login_bytes { unknown_user() } else { Ok(()) }
    }
}

fn no_such_request<T>() -> Result<T, Refused> {
    refused(501, "this server knows no such request")
}

/// Removes the fields that every answer has from what an application adds to one.
fn without_listed(fields: Fields<'static>) -> Fields<'static> {
    let is_listed = |name: &str| matches!(name, "type" | "for" | "id" | "status");
    if fields.iter().any(|(name, _)| is_listed(&name)) {
        return fields.iter().filter(|(name, _)| !is_listed(name)).collect::<Fields<'_>>().into_owned();
    }
    fields
}
