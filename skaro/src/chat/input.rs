//! Reads lines from a terminal or a pipe.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{self, Sender};
use std::thread;

use ratatui::crossterm::event::Event;

use super::line::{Input, Prompt};
use super::terminal::LineEditor;
use super::view::full_screen::Keys;

/// Maximum length of a line in bytes. The longest message is shorter, even if JSON escapes each of its characters;
/// without a limit, one line could fill the memory.
const LINE: u64 = 128 << 10;

/// The source of lines.
pub(crate) enum Source {
    Pipe,
    Terminal(Box<LineEditor>),
    /// The full-screen view, which turns keys into lines.
    View(Keys),
}

/// Input that a thread has read.
pub(crate) enum Typed {
    Input(Input),
    /// A key, or another event of the terminal; `None` when the terminal is gone.
    Key(Option<Event>),
}

/// A thread that reads keys, or lines: one for each request.
pub(crate) struct Lines {
    /// `None` if it reads keys.
    prompts: Option<Sender<Prompt>>,
    /// Set between the request for a line and its arrival.
    pub(crate) is_reading: bool,
}

impl Lines {
    /// Starts a thread that passes what it reads to the sink.
    pub(crate) fn start(source: Source, sink: impl Fn(Typed) + Clone + Send + 'static) -> Self {
        let (prompts, asked) = mpsc::channel();
        let mut read: Box<dyn FnMut(&Prompt) -> Input + Send> = match source {
            Source::Pipe => Box::new(|_| read(&mut io::stdin().lock())),
            Source::Terminal(mut editor) => {
                let sink = sink.clone();
                editor.tell_typing(move || sink(Typed::Input(Input::Typing)));
                Box::new(move |prompt| editor.read(prompt))
            }
            Source::View(keys) => {
                keys.start(move |event| sink(Typed::Key(event)));
                return Lines { prompts: None, is_reading: false };
            }
        };
        thread::spawn(move || {
            for prompt in asked {
                sink(Typed::Input(read(&prompt)));
            }
        });
        Lines { prompts: Some(prompts), is_reading: false }
    }

    /// Returns whether lines are read only on request.
    pub(crate) const fn need_prompts(&self) -> bool {
        self.prompts.is_some()
    }

    /// Requests a line.
    pub(crate) fn ask(&mut self, prompt: Prompt) {
        // Can't fail: the thread lives as long as this.
        _ = self.prompts.as_ref().map(|prompts| prompts.send(prompt));
        self.is_reading = true;
    }
}

/// Reads a line from a pipe.
fn read(stdin: &mut impl BufRead) -> Input {
    let mut line = Vec::new();
    match stdin.take(LINE).read_until(b'\n', &mut line) {
        Ok(0) => return Input::End,
        Ok(_) => (),
        Err(error) => return Input::Failed(format!("can't read the input: {error}")),
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() as u64 == LINE {
        // An error here will occur again when the next line is read.
        _ = stdin.skip_until(b'\n');
        return Input::TooLong(LINE);
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8(line).map_or_else(|_| Input::NotUtf8, Input::Line)
}
