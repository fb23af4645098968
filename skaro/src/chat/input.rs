//! Reads lines from a terminal or a pipe.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{self, Sender};
use std::thread;

use super::line::Input;
use super::terminal::LineEditor;

/// Bytes of a line. The longest message is shorter; without a limit, one line could fill the memory.
const LINE: u64 = 64 << 10;

/// Where lines come from.
pub(crate) enum Source {
    Pipe,
    Terminal(Box<LineEditor>),
}

/// Reads lines, one whenever it is asked for one.
pub(crate) struct Lines {
    prompts: Sender<(String, String)>,
    /// Whether a line was asked for that has not come yet.
    pub(crate) is_reading: bool,
}

impl Lines {
    /// Starts a thread that reads, and hands each line to the sink.
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

    /// Asks for a line, with a prompt (plain and in colour) if it comes from a terminal.
    pub(crate) fn ask(&mut self, prompt: (String, String)) {
        // The thread lives as long as this.
        _ = self.prompts.send(prompt);
        self.is_reading = true;
    }
}

/// Reads a line from a pipe.
fn read(stdin: &mut impl BufRead) -> Input {
    let mut line = Vec::new();
    match stdin.take(LINE).read_until(b'\n', &mut line) {
        Ok(0) | Err(_) => return Input::End,
        Ok(_) => (),
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() as u64 == LINE {
        // Whatever is wrong with the rest of this line will be wrong with the next one too.
        _ = stdin.skip_until(b'\n');
        return Input::Bad("this line is too long");
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8(line).map_or(Input::Bad("this line is not UTF-8"), Input::Line)
}
