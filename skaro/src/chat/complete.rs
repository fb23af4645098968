//! Completion of commands and names.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::line::{HELP, takes_login};
use super::people_line;
use crate::rows::beginning;
use crate::text;

/// Maximum number of names that are remembered.
const NAMES: usize = 10_000;

/// Maximum width in columns of a name that somebody chose. Longer ones are cut.
const CHOSEN: usize = 24;

/// The logins of all users met so far, with the names that they chose.
///
/// The thread that reads lines shares them.
#[derive(Clone, Default)]
pub(crate) struct Names(Arc<Mutex<BTreeMap<String, Option<String>>>>);

impl Names {
    /// Adds a login, unless there are too many, or it can't be typed or shown unchanged.
    pub(crate) fn add(&self, login: &str) {
        let mut names = self.lock();
        if text::name(login) == login && names.len() < NAMES && !names.contains_key(login) {
            names.insert(login.into(), None);
        }
    }

    /// Records the name that somebody chose, or its removal.
    pub(crate) fn call(&self, login: &str, chosen: Option<&str>) {
        self.add(login);
        if let Some(name) = self.lock().get_mut(login) {
            *name = chosen.and_then(shown_name);
        }
    }

    /// Returns the name that somebody chose, in quotes. It must be cleaned before it is shown.
    pub(crate) fn chosen(&self, login: &str) -> Option<String> {
        self.lock().get(login).cloned().flatten()
    }

    /// Returns whether a login was met before.
    pub(crate) fn knows(&self, login: &str) -> bool {
        self.lock().contains_key(login)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Option<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn beginning(&self, with: &str) -> Vec<String> {
        let names = self.lock();
        let from = names.range(with.to_owned()..);
        from.take_while(|(name, _)| name.starts_with(with)).map(|(name, _)| format!("{name} ")).collect()
    }

    /// Returns the possible replacements for the last word of a text, and the start of that word.
    pub(crate) fn complete(&self, text: &str) -> (usize, Vec<String>) {
        let start = text.rfind(' ').map_or(0, |space| space + 1);
        let (before, word) = text.split_at_checked(start).unwrap_or_default();
        let candidates = match before.trim_end() {
            "" if word.starts_with('/') => commands(word),
            command if takes_login(command) => self.beginning(word),
            _ => Vec::new(),
        };
        (start, candidates)
    }
}

/// Returns a chosen name as it is shown: cut, and in quotes. Nothing if it is empty.
///
/// Quotes inside of it are escaped, so that it can't look like anything but a name.
pub(crate) fn shown_name(chosen: &str) -> Option<String> {
    let chosen = chosen.trim();
    (!chosen.is_empty()).then(|| text::quoted(&beginning(chosen, CHOSEN)))
}

/// Returns the commands that begin with this text.
fn commands(with: &str) -> Vec<String> {
    let all = HELP.lines().chain(people_line::HELP.lines()).filter_map(|line| line.split(' ').next());
    let mut commands: Vec<_> =
        all.filter(|word| word.starts_with(with)).map(|word| format!("{word} ")).collect();
    commands.sort();
    commands.dedup();
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_names_complete() {
        let names = Names::default();
        for name in ["carol", "bob", "carl", "with space", "\u{1b}[2J", "bob"] {
            names.add(name);
        }
        for (text, start, candidates) in [
            ("/co", 0, &["/contacts "][..]),
            ("/r", 0, &["/r ", "/register-type ", "/remove ", "/restore "]),
            ("/jo", 0, &["/join "]),
            ("/kick ca", 6, &["carl ", "carol "]),
            ("/bogus", 0, &[]),
            ("/msg ", 5, &["bob ", "carl ", "carol "]),
            ("/msg ca", 5, &["carl ", "carol "]),
            ("/to  b", 5, &["bob "]),
            ("/history x", 9, &[]),
            // Only the first argument is a name.
            ("/msg bob ca", 9, &[]),
            ("ca", 0, &[]),
            ("", 0, &[]),
        ] {
            assert_eq!(
                names.complete(text),
                (start, candidates.iter().map(|&x| x.into()).collect()),
                "{text}"
            );
        }
    }

    #[test]
    fn a_chosen_name_is_in_quotes_and_short() {
        let names = Names::default();
        names.call("bob", Some(" Bob\" carol "));
        assert_eq!(names.chosen("bob").unwrap(), "\"Bob\\\" carol\"");
        names.call("bob", Some(&"x".repeat(1000)));
        assert_eq!(names.chosen("bob").unwrap().chars().count(), CHOSEN + 2);
        names.call("bob", Some(" "));
        assert_eq!((names.chosen("bob"), names.chosen("carol")), (None, None));
        assert!(names.knows("bob") && !names.knows("carol"));
    }

    #[test]
    fn there_is_a_limit() {
        let names = Names::default();
        (0..NAMES + 10).for_each(|number| names.add(&format!("user{number}")));
        assert_eq!(names.complete("/to ").1.len(), NAMES);
    }
}
