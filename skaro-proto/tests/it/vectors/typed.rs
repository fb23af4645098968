//! Messages made of plain JSON values by hand, without any of the code that is tested.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};
use skaro_proto::message::{
    Answer, AnswerMessage, Challenge, ClientMessage, Date, History, Message, Notice, Refusal, Registration,
    Request, ServerMessage, SignedIn, StatusCode, User,
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
    let on_request = of["on_request"].as_u64().unwrap();
    let (request, own): (_, &[&str]) = match of["type"].as_str().unwrap() {
        "authorize" => {
            let (login, proof) = (text(&of["login"]), text(&of["password"]));
            (Request::Authorize { login, proof }, &["login", "password"])
        }
        "register_type" => (Request::RegisterType, &[]),
        "session_restore" => (Request::SessionRestore { sid: text(&of["sid"]) }, &["sid"]),
        "get_contacts" => (Request::GetContacts, &[]),
        "get_history" => (Request::GetHistory { login: text(&of["login"]) }, &["login"]),
        "send_message" => {
            (Request::SendMessage { to: text(&of["to"]), body: text(&of["body"]) }, &["to", "body"])
        }
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
            challenge.extra = others(of, &["type", "token"]);
            ServerMessage::CheckConnection(challenge)
        }
        "request" => ServerMessage::Answer(answer(of)),
        "show_message" => ServerMessage::ShowMessage(message(of, &["type"])),
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
    let signed_in = || SignedIn::new(text(&of["session_id"]), user(&of["user"]));
    match kind {
        "authorize" => (Answer::Authorized(signed_in()), &["session_id", "user"]),
        "session_restore" => (Answer::Restored(signed_in()), &["session_id", "user"]),
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
            (Answer::History(History::new(messages)), &["history"])
        }
        "send_message" => (Answer::MessageSent(date(of)), &["date"]),
        _ => (Answer::Other(others(of, &["type", "for", "id", "status"])), &[]),
    }
}

fn user(of: &Json) -> User<'static> {
    let mut user = User::new(text(&of["login"]));
    user.extra = others(of, &["login"]);
    user
}

fn message(of: &Json, but: &[&str]) -> Message<'static> {
    let from = &of["from"];
    let mut message = Message::new(text(&from["login"]), text(&of["to"]), text(&of["body"]));
    message.from.in_conference = map(from).get("in_conference").map(text);
    message.from.extra = others(from, &["login", "in_conference"]);
    let extra = others(of, &[but, &["from", "to", "body", "date"]].concat());
    message.date = date(of);
    message.extra = extra;
    message
}

fn date(of: &Json) -> Option<Date<'static>> {
    map(of).get("date").map(|date| match date {
        Json::String(_) => Date::Text(text(date)),
        date => date.as_i64().map_or_else(|| Date::Float(date.as_f64().unwrap()), Date::Integer),
    })
}
