//! Standard output and standard error. Everything that this program writes goes through here, or through the chat's
//! line editor.
//!
//! `println!` and `eprintln!` would panic if the output is closed.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::Duration;

use serde::Serialize;

use crate::exit::{Exit, Fault};
use crate::queue::Queue;
use crate::text::{Shown, clean_json};

/// Time that [`finish`] waits for lines to reach standard error when the program ends.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Lines for standard error, in a program that must not wait for its reader.
static COMPLAINTS: OnceLock<Queue> = OnceLock::new();

/// Lets a thread write to standard error from now on.
///
/// The function returns the line that reports how many lines were lost.
pub(crate) fn queue_complaints(tell_lost: impl Fn(u64) -> String + Send + 'static) {
    let write = |line: &str| _ = io::stderr().write_all(format!("{line}\n").as_bytes());
    if let Ok(queue) = Queue::start(write, tell_lost) {
        _ = COMPLAINTS.set(queue);
    }
}

/// Waits a moment until pending lines have reached standard error.
pub(crate) fn finish() {
    if let Some(queue) = COMPLAINTS.get() {
        queue.finish(LAST_WORDS);
    }
}

/// Writes a line to standard output.
pub(crate) fn say(text: &Shown) -> io::Result<()> {
    write_line(&text.render(false))
}

/// Writes a line of JSON to standard output.
pub(crate) fn write_line(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// Writes the last line of a program to standard output. A closed output is no error.
pub(crate) fn tell(text: &Shown) -> Result<Exit, Fault> {
    Lines::default().say(text).map(|()| Exit::Success)
}

/// Lines of standard output, whose reader may close it.
#[derive(Default)]
pub(crate) struct Lines {
    is_closed: bool,
}

impl Lines {
    /// Returns whether the reader has closed the output.
    pub(crate) const fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Writes a line.
    pub(crate) fn say(&mut self, text: &Shown) -> Result<(), Fault> {
        self.write(&text.render(false))
    }

    /// Writes a line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Fault> {
        let line =
            serde_json::to_string(value).map_err(|error| Fault::new(Exit::Software, error.to_string()))?;
        self.write(&clean_json(&line))
    }

    fn write(&mut self, line: &str) -> Result<(), Fault> {
        match write_line(line) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.is_closed = true,
            written => written.map_err(|error| Fault::new(Exit::Output, format!("can't write: {error}")))?,
        }
        Ok(())
    }
}

/// Writes a line to standard error. Errors are ignored: there is no other place to report them.
pub(crate) fn complain(text: &Shown) {
    complain_of(text.render(false));
}

/// Writes a clean line to standard error.
pub(crate) fn complain_of(line: String) {
    match COMPLAINTS.get() {
        Some(queue) => queue.push(line),
        // A single write, so that lines of several programs don't mix.
        None => _ = io::stderr().write_all(format!("{line}\n").as_bytes()),
    }
}

/// Prints a warning.
pub(crate) fn warn(text: &str) {
    complain(&Shown::from("warning: ").plain(text));
}
