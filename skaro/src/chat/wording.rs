//! The chat's output as text for people, with names in colour and local times.

use jiff::{Timestamp, Zoned};
use skaro_proto::Value;
use skaro_proto::client::Delivery;
use skaro_proto::message::{Contacts, Date, Message, Registration, User};

use super::report::Report;
use crate::text::{Shown, name, quoted};

/// Returns a report as one or several lines; `echoes` also repeats sent messages.
pub(crate) fn report(report: &Report<'_>, echoes: bool) -> Shown {
    let shown = Shown::new();
    match report {
        Report::Connected => shown.dim("connected"),
        Report::RegisterType { register_type } => registration(register_type),
        Report::Authorized { user, .. } => shown.plain("signed in as ").name(&user.login),
        Report::Restored { user, .. } => shown.plain("signed in again as ").name(&user.login),
        Report::Contacts { contacts } => list_contacts(contacts),
        Report::History { login, history } => list_history(login, history),
        Report::MessageSent { to, date, from, body, .. } if echoes => said(*date, to, from, body),
        Report::MessageSent { to, marker, date, .. } => {
            shown.dim(&format!("{} sent to {}, #{marker}", time(*date), name(to)))
        }
        Report::Message { dialog, message } => told(dialog, message),
        Report::Info { info, request: None, .. } => shown.plain("the server says: ").plain(info),
        Report::Info { info, request: Some(request), marker } => {
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
        Report::TimedOut { request, marker } => {
            shown.red(&format!("{request}{}: no answer came in time", number(*marker)))
        }
        Report::Lost { request, marker, delivery } => {
            let known = match delivery {
                Delivery::NotSent => "was not sent",
                Delivery::Unknown => "may or may not have arrived",
            };
            shown.red(&format!("{request}{} {known}: the connection broke", number(*marker)))
        }
    }
}

fn told(dialog: &str, message: &Message<'_>) -> Shown {
    said(message.date.as_ref(), dialog, &message.from.login, &message.body)
}

fn said(date: Option<&Date<'_>>, dialog: &str, from: &str, body: &str) -> Shown {
    Shown::new()
        .dim(&time(date))
        .plain(" ")
        .dim(&format!("[{}]", name(dialog)))
        .plain(" ")
        .name(from)
        .plain(": ")
        .plain(body)
}

fn list_history(login: &str, history: &[Message<'_>]) -> Shown {
    let plural = if history.len() == 1 { "" } else { "s" };
    let heading = format!("history with {}: {} message{plural}", name(login), history.len());
    let heading = Shown::new().dim(&heading);
    history.iter().fold(heading, |shown, message| shown.line().append(told(login, message)))
}

fn list_contacts(contacts: &Contacts<'_>) -> Shown {
    if contacts.is_empty() {
        return Shown::from("you have no contacts yet");
    }
    let is_online = |user: &User<'_>| matches!(user.extra.get("online"), Some(Value::Bool(true)));
    let mut shown = Shown::from("contacts: ");
    for (at, user) in contacts.iter().enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        shown = shown.plain(comma).name(&user.login).plain(if is_online(user) { " (online)" } else { "" });
    }
    shown
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

/// Returns the local time of day, with the day if it is not today. Dates in other formats are shown in quotes.
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
        report(&Report::Message { dialog: from, message: &message }, false).render(false)
    }

    /// Only the chat itself writes lines that do not begin with a time, a dialog and a name.
    #[test]
    fn messages_do_not_look_like_output_of_the_chat() {
        assert_eq!(
            shown("bob", None, "hi\n12:00 [carol] carol: hi"),
            "--:-- [bob] bob: hi ⏎ 12:00 [carol] carol: hi"
        );
        let forged = "x] 12:00 [carol] carol: hi";
        assert_eq!(shown(forged, None, "y"), format!("--:-- [\"{forged}\"] \"{forged}\": y"));
        let date = Date::Text("12:00 [carol] carol: hi".into());
        assert_eq!(shown("bob", Some(date), "y"), "\"12:00 [carol] carol: hi\" [bob] bob: y");
    }
}
