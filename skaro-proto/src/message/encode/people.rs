//! Writing the messages of the extension `people`.

use crate::codec::{Encode, Encoder, Field, Start};
use crate::message::client::Request;
use crate::message::entries::{ChangedUserData, ContactChange};
use crate::message::people::{ContactState, Invitation, ReadBy, SessionInfo, Typing};
use crate::message::server::{Answer, ServerMessage};

/// Begins a request of the extension, with its own fields.
#[cold]
#[inline(never)]
pub(super) fn begin<E: Encoder>(request: &Request<'_>, to: &mut E) -> E::Map {
    match request {
        Request::Register { login, password, invitation, profile } => {
            let map = to.begin_message(const { &Start::new("register") });
            to.field(Field::Login, login);
            to.field(Field::Password, password);
            to.optional_field(Field::Invitation, invitation);
            to.optional_field(Field::Profile, profile);
            map
        }
        Request::Invite => to.begin_message(const { &Start::new("invite") }),
        Request::AddContact { login, blocked, member, owner } => {
            let map = to.begin_message(const { &Start::new("add_contact") });
            to.field(Field::Login, login);
            to.flag(Field::Blocked, *blocked);
            to.optional_field(Field::Member, member);
            to.flag(Field::Owner, *owner);
            map
        }
        Request::DelContact { login, member } => {
            let map = to.begin_message(const { &Start::new("del_contact") });
            to.field(Field::Login, login);
            to.optional_field(Field::Member, member);
            map
        }
        Request::SearchContacts { prefix, limit } => {
            let map = to.begin_message(const { &Start::new("search_contacts") });
            to.field(Field::Prefix, prefix);
            to.optional_field(Field::Limit, limit);
            map
        }
        Request::GetUserData { login } => {
            let map = to.begin_message(const { &Start::new("get_user_data") });
            to.field(Field::Login, login);
            map
        }
        Request::UpdateMyData { login, profile, password, old_password, end_sessions } => {
            let map = to.begin_message(const { &Start::new("update_my_data") });
            to.optional_field(Field::Login, login);
            to.optional_field(Field::Profile, profile);
            to.optional_field(Field::Password, password);
            to.optional_field(Field::OldPassword, old_password);
            to.flag(Field::EndSessions, *end_sessions);
            map
        }
        Request::GetSessions => to.begin_message(const { &Start::new("get_sessions") }),
        Request::SignOut { session, others } => {
            let map = to.begin_message(const { &Start::new("sign_out") });
            to.optional_field(Field::Session, session);
            to.flag(Field::Others, *others);
            map
        }
        Request::Typing { login } => {
            let map = to.begin_message(const { &Start::new("typing") });
            to.field(Field::Login, login);
            map
        }
        // All others are written elsewhere.
        other => {
            let map = to.begin_map();
            to.field(Field::Type, other.kind());
            map
        }
    }
}

/// Writes a server's message of the extension. Kept apart, since others are written more often.
#[cold]
#[inline(never)]
pub(super) fn push<E: Encoder>(message: &ServerMessage<'_>, to: &mut E) {
    match message {
        ServerMessage::ContactChanged(change) => change.encode(to),
        ServerMessage::ChangedUserData(changed) => changed.encode(to),
        ServerMessage::Typing(typing) => typing.encode(to),
        ServerMessage::ReadBy(read_by) => read_by.encode(to),
        // All others are written elsewhere.
        _ => (),
    }
}

/// Writes the fields of an answer of the extension, if it has any.
#[cold]
#[inline(never)]
pub(super) fn answer<E: Encoder>(answer: &Answer<'_>, to: &mut E) {
    match answer {
        Answer::Invitation(Invitation { invitation, until }) => {
            to.field(Field::Invitation, invitation);
            to.field(Field::Until, until);
        }
        Answer::Users { users, more } => {
            to.field(Field::Data, users);
            to.field(Field::More, more);
        }
        Answer::User(user) => to.field(Field::User, user),
        Answer::Sessions(sessions) => to.field(Field::Sessions, &**sessions),
        _ => (),
    }
}

impl Encode for ContactState<'_> {
    fn encode<E: Encoder>(&self, to: &mut E) {
        to.text(self.as_str());
    }
}

impl Encode for ContactChange<'_> {
    fn encode<E: Encoder>(&self, to: &mut E) {
        let ContactChange { login, state, position, extra } = self;
        let map = to.begin_message(const { &Start::new("contact") });
        to.field(Field::Login, login);
        to.field(Field::State, state);
        to.field(Field::Position, position);
        extra.encode_fields(to);
        to.end_map(map);
    }
}

impl Encode for ChangedUserData<'_> {
    fn encode<E: Encoder>(&self, to: &mut E) {
        let ChangedUserData { user, member, state, position, extra } = self;
        let map = to.begin_message(const { &Start::new("changed_user_data") });
        to.field(Field::User, user);
        to.optional_field(Field::Member, member);
        to.optional_field(Field::State, state);
        to.optional_field(Field::Position, position);
        extra.encode_fields(to);
        to.end_map(map);
    }
}

impl Encode for Typing<'_> {
    fn encode<E: Encoder>(&self, to: &mut E) {
        let Typing { from, extra } = self;
        let map = to.begin_message(const { &Start::new("typing") });
        to.field(Field::From, from);
        extra.encode_fields(to);
        to.end_map(map);
    }
}

impl Encode for ReadBy<'_> {
    fn encode<E: Encoder>(&self, to: &mut E) {
        let ReadBy { login, date, extra } = self;
        let map = to.begin_message(const { &Start::new("read_by") });
        to.field(Field::Login, login);
        to.field(Field::Date, date);
        extra.encode_fields(to);
        to.end_map(map);
    }
}

impl Encode for SessionInfo<'_> {
    fn encode<E: Encoder>(&self, to: &mut E) {
        let SessionInfo { session, current, until, extra } = self;
        let map = to.begin_map();
        to.field(Field::Session, session);
        to.field(Field::Current, current);
        to.optional_field(Field::Until, until);
        extra.encode_fields(to);
        to.end_map(map);
    }
}
