//! Where everything is shown: as JSON, as plain text, or on a terminal with a prompt.

use std::io::{self, IsTerminal, Write};

use super::input::Source;
use super::report::Report;
use super::terminal::{self, Terminal};
use super::text::{Look, clean};

/// The output.
pub(crate) struct Screen {
    kind: Kind,
    look: Look,
}

enum Kind {
    Json,
    Plain,
    Terminal(Terminal),
}

impl Screen {
    /// The right output for where standard output goes, and the input that goes with it.
    pub(crate) fn open(json: bool) -> Result<(Screen, Source), String> {
        let plain = Look { colours: false, echoes: true };
        if json {
            return Ok((Screen { kind: Kind::Json, look: plain }, Source::Pipe));
        }
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if is_dumb || !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Ok((Screen { kind: Kind::Plain, look: plain }, Source::Pipe));
        }
        let opened = terminal::open().map_err(|error| format!("can't use the terminal: {error}"));
        let (terminal, editor) = opened?;
        // See no-color.org.
        let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let screen = Screen { kind: Kind::Terminal(terminal), look: Look { colours, echoes: false } };
        Ok((screen, Source::Terminal(Box::new(editor))))
    }

    /// Whether somebody sits there, rather than a program.
    pub(crate) const fn is_terminal(&self) -> bool {
        matches!(self.kind, Kind::Terminal(_))
    }

    /// Shows what happened. An error means that nobody reads any more.
    pub(crate) fn show(&self, report: &Report<'_>) -> io::Result<()> {
        match &self.kind {
            Kind::Json => write_line(&serde_json::to_string(report)?),
            Kind::Plain | Kind::Terminal(_) => self.print(&self.look.report(report)),
        }
    }

    /// Shows a text of the chat's own.
    pub(crate) fn say(&self, text: &str) -> io::Result<()> {
        match &self.kind {
            // It was asked for, but is none of the events.
            Kind::Json => writeln!(io::stderr(), "{text}"),
            Kind::Plain | Kind::Terminal(_) => self.print(text),
        }
    }

    /// Shows a text that nobody asked for: nothing for programs.
    pub(crate) fn hint(&self, text: &str) -> io::Result<()> {
        if matches!(self.kind, Kind::Json) { Ok(()) } else { self.print(text) }
    }

    /// Tells of a mistake that concerns no one but the user.
    pub(crate) fn complain(&self, text: &str) {
        match &self.kind {
            // Nothing can be told if even this fails; `eprintln!` would panic.
            Kind::Json | Kind::Plain => _ = writeln!(io::stderr(), "{}", clean(text)),
            Kind::Terminal(terminal) => terminal.print(&self.look.red(&clean(text))),
        }
    }

    /// What to show before a line to type: plain, and in colour.
    pub(crate) fn prompt(&self, dialog: Option<&str>) -> (String, String) {
        let Some(dialog) = dialog else { return ("> ".into(), "> ".into()) };
        (format!("to {}> ", clean(dialog)), format!("to {}> ", self.look.name(dialog)))
    }

    /// Shows all that is still to be shown, and leaves the terminal as it was.
    pub(crate) fn close(&self, is_typing: bool) {
        if let Kind::Terminal(terminal) = &self.kind {
            terminal.close(is_typing);
        }
    }

    fn print(&self, text: &str) -> io::Result<()> {
        match &self.kind {
            Kind::Json | Kind::Plain => write_line(text),
            Kind::Terminal(terminal) => {
                terminal.print(text);
                Ok(())
            }
        }
    }
}

/// A pipe that is closed is no reason to panic, as `println!` does.
fn write_line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()
}
