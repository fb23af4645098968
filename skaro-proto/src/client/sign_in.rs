//! Signing in: when the application asks for it, and automatically after a reconnection.

use compact_str::CompactString;
use zeroize::Zeroizing;

use super::cursor::Cursor;
use super::link::{Link, SignIn, Stage};
use super::session::{Credentials, Session};
use super::{Client, CommandError, Disconnect, Event, LogStart, RequestId, SignedOutReason, Ticket};
use crate::auth;
use crate::log::debug;
use crate::message::{Refusal, Request, RequestKind, SignedIn};
use crate::secret::Secret;
use crate::time::Time;

impl Client {
    /// Returns the token to prove a password with, if someone may sign in now.
    pub(super) fn token(&self) -> Result<&Secret, CommandError> {
        self.connected()?;
        match &self.link {
            Link::Up(connection) => match &connection.stage {
                Stage::Open { sign_in: SignIn::No { token }, .. } => Ok(token),
                _ => Err(CommandError::AlreadySignedIn),
            },
            _ => Err(CommandError::NotConnected),
        }
    }

    pub(super) fn begin_sign_in(
        &mut self,
        now: Time,
        kind: RequestKind,
        login: &str,
        request: Request<'_>,
    ) -> Result<RequestId, CommandError> {
        self.room()?;
        self.output.reserve_for_secret();
        let ticket = self.ticket(kind, login);
        let id = self.submit(now, ticket, request);
        self.pend();
        Ok(id)
    }

    /// Waits for the request that was written last: it decides who is signed in.
    fn pend(&mut self) {
        let number = self.last_number;
        self.output.mark_secret();
        let Some(sign_in) = self.sign_in() else { return };
        if let SignIn::No { token } = sign_in {
            let token = token.clone();
            *sign_in = SignIn::Pending { token, number, credentials: None };
            debug!("signing in");
        }
    }

    pub(super) fn set_pending_credentials(&mut self, kept: Option<Credentials>) {
        if let Some(SignIn::Pending { credentials, .. }) = self.sign_in() {
            *credentials = kept;
        }
    }

    pub(super) fn sign_in(&mut self) -> Option<&mut SignIn> {
        match &mut self.link {
            Link::Up(connection) => match &mut connection.stage {
                Stage::Open { sign_in, .. } => Some(sign_in),
                Stage::Greeting { .. } | Stage::Closing { .. } => None,
            },
            _ => None,
        }
    }

    /// The server says that the user is signed in.
    pub(super) fn sign_in_succeeded(&mut self, answered: u64, kind: &RequestKind, signed_in: &SignedIn<'_>) {
        let Some(sign_in) = self.sign_in() else { return };
        let login = &*signed_in.user.login;
        match core::mem::replace(sign_in, SignIn::Yes) {
            // A late answer may belong to an attempt before the pending one, with other credentials.
            SignIn::Pending { credentials: Some(credentials), number, .. } if number == answered => {
                self.credentials = Some(credentials);
            }
            _ => self.credentials = self.credentials.take().filter(|kept| kept.login == login),
        }
        debug!("signed in");
        self.persistent |= core::mem::take(&mut self.refused);
        self.established = true;
        // The previous user's session may be gone by now, but not the log, nor what waits.
        let before = self.last_user.replace(CompactString::new(login));
        let is_other = before.is_some_and(|before| before != login);
        if is_other {
            // What one user wrote must not leave in another's name.
            self.end_outbox();
        }
        let (id, login) = (Secret::from(&*signed_in.session_id), CompactString::new(&*signed_in.user.login));
        self.session = Some(Session { id, login, broken: None });
        // Another user who authorizes asks for the head of their own log; whose session is restored is not known
        // before.
        if is_other && *kind == RequestKind::Authorize {
            self.cursor = Cursor::new(&LogStart::Head);
        }
        self.begin_log(signed_in.cursor.as_ref());
    }

    /// A request to sign in ended without success; the token is good for another try.
    pub(super) fn sign_in_failed(&mut self, number: u64, automatic: bool) {
        let Some(sign_in) = self.sign_in() else { return };
        if let SignIn::Pending { token, number: pending, .. } = sign_in
            && *pending == number
        {
            let token = token.clone();
            *sign_in = SignIn::No { token };
            debug!("not signed in");
            // What waited for this sign-in waits in vain now, unless the machine has another way to sign in.
            if !automatic {
                self.end_outbox();
            }
        }
    }

    /// Returns whether the machine signs the user in again, now or once it is connected.
    pub(super) fn resumes(&self) -> bool {
        let has_means = self.session.is_some() || self.credentials.is_some();
        let at_work = match &self.link {
            Link::Waiting { .. } | Link::Dialing { .. } => true,
            Link::Up(connection) => match &connection.stage {
                Stage::Greeting { .. } => true,
                Stage::Open { sign_in, .. } => matches!(sign_in, SignIn::Pending { .. }),
                Stage::Closing { .. } => false,
            },
            Link::Offline | Link::Closed => false,
        };
        self.persistent && has_means && at_work
    }

    /// Signs in on a new connection: restores the session, or signs in anew, or leaves it to the application.
    pub(super) fn resume(&mut self) {
        let lifetime = self.config.session_lifetime;
        let restorable =
            |session: &Session| session.broken.is_some_and(|broken| self.now - broken <= lifetime);
        if let Some(session) = self.session.as_ref().filter(|session| restorable(session)) {
            let (sid, login) = (session.id.clone(), session.login.clone());
            self.output.reserve_for_secret();
            let ticket = self.automatic_ticket(RequestKind::SessionRestore, &login);
            let ((since, log), presence) = (self.since(Some(&login)), self.asks_for_presence());
            self.submit(
                self.now,
                ticket,
                Request::SessionRestore { sid: sid.expose().into(), since, log, presence },
            );
            return self.pend();
        }
        if !self.authorize_anew() {
            self.signed_out(SignedOutReason::SessionOver);
        }
    }

    /// Tells the application that the user is no longer signed in, if the user was and it has not been told.
    pub(super) fn signed_out(&mut self, reason: SignedOutReason) {
        if core::mem::take(&mut self.established) {
            debug!("signed out");
            self.events.push_back(Event::SignedOut { reason });
        }
    }

    /// Signs in with the credentials that were kept; returns whether there are any.
    fn authorize_anew(&mut self) -> bool {
        let (Ok(token), Some(credentials)) = (self.token(), &self.credentials) else {
            self.end_outbox();
            return false;
        };
        let proof = Zeroizing::new(auth::proof(credentials.password.expose(), token.expose()));
        let login = credentials.login.clone();
        self.output.reserve_for_secret();
        let ticket = self.automatic_ticket(RequestKind::Authorize, &login);
        let ((since, log), presence) = (self.since(Some(&login)), self.asks_for_presence());
        let (login, proof) = (login.as_str().into(), proof.as_str().into());
        let request = Request::Authorize { login, proof, since, log, presence };
        self.submit(self.now, ticket, request);
        self.pend();
        true
    }

    fn automatic_ticket(&mut self, kind: RequestKind, login: &str) -> Ticket {
        Ticket { automatic: true, ..self.ticket(kind, login) }
    }

    /// Drops a connection on which the user can't be signed in again now, unless it is closing anyway.
    pub(super) fn give_up_resuming(&mut self, reason: Disconnect) {
        if self.sign_in().is_some() {
            self.lose(reason);
        }
    }

    /// The server refused to sign the user in again.
    pub(super) fn resumption_refused(&mut self, kind: RequestKind, refusal: &Refusal<'_>) {
        if refusal.is_temporary() {
            return self.give_up_resuming(Disconnect::Unavailable);
        }
        if kind == RequestKind::SessionRestore {
            self.session = None;
            if !self.authorize_anew() {
                self.signed_out(SignedOutReason::Refused(refusal.clone().into_owned()));
            }
            return;
        }
        // A wrong password stays wrong: the machine neither tries it again nor reconnects for it, until someone has
        // signed in.
        self.credentials = None;
        self.session = None;
        self.persistent = false;
        self.refused = true;
        self.end_outbox();
        self.signed_out(SignedOutReason::Refused(refusal.clone().into_owned()));
    }
}
