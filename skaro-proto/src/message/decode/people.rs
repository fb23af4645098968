//! Reading the messages of the extension `people`. They are rare, so their code is kept apart from that of the usual
//! ones.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::{Lists, position};
use crate::codec::{Decode, Field, Fields, MapReader, Reader, Result, SeqReader, Slot};
use crate::message::client::Request;
use crate::message::entries::ChangedUserData;
use crate::message::people::{ContactState, Invitation, Member, ReadBy, SessionInfo, Typing};
use crate::message::server::{Answer, ServerMessage};
use crate::message::types::Sender;

/// Reads a server's message of any type that is not read elsewhere.
#[cold]
pub(super) fn server_message<'a, R: Reader<'a>>(
    map: &mut MapReader<'_, 'a, R>,
    from: &mut Slot<Sender<'a>>,
    kind: Cow<'a, str>,
) -> Result<ServerMessage<'a>> {
    Ok(match &*kind {
        "changed_user_data" => ServerMessage::ChangedUserData(ChangedUserData {
            user: map.required(Field::User)?,
            member: map.optional(Field::Member)?,
            state: map.optional(Field::State)?,
            position: position(map)?,
            extra: Fields::others(map),
        }),
        "typing" => ServerMessage::Typing(Typing {
            from: map.required_value(Field::From, core::mem::take(from))?,
            extra: Fields::others(map),
        }),
        "read_by" => ServerMessage::ReadBy(ReadBy {
            login: map.required(Field::Login)?,
            date: map.required(Field::Date)?,
            extra: Fields::others(map),
        }),
        _ => ServerMessage::Unknown { kind, message: Fields::all(map) },
    })
}

/// Reads the answer to a request of the extension; `None` if the request does not belong to it.
#[cold]
pub(super) fn answer<'a, R: Reader<'a>>(
    map: &mut MapReader<'_, 'a, R>,
    lists: &mut Option<Lists<'a>>,
    kind: &str,
) -> Result<Option<Answer<'a>>> {
    Ok(Some(match kind {
        "register" => Answer::Registered,
        "invite" => Answer::Invitation(Invitation {
            invitation: map.required(Field::Invitation)?,
            until: map.required(Field::Until)?,
        }),
        "add_contact" | "del_contact" => Answer::Contact,
        "search_contacts" => Answer::Users {
            users: map.required_value(Field::Data, lists.take().unwrap_or_default().contacts)?,
            more: map.required(Field::More)?,
        },
        "get_user_data" => Answer::User(map.required(Field::User)?),
        "update_my_data" => Answer::Updated,
        "get_sessions" => Answer::Sessions(map.required(Field::Sessions)?),
        "sign_out" => Answer::SignedOut,
        _ => return Ok(None),
    }))
}

/// Reads a request of any type that is not read elsewhere.
#[cold]
pub(super) fn request<'a, R: Reader<'a>>(
    map: &mut MapReader<'_, 'a, R>,
    kind: &Cow<'a, str>,
) -> Result<Request<'a>> {
    Ok(match &**kind {
        "register" => Request::Register {
            login: map.required(Field::Login)?,
            password: map.required(Field::Password)?,
            invitation: map.optional(Field::Invitation)?,
            profile: map.optional(Field::Profile)?,
        },
        "invite" => Request::Invite,
        "add_contact" => Request::AddContact {
            login: map.required(Field::Login)?,
            blocked: map.optional(Field::Blocked)?.unwrap_or_default(),
            member: map.optional(Field::Member)?,
            owner: map.optional(Field::Owner)?.unwrap_or_default(),
        },
        "del_contact" => {
            Request::DelContact { login: map.required(Field::Login)?, member: map.optional(Field::Member)? }
        }
        "search_contacts" => Request::SearchContacts {
            prefix: map.required(Field::Prefix)?,
            limit: map.optional(Field::Limit)?,
        },
        "get_user_data" => Request::GetUserData { login: map.required(Field::Login)? },
        "update_my_data" => Request::UpdateMyData {
            login: map.optional(Field::Login)?,
            profile: map.optional(Field::Profile)?,
            password: map.optional(Field::Password)?,
            old_password: map.optional(Field::OldPassword)?,
            end_sessions: map.optional(Field::EndSessions)?.unwrap_or_default(),
        },
        "get_sessions" => Request::GetSessions,
        "sign_out" => Request::SignOut {
            session: map.optional(Field::Session)?,
            others: map.optional(Field::Others)?.unwrap_or_default(),
        },
        _ => Request::Other { kind: kind.clone(), fields: Fields::others(map) },
    })
}

impl<'a> Decode<'a> for ContactState<'a> {
    const EXPECTED: &'static str = "text";

    fn text(word: Cow<'a, str>) -> Slot<Self> {
        Slot::Value(word.into())
    }
}

impl<'a> Decode<'a> for Member<'a> {
    const EXPECTED: &'static str = "a map";

    fn map<R: Reader<'a>>(mut map: MapReader<'_, 'a, R>) -> Result<Slot<Self>> {
        map.store_all()?;
        Ok(member(&mut map).into())
    }
}

fn member<'a, R: Reader<'a>>(map: &mut MapReader<'_, 'a, R>) -> Result<Member<'a>> {
    Ok(Member { login: map.required(Field::Login)?, owner: map.optional(Field::Owner)?.unwrap_or_default() })
}

impl<'a> Decode<'a> for Vec<Member<'a>> {
    const EXPECTED: &'static str = "a list of members";

    fn list<R: Reader<'a>>(list: SeqReader<'_, 'a, R>) -> Result<Slot<Self>> {
        list.items()
    }
}

impl<'a> Decode<'a> for SessionInfo<'a> {
    const EXPECTED: &'static str = "a map";

    fn map<R: Reader<'a>>(mut map: MapReader<'_, 'a, R>) -> Result<Slot<Self>> {
        map.store_all()?;
        Ok(session(&mut map).into())
    }
}

fn session<'a, R: Reader<'a>>(map: &mut MapReader<'_, 'a, R>) -> Result<SessionInfo<'a>> {
    Ok(SessionInfo {
        session: map.required(Field::Session)?,
        current: map.required(Field::Current)?,
        until: map.optional(Field::Until)?,
        extra: Fields::others(map),
    })
}

impl<'a> Decode<'a> for Vec<SessionInfo<'a>> {
    const EXPECTED: &'static str = "a list of sessions";

    fn list<R: Reader<'a>>(list: SeqReader<'_, 'a, R>) -> Result<Slot<Self>> {
        list.items()
    }
}
