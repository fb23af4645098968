//! Signing in: who may, who may not, and who has to wait.

use alloc::format;
use alloc::string::ToString;

use super::connection::State;
use super::cursor::Cursor;
use super::memory::SESSION;
use super::peer::Place;
use super::rate::seconds;
use super::refusal::{Refused, out_of_memory, refused};
use super::secrets::SessionKey;
use super::users::UserId;
use super::{ConnectionId, Server};
use crate::log::debug;
use crate::message::{self, Answer, SignedIn, Since, User};
use crate::output::CloseCode;
use crate::secret::Secret;

/// Beginning of a connection's cursor, if it is to have one: the position, and the log that it belongs to.
#[derive(Clone, Copy)]
pub(super) struct Start<'a> {
    pub(super) since: Option<Since>,
    pub(super) log: Option<&'a str>,
}

impl Server {
    pub(super) fn authorize(
        &mut self,
        id: ConnectionId,
        number: u64,
        login: &str,
        proof: &str,
        start: Start<'_>,
    ) {
        match self.identify(id, login, proof) {
            Ok(user) => {
                let sid = Secret::from(self.secrets.next());
                let session = self.secrets.session_key(sid.expose());
                self.sessions.begin(session, user, id, self.config.max_sessions_per_user);
                self.signed_in(id, user, session);
                let answer = self.signed_in_answer(id, user, sid.expose(), start);
                self.expect_secret(id);
                self.answer(id, number, "authorize", Ok(Answer::Authorized(answer)));
            }
            Err(refused) => self.refuse_sign_in(id, number, "authorize", refused),
        }
    }

    /// The user who has this login and proves this password, and may sign in now.
    fn identify(&mut self, id: ConnectionId, login: &str, proof: &str) -> Result<UserId, Refused> {
        self.token(id)?;
        let place = self.connections.get(&id).and_then(|connection| connection.place);
        self.check_guesses(login, place)?;
        let user = self.token(id).map(|token| self.users.verify(login, token.expose(), proof))?;
        let Some(user) = user else {
            self.note_guess(login, place);
            return refused(401, "the login or the password is wrong");
        };
        let online = self.users.get(user).map_or(0, |user| user.online.len());
        let limit = self.config.max_connections_per_user;
        if online >= limit {
            return refused(429, format!("{limit} connections are signed in already: close some of them"));
        }
        if !self.make_room(SESSION) {
            return out_of_memory();
        }
        if let (Some(user), Some(place)) = (self.users.get_mut(user), place) {
            user.remember_place(place);
        }
        Ok(user)
    }

    /// Refuses an attempt to sign in that has to wait because too many passwords were wrong.
    fn check_guesses(&self, login: &str, place: Option<Place>) -> Result<(), Refused> {
        let mut wait = core::time::Duration::ZERO;
        if let (Some(limit), Some(place)) = (self.config.guesses_per_address, place) {
            wait = wait.max(self.guesses_by_address.wait(place.bytes(), self.now, limit));
        }
        let user = self.users.find(login).and_then(|user| self.users.get(user));
        let is_known = place.is_some_and(|place| user.is_some_and(|user| user.knows_place(place)));
        if let Some(limit) = self.config.guesses_per_login.filter(|_| !is_known) {
            let key = self.secrets.login_key(login);
            wait = wait.max(self.guesses_by_login.wait(key, self.now, limit));
        }
        if wait.is_zero() {
            return Ok(());
        }
        refused(429, format!("too many wrong passwords: try again in {} s", seconds(wait)))
    }

    fn note_guess(&mut self, login: &str, place: Option<Place>) {
        if let (Some(limit), Some(place)) = (self.config.guesses_per_address, place) {
            self.guesses_by_address.add(place.bytes(), self.now, limit);
        }
        if let Some(limit) = self.config.guesses_per_login {
            let key = self.secrets.login_key(login);
            self.guesses_by_login.add(key, self.now, limit);
        }
    }

    /// Session ids are not guessed (they have 128 bits), so a wrong one counts for its connection only: after a restart
    /// of the server all its clients come with one.
    pub(super) fn session_restore(&mut self, id: ConnectionId, number: u64, sid: &str, start: Start<'_>) {
        let session = self.secrets.session_key(sid);
        let found = self.token(id).and_then(|_| {
            let found = self.sessions.find(&session, self.now);
            let found =
                found.ok_or((401, "there is no such session, or it has expired: authorize".into()))?;
            // The request was long on its way: its client has given this connection up for the newer one.
            if found.1.is_some_and(|holder| holder > id) {
                return Err((409, "the session is in use on a newer connection: authorize".into()));
            }
            Ok(found)
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
                let answer = self.signed_in_answer(id, user, sid, start);
                self.expect_secret(id);
                self.answer(id, number, "session_restore", Ok(Answer::Restored(answer)));
            }
            Err(refused) => self.refuse_sign_in(id, number, "session_restore", refused),
        }
    }

    /// The token of a connection on which nobody has signed in yet.
    fn token(&self, id: ConnectionId) -> Result<&Secret, Refused> {
        match self.connections.get(&id).map(|connection| &connection.state) {
            Some(State::Open { token, .. }) => Ok(token),
            _ => refused(409, "somebody is signed in on this connection already: use another one"),
        }
    }

    fn signed_in(&mut self, id: ConnectionId, user: UserId, session: SessionKey) {
        debug!("connection {id}: signed in");
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.state = State::SignedIn { user, session };
            // From now on it has the user's rate: others from the same address do not slow it down.
            connection.throttled = None;
            self.no_stranger(id);
        }
        if let Some(user) = self.users.get_mut(user) {
            user.online.push(id);
        }
    }

    /// The answer to whoever has signed in. A connection that asked for a cursor has one from now on.
    fn signed_in_answer(
        &mut self,
        id: ConnectionId,
        user: UserId,
        sid: &str,
        start: Start<'_>,
    ) -> SignedIn<'static> {
        let login = self.users.login(user).to_string();
        let mut answer = SignedIn::new(sid.to_string(), User::new(login));
        if let Some(since) = start.since
            && let Some(connection) = self.connections.get_mut(&id)
        {
            let log_id = self.secrets.log_id(&answer.user.login);
            let log = self.logs.get(user);
            let begin = Cursor::begin(log, since, start.log == Some(&*log_id));
            connection.cursor = Some(Cursor::new(begin));
            answer.cursor =
                Some(message::Cursor::new(log_id, log.map_or(0, |log| log.entries.head()), begin));
        }
        answer
    }

    fn refuse_sign_in(&mut self, id: ConnectionId, number: u64, kind: &str, refused: Refused) {
        self.answer(id, number, kind, Err(refused));
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.refused += 1;
        if connection.refused >= self.config.max_sign_in_attempts {
            self.begin_close(id, CloseCode::Policy);
        }
    }
}
