//! The chat's output: JSON, plain text, a terminal with a prompt, or the full-screen view.

use std::io::{self, IsTerminal};

use ratatui::crossterm::event::Event;
use rustyline::error::ReadlineError;

use super::complete::Names;
use super::input::Source;
use super::line::{Input, Prompt};
use super::report::Report;
use super::terminal::{self, Terminal};
use super::view::View;
use super::view::full_screen::FullScreen;
use super::wording;
use crate::exit::{Exit, Fault};
use crate::output;
use crate::text::{Shown, clean_json};

/// The output.
pub(crate) enum Screen {
    Json,
    Plain,
    Terminal { terminal: Terminal, colours: bool },
    View(Box<FullScreen>),
}

impl Screen {
    /// Opens the output that suits standard output, and the matching input.
    pub(crate) fn open(json: bool, plain: bool, names: Names) -> Result<(Screen, Source), Fault> {
        if json {
            return Ok((Screen::Json, Source::Pipe));
        }
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if is_dumb || !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Ok((Screen::Plain, Source::Pipe));
        }
        let unusable =
            |error: ReadlineError| Fault::new(Exit::System, format!("can't use the terminal: {error}"));
        // See no-color.org.
        let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        if !plain {
            let opened = FullScreen::open(names.clone(), colours);
            if let Some((view, keys)) = opened.map_err(|error| unusable(error.into()))? {
                return Ok((Screen::View(Box::new(view)), Source::View(keys)));
            }
        }
        let (terminal, editor) = terminal::open(names).map_err(unusable)?;
        Ok((Screen::Terminal { terminal, colours }, Source::Terminal(Box::new(editor))))
    }

    /// Returns whether a person at a terminal uses the chat.
    pub(crate) const fn is_terminal(&self) -> bool {
        matches!(self, Screen::Terminal { .. } | Screen::View(_))
    }

    /// Returns whether a program reads the events.
    pub(crate) const fn is_json(&self) -> bool {
        matches!(self, Screen::Json)
    }

    /// Returns the full-screen view, if that is the output.
    pub(crate) fn view(&mut self) -> Option<&mut View> {
        if let Screen::View(screen) = self { Some(&mut screen.view) } else { None }
    }

    /// Shows an event. An error means that the output can't be written.
    pub(crate) fn show(&mut self, report: &Report<'_>, names: &Names) -> io::Result<()> {
        match self {
            Screen::View(screen) => {
                screen.show(report);
                Ok(())
            }
            Screen::Json => output::write_line(&clean_json(&serde_json::to_string(report)?)),
            // A terminal already shows what the user has typed.
            Screen::Plain | Screen::Terminal { .. } => {
                match wording::report(report, !self.is_terminal(), names) {
                    silence if silence == Shown::new() => Ok(()),
                    text => self.print(&text),
                }
            }
        }
    }

    /// Shows a text that the user asked for.
    pub(crate) fn say(&mut self, text: &Shown) -> io::Result<()> {
        match self {
            // The text is not one of the JSON events.
            Screen::Json => output::complain(text),
            Screen::Plain | Screen::Terminal { .. } | Screen::View(_) => self.print(text)?,
        }
        Ok(())
    }

    /// Shows a hint for people; nothing in JSON.
    pub(crate) fn hint(&mut self, text: &Shown) -> io::Result<()> {
        if self.is_json() { Ok(()) } else { self.print(text) }
    }

    /// Reports a problem that does not count as a failure of the chat.
    pub(crate) fn complain(&mut self, text: impl Into<Shown>) {
        let text = text.into();
        match self {
            Screen::Json | Screen::Plain => output::complain(&text),
            Screen::Terminal { terminal, colours } => terminal.print(&text.reddened(), *colours),
            Screen::View(screen) => screen.complain(text),
        }
    }

    /// Returns the prompt for a line to this user.
    pub(crate) fn prompt(&self, partner: Option<&str>) -> Prompt {
        self.prompt_of(match partner {
            None => Shown::from("> "),
            Some(partner) => Shown::from("to ").name(partner).plain("> "),
        })
    }

    /// Returns a question for a password.
    pub(crate) fn password_prompt(&self, question: &str) -> Prompt {
        Prompt { is_secret: true, ..self.prompt_of(Shown::from(question)) }
    }

    fn prompt_of(&self, prompt: Shown) -> Prompt {
        let colours = matches!(self, Screen::Terminal { colours: true, .. });
        Prompt { plain: prompt.render(false), coloured: prompt.render(colours), is_secret: false }
    }

    /// Rings the terminal's bell.
    pub(crate) fn ring(&mut self) {
        match self {
            Screen::Json | Screen::Plain => (),
            Screen::Terminal { terminal, .. } => terminal.ring(),
            Screen::View(screen) => screen.ring(),
        }
    }

    /// Shows the view's changes, and waits while the output can't keep up.
    pub(crate) fn refresh(&mut self) -> io::Result<()> {
        match self {
            Screen::Json | Screen::Plain => (),
            Screen::Terminal { terminal, .. } => terminal.wait(),
            Screen::View(screen) => screen.draw()?,
        }
        Ok(())
    }

    /// Handles a terminal event in the view, and returns the resulting input.
    pub(crate) fn handle_key(&mut self, event: Event, wants_line: bool) -> io::Result<Option<Input>> {
        if let Screen::View(screen) = self { screen.handle(event, wants_line) } else { Ok(None) }
    }

    /// Shows the rest. A view that ends with a failure reports it again.
    pub(crate) fn close(&mut self, is_typing: bool, has_failed: bool) {
        match self {
            Screen::Json | Screen::Plain => (),
            Screen::Terminal { terminal, .. } => terminal.close(is_typing),
            Screen::View(screen) => screen.close(has_failed),
        }
    }

    fn print(&mut self, text: &Shown) -> io::Result<()> {
        match self {
            Screen::Json | Screen::Plain => output::say(text),
            Screen::Terminal { terminal, colours } => {
                terminal.print(text, *colours);
                Ok(())
            }
            Screen::View(screen) => {
                screen.view.note(text);
                Ok(())
            }
        }
    }
}
