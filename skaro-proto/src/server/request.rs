//! Requests of clients, and the answers to them.

use alloc::sync::Arc;

use super::endpoint::{Decoded, decode, listed};
use super::notes::Note;
use super::pending::{Asker, Pending, Start};
use super::rate::BYTES_PER_UNIT;
use super::refusal::{
    Refused, nobody_signed_in, not_stored, out_of_memory, refusal, refused, refused_elsewhere, unknown_user,
    wrong_outcome,
};
use super::registering::Form;
use super::store::{AccountId, Operation, Outcome, StoreError};
use super::{ConnectionId, Server};
use crate::codec::{DecodeError, Fields, Frame};
use crate::log::debug;
use crate::message::{Answer, ClientMessage, Request};
use crate::time::Time;

/// Handle: what the outside reports.
impl Server {
    /// Handles a frame from a client: [`decode`] and [`handle_message`](Self::handle_message) in one. What results from
    /// it waits in the outputs of the connections concerned.
    ///
    /// # Errors
    /// As [`handle_message`](Self::handle_message).
    pub fn handle_frame(&mut self, now: Time, id: ConnectionId, frame: Frame<'_>) -> Result<(), DecodeError> {
        self.handle_message(now, id, decode(frame, self.max_frame_bytes(id)))
    }

    /// Handles a client's frame that [`decode`] has decoded.
    ///
    /// # Errors
    /// If the frame is invalid. The client has been told already: by a refusal if the frame has a request's number
    /// and type, otherwise by an `error`. So an adapter need only log or count it. A refused request is no error.
    pub fn handle_message(
        &mut self,
        now: Time,
        id: ConnectionId,
        decoded: Decoded<'_>,
    ) -> Result<(), DecodeError> {
        self.advance(now);
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let before = connection.endpoint.queued();
        let may_have_cursor = connection.endpoint.is_open() || connection.cursor.is_some();
        let has_too_many = connection.has_too_many_open(&self.operations);
        let refused = decoded.refused();
        let result = match connection.endpoint.hear(self.now, &self.config, decoded) {
            Ok(message) => {
                message.as_ref().map_or(Ok(()), |message| self.handle_request(id, message, has_too_many))
            }
            Err(error) => {
                refused.into_iter().for_each(|(number, kind)| self.note_refused(id, number, kind, 400));
                self.settle(id);
                Err(error)
            }
        };
        self.charge_output(id, 1, before);
        // After the answer, and not charged: how fast entries come is up to the client's acknowledgements.
        if may_have_cursor {
            self.pump(id);
        }
        result
    }

    fn handle_request(
        &mut self,
        id: ConnectionId,
        message: &ClientMessage<'_>,
        has_too_many: bool,
    ) -> Result<(), DecodeError> {
        match &message.request {
            Request::Ack { position } => return self.acknowledge(id, *position),
            Request::Typing { login } => self.typing(id, login),
            request if has_too_many => {
                let outcome = refused(503, "too many requests are under way: wait for their answers");
                self.answer(id, message.on_request, request.kind(), outcome);
            }
            _ => self.carry_out(id, message),
        }
        Ok(())
    }

    /// Counts a number of frames for the rate, and the answers that were written since `before` bytes waited.
    pub(super) fn charge_output(&mut self, id: ConnectionId, frames: usize, before: usize) {
        self.charge_frames(id, |connection| {
            frames + connection.endpoint.queued().saturating_sub(before) / BYTES_PER_UNIT
        });
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
            Err((code, _)) => self.note_refused(id, number, listed(kind), *code),
        }
        let outcome = outcome.map_err(refusal);
        self.tell(id, |endpoint, now, config| endpoint.write_answer(now, config, number, kind, outcome));
    }

    pub(super) fn note_refused(&mut self, id: ConnectionId, number: u64, request: &'static str, status: u16) {
        debug!("connection {id}: request {number} ({request}) refused, status {status}");
        self.tally.refused(request, status);
        let address = self.address(id);
        self.tally.notes.add(|| Note::Refused { connection: id, address, request, status });
    }

    fn carry_out(&mut self, id: ConnectionId, message: &ClientMessage<'_>) {
        let (number, request) = (message.on_request, &message.request);
        let asker = Asker { id, number };
        let outcome = match request {
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

    /// Asks the application between machine and store for the answer to a request that the protocol does not list.
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
