//! Registering: accounts that their users make, and invitations to do so.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;

use super::Server;
use super::notes::Note;
use super::pending::{Asker, Inviting, Pending};
use super::rate::seconds;
use super::refusal::{
    Refused, not_confidential, not_stored, out_of_memory, refused, refused_elsewhere, wrong_outcome,
};
use super::secrets::session_key;
use super::store::{InvitationKey, Login, Operation, Outcome, Profile, StoreError, is_allowed};
use crate::auth::Verifier;
use crate::codec::Fields;
use crate::message::{Answer, Invitation, Registration};
use crate::secret::Secret;

/// The request to register.
pub(super) struct Form<'a> {
    pub(super) login: &'a str,
    pub(super) password: &'a str,
    pub(super) invitation: Option<&'a str>,
    pub(super) profile: Option<&'a Fields<'a>>,
}

/// Returns the key of an invitation: it is kept like a session's id.
fn invitation_key(text: &str) -> InvitationKey {
    InvitationKey(session_key(text).0)
}

/// Commands: what the operator wants.
impl Server {
    /// Makes an invitation to register, on behalf of the operator. Returns its text, and the [operation](Self::operate)
    /// that makes it valid for [a while](super::ServerConfig::invitation_lifetime).
    pub fn invitation(&mut self, now: crate::time::Time) -> (alloc::string::String, Operation) {
        self.advance(now);
        let (text, until, now) = self.next_invitation();
        let invitation = invitation_key(&text);
        (text, Operation::Invite { by: None, invitation, until, now, max_invitations: usize::MAX })
    }
}

impl Server {
    fn next_invitation(&mut self) -> (alloc::string::String, i64, i64) {
        let now = self.unix_now();
        let lifetime = i64::try_from(self.config.invitation_lifetime.as_millis()).unwrap_or(i64::MAX);
        (self.secrets.next(), now.saturating_add(lifetime), now)
    }

    pub(super) fn register(&mut self, asker: Asker, form: &Form<'_>) {
        let register = self.check_form(asker, form);
        match register {
            Ok(register) => {
                let login = Login::from(form.login);
                self.ask(register, Some(asker), Pending::Register { login });
            }
            Err(refused) => self.answer(asker.id, asker.number, "register", Err(refused)),
        }
    }

    fn check_form(&mut self, asker: Asker, form: &Form<'_>) -> Result<Operation, Refused> {
        self.check_open(asker.id)?;
        let invitation = match (&self.config.registration, form.invitation) {
            (Registration::Open, _) => None,
            (Registration::Invitation, Some(text)) => Some(invitation_key(text)),
            (Registration::Invitation, None) => {
                return refused(403, "registration is by invitation: give one");
            }
            _ => return refused(403, "registration is closed: ask whoever runs the server"),
        };
        if !self.is_confidential(asker.id) {
            return not_confidential();
        }
        let (length, limit) = (form.login.len(), self.config.limits.max_login_bytes);
        if !is_allowed(form.login) || length > limit {
            let info = format!(
                "a login has 1 to {limit} bytes of letters, digits and what else Unicode allows in identifiers"
            );
            return refused(400, info);
        }
        let (length, limit) = (form.password.len(), self.config.limits.max_password_bytes);
        if length > limit {
            return refused(413, format!("the field \"password\" has {length} bytes, the limit is {limit}"));
        }
        let profile = form.profile.map(Profile::new).unwrap_or_default();
        self.check_profile(&profile)?;
        if let (Some(limit), Some(place)) = (self.config.registrations_per_address, self.place(asker.id)) {
            let wait = self.registrations.wait(place.bytes(), self.now, limit);
            if !wait.is_zero() {
                let wait = seconds(wait);
                return refused(
                    429,
                    format!("too many accounts were registered here: try again in {wait} s"),
                );
            }
            self.registrations.add(place.bytes(), self.now, limit);
        }
        if !self.make_room(form.login.len() + profile.as_bytes().len() + 1024) {
            return out_of_memory();
        }
        let (login, log) = (Login::from(form.login), self.secrets.next_log());
        let (verifier, now) = (Verifier::new(form.password), self.unix_now());
        Ok(Operation::Register { login, verifier, log, profile, invitation, now })
    }

    /// Returns whether nobody can eavesdrop on a connection.
    pub(super) fn is_confidential(&self, id: super::ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(|connection| connection.is_confidential)
    }

    /// Refuses a profile that is too large, or nested too deeply to be told in answers.
    pub(super) fn check_profile(&self, profile: &Profile) -> Result<(), Refused> {
        let limit = self.config.max_profile_bytes;
        match profile {
            _ if profile.as_bytes().len() > limit => {
                refused(413, format!("the profile is over the limit of {limit} bytes"))
            }
            _ if !profile.is_shallow() => refused(400, "the field \"profile\" is nested too deeply"),
            _ => Ok(()),
        }
    }

    /// An account was registered, or was not.
    pub(super) fn registered(
        &mut self,
        asker: Option<Asker>,
        login: Login,
        result: Result<Outcome, StoreError>,
    ) {
        let outcome = match result {
            Ok(Outcome::Added(_)) => {
                if let Some(asker) = asker {
                    let (connection, address) = (asker.id, self.address(asker.id));
                    self.tally.notes.add(|| Note::Registered { connection, address, login });
                }
                Ok(Answer::Registered)
            }
            Ok(Outcome::Exists) => refused(409, "this login is taken, or looks like one that is"),
            Ok(Outcome::NoSuchInvitation) => refused(403, "this invitation is not good, or not any more"),
            Ok(Outcome::Refused(refusal)) => refused_elsewhere(refusal),
            Ok(_) => wrong_outcome(),
            Err(error) => not_stored(error),
        };
        if let Some(asker) = asker {
            self.answer(asker.id, asker.number, "register", outcome);
        }
    }

    pub(super) fn invite(&mut self, asker: Asker) {
        let account = self.signed_in_user(asker.id).and_then(|account| {
            if !self.config.users_invite || self.config.registration != Registration::Invitation {
                return refused(403, "users do not invite others here");
            }
            self.charge_entries(account, 1).map(|_| account)
        });
        match account {
            Ok(account) => {
                let (text, until, now) = self.next_invitation();
                let (by, invitation) = (Some(account), invitation_key(&text));
                let max_invitations = self.config.max_invitations_per_user;
                let invite = Operation::Invite { by, invitation, until, now, max_invitations };
                let inviting = Inviting { text: Secret::from(text), until };
                self.ask(invite, Some(asker), Pending::Invite(Box::new(inviting)));
            }
            Err(refused) => self.answer(asker.id, asker.number, "invite", Err(refused)),
        }
    }

    /// An invitation was made, or was not.
    pub(super) fn invited(
        &mut self,
        asker: Option<Asker>,
        inviting: &Inviting,
        result: Result<Outcome, StoreError>,
    ) {
        let Some(asker) = asker else { return };
        let outcome = match result {
            Ok(Outcome::Done) => {
                let connection = self.connections.get_mut(&asker.id);
                connection.into_iter().for_each(|connection| connection.endpoint.expect_secret());
                Ok(Answer::Invitation(Invitation::new(inviting.text.expose().to_string(), inviting.until)))
            }
            Ok(Outcome::Denied(_)) => {
                let limit = self.config.max_invitations_per_user;
                refused(429, format!("{limit} invitations are not used yet: wait until they are"))
            }
            Ok(_) => wrong_outcome(),
            Err(error) => not_stored(error),
        };
        self.answer(asker.id, asker.number, "invite", outcome);
    }
}
