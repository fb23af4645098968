//! Contacts in the view: who is online, who waits for an answer, who is typing, and who has read the dialog.

use std::time::{Duration, Instant};

use skaro_proto::message::{ContactState, Contacts, Date, User};

use super::super::people::is_conference;
use super::super::report::Report;
use super::super::wording;
use super::{Contact, View};
use crate::text::Shown;

/// Time after which a user no longer counts as typing, without another notice.
const TYPING: Duration = Duration::from_secs(10);

/// Maximum number of typing users that are remembered.
const TYPISTS: usize = 50;

/// The relation of a contact to the user.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Relation {
    /// Not reported by the server.
    #[default]
    Unknown,
    Listed,
    /// The contact waits for an answer.
    Asks,
    Blocked,
}

impl Relation {
    fn of(state: &ContactState<'_>) -> Self {
        match state {
            ContactState::Listed => Relation::Listed,
            ContactState::Asks => Relation::Asks,
            ContactState::Blocked => Relation::Blocked,
            _ => Relation::Unknown,
        }
    }
}

/// A user who is typing.
pub(super) struct Typist {
    dialog: String,
    login: String,
    until: Instant,
}

/// Contacts.
impl View {
    /// Records who is online, and the numbers of unread messages.
    pub(crate) fn meet(&mut self, contacts: &Contacts<'_>) {
        for user in contacts {
            self.note_contact(&user.login, wording::last_position(user));
            let is_shown = self.shows(&user.login);
            self.meet_user(user);
            if let Some(contact) = self.contacts.get_mut(&*user.login) {
                contact.unread = user.unread().filter(|_| !is_shown).unwrap_or_default();
            }
        }
    }

    /// Records what the server says about a user, who is listed if it is a contact.
    pub(crate) fn meet_user(&mut self, user: &User<'_>) {
        let relation = user.state().as_ref().map(Relation::of).unwrap_or_default();
        if relation != Relation::Unknown {
            self.note_contact(&user.login, None);
        }
        let Some(contact) = self.contacts.get_mut(&*user.login) else { return };
        // About users who don't know this one, the server says only that they are not known to be online.
        let is_told = relation == Relation::Listed || user.state().is_none();
        contact.is_online = user.online().filter(|_| is_told && !is_conference(&user.login));
        contact.relation = relation;
        contact.about = wording::about(user);
        contact.read = user.read_date().as_ref().and_then(Date::as_integer).max(contact.read);
    }

    /// Records that a user has written just now, and so is online.
    pub(crate) fn handle_writer(&mut self, login: &str) {
        let contact = self.contacts.get_mut(login).filter(|_| !is_conference(login));
        if let Some(contact) = contact
            && matches!(contact.relation, Relation::Listed | Relation::Unknown)
        {
            contact.is_online = Some(true);
        }
    }

    /// Returns whether a user is known to be listed as a contact.
    pub(crate) fn is_listed(&self, login: &str) -> bool {
        self.contacts.get(login).is_some_and(|contact| contact.relation == Relation::Listed)
    }

    /// Shows changes of contacts. Returns whether the report was about contacts.
    pub(super) fn show_people(&mut self, report: &Report<'_>) -> bool {
        let text = wording::report(report, false, &self.names);
        match report {
            Report::Contact { login, state, .. } => {
                self.set_state(login, &ContactState::from(std::borrow::Cow::Borrowed(*state)));
                if text != Shown::new() {
                    self.note(&text);
                }
            }
            Report::ChangedUserData { user, position: None, .. } => {
                if let Some(contact) = self.contacts.get_mut(&*user.login) {
                    contact.is_online = user.online();
                }
            }
            Report::ChangedUserData { user, member, .. } => {
                let about = wording::about(user);
                let Some(contact) = self.contacts.get_mut(&*user.login) else { return true };
                let is_news = member.is_some() || contact.about != about;
                contact.about = about;
                // Reports about a conference appear in its dialog.
                if text != Shown::new() && is_news {
                    let before = self.height();
                    self.panes.of(Some(&user.login)).note(&text);
                    self.stay_if(&user.login, before);
                }
            }
            Report::ReadBy { login, date } => {
                if let Some(contact) = self.contacts.get_mut(*login) {
                    contact.read = date.as_integer().max(contact.read);
                }
            }
            _ => return false,
        }
        true
    }

    fn set_state(&mut self, login: &str, state: &ContactState<'_>) {
        if *state == ContactState::None {
            self.contacts.remove(login);
        } else if self.note_contact(login, None)
            && let Some(contact) = self.contacts.get_mut(login)
        {
            contact.relation = Relation::of(state);
        }
    }

    /// Records that nothing is known any more about who is online.
    pub(super) fn forget_presence(&mut self) {
        self.typists.clear();
        self.contacts.values_mut().for_each(|contact| contact.is_online = None);
    }

    /// Closes a dialog if it is open, because the user does not exist. The typed line stays.
    pub(crate) fn close(&mut self, login: &str) {
        if self.open.as_deref() == Some(login) {
            self.open = None;
            self.scroll = 0;
        }
        if self.contacts.get(login).is_some_and(|contact| contact.latest == 0) {
            self.contacts.remove(login);
        }
    }
}

/// Typing.
impl View {
    /// Records that a user is typing in a dialog.
    pub(crate) fn handle_typing(&mut self, dialog: &str, login: &str, now: Instant) {
        self.stop_typing(dialog, login);
        if self.typists.len() < TYPISTS {
            self.typists.push(Typist { dialog: dialog.into(), login: login.into(), until: now + TYPING });
        }
    }

    /// Records that a user is no longer typing.
    pub(super) fn stop_typing(&mut self, dialog: &str, login: &str) {
        self.typists.retain(|typist| typist.dialog != dialog || typist.login != login);
    }

    /// Forgets users whose typing has expired.
    pub(crate) fn forget_typing(&mut self, now: Instant) {
        self.typists.retain(|typist| now < typist.until);
    }

    /// Returns the time at which the next user's typing expires.
    pub(crate) fn typing_ends(&self) -> Option<Instant> {
        self.typists.iter().map(|typist| typist.until).min()
    }

    /// Returns the users who are typing in the open dialog.
    pub(super) fn typists(&self) -> impl Iterator<Item = &str> {
        let here = self.typists.iter().filter(|typist| Some(&typist.dialog) == self.open.as_ref());
        here.map(|typist| typist.login.as_str())
    }

    /// Returns whether the user has typed a part of a message since the last call.
    pub(crate) fn take_typed(&mut self) -> bool {
        let has_typed = std::mem::take(&mut self.has_typed);
        has_typed
            && self.question.is_none()
            && self.open.is_some()
            && super::super::line::Line::is_talk(self.line.text())
    }
}

impl Contact {
    /// Returns the sign in front of a contact: waiting for an answer, blocked, online, or offline.
    pub(super) const fn sign(&self) -> &'static str {
        match (self.relation, self.is_online) {
            (Relation::Asks, _) => "?",
            (Relation::Blocked, _) => "×",
            (_, Some(true)) => "●",
            (_, Some(false)) => "○",
            (_, None) => " ",
        }
    }
}
