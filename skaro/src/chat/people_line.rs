//! Lines for contacts, conferences and profiles. The commands have the names of IRC if it has an equivalent.

use super::line_arguments::Arguments;
use super::people::{PeopleRequest, is_conference};

/// A parsed line of this kind.
#[derive(Debug, PartialEq)]
pub(crate) enum PeopleLine<'a> {
    Request(PeopleRequest),
    /// A line about the open conference.
    Here(Here<'a>),
    /// Asks for the old password and a new one.
    Password,
}

/// An action in the open conference.
#[derive(Debug, PartialEq)]
pub(crate) enum Here<'a> {
    Invite(&'a str),
    Kick(&'a str),
    Owner(&'a str),
    /// Without a text the topic is removed.
    Topic(Option<&'a str>),
    Leave,
}

/// The list of these commands, at most 40 columns wide. Completion reads it, too.
pub(crate) const HELP: &str = "\
/add LOGIN       asks for a contact, or
                 accepts who asks
/block LOGIN     takes no more messages
/remove LOGIN    makes it no contact
/who LOGIN       tells about somebody
/search PREFIX   finds who is public
/join #NAME      joins a conference, or
                 founds it
/leave [#NAME]   leaves it, as /part
/invite LOGIN    into the one that is
                 open
/kick LOGIN      removes a member
/owner LOGIN     makes an owner
/topic TEXT      sets its topic; - none
/name TEXT       sets your name; - none
/status TEXT     sets yours; - none
/public on|off [#NAME]
                 lets others find you,
                 or the conference
/tells-read on|off
                 shows others what you
                 have read, and you
                 what they have
/password        changes your password
/sessions        lists your sessions
/signout         ends this one
/signout others  ends all others
/signout SESSION ends that one
/invitation      lets somebody register";

/// Returns whether a command's first argument is a login that can be completed.
pub(crate) fn takes_login(command: &str) -> bool {
    matches!(
        command,
        "/add"
            | "/block"
            | "/remove"
            | "/who"
            | "/join"
            | "/leave"
            | "/part"
            | "/invite"
            | "/kick"
            | "/owner"
    )
}

/// Parses a line of this kind. `None` if it is of another kind. The error is a text for the user.
pub(crate) fn parse<'a>(arguments: Arguments<'_, 'a>) -> Option<Result<PeopleLine<'a>, String>> {
    let (command, rest) = (arguments.command, arguments.rest.trim());
    let text = || match rest {
        "" => Err(format!("{command} needs a TEXT; {command} - removes it")),
        text => Ok(Some(text).filter(|text| *text != "-")),
    };
    let login = || arguments.word("a LOGIN");
    let asks = PeopleLine::Request;
    let field = |field| text().map(|text| asks(PeopleRequest::set(None, field, text.into())));
    let parsed = match command {
        "/add" => login().map(|login| asks(PeopleRequest::add(login))),
        "/block" => login().map(|login| {
            asks(PeopleRequest::AddContact { login: login.into(), blocked: true, member: None, owner: false })
        }),
        "/remove" => login().map(|login| asks(leave(login.into()))),
        "/who" => login().map(|login| asks(PeopleRequest::GetUserData { login: login.into() })),
        "/search" => arguments
            .word("a PREFIX")
            .map(|prefix| asks(PeopleRequest::SearchContacts { prefix: prefix.into(), limit: None })),
        "/join" => arguments.word("a #NAME").map(|name| asks(PeopleRequest::add(&conference(name)))),
        "/leave" | "/part" if rest.is_empty() => Ok(PeopleLine::Here(Here::Leave)),
        "/leave" | "/part" => arguments.word("a #NAME").map(|name| asks(leave(conference(name)))),
        "/invite" => login().map(|login| PeopleLine::Here(Here::Invite(login))),
        "/kick" => login().map(|login| PeopleLine::Here(Here::Kick(login))),
        "/owner" => login().map(|login| PeopleLine::Here(Here::Owner(login))),
        "/topic" => text().map(|text| PeopleLine::Here(Here::Topic(text))),
        "/name" => field("name"),
        "/status" => field("status_text"),
        "/public" => public(rest),
        "/tells-read" => match switch(rest) {
            Some(value) => Ok(asks(PeopleRequest::set(None, "tells_read", value.into()))),
            None => Err(format!("{command} needs on or off")),
        },
        "/password" => arguments.none(PeopleLine::Password),
        "/sessions" => arguments.none(asks(PeopleRequest::GetSessions {})),
        "/signout" => match rest {
            "" => Ok(asks(PeopleRequest::SignOut { session: None, others: false })),
            "others" => Ok(asks(PeopleRequest::SignOut { session: None, others: true })),
            _ => arguments
                .word("a SESSION")
                .map(|session| asks(PeopleRequest::SignOut { session: Some(session.into()), others: false })),
        },
        "/invitation" => arguments.none(asks(PeopleRequest::Invite {})),
        _ => return None,
    };
    Some(parsed)
}

fn public(rest: &str) -> Result<PeopleLine<'static>, String> {
    let mut words = rest.split_whitespace();
    let (value, login) = (words.next().and_then(switch), words.next().map(conference));
    match (value, words.next()) {
        (Some(value), None) => {
            Ok(PeopleLine::Request(PeopleRequest::set(login.as_deref(), "public", value.into())))
        }
        _ => Err("/public needs on or off, and perhaps a #NAME".into()),
    }
}

fn switch(word: &str) -> Option<bool> {
    match word {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

const fn leave(login: String) -> PeopleRequest {
    PeopleRequest::DelContact { login, member: None }
}

/// Returns the login of a conference. Its sign `#` may be omitted.
fn conference(name: &str) -> String {
    if is_conference(name) { name.into() } else { format!("#{name}") }
}

#[cfg(test)]
mod tests {
    use super::super::line_arguments::first_word;
    use super::*;

    fn parse_line(line: &str) -> Option<Result<PeopleLine<'_>, String>> {
        let (command, rest) = first_word(line);
        parse(Arguments { command, rest })
    }

    #[test]
    fn lines_become_requests() {
        let add = |login: &str| PeopleLine::Request(PeopleRequest::add(login));
        let set = |login, field, value: serde_json::Value| {
            PeopleLine::Request(PeopleRequest::set(login, field, value))
        };
        for (line, parsed) in [
            ("/add bob ", add("bob")),
            ("/join #team", add("#team")),
            ("/join team", add("#team")),
            ("/leave team", PeopleLine::Request(leave("#team".into()))),
            ("/part", PeopleLine::Here(Here::Leave)),
            ("/remove bob", PeopleLine::Request(leave("bob".into()))),
            ("/invite bob", PeopleLine::Here(Here::Invite("bob"))),
            ("/topic lunch at  noon ", PeopleLine::Here(Here::Topic(Some("lunch at  noon")))),
            ("/topic -", PeopleLine::Here(Here::Topic(None))),
            ("/name Bob Miller", set(None, "name", "Bob Miller".into())),
            ("/status -", set(None, "status_text", serde_json::Value::Null)),
            ("/public on", set(None, "public", true.into())),
            ("/public off team", set(Some("#team"), "public", false.into())),
            ("/tells-read on", set(None, "tells_read", true.into())),
            ("/password", PeopleLine::Password),
            ("/signout others", PeopleLine::Request(PeopleRequest::SignOut { session: None, others: true })),
            (
                "/signout s-1",
                PeopleLine::Request(PeopleRequest::SignOut { session: Some("s-1".into()), others: false }),
            ),
        ] {
            assert_eq!(parse_line(line), Some(Ok(parsed)), "{line}");
        }
        for line in [
            "/add",
            "/add a b",
            "/topic",
            "/public",
            "/public maybe",
            "/public on #a b",
            "/password x",
            "/who",
        ] {
            assert!(parse_line(line).is_some_and(|parsed| parsed.is_err()), "{line}");
        }
    }

    #[test]
    fn the_help_is_forty_columns_wide() {
        assert!(HELP.lines().all(|line| line.len() <= 40));
    }
}
