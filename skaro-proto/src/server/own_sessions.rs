//! Sessions of a user: their list, their end, and changes of the password.

use alloc::boxed::Box;
use alloc::format;

use super::connection::Session;
use super::pending::{Asker, Ending, NewPassword, Pending};
use super::refusal::{Refused, nobody_signed_in, not_confidential, not_stored, refused, wrong_outcome};
use super::store::{Account, KeptSessions, Login, Operation, Outcome, SessionKey, StoreError};
use super::{ConnectionId, Server};
use crate::auth::Verifier;
use crate::message::{Answer, SessionInfo};
use crate::output::CloseCode;
use crate::secret::Secret;

impl Server {
    /// Returns the user who is signed in on a connection, and the session.
    fn own_session(&self, id: ConnectionId) -> Result<(Login, SessionKey), Refused> {
        let Some(Session { user, key }) = self.connections.get(&id).and_then(|it| it.endpoint.session())
        else {
            return nobody_signed_in();
        };
        let Some(account) = self.accounts.get(*user) else { return nobody_signed_in() };
        Ok((account.login.clone(), *key))
    }

    pub(super) fn get_sessions(&mut self, asker: Asker) {
        match self.own_session(asker.id) {
            Ok((login, session)) => {
                let max_sessions = self.config.max_sessions_per_user;
                let list = Operation::ListSessions { login: Some(login), after: None, max_sessions };
                self.ask(list, Some(asker), Pending::ListSessions { session });
            }
            Err(refused) => self.answer(asker.id, asker.number, "get_sessions", Err(refused)),
        }
    }

    /// Sessions were listed.
    pub(super) fn sessions_listed(
        &mut self,
        asker: Option<Asker>,
        own: SessionKey,
        result: Result<Outcome, StoreError>,
    ) {
        let Some(asker) = asker else { return };
        let outcome = match result {
            Ok(Outcome::Sessions { sessions, .. }) => {
                let told = |session: &super::store::SessionSummary| {
                    let mut info = SessionInfo::new(hex::encode(session.key.0), session.key == own);
                    info.until = session.until;
                    info
                };
                Ok(Answer::Sessions(sessions.iter().map(told).collect()))
            }
            Ok(_) => wrong_outcome(),
            Err(error) => not_stored(error),
        };
        self.answer(asker.id, asker.number, "get_sessions", outcome);
    }

    pub(super) fn end_sessions(&mut self, asker: Asker, session: Option<&str>, others: bool) {
        match self.sessions_to_end(asker.id, session, others) {
            Ok((end, ending)) => {
                let operation = Box::new(end.clone());
                self.ask(end, Some(asker), Pending::EndSessions { operation, ending });
            }
            Err(refused) => self.answer(asker.id, asker.number, "sign_out", Err(refused)),
        }
    }

    fn sessions_to_end(
        &self,
        id: ConnectionId,
        session: Option<&str>,
        others: bool,
    ) -> Result<(Operation, Ending), Refused> {
        let (login, own) = self.own_session(id)?;
        let Some(text) = session else {
            return Ok(if others {
                (Operation::EndSessions { login, keeps: KeptSessions::One(own) }, Ending::Others)
            } else {
                (Operation::EndSession { session: own, of: Some(login) }, Ending::Own)
            });
        };
        let mut key = [0; 16];
        if others {
            return refused(400, "give \"session\" or \"others\", not both");
        }
        if hex::decode_to_slice(text, &mut key).is_err() {
            return no_such_session();
        }
        let (session, of) = (SessionKey(key), Some(login));
        let ending = if session == own { Ending::Own } else { Ending::Others };
        Ok((Operation::EndSession { session, of }, ending))
    }

    /// Sessions were ended, or were not.
    pub(super) fn sessions_ended(
        &mut self,
        asker: Option<Asker>,
        operation: &Operation,
        ending: &Ending,
        result: Result<Outcome, StoreError>,
    ) {
        let outcome = match result {
            Ok(Outcome::Done) => Ok(Answer::SignedOut),
            Ok(Outcome::NoSuchSession | Outcome::NoSuchUser) => no_such_session(),
            Ok(_) => wrong_outcome(),
            Err(error) => not_stored(error),
        };
        let has_ended = outcome.is_ok();
        if let Some(asker) = asker {
            self.answer(asker.id, asker.number, "sign_out", outcome);
            if let (true, Ending::Own, Ok((_, own))) = (has_ended, ending, self.own_session(asker.id)) {
                // It is no session any more that this connection could leave behind.
                self.sessions.remove(&own);
                self.begin_close(asker.id, CloseCode::Normal);
            }
        }
        if has_ended {
            self.account_changed(operation);
        }
    }

    pub(super) fn set_password(
        &mut self,
        asker: Asker,
        password: &str,
        old: Option<&str>,
        ends_others: bool,
    ) {
        match self.check_password(asker, password, old, ends_others) {
            Ok(new) => {
                let find = Operation::FindAccount { login: new.login.clone() };
                self.ask(find, Some(asker), Pending::CheckPassword(Box::new(new)));
            }
            Err(refused) => self.answer(asker.id, asker.number, "update_my_data", Err(refused)),
        }
    }

    fn check_password(
        &mut self,
        asker: Asker,
        password: &str,
        old: Option<&str>,
        ends_others: bool,
    ) -> Result<NewPassword, Refused> {
        let (login, session) = self.own_session(asker.id)?;
        if !self.is_confidential(asker.id) {
            return not_confidential();
        }
        let limit = self.config.limits.max_password_bytes;
        for length in [Some(password), old].into_iter().flatten().map(str::len) {
            if length > limit {
                return refused(413, format!("a password has {length} bytes, the limit is {limit}"));
            }
        }
        let Some(old) = old else { return refused(403, "the field \"old_password\" is missing") };
        self.check_guesses(&login, self.place(asker.id))?;
        let keeps = if ends_others { KeptSessions::One(session) } else { KeptSessions::All };
        Ok(NewPassword { old: Secret::from(old), verifier: Verifier::new(password), login, keeps })
    }

    /// The account of a user who wants another password was found: the old password must be right.
    pub(super) fn password_checked(
        &mut self,
        asker: Option<Asker>,
        new: &NewPassword,
        result: Result<Outcome, StoreError>,
    ) {
        let Some(asker) = asker else { return };
        let refused = match result {
            Ok(Outcome::Account(Some(account))) if self.is_right(&account, new) => {
                let (login, verifier, keeps) = (new.login.clone(), new.verifier.clone(), new.keeps);
                let old = Some(account.verifier);
                let set = Operation::SetVerifier { login, verifier, old, keeps };
                let operation = Box::new(set.clone());
                return self.ask(set, Some(asker), Pending::SetPassword { operation });
            }
            Ok(Outcome::Account(_)) => {
                self.note_guess(&new.login, self.place(asker.id));
                refused(403, "the old password is wrong")
            }
            Ok(Outcome::Refused(refusal)) => super::refusal::refused_elsewhere(refusal),
            Ok(_) => wrong_outcome(),
            Err(error) => not_stored(error),
        };
        self.answer(asker.id, asker.number, "update_my_data", refused);
    }

    /// Returns whether the old password is that of the account. Both are made into a proof, which is compared in
    /// constant time.
    fn is_right(&self, account: &Account, new: &NewPassword) -> bool {
        let token = hex::encode(account.log.0);
        account.verifier.verify(&token, &crate::auth::proof(new.old.expose(), &token))
    }

    /// Another password was set, or was not.
    pub(super) fn password_set(
        &mut self,
        asker: Option<Asker>,
        operation: &Operation,
        result: Result<Outcome, StoreError>,
    ) {
        let is_set = matches!(result, Ok(Outcome::Done));
        let outcome = match result {
            Ok(Outcome::Done) => Ok(Answer::Updated),
            Ok(Outcome::OldVerifier) => refused(403, "the old password was changed at this moment"),
            Ok(Outcome::NoSuchUser) => super::refusal::unknown_user(),
            Ok(_) => wrong_outcome(),
            Err(error) => not_stored(error),
        };
        if let Some(asker) = asker {
            self.answer(asker.id, asker.number, "update_my_data", outcome);
        }
        if is_set {
            self.account_changed(operation);
        }
    }
}

fn no_such_session<T>() -> Result<T, Refused> {
    refused(404, "the user has no such session")
}
