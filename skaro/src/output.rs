//! Standard output and standard error. Everything that this program writes goes through here, or through the chat's
//! line editor.
//!
//! `println!` and `eprintln!` would panic if the output is closed.

use std::io::{self, Write};

use crate::text::Shown;

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

/// Writes a line to standard error. Errors are ignored: there is no other place to report them.
pub(crate) fn complain(text: &Shown) {
    // A single write, so that lines of several programs don't mix.
    _ = io::stderr().write_all(format!("{}\n", text.render(false)).as_bytes());
}

/// Prints a warning.
pub(crate) fn warn(text: &str) {
    complain(&Shown::from("warning: ").plain(text));
}
