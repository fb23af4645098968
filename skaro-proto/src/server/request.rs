//! What clients ask for, and what they get.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::connection::State;
use super::users::UserId;
use super::{ConnectionId, Info, Server};
use crate::codec::Fields;
use crate::codec::{DecodeError, DecodeErrorKind, Frame};
use crate::message::{
    Answer, AnswerMessage, ClientMessage, Date, History, InvalidRequest, Message, Refusal, Request,
    ServerMessage, SignedIn, StatusCode, User,
};
use crate::output::CloseCode;
use crate::secret::Secret;
use crate::time::Time;

/// Why a request is refused: a status like HTTP's (RFC 9110, section 15), since a first digit tells much, and words.
type Refused = (u16, Info);

fn refused<T>(code: u16, info: impl Into<Info>) -> Result<T, Refused> {
    Err((code, info.into()))
}

/// Handle: what the outside reports.
impl Server {
    /// A client has sent a frame. What comes of it waits in the outputs of the connections concerned.
    ///
    /// # Errors
    /// If the frame makes no sense. The client has been told already: there is nothing left to do but perhaps to
    /// count it. A request that is refused is no error.
    pub fn handle_frame(&mut self, now: Time, id: ConnectionId, frame: Frame<'_>) -> Result<(), DecodeError> {
        self.handle_pong(now, id);
        let Some(connection) = self.connections.get(&id) else { return Ok(()) };
        if matches!(connection.state, State::Closing { .. }) {
            return Ok(());
        }
        let (length, limit) = (frame.as_bytes().len(), self.config.limits.frame);
        if length > limit {
            let error = DecodeError::frame(DecodeErrorKind::TooLarge { length, limit });
            return Err(self.reject(id, InvalidRequest { error, request: None }));
        }
        match ClientMessage::decode(frame) {
            Ok(message) => self.carry_out(id, message),
            Err(rejected) => return Err(self.reject(id, *rejected)),
        }
        Ok(())
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

    fn answer(&mut self, id: ConnectionId, number: u64, kind: &str, outcome: Result<Answer<'_>, Refused>) {
        let refusal = |(code, info)| Refusal { status: Some(StatusCode::new(code)), info };
        let outcome = outcome.map_err(refusal);
        let message = AnswerMessage { kind: kind.into(), id: number, outcome, extra: Fields::new() };
        self.push(id, &ServerMessage::Answer(message));
    }

    fn carry_out(&mut self, id: ConnectionId, message: ClientMessage<'_>) {
        let (number, request) = (message.on_request, message.request);
        let outcome = match &request {
            Request::Authorize { login, proof } => return self.authorize(id, number, login, proof),
            Request::SessionRestore { sid } => return self.session_restore(id, number, sid),
            Request::GetHistory { login } => return self.get_history(id, number, login),
            Request::GetContacts => return self.get_contacts(id, number),
            Request::RegisterType => Ok(Answer::RegisterType(self.config.registration.clone())),
            Request::SendMessage { to, body } => self.send_message(id, to, body),
            Request::Other { .. } => refused(501, "this server knows no such request"),
        };
        self.answer(id, number, request.kind(), outcome);
    }

    fn authorize(&mut self, id: ConnectionId, number: u64, login: &str, proof: &str) {
        let user = self.token(id).and_then(|token| {
            let user = self.users.verify(login, token.expose(), proof);
            user.ok_or((401, "the login or the password is wrong".into()))
        });
        let user = user.and_then(|user| self.room_for(user));
        match user {
            Ok(user) => {
                let sid = Secret::from(self.secrets.next());
                let session = self.secrets.session_key(sid.expose());
                self.sessions.begin(session, user, id, self.config.sessions_per_user);
                self.signed_in(id, user, session);
                let answer = self.signed_in_answer(user, sid.expose());
                self.answer(id, number, "authorize", Ok(Answer::Authorized(answer)));
                self.mark_secret(id);
            }
            Err(refused) => self.refuse_sign_in(id, number, "authorize", refused),
        }
    }

    fn session_restore(&mut self, id: ConnectionId, number: u64, sid: &str) {
        let session = self.secrets.session_key(sid);
        let found = self.token(id).and_then(|_| {
            let found = self.sessions.find(&session, self.now);
            found.ok_or((401, "there is no such session, or it has expired: authorize".into()))
        });
        match found {
            Ok((user, holder)) => {
                // A connection that died unnoticed may still hold the session. Whoever has the id may have it.
                if let Some(holder) = holder {
                    self.begin_close(holder, CloseCode::Replaced);
                }
                self.sessions.attach(session, id);
                self.signed_in(id, user, session);
                // The id stays the same: if this answer is lost with its connection, the client can try again.
                let answer = self.signed_in_answer(user, sid);
                self.answer(id, number, "session_restore", Ok(Answer::Restored(answer)));
                self.mark_secret(id);
            }
            Err(refused) => self.refuse_sign_in(id, number, "session_restore", refused),
        }
    }

    /// The token of a connection on which nobody has signed in yet.
    fn token(&self, id: ConnectionId) -> Result<&Secret, Refused> {
        match self.connections.get(&id).map(|connection| &connection.state) {
            Some(State::Open { token, .. }) => Ok(token),
            _ => refused(409, "somebody is signed in on this connection already"),
        }
    }

    fn room_for(&self, user: UserId) -> Result<UserId, Refused> {
        let online = self.users.get(user).map_or(0, |user| user.online.len());
        let limit = self.config.connections_per_user;
        if online >= limit {
            refused(429, format!("{limit} connections are signed in already"))
        } else {
            Ok(user)
        }
    }

    fn signed_in(&mut self, id: ConnectionId, user: UserId, session: super::secrets::SessionKey) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.state = State::SignedIn { user, session };
        }
        if let Some(user) = self.users.get_mut(user) {
            user.online.push(id);
        }
    }

    fn signed_in_answer(&self, user: UserId, sid: &str) -> SignedIn<'static> {
        let user = User::new(self.users.login(user).to_string());
        SignedIn { session_id: Cow::Owned(sid.into()), user }
    }

    fn refuse_sign_in(&mut self, id: ConnectionId, number: u64, kind: &str, refused: Refused) {
        self.answer(id, number, kind, Err(refused));
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.refused += 1;
        if connection.refused >= self.config.sign_in_attempts {
            self.begin_close(id, CloseCode::Policy);
        }
    }

    fn signed_in_user(&self, id: ConnectionId) -> Result<UserId, Refused> {
        match self.connections.get(&id).map(|connection| &connection.state) {
            Some(State::SignedIn { user, .. }) => Ok(*user),
            _ => refused(401, "nobody is signed in: authorize first"),
        }
    }

    fn known_user(&self, login: &str) -> Result<UserId, Refused> {
        self.users.find(login).ok_or((404, "there is no user with this login".into()))
    }

    fn get_contacts(&mut self, id: ConnectionId, number: u64) {
        let contacts = self.signed_in_user(id).map(|user| {
            let known = self.users.contacts(user, self.config.open_directory);
            let contact = |user: &super::users::User| {
                let mut contact = User::new(user.login.to_string());
                contact.extra.push("online", !user.online.is_empty());
                contact
            };
            Answer::Contacts(known.take(self.config.contacts).map(contact).collect())
        });
        self.answer(id, number, "get_contacts", contacts);
    }

    fn send_message(&mut self, id: ConnectionId, to: &str, body: &str) -> Result<Answer<'static>, Refused> {
        let from = self.signed_in_user(id)?;
        let to = self.known_user(to)?;
        let (length, limit) = (body.len(), self.config.limits.body);
        if length > limit {
            return refused(413, format!("the field \"body\" has {length} bytes, the limit is {limit}"));
        }
        let date = self.deliver(from, to, body, Some(id));
        Ok(Answer::MessageSent(Some(Date::Integer(date))))
    }

    fn get_history(&mut self, id: ConnectionId, number: u64, login: &str) {
        let users = self.signed_in_user(id).and_then(|user| Ok((user, self.known_user(login)?)));
        let (user, other) = match users {
            Ok(users) => users,
            Err(refused) => return self.answer(id, number, "get_history", Err(refused)),
        };
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let mut count = self.config.history_answer;
        let (users, dialogs) = (&self.users, &self.dialogs);
        loop {
            let messages: Vec<_> = dialogs
                .last(user, other, count)
                .map(|stored| {
                    let (from, to) = (users.login(stored.from), users.login(stored.to));
                    Message {
                        date: Some(Date::Integer(stored.date)),
                        ..Message::new(from, to, &*stored.body)
                    }
                })
                .collect();
            let outcome = Ok(Answer::History(History::new(messages)));
            let message =
                AnswerMessage { kind: "get_history".into(), id: number, outcome, extra: Fields::new() };
            self.scratch.clear();
            ServerMessage::Answer(message).encode_into(connection.format, &mut self.scratch);
            // Escapes make the size hard to foretell: write, look, and take fewer if it is too much.
            if self.scratch.len() <= self.config.answer || count == 0 {
                break;
            }
            count /= 2;
        }
        if connection.output.len() > self.config.limits.output {
            return self.cut_off(id);
        }
        connection.output.push_written(connection.format, &self.scratch);
        connection.mark_ready(id, &mut self.ready);
    }
}
