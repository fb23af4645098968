//! The full-screen view as a value: reports and keys go in, rows come out. It does not depend on a terminal.
//!
//! [`pane`] is a dialog's content, [`mod@line`] the line being typed, and [`people`] are the contacts. [`layout`] and
//! [`status`] make the rows. [`full_screen`] is the terminal, which only draws them.

pub(crate) mod full_screen;
mod layout;
mod line;
mod pane;
mod people;
mod status;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use skaro_proto::Secret;
use skaro_proto::message::{Date, Message};

use super::complete::Names;
use super::line::Input;
use super::people::is_conference;
use super::report::Report;
use super::wording;
use crate::text::{Shown, name};

use line::EditedLine;
use pane::{Pane, Panes, SENDING, Said};
use people::{Relation, Typist};

/// Maximum number of listed contacts. Messages from others are shown in the open dialog.
const CONTACTS: usize = 10_000;

/// Maximum number of dialogs whose half-typed lines are kept.
const DRAFTS: usize = 100;

/// The state of the view.
pub(crate) struct View {
    names: Names,
    contacts: BTreeMap<String, Contact>,
    panes: Panes,
    /// The dialog that is shown, and to which lines go.
    open: Option<String>,
    line: EditedLine,
    /// Half-typed lines of other dialogs, by login.
    drafts: BTreeMap<String, String>,
    /// The question for a password, and the answer as far as it is typed.
    question: Option<(String, EditedLine)>,
    user: String,
    link: Link,
    /// Columns and rows.
    size: (usize, usize),
    /// Number of rows below those that are shown.
    scroll: usize,
    /// Set while an older page is asked for.
    is_asking_older: bool,
    typists: Vec<Typist>,
    /// Set if typing has changed the line since this was last queried.
    has_typed: bool,
}

/// A user in the list.
#[derive(Default)]
struct Contact {
    is_online: Option<bool>,
    relation: Relation,
    /// The status text of a user, or the topic of a conference.
    about: Option<String>,
    /// Date up to which the contact has read the dialog.
    read: Option<i64>,
    unread: u64,
    /// Position of the last message, by which the list is sorted.
    latest: u64,
}

/// The state of the connection, as the user sees it.
#[derive(Clone, Copy, PartialEq)]
enum Link {
    Down,
    Up,
    SignedIn,
}

/// The effect of a key.
pub(crate) enum Reaction {
    /// At most a change of the screen.
    Draw,
    /// An input for the chat.
    Input(Input),
    /// The whole screen is drawn again, whatever is on it.
    Redraw,
    Suspend,
}

/// Reports.
impl View {
    pub(crate) fn new(names: Names) -> Self {
        View {
            names,
            contacts: BTreeMap::new(),
            panes: Panes::default(),
            open: None,
            line: EditedLine::new(),
            drafts: BTreeMap::new(),
            question: None,
            user: String::new(),
            link: Link::Down,
            size: (80, 24),
            scroll: 0,
            is_asking_older: false,
            typists: Vec::new(),
            has_typed: false,
        }
    }

    /// Shows an event.
    pub(crate) fn show(&mut self, report: &Report<'_>) {
        match report {
            Report::Connected => self.link = Link::Up,
            Report::Authorized { user, .. } | Report::Restored { user, .. } => {
                self.link = Link::SignedIn;
                if !self.user.is_empty() && *self.user != *user.login {
                    // The contacts of another user must not stay visible.
                    (self.contacts, self.panes) = (BTreeMap::new(), Panes::default());
                }
                self.user = user.login.clone().into_owned();
            }
            Report::Disconnected { .. } | Report::Reconnecting { .. } => {
                self.link = Link::Down;
                self.forget_presence();
            }
            _ => (),
        }
        if self.show_people(report) {
            return;
        }
        match report {
            Report::Message { dialog, message } => return self.show_message(dialog, message),
            Report::History { login, history, more, .. } => return self.show_history(login, history, *more),
            Report::MessageSent { to, marker, date, position, from, body, .. } => {
                let text = wording::within_dialog(*date, from, body);
                let own = date.and_then(Date::as_integer);
                let said = Said { text, position: *position, own, from: None };
                let before = self.height();
                self.panes.of(Some(to)).settle(*marker, said);
                self.note_contact(to, *position);
                return self.stay(before);
            }
            Report::Info { marker: Some(marker), .. }
            | Report::TimedOut { marker: Some(marker), .. }
            | Report::Lost { marker: Some(marker), .. } => self.fail(*marker),
            Report::Contacts { contacts, .. } => self.meet(contacts),
            Report::Connected | Report::Reconnecting { .. } => return self.note_attempt(report),
            _ => (),
        }
        let text = wording::report(report, false, &self.names);
        if text != Shown::new() {
            self.note(&text);
        }
    }

    /// Shows an attempt to connect, or its success, instead of the attempt before.
    fn note_attempt(&mut self, report: &Report<'_>) {
        let before = self.height();
        self.panes.iter_mut().for_each(Pane::drop_attempts);
        let (pane, text) = (self.panes.of(self.open.as_deref()), wording::report(report, false, &self.names));
        match report {
            Report::Reconnecting { .. } => pane.note_attempt(&text),
            _ => pane.note(&text),
        }
        if self.scroll > 0 {
            self.scroll = (self.scroll + self.height()).saturating_sub(before).max(1);
        }
        self.panes.trim();
    }

    /// Shows a notice of the chat.
    pub(crate) fn note(&mut self, text: &Shown) {
        let before = self.height();
        self.panes.of(self.open.as_deref()).note(text);
        self.stay(before);
    }

    fn show_message(&mut self, dialog: &str, message: &Message<'_>) {
        let said = self.said(dialog, message);
        self.stop_typing(dialog, &message.from.login);
        let before = self.height();
        if !self.note_contact(dialog, message.position) {
            self.note(&Shown::new().name(dialog).plain(" wrote: ").append(said.text));
            return;
        }
        self.panes.of(Some(dialog)).push(said);
        let is_own = message.is_from(&self.user);
        if let Some(contact) = self.contacts.get_mut(dialog).filter(|_| !is_own) {
            contact.unread += 1;
        }
        self.stay(before);
    }

    /// Returns a message as its dialog keeps it.
    fn said(&self, dialog: &str, message: &Message<'_>) -> Said {
        let from = &message.from.login;
        let own = message.date.as_ref().and_then(Date::as_integer).filter(|_| message.is_from(&self.user));
        Said {
            text: wording::within_dialog(message.date.as_ref(), from, &message.body),
            position: message.position,
            from: is_conference(dialog).then(|| from.clone().into_owned()),
            own: own.filter(|_| !is_conference(dialog)),
        }
    }

    fn show_history(&mut self, login: &str, history: &[Message<'_>], more: Option<bool>) {
        let said: Vec<_> = history.iter().map(|message| self.said(login, message)).collect();
        let pane = self.panes.of(Some(login));
        let first = history.iter().find_map(|message| message.position);
        let is_page = first.is_some_and(|first| pane.oldest().is_some_and(|oldest| first < oldest));
        if is_page || !pane.is_loaded || history.is_empty() {
            pane.has_older = more == Some(true);
        }
        pane.merge(said.into_iter(), is_page);
        pane.is_loaded = true;
        self.is_asking_older = false;
        self.panes.trim();
    }

    /// Records that the user has read a dialog elsewhere.
    pub(crate) fn handle_read(&mut self, login: &str) {
        if let Some(contact) = self.contacts.get_mut(login) {
            contact.unread = 0;
        }
    }

    /// Shows a message that is being sent.
    pub(crate) fn show_sending(&mut self, to: &str, marker: u64, body: &str) {
        let text = Shown::new().dim(SENDING).name(&self.user).dim(": ").dim(body);
        self.panes.of(Some(to)).push_sent(&text, marker);
        self.panes.trim();
        self.scroll = 0;
    }

    /// Shows that a message was not accepted.
    pub(crate) fn fail(&mut self, marker: u64) {
        self.panes.iter_mut().any(|pane| pane.fail(marker));
    }

    /// Lists a contact, if there is room, and moves it to the top if its dialog has a newer message.
    fn note_contact(&mut self, login: &str, position: Option<u64>) -> bool {
        if !self.contacts.contains_key(login) && self.contacts.len() >= CONTACTS {
            return false;
        }
        let latest = &mut self.contacts.entry(login.to_owned()).or_default().latest;
        *latest = position.unwrap_or_default().max(*latest);
        true
    }

    /// Returns the number of rows of the open dialog, or 0 if its end is shown and the number does not matter.
    fn height(&self) -> usize {
        if self.scroll == 0 { 0 } else { self.rows_of_dialog(usize::MAX).len() }
    }

    /// Keeps the rows in their places if the dialog to which something was appended is open.
    fn stay_if(&mut self, dialog: &str, before: usize) {
        match self.open.as_deref() == Some(dialog) {
            true => self.stay(before),
            false => self.panes.trim(),
        }
    }

    /// Keeps the visible rows in their places after something was appended.
    fn stay(&mut self, before: usize) {
        self.panes.trim();
        if self.scroll > 0 {
            self.scroll += self.height().saturating_sub(before);
        }
    }
}

/// Dialogs.
impl View {
    /// Opens a dialog. Returns whether its history must still be requested.
    pub(crate) fn open(&mut self, login: &str) -> bool {
        if self.open.as_deref() != Some(login) {
            let draft = self.line.text().to_owned();
            if let Some(before) = self.open.take().filter(|_| !draft.is_empty() && self.drafts.len() < DRAFTS)
            {
                self.drafts.insert(before, draft);
                self.line.set("");
            }
            // A line that was typed while no dialog was open is kept.
            if let Some(draft) = self.drafts.remove(login) {
                self.line.set(&draft);
            }
            self.open = Some(login.into());
            (self.scroll, self.is_asking_older) = (0, false);
        }
        !self.panes.of(Some(login)).is_loaded
    }

    /// Returns whether the end of this dialog is on the screen.
    pub(crate) fn shows(&self, login: &str) -> bool {
        self.open.as_deref() == Some(login) && self.scroll == 0
    }

    /// Returns the open dialog and its last position, if the user has not seen that before.
    pub(crate) fn take_seen(&mut self) -> Option<(String, u64)> {
        let login = self.open.clone().filter(|_| self.scroll == 0)?;
        if let Some(contact) = self.contacts.get_mut(&login) {
            contact.unread = 0;
        }
        let position = self.panes.of(Some(&login)).take_seen()?;
        Some((login, position))
    }

    /// Returns the position of the oldest message of the open dialog, if the server has older ones.
    pub(crate) fn oldest(&self) -> Option<u64> {
        let pane = self.panes.get(self.open.as_deref());
        pane.oldest().filter(|_| pane.has_older)
    }

    /// Returns the contacts: those with the latest messages first.
    fn sorted(&self) -> Vec<(&String, &Contact)> {
        let mut sorted: Vec<_> = self.contacts.iter().collect();
        sorted.sort_by_key(|(_, contact)| std::cmp::Reverse(contact.latest));
        sorted
    }

    /// Returns the contact after the open one in the list, or before it.
    fn neighbour(&self, step: isize) -> Option<String> {
        let sorted = self.sorted();
        let at = sorted.iter().position(|(login, _)| Some(&***login) == self.open.as_deref());
        let next = at.map_or(Some(0), |at| at.checked_add_signed(step))?;
        sorted.get(next).map(|(login, _)| (*login).clone())
    }

    fn next_unread(&self) -> Option<String> {
        let sorted = self.sorted();
        let unread = sorted.iter().find(|(login, contact)| contact.unread > 0 && !self.shows(login));
        unread.map(|(login, _)| (*login).clone())
    }
}

/// Keys.
impl View {
    /// Asks for a password, or stops asking.
    pub(crate) fn ask_password(&mut self, question: Option<String>) {
        let asked = self.question.as_ref().map(|(question, _)| question);
        if asked != question.as_ref() {
            self.question = question.map(|question| (question, EditedLine::new()));
        }
    }

    /// Handles a terminal event. Lines are accepted only while they are wanted.
    pub(crate) fn handle(&mut self, event: Event, wants_line: bool) -> Reaction {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.handle_key(key, wants_line),
            Event::Paste(text) => {
                self.has_typed = true;
                if !self.typed().insert(&text) {
                    self.note(&Shown::new().red("what was pasted is too long for a line"));
                }
                Reaction::Draw
            }
            Event::Resize(..) => Reaction::Redraw,
            _ => Reaction::Draw,
        }
    }

    /// Returns the line that is being typed.
    fn typed(&mut self) -> &mut EditedLine {
        self.question.as_mut().map_or(&mut self.line, |(_, line)| line)
    }

    fn handle_key(&mut self, key: KeyEvent, wants_line: bool) -> Reaction {
        let control = key.modifiers == KeyModifiers::CONTROL;
        let alt = key.modifiers == KeyModifiers::ALT;
        let open =
            |login: Option<String>| login.map_or(Reaction::Draw, |login| Reaction::Input(Input::Open(login)));
        match key.code {
            KeyCode::Enter if !alt => return self.enter(wants_line),
            KeyCode::Char('c') if control => {
                if self.typed().text().is_empty() {
                    return Reaction::Input(Input::Interrupt);
                }
                self.typed().set("");
            }
            KeyCode::Char('d') if control && self.typed().text().is_empty() => {
                return Reaction::Input(Input::End);
            }
            KeyCode::Char('z') if control => return Reaction::Suspend,
            KeyCode::Char('l') if control => return Reaction::Redraw,
            KeyCode::Char('n') if control => return open(self.neighbour(1)),
            KeyCode::Char('p') if control => return open(self.neighbour(-1)),
            KeyCode::Down if alt => return open(self.neighbour(1)),
            KeyCode::Up if alt => return open(self.neighbour(-1)),
            KeyCode::Tab if self.question.is_some() => (),
            KeyCode::Tab if self.line.text().is_empty() => return open(self.next_unread()),
            KeyCode::Tab => {
                let candidates = self.line.complete(&self.names);
                let choice = Shown::new().dim(candidates.join(" ").trim_end());
                if !candidates.is_empty() && !self.panes.get(self.open.as_deref()).ends_with(&choice) {
                    self.note(&choice);
                }
            }
            KeyCode::PageUp => return self.scroll_up(),
            KeyCode::PageDown => self.scroll = self.scroll.saturating_sub(self.page()),
            code => {
                self.has_typed |= matches!(code, KeyCode::Char(_)) && !control;
                self.typed().handle_key(key);
            }
        }
        Reaction::Draw
    }

    fn enter(&mut self, wants_line: bool) -> Reaction {
        if !wants_line {
            self.note(&Shown::new().dim("one moment: the server has yet to answer"));
            return Reaction::Draw;
        }
        self.scroll = 0;
        match self.question.take() {
            Some((_, line)) => Reaction::Input(Input::Password(Secret::from(line.text()))),
            None => Reaction::Input(Input::Line(self.line.take())),
        }
    }

    /// Moves towards older rows, and requests more at the top.
    fn scroll_up(&mut self) -> Reaction {
        let (page, total) = (self.page(), self.rows_of_dialog(usize::MAX).len());
        let top = total.saturating_sub(page);
        if self.scroll >= top && !self.is_asking_older && self.oldest().is_some() {
            self.is_asking_older = true;
            return Reaction::Input(Input::Older);
        }
        self.scroll = (self.scroll + page).min(top);
        Reaction::Draw
    }
}
