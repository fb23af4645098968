//! Input from the user, and parsing of lines.

/// An input from the user.
pub(crate) enum Input {
    Line(String),
    /// An unreadable line, with the reason.
    Bad(String),
    /// The input can't be read any more, with the reason.
    Failed(String),
    /// The end of the input.
    End,
    /// Ctrl-C, or a signal to end.
    Interrupt,
}

/// A parsed line.
pub(crate) enum Line<'a> {
    Empty,
    /// A message for the user named by `/to`.
    Plain(&'a str),
    Contacts,
    History {
        login: &'a str,
    },
    Message {
        to: &'a str,
        body: &'a str,
    },
    To {
        login: &'a str,
    },
    RegisterType,
    Authorize {
        login: &'a str,
        password: &'a str,
    },
    Restore {
        sid: &'a str,
    },
    Help,
    Quit,
}

/// The list of commands, at most 40 columns wide.
pub(crate) const HELP: &str = "\
/contacts        lists your contacts
/history LOGIN   shows the history
/msg LOGIN TEXT  sends a message
/to LOGIN        sets who gets your lines
/register-type   asks how to register
/authorize LOGIN PASSWORD  signs in
/restore SID     restores a session
/help            shows this text
/quit            leaves at once";

impl<'a> Line<'a> {
    /// Parses a line; the error is a text for the user.
    pub(crate) fn parse(line: &'a str) -> Result<Line<'a>, String> {
        if line.trim().is_empty() {
            return Ok(Line::Empty);
        }
        if !line.starts_with('/') {
            // Most likely a slip, which would give the secret to the recipient.
            return match Line::has_secret(line) {
                true => Err("remove the spaces before this command".into()),
                false => Ok(Line::Plain(line)),
            };
        }
        let (command, rest) = first_word(line);
        let rest = rest.trim_start();
        let needs = |what: &str| format!("{command} needs {what}");
        // Only the last argument may contain spaces, and all of them are kept.
        let two = |what: &str| match first_word(rest) {
            (first, second) if !second.trim().is_empty() => Ok((first, second)),
            _ => Err(needs(what)),
        };
        let one = |what: &str| match rest.trim() {
            "" => Err(needs(what)),
            word if word.contains(char::is_whitespace) => Err(format!("{} and nothing else", needs(what))),
            word => Ok(word),
        };
        let none = |line| {
            if rest.trim().is_empty() { Ok(line) } else { Err(format!("{command} takes no arguments")) }
        };
        match command {
            "/contacts" => none(Line::Contacts),
            "/history" => one("a LOGIN").map(|login| Line::History { login }),
            "/msg" => two("a LOGIN and a TEXT").map(|(to, body)| Line::Message { to, body }),
            "/to" => one("a LOGIN").map(|login| Line::To { login }),
            "/register-type" => none(Line::RegisterType),
            "/authorize" => {
                two("a LOGIN and a PASSWORD").map(|(login, password)| Line::Authorize { login, password })
            }
            "/restore" => one("a session's id").map(|sid| Line::Restore { sid }),
            "/help" => none(Line::Help),
            "/quit" => none(Line::Quit),
            _ => Err(format!("unknown command {command}; /help lists all commands")),
        }
    }

    /// Returns whether a line is for a secret and must not be remembered.
    pub(crate) fn has_secret(line: &str) -> bool {
        matches!(first_word(line.trim_start()).0, "/authorize" | "/restore")
    }

    /// Splits a line before its secret, if it contains one.
    pub(crate) fn split_secret(line: &str) -> Option<(&str, &str)> {
        let (command, rest) = first_word(line.trim_start());
        let rest = rest.trim_start();
        let secret = match command {
            "/authorize" => first_word(rest).1,
            "/restore" => rest,
            _ => "",
        };
        if secret.is_empty() { None } else { line.split_at_checked(line.len() - secret.len()) }
    }
}

/// Splits off the first word and the white space after it.
fn first_word(text: &str) -> (&str, &str) {
    text.split_once(char::is_whitespace).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_end_a_line() {
        for (line, split) in [
            ("/authorize alice secret words", Some(("/authorize alice ", "secret words"))),
            (" /authorize  alice ü", Some((" /authorize  alice ", "ü"))),
            ("/restore sid", Some(("/restore ", "sid"))),
            ("/authorize", None),
            ("/authorize alice ", None),
            ("/msg alice secret", None),
            ("/authorized alice secret", None),
        ] {
            assert_eq!(Line::split_secret(line), split, "{line}");
            assert!(split.is_none() || Line::has_secret(line), "{line}");
        }
    }

    /// A slip must not tell the recipient of plain lines a password.
    #[test]
    fn a_secret_is_no_plain_line() {
        assert!(Line::parse(" /authorize alice secret").is_err());
        assert!(matches!(Line::parse(" /help is no command here"), Ok(Line::Plain(_))));
    }
}
