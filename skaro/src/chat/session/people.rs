//! Contacts, conferences, presence, passwords: what the chat does with the extension `people`.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use skaro_proto::Secret;
use skaro_proto::client::CommandError;
use skaro_proto::message::{
    Answer, ChangedUserData, ContactChange, ContactState, Contacts, Date, ReadBy, Typing as TypingMessage,
    User,
};

use super::super::ask::Ask;
use super::super::command::{Id, Reason, Unusable};
use super::super::people::{PeopleRequest, is_conference};
use super::super::people_line::Here;
use super::super::report::{self, Report};
use super::super::wording;
use super::Session;
use crate::exit::Exit;
use crate::text::{Shown, name};

/// Time within which the user's typing is reported only once.
const TYPING: Duration = Duration::from_secs(5);

/// Maximum number of users that are asked about, and of dialogs whose last message by the user is remembered.
const MET: usize = 10_000;

/// Maximum number of waiting contact requests and invitations that are listed when the user signs in.
const ASKING: usize = 5;

/// A question for a password.
pub(super) enum Question {
    /// The password of a user, whose sign-in failed with another one.
    SignIn(String),
    /// The current password, in order to change it.
    Old,
    New {
        old: Secret,
    },
    Again {
        old: Secret,
        new: Secret,
    },
}

impl Question {
    pub(super) fn prompt(&self) -> String {
        match self {
            Question::SignIn(login) => format!("Password of {}: ", name(login)),
            Question::Old => "Old password: ".into(),
            Question::New { .. } => "New password: ".into(),
            Question::Again { .. } => "New password, again: ".into(),
        }
    }
}

/// The users about whom the chat asks on its own, and what it remembers of them.
#[derive(Default)]
pub(super) struct Acquaintances {
    waiting: VecDeque<String>,
    met: HashSet<String>,
    /// The date of the last message to each user, until it is known to be read.
    sent: BTreeMap<String, i64>,
    /// Set after the waiting contact requests and invitations were listed.
    is_told: bool,
}

/// Notices of the user's typing that are to be sent, and the last one that was sent.
#[derive(Default)]
pub(super) struct Typing {
    waiting: VecDeque<(String, Option<Id>, bool)>,
    /// The recipient and the time of the last notice.
    told: Option<(String, Instant)>,
}

impl Typing {
    /// Queues a notice for a program.
    pub(super) fn tell(&mut self, login: String, id: Option<Id>) {
        self.waiting.push_back((login, id, true));
    }
}

/// Typing.
impl Session {
    /// Records that the user types a line for the recipient in the prompt.
    pub(super) fn note_typing(&mut self) {
        let Some(login) = self.partners.chosen() else { return };
        let now = Instant::now();
        let is_told = |(told, at): &(String, Instant)| told == login && now.duration_since(*at) < TYPING;
        if self.is_signed_in && !self.is_cut_off && !self.typing.told.as_ref().is_some_and(is_told) {
            let login = login.to_owned();
            self.typing.told = Some((login.clone(), now));
            self.typing.waiting.push_back((login, None, false));
        }
    }

    /// Sends the notices that the user types.
    pub(crate) fn tell_typing(&mut self, mut tell: impl FnMut(&str) -> Result<(), CommandError>) {
        while let Some((login, id, is_command)) = self.typing.waiting.pop_front() {
            // People are not told of failures.
            if let (Err(error), true) = (tell(&login), is_command) {
                let info = format!("typing: {error}");
                self.reject(Exit::from(&error), Unusable { reason: Reason::from(&error), info, id });
            }
        }
    }

    pub(super) fn handle_typing(&mut self, typing: &TypingMessage<'_>) {
        if self.screen.is_json() {
            self.show(&Report::Typing { from: &typing.from });
        } else if let Some(view) = self.screen.view() {
            view.handle_typing(typing.dialog(), &typing.from.login, Instant::now());
        }
    }

    /// Returns the time at which the screen changes without an input.
    pub(crate) fn wakes_at(&mut self) -> Option<Instant> {
        self.screen.view().and_then(|view| view.typing_ends())
    }
}

/// Names and states of others.
impl Session {
    /// Records the name that somebody chose.
    fn learn(&self, user: &User<'_>) {
        self.names.call(&user.login, user.name().as_deref());
    }

    pub(super) fn learn_all(&self, users: &Contacts<'_>) {
        users.iter().for_each(|user| self.learn(user));
    }

    /// Asks about somebody, once per sign-in.
    fn meet(&mut self, login: &str) {
        let Acquaintances { met, waiting, .. } = &mut self.acquaintances;
        if !self.screen.is_terminal() || login == self.user || met.contains(login) {
            return;
        }
        if met.len() >= MET {
            met.clear();
            waiting.clear();
        }
        met.insert(login.into());
        waiting.push_back(login.into());
    }

    fn meet_again(&mut self, login: &str) {
        self.acquaintances.met.remove(login);
        self.meet(login);
    }

    /// Asks about the recipient of lines, who may not exist, or whose topic is of interest if it is a conference.
    pub(super) fn meet_partner(&mut self, login: &str) {
        if is_conference(login) || !self.names.knows(login) {
            self.meet(login);
        }
    }

    /// Asks about the users of a dialog in which a message was received or sent. A message may have made them contacts.
    pub(super) fn meet_dialog(&mut self, dialog: &str, from: Option<&str>) {
        let is_listed = self.screen.view().is_none_or(|view| view.is_listed(dialog));
        if !is_listed {
            self.meet_again(dialog);
        } else if !self.names.knows(dialog) {
            self.meet(dialog);
        }
        if let Some(from) = from.filter(|from| *from != dialog && self.names.chosen(from).is_none()) {
            self.meet(from);
        }
    }

    /// Asks about the next waiting user, one at a time.
    pub(super) fn ask_about(&mut self) {
        let is_asked = self.pending.values().any(|asked| matches!(asked.ask, Ask::Meet { .. }));
        if self.is_signed_in && !self.is_cut_off && !is_asked && self.leaving.is_none() {
            let next = self.acquaintances.waiting.pop_front();
            self.asks.extend(next.map(|login| Ask::Meet { login }.into()));
        }
    }

    /// Forgets the users whom the chat has asked about. They may have changed while there was no connection.
    pub(super) fn forget_met(&mut self) {
        self.acquaintances.met.clear();
        self.acquaintances.waiting.clear();
    }

    fn handle_met(&mut self, user: &User<'_>) {
        self.learn(user);
        if let Some(view) = self.screen.view() {
            view.meet_user(user);
        }
    }

    /// Handles that a user or conference does not exist: it does not receive lines.
    pub(super) fn handle_nobody(&mut self, login: &str) {
        if self.partners.chosen() != Some(login) {
            return;
        }
        self.partners.choose_nobody();
        if let Some(view) = self.screen.view() {
            view.close(login);
        }
        let founds = if is_conference(login) { "; /join founds it, where one may" } else { "" };
        self.fail(Exit::NoUser, format!("there is no {}{founds}", name(login)));
    }

    /// Lists contact requests and invitations for people when they sign in.
    pub(super) fn tell_asking(&mut self, contacts: &Contacts<'_>) {
        if std::mem::replace(&mut self.acquaintances.is_told, true) {
            return;
        }
        let asking = contacts.iter().filter(|user| user.state() == Some(ContactState::Asks));
        for user in asking.take(ASKING) {
            let hinted = self.screen.hint(&wording::asks(&user.login));
            self.end_if_unread(hinted);
        }
    }
}

/// Entries and presence.
impl Session {
    pub(super) fn handle_contact(&mut self, change: &ContactChange<'_>) {
        let ContactChange { login, state, position, .. } = change;
        self.show(&Report::Contact { login, state: state.as_str(), position: *position });
        match state {
            ContactState::Listed | ContactState::Asks => {
                self.names.add(login);
                self.meet_again(login);
            }
            _ => (),
        }
    }

    pub(super) fn handle_changed(&mut self, changed: &ChangedUserData<'_>) {
        let ChangedUserData { user, member, state, position, .. } = changed;
        if position.is_some() {
            self.learn(user);
        }
        if let Some(member) = member {
            self.names.add(member);
        }
        let (member, state) = (member.as_deref(), state.as_ref().map(ContactState::as_str));
        self.show(&Report::ChangedUserData { user, member, state, position: *position });
    }

    pub(super) fn handle_read_by(&mut self, read_by: &ReadBy<'_>) {
        let ReadBy { login, date, .. } = read_by;
        // In a chat of lines this is news only once, for the last message.
        let is_news = self
            .acquaintances
            .sent
            .get(&**login)
            .is_some_and(|sent| date.as_integer().is_some_and(|date| date >= *sent));
        if is_news {
            self.acquaintances.sent.remove(&**login);
        }
        if is_news || self.screen.is_json() || self.screen.view().is_some() {
            self.show(&Report::ReadBy { login, date });
        }
    }

    /// Records the user's last message to somebody.
    pub(super) fn note_sent(&mut self, to: &str, date: Option<&Date<'_>>) {
        let sent = &mut self.acquaintances.sent;
        if let Some(date) = date.and_then(Date::as_integer).filter(|_| sent.len() < MET) {
            sent.insert(to.into(), date);
        }
    }
}

/// Requests and their answers.
impl Session {
    /// Handles an action in the open conference.
    pub(super) fn handle_here(&mut self, here: &Here<'_>) {
        let open = self.partners.chosen().filter(|login| is_conference(login)).map(str::to_owned);
        let Some(login) = open else {
            return self.fail(Exit::Data, "open a conference first: /join #NAME, or /to #NAME".into());
        };
        let add = |member: &str, owner| PeopleRequest::AddContact {
            login: login.clone(),
            blocked: false,
            member: Some(member.into()),
            owner,
        };
        let request = match here {
            Here::Invite(member) => add(member, false),
            Here::Owner(member) => add(member, true),
            Here::Kick(member) => {
                PeopleRequest::DelContact { login: login.clone(), member: Some((*member).into()) }
            }
            Here::Topic(topic) => PeopleRequest::set(Some(&login), "status_text", (*topic).into()),
            Here::Leave => PeopleRequest::DelContact { login, member: None },
        };
        self.asks.push_back(Ask::People(request).into());
    }

    /// Starts asking for the old password, and then for a new one.
    pub(super) fn ask_passwords(&mut self) {
        match self.screen.is_terminal() {
            true => self.question = Some(Question::Old),
            false => {
                let problem = "/password asks on a terminal; programs have the command update_my_data";
                self.fail(Exit::Data, problem.into());
            }
        }
    }

    /// Handles an answer to a question. An empty answer cancels it.
    pub(super) fn handle_password(&mut self, password: Secret) {
        let Some(question) = self.question.take() else { return };
        if password.expose().is_empty() {
            return;
        }
        match question {
            Question::SignIn(login) => self.asks.push_back(Ask::Authorize { login, password }.into()),
            Question::Old => self.question = Some(Question::New { old: password }),
            Question::New { old } => self.question = Some(Question::Again { old, new: password }),
            Question::Again { old, new } if new == password => {
                self.asks.push_back(Ask::People(PeopleRequest::change_password(old, new)).into());
            }
            Question::Again { .. } => {
                self.fail(Exit::Data, "these are two passwords: type the same twice".into());
            }
        }
    }

    /// Handles the answer to a request of the extension.
    pub(super) fn handle_people(&mut self, request: &PeopleRequest, answer: &Answer<'_>, id: Option<&Id>) {
        match answer {
            Answer::Invitation(invitation) => {
                let (invitation, until) = (&*invitation.invitation, invitation.until);
                self.show(&Report::Invitation { invitation, until, id });
            }
            Answer::Users { users, more } => {
                self.learn_all(users);
                self.show(&Report::Found { data: users, more: *more, id });
            }
            Answer::User(user) => {
                self.handle_met(user);
                for member in user.members().unwrap_or_default() {
                    self.names.add(&member.login);
                }
                self.show(&Report::UserData { user, id });
            }
            Answer::Sessions(sessions) => {
                let sessions: Vec<_> = sessions.iter().map(report::Session::from).collect();
                self.show(&Report::Sessions { sessions: &sessions, id });
            }
            _ => {
                // This comes first, so that reports about a joined conference appear in its dialog.
                self.follow_done(request);
                let (done, request_type) = (request.done(), request.kind().as_str());
                self.show(&Report::Done { request: request_type, id, said: &done });
            }
        }
    }

    /// Reports to people that a request was carried out.
    fn follow_done(&mut self, request: &PeopleRequest) {
        match request {
            // A user who joins a conference wants to see it.
            PeopleRequest::AddContact { login, member: None, blocked: false, .. }
                if self.screen.is_terminal() && is_conference(login) =>
            {
                self.meet_again(login);
                self.choose(login);
            }
            PeopleRequest::AddContact { login, member: None, .. }
            | PeopleRequest::DelContact { login, member: None } => self.meet_again(login),
            _ => (),
        }
    }

    /// Handles the answer to a request that the chat made on its own.
    pub(super) fn handle_answer_about(&mut self, answer: &Answer<'_>) {
        if let Answer::User(user) = answer {
            self.handle_met(user);
        }
    }

    /// Records that nobody is signed in any more, at the user's request.
    pub(super) fn handle_signed_out(&mut self) {
        (self.is_signed_in, self.is_cut_off) = (false, false);
        let advice = Shown::new().dim("/authorize LOGIN PASSWORD signs in again; /quit leaves");
        let hinted = self.screen.hint(&advice);
        self.end_if_unread(hinted);
    }
}
