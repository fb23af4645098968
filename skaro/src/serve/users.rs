//! The server's users: from a file, the environment and the command line.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use clap::Args;
use skaro_proto::server::UserError;

use crate::exit::{Exit, Fault};
use crate::secrets;

const VARIABLE: &str = "SKARO_USERS";

#[derive(Args)]
pub(crate) struct UserOptions {
    /// A file with users to add, one line LOGIN:PASSWORD each. Existing users keep their passwords. Empty lines and
    /// lines that begin with # are ignored. Other users must not be able to read the file. The environment variable
    /// SKARO_USERS may contain such lines as well.
    #[arg(long, value_name = "FILE")]
    user_file: Option<PathBuf>,
    /// A user to add, unless it exists; may be given several times. Others on this machine can see it in the list of
    /// processes: prefer --user-file.
    #[arg(long = "user", value_name = "LOGIN:PASSWORD")]
    users: Vec<String>,
}

impl UserOptions {
    /// Returns the file, if one is given.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.user_file.as_deref()
    }

    /// Adds all users. Each login may be given only once.
    pub(crate) fn add_to(
        &self,
        mut add: impl FnMut(&str, &str) -> Result<(), UserError>,
    ) -> Result<(), Fault> {
        let mut given = HashSet::new();
        let mut add = |login: &str, password: &str| {
            let is_new = given.insert(login.to_owned());
            let added = if is_new { add(login, password) } else { Err(UserError::Exists(login.into())) };
            added.map_err(|error| error.to_string())
        };
        if let Some(path) = &self.user_file {
            let text = secrets::read_secrets(path)?;
            add_lines(&text, &path_name(path), Exit::Config, &mut add)?;
        }
        if let Some(text) = secrets::variable(VARIABLE)? {
            add_lines(&text, VARIABLE, Exit::Usage, &mut add)?;
        }
        if !self.users.is_empty() {
            tracing::warn!("others can see the passwords of --user; --user-file is better");
        }
        for (index, user) in self.users.iter().enumerate() {
            // Without a colon the whole text may be a password, so it is not repeated.
            let added = split(user).map_err(String::from).and_then(|(login, password)| add(login, password));
            added
                .map_err(|error| Fault::new(Exit::Usage, format!("--user number {}: {error}", index + 1)))?;
        }
        Ok(())
    }
}

fn path_name(path: &Path) -> String {
    path.display().to_string()
}

/// Adds one user for each line of a text.
///
/// Errors contain the line's number, but not its content, which may be a password.
fn add_lines(
    text: &str,
    source: &str,
    exit: Exit,
    mut add: impl FnMut(&str, &str) -> Result<(), String>,
) -> Result<(), Fault> {
    // A byte order mark, which some editors write, would become part of a login.
    for (index, line) in secrets::without_mark(text).lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let added = split(line).map_err(String::from).and_then(|(login, password)| add(login, password));
        added.map_err(|error| Fault::new(exit, format!("{source}:{}: {error}", index + 1)))?;
    }
    Ok(())
}

/// Splits at the first colon: passwords may contain colons.
fn split(text: &str) -> Result<(&str, &str), &'static str> {
    match text.split_once(':') {
        Some((_, "")) => Err("the password is empty"),
        Some(both) => Ok(both),
        None => Err("a user is given as LOGIN:PASSWORD"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, String> {
        let mut users = Vec::<(String, String)>::new();
        let add = |login: &str, password: &str| {
            if users.iter().any(|(known, _)| known == login) {
                return Err("twice".into());
            }
            users.push((login.into(), password.into()));
            Ok(())
        };
        add_lines(text, "users", Exit::Config, add).map_err(|fault| fault.reason.render(false))?;
        Ok(users)
    }

    #[test]
    fn a_file_has_a_user_in_each_line() {
        let users = read("\u{feff}# who may\n\nalice:secret\r\n  \nbob: with spaces:and #colons \n").unwrap();
        let expected = [("alice", "secret"), ("bob", " with spaces:and #colons ")];
        assert_eq!(users, expected.map(|(login, password)| (login.into(), password.into())));
        assert_eq!(read("").unwrap(), []);
    }

    #[test]
    fn errors_tell_the_line_and_no_secret() {
        for (text, error) in [
            ("alice:a\n\nhunter2\n", "users:3: a user is given as LOGIN:PASSWORD"),
            ("# no\nalice:\n", "users:2: the password is empty"),
            ("alice:hunter2\nalice:hunter3", "users:2: twice"),
        ] {
            assert_eq!(read(text).unwrap_err(), error);
        }
    }
}
