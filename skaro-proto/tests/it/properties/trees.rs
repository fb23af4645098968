//! What each message says on the wire: the protocol's tables once more, so that nothing is tested against itself.

mod people;

use std::collections::BTreeSet;

use skaro_proto::message::{
    Answer, AnswerMessage, ClientMessage, Date, Message, Request, Sender, ServerMessage, SignedIn, Since,
    User,
};
use skaro_proto::{Fields, Value};

use super::tree::{Entry, Plain, Tree, flag, integer, listed, optional, plain, text, unlisted};

fn record(own: impl IntoIterator<Item = Entry>, extra: &Fields<'_>) -> Tree {
    Tree::Record(own.into_iter().chain(unlisted(extra)).collect())
}

pub fn of_client(message: &ClientMessage<'_>) -> Tree {
    let number = listed("on_request", integer(message.on_request));
    let kind = |kind: &str| listed("type", text(kind));
    let field = |name, value: &str| listed(name, text(value));
    let own = match &message.request {
        Request::Authorize { login, proof, since, log, presence } => {
            let [since, log] = of_since(*since, log.as_deref());
            let presence = flag("presence", *presence);
            vec![field("login", login), field("password", proof), kind("authorize"), since, log, presence]
        }
        Request::RegisterType => vec![kind("register_type")],
        Request::SessionRestore { sid, since, log, presence } => {
            let [since, log] = of_since(*since, log.as_deref());
            vec![kind("session_restore"), field("sid", sid), since, log, flag("presence", *presence)]
        }
        Request::GetContacts => vec![kind("get_contacts")],
        Request::GetHistory { login, page } => vec![
            kind("get_history"),
            field("login", login),
            listed("before", optional(page.before.map(integer))),
            listed("after", optional(page.after.map(integer))),
            listed("before_date", optional(page.before_date.map(integer))),
            listed("after_date", optional(page.after_date.map(integer))),
            listed("limit", optional(page.limit.map(integer))),
        ],
        Request::SendMessage { to, body, key } => {
            vec![kind("send_message"), field("to", to), field("body", body), key_of(key.as_deref())]
        }
        Request::Read { login, up_to } => {
            vec![kind("read"), field("login", login), listed("up_to", integer(*up_to))]
        }
        // Without a number.
        Request::Ack { position } => {
            return record([kind("ack"), listed("position", integer(*position))], &message.extra);
        }
        Request::Typing { login } => return record([kind("typing"), field("login", login)], &message.extra),
        Request::Other { kind: other, fields } => [kind(other)].into_iter().chain(unlisted(fields)).collect(),
        other => people::of_request(other),
    };
    record(own.into_iter().chain([number]), &message.extra)
}

pub fn of_server(message: &ServerMessage<'_>) -> Tree {
    let kind = |kind: &str| listed("type", text(kind));
    match message {
        ServerMessage::CheckConnection(it) => {
            let extensions: Vec<_> = it.extensions.iter().map(|extension| text(extension)).collect();
            let mut ways = vec![Tree::List(extensions)];
            if it.extensions.is_empty() {
                ways = [vec![Tree::Absent, Tree::Plain(Plain::Null)], ways].concat();
            }
            let extensions = listed("extensions", Tree::OneOf(ways));
            record([kind("check_connection"), listed("token", text(&it.token)), extensions], &it.extra)
        }
        ServerMessage::Info(it) => record([kind("info"), listed("info", text(&it.info))], &it.extra),
        ServerMessage::Error(it) => record([kind("error"), listed("info", text(&it.info))], &it.extra),
        ServerMessage::ShowMessage(it) => {
            record([kind("show_message")].into_iter().chain(fields_of(it)), &it.extra)
        }
        ServerMessage::Sent(it) => {
            let position = listed("position", integer(it.position));
            record([kind("sent"), position, key_of(it.key.as_deref())], &it.extra)
        }
        ServerMessage::Read(it) => {
            let up_to = listed("up_to", integer(it.up_to));
            let position = listed("position", integer(it.position));
            record([kind("read"), listed("login", text(&it.login)), up_to, position], &it.extra)
        }
        ServerMessage::Unknown { message, .. } => record([], message),
        ServerMessage::Answer(answer) => of_answer(answer),
        other => people::of_push(other),
    }
}

fn of_answer(answer: &AnswerMessage<'_>) -> Tree {
    let mut own = vec![
        listed("type", text("request")),
        listed("for", text(&answer.kind)),
        listed("id", integer(answer.id)),
    ];
    let status = match &answer.outcome {
        // Only the first three characters count, and a number will do.
        Ok(_) => {
            let ways = [text("200"), integer(200), text("200 OK"), text("2000")];
            Some(Tree::OneOf(ways.to_vec()))
        }
        Err(refusal) => refusal.status.as_ref().map(|status| {
            let written = text(&status.to_string());
            match status.to_string().parse::<u16>() {
                Ok(code) if code > 0 && code == status.code() => Tree::OneOf(vec![written, integer(code)]),
                _ => written,
            }
        }),
    };
    own.push(listed("status", optional(status)));
    match &answer.outcome {
        Ok(Answer::Authorized(it) | Answer::Restored(it)) => own.extend(of_signed_in(it)),
        Ok(Answer::RegisterType(it)) => own.push(listed("register_type", text(it.as_str()))),
        Ok(Answer::Contacts(it)) => own.push(listed("data", of_contacts(it))),
        Ok(Answer::History(it)) => {
            let messages = it.iter().map(|message| record(fields_of(message), &message.extra));
            own.push(listed("history", Tree::List(messages.collect())));
            own.push(listed("more", optional(it.more.map(|more| Tree::Plain(plain(&Value::Bool(more)))))));
        }
        Ok(Answer::MessageSent { date, position }) => {
            own.push(listed("date", optional(date.as_ref().map(of_date))));
            own.push(listed("position", optional(position.map(integer))));
        }
        Ok(Answer::Read) => (),
        Ok(Answer::Other(fields)) => own.extend(unlisted(fields)),
        Ok(other) => own.extend(people::of_answer(other)),
        Err(refusal) => {
            let mut ways = vec![text(&refusal.info)];
            if refusal.info.is_empty() {
                ways.extend([Tree::Absent, Tree::Plain(Plain::Null)]);
            }
            own.push(listed("info", Tree::OneOf(ways)));
        }
    }
    record(own, &answer.extra)
}

fn of_signed_in(it: &SignedIn<'_>) -> Vec<Entry> {
    let mut own = vec![listed("session_id", text(&it.session_id)), listed("user", of_user(&it.user))];
    match &it.cursor {
        None => own.push(listed("log", optional(None))),
        Some(cursor) => own.extend([
            listed("log", text(&cursor.log)),
            listed("head", integer(cursor.head)),
            listed("begin", integer(cursor.begin)),
        ]),
    }
    own
}

fn of_since(since: Option<Since>, log: Option<&str>) -> [Entry; 2] {
    let since = since.map(|since| match since {
        Since::Head => text("head"),
        Since::Position(position) => integer(position),
    });
    [listed("since", optional(since)), listed("log", optional(log.map(text)))]
}

fn key_of(key: Option<&str>) -> Entry {
    listed("key", optional(key.map(text)))
}

fn of_user(user: &User<'_>) -> Tree {
    record([listed("login", text(&user.login))], &user.extra)
}

/// A list of users, or a map from login to user, in which the users need not repeat their logins.
fn of_contacts(users: &[User<'_>]) -> Tree {
    let list = Tree::List(users.iter().map(of_user).collect());
    let logins: BTreeSet<_> = users.iter().map(|user| &user.login).collect();
    if logins.len() < users.len() {
        return list;
    }
    let entry = |user: &User<'_>| {
        let login = Tree::OneOf(vec![Tree::Absent, text(&user.login), integer(7)]);
        let value = record([listed("login", login)], &user.extra);
        Entry { name: user.login.to_string(), value, listed: false }
    };
    Tree::OneOf(vec![list, Tree::Record(users.iter().map(entry).collect())])
}

fn fields_of(message: &Message<'_>) -> [Entry; 6] {
    [
        listed("from", of_sender(&message.from)),
        listed("to", text(&message.to)),
        listed("body", text(&message.body)),
        listed("date", optional(message.date.as_ref().map(of_date))),
        listed("position", optional(message.position.map(integer))),
        key_of(message.key.as_deref()),
    ]
}

fn of_sender(from: &Sender<'_>) -> Tree {
    let conference = from.in_conference.as_ref().map(|conference| text(conference));
    record([listed("login", text(&from.login)), listed("in_conference", optional(conference))], &from.extra)
}

fn of_date(date: &Date<'_>) -> Tree {
    match date {
        Date::Integer(number) => integer(*number),
        Date::Float(number) => Tree::Plain(Plain::Float(*number)),
        Date::Text(it) => Tree::Plain(plain(&Value::Text(it.clone()))),
    }
}
