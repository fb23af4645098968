//! A terminal with a line editor, which prints messages above the line that is being typed.
//!
//! One thread reads lines, another prints: printing may have to wait for the line editor, and must not prevent the chat
//! from giving the editor its next prompt.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
#[cfg(unix)]
use rustyline::{Cmd, ConditionalEventHandler, Event, EventContext, EventHandler, KeyEvent, RepeatCount};
use rustyline::{Config, Editor, ExternalPrinter, Helper};
use unicode_width::UnicodeWidthChar;

use super::line::{Input, Line};
use crate::text::Shown;
use crate::tty;

/// Time-out for printing the last lines.
const FLUSH: Duration = Duration::from_millis(500);

/// The printing half of the terminal.
pub(crate) struct Terminal {
    printer: Sender<Print>,
}

enum Print {
    Text(String),
    /// A request to confirm that everything before it is printed.
    Done(Sender<()>),
}

/// The reading half of the terminal.
pub(crate) struct LineEditor(Editor<Mask, MemHistory>);

/// Opens the terminal.
pub(crate) fn open() -> Result<(Terminal, LineEditor), ReadlineError> {
    tty::hold()?;
    let config = Config::builder().max_history_size(1000)?.auto_add_history(false).build();
    let history = MemHistory::with_config(&config);
    let mut editor = Editor::with_history(config, history)?;
    editor.set_helper(Some(Mask));
    #[cfg(unix)]
    editor.bind_sequence(KeyEvent::ctrl('Z'), EventHandler::Conditional(Box::new(Suspend)));
    let printer = print_from(editor.create_external_printer()?);
    Ok((Terminal { printer }, LineEditor(editor)))
}

fn print_from(mut printer: impl ExternalPrinter + Send + 'static) -> Sender<Print> {
    let (sender, prints) = mpsc::channel();
    thread::spawn(move || {
        for print in prints {
            match print {
                // If the terminal is gone, the reading thread notices.
                Print::Text(text) => _ = printer.print(text),
                Print::Done(done) => _ = done.send(()),
            }
        }
    });
    sender
}

impl Terminal {
    /// Prints lines above the prompt.
    pub(crate) fn print(&self, text: &Shown, colours: bool) {
        _ = self.printer.send(Print::Text(text.render(colours) + "\n"));
    }

    /// Prints the remaining lines. The line editor can't be interrupted, so the program restores the terminal at its
    /// end.
    pub(crate) fn close(&self, is_typing: bool) {
        let (sender, done) = mpsc::channel();
        _ = self.printer.send(Print::Done(sender));
        _ = done.recv_timeout(FLUSH);
        if is_typing {
            // Moves below the line that is being typed.
            let mut stdout = io::stdout();
            _ = stdout.write_all(b"\n").and_then(|()| stdout.flush());
        }
    }
}

/// Shows asterisks instead of a secret in the line that is being typed.
struct Mask;

impl Highlighter for Mask {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        let Some((shown, secret)) = Line::split_secret(line) else { return Cow::Borrowed(line) };
        // The editor counts columns in the line itself.
        let columns = secret.chars().filter_map(UnicodeWidthChar::width).sum();
        Cow::Owned(shown.to_owned() + &"*".repeat(columns))
    }

    /// Returns whether the whole line must be shown anew after a change.
    fn highlight_char(&self, line: &str, _: usize, _: CmdKind) -> bool {
        Line::split_secret(line).is_some()
    }
}

impl Completer for Mask {
    type Candidate = String;
}

impl Hinter for Mask {
    type Hint = String;
}

impl Validator for Mask {}
impl Helper for Mask {}

/// The reaction to Ctrl-Z. The line editor's own one may leave the terminal with its original settings.
#[cfg(unix)]
struct Suspend;

#[cfg(unix)]
impl ConditionalEventHandler for Suspend {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, _: &EventContext<'_>) -> Option<Cmd> {
        // An error means that the terminal is gone, which the next reading reports.
        _ = tty::suspend();
        Some(Cmd::Repaint)
    }
}

impl LineEditor {
    /// Reads a line from the user.
    pub(crate) fn read(&mut self, prompt: &(String, String)) -> Input {
        loop {
            return match self.0.readline(prompt) {
                Ok(line) => {
                    if !Line::has_secret(&line) {
                        // It is only the history, so an error is ignored.
                        _ = self.0.add_history_entry(&line);
                    }
                    Input::Line(line)
                }
                Err(ReadlineError::Signal(_)) => continue,
                Err(ReadlineError::Interrupted) => Input::Interrupt,
                Err(ReadlineError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                    Input::Bad("this line is not UTF-8".into())
                }
                Err(_) => Input::End,
            };
        }
    }
}
