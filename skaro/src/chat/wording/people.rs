//! Contacts, profiles, conferences and sessions as text for people.

use skaro_proto::Value;
use skaro_proto::message::{ContactState, Contacts, Date, User};

use super::super::complete::shown_name;
use super::super::people::is_conference;
use super::super::report::Session;
use super::{BEGINNING, beginning, last, time};
use crate::text::{Shown, name, quoted};

/// Maximum number of members of a conference that are listed.
const MEMBERS: usize = 200;

fn profile_flag(user: &User<'_>, field: &str) -> bool {
    user.profile().is_some_and(|profile| matches!(profile.get(field), Some(Value::Bool(true))))
}

/// Returns a user's login, followed by the chosen name.
fn named(user: &User<'_>) -> Shown {
    let shown = Shown::new().name(&user.login);
    match user.name().as_deref().and_then(shown_name) {
        Some(chosen) => shown.dim(&format!(" {chosen}")),
        None => shown,
    }
}

/// Returns the state of a contact in words, or nothing for an ordinary contact.
fn state(user: &User<'_>) -> Option<&'static str> {
    match user.state()? {
        ContactState::Asks if is_conference(&user.login) => Some("invites you"),
        ContactState::Asks => Some("asks to be a contact"),
        ContactState::Blocked => Some("blocked"),
        _ => None,
    }
}

/// Returns a contact's line: login, name, presence, the number of unread messages, the beginning of the last message.
pub(super) fn contact(user: &User<'_>) -> Shown {
    let online = (user.online() == Some(true)).then(|| "online".to_owned());
    let unread = user.unread().filter(|count| *count > 0).map(|count| format!("{count} unread"));
    let about: Vec<_> = state(user).map(String::from).into_iter().chain(online).chain(unread).collect();
    let mut shown = named(user);
    if !about.is_empty() {
        shown = shown.plain(&format!(" ({})", about.join(", ")));
    }
    match last(user) {
        Some((from, body)) => shown.dim(&format!(" {}: {}", name(&from), beginning(&body))),
        None => shown,
    }
}

/// Returns how the user can answer a contact request or an invitation.
pub(crate) fn asks(login: &str) -> Shown {
    let (shown, named) = (Shown::new().name(login), name(login));
    shown.plain(&match is_conference(login) {
        true => format!(" invites you: /join {named} accepts, /leave {named} refuses"),
        false => format!(" asks to be your contact: /add {named} accepts, /block {named} refuses"),
    })
}

/// Returns what a changed state of a contact means, if that is news. The user's own actions are reported with their
/// answers.
pub(super) fn contact_changed(login: &str, state: &str) -> Shown {
    match state {
        "asks" => asks(login),
        "none" if is_conference(login) => {
            Shown::new().dim("you are no member of ").name(login).dim(" any more")
        }
        _ => Shown::new(),
    }
}

/// Returns what has changed in a conference, or nothing for a person's profile or presence.
pub(super) fn changed(user: &User<'_>, member: Option<&str>, state: Option<&str>, is_entry: bool) -> Shown {
    if !is_entry || !is_conference(&user.login) {
        return Shown::new();
    }
    let shown = Shown::new().name(&user.login).dim(": ");
    match (member, user.status_text()) {
        (Some(member), _) => {
            let news = match state {
                Some("listed") => " has joined",
                Some("owner") => " is an owner now",
                Some("none") => " has left",
                _ => " has another state",
            };
            shown.name(member).dim(news)
        }
        (None, Some(topic)) => shown.dim(&format!("the topic is {}", quoted(&topic))),
        (None, None) => shown.dim("there is no topic"),
    }
}

pub(super) fn invitation(code: &str, until: i64) -> Shown {
    let until = time(Some(&Date::Integer(until)));
    Shown::from("invitation ")
        .plain(code)
        .plain(&format!(", good for one account until {until}: "))
        .dim("skaro chat --register --invitation registers with it")
}

pub(super) fn found(users: &Contacts<'_>, more: bool) -> Shown {
    if users.is_empty() {
        return Shown::from("nobody was found who is public");
    }
    let more = if more { ", and more" } else { "" };
    let heading = Shown::new().dim(&format!("{} found{more}", users.len()));
    users.iter().fold(heading, |shown, user| {
        let shown = shown.line().append(named(user));
        match user.status_text() {
            Some(status) => shown.dim(&format!(" {}", quoted(&beginning(&status)))),
            None => shown,
        }
    })
}

/// Returns what the server says about a user or a conference.
pub(super) fn user_data(user: &User<'_>) -> Shown {
    let is_conference = is_conference(&user.login);
    let relation = match user.state() {
        _ if is_conference && user.members().is_some() && user.state() == Some(ContactState::Listed) => {
            Some("you are a member")
        }
        Some(ContactState::Listed) => Some("contact"),
        Some(ContactState::None) => Some(if is_conference { "you are no member" } else { "no contact" }),
        _ => state(user),
    };
    let presence = user.online().filter(|_| !is_conference);
    let presence = presence.map(|online| if online { "online" } else { "offline" });
    let public = profile_flag(user, "public").then_some("public");
    let about: Vec<_> = relation.into_iter().chain(presence).chain(public).collect();
    let mut shown = named(user);
    if !about.is_empty() {
        shown = shown.plain(&format!(" ({})", about.join(", ")));
    }
    if let Some(status) = user.status_text() {
        let what = if is_conference { "topic" } else { "status" };
        shown = shown.line().dim(&format!("{what}: ")).plain(&quoted(&status));
    }
    let Some(members) = user.members() else { return shown };
    let count = members.len();
    let at_least = if user.has_more_members() { "more than " } else { "" };
    shown = shown.line().dim(&format!("members, {at_least}{count}: "));
    for (number, member) in members.iter().take(MEMBERS).enumerate() {
        let comma = if number > 0 { ", " } else { "" };
        let owner = if member.owner { " (owner)" } else { "" };
        shown = shown.plain(comma).name(&member.login).dim(owner);
    }
    if count > MEMBERS { shown.plain(", …") } else { shown }
}

pub(super) fn sessions(sessions: &[Session<'_>]) -> Shown {
    let heading = Shown::new().dim(&format!("{} signed in; /signout SESSION ends one", sessions.len()));
    sessions.iter().fold(heading, |shown, session| {
        let what = match session.until {
            _ if session.current => "this one".into(),
            None => "connected".into(),
            Some(until) => {
                format!("not connected, may come back until {}", time(Some(&Date::Integer(until))))
            }
        };
        shown.line().plain(session.session).dim(&format!(" {what}"))
    })
}

/// Returns the topic of a conference or a user's status text, shortened for storage.
pub(crate) fn about(user: &User<'_>) -> Option<String> {
    user.status_text().map(|text| text.chars().take(2 * BEGINNING).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(json: &str) -> User<'static> {
        let frame =
            format!(r#"{{"type":"request","for":"get_user_data","id":1,"status":"200","user":{json}}}"#);
        let decoded = skaro_proto::message::ServerMessage::decode(skaro_proto::Frame::Text(&frame));
        match decoded.unwrap().into_owned() {
            skaro_proto::message::ServerMessage::Answer(answer) => match answer.outcome.unwrap() {
                skaro_proto::message::Answer::User(user) => user,
                answer => panic!("{answer:?}"),
            },
            message => panic!("{message:?}"),
        }
    }

    #[test]
    fn who_somebody_is_can_not_be_faked() {
        let bob = user(
            r#"{"login":"bob","online":true,"state":"listed",
                "profile":{"name":"carol\" (owner)\n","status_text":"\u001b[2J"}}"#,
        );
        assert_eq!(
            user_data(&bob).render(false),
            "bob \"carol\\\" (owner)\" (contact, online)\nstatus: \"\\u{1b}[2J\""
        );
        assert_eq!(contact(&bob).render(false), "bob \"carol\\\" (owner)\" (online)");
    }

    #[test]
    fn a_conference_has_a_topic_and_members() {
        let team = user(
            r##"{"login":"#team","state":"listed","profile":{"public":true,"status_text":"lunch"},
                "members":[{"login":"alice","owner":true},{"login":"bob"}],"more":true}"##,
        );
        assert_eq!(
            user_data(&team).render(false),
            "#team (you are a member, public)\ntopic: \"lunch\"\nmembers, more than 2: alice (owner), bob"
        );
        let news = |member, state| changed(&team, member, state, true).render(false);
        assert_eq!(news(Some("bob"), Some("listed")), "#team: bob has joined");
        assert_eq!(news(None, None), "#team: the topic is \"lunch\"");
        assert_eq!(changed(&team, None, None, false), Shown::new());
    }

    #[test]
    fn who_asks_can_be_answered() {
        assert_eq!(
            contact_changed("bob", "asks").render(false),
            "bob asks to be your contact: /add bob accepts, /block bob refuses"
        );
        assert_eq!(
            contact_changed("#team", "asks").render(false),
            "#team invites you: /join #team accepts, /leave #team refuses"
        );
        assert_eq!(contact_changed("bob", "listed"), Shown::new());
    }
}
