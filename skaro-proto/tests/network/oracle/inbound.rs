//! The oracle's ears: what a client's frame makes due.

use std::collections::BTreeSet;

use skaro_proto::message::{ClientMessage, Request};
use skaro_proto::server::ConnectionId;
use skaro_proto::{Frame, Time, auth};

use super::sessions::Restorable;
use super::{Checked, Connection, Due, Model, Number, Taken, User, ensure, key, number_in, password};

/// What the server hears.
impl Model {
    pub fn hears(&mut self, id: ConnectionId, frame: Frame<'_>, now: Time) -> Checked {
        self.heard(id, now);
        let Some(connection) = self.connections.get_mut(&id).filter(|connection| !connection.closing) else {
            return Ok(());
        };
        let is_stranger = connection.user.is_none() && connection.blocked.is_none() && !connection.shaky;
        let limit = if is_stranger {
            self.config.max_stranger_frame_bytes
        } else {
            self.config.limits.max_frame_bytes
        };
        if frame.as_bytes().len() > limit {
            self.oversized(id, now);
            return Ok(());
        }
        match ClientMessage::decode(frame) {
            Ok(message) => {
                self.is_own(id, &message.request)?;
                self.request(id, message, now);
            }
            Err(rejected) => {
                connection.due.push_back(match rejected.request {
                    Some((number, _)) => Due::Refusal { number, code: 400 },
                    None => Due::Error,
                });
                connection.faults += 1;
                if connection.faults >= self.config.max_invalid_frames {
                    self.close_due(id, 1008, now);
                }
            }
        }
        Ok(())
    }

    /// What one user wrote must not come in another's name.
    fn is_own(&self, id: ConnectionId, request: &Request<'_>) -> Checked {
        let (Request::SendMessage { body, .. }, Some(user)) = (request, self.user(id)) else { return Ok(()) };
        let from = number_in(body.as_bytes()).and_then(|number| self.sent.get(number)).map(|sent| sent.from);
        ensure!(from.is_none_or(|from| from == user), "what {from:?} wrote comes in the name of {user}");
        Ok(())
    }

    pub fn oversized(&mut self, id: ConnectionId, now: Time) {
        let Some(connection) = self.connections.get_mut(&id).filter(|connection| !connection.closing) else {
            return;
        };
        connection.due.push_back(Due::Error);
        self.close_due(id, 1009, now);
    }

    fn request(&mut self, id: ConnectionId, message: ClientMessage<'_>, now: Time) {
        let number = message.on_request;
        let refusal = |code| Due::Refusal { number, code };
        let user = self.user(id).ok_or(refusal(401));
        let due = match message.request {
            Request::Authorize { login, proof, .. } => {
                return self.authorize(id, number, &login, &proof, now);
            }
            Request::SessionRestore { sid, .. } => return self.restore(id, number, &sid, now),
            Request::RegisterType => Due::Registration { number },
            Request::GetContacts => user.map_or_else(
                |refusal| refusal,
                |user| Due::Contacts { number, user, certain: self.certain_contacts(user) },
            ),
            Request::GetHistory { login, .. } => match (user, self.by_login.get(&*login)) {
                (Err(refusal), _) => refusal,
                (_, None) => refusal(404),
                (Ok(user), Some(other)) => {
                    let dialog = key(user, *other);
                    Due::History { number, dialog, length: self.dialogs.get(&dialog).map_or(0, Vec::len) }
                }
            },
            Request::SendMessage { to, body, .. } => match (user, self.by_login.get(&*to).copied()) {
                (Err(refusal), _) => refusal,
                (_, None) => refusal(404),
                _ if body.len() > self.config.limits.max_body_bytes => refusal(413),
                (Ok(_), Some(_)) => match number_in(body.as_bytes()) {
                    Some(message) => return self.arrived(Some((id, number)), message),
                    // Nobody in this network sends such.
                    None => return,
                },
            },
            _ => refusal(501),
        };
        self.owe(id, due);
    }

    pub fn owe(&mut self, id: ConnectionId, due: Due) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.due.push_back(due);
        }
    }

    /// A message reached the server: from a connection, with its request's number, or from whoever runs the server.
    pub fn arrived(&mut self, origin: Option<(ConnectionId, u64)>, message: Number) {
        let sent = &mut self.sent[message];
        let (from, to) = (sent.from, sent.to);
        let origin_id = origin.map(|(id, _)| id);
        let blocked = |id| self.connections.get(&id).is_some_and(|it| it.blocked.is_some() || it.shaky);
        let certain = !origin_id.is_some_and(blocked);
        sent.arrived += 1;
        sent.taken = if certain { Taken::Yes } else { Taken::Maybe };
        self.uncertain += usize::from(!certain);
        let dialog = self.dialogs.entry(key(from, to)).or_default();
        sent.place = dialog.len();
        dialog.push(message);
        if certain {
            self.introduce(from, to);
        }
        for (id, connection) in &mut self.connections {
            let concerned = connection.user.is_some_and(|user| user == from || user == to);
            if concerned && Some(*id) != origin_id && !connection.closing {
                connection.due.push_back(Due::Shown { message, certain });
            }
        }
        if let Some((id, number)) = origin {
            self.owe(id, Due::Taken { number, message });
        }
    }

    fn certain_contacts(&self, user: User) -> BTreeSet<User> {
        if self.config.open_directory {
            return (0..self.logins.len()).filter(|other| *other != user).collect();
        }
        self.contacts.range((user, 0)..(user + 1, 0)).map(|(_, other)| *other).collect()
    }

    fn authorize(&mut self, id: ConnectionId, number: u64, login: &str, proof: &str, now: Time) {
        let Some(connection) = self.connections.get(&id) else { return };
        if connection.user.is_some() {
            return self.refuse_sign_in(id, number, 409, now);
        }
        let user = self.by_login.get(login).copied();
        let proven = user.filter(|user| proof == auth::proof(&password(*user), &connection.token));
        let Some(user) = proven else { return self.refuse_sign_in(id, number, 401, now) };
        let limit = self.config.max_connections_per_user;
        let online = |connection: &&Connection| connection.user == Some(user) && !connection.closing;
        let theirs = self.connections.values().filter(online);
        let (count, unknown) = theirs.fold((0, 0), |(count, unknown), it| {
            (count + 1, unknown + usize::from(it.blocked.is_some() || it.shaky || it.is_undecided()))
        });
        let undecided = self.connections.values().filter(|it| it.is_undecided() && it.user.is_none()).count();
        if count - unknown >= limit {
            return self.refuse_sign_in(id, number, 429, now);
        }
        let or: &[u16] = if count + undecided >= limit { &[429] } else { &[] };
        self.sign_in(id, number, user, None, or);
    }

    fn restore(&mut self, id: ConnectionId, number: u64, sid: &str, now: Time) {
        if self.user(id).is_some() {
            return self.refuse_sign_in(id, number, 409, now);
        }
        let holder = self.sessions.holder(sid).filter(|holder| *holder != id);
        let newer = holder.filter(|holder| *holder > id);
        let (user, is_certain) = match self.sessions.find(sid, now) {
            Restorable::No => return self.refuse_sign_in(id, number, 401, now),
            Restorable::Perhaps(user) => (user, false),
            Restorable::Yes(user) => (user, true),
        };
        // Who is behind may have been cut off: then it has no session any more, and is not heard.
        let is_certain = is_certain && !self.is_behind(newer.unwrap_or(id));
        if newer.is_some() && is_certain {
            return self.refuse_sign_in(id, number, 409, now);
        }
        let or: &[u16] = if is_certain { &[] } else { &[401, 409] };
        if is_certain {
            holder.into_iter().for_each(|holder| self.close_due(holder, 4001, now));
            self.sessions.attach(sid, id);
        } else {
            let holder = holder.and_then(|holder| self.connections.get_mut(&holder));
            holder.into_iter().for_each(|holder| holder.shaky = true);
            self.sessions.unclear(sid);
        }
        self.sign_in(id, number, user, Some(sid.into()), or);
    }

    fn sign_in(
        &mut self,
        id: ConnectionId,
        number: u64,
        user: User,
        sid: Option<String>,
        or: &'static [u16],
    ) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if or.is_empty() {
            connection.user = Some(user);
            connection.sid = sid.clone();
        }
        if sid.is_none() {
            self.sessions.begun(user);
        }
        connection.due.push_back(Due::SignedIn { number, user, sid, or });
    }

    fn refuse_sign_in(&mut self, id: ConnectionId, number: u64, code: u16, now: Time) {
        self.owe(id, Due::Refusal { number, code });
        self.refused(id, now);
    }

    pub fn refused(&mut self, id: ConnectionId, now: Time) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.refused += 1;
        if connection.refused >= self.config.max_sign_in_attempts {
            self.close_due(id, 1008, now);
        }
    }
}
