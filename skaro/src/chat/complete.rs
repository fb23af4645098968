//! Completion of commands and names.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::line::{HELP, takes_login};
use crate::text;

/// Number of names that are remembered.
const NAMES: usize = 10_000;

/// The names of everybody who was met, for the thread that reads lines as well.
#[derive(Clone, Default)]
pub(crate) struct Names(Arc<Mutex<BTreeSet<String>>>);

impl Names {
    /// Adds a name, unless there are too many or it can't be typed or shown as it is.
    pub(crate) fn add(&self, login: &str) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if text::name(login) == login && names.len() < NAMES && !names.contains(login) {
            names.insert(login.into());
        }
    }

    fn beginning(&self, with: &str) -> Vec<String> {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from = names.range(with.to_owned()..);
        from.take_while(|name| name.starts_with(with)).map(|name| format!("{name} ")).collect()
    }

    /// Returns what may stand instead of the last word of this text, and where the word begins.
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

/// Returns the commands that begin with this text.
fn commands(with: &str) -> Vec<String> {
    let all = HELP.lines().filter_map(|line| line.split(' ').next());
    let mut commands: Vec<_> =
        all.filter(|word| word.starts_with(with)).map(|word| format!("{word} ")).collect();
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
            ("/r", 0, &["/r ", "/register-type ", "/restore "]),
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
    fn there_is_a_limit() {
        let names = Names::default();
        (0..NAMES + 10).for_each(|number| names.add(&format!("user{number}")));
        assert_eq!(names.complete("/to ").1.len(), NAMES);
    }
}
