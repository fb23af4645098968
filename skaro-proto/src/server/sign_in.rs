//! Signing in: who may, who may not, and who has to wait.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;

use super::connection::Session;
use super::cursor::Cursor;
use super::memory::SESSION;
use super::notes::Note;
use super::peer::Place;
use super::pending::{Asker, Pending, SignIn, Start};
use super::rate::seconds;
use super::refusal::{
    Refused, not_stored, out_of_memory, refusal, refused, refused_elsewhere, wrong_outcome,
};
use super::secrets::{ID, session_key};
use super::store::{Account, Login, Operation, Outcome, SessionKey, StoreError};
use super::{ConnectionId, Server};
use crate::log::debug;
use crate::message::{self, Answer, SignedIn, User};
use crate::output::CloseCode;
use crate::secret::Secret;

/// Bytes of a proof: 64 bytes in hexadecimal digits.
const PROOF: usize = 128;

impl Server {
    pub(super) fn authorize(&mut self, asker: Asker, login: &str, proof: &str, start: Start) {
        let place = self.place(asker.id);
        let may = self.check_open(asker.id).and_then(|()| self.check_guesses(login, place));
        if let Err(refused) = may.and_then(|()| self.check_lengths(login, proof, place)) {
            return self.refuse_sign_in(asker, "authorize", refused);
        }
        let login = Login::from(login);
        let (secret, session) = (Secret::from(proof), SessionKey([0; 16]));
        let sign_in = SignIn::new(start, login.clone(), secret, session);
        self.begin_sign_in(asker.id);
        self.ask(Operation::FindAccount { login }, Some(asker), Pending::Identify(Box::new(sign_in)));
    }

    /// Refuses what is longer than any login or proof, before the store is asked. It counts as a guess like all others.
    fn check_lengths(&mut self, login: &str, proof: &str, place: Option<Place>) -> Result<(), Refused> {
        if login.len() <= self.config.limits.max_login_bytes && proof.len() <= PROOF {
            return Ok(());
        }
        self.note_guess(login, place);
        wrong_login()
    }

    /// Checks the proof once the account has been looked up.
    pub(super) fn identified(
        &mut self,
        asker: Option<Asker>,
        mut sign_in: Box<SignIn>,
        result: Result<Outcome, StoreError>,
    ) {
        let Some(asker) = asker.filter(|asker| self.is_signing_in(asker.id)) else { return };
        let account = match result {
            Ok(Outcome::Account(account)) => self.identify(asker.id, &sign_in, account),
            Ok(Outcome::Refused(refusal)) => refused_elsewhere(refusal),
            Ok(_) => wrong_outcome(),
            Err(error) => not_stored(error),
        };
        match account {
            Ok(account) => {
                sign_in.secret = Secret::from(self.secrets.next());
                sign_in.session = session_key(sign_in.secret.expose());
                let (id, session, login) = (account.id, sign_in.session, account.login.clone());
                sign_in.account = Some(account);
                let begin = Operation::BeginSession { account: id, login, session };
                self.ask(begin, Some(asker), Pending::Begin(sign_in));
            }
            Err(refused) => self.fail_sign_in(asker, "authorize", refused),
        }
    }

    /// Returns the account of the user who has this login, proves this password, and may sign in now. An unknown login
    /// costs the same work and gets the same answer as a wrong proof.
    fn identify(
        &mut self,
        id: ConnectionId,
        sign_in: &SignIn,
        account: Option<Account>,
    ) -> Result<Account, Refused> {
        let place = self.place(id);
        // Others may have guessed meanwhile.
        self.check_guesses(&sign_in.login, place)?;
        let Some(endpoint) = self.connections.get(&id).map(|it| &it.endpoint).filter(|it| it.is_open())
        else {
            return already_signed_in();
        };
        let verifier = account.as_ref().map_or(&self.nobody, |account| &account.verifier);
        let is_proven = endpoint.proves(verifier, sign_in.secret.expose());
        let Some(account) = account.filter(|_| is_proven) else {
            self.note_guess(&sign_in.login, place);
            return wrong_login();
        };
        if account.is_disabled {
            return refused(403, "this account is disabled: ask whoever runs the server");
        }
        if sign_in.is_ended(&account.login) {
            return account_has_changed();
        }
        self.check_connections(&account.login)?;
        if !self.make_room(SESSION) {
            return out_of_memory();
        }
        if let Some(place) = place {
            let login = self.secrets.login_key(&account.login);
            self.regulars.remember(login, place, self.now);
        }
        Ok(account)
    }

    fn check_connections(&self, login: &str) -> Result<(), Refused> {
        let limit = self.config.max_connections_per_user;
        if self.accounts.count(login) >= limit {
            return refused(429, format!("{limit} connections are signed in already: close some of them"));
        }
        Ok(())
    }

    /// A session has begun, or has not.
    pub(super) fn session_begun(
        &mut self,
        asker: Option<Asker>,
        sign_in: &SignIn,
        result: Result<Outcome, StoreError>,
    ) {
        let waits = asker.filter(|asker| self.is_signing_in(asker.id));
        let refused: Result<(), Refused> = match result {
            Ok(Outcome::Session { epoch }) => {
                let (Some(asker), Some(account)) = (waits, &sign_in.account) else {
                    return self.leave_session(sign_in.session, epoch);
                };
                let may = if sign_in.is_ended(&account.login) { account_has_changed() } else { Ok(()) };
                match may.and_then(|()| self.check_connections(&account.login)) {
                    Ok(()) => return self.signed_in(asker, "authorize", sign_in, account, epoch),
                    Err(refused) => {
                        self.leave_session(sign_in.session, epoch);
                        Err(refused)
                    }
                }
            }
            Ok(Outcome::NoSuchUser) => wrong_login(),
            Ok(Outcome::Refused(refusal)) => refused_elsewhere(refusal),
            Ok(_) => wrong_outcome(),
            Err(error) => not_stored(error),
        };
        if let (Some(asker), Err(refused)) = (waits, refused) {
            self.fail_sign_in(asker, "authorize", refused);
        }
    }

    /// Refuses an attempt to sign in that has to wait because too many passwords were wrong.
    pub(super) fn check_guesses(&self, login: &str, place: Option<Place>) -> Result<(), Refused> {
        let mut wait = core::time::Duration::ZERO;
        if let (Some(limit), Some(place)) = (self.config.guesses_per_address, place) {
            wait = wait.max(self.guesses_by_address.wait(place.bytes(), self.now, limit));
        }
        if let Some(limit) = self.config.guesses_per_login {
            let key = self.secrets.login_key(login);
            if !place.is_some_and(|place| self.regulars.knows(&key, place)) {
                wait = wait.max(self.guesses_by_login.wait(key, self.now, limit));
            }
        }
        if wait.is_zero() {
            return Ok(());
        }
        refused(429, format!("too many wrong passwords: try again in {} s", seconds(wait)))
    }

    pub(super) fn note_guess(&mut self, login: &str, place: Option<Place>) {
        if let (Some(limit), Some(place)) = (self.config.guesses_per_address, place) {
            self.guesses_by_address.add(place.bytes(), self.now, limit);
        }
        if let Some(limit) = self.config.guesses_per_login {
            let key = self.secrets.login_key(login);
            self.guesses_by_login.add(key, self.now, limit);
        }
    }

    /// Session ids can't be guessed (they have 128 bits), so a wrong one counts for its connection only: after a
    /// restart of a server with a store in memory, all its clients send one.
    pub(super) fn session_restore(&mut self, asker: Asker, sid: &str, start: Start) {
        let may = self.check_open(asker.id);
        if let Err(refused) = may.and_then(|()| if sid.len() > ID { no_session() } else { Ok(()) }) {
            return self.refuse_sign_in(asker, "session_restore", refused);
        }
        let (secret, session) = (Secret::from(sid), session_key(sid));
        if self.sessions.get(&session).is_some_and(|(holder, _)| *holder > asker.id) {
            return self.refuse_sign_in(asker, "session_restore", newer_holder());
        }
        let sign_in = SignIn::new(start, Login::default(), secret, session);
        self.begin_sign_in(asker.id);
        let take = Operation::TakeSession { session, now: self.unix_now() };
        self.ask(take, Some(asker), Pending::Take(Box::new(sign_in)));
    }

    /// A session was taken, or can't be.
    pub(super) fn session_taken(
        &mut self,
        asker: Option<Asker>,
        sign_in: &SignIn,
        result: Result<Outcome, StoreError>,
    ) {
        let waits = asker.filter(|asker| self.is_signing_in(asker.id));
        let session = sign_in.session;
        let refused: Result<(), Refused> = match result {
            // It was taken a moment before it was ended.
            Ok(Outcome::Restored(Some((account, epoch)))) if sign_in.is_ended(&account.login) => {
                self.leave_session(session, epoch);
                no_session()
            }
            Ok(Outcome::Restored(Some((account, epoch)))) => {
                match self.sessions.get(&session).copied() {
                    // Another connection has taken it since, and was told first.
                    Some((_, other)) if other > epoch => {
                        return waits.into_iter().for_each(|it| self.begin_close(it.id, CloseCode::Replaced));
                    }
                    // The request was long on its way: its client has given this connection up for the newer one.
                    Some((holder, _)) if asker.is_none_or(|it| holder > it.id) => {
                        self.sessions.insert(session, (holder, epoch));
                        if let Some(asker) = waits {
                            self.fail_sign_in(asker, "session_restore", newer_holder());
                        }
                        return;
                    }
                    // A connection that died unnoticed may still hold the session. A client that has the id may have
                    // it.
                    Some((holder, _)) => {
                        self.sessions.remove(&session);
                        self.begin_close(holder, CloseCode::Replaced);
                    }
                    None => (),
                }
                return match waits {
                    // The id stays the same: if this answer is lost with its connection, the client can try again.
                    Some(asker) => self.signed_in(asker, "session_restore", sign_in, &account, epoch),
                    None => self.leave_session(session, epoch),
                };
            }
            Ok(Outcome::Restored(None)) => no_session(),
            Ok(_) => wrong_outcome(),
            Err(error) => not_stored(error),
        };
        if let (Some(asker), Err(refused)) = (waits, refused) {
            self.fail_sign_in(asker, "session_restore", refused);
        }
    }

    pub(super) fn place(&self, id: ConnectionId) -> Option<Place> {
        self.connections.get(&id).and_then(|connection| connection.place)
    }

    /// Refuses a sign-in if a user has signed in on this connection already, or is about to.
    pub(super) fn check_open(&self, id: ConnectionId) -> Result<(), Refused> {
        match self.connections.get(&id) {
            Some(connection) if connection.is_signing_in => {
                refused(409, "a sign-in is under way on this connection: wait for its answer")
            }
            Some(connection) if connection.endpoint.is_open() => Ok(()),
            _ => already_signed_in(),
        }
    }

    fn begin_sign_in(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.is_signing_in = true;
        }
    }

    /// Returns whether this connection still waits for its sign-in.
    fn is_signing_in(&self, id: ConnectionId) -> bool {
        self.connections
            .get(&id)
            .is_some_and(|connection| connection.is_signing_in && connection.endpoint.is_open())
    }

    /// Signs a user in. A connection that asked for a cursor gets one.
    fn signed_in(&mut self, asker: Asker, kind: &str, sign_in: &SignIn, account: &Account, epoch: u64) {
        let (id, session) = (asker.id, sign_in.session);
        debug!("connection {id}: signed in");
        let (address, is_restored) = (self.address(id), kind == "session_restore");
        let login = account.login.clone();
        self.tally.notes.add(|| Note::SignedIn { connection: id, address, login, is_restored });
        self.sessions.insert(session, (id, epoch));
        let head = self.accounts.join(account, id);
        self.presence_changed(account.id);
        let mut answer =
            SignedIn::new(sign_in.secret.expose().to_string(), User::new(account.login.to_string()));
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.is_signing_in = false;
            // This succeeds: nobody has signed in until now.
            _ = connection.endpoint.sign_in(Session { user: account.id, key: session });
            connection.hears_presence = sign_in.start.presence;
            if let Some(since) = sign_in.start.since {
                let is_same = sign_in.start.log == Some(account.log);
                let begin = Cursor::begin(account.begin, head, since, is_same);
                connection.cursor = Some(Box::new(Cursor::new(begin)));
                answer.cursor = Some(message::Cursor::new(account.log.to_string(), head, begin));
            }
        }
        self.no_stranger(id);
        let answer = match kind {
            "authorize" => Answer::Authorized(answer),
            _ => Answer::Restored(answer),
        };
        self.answer(id, asker.number, kind, Ok(answer));
    }

    /// Refuses a sign-in that was under way.
    fn fail_sign_in(&mut self, asker: Asker, kind: &'static str, refused: Refused) {
        if let Some(connection) = self.connections.get_mut(&asker.id) {
            connection.is_signing_in = false;
        }
        self.refuse_sign_in(asker, kind, refused);
    }

    fn refuse_sign_in(&mut self, asker: Asker, kind: &'static str, refused: Refused) {
        let Asker { id, number } = asker;
        self.note_refused(id, number, kind, refused.0);
        self.tell(id, |endpoint, now, config| {
            endpoint.refuse_sign_in(now, config, number, kind, refusal(refused));
        });
    }
}

fn already_signed_in<T>() -> Result<T, Refused> {
    refused(409, "somebody is signed in on this connection already: use another one")
}

fn wrong_login<T>() -> Result<T, Refused> {
    refused(401, "the login or the password is wrong")
}

fn no_session<T>() -> Result<T, Refused> {
    refused(401, "there is no such session, or it has expired: authorize")
}

/// Refuses a sign-in for now: its password may have been checked against one that was changed meanwhile.
fn account_has_changed<T>() -> Result<T, Refused> {
    refused(503, "the account has been changed at this moment: sign in again")
}

fn newer_holder() -> Refused {
    (409, "the session is in use on a newer connection: authorize".into())
}
