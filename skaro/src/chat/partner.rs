//! The recipient of lines that don't name one.

/// The user to whom lines go, and those who have written.
#[derive(Default)]
pub(crate) struct Partners {
    /// The recipient that the user has chosen, or has written to last. The prompt shows it.
    chosen: Option<String>,
    last_writer: Option<String>,
    have_several_written: bool,
}

impl Partners {
    pub(crate) fn choose(&mut self, login: &str) {
        self.chosen = Some(login.into());
    }

    pub(crate) fn choose_nobody(&mut self) {
        self.chosen = None;
    }

    pub(crate) fn chosen(&self) -> Option<&str> {
        self.chosen.as_deref()
    }

    /// Records that somebody has written.
    pub(crate) fn handle_message(&mut self, from: &str) {
        let is_other = self.last_writer.as_ref().is_some_and(|login| login != from);
        self.have_several_written |= is_other;
        self.last_writer = Some(from.into());
    }

    pub(crate) fn last_writer(&self) -> Option<&str> {
        self.last_writer.as_deref()
    }

    /// Returns the recipient of a line without a name.
    ///
    /// The prompt does not change while a line is typed, so a message that arrives must not change it either. Only if
    /// the prompt names nobody and exactly one user has written, the line goes to that user.
    pub(crate) fn recipient(&self) -> Result<&str, &'static str> {
        match (&self.chosen, &self.last_writer) {
            (Some(login), _) => Ok(login),
            (None, Some(login)) if !self.have_several_written => Ok(login),
            (None, Some(_)) => Err(
                "no recipient, and several have written: choose one with /to LOGIN, or the last with /r TEXT",
            ),
            (None, None) => Err("no recipient: choose one with /to LOGIN; /help lists all commands"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_to_the_one_in_the_prompt() {
        let mut partners = Partners::default();
        assert!(partners.recipient().is_err());
        partners.handle_message("bob");
        partners.handle_message("bob");
        assert_eq!((partners.recipient(), partners.chosen()), (Ok("bob"), None));
        partners.handle_message("carol");
        assert!(partners.recipient().unwrap_err().contains("several"));
        assert_eq!(partners.last_writer(), Some("carol"));
        partners.choose("bob");
        partners.handle_message("carol");
        assert_eq!((partners.recipient(), partners.chosen()), (Ok("bob"), Some("bob")));
    }
}
