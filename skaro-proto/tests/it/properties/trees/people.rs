//! The messages of the extension `people`.

use super::*;
use skaro_proto::message::{ChangedUserData, ContactState, SessionInfo};

fn maybe(name: &str, value: Option<&str>) -> Entry {
    listed(name, optional(value.map(text)))
}

fn profile_of(profile: Option<&Fields<'_>>) -> Entry {
    listed("profile", optional(profile.map(|profile| record([], profile))))
}

fn truth(name: &str, value: bool) -> Entry {
    listed(name, Tree::Plain(Plain::Bool(value)))
}

pub(super) fn of_request(request: &Request<'_>) -> Vec<Entry> {
    let kind = listed("type", text(request.kind()));
    let field = |name, value: &str| listed(name, text(value));
    let own = match request {
        Request::Register { login, password, invitation, profile } => vec![
            field("login", login),
            field("password", password),
            maybe("invitation", invitation.as_deref()),
            profile_of(profile.as_ref()),
        ],
        Request::Invite | Request::GetSessions => vec![],
        Request::AddContact { login, blocked, member, owner } => vec![
            field("login", login),
            flag("blocked", *blocked),
            maybe("member", member.as_deref()),
            flag("owner", *owner),
        ],
        Request::DelContact { login, member } => {
            vec![field("login", login), maybe("member", member.as_deref())]
        }
        Request::SearchContacts { prefix, limit } => {
            vec![field("prefix", prefix), listed("limit", optional(limit.map(integer)))]
        }
        Request::GetUserData { login } => vec![field("login", login)],
        Request::UpdateMyData { login, profile, password, old_password, end_sessions } => vec![
            maybe("login", login.as_deref()),
            profile_of(profile.as_ref()),
            maybe("password", password.as_deref()),
            maybe("old_password", old_password.as_deref()),
            flag("end_sessions", *end_sessions),
        ],
        Request::SignOut { session, others } => {
            vec![maybe("session", session.as_deref()), flag("others", *others)]
        }
        other => panic!("{other:?}"),
    };
    [kind].into_iter().chain(own).collect()
}

pub(super) fn of_changed(it: &ChangedUserData<'_>) -> Tree {
    let own = [
        listed("type", text("changed_user_data")),
        listed("user", of_user(&it.user)),
        maybe("member", it.member.as_deref()),
        maybe("state", it.state.as_ref().map(ContactState::as_str)),
        listed("position", optional(it.position.map(integer))),
    ];
    record(own, &it.extra)
}

pub(super) fn of_push(message: &ServerMessage<'_>) -> Tree {
    let kind = |kind: &str| listed("type", text(kind));
    match message {
        ServerMessage::ContactChanged(it) => {
            let state = listed("state", text(it.state.as_str()));
            let position = listed("position", integer(it.position));
            record([kind("contact"), listed("login", text(&it.login)), state, position], &it.extra)
        }
        ServerMessage::ChangedUserData(it) => of_changed(it),
        ServerMessage::Typing(it) => record([kind("typing"), listed("from", of_sender(&it.from))], &it.extra),
        ServerMessage::ReadBy(it) => {
            let date = listed("date", of_date(&it.date));
            record([kind("read_by"), listed("login", text(&it.login)), date], &it.extra)
        }
        other => panic!("{other:?}"),
    }
}

pub(super) fn of_answer(answer: &Answer<'_>) -> Vec<Entry> {
    match answer {
        Answer::Registered | Answer::Contact | Answer::Updated | Answer::SignedOut => vec![],
        Answer::Invitation(it) => {
            vec![listed("invitation", text(&it.invitation)), listed("until", integer(it.until))]
        }
        Answer::Users { users, more } => vec![listed("data", of_contacts(users)), truth("more", *more)],
        Answer::User(user) => vec![listed("user", of_user(user))],
        Answer::Sessions(sessions) => {
            vec![listed("sessions", Tree::List(sessions.iter().map(of_session).collect()))]
        }
        other => panic!("{other:?}"),
    }
}

fn of_session(it: &SessionInfo<'_>) -> Tree {
    let until = listed("until", optional(it.until.map(integer)));
    record([listed("session", text(&it.session)), truth("current", it.current), until], &it.extra)
}
