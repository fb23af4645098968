//! The chat's logic: reacts to inputs and events with output and requests. It does not talk to the server itself.
//!
//! Call the `handle_` methods, then [`ask`](Session::ask).

mod events;
mod inputs;
mod people;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::time::Instant;

use ratatui::crossterm::event::Event;
use skaro_proto::client::{CommandError, RequestId, Status};

use super::args::OFFLINE_MESSAGES;
use super::ask::{Ask, Asked};
use super::command::{Reason, Unusable};
use super::complete::Names;
use super::echo_bot::EchoBot;
use super::line::Prompt;
use super::partner::Partners;
use super::report::Report;
use super::screen::Screen;
use super::state::State;
use super::view::View;
use crate::exit::Exit;
use crate::text::Shown;

use people::{Acquaintances, Question, Typing};

/// Number of open requests at which reading lines from a pipe pauses.
///
/// That many messages of maximum length fit into the client's queue.
const WINDOW: usize = 250;

/// Number of messages in a page of a history for people.
const PAGE: u64 = 20;

/// Number of messages of a history that fill a screen.
const SCREENFUL: u64 = 50;

/// The state of a chat.
pub(crate) struct Session {
    screen: Screen,
    /// The request to sign in according to the options, until it is made.
    sign_in: Option<Ask>,
    is_signing_in: bool,
    is_signed_in: bool,
    /// The login of the user who is or was signed in.
    user: String,
    /// Set from the end of a connection until the session is restored.
    is_cut_off: bool,
    /// The password that the user is being asked for.
    question: Option<Question>,
    /// The recipient of plain lines.
    partners: Partners,
    names: Names,
    /// Set if the terminal's bell rings with each message from others.
    rings: bool,
    /// The page of a history that was shown last.
    page: Option<Shelf>,
    /// Number of sent messages so far.
    messages: u64,
    /// Requests to make next.
    asks: VecDeque<Asked>,
    /// Requests that have not ended.
    pending: HashMap<RequestId, Asked>,
    bot: Option<EchoBot>,
    state: Option<State>,
    /// Set when the output can't be written: nothing counts as shown any more.
    is_unread: bool,
    /// Number of messages from others since the user signed in, until all earlier messages have arrived.
    catching_up: Option<u64>,
    /// The position up to which each dialog was shown, if the server does not know it yet.
    shown: BTreeMap<String, u64>,
    acquaintances: Acquaintances,
    typing: Typing,
    leaving: Option<Leaving>,
    /// The first failure.
    failure: Option<Exit>,
}

/// The parts of a session.
pub(crate) struct Setup {
    pub(crate) names: Names,
    pub(crate) rings: bool,
    /// The request to sign in according to the options.
    pub(crate) sign_in: Option<Ask>,
    pub(crate) bot: Option<EchoBot>,
    pub(crate) state: Option<State>,
}

/// A page of a history, from which the previous page is requested.
struct Shelf {
    login: String,
    count: u64,
    /// The first position on the page; `None` if there is nothing before.
    before: Option<u64>,
}

#[derive(Clone, Copy, PartialEq)]
enum Leaving {
    AfterAnswers,
    Now,
}

/// Queries.
impl Session {
    pub(crate) fn new(screen: Screen, setup: Setup) -> Self {
        let Setup { names, rings, sign_in, bot, state } = setup;
        let mut partners = Partners::default();
        bot.iter().for_each(|bot| partners.choose(&bot.login));
        Session {
            screen,
            sign_in,
            is_signing_in: false,
            is_signed_in: false,
            user: String::new(),
            is_cut_off: false,
            question: None,
            partners,
            names,
            rings,
            page: None,
            messages: 0,
            asks: VecDeque::new(),
            pending: HashMap::new(),
            bot,
            state,
            is_unread: false,
            catching_up: None,
            shown: BTreeMap::new(),
            acquaintances: Acquaintances::default(),
            typing: Typing::default(),
            leaving: None,
            failure: None,
        }
    }

    /// Returns whether to read a line. No lines are read while signing in, because their meaning depends on the result.
    pub(crate) fn wants_line(&self) -> bool {
        let waits = self.is_signing_in || self.sign_in.is_some() && !self.is_cut_off;
        let limit = if self.is_cut_off { OFFLINE_MESSAGES } else { WINDOW };
        // People get an error if there are too many requests; programs wait.
        let has_room = self.screen.is_terminal() || self.pending.len() < limit;
        self.leaving.is_none() && !waits && has_room
    }

    /// Returns the prompt for the next line.
    pub(crate) fn prompt(&self) -> Prompt {
        match &self.question {
            Some(question) => self.screen.password_prompt(&question.prompt()),
            None => self.screen.prompt(self.partners.chosen()),
        }
    }

    /// Returns whether all lines were read and only answers are missing.
    pub(crate) fn is_ending(&self) -> bool {
        self.leaving == Some(Leaving::AfterAnswers)
    }

    /// Returns whether the chat has ended.
    pub(crate) fn is_done(&self) -> bool {
        let is_answered = !self.bot.as_ref().is_some_and(EchoBot::has_more_to_say);
        match self.leaving {
            None => false,
            Some(Leaving::AfterAnswers) => self.pending.is_empty() && self.asks.is_empty() && is_answered,
            Some(Leaving::Now) => true,
        }
    }

    /// Returns the exit status. For people at a terminal only the end of the connection counts: they have seen the
    /// failures.
    pub(crate) fn exit(&self) -> Exit {
        let failure = self.failure.filter(|_| !self.screen.is_terminal());
        failure.unwrap_or(if self.is_cut_off { Exit::Temporary } else { Exit::Success })
    }
}

/// The screen.
impl Session {
    /// Refreshes the screen.
    pub(crate) fn refresh(&mut self) {
        if let Some(view) = self.screen.view() {
            view.ask_password(self.question.as_ref().map(Question::prompt));
            view.forget_typing(Instant::now());
            if let Some((login, position)) = view.take_seen() {
                self.note_seen(login, position);
            }
        }
        let refreshed = self.screen.refresh();
        self.end_if_unread(refreshed);
    }

    /// Handles a terminal event in the view.
    pub(crate) fn handle_key(&mut self, event: Event) {
        let wants_line = self.wants_line();
        match self.screen.handle_key(event, wants_line) {
            Ok(Some(input)) => self.handle_input(input),
            Ok(None) => {
                if self.screen.view().is_some_and(View::take_typed) {
                    self.note_typing();
                }
            }
            Err(error) => self.end_if_unread(Err(error)),
        }
    }

    /// Closes the screen.
    pub(crate) fn close(&mut self, is_typing: bool) {
        let has_failed = self.exit() != Exit::Success;
        self.screen.close(is_typing, has_failed);
    }

    /// Chooses who gets lines, and shows the dialog with that user.
    fn choose(&mut self, login: &str) {
        self.partners.choose(login);
        self.meet_partner(login);
        if self.screen.view().is_some_and(|view| view.open(login)) && self.is_signed_in {
            self.ask_history(Some(login), Some(SCREENFUL));
        }
    }
}

/// Requests to the server.
impl Session {
    /// Submits waiting requests, in order. Their events must be passed back to this session.
    pub(crate) fn ask(&mut self, mut submit: impl FnMut(&Ask) -> Result<RequestId, CommandError>) {
        self.ask_for_marks();
        self.ask_about();
        while let Some(asked) = self.asks.pop_front() {
            match submit(&asked.ask) {
                Ok(id) => {
                    self.is_signing_in |= asked.ask.signs_in();
                    self.tell_waiting(&asked.ask);
                    self.pending.insert(id, asked);
                }
                Err(_) if asked.ask.is_by_itself() => (),
                Err(error) if asked.is_command => {
                    let info = format!("{}: {error}", asked.ask);
                    self.reject(
                        Exit::from(&error),
                        Unusable { reason: Reason::from(&error), info, id: asked.id },
                    );
                }
                Err(error) => {
                    if let (Ask::Message { marker, .. }, Some(view)) = (&asked.ask, self.screen.view()) {
                        view.fail(*marker);
                    }
                    self.fail(Exit::from(&error), format!("{}: {error}", asked.ask));
                }
            }
        }
    }

    /// Tells the server what a person at a terminal has seen. Messages that arrived together are reported together.
    fn ask_for_marks(&mut self) {
        let is_asked = self.pending.values().any(|asked| matches!(asked.ask, Ask::Shown { .. }));
        if self.catching_up.is_none() && !is_asked && !self.is_cut_off {
            let shown = std::mem::take(&mut self.shown).into_iter();
            self.asks.extend(shown.map(|(login, up_to)| Ask::Shown { login, up_to }.into()));
        }
    }

    /// Records that a message is on the screen. Messages that a program reads do not count as seen.
    fn note_shown(&mut self, dialog: &str, position: Option<u64>) {
        // The view shows one dialog at a time, and reports what was seen itself.
        if let (true, None, Some(position)) = (self.screen.is_terminal(), self.screen.view(), position) {
            self.note_seen(dialog.to_owned(), position);
        }
    }

    fn note_seen(&mut self, dialog: String, position: u64) {
        let shown = self.shown.entry(dialog).or_default();
        *shown = position.max(*shown);
    }
}

/// Hints.
impl Session {
    /// Tells people that a message waits for a connection, if so.
    fn tell_waiting(&mut self, ask: &Ask) {
        if let (Ask::Message { marker, .. }, true) = (ask, self.is_cut_off) {
            let waits = format!("message #{marker} waits until you are signed in again");
            let hinted = self.screen.hint(&Shown::new().dim(&waits));
            self.end_if_unread(hinted);
        }
    }
}

/// Reactions to all else that happens.
impl Session {
    /// Handles a change of the client's state. The chat ends if there is no connection and will be none.
    pub(crate) fn handle_status(&mut self, status: Status) {
        if self.is_cut_off && matches!(status, Status::Offline | Status::Closed) {
            self.leaving = Some(Leaving::Now);
        }
    }

    /// Stops waiting for the missing answers.
    pub(crate) fn handle_deadline(&mut self) {
        self.fail(Exit::Temporary, "some answers did not come in time".into());
        self.leaving = Some(Leaving::Now);
    }

    /// Ignores all later events, because the connection is being closed.
    pub(crate) fn handle_closing(&mut self) {
        self.leaving = Some(Leaving::Now);
    }

    fn show(&mut self, report: &Report<'_>) {
        let shown = self.screen.show(report, &self.names);
        self.end_if_unread(shown);
    }

    /// Ends the chat if its output is closed. A reader that closes a pipe has read enough, so that is no failure.
    fn end_if_unread(&mut self, shown: io::Result<()>) {
        let Err(error) = shown else { return };
        (self.is_unread, self.leaving) = (true, Some(Leaving::Now));
        if error.kind() != io::ErrorKind::BrokenPipe {
            self.fail(Exit::Output, format!("can't write: {error}"));
        }
    }

    fn fail(&mut self, exit: Exit, problem: String) {
        self.note(exit);
        self.screen.complain(problem);
    }

    /// Remembers the first failure for the exit status.
    fn note(&mut self, exit: Exit) {
        self.failure.get_or_insert(exit);
    }
}
