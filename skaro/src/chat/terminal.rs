//! A terminal with a line editor, which prints messages above the line that is being typed.
//!
//! One thread reads lines, another prints: printing may have to wait for the line editor, and must not prevent the chat
//! from giving the editor its next prompt.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ratatui::crossterm::terminal::size;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{
    Cmd, CompletionType, ConditionalEventHandler, Config, Editor, Event, EventContext, EventHandler,
    ExternalPrinter, Helper, KeyEvent, Movement, RepeatCount,
};
use skaro_proto::Secret;
use unicode_width::UnicodeWidthChar;

use super::complete::Names;
use super::line::{Input, Line, Prompt};
use crate::rows::rows;
use crate::text::Shown;
use crate::tty;

/// Time-out for printing the last lines.
const FLUSH: Duration = Duration::from_millis(500);

/// Time after which typing is reported again.
const TYPING: Duration = Duration::from_secs(5);

/// Number of texts waiting to be printed at which the chat stops taking events.
const BACKLOG: usize = 256;

/// The printing half of the terminal.
pub(crate) struct Terminal {
    printer: Sender<Print>,
    backlog: Arc<Backlog>,
}

enum Print {
    Text(String),
    /// A request to confirm that everything before it is printed.
    Done(Sender<()>),
}

/// The printer's remaining work.
#[derive(Default)]
struct Backlog {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    /// Number of texts.
    texts: usize,
    /// Set while the line editor reads. Otherwise the printer may have to wait for it.
    is_reading: bool,
}

impl Backlog {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Waiting)) {
        change(&mut self.waiting());
        self.changed.notify_all();
    }

    /// Waits until there is room, unless the printer may have to wait for the next prompt.
    fn wait(&self) {
        let is_full = |waiting: &mut Waiting| waiting.texts >= BACKLOG && waiting.is_reading;
        drop(self.changed.wait_while(self.waiting(), is_full));
    }
}

/// Set from before the line editor draws its prompt until it has returned.
///
/// A thread that writes to the terminal without the line editor locks this, so that no prompt is drawn meanwhile. It
/// must not be locked while the line editor's printer prints, because that may wait for the reading thread.
#[derive(Clone, Default)]
struct AtPrompt(Arc<Mutex<bool>>);

impl AtPrompt {
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reading half of the terminal.
pub(crate) struct LineEditor {
    editor: Editor<Assistant, MemHistory>,
    backlog: Arc<Backlog>,
    at_prompt: AtPrompt,
}

/// Opens the terminal. These names are used for completion.
pub(crate) fn open(names: Names) -> Result<(Terminal, LineEditor), ReadlineError> {
    tty::hold()?;
    let config = Config::builder().max_history_size(1000)?.auto_add_history(false);
    let config = config.completion_type(CompletionType::List).build();
    let history = MemHistory::with_config(&config);
    let mut editor = Editor::with_history(config, history)?;
    let at_prompt = AtPrompt::default();
    let assistant = Assistant { names, is_secret: false, at_prompt: at_prompt.clone(), typing: None };
    editor.set_helper(Some(assistant));
    editor.bind_sequence(KeyEvent::ctrl('C'), EventHandler::Conditional(Box::new(Clear)));
    #[cfg(unix)]
    editor.bind_sequence(KeyEvent::ctrl('Z'), EventHandler::Conditional(Box::new(Suspend)));
    let backlog = Arc::<Backlog>::default();
    let printer = print_from(editor.create_external_printer()?, backlog.clone(), at_prompt.clone());
    Ok((Terminal { printer, backlog: backlog.clone() }, LineEditor { editor, backlog, at_prompt }))
}

fn print_from(
    mut printer: impl ExternalPrinter + Send + 'static,
    backlog: Arc<Backlog>,
    at_prompt: AtPrompt,
) -> Sender<Print> {
    let (sender, prints) = mpsc::channel();
    thread::spawn(move || {
        for print in prints {
            match print {
                Print::Text(text) => {
                    // If the terminal is gone, the reading thread notices.
                    _ = print_above(&mut printer, text, &at_prompt);
                    backlog.change(|waiting| waiting.texts = waiting.texts.saturating_sub(1));
                }
                Print::Done(done) => _ = done.send(()),
            }
        }
    });
    sender
}

/// Prints a text above the prompt.
///
/// The line editor's printer alone could find no prompt, and then write after one that is drawn meanwhile.
fn print_above(
    printer: &mut impl ExternalPrinter,
    text: String,
    at_prompt: &AtPrompt,
) -> rustyline::Result<()> {
    let is_at_prompt = at_prompt.lock();
    if *is_at_prompt {
        drop(is_at_prompt);
        return printer.print(text);
    }
    let mut stdout = io::stdout();
    // The line editor may have changed the terminal's mode already.
    stdout.write_all(text.replace('\n', "\r\n").as_bytes())?;
    Ok(stdout.flush()?)
}

impl Terminal {
    /// Prints lines above the prompt, broken between words.
    pub(crate) fn print(&self, text: &Shown, colours: bool) {
        // If the size is unknown, the terminal breaks the lines itself.
        let columns = size().map_or(0, |(columns, _)| usize::from(columns));
        let rows = rows(text, if columns == 0 { usize::MAX } else { columns });
        self.write(rows.iter().map(|row| row.render(colours) + "\n").collect());
    }

    pub(crate) fn ring(&self) {
        self.write("\x07".into());
    }

    fn write(&self, text: String) {
        self.backlog.change(|waiting| waiting.texts += 1);
        _ = self.printer.send(Print::Text(text));
    }

    /// Waits while too much is still to be printed. Meanwhile events stay in the client.
    pub(crate) fn wait(&self) {
        self.backlog.wait();
    }

    /// Prints the remaining lines.
    ///
    /// The line editor can't be interrupted, so the program restores the terminal at its end.
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

/// Completes commands and names, and shows asterisks instead of a secret in the line that is being typed.
struct Assistant {
    names: Names,
    /// Set while all of the line is a secret.
    is_secret: bool,
    at_prompt: AtPrompt,
    /// Is notified when a message is being typed.
    typing: Option<Mutex<Typing>>,
}

/// Is notified now and then while a message is being typed.
struct Typing {
    sink: Box<dyn Fn() + Send>,
    /// The beginning of the message that was reported last, and the time.
    heard: Option<(String, Instant)>,
}

impl Typing {
    /// Records the line as far as it is typed. An unchanged line is not reported.
    fn handle_line(&mut self, line: &str) {
        let is_news = self.heard.as_ref().is_none_or(|(heard, at)| heard != line && at.elapsed() >= TYPING);
        if is_news && Line::is_talk(line) {
            self.heard = Some((line.into(), Instant::now()));
            (self.sink)();
        }
    }
}

impl Assistant {
    fn split_secret<'l>(&self, line: &'l str) -> Option<(&'l str, &'l str)> {
        if self.is_secret { Some(("", line)) } else { Line::split_secret(line) }
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        let Some((shown, secret)) = self.split_secret(line) else { return Cow::Borrowed(line) };
        // The editor counts columns in the line itself.
        let columns = secret.chars().filter_map(UnicodeWidthChar::width).sum();
        Cow::Owned(shown.to_owned() + &"*".repeat(columns))
    }

    /// Returns whether the whole line must be shown anew after a change.
    fn highlight_char(&self, line: &str, _: usize, _: CmdKind) -> bool {
        self.split_secret(line).is_some()
    }
}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let text = line.get(..position).filter(|_| !self.is_secret).unwrap_or_default();
        Ok(self.names.complete(text))
    }
}

impl Hinter for Assistant {
    type Hint = String;

    /// Gives no hint. The line editor asks for one when it has changed the terminal's mode, and before it draws.
    fn hint(&self, line: &str, _: usize, _: &rustyline::Context<'_>) -> Option<String> {
        *self.at_prompt.lock() = true;
        if let Some(typing) = self.typing.as_ref().filter(|_| !self.is_secret) {
            typing.lock().unwrap_or_else(PoisonError::into_inner).handle_line(line);
        }
        None
    }
}

impl Validator for Assistant {}
impl Helper for Assistant {}

/// The reaction to Ctrl-C: clears the line, or ends the chat if the line is empty.
struct Clear;

impl ConditionalEventHandler for Clear {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext<'_>) -> Option<Cmd> {
        (!context.line().is_empty()).then_some(Cmd::Kill(Movement::WholeBuffer))
    }
}

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
    /// Notifies this sink now and then while a message is being typed.
    pub(crate) fn tell_typing(&mut self, sink: impl Fn() + Send + 'static) {
        if let Some(assistant) = self.editor.helper_mut() {
            assistant.typing = Some(Mutex::new(Typing { sink: Box::new(sink), heard: None }));
        }
    }

    /// Reads a line from the user.
    pub(crate) fn read(&mut self, prompt: &Prompt) -> Input {
        self.backlog.change(|waiting| waiting.is_reading = true);
        let input = self.read_line(prompt);
        self.backlog.change(|waiting| waiting.is_reading = false);
        input
    }

    fn read_line(&mut self, prompt: &Prompt) -> Input {
        if let Some(assistant) = self.editor.helper_mut() {
            assistant.is_secret = prompt.is_secret;
        }
        loop {
            let read = self.editor.readline(&(&*prompt.plain, &*prompt.coloured));
            *self.at_prompt.lock() = false;
            return match read {
                Ok(line) if prompt.is_secret => Input::Password(Secret::from(line)),
                Ok(line) => {
                    if !Line::has_secret(&line) {
                        // An error is ignored, because it only concerns the history.
                        _ = self.editor.add_history_entry(&line);
                    }
                    Input::Line(line)
                }
                Err(ReadlineError::Signal(_)) => continue,
                Err(ReadlineError::Interrupted) => Input::Interrupt,
                Err(ReadlineError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => Input::NotUtf8,
                Err(_) => Input::End,
            };
        }
    }
}
