//! The chat's output as text for people, with names in colour and local times.

mod people;

use jiff::{Timestamp, Zoned};
use skaro_proto::client::Delivery;
use skaro_proto::message::{Contacts, Date, Message, Registration, User};

use super::complete::Names;
use super::people::is_conference;
use super::report::Report;
pub(crate) use people::{about, asks};

use people::contact;

use crate::text::{Shown, name, quoted};

/// Characters of the last message in a contact's line.
const BEGINNING: usize = 40;

/// Returns a report as one or several lines, or nothing if it is no news for people.
///
/// With `echoes` sent messages are repeated as well.
pub(crate) fn report(report: &Report<'_>, echoes: bool, names: &Names) -> Shown {
    let shown = Shown::new();
    match report {
        Report::Connected => shown.dim("connected"),
        Report::RegisterType { register_type } => registration(register_type),
        Report::Authorized { user, .. } => shown.plain("signed in as ").name(&user.login),
        Report::Restored { user, .. } => shown.plain("signed in again as ").name(&user.login),
        Report::Contacts { contacts, .. } => list_contacts(contacts),
        Report::History { login, history, more, .. } => {
            list_history(login, history, *more == Some(true), names)
        }
        Report::MessageSent { to, date, from, body, .. } if echoes => said(*date, to, from, body, names),
        Report::MessageSent { to, marker, date, .. } => {
            shown.dim(&format!("{} sent to {}, #{marker}", time(*date), name(to)))
        }
        Report::Message { dialog, message } => told(dialog, message, names),
        Report::Read { login, .. } => shown.dim(&format!("read: what {} wrote", name(login))),
        Report::Marked { login, .. } => shown.dim(&format!("marked as read: what {} wrote", name(login))),
        Report::Rejected { info, .. } => shown.red(info),
        Report::CaughtUp { messages, .. } => {
            let plural = if *messages == 1 { "" } else { "s" };
            shown.dim(&format!("{messages} message{plural} came while you were away"))
        }
        Report::LogChanged { .. } => {
            shown.red("the server has lost messages that you may have missed; what it still has follows")
        }
        Report::Postponed { request, marker, info } => {
            shown.dim(&format!("{request}{} is sent again later: {info}", number(*marker)))
        }
        Report::Info { info, request: None, .. } => shown.plain("the server says: ").plain(info),
        Report::Info { info, request: Some(request), marker, .. } => {
            let why = if info.is_empty() { "no reason given" } else { info };
            shown.red(&format!("{request}{} was refused: {why}", number(*marker)))
        }
        Report::Error { info } => shown.red(&format!("the server reports an error: {info}")),
        Report::Unknown { kind, .. } => {
            shown.dim(&format!("the server sent a message of unknown type: {kind}"))
        }
        Report::ProtocolError { reason } => {
            shown.red(&format!("the server sent an invalid message: {reason}"))
        }
        Report::Disconnected { reason } => shown.red(&format!("disconnected: {reason}")),
        Report::Reconnecting { after_ms, reason } => {
            let seconds = std::time::Duration::from_millis(*after_ms).as_secs_f32();
            let failed = reason.as_ref().map(|reason| format!("no connection: {reason}; "));
            shown.dim(&format!("{}connecting again in {seconds:.1} s", failed.unwrap_or_default()))
        }
        Report::TimedOut { request, marker, .. } => {
            shown.red(&format!("{request}{}: no answer came in time", number(*marker)))
        }
        Report::Lost { request, marker, delivery, .. } => {
            let known = match delivery {
                Delivery::NotSent => "was not sent",
                Delivery::Unknown => "may or may not have arrived",
            };
            shown.red(&format!("{request}{} {known}: the connection broke", number(*marker)))
        }
        Report::Done { said: "", .. } | Report::Typing { .. } => shown,
        Report::Done { said, .. } => shown.dim(said),
        Report::Invitation { invitation, until, .. } => people::invitation(invitation, *until),
        Report::Found { data, more, .. } => people::found(data, *more),
        Report::UserData { user, .. } => people::user_data(user),
        Report::Sessions { sessions, .. } => people::sessions(sessions),
        Report::Contact { login, state, .. } => people::contact_changed(login, state),
        Report::ChangedUserData { user, member, state, position } => {
            people::changed(user, *member, *state, position.is_some())
        }
        Report::ReadBy { login, .. } => shown.name(login).dim(" has read what you wrote"),
    }
}

fn told(dialog: &str, message: &Message<'_>, names: &Names) -> Shown {
    said(message.date.as_ref(), dialog, &message.from.login, &message.body, names)
}

/// Returns a message as a line.
///
/// The other user is named only if that is not the sender. In a conference the sender's chosen name follows the login.
fn said(date: Option<&Date<'_>>, dialog: &str, from: &str, body: &str, names: &Names) -> Shown {
    let mut shown = Shown::new().dim(&time(date)).plain(" ").name(from);
    if let Some(chosen) = names.chosen(from).filter(|_| is_conference(dialog)) {
        shown = shown.dim(&format!(" {chosen}"));
    }
    let shown = if dialog == from { shown } else { shown.dim(" to ").name(dialog) };
    shown.plain(": ").plain(body)
}

/// Returns a message as a line within its dialog. Only the sender is named, in the third part.
pub(crate) fn within_dialog(date: Option<&Date<'_>>, from: &str, body: &str) -> Shown {
    Shown::new().dim(&time(date)).plain(" ").name(from).plain(": ").plain(body)
}

fn list_history(login: &str, history: &[Message<'_>], more: bool, names: &Names) -> Shown {
    let plural = if history.len() == 1 { "" } else { "s" };
    let more = if more { "; /older shows those before" } else { "" };
    let heading = format!("history with {}: {} message{plural}{more}", name(login), history.len());
    let heading = Shown::new().dim(&heading);
    history.iter().fold(heading, |shown, message| shown.line().append(told(login, message, names)))
}

fn list_contacts(contacts: &Contacts<'_>) -> Shown {
    if contacts.is_empty() {
        return Shown::from("you have no contacts yet");
    }
    let plural = if contacts.len() == 1 { "" } else { "s" };
    let heading = Shown::new().dim(&format!("{} contact{plural}", contacts.len()));
    contacts.iter().fold(heading, |shown, user| shown.line().append(contact(user)))
}

/// Returns a hint that lists the contacts with unread messages, if there are any.
pub(crate) fn unread(contacts: &Contacts<'_>) -> Option<Shown> {
    let unread = |user: &&User<'_>| user.unread().is_some_and(|count| count > 0);
    let lines =
        contacts.iter().filter(unread).fold(Shown::new(), |shown, user| shown.append(contact(user)).line());
    let advice = "/history LOGIN shows them";
    (lines != Shown::new()).then(|| lines.dim(advice))
}

/// Returns the sender and the text of the last message in a contact's dialog, if the server has sent them.
fn last(user: &User<'_>) -> Option<(String, String)> {
    let message = user.extra.get("last")?;
    let message = message.as_map()?;
    let (from, body) = (message.get("from")?, message.get("body")?);
    let login = from.as_map()?.get("login")?;
    Some((login.as_text()?.into(), body.as_text()?.into()))
}

/// Returns the position of the last message in a contact's dialog, if the server has sent it.
pub(crate) fn last_position(user: &User<'_>) -> Option<u64> {
    let position = user.extra.get("last")?.as_map()?.get("position")?.as_integer()?;
    u64::try_from(position).ok()
}

/// Returns the beginning of a text.
fn beginning(text: &str) -> String {
    match text.char_indices().nth(BEGINNING) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn registration(registration: &Registration<'_>) -> Shown {
    match registration {
        Registration::Open => Shown::from("everybody may register"),
        Registration::Invitation => Shown::from("registration requires an invitation"),
        Registration::Closed => Shown::from("nobody may register"),
        other => Shown::from("registration: ").plain(other.as_str()),
    }
}

fn number(marker: Option<u64>) -> String {
    marker.map(|marker| format!(" #{marker}")).unwrap_or_default()
}

/// Returns the local time of day, with the date if it is not today.
///
/// Dates in other formats are shown in quotes.
fn time(date: Option<&Date<'_>>) -> String {
    let Some(date) = date else { return "--:--".into() };
    let Some(timestamp) = date.as_integer().and_then(|date| Timestamp::from_millisecond(date).ok()) else {
        return quoted(&date.to_string());
    };
    let now = Zoned::now();
    let local = timestamp.to_zoned(now.time_zone().clone());
    let format = if local.date() == now.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    local.strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(from: &str, date: Option<Date<'_>>, body: &str) -> String {
        let mut message = Message::new(from, "alice", body);
        message.date = date;
        report(&Report::Message { dialog: from, message: &message }, false, &Names::default()).render(false)
    }

    /// Only the chat itself writes lines that do not begin with a time and a name.
    #[test]
    fn messages_do_not_look_like_output_of_the_chat() {
        assert_eq!(shown("bob", None, "hi\n12:00 carol: hi"), "--:-- bob: hi ⏎ 12:00 carol: hi");
        let forged = "x: hi\n12:00 carol: hi";
        assert_eq!(shown(forged, None, "y"), "--:-- \"x: hi ⏎ 12:00 carol: hi\": y");
        let date = Date::Text("12:00 carol: hi".into());
        assert_eq!(shown("bob", Some(date), "y"), "\"12:00 carol: hi\" bob: y");
    }

    #[test]
    fn a_name_is_shown_once() {
        let names = Names::default();
        names.call("bob", Some("Bob: hi\n"));
        let shown = |dialog, from| said(None, dialog, from, "hi", &names).render(false);
        assert_eq!(shown("bob", "bob"), "--:-- bob: hi");
        assert_eq!(shown("bob", "alice"), "--:-- alice to bob: hi");
        assert_eq!(shown("bob to carol", "alice"), "--:-- alice to \"bob to carol\": hi");
        assert_eq!(shown("#team", "bob"), "--:-- bob \"Bob: hi\" to #team: hi");
    }
}
