//! Input from the user, and parsing of lines.

use skaro_proto::Secret;

use super::line_arguments::{Arguments, first_word};
use super::people_line::{self, PeopleLine};

/// An input from the user.
pub(crate) enum Input {
    Line(String),
    /// The answer to the question for a password.
    Password(Secret),
    /// A line over this limit, in bytes.
    TooLong(u64),
    NotUtf8,
    /// The input can't be read any more, with the reason.
    Failed(String),
    /// The end of the input.
    End,
    /// A request to show the dialog with this user.
    Open(String),
    /// A request for older messages of the dialog that is shown.
    Older,
    /// The user is typing a line for the recipient in the prompt.
    Typing,
    /// Ctrl-C, or a signal to end.
    Interrupt,
}

/// A request for a line, with a prompt for a terminal.
pub(crate) struct Prompt {
    pub(crate) plain: String,
    pub(crate) coloured: String,
    /// Set if the line is a password.
    pub(crate) is_secret: bool,
}

/// A parsed line.
#[derive(Debug, PartialEq)]
pub(crate) enum Line<'a> {
    Empty,
    /// A message for the recipient in the prompt.
    Plain(&'a str),
    Contacts,
    /// The history with a user. Without a login, with the recipient in the prompt.
    History {
        login: Option<&'a str>,
        count: Option<u64>,
    },
    /// The page before the one that was shown last.
    Older,
    /// A message for the last user who has written. Without a text, that user is only chosen as the recipient.
    Reply {
        body: Option<&'a str>,
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
    /// A line about contacts, conferences or profiles.
    People(PeopleLine<'a>),
    Help,
    /// The list of the commands for people.
    HelpPeople,
    Quit,
}

/// The list of commands, at most 40 columns wide. Completion reads it, too.
pub(crate) const HELP: &str = "\
TEXT             goes to the one in the
                 prompt; // starts text
                 with a slash
/msg LOGIN TEXT  sends a message
/to LOGIN        chooses who gets lines
/r TEXT          answers the last writer
/r               chooses that one
/contacts        lists your contacts
/history [LOGIN [COUNT]]  shows messages
/older           shows the ones before
/register-type   asks how to register
/authorize LOGIN PASSWORD  signs in
/restore SID     restores a session
/help            shows this text
/help people     contacts, conferences,
                 your profile
/quit            leaves at once";

/// The list of the full-screen view's keys, at most 40 columns wide.
pub(crate) const KEYS: &str = "\
Ctrl-N, Ctrl-P   next, previous contact
Tab              next unread; completes
PageUp, PageDown older, newer messages
Alt-Enter        goes on in a new line
Ctrl-C           clears the line; leaves";

/// Returns whether a command's first argument is a login that can be completed.
pub(crate) fn takes_login(command: &str) -> bool {
    matches!(command, "/history" | "/msg" | "/to") || people_line::takes_login(command)
}

impl<'a> Line<'a> {
    /// Parses a line. The error is a text for the user.
    pub(crate) fn parse(line: &'a str) -> Result<Line<'a>, String> {
        if line.trim().is_empty() {
            return Ok(Line::Empty);
        }
        if !line.starts_with('/') {
            // This is most likely a slip, which would reveal the secret to the recipient.
            return match Line::has_secret(line) {
                true => Err("remove the spaces before this command".into()),
                false => Ok(Line::Plain(line)),
            };
        }
        if line.starts_with("//") {
            return Ok(Line::Plain(line.get(1..).unwrap_or_default()));
        }
        let (command, rest) = first_word(line);
        let rest = rest.trim_start();
        let arguments = Arguments { command, rest };
        match command {
            "/contacts" => arguments.none(Line::Contacts),
            "/history" => history(rest),
            "/older" => arguments.none(Line::Older),
            "/r" => Ok(Line::Reply { body: Some(rest).filter(|body| !body.trim().is_empty()) }),
            "/msg" => {
                arguments.word_and_text("a LOGIN and a TEXT").map(|(to, body)| Line::Message { to, body })
            }
            "/to" => arguments.word("a LOGIN").map(|login| Line::To { login }),
            "/register-type" => arguments.none(Line::RegisterType),
            "/authorize" => arguments
                .word_and_text("a LOGIN and a PASSWORD")
                .map(|(login, password)| Line::Authorize { login, password }),
            "/restore" => arguments.word("a session's id").map(|sid| Line::Restore { sid }),
            "/help" if rest.trim() == "people" => Ok(Line::HelpPeople),
            "/help" => arguments.none(Line::Help),
            "/quit" => arguments.none(Line::Quit),
            _ => match people_line::parse(arguments) {
                Some(parsed) => parsed.map(Line::People),
                None => Err(format!("unknown command {command}; /help and /help people list all commands")),
            },
        }
    }

    /// Returns whether a line is for a secret and must not be remembered.
    pub(crate) fn has_secret(line: &str) -> bool {
        matches!(first_word(line.trim_start()).0, "/authorize" | "/restore")
    }

    /// Returns whether a line, as far as it is typed, is a message for the recipient in the prompt.
    pub(crate) fn is_talk(line: &str) -> bool {
        let is_command = line.trim_start().starts_with('/') && !line.starts_with("//");
        !line.trim().is_empty() && !is_command
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

/// Parses the arguments of `/history`.
fn history(rest: &str) -> Result<Line<'_>, String> {
    let mut words = rest.split_whitespace();
    let (login, count) = (words.next(), words.next());
    let wrong = || "/history takes a LOGIN and a COUNT from 1, and nothing else".to_owned();
    let count =
        count.map(|count| count.parse().ok().filter(|count| *count > 0).ok_or_else(wrong)).transpose()?;
    if words.next().is_some() { Err(wrong()) } else { Ok(Line::History { login, count }) }
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

    /// A slip must not reveal a password to the recipient of plain lines.
    #[test]
    fn a_secret_is_no_plain_line() {
        assert!(Line::parse(" /authorize alice secret").is_err());
        assert!(matches!(Line::parse(" /help is no command here"), Ok(Line::Plain(_))));
    }

    #[test]
    fn a_text_may_begin_with_a_slash() {
        for (line, text) in [("//shrug", "/shrug"), ("///", "//"), ("//authorize a b", "/authorize a b")] {
            assert_eq!(Line::parse(line), Ok(Line::Plain(text)));
            assert!(!Line::has_secret(line));
        }
    }

    #[test]
    fn histories_have_a_login_and_a_count() {
        let history = |login, count| Ok(Line::History { login, count });
        assert_eq!(Line::parse("/history"), history(None, None));
        assert_eq!(Line::parse("/history bob"), history(Some("bob"), None));
        assert_eq!(Line::parse("/history bob  20 "), history(Some("bob"), Some(20)));
        for line in ["/history bob 0", "/history bob x", "/history bob 1 2", "/history bob -1"] {
            assert!(Line::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn answers_keep_their_spaces() {
        assert_eq!(Line::parse("/r a  b "), Ok(Line::Reply { body: Some("a  b ") }));
        assert_eq!(Line::parse("/r "), Ok(Line::Reply { body: None }));
    }

    #[test]
    fn the_help_is_forty_columns_wide() {
        assert!(HELP.lines().chain(KEYS.lines()).all(|line| line.len() <= 40));
    }
}
