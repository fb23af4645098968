//! The chat's output: one variant for each JSON event. The names and fields are a stable format.

use serde::{Serialize, Serializer};
use skaro_proto::Fields;
use skaro_proto::client::{Delivery, Failure};
use skaro_proto::message::{Contacts, Date, Message, Registration, Sender, SessionInfo, User};

use super::command::{Id, Reason};

/// Something to show.
///
/// `--json` writes it as it is here. For the text for people see [`wording`](super::wording).
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Report<'a> {
    Connected,
    RegisterType {
        register_type: &'a Registration<'a>,
    },
    Authorized {
        session_id: &'a str,
        user: &'a User<'a>,
    },
    Restored {
        session_id: &'a str,
        #[serde(skip)]
        user: &'a User<'a>,
    },
    Contacts {
        contacts: &'a Contacts<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a Id>,
    },
    History {
        login: &'a str,
        history: &'a [Message<'a>],
        #[serde(skip_serializing_if = "Option::is_none")]
        more: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a Id>,
    },
    MessageSent {
        to: &'a str,
        marker: u64,
        date: Option<&'a Date<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        position: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a Id>,
        #[serde(skip)]
        from: &'a str,
        #[serde(skip)]
        body: &'a str,
    },
    Message {
        dialog: &'a str,
        message: &'a Message<'a>,
    },
    Read {
        login: &'a str,
        up_to: u64,
        position: u64,
    },
    /// The end of the command `read`.
    Marked {
        login: &'a str,
        up_to: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a Id>,
    },
    /// The end of a command that has not begun.
    Rejected {
        reason: Reason,
        info: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a Id>,
    },
    CaughtUp {
        log: &'a str,
        position: u64,
        /// Number of messages from others since the user signed in.
        #[serde(skip)]
        messages: u64,
    },
    LogChanged {
        log: &'a str,
        position: u64,
    },
    Postponed {
        request: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        marker: Option<u64>,
        info: &'a str,
    },
    /// A refusal, with the request's type, or a notice from the server.
    Info {
        info: &'a str,
        request: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        marker: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a Id>,
    },
    Error {
        info: &'a str,
    },
    Unknown {
        #[serde(rename = "type")]
        kind: &'a str,
        message: &'a Fields<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        position: Option<u64>,
    },
    ProtocolError {
        reason: String,
    },
    Disconnected {
        reason: String,
    },
    Reconnecting {
        after_ms: u64,
        /// The reason of the last failed attempt. `None` before the first attempt.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    TimedOut {
        request: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        marker: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a Id>,
    },
    Lost {
        request: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        marker: Option<u64>,
        #[serde(serialize_with = "serialize_delivery")]
        delivery: Delivery,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a Id>,
    },
    /// The end of a request of the extension `people` whose answer contains no data.
    Done {
        request: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a Id>,
        #[serde(skip)]
        said: &'a str,
    },
    Invitation {
        invitation: &'a str,
        until: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a Id>,
    },
    Found {
        data: &'a Contacts<'a>,
        more: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a Id>,
    },
    UserData {
        user: &'a User<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a Id>,
    },
    Sessions {
        sessions: &'a [Session<'a>],
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a Id>,
    },
    Contact {
        login: &'a str,
        state: &'a str,
        position: u64,
    },
    ChangedUserData {
        user: &'a User<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        member: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        state: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        position: Option<u64>,
    },
    Typing {
        from: &'a Sender<'a>,
    },
    ReadBy {
        login: &'a str,
        date: &'a Date<'a>,
    },
}

/// One of the user's sessions.
#[derive(Serialize)]
pub(crate) struct Session<'a> {
    pub(crate) session: &'a str,
    pub(crate) current: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<i64>,
}

impl<'a> From<&'a SessionInfo<'_>> for Session<'a> {
    fn from(info: &'a SessionInfo<'_>) -> Self {
        Session { session: &info.session, current: info.current, until: info.until }
    }
}

impl<'a> Report<'a> {
    /// Returns the report of a failed request of this type. `None` if the kind of failure is unknown.
    pub(crate) fn failure(
        request: &'a str,
        marker: Option<u64>,
        failure: &'a Failure<'_>,
        id: Option<&'a Id>,
    ) -> Option<Self> {
        match failure {
            Failure::Refused(refusal) => {
                Some(Report::Info { info: &refusal.info, request: Some(request), marker, id })
            }
            Failure::TimedOut => Some(Report::TimedOut { request, marker, id }),
            Failure::Lost(delivery) => Some(Report::Lost { request, marker, delivery: *delivery, id }),
            _ => None,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn serialize_delivery<S: Serializer>(delivery: &Delivery, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match delivery {
        Delivery::NotSent => "not_sent",
        Delivery::Unknown => "unknown",
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;

    use super::*;

    /// Number of variants. Raise it with each arm of [`kind`], which does not compile when a variant is missing.
    const KINDS: usize = 31;

    fn kind(report: &Report<'_>) -> usize {
        match report {
            Report::Connected => 0,
            Report::RegisterType { .. } => 1,
            Report::Authorized { .. } => 2,
            Report::Restored { .. } => 3,
            Report::Contacts { .. } => 4,
            Report::History { .. } => 5,
            Report::MessageSent { .. } => 6,
            Report::Message { .. } => 7,
            Report::Info { .. } => 8,
            Report::Error { .. } => 9,
            Report::Unknown { .. } => 10,
            Report::ProtocolError { .. } => 11,
            Report::Disconnected { .. } => 12,
            Report::Reconnecting { .. } => 13,
            Report::TimedOut { .. } => 14,
            Report::Lost { .. } => 15,
            Report::Read { .. } => 16,
            Report::CaughtUp { .. } => 17,
            Report::LogChanged { .. } => 18,
            Report::Postponed { .. } => 19,
            Report::Marked { .. } => 20,
            Report::Rejected { .. } => 21,
            Report::Done { .. } => 22,
            Report::Invitation { .. } => 23,
            Report::Found { .. } => 24,
            Report::UserData { .. } => 25,
            Report::Sessions { .. } => 26,
            Report::Contact { .. } => 27,
            Report::ChangedUserData { .. } => 28,
            Report::Typing { .. } => 29,
            Report::ReadBy { .. } => 30,
        }
    }

    /// The fields of each event, with a question mark after those that may be missing.
    type Table = BTreeMap<String, BTreeSet<String>>;

    /// Serializes each event with all of its fields and with as few as possible.
    fn printed() -> Table {
        let (user, contacts, fields) = (User::new("alice"), Contacts::default(), Fields::new());
        let message = Message::new("alice", "bob", "hi");
        let (text, reason) = ("x", String::from("x"));
        let number = Id::Number(1);
        let id = Some(&number);
        let mut table = Table::new();
        let mut kinds = BTreeSet::new();
        let mut add = |full: Report<'_>, least: Option<Report<'_>>| {
            kinds.insert(kind(&full));
            let names = |report: &Report<'_>| {
                let Value::Object(object) = serde_json::to_value(report).unwrap() else {
                    panic!("no object")
                };
                let event = object["event"].as_str().unwrap().to_owned();
                (event, object.into_iter().map(|(name, _)| name).filter(|name| name != "event").collect())
            };
            let (event, all): (_, BTreeSet<String>) = names(&full);
            let always = least.map_or(all.clone(), |least| names(&least).1);
            let fields = all.into_iter().map(|name| if always.contains(&name) { name } else { name + "?" });
            table.insert(event, fields.collect());
        };
        add(Report::Connected, None);
        add(Report::RegisterType { register_type: &Registration::Open }, None);
        add(Report::Authorized { session_id: text, user: &user }, None);
        add(Report::Restored { session_id: text, user: &user }, None);
        let found = |id| Report::Found { data: &contacts, more: true, id };
        add(found(id), Some(found(None)));
        let contacts = |id| Report::Contacts { contacts: &contacts, id };
        add(contacts(id), Some(contacts(None)));
        let history = |more, id| Report::History { login: text, history: &[], more, id };
        add(history(Some(true), id), Some(history(None, None)));
        let marked = |id| Report::Marked { login: text, up_to: 1, id };
        add(marked(id), Some(marked(None)));
        let rejected = |id| Report::Rejected { reason: Reason::Busy, info: text, id };
        add(rejected(id), Some(rejected(None)));
        let sent = |date, position, id| Report::MessageSent {
            to: text,
            marker: 1,
            date,
            position,
            id,
            from: text,
            body: text,
        };
        add(sent(Some(&Date::Integer(1)), Some(1), id), Some(sent(None, None, None)));
        add(Report::Read { login: text, up_to: 1, position: 2 }, None);
        add(Report::CaughtUp { log: text, position: 1, messages: 1 }, None);
        add(Report::LogChanged { log: text, position: 1 }, None);
        let postponed = |marker| Report::Postponed { request: text, marker, info: text };
        add(postponed(Some(1)), Some(postponed(None)));
        add(Report::Message { dialog: text, message: &message }, None);
        let info = |request, marker, id| Report::Info { info: text, request, marker, id };
        add(info(Some(text), Some(1), id), Some(info(None, None, None)));
        add(Report::Error { info: text }, None);
        let unknown = |position| Report::Unknown { kind: text, message: &fields, position };
        add(unknown(Some(1)), Some(unknown(None)));
        add(Report::ProtocolError { reason: reason.clone() }, None);
        add(Report::Disconnected { reason: reason.clone() }, None);
        let reconnecting = |reason| Report::Reconnecting { after_ms: 1, reason };
        add(reconnecting(Some(reason)), Some(reconnecting(None)));
        let timed_out = |marker, id| Report::TimedOut { request: text, marker, id };
        add(timed_out(Some(1), id), Some(timed_out(None, None)));
        let lost = |marker, id| Report::Lost { request: text, marker, delivery: Delivery::NotSent, id };
        add(lost(Some(1), id), Some(lost(None, None)));
        let done = |id| Report::Done { request: text, id, said: text };
        add(done(id), Some(done(None)));
        let invitation = |id| Report::Invitation { invitation: text, until: 1, id };
        add(invitation(id), Some(invitation(None)));
        let user_data = |id| Report::UserData { user: &user, id };
        add(user_data(id), Some(user_data(None)));
        let sessions = |id| Report::Sessions { sessions: &[], id };
        add(sessions(id), Some(sessions(None)));
        add(Report::Contact { login: text, state: text, position: 1 }, None);
        let changed =
            |member, state, position| Report::ChangedUserData { user: &user, member, state, position };
        add(changed(Some(text), Some(text), Some(1)), Some(changed(None, None, None)));
        add(Report::Typing { from: &Sender::new(text) }, None);
        add(Report::ReadBy { login: text, date: &Date::Integer(1) }, None);
        assert_eq!(kinds.len(), KINDS, "an event has no sample here");
        table
    }

    /// Reads the README's table of events.
    fn documented() -> Table {
        let readme = include_str!("../../README.md");
        let table = readme.split("| event | fields | when |\n|---|---|---|\n").nth(1).unwrap();
        let rows = table.lines().take_while(|line| line.starts_with('|'));
        rows.map(|row| {
            let mut cells = row.split('|').skip(1).map(|cell| cell.trim().replace('`', ""));
            let (event, fields) = (cells.next().unwrap(), cells.next().unwrap());
            (event, fields.split(", ").filter(|field| !field.is_empty()).map(String::from).collect())
        })
        .collect()
    }

    #[test]
    fn the_readme_lists_exactly_the_events_and_fields_that_are_printed() {
        assert_eq!(documented(), printed());
    }
}
