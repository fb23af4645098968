//! Standard output and standard error: every character that this program writes goes through here, or through the
//! line editor of the chat.
//!
//! `println!` and `eprintln!` would panic when nobody reads any more.

use std::io::{self, Write};

use crate::text::Shown;

/// Writes a line to standard output.
pub(crate) fn say(text: &Shown) -> io::Result<()> {
    write_line(&text.render(false))
}

/// Writes a line for programs to standard output.
pub(crate) fn write_line(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// Writes a line to standard error. If nobody reads that, there is nobody to be told.
pub(crate) fn complain(text: &Shown) {
    // One write, so that the lines of several programs don't mix.
    _ = io::stderr().write_all(format!("{}\n", text.render(false)).as_bytes());
}

/// Tells something that is no error, but that somebody should know.
pub(crate) fn warn(text: &str) {
    complain(&Shown::from("warning: ").plain(text));
}
