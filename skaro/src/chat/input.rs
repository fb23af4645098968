//! Reads lines from a terminal or a pipe.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{self, Sender};
use std::thread;

use super::line::Input;
use super::terminal::LineEditor;

/// Maximum length of a line in bytes. The longest message is shorter, even if JSON escapes each of its characters;
/// without a limit, one line could fill the memory.
const LINE: u64 = 128 << 10;

/// The source of lines.
pub(crate) enum Source {
    Pipe,
    Terminal(Box<LineEditor>),
}

/// A request for a line, with a prompt for a terminal.
pub(crate) struct Prompt {
    pub(crate) plain: String,
    pub(crate) coloured: String,
    /// Set if the line is a password.
    pub(crate) is_secret: bool,
}

/// A thread that reads lines, one for each request.
pub(crate) struct Lines {
    prompts: Sender<Prompt>,
    /// Set between the request for a line and its arrival.
    pub(crate) is_reading: bool,
}

impl Lines {
    /// Starts a thread that reads lines and passes each to the sink.
    pub(crate) fn start(mut source: Source, sink: impl Fn(Input) + Send + 'static) -> Self {
        let (prompts, asked) = mpsc::channel();
        thread::spawn(move || {
            for prompt in asked {
                sink(match &mut source {
                    Source::Pipe => read(&mut io::stdin().lock()),
                    Source::Terminal(editor) => editor.read(&prompt),
                });
            }
        });
        Lines { prompts, is_reading: false }
    }

    /// Requests a line.
    pub(crate) fn ask(&mut self, prompt: Prompt) {
        // Can't fail: the thread lives as long as this.
        _ = self.prompts.send(prompt);
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
