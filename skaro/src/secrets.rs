//! Passwords from a file, the environment, standard input or a terminal, or with a warning from the command line.

use std::env::{self, VarError};
use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use skaro_proto::Secret;

use crate::exit::{Exit, Fault};
use crate::text::Shown;
use crate::{output, tty};

const VARIABLE: &str = "SKARO_PASSWORD";

/// Maximum length of a password in bytes; the protocol allows less.
const PASSWORD: u64 = 64 << 10;

/// Maximum size of a file with secrets in bytes.
const FILE: u64 = 16 << 20;

/// The source of the password. Without these options it is the environment variable SKARO_PASSWORD, or the program asks
/// on the terminal.
#[derive(Args)]
pub(crate) struct PasswordOptions {
    /// A file with the password in its first line; - for standard input. Default: the environment variable
    /// SKARO_PASSWORD, or a prompt on the terminal.
    #[arg(long, value_name = "FILE", conflicts_with = "password")]
    password_file: Option<PathBuf>,
    /// The password. It is visible in the list of processes: prefer another way.
    #[arg(long)]
    pub(crate) password: Option<String>,
}

impl PasswordOptions {
    /// Returns the password of this user.
    pub(crate) fn find(&self, login: &str) -> Result<Secret, Fault> {
        self.find_or(|| prompt(login))
    }

    /// Returns the password of a new user. A terminal asks for it twice.
    pub(crate) fn find_new(&self, login: &str) -> Result<Secret, Fault> {
        self.find_or(|| prompt_twice(login))
    }

    fn find_or(&self, prompt: impl FnOnce() -> Result<Secret, Fault>) -> Result<Secret, Fault> {
        if let Some(path) = &self.password_file {
            if path.as_os_str() == "-" {
                let unreadable =
                    |error| Fault::new(Exit::NoInput, format!("can't read the password: {error}"));
                return first_line(io::stdin().lock()).map_err(unreadable);
            }
            let text = read_file(path, PASSWORD)?;
            return Ok(Secret::from(without_mark(&text).lines().next().unwrap_or_default()));
        }
        if let Some(password) = &self.password {
            output::warn(&format!("others can see --password; a file or {VARIABLE} is better"));
            return Ok(Secret::from(&**password));
        }
        match variable(VARIABLE)? {
            Some(password) => Ok(Secret::from(password)),
            None if io::stdin().is_terminal() => prompt(),
            None => {
                let reason = format!("there is no password: give --password-file, or set {VARIABLE}");
                Err(Fault::new(Exit::Usage, reason))
            }
        }
    }
}

/// Reads a new password: from the terminal, twice and without echo, or else from the first line of standard input.
pub(crate) fn new_password(login: &str) -> Result<Secret, Fault> {
    let unreadable = |error| Fault::new(Exit::NoInput, format!("can't read the password: {error}"));
    if !io::stdin().is_terminal() {
        return first_line(io::stdin().lock()).map_err(unreadable);
    }
    prompt_twice(login)
}

fn prompt_twice(login: &str) -> Result<Secret, Fault> {
    let password = prompt(login)?;
    if prompt(&format!("{login}, again"))?.expose() != password.expose() {
        return Err(Fault::new(Exit::Usage, "these are two passwords: type the same twice"));
    }
    Ok(password)
}

/// Reads an environment variable.
pub(crate) fn variable(name: &str) -> Result<Option<String>, Fault> {
    match env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(Fault::new(Exit::Usage, format!("{name} is not UTF-8"))),
    }
}

/// Reads a file with secrets. Fails if other users can read or change it.
pub(crate) fn read_secrets(path: &Path) -> Result<String, Fault> {
    read_file(path, FILE)
}

fn read_file(path: &Path, limit: u64) -> Result<String, Fault> {
    let fault = |exit, reason: &str| Fault::new(exit, format!("{}: {reason}", path.display()));
    let unreadable = |error: io::Error| fault(Exit::NoInput, &error.to_string());
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_file() && is_open_to_others(&metadata) {
        let advice = format!("others can read or change this file: chmod o= {}", path.display());
        return Err(fault(Exit::Config, &advice));
    }
    let mut text = String::new();
    match file.take(limit + 1).read_to_string(&mut text) {
        Ok(length) if length as u64 > limit => {
            Err(fault(Exit::Config, &format!("the file has more than {limit} bytes")))
        }
        Ok(_) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(fault(Exit::Config, "the file is not UTF-8"))
        }
        Err(error) => Err(unreadable(error)),
    }
}

/// Returns whether others can read or change a file.
#[cfg(unix)]
pub(crate) fn is_open_to_others(metadata: &std::fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(metadata) & 0o006 != 0
}

#[cfg(not(unix))]
pub(crate) const fn is_open_to_others(_: &std::fs::Metadata) -> bool {
    false
}

/// Returns a text without the byte order mark that some editors write.
pub(crate) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Reads a line, and leaves the following input unread.
fn first_line(from: impl BufRead) -> io::Result<Secret> {
    let mut line = Vec::new();
    if from.take(PASSWORD).read_until(b'\n', &mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let line = String::from_utf8(line).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok(Secret::from(without_mark(&line).lines().next().unwrap_or_default()))
}

/// Asks for the password on the terminal, without echo.
fn prompt(login: &str) -> Result<Secret, Fault> {
    let prompt = Shown::from(format!("Password of {login}: ")).render(false);
    let unusable = |error| Fault::new(Exit::NoInput, format!("can't ask for the password: {error}"));
    #[cfg(unix)]
    let asked = ask(&prompt);
    #[cfg(not(unix))]
    let asked = rpassword::prompt_password(prompt).map(Secret::from);
    asked.map_err(unusable)
}

/// Asks on the terminal that is standard input.
///
/// Changes its settings once, before the prompt, so that the echo is off even for a fast answer or a signal.
#[cfg(unix)]
fn ask(prompt: &str) -> io::Result<Secret> {
    use io::Write;

    tty::hide()?;
    // Perhaps neither standard output nor standard error is the terminal.
    let password = File::options().write(true).open("/dev/tty").and_then(|mut terminal| {
        terminal.write_all(prompt.as_bytes())?;
        let password = first_line(io::stdin().lock());
        // The user's line feed was not echoed either.
        terminal.write_all(b"\n")?;
        password
    });
    tty::restore();
    password
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_password_and_the_rest_stays() {
        for (text, password, rest) in [
            ("secret\nmore\n", "secret", "more\n"),
            (" with: spaces \r\n", " with: spaces ", ""),
            ("without a line's end", "without a line's end", ""),
            ("\n", "", ""),
            ("\u{feff}secret\n", "secret", ""),
        ] {
            let mut input = text.as_bytes();
            assert_eq!(first_line(&mut input).unwrap().expose(), password);
            assert_eq!(input, rest.as_bytes());
        }
        assert!(first_line(&mut &b""[..]).is_err());
    }
}
