//! What the chat does about what it is told: this decides, and shows; asking the server is left to whoever runs it.
//!
//! Feed it with the `handle_` methods, then let it [`ask`](Session::ask).

mod events;

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;

use skaro_proto::Secret;
use skaro_proto::client::{CommandError, RequestId, Status};

use super::args::OFFLINE_MESSAGES;
use super::ask::Ask;
use super::echo_bot::EchoBot;
use super::line::{HELP, Input, Line};
use super::report::Report;
use super::screen::Screen;
use crate::exit::Exit;
use crate::text::Shown;

/// Requests under way at which no more lines are taken from a pipe; so many of the longest messages fit into what
/// may wait to be sent.
const WINDOW: usize = 250;

/// A chat, from its beginning to its end.
pub(crate) struct Session {
    screen: Screen,
    /// Signing in as the options say, until it has been done.
    sign_in: Option<Ask>,
    is_signing_in: bool,
    is_signed_in: bool,
    /// Who is signed in, or was.
    user: String,
    /// Whether the connection broke, and all is not yet as it was before.
    is_cut_off: bool,
    /// Whether there may be messages that passed by unseen.
    has_missed: bool,
    /// With whom plain lines are exchanged.
    dialog: Option<String>,
    /// Message lines so far.
    messages: u64,
    /// What is to be asked next.
    asks: VecDeque<Ask>,
    /// What was asked, and has not ended.
    pending: HashMap<RequestId, Ask>,
    bot: Option<EchoBot>,
    leaving: Option<Leaving>,
    /// What failed first.
    failure: Option<Exit>,
}

#[derive(Clone, Copy, PartialEq)]
enum Leaving {
    AfterAnswers,
    Now,
}

/// Look at it.
impl Session {
    pub(crate) fn new(screen: Screen, sign_in: Option<Ask>, bot: Option<EchoBot>) -> Self {
        Session {
            screen,
            sign_in,
            is_signing_in: false,
            is_signed_in: false,
            user: String::new(),
            is_cut_off: false,
            has_missed: false,
            dialog: bot.as_ref().map(|bot| bot.login.clone()),
            messages: 0,
            asks: VecDeque::new(),
            pending: HashMap::new(),
            bot,
            leaving: None,
            failure: None,
        }
    }

    /// Whether the user may go on. Nothing is taken while signing in, since what comes next depends on it.
    pub(crate) fn wants_line(&self) -> bool {
        let waits = self.is_signing_in || self.sign_in.is_some() && !self.is_cut_off;
        let limit = if self.is_cut_off { OFFLINE_MESSAGES } else { WINDOW };
        // People are told when it is too much; programs are made to wait.
        let has_room = self.screen.is_terminal() || self.pending.len() < limit;
        self.leaving.is_none() && !waits && has_room
    }

    /// What to show to a user who may go on.
    pub(crate) fn prompt(&self) -> (String, String) {
        self.screen.prompt(self.dialog.as_deref())
    }

    /// Whether there are no more lines, so that only answers are waited for.
    pub(crate) fn is_ending(&self) -> bool {
        self.leaving == Some(Leaving::AfterAnswers)
    }

    /// Whether to leave.
    pub(crate) fn is_done(&self) -> bool {
        let is_answered = !self.bot.as_ref().is_some_and(EchoBot::has_more_to_say);
        match self.leaving {
            None => false,
            Some(Leaving::AfterAnswers) => self.pending.is_empty() && self.asks.is_empty() && is_answered,
            Some(Leaving::Now) => true,
        }
    }

    /// What the chat says at its end. People at a terminal have seen what failed on the way.
    pub(crate) fn exit(&self) -> Exit {
        let failure = self.failure.filter(|_| !self.screen.is_terminal());
        failure.unwrap_or(if self.is_cut_off { Exit::Unavailable } else { Exit::Success })
    }

    /// Whether to look for messages that were missed: see [`catch_up`](Self::catch_up).
    pub(crate) const fn has_missed(&self) -> bool {
        self.has_missed
    }

    pub(crate) const fn screen(&self) -> &Screen {
        &self.screen
    }
}

/// Ask the server.
impl Session {
    /// Submits what is to be asked next, in order, to a client whose events come back to this.
    pub(crate) fn ask(&mut self, mut submit: impl FnMut(&Ask) -> Result<RequestId, CommandError>) {
        while let Some(ask) = self.asks.pop_front() {
            match submit(&ask) {
                Ok(id) => {
                    self.is_signing_in |= ask.signs_in();
                    self.pending.insert(id, ask);
                }
                Err(error) => self.fail(Exit::from(&error), format!("{ask}: {error}")),
            }
        }
    }
}

/// Handle what happens around the connection; what happens on it is in [`events`].
impl Session {
    /// Something came from the user.
    pub(crate) fn handle_input(&mut self, input: Input) {
        match input {
            Input::Line(line) => self.handle_line(&line),
            Input::Bad(problem) => self.fail(Exit::Data, problem.into()),
            Input::End => self.leaving = self.leaving.or(Some(Leaving::AfterAnswers)),
            Input::Interrupt => self.leaving = Some(Leaving::Now),
        }
    }

    fn handle_line(&mut self, line: &str) {
        match Line::parse(line) {
            Err(problem) => self.fail(Exit::Data, problem),
            Ok(Line::Empty) => (),
            Ok(Line::Plain(body)) => match self.dialog.clone() {
                Some(to) => self.send(&to, body),
                None => self.fail(Exit::Data, "to whom? /to LOGIN says it; /help lists all commands".into()),
            },
            Ok(Line::Message { to, body }) => self.send(to, body),
            Ok(Line::To { login }) => self.dialog = Some(login.into()),
            Ok(Line::Contacts) => self.asks.push_back(Ask::Contacts),
            Ok(Line::History { login }) => self.asks.push_back(Ask::History { login: login.into() }),
            Ok(Line::RegisterType) => self.asks.push_back(Ask::RegisterType),
            Ok(Line::Authorize { login, password }) => {
                let password = Secret::from(password);
                self.asks.push_back(Ask::Authorize { login: login.into(), password });
            }
            Ok(Line::Restore { sid }) => self.asks.push_back(Ask::Restore { sid: Secret::from(sid) }),
            Ok(Line::Help) => {
                let said = self.screen.say(&Shown::lines(HELP));
                self.end_if_unread(said);
            }
            Ok(Line::Quit) => self.leaving = Some(Leaving::Now),
        }
    }

    fn send(&mut self, to: &str, body: &str) {
        self.messages += 1;
        self.asks.push_back(Ask::Message { to: to.into(), body: body.into(), marker: self.messages });
    }

    /// What the client is doing: without a connection, and without one to come, there is nothing to stay for.
    pub(crate) fn handle_status(&mut self, status: Status) {
        if self.is_cut_off && matches!(status, Status::Offline | Status::Closed) {
            self.leaving = Some(Leaving::Now);
        }
    }

    /// The user is signed in again: these are the dialogs in which something may have been missed.
    pub(crate) fn catch_up(&mut self, dialogs: impl IntoIterator<Item = String>) {
        self.has_missed = false;
        let known: HashSet<_> = dialogs.into_iter().collect();
        self.asks.extend(known.iter().map(|login| Ask::Missed { login: login.clone() }));
        self.asks.push_back(Ask::MissedStrangers { known });
    }

    /// The answers still due are not worth waiting for any longer.
    pub(crate) fn handle_deadline(&mut self) {
        self.fail(Exit::Temporary, "some answers did not come in time".into());
        self.leaving = Some(Leaving::Now);
    }

    /// The connection is being closed: what is still to come changes nothing any more.
    pub(crate) fn handle_closing(&mut self) {
        self.leaving = Some(Leaving::Now);
    }

    fn show(&mut self, report: &Report<'_>) {
        let shown = self.screen.show(report);
        self.end_if_unread(shown);
    }

    /// There is no point in going on for nobody. Whoever closes a pipe has read enough.
    fn end_if_unread(&mut self, shown: io::Result<()>) {
        let Err(error) = shown else { return };
        self.leaving = Some(Leaving::Now);
        if error.kind() != io::ErrorKind::BrokenPipe {
            self.fail(Exit::Output, format!("can't write: {error}"));
        }
    }

    fn fail(&mut self, exit: Exit, problem: String) {
        self.note(exit);
        self.screen.complain(problem);
    }

    /// Remembers the first failure, for the end.
    fn note(&mut self, exit: Exit) {
        self.failure.get_or_insert(exit);
    }
}
