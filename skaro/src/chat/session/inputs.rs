//! Reactions to the lines of a user, or the commands of a program.

use skaro_proto::Secret;
use skaro_proto::message::Page;

use super::super::ask::{Ask, Asked};
use super::super::command::{self, Command, Reason, Unusable};
use super::super::line::{HELP, Input, KEYS, Line};
use super::super::people_line::{self, PeopleLine};
use super::{Leaving, PAGE, Report, SCREENFUL, Session, Shelf};
use crate::exit::Exit;
use crate::text::{Shown, name};

impl Session {
    /// Handles an input from the user.
    pub(crate) fn handle_input(&mut self, input: Input) {
        match input {
            Input::Line(line) => self.handle_line(&line),
            Input::Password(password) => self.handle_password(password),
            Input::TooLong(limit) => {
                self.handle_unreadable(
                    Reason::TooLong,
                    format!("this line is over the limit of {limit} bytes"),
                );
            }
            Input::NotUtf8 => self.handle_unreadable(Reason::NotJson, "this line is not UTF-8".into()),
            Input::Failed(problem) => {
                self.fail(Exit::NoInput, problem);
                self.handle_end();
            }
            Input::End => self.handle_end(),
            Input::Open(login) => self.choose(&login),
            Input::Older => self.ask_older(),
            Input::Typing => self.note_typing(),
            Input::Interrupt => self.leaving = Some(Leaving::Now),
        }
    }

    fn handle_end(&mut self) {
        self.leaving = self.leaving.or(Some(Leaving::AfterAnswers));
    }

    fn handle_unreadable(&mut self, reason: Reason, info: String) {
        match self.screen.is_json() {
            true => self.reject(Exit::Data, Unusable { reason, info, id: None }),
            false => self.fail(Exit::Data, info),
        }
    }

    fn handle_line(&mut self, line: &str) {
        if self.screen.is_json() && line.trim_start().starts_with('{') {
            return self.handle_command(line);
        }
        match Line::parse(line) {
            Err(problem) => self.fail(Exit::Data, problem),
            Ok(Line::Empty) => (),
            Ok(Line::Plain(body)) => match self.partners.recipient().map(str::to_owned) {
                Ok(to) => self.send(&to, body),
                Err(problem) => self.fail(Exit::Data, problem.into()),
            },
            Ok(Line::Message { to, body }) => self.send(to, body),
            Ok(Line::Reply { body }) => match (self.partners.last_writer().map(str::to_owned), body) {
                (Some(to), Some(body)) => self.send(&to, body),
                (Some(to), None) => self.choose(&to),
                (None, _) => self.fail(Exit::Data, "nobody has written yet".into()),
            },
            Ok(Line::To { login }) => self.choose(login),
            Ok(Line::Contacts) => self.asks.push_back(Ask::Contacts.into()),
            Ok(Line::History { login, count }) => {
                // The view shows a history within its dialog.
                if let (Some(login), Some(view)) = (login, self.screen.view()) {
                    view.open(login);
                    self.partners.choose(login);
                }
                self.ask_history(login, count);
            }
            Ok(Line::Older) => self.ask_older(),
            Ok(Line::RegisterType) => self.asks.push_back(Ask::RegisterType.into()),
            Ok(Line::Authorize { login, password }) => {
                let password = Secret::from(password);
                self.asks.push_back(Ask::Authorize { login: login.into(), password }.into());
            }
            Ok(Line::Restore { sid }) => self.asks.push_back(Ask::Restore { sid: Secret::from(sid) }.into()),
            Ok(Line::People(PeopleLine::Request(request))) => {
                self.asks.push_back(Ask::People(request).into());
            }
            Ok(Line::People(PeopleLine::Here(here))) => self.handle_here(&here),
            Ok(Line::People(PeopleLine::Password)) => self.ask_passwords(),
            Ok(Line::Help) => {
                let keys = self.screen.view().map(|_| Shown::new().line().append(Shown::lines(KEYS)));
                self.say(&Shown::lines(HELP).append(keys.unwrap_or_default()));
            }
            Ok(Line::HelpPeople) => self.say(&Shown::lines(people_line::HELP)),
            Ok(Line::Quit) => self.leaving = Some(Leaving::Now),
        }
    }

    fn say(&mut self, text: &Shown) {
        let said = self.screen.say(text);
        self.end_if_unread(said);
    }

    pub(super) fn ask_history(&mut self, login: Option<&str>, count: Option<u64>) {
        let Some(login) = login.or_else(|| self.partners.chosen()).map(str::to_owned) else {
            self.fail(Exit::Data, "/history needs a LOGIN".into());
            return;
        };
        // People see the last messages, programs all that the server returns at once.
        let limit = count.or(self.screen.is_terminal().then_some(PAGE));
        self.asks.push_back(Ask::History { login, page: Page { limit, ..Page::default() } }.into());
    }

    fn ask_older(&mut self) {
        if let (Some(view), Some(login)) = (self.screen.view(), self.partners.chosen()) {
            let (login, count) = (login.to_owned(), SCREENFUL);
            self.page = Some(Shelf { login, count, before: view.oldest() });
        }
        match &self.page {
            Some(Shelf { login, count, before: Some(before) }) => {
                let page = Page { before: Some(*before), limit: Some(*count), ..Page::default() };
                self.asks.push_back(Ask::History { login: login.clone(), page }.into());
            }
            Some(Shelf { login, before: None, .. }) => {
                let said = format!("there is nothing older of the history with {}", name(login));
                let hinted = self.screen.hint(&Shown::new().dim(&said));
                self.end_if_unread(hinted);
            }
            None => self.fail(Exit::Data, "no history was shown yet: /history LOGIN".into()),
        }
    }

    fn send(&mut self, to: &str, body: &str) {
        self.messages += 1;
        self.choose(to);
        if let Some(view) = self.screen.view() {
            view.show_sending(to, self.messages, body);
        }
        self.asks.push_back(
            Ask::Message { to: to.into(), body: body.into(), marker: self.messages, key: None }.into(),
        );
    }

    /// Handles a command of a program.
    fn handle_command(&mut self, line: &str) {
        let (command, id) = match command::parse(line) {
            Ok(parsed) => parsed,
            Err(unusable) => return self.reject(Exit::Data, unusable),
        };
        let ask = match command {
            Command::Send(command::Send { to, body, key }) => {
                self.messages += 1;
                Ask::Message { to, body, key, marker: self.messages }
            }
            Command::History(history) => Ask::History { page: history.page(), login: history.login },
            Command::Contacts(_) => Ask::Contacts,
            Command::Read(command::Read { login, up_to }) => Ask::Read { login, up_to },
            Command::People(request) => Ask::People(request),
            Command::Typing(command::Typing { login }) => return self.typing.tell(login, id),
            Command::Taken(command::Taken { position }) => {
                let moved = self.state.as_mut().is_some_and(|state| state.handle_taken(position));
                if !moved {
                    let info = "taken: nothing has come with that position, or there is no --taken".into();
                    self.reject(Exit::Data, Unusable { reason: Reason::Invalid, info, id });
                }
                return;
            }
        };
        self.asks.push_back(Asked { ask, id, is_command: true });
    }

    /// Reports that a command has not begun.
    pub(super) fn reject(&mut self, exit: Exit, unusable: Unusable) {
        self.note(exit);
        let Unusable { reason, info, id } = &unusable;
        self.show(&Report::Rejected { reason: *reason, info, id: id.as_ref() });
    }
}
