//! The commands of `--json`: one object per line, with an optional `id` that the command's end repeats.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use skaro_proto::client::CommandError;
use skaro_proto::message::Page;

use super::people::{COMMANDS, PeopleRequest};

/// Maximum length of an id in bytes, if it is a text.
const ID: usize = 64;

/// An id of the program's choice: a text of at most 64 bytes, or an integer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Id {
    Text(String),
    Number(i64),
}

/// A command.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Send(Send),
    History(History),
    Contacts(Contacts),
    Read(Read),
    Taken(Taken),
    Typing(Typing),
    /// A request of the extension `people`.
    People(PeopleRequest),
}

/// Sends a message. Messages with the same key arrive only once.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Send {
    pub(crate) to: String,
    pub(crate) body: String,
    pub(crate) key: Option<String>,
}

/// Asks for messages: the last ones, or those before or after a position.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct History {
    pub(crate) login: String,
    count: Option<u64>,
    before: Option<u64>,
    after: Option<u64>,
}

impl History {
    pub(crate) fn page(&self) -> Page {
        Page { limit: self.count, before: self.before, after: self.after, ..Page::default() }
    }
}

/// Asks for the contacts.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contacts {}

/// Moves the read mark of a dialog.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Read {
    pub(crate) login: String,
    pub(crate) up_to: u64,
}

/// Moves the place in the file of `--state`, if `--taken` is given.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Taken {
    pub(crate) position: u64,
}

/// Reports that the user is typing.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Typing {
    pub(crate) login: String,
}

/// The reason why a command has not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// The line is not a JSON object, or not UTF-8.
    NotJson,
    UnknownCommand,
    /// A field is missing, unknown, or of another type.
    BadField,
    /// The line or a text in it is too long.
    TooLong,
    NotConnected,
    NotSignedIn,
    /// Too many requests are open: wait for answers.
    Busy,
    /// The key is that of another message.
    BadKey,
    /// The server does not support this.
    NoExtension,
    /// Others could read the password on its way.
    NotConfidential,
    /// The command is not possible in the current state.
    Invalid,
}

impl From<&CommandError> for Reason {
    fn from(error: &CommandError) -> Self {
        match error {
            CommandError::TooLong { .. } => Reason::TooLong,
            CommandError::NotConnected | CommandError::Closed => Reason::NotConnected,
            CommandError::NotSignedIn => Reason::NotSignedIn,
            CommandError::TooManyRequests { .. }
            | CommandError::OutputFull { .. }
            | CommandError::OfflineFull { .. }
            | CommandError::OutboxFull { .. } => Reason::Busy,
            CommandError::BadKey => Reason::BadKey,
            CommandError::NoExtension(_) => Reason::NoExtension,
            CommandError::NotConfidential => Reason::NotConfidential,
            _ => Reason::Invalid,
        }
    }
}

/// A line that is not a valid command, with its id if that can be read.
#[derive(Debug, PartialEq)]
pub(crate) struct Unusable {
    pub(crate) reason: Reason,
    pub(crate) info: String,
    pub(crate) id: Option<Id>,
}

/// Parses a line.
pub(crate) fn parse(line: &str) -> Result<(Command, Option<Id>), Unusable> {
    let unusable = |reason, info: String| Unusable { reason, info, id: None };
    let mut fields: Map<String, Value> = serde_json::from_str(line)
        .map_err(|error| unusable(Reason::NotJson, format!("the line is no JSON object: {error}")))?;
    let id = match fields.remove("id") {
        None => None,
        Some(Value::String(text)) if text.len() <= ID => Some(Id::Text(text)),
        Some(Value::Number(number)) if number.is_i64() => number.as_i64().map(Id::Number),
        Some(_) => {
            let info = format!("\"id\" must be an integer, or a text of at most {ID} bytes");
            return Err(unusable(Reason::BadField, info));
        }
    };
    let command = match fields.remove("command") {
        Some(Value::String(command)) => command,
        _ => {
            let info = "\"command\" must be a text".into();
            return Err(Unusable { reason: Reason::BadField, info, id });
        }
    };
    let parsed = match &*command {
        "send" => read(fields).map(Command::Send),
        "history" => read(fields).map(Command::History),
        "contacts" => read(fields).map(Command::Contacts),
        "read" => read(fields).map(Command::Read),
        "taken" => read(fields).map(Command::Taken),
        "typing" => read(fields).map(Command::Typing),
        name if COMMANDS.contains(&name) => {
            fields.insert("command".into(), name.into());
            read(fields).map(Command::People)
        }
        _ => {
            let info = format!("there is no command \"{command}\"");
            return Err(Unusable { reason: Reason::UnknownCommand, info, id });
        }
    };
    match parsed {
        Ok(command) => Ok((command, id)),
        Err(error) => Err(Unusable { reason: Reason::BadField, info: format!("{command}: {error}"), id }),
    }
}

fn read<T: DeserializeOwned>(fields: Map<String, Value>) -> serde_json::Result<T> {
    serde_json::from_value(Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn text(id: &str) -> Option<Id> {
        Some(Id::Text(id.into()))
    }

    #[test]
    fn commands_are_read() {
        let send = |key: Option<&str>| {
            Command::Send(Send { to: "bob".into(), body: "a\nb".into(), key: key.map(String::from) })
        };
        let history = History { login: "bob".into(), count: Some(5), before: Some(9), after: None };
        for (line, command, id) in [
            (r#"{"command":"send","to":"bob","body":"a\nb"}"#, send(None), None),
            (r#"{"id":"x","command":"send","to":"bob","body":"a\nb","key":"k"}"#, send(Some("k")), text("x")),
            (
                r#"{"command":"history","login":"bob","count":5,"before":9,"id":-1}"#,
                Command::History(history),
                Some(Id::Number(-1)),
            ),
            (r#" {"command":"contacts"} "#, Command::Contacts(Contacts {}), None),
            (
                r#"{"command":"read","login":"bob","up_to":3}"#,
                Command::Read(Read { login: "bob".into(), up_to: 3 }),
                None,
            ),
            (r#"{"command":"taken","position":3}"#, Command::Taken(Taken { position: 3 }), None),
            (
                r##"{"command":"add_contact","login":"#team","id":7}"##,
                Command::People(PeopleRequest::add("#team")),
                Some(Id::Number(7)),
            ),
            (
                r#"{"command":"update_my_data","profile":{"name":"Bob"}}"#,
                Command::People(PeopleRequest::set(None, "name", "Bob".into())),
                None,
            ),
        ] {
            assert_eq!(parse(line), Ok((command, id)), "{line}");
        }
    }

    #[test]
    fn what_is_no_command_has_a_reason() {
        let long = format!(r#"{{"command":"contacts","id":"{}"}}"#, "x".repeat(65));
        for (line, reason, id) in [
            ("{", Reason::NotJson, None),
            ("{} {}", Reason::NotJson, None),
            ("{}", Reason::BadField, None),
            (r#"{"command":1,"id":"x"}"#, Reason::BadField, text("x")),
            (r#"{"command":"dance","id":"x"}"#, Reason::UnknownCommand, text("x")),
            (r#"{"command":"send","to":"bob","id":"x"}"#, Reason::BadField, text("x")),
            (r#"{"command":"send","to":"bob","body":1}"#, Reason::BadField, None),
            (r#"{"command":"send","to":"bob","body":"","bdy":""}"#, Reason::BadField, None),
            (r#"{"command":"read","login":"bob","up_to":-1}"#, Reason::BadField, None),
            (r#"{"command":"contacts","id":1.5}"#, Reason::BadField, None),
            (r#"{"command":"contacts","id":["x"]}"#, Reason::BadField, None),
            (&long, Reason::BadField, None),
        ] {
            let unusable = parse(line).unwrap_err();
            assert_eq!((unusable.reason, unusable.id), (reason, id), "{line}");
            assert!(!unusable.info.is_empty());
        }
    }

    /// The fields of each command of the README's table: only these are accepted. Those with a question mark may be
    /// missing.
    #[test]
    fn the_readme_lists_exactly_the_commands_and_fields_that_are_taken() {
        let readme = include_str!("../../README.md");
        let table = readme.split("| command | fields | what |\n|---|---|---|\n").nth(1).unwrap();
        let rows = table.lines().take_while(|line| line.starts_with('|'));
        let mut documented = BTreeMap::new();
        for row in rows {
            let mut cells = row.split('|').skip(1).map(|cell| cell.trim().replace('`', ""));
            let (command, fields) = (cells.next().unwrap(), cells.next().unwrap());
            let fields: BTreeSet<_> =
                fields.split(", ").filter(|field| !field.is_empty()).map(String::from).collect();
            documented.insert(command, fields);
        }
        let texts = [
            "to",
            "body",
            "key",
            "login",
            "password",
            "old_password",
            "invitation",
            "member",
            "prefix",
            "session",
        ];
        let booleans = ["blocked", "owner", "end_sessions", "others"];
        let value = |field: &str| match field {
            field if texts.contains(&field) => "x".into(),
            field if booleans.contains(&field) => true.into(),
            "profile" => serde_json::json!({"name": "x"}),
            _ => Value::from(1),
        };
        let takes = |command: &str, fields: &BTreeSet<&str>| {
            let mut object: Map<_, _> =
                fields.iter().map(|field| ((*field).to_owned(), value(field))).collect();
            object.insert("command".into(), command.into());
            parse(&Value::Object(object).to_string()).is_ok()
        };
        let numbers = ["count", "before", "after", "up_to", "position", "limit", "profile"];
        let all = [&texts[..], &booleans, &numbers].concat();
        for (command, fields) in &documented {
            let needed: BTreeSet<_> =
                fields.iter().filter(|field| !field.ends_with('?')).map(|field| &**field).collect();
            let taken: BTreeSet<_> = fields.iter().map(|field| field.trim_end_matches('?')).collect();
            assert!(takes(command, &needed) && takes(command, &taken), "{command}");
            for field in &all {
                let mut fields = taken.clone();
                let is_known = !fields.insert(field);
                assert_eq!(takes(command, &fields), is_known, "{command} {field}");
                fields.remove(field);
                assert_eq!(takes(command, &fields), !needed.contains(field), "{command} without {field}");
            }
        }
        let mut names = [&["contacts", "history", "read", "send", "taken", "typing"][..], &COMMANDS].concat();
        names.sort_unstable();
        assert_eq!(documented.keys().map(String::as_str).collect::<Vec<_>>(), names);
    }
}
