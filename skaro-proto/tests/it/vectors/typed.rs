//! Messages made of plain JSON values by hand, without any of the code that is tested.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};
use skaro_proto::message::{
    Answer, AnswerMessage, Challenge, ChangedUserData, ClientMessage, ContactChange, ContactState, Cursor,
    Date, History, Invitation, Message, Notice, Page, ReadBy, ReadMark, Refusal, Registration, Request,
    Sender, Sent, ServerMessage, SessionInfo, SignedIn, Since, StatusCode, Typing, User,
};
use skaro_proto::{Fields, Value};

type Text = Cow<'static, str>;

fn text(value: &Json) -> Text {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned().into()
}

fn map(value: &Json) -> &Map<String, Json> {
    value.as_object().unwrap_or_else(|| panic!("no map: {value}"))
}

/// All the fields but these.
fn others(of: &Json, but: &[&str]) -> Fields<'static> {
    let others = map(of).iter().filter(|(name, _)| !but.contains(&name.as_str()));
    others.map(|(name, field)| (name, value(field))).collect()
}

fn value(of: &Json) -> Value<'static> {
    match of {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::String(text) => Value::Text(text.clone().into()),
        Json::Array(items) => Value::List(items.iter().map(value).collect()),
        Json::Object(_) => Value::Map(others(of, &[])),
        Json::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Value::Unsigned(number),
            (None, Some(number)) => Value::Negative(number),
            (None, None) => Value::Float(number.as_f64().unwrap()),
        },
    }
}

pub(crate) fn client_message(of: &Json) -> ClientMessage<'static> {
    let on_request = of["on_request"].as_u64().unwrap_or(0);
    let (request, own): (_, &[&str]) = match of["type"].as_str().unwrap() {
        "authorize" => {
            let (login, proof) = (text(&of["login"]), text(&of["password"]));
            (
                Request::Authorize {
                    login,
                    proof,
                    since: since(of),
                    log: optional(of, "log"),
                    presence: flag(of, "presence"),
                },
                &["login", "password", "since", "log", "presence"],
            )
        }
        "register_type" => (Request::RegisterType, &[]),
        "session_restore" => (
            Request::SessionRestore {
                sid: text(&of["sid"]),
                since: since(of),
                log: optional(of, "log"),
                presence: flag(of, "presence"),
            },
            &["sid", "since", "log", "presence"],
        ),
        "get_contacts" => (Request::GetContacts, &[]),
        "get_history" => (
            Request::GetHistory { login: text(&of["login"]), page: page(of) },
            &["login", "before", "after", "before_date", "after_date", "limit"],
        ),
        "send_message" => (
            Request::SendMessage { to: text(&of["to"]), body: text(&of["body"]), key: optional(of, "key") },
            &["to", "body", "key"],
        ),
        "read" => {
            let (login, up_to) = (text(&of["login"]), of["up_to"].as_u64().unwrap());
            (Request::Read { login, up_to }, &["login", "up_to"])
        }
        "register" => (
            Request::Register {
                login: text(&of["login"]),
                password: text(&of["password"]),
                invitation: optional(of, "invitation"),
                profile: profile(of),
            },
            &["login", "password", "invitation", "profile"],
        ),
        "invite" => (Request::Invite, &[]),
        "add_contact" => (
            Request::AddContact {
                login: text(&of["login"]),
                blocked: flag(of, "blocked"),
                member: optional(of, "member"),
                owner: flag(of, "owner"),
            },
            &["login", "blocked", "member", "owner"],
        ),
        "del_contact" => (
            Request::DelContact { login: text(&of["login"]), member: optional(of, "member") },
            &["login", "member"],
        ),
        "search_contacts" => (
            Request::SearchContacts { prefix: text(&of["prefix"]), limit: of["limit"].as_u64() },
            &["prefix", "limit"],
        ),
        "get_user_data" => (Request::GetUserData { login: text(&of["login"]) }, &["login"]),
        "update_my_data" => (
            Request::UpdateMyData {
                login: optional(of, "login"),
                profile: profile(of),
                password: optional(of, "password"),
                old_password: optional(of, "old_password"),
                end_sessions: flag(of, "end_sessions"),
            },
            &["login", "profile", "password", "old_password", "end_sessions"],
        ),
        "get_sessions" => (Request::GetSessions, &[]),
        "sign_out" => (
            Request::SignOut { session: optional(of, "session"), others: flag(of, "others") },
            &["session", "others"],
        ),
        "typing" => (Request::Typing { login: text(&of["login"]) }, &["login"]),
        "ack" => (Request::Ack { position: of["position"].as_u64().unwrap() }, &["position"]),
        _ => {
            let fields = others(of, &["type", "on_request"]);
            return ClientMessage::new(on_request, Request::Other { kind: text(&of["type"]), fields });
        }
    };
    let extra = others(of, &[own, &["type", "on_request"]].concat());
    let mut message = ClientMessage::new(on_request, request);
    message.extra = extra;
    message
}

pub(crate) fn server_message(of: &Json) -> ServerMessage<'static> {
    let notice = || {
        let mut notice = Notice::new(text(&of["info"]));
        notice.extra = others(of, &["type", "info"]);
        notice
    };
    match of["type"].as_str().unwrap() {
        "check_connection" => {
            let mut challenge = Challenge::new(text(&of["token"]));
            if let Some(extensions) = of["extensions"].as_array() {
                challenge.extensions = extensions.iter().map(text).collect();
            }
            challenge.extra = others(of, &["type", "token", "extensions"]);
            ServerMessage::CheckConnection(challenge)
        }
        "request" => ServerMessage::Answer(answer(of)),
        "show_message" => ServerMessage::ShowMessage(message(of, &["type"])),
        "sent" if of["position"].is_u64() => {
            let mut sent = Sent::new(of["position"].as_u64().unwrap());
            sent.key = optional(of, "key");
            sent.extra = others(of, &["type", "position", "key"]);
            ServerMessage::Sent(sent)
        }
        "read" if of["position"].is_u64() => {
            let (up_to, position) = (of["up_to"].as_u64().unwrap(), of["position"].as_u64().unwrap());
            let mut read = ReadMark::new(text(&of["login"]), up_to, position);
            read.extra = others(of, &["type", "login", "up_to", "position"]);
            ServerMessage::Read(read)
        }
        "contact" if of["position"].is_u64() => {
            let position = of["position"].as_u64().unwrap();
            let mut change = ContactChange::new(text(&of["login"]), state(&of["state"]), position);
            change.extra = others(of, &["type", "login", "state", "position"]);
            ServerMessage::ContactChanged(change)
        }
        "changed_user_data" => {
            let mut changed = ChangedUserData::new(user(&of["user"]));
            changed.member = optional(of, "member");
            changed.state = map(of).get("state").map(state);
            changed.position = of["position"].as_u64();
            changed.extra = others(of, &["type", "user", "member", "state", "position"]);
            ServerMessage::ChangedUserData(changed)
        }
        "typing" => {
            let mut typing = Typing::new(sender(&of["from"]));
            typing.extra = others(of, &["type", "from"]);
            ServerMessage::Typing(typing)
        }
        "read_by" => {
            let mut read_by = ReadBy::new(text(&of["login"]), date(of).unwrap());
            read_by.extra = others(of, &["type", "login", "date"]);
            ServerMessage::ReadBy(read_by)
        }
        "info" => ServerMessage::Info(notice()),
        "error" => ServerMessage::Error(notice()),
        _ => ServerMessage::Unknown { kind: text(&of["type"]), message: others(of, &[]) },
    }
}

fn answer(of: &Json) -> AnswerMessage<'static> {
    let (kind, id) = (text(&of["for"]), of["id"].as_u64().unwrap());
    let head = ["type", "for", "id", "status"];
    let (outcome, own): (_, &[&str]) = match of["status"].as_str() {
        Some("200") => {
            let (answer, own) = success(&kind, of);
            (Ok(answer), own)
        }
        status => {
            let status = status.map(|status| StatusCode::from(Text::from(status.to_owned())));
            (Err(Refusal::new(status, text(&of["info"]))), &["info"])
        }
    };
    let extra = match &outcome {
        Ok(Answer::Other(_)) => Fields::new(),
        _ => others(of, &[own, &head].concat()),
    };
    let mut message = AnswerMessage::new(kind, id, outcome);
    message.extra = extra;
    message
}

fn success(kind: &str, of: &Json) -> (Answer<'static>, &'static [&'static str]) {
    const SIGNED_IN: &[&str] = &["session_id", "user", "log", "head", "begin"];
    let signed_in = || {
        let mut signed_in = SignedIn::new(text(&of["session_id"]), user(&of["user"]));
        let number = |name: &str| of[name].as_u64().unwrap();
        signed_in.cursor = optional(of, "log").map(|log| Cursor::new(log, number("head"), number("begin")));
        signed_in
    };
    match kind {
        "authorize" => (Answer::Authorized(signed_in()), SIGNED_IN),
        "session_restore" => (Answer::Restored(signed_in()), SIGNED_IN),
        "register_type" => {
            let registration = match of["register_type"].as_str().unwrap() {
                "open" => Registration::Open,
                "invitation" => Registration::Invitation,
                "closed" => Registration::Closed,
                other => Registration::Other(other.to_owned().into()),
            };
            (Answer::RegisterType(registration), &["register_type"])
        }
        "get_contacts" => {
            let users = of["data"].as_array().unwrap().iter().map(user).collect();
            (Answer::Contacts(users), &["data"])
        }
        "get_history" => {
            let messages = of["history"].as_array().unwrap().iter().map(|it| message(it, &[])).collect();
            let mut history = History::new(messages);
            history.more = of["more"].as_bool();
            (Answer::History(history), &["history", "more"])
        }
        "send_message" => {
            let position = of["position"].as_u64();
            (Answer::MessageSent { date: date(of), position }, &["date", "position"])
        }
        "read" => (Answer::Read, &[]),
        "register" => (Answer::Registered, &[]),
        "invite" => {
            let until = of["until"].as_i64().unwrap();
            (Answer::Invitation(Invitation::new(text(&of["invitation"]), until)), &["invitation", "until"])
        }
        "add_contact" | "del_contact" => (Answer::Contact, &[]),
        "search_contacts" => {
            let users = of["data"].as_array().unwrap().iter().map(user).collect();
            (Answer::Users { users, more: of["more"].as_bool().unwrap() }, &["data", "more"])
        }
        "get_user_data" => (Answer::User(user(&of["user"])), &["user"]),
        "update_my_data" => (Answer::Updated, &[]),
        "get_sessions" => {
            let sessions = of["sessions"].as_array().unwrap().iter().map(session).collect();
            (Answer::Sessions(sessions), &["sessions"])
        }
        "sign_out" => (Answer::SignedOut, &[]),
        _ => (Answer::Other(others(of, &["type", "for", "id", "status"])), &[]),
    }
}

fn user(of: &Json) -> User<'static> {
    let mut user = User::new(text(&of["login"]));
    user.extra = others(of, &["login"]);
    user
}

fn sender(of: &Json) -> Sender<'static> {
    let mut sender = Sender::new(text(&of["login"]));
    sender.in_conference = optional(of, "in_conference");
    sender.extra = others(of, &["login", "in_conference"]);
    sender
}

fn session(of: &Json) -> SessionInfo<'static> {
    let mut session = SessionInfo::new(text(&of["session"]), of["current"].as_bool().unwrap());
    session.until = of["until"].as_i64();
    session.extra = others(of, &["session", "current", "until"]);
    session
}

fn state(of: &Json) -> ContactState<'static> {
    match of.as_str().unwrap() {
        "listed" => ContactState::Listed,
        "asks" => ContactState::Asks,
        "blocked" => ContactState::Blocked,
        "none" => ContactState::None,
        "owner" => ContactState::Owner,
        other => ContactState::Other(other.to_owned().into()),
    }
}

fn profile(of: &Json) -> Option<Fields<'static>> {
    map(of).get("profile").map(|profile| others(profile, &[]))
}

fn message(of: &Json, but: &[&str]) -> Message<'static> {
    let mut message = Message::new("", text(&of["to"]), text(&of["body"]));
    message.from = sender(&of["from"]);
    let extra = others(of, &[but, &["from", "to", "body", "date", "position", "key"]].concat());
    message.date = date(of);
    message.position = of["position"].as_u64();
    message.key = optional(of, "key");
    message.extra = extra;
    message
}

fn optional(of: &Json, name: &str) -> Option<Text> {
    map(of).get(name).map(text)
}

fn flag(of: &Json, name: &str) -> bool {
    of[name].as_bool().unwrap_or_default()
}

fn since(of: &Json) -> Option<Since> {
    map(of).get("since").map(|since| match since.as_u64() {
        Some(position) => Since::Position(position),
        None => {
            assert_eq!(since, "head");
            Since::Head
        }
    })
}

fn page(of: &Json) -> Page {
    let number = |name: &str| of[name].as_u64();
    let date = |name: &str| of[name].as_i64();
    Page {
        before: number("before"),
        after: number("after"),
        before_date: date("before_date"),
        after_date: date("after_date"),
        limit: number("limit"),
    }
}

fn date(of: &Json) -> Option<Date<'static>> {
    map(of).get("date").map(|date| match date {
        Json::String(_) => Date::Text(text(date)),
        date => date.as_i64().map_or_else(|| Date::Float(date.as_f64().unwrap()), Date::Integer),
    })
}
