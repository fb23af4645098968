//! The oracle: what a server should say, told from what it hears.
//!
//! The server answers at once and in order, so all that it says on one connection is one queue of things that are
//! due: [`Model::hears`] foretells them from a client's frame, [`Model::says`] compares them with what the server
//! sends, and [`Model::is_silent`] sees to it that nothing was left out. The messages of each dialog are a list; every
//! history is compared with it.
//!
//! What can't be known from outside is said so: a connection that does not read may be cut off at any moment, and
//! whether its messages are still taken shows only later. Such messages are `Maybe` until somebody sees them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use skaro_proto::message::{Answer, AnswerMessage, ClientMessage, Date, Message, Request, ServerMessage};
use skaro_proto::server::{Config, ConnectionId};
use skaro_proto::{Frame, Time, auth};

use super::sessions::{Restorable, Sessions};

pub(super) type Checked<T = ()> = Result<T, String>;

/// Fails with these words unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($words:tt)*) => {
        if !$condition {
            return Err(format!($($words)*));
        }
    };
}
pub(super) use ensure;

/// A user of the network, by their place in the list.
pub(super) type User = usize;

/// A message that somebody sends, by their place in the list. It is part of the body, so that it is known again.
pub(super) type Number = usize;

/// Whether the server has taken a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Taken {
    No,
    Maybe,
    Yes,
}

/// A message that somebody sends, once.
pub(super) struct Sent {
    from: User,
    to: User,
    body: Box<str>,
    /// How often its frame left the sender's machine, and how often it reached the server.
    pub(super) left: u32,
    arrived: u32,
    pub(super) taken: Taken,
    pub(super) date: Option<i64>,
    place: usize,
}

/// Something that the server has to say next.
enum Due {
    Greeting,
    Refusal {
        number: u64,
        code: u16,
    },
    /// Signing in succeeds, or is refused with this code if one can't know.
    SignedIn {
        number: u64,
        user: User,
        sid: Option<String>,
        or: Option<u16>,
    },
    Registration {
        number: u64,
    },
    Contacts {
        number: u64,
        user: User,
        certain: BTreeSet<User>,
    },
    History {
        number: u64,
        dialog: (User, User),
        length: usize,
    },
    Taken {
        number: u64,
        message: Number,
    },
    Shown {
        message: Number,
        certain: bool,
    },
    Info,
    Error,
    Close(u16),
}

struct Connection {
    token: String,
    user: Option<User>,
    sid: Option<String>,
    due: VecDeque<Due>,
    closing: bool,
    /// Since when it has not taken all that it was sent.
    blocked: Option<Time>,
    opened: Time,
    heard: Time,
    refused: u32,
    faults: u32,
    /// Whether somebody else may have taken its session over.
    shaky: bool,
}

/// What the server should know.
pub(super) struct Model {
    config: Config,
    pub(super) logins: Vec<String>,
    by_login: BTreeMap<String, User>,
    connections: BTreeMap<ConnectionId, Connection>,
    /// All tokens that were ever told.
    tokens: BTreeSet<String>,
    pub(super) sessions: Sessions,
    dialogs: BTreeMap<(User, User), Vec<Number>>,
    contacts: BTreeSet<(User, User)>,
    pub(super) sent: Vec<Sent>,
    /// Messages of which it is not known at first whether they were taken.
    pub(super) uncertain: usize,
}

pub(super) fn password(user: User) -> String {
    format!("password of {user}")
}

/// The number in a body, or in a frame that carries one: `~17~`.
pub(super) fn number_in(bytes: &[u8]) -> Option<Number> {
    // Not every tilde is one of ours: in CBOR it may be a length.
    bytes.split(|byte| *byte == b'~').skip(1).find_map(|part| std::str::from_utf8(part).ok()?.parse().ok())
}

fn key(one: User, other: User) -> (User, User) {
    (one.min(other), one.max(other))
}

impl Model {
    pub(super) fn new(config: Config, users: usize) -> Model {
        const NAMES: [&str; 8] = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"];
        let login = |user: User| match user / NAMES.len() {
            0 => NAMES[user].to_string(),
            round => format!("{}{round}", NAMES[user % NAMES.len()]),
        };
        let logins: Vec<_> = (0..users).map(login).collect();
        Model {
            sessions: Sessions::new(&config, users),
            config,
            by_login: logins.iter().cloned().zip(0..).collect(),
            logins,
            connections: BTreeMap::new(),
            tokens: BTreeSet::new(),
            dialogs: BTreeMap::new(),
            contacts: BTreeSet::new(),
            sent: Vec::new(),
            uncertain: 0,
        }
    }

    pub(super) fn introduce(&mut self, one: User, other: User) {
        if one != other {
            self.contacts.extend([(one, other), (other, one)]);
        }
    }

    /// The server has lost its memory, and with it all connections.
    pub(super) fn restarted(&mut self) {
        self.connections.clear();
        self.sessions = Sessions::new(&self.config, self.logins.len());
        self.dialogs.clear();
        self.contacts.clear();
    }

    /// Somebody is about to send a message; returns its number, which the body has to begin with.
    pub(super) fn compose(&mut self, from: User, to: User, text: &str) -> (Number, String) {
        let number = self.sent.len();
        let body = format!("~{number}~{text}");
        let sent = Sent {
            from,
            to,
            body: body.as_str().into(),
            left: 0,
            arrived: 0,
            taken: Taken::No,
            date: None,
            place: 0,
        };
        self.sent.push(sent);
        (number, body)
    }

    pub(super) fn dialogs(&self) -> impl Iterator<Item = (User, User)> {
        self.dialogs.keys().copied()
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.len()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = ConnectionId> {
        self.connections.keys().copied()
    }

    pub(super) fn token(&self, id: ConnectionId) -> Option<&str> {
        self.connections.get(&id).map(|connection| connection.token.as_str())
    }

    pub(super) fn user(&self, id: ConnectionId) -> Option<User> {
        self.connections.get(&id)?.user
    }

    /// Whether a user is signed in somewhere; `None` if that can't be known.
    pub(super) fn is_online(&self, user: User) -> Option<bool> {
        let theirs = || self.connections.values().filter(|connection| connection.user == Some(user));
        let unknown = |connection: &Connection| connection.blocked.is_some() || connection.shaky;
        let unknown = theirs().any(unknown) || self.connections.values().any(Connection::is_undecided);
        (!unknown).then(|| theirs().any(|connection| !connection.closing))
    }

    /// Whether the model knows what this connection is: if not, it is best ended.
    pub(super) fn is_undecided(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(Connection::is_undecided)
    }

    /// What must hold for a connection at any time.
    pub(super) fn check(&self, id: ConnectionId, now: Time) -> Checked {
        let Some(connection) = self.connections.get(&id) else { return Ok(()) };
        let silence = now - connection.heard;
        let closing = connection.closing || connection.blocked.is_some() || connection.shaky;
        let limit = self.config.keep_alive + if closing { self.config.close_timeout } else { Duration::ZERO };
        ensure!(silence <= limit, "connection {id} is kept after {silence:?} of silence");
        Ok(())
    }

    /// Whether the connection has not taken all that it was sent.
    pub(super) fn is_behind(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(|connection| connection.blocked.is_some())
    }

    /// The server has dropped a connection without a handshake: only if it was silent, or took too long to close.
    pub(super) fn may_be_dropped(&self, id: ConnectionId, now: Time) -> Checked {
        let Some(connection) = self.connections.get(&id) else { return Ok(()) };
        let silence = now - connection.heard;
        let closing = connection.closing || connection.blocked.is_some() || connection.shaky;
        ensure!(closing || silence >= self.config.keep_alive, "connection {id} is dropped after {silence:?}");
        Ok(())
    }

    /// Whoever runs the server was told when a message was taken.
    pub(super) fn told_date(&mut self, message: Number, date: i64) -> Checked {
        self.date(message, Some(date))
    }
}

impl Connection {
    fn is_undecided(&self) -> bool {
        self.due.iter().any(|due| matches!(due, Due::SignedIn { or: Some(_), .. }))
    }
}

/// Connections come and go.
impl Model {
    pub(super) fn connected(&mut self, id: ConnectionId, now: Time) {
        let connection = Connection {
            token: String::new(),
            user: None,
            sid: None,
            due: VecDeque::from([Due::Greeting]),
            closing: false,
            blocked: None,
            opened: now,
            heard: now,
            refused: 0,
            faults: 0,
            shaky: false,
        };
        self.connections.insert(id, connection);
    }

    /// Something came that says no more than that the other end is alive.
    pub(super) fn heard(&mut self, id: ConnectionId, now: Time) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.heard = now;
        }
    }

    /// The connection is gone, for the server too.
    pub(super) fn ended(&mut self, id: ConnectionId, now: Time) {
        self.sign_out(id, now);
        self.connections.remove(&id);
    }

    fn sign_out(&mut self, id: ConnectionId, now: Time) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        // One that did not read may have been cut off earlier.
        let earliest = connection.blocked.unwrap_or(now);
        if let Some(sid) = connection.sid.take() {
            self.sessions.detach(&sid, id, earliest, now);
        }
        connection.user = None;
        connection.closing = true;
    }

    fn close_due(&mut self, id: ConnectionId, code: u16, now: Time) {
        let Some(connection) = self.connections.get_mut(&id).filter(|connection| !connection.closing) else {
            return;
        };
        connection.due.push_back(Due::Close(code));
        self.sign_out(id, now);
    }

    pub(super) fn announced(&mut self) {
        for connection in self.connections.values_mut().filter(|connection| !connection.closing) {
            connection.due.push_back(Due::Info);
        }
    }

    pub(super) fn shut_down(&mut self, now: Time) {
        self.announced();
        let ids: Vec<_> = self.ids().collect();
        ids.into_iter().for_each(|id| self.close_due(id, 1001, now));
    }
}

/// What the server hears.
impl Model {
    pub(super) fn hears(&mut self, id: ConnectionId, frame: Frame<'_>, now: Time) -> Checked {
        self.heard(id, now);
        let Some(connection) = self.connections.get_mut(&id).filter(|connection| !connection.closing) else {
            return Ok(());
        };
        if frame.as_bytes().len() > self.config.limits.frame {
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
                if connection.faults >= self.config.faults {
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

    pub(super) fn oversized(&mut self, id: ConnectionId, now: Time) {
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
            Request::Authorize { login, proof } => return self.authorize(id, number, &login, &proof, now),
            Request::SessionRestore { sid } => return self.restore(id, number, &sid, now),
            Request::RegisterType => Due::Registration { number },
            Request::GetContacts => user.map_or_else(
                |refusal| refusal,
                |user| Due::Contacts { number, user, certain: self.certain_contacts(user) },
            ),
            Request::GetHistory { login } => match (user, self.by_login.get(&*login)) {
                (Err(refusal), _) => refusal,
                (_, None) => refusal(404),
                (Ok(user), Some(other)) => {
                    let dialog = key(user, *other);
                    Due::History { number, dialog, length: self.dialogs.get(&dialog).map_or(0, Vec::len) }
                }
            },
            Request::SendMessage { to, body } => match (user, self.by_login.get(&*to).copied()) {
                (Err(refusal), _) => refusal,
                (_, None) => refusal(404),
                _ if body.len() > self.config.limits.body => refusal(413),
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

    fn owe(&mut self, id: ConnectionId, due: Due) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.due.push_back(due);
        }
    }

    /// A message reached the server: from a connection, with its request's number, or from whoever runs the server.
    pub(super) fn arrived(&mut self, origin: Option<(ConnectionId, u64)>, message: Number) {
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
        let limit = self.config.connections_per_user;
        let online = |connection: &&Connection| connection.user == Some(user) && !connection.closing;
        let theirs = self.connections.values().filter(online);
        let (count, unknown) = theirs.fold((0, 0), |(count, unknown), it| {
            (count + 1, unknown + usize::from(it.blocked.is_some() || it.shaky || it.is_undecided()))
        });
        let undecided = self.connections.values().filter(|it| it.is_undecided() && it.user.is_none()).count();
        if count - unknown >= limit {
            return self.refuse_sign_in(id, number, 429, now);
        }
        let or = (count + undecided >= limit).then_some(429);
        self.sign_in(id, number, user, None, or);
    }

    fn restore(&mut self, id: ConnectionId, number: u64, sid: &str, now: Time) {
        if self.user(id).is_some() {
            return self.refuse_sign_in(id, number, 409, now);
        }
        let (user, or) = match self.sessions.find(sid, now) {
            Restorable::No => return self.refuse_sign_in(id, number, 401, now),
            Restorable::Perhaps(user) => (user, Some(401)),
            // Who is behind may have been cut off, and is not heard any more.
            Restorable::Yes(user) => (user, self.is_behind(id).then_some(401)),
        };
        let holder = self.sessions.holder(sid).filter(|holder| *holder != id);
        if or.is_none() {
            holder.into_iter().for_each(|holder| self.close_due(holder, 1008, now));
            self.sessions.attach(sid, id);
        } else {
            let holder = holder.and_then(|holder| self.connections.get_mut(&holder));
            holder.into_iter().for_each(|holder| holder.shaky = true);
            self.sessions.unclear(sid);
        }
        self.sign_in(id, number, user, Some(sid.into()), or);
    }

    fn sign_in(&mut self, id: ConnectionId, number: u64, user: User, sid: Option<String>, or: Option<u16>) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if or.is_none() {
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

    fn refused(&mut self, id: ConnectionId, now: Time) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.refused += 1;
        if connection.refused >= self.config.sign_in_attempts {
            self.close_due(id, 1008, now);
        }
    }
}

/// What the server says.
impl Model {
    /// The server sends a frame: that is what was due, or it is wrong. Returns the message that it shows, if any.
    pub(super) fn says(
        &mut self,
        id: ConnectionId,
        message: &ServerMessage<'_>,
        now: Time,
    ) -> Checked<Option<Number>> {
        let Some(connection) = self.connections.get_mut(&id) else {
            return Err(format!("the server speaks on connection {id}, which has ended"));
        };
        let shown = match message {
            ServerMessage::ShowMessage(message) => number_in(message.body.as_bytes()),
            _ => None,
        };
        let due = loop {
            match connection.due.pop_front() {
                // A message that was perhaps not taken is perhaps not shown.
                Some(Due::Shown { message, certain: false }) if shown != Some(message) => (),
                due => break due,
            }
        };
        let Some(due) = due else {
            let expired = now - connection.opened >= self.config.sign_in_timeout && connection.user.is_none();
            let is_notice = matches!(message, ServerMessage::Error(_)) && expired;
            ensure!(is_notice, "the server says on connection {id} what nobody asked for: {message:?}");
            return Ok(None);
        };
        let matches = match (&due, message) {
            (Due::Greeting, ServerMessage::CheckConnection(challenge)) => {
                let is_new = self.tokens.insert(challenge.token.to_string());
                ensure!(is_new, "connection {id} gets a token that another one had");
                connection.token = challenge.token.to_string();
                true
            }
            (Due::Info, ServerMessage::Info(_)) | (Due::Error, ServerMessage::Error(_)) => true,
            (Due::Shown { message: number, .. }, ServerMessage::ShowMessage(message)) => {
                return self.shows(*number, message).map(|()| shown);
            }
            (due, ServerMessage::Answer(answer)) => return self.answers(id, due, answer, now).map(|()| None),
            _ => false,
        };
        ensure!(matches, "{} was due on connection {id}, the server says {message:?}", due.name());
        Ok(None)
    }

    /// The server begins to close a connection: because it had to, or because it could not be known.
    pub(super) fn closes(&mut self, id: ConnectionId, code: u16, now: Time) -> Checked {
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let due = std::mem::take(&mut connection.due);
        let first = due.iter().find(|due| !matches!(due, Due::Shown { certain: false, .. }));
        let too_late = connection.user.is_none() && now - connection.opened >= self.config.sign_in_timeout;
        let unknown = connection.blocked.is_some() || connection.shaky || too_late;
        ensure!(
            matches!(first, Some(Due::Close(expected)) if *expected == code) || unknown && code == 1008,
            "the server closes connection {id} with code {code}, and {} was due",
            first.map_or("nothing", Due::name)
        );
        self.sign_out(id, now);
        Ok(())
    }

    /// The server has nothing more to say on this connection, so nothing is due.
    pub(super) fn is_silent(&mut self, id: ConnectionId) -> Checked {
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        connection.blocked = None;
        // What was perhaps to be shown was not, then.
        connection.due.retain(|due| !matches!(due, Due::Shown { certain: false, .. }));
        let due = connection.due.front().map(Due::name);
        ensure!(
            due.is_none(),
            "the server says nothing on connection {id} although {} is due",
            due.unwrap_or("")
        );
        Ok(())
    }

    /// The server may have more to say, but the connection takes no more.
    pub(super) fn is_blocked(&mut self, id: ConnectionId, now: Time) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.blocked.get_or_insert(now);
        }
    }

    fn shows(&mut self, number: Number, message: &Message<'_>) -> Checked {
        self.sees(number, message)?;
        let date = message.date.as_ref().and_then(Date::as_integer);
        self.date(number, date)
    }

    fn sees(&self, number: Number, message: &Message<'_>) -> Checked {
        let sent = &self.sent[number];
        let (from, to) = (&self.logins[sent.from], &self.logins[sent.to]);
        ensure!(
            message.from.login == *from && message.to == *to && message.body == *sent.body,
            "message {number} from {from} to {to} was due, the server shows {message:?}"
        );
        Ok(())
    }

    /// The server has told when it took a message: always the same, and later than those before it.
    fn date(&mut self, number: Number, date: Option<i64>) -> Checked {
        let Some(date) = date else { return Err(format!("message {number} has no date")) };
        let sent = &self.sent[number];
        ensure!(sent.taken != Taken::No, "message {number} was not taken, but is shown");
        ensure!(sent.arrived == 1, "message {number} was taken {} times", sent.arrived);
        if let Some(told) = sent.date {
            ensure!(told == date, "message {number} has the dates {told} and {date}");
            return Ok(());
        }
        let dialog = self.dialogs.get(&key(sent.from, sent.to)).map_or(&[][..], Vec::as_slice);
        let date_of = |number: &Number| self.sent[*number].date;
        // After a restart it is another dialog, and this message not in it.
        if dialog.get(sent.place) == Some(&number) {
            let before = dialog[..sent.place].iter().rev().find_map(date_of);
            let after = dialog[sent.place..].iter().find_map(date_of);
            let in_order = before < Some(date) && after.is_none_or(|after| date < after);
            ensure!(in_order, "message {number} has the date {date}, between {before:?} and {after:?}");
        }
        let (from, to) = (sent.from, sent.to);
        self.sent[number].date = Some(date);
        self.sent[number].taken = Taken::Yes;
        self.introduce(from, to);
        Ok(())
    }

    fn answers(&mut self, id: ConnectionId, due: &Due, answer: &AnswerMessage<'_>, now: Time) -> Checked {
        let name = due.name();
        let wrong = || format!("{name} was due on connection {id}, the server says {answer:?}");
        ensure!(due.number() == Some(answer.id), "{}", wrong());
        match (due, &answer.outcome) {
            (Due::Refusal { code, .. }, Err(refusal)) => {
                let status = refusal.status.as_ref().map_or(0, |status| status.code());
                ensure!(status == *code, "{code} was due: {}", wrong());
                Ok(())
            }
            (Due::SignedIn { user, sid, or, .. }, Ok(Answer::Authorized(said) | Answer::Restored(said))) => {
                ensure!(said.user.login == self.logins[*user], "{}", wrong());
                let restored = matches!(answer.outcome, Ok(Answer::Restored(_)));
                ensure!(restored == sid.is_some(), "{}", wrong());
                let is_known = self.sessions.user(&said.session_id) == Some(*user);
                ensure!(is_known == restored, "the session of {id} is not one of its own");
                ensure!(sid.as_ref().is_none_or(|sid| *sid == said.session_id), "{}", wrong());
                self.signed_in(id, *user, &said.session_id, or.is_some(), now);
                Ok(())
            }
            (Due::SignedIn { or: Some(code), .. }, Err(refusal)) => {
                let status = refusal.status.as_ref().map_or(0, |status| status.code());
                ensure!(status == *code, "{}", wrong());
                self.refused(id, now);
                Ok(())
            }
            (Due::Registration { .. }, Ok(Answer::RegisterType(_))) => Ok(()),
            (Due::Contacts { user, certain, .. }, Ok(Answer::Contacts(contacts))) => {
                let place = |login: &str| self.by_login.get(login).copied();
                let told: BTreeSet<_> = contacts.0.iter().filter_map(|it| place(&it.login)).collect();
                let all = told.is_superset(certain) || told.len() == self.config.contacts;
                let possible = |other: &User| certain.contains(other) || self.have_talked(*user, *other);
                ensure!(all && told.iter().all(possible), "contacts {certain:?} were due: {}", wrong());
                Ok(())
            }
            (Due::History { dialog, length, .. }, Ok(Answer::History(history))) => {
                self.compare(*dialog, *length, &history.messages)
            }
            (Due::Taken { message, .. }, Ok(Answer::MessageSent(date))) => {
                self.date(*message, date.as_ref().and_then(Date::as_integer))
            }
            _ => Err(wrong()),
        }
    }

    /// Whether there may be a dialog between these two.
    fn have_talked(&self, one: User, other: User) -> bool {
        self.dialogs.contains_key(&key(one, other))
    }

    fn signed_in(&mut self, id: ConnectionId, user: User, sid: &str, was_unknown: bool, now: Time) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        // It may be over already: then the session can be restored.
        let ended = connection.closing;
        if !ended {
            connection.user = Some(user);
            connection.sid = Some(sid.into());
        }
        self.sessions.told(sid, user, id, ended.then_some((connection.opened, now)));
        if was_unknown {
            self.sessions.attach(sid, id);
        }
    }

    /// A history must be the end of the list of messages as it was when it was asked for.
    fn compare(&mut self, dialog: (User, User), length: usize, messages: &[Message<'_>]) -> Checked {
        let all = self.dialogs.get(&dialog).map_or(Vec::new(), |all| all[..length.min(all.len())].to_vec());
        let mut rest = all.iter().rev();
        for message in messages.iter().rev() {
            let number = number_in(message.body.as_bytes());
            let Some(number) = number.filter(|number| *number < self.sent.len()) else {
                return Err(format!("nobody sent what is in the history of {dialog:?}: {message:?}"));
            };
            loop {
                let Some(expected) = rest.next() else {
                    return Err(format!(
                        "message {number} is in the history of {dialog:?} by mistake, or twice"
                    ));
                };
                if *expected == number {
                    break;
                }
                let taken = &mut self.sent[*expected].taken;
                ensure!(*taken != Taken::Yes, "message {expected} is missing in the history of {dialog:?}");
                *taken = Taken::No;
            }
            self.sees(number, message)?;
            self.date(number, message.date.as_ref().and_then(Date::as_integer))?;
        }
        let limit = self.config.history.min(self.config.history_answer);
        let missing = rest.find(|number| self.sent[**number].taken == Taken::Yes);
        // Large histories are cut to what fits; see `Config::answer` and `Config::history_bytes`.
        let large = all.iter().map(|number| self.sent[*number].body.len()).sum::<usize>() > 100 << 10;
        ensure!(
            missing.is_none() || messages.len() == limit || large,
            "message {missing:?} is missing at the beginning of the history of {dialog:?}"
        );
        Ok(())
    }
}

impl Due {
    fn number(&self) -> Option<u64> {
        match self {
            Due::Refusal { number, .. }
            | Due::SignedIn { number, .. }
            | Due::Registration { number }
            | Due::Contacts { number, .. }
            | Due::History { number, .. }
            | Due::Taken { number, .. } => Some(*number),
            _ => None,
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Due::Greeting => "the greeting",
            Due::Refusal { .. } => "a refusal",
            Due::SignedIn { .. } => "the answer to a sign-in",
            Due::Registration { .. } => "the answer to register_type",
            Due::Contacts { .. } => "the answer to get_contacts",
            Due::History { .. } => "the answer to get_history",
            Due::Taken { .. } => "the answer to send_message",
            Due::Shown { .. } => "a message",
            Due::Info => "an info",
            Due::Error => "an error",
            Due::Close(_) => "the end",
        }
    }
}
