//! Arguments of a line's command.

/// A command, and the text behind it.
#[derive(Clone, Copy)]
pub(crate) struct Arguments<'c, 'a> {
    pub(crate) command: &'c str,
    pub(crate) rest: &'a str,
}

impl<'a> Arguments<'_, 'a> {
    fn needs(self, what: &str) -> String {
        format!("{} needs {what}", self.command)
    }

    /// Returns the only word.
    pub(crate) fn word(self, what: &str) -> Result<&'a str, String> {
        match self.rest.trim() {
            "" => Err(self.needs(what)),
            word if word.contains(char::is_whitespace) => {
                Err(format!("{} and nothing else", self.needs(what)))
            }
            word => Ok(word),
        }
    }

    /// Returns the first word, and the text behind it with all of its spaces.
    pub(crate) fn word_and_text(self, what: &str) -> Result<(&'a str, &'a str), String> {
        match first_word(self.rest) {
            (first, text) if !text.trim().is_empty() => Ok((first, text)),
            _ => Err(self.needs(what)),
        }
    }

    /// Returns the line of a command that takes no arguments.
    pub(crate) fn none<T>(self, line: T) -> Result<T, String> {
        match self.rest.trim() {
            "" => Ok(line),
            _ => Err(format!("{} takes no arguments", self.command)),
        }
    }
}

/// Splits off the first word and the white space after it.
pub(crate) fn first_word(text: &str) -> (&str, &str) {
    text.split_once(char::is_whitespace).unwrap_or((text, ""))
}
