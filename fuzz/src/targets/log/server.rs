//! A server whose clients ask for any position, acknowledge anything and use keys again: entries come in order and
//! without holes, a window of them at most, each request is answered once, a key means one message.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use skaro_proto::message::{Answer, ClientMessage, Page, Request, ServerMessage, Since};
use skaro_proto::server::{ConnectionId, Server, ServerConfig};
use skaro_proto::{Format, Time, Transmit, auth};

use super::super::{Choices, direction};

const USERS: [&str; 3] = ["alice", "bob", "carol"];
const CONNECTIONS: usize = 6;
const WINDOW: u64 = 256;

pub fn run(choices: &mut Choices<'_>) {
    let mut config = ServerConfig::default();
    (config.message_rate, config.frame_rate, config.max_strangers) = (None, None, None);
    (config.max_dialog_messages, config.max_log_entries) =
        (choices.pick(&[3, 400]), choices.pick(&[8, 1000]));
    config.max_connections_per_user = CONNECTIONS + 1;
    let mut server = Server::new(config, [1; 32]);
    USERS.iter().for_each(|login| server.add_user(login, login).expect("a new user"));
    let mut run = Run {
        server,
        now: Time::from_secs(1),
        connections: Default::default(),
        known: BTreeMap::new(),
        given: BTreeMap::new(),
    };
    while !choices.is_empty() {
        run.step(choices);
    }
    run.finish();
}

struct Connection {
    id: ConnectionId,
    user: usize,
    format: Format,
    numbers: u64,
    /// The last position that came and the last one that was acknowledged, with a cursor.
    cursor: Option<(u64, u64)>,
    /// Requests that have no answer.
    due: VecDeque<Due>,
}

enum Due {
    Send { key: Option<usize>, to: usize, body: String },
    Page(Page),
    Other,
}

/// The first message with a key.
struct Known {
    to: usize,
    body: String,
    position: u64,
}

struct Run {
    server: Server,
    now: Time,
    connections: [Option<Connection>; CONNECTIONS],
    /// By their senders and keys.
    known: BTreeMap<(usize, usize), Known>,
    /// All that was ever sent with a key, answered or not: recipients and bodies.
    given: BTreeMap<(usize, usize), BTreeSet<(usize, String)>>,
}

impl Run {
    fn step(&mut self, choices: &mut Choices<'_>) {
        let n = choices.below(CONNECTIONS);
        match choices.below(16) {
            0..2 => self.sign_in(n, choices),
            2 => self.cut(n),
            3..7 => self.send(n, choices),
            7 => {
                let up_to = u64::from(choices.byte());
                let request = Request::Read { login: choices.pick(&USERS).into(), up_to };
                self.ask(n, request, Due::Other);
            }
            8 => {
                let mut position = || choices.flag().then(|| u64::from(choices.byte()));
                let mut page = Page::default();
                (page.before, page.after, page.limit) = (position(), position(), position());
                page.limit = page.limit.map(|limit| limit.max(1));
                let request = Request::GetHistory { login: choices.pick(&USERS).into(), page };
                self.ask(n, request, Due::Page(page));
            }
            9 => self.ask(n, Request::GetContacts, Due::Other),
            10 => {
                let (from, to) = (choices.pick(&USERS), choices.pick(&USERS));
                for _ in 0..=choices.byte() {
                    self.server.post(self.now, from, to, "hello").expect("users who exist");
                }
            }
            11..14 => _ = (0..=choices.byte()).all(|_| self.take(n)),
            14 => self.acknowledge(n, choices),
            _ => {
                self.now = self.now + Duration::from_secs(choices.byte().into());
                self.server.handle_timeout(self.now);
            }
        }
    }

    fn cut(&mut self, n: usize) {
        if let Some(connection) = self.connections[n].take() {
            self.server.handle_disconnected(self.now, connection.id);
        }
    }

    fn sign_in(&mut self, n: usize, choices: &mut Choices<'_>) {
        self.cut(n);
        let (user, format) = (choices.below(USERS.len()), choices.pick(&[Format::Json, Format::Cbor]));
        let since = match choices.below(4) {
            0 => None,
            1 => Some(Since::Head),
            _ => Some(Since::Position(choices.byte().into())),
        };
        let is_same = choices.below(4) != 3;
        let log = if is_same { self.look(user).0 } else { "another".into() };
        let (id, told) = self.connect(user, format, since, &log);
        assert_eq!(told.is_some(), since.is_some());
        let cursor = told.map(|(_, head, begin)| {
            assert!(begin <= head);
            match since {
                Some(Since::Head) => assert_eq!(begin, head),
                Some(Since::Position(position)) if is_same && begin != position => {
                    assert!(position > head || position < begin, "{position} is between {begin} and {head}");
                }
                _ => (),
            }
            (begin, begin)
        });
        self.connections[n] = Some(Connection { id, user, format, numbers: 1, cursor, due: VecDeque::new() });
    }

    /// Signs in on a new connection; returns the log's id, its head, and where the cursor begins.
    fn connect(
        &mut self,
        user: usize,
        format: Format,
        since: Option<Since>,
        log: &str,
    ) -> (ConnectionId, Option<(String, u64, u64)>) {
        let id = self.server.connect(self.now, Some(format)).expect("room for a connection");
        let ServerMessage::CheckConnection(challenge) = self.next(id).expect("a challenge") else { panic!() };
        let proof = auth::proof(USERS[user], &challenge.token);
        let log = since.is_some().then(|| log.to_owned().into());
        let login = USERS[user].into();
        self.say(
            id,
            format,
            &ClientMessage::new(
                1,
                Request::Authorize { login, proof: proof.into(), since, log, presence: false },
            ),
        );
        let Some(ServerMessage::Answer(answer)) = self.next(id) else { panic!("no answer") };
        let Ok(Answer::Authorized(signed_in)) = answer.outcome else { panic!("{answer:?}") };
        (id, signed_in.cursor.map(|cursor| (cursor.log.into_owned(), cursor.head, cursor.begin)))
    }

    /// Returns the id of a user's log, and its head.
    fn look(&mut self, user: usize) -> (String, u64) {
        let (id, told) = self.connect(user, Format::Cbor, Some(Since::Head), "");
        self.server.handle_disconnected(self.now, id);
        let (log, head, _) = told.expect("a cursor");
        (log, head)
    }

    fn say(&mut self, id: ConnectionId, format: Format, message: &ClientMessage<'_>) {
        let bytes = message.encode(format);
        _ = self.server.handle_frame(self.now, id, direction::frame(format, &bytes));
    }

    fn next(&mut self, id: ConnectionId) -> Option<ServerMessage<'static>> {
        loop {
            match self.server.poll_transmit(id)? {
                Transmit::Frame(frame) => {
                    let message = ServerMessage::decode(frame).expect("a server writes what a client reads");
                    return Some(message.into_owned());
                }
                Transmit::Ping => (),
                _ => return None,
            }
        }
    }

    fn ask(&mut self, n: usize, request: Request<'_>, due: Due) {
        let Some(connection) = &mut self.connections[n] else { return };
        connection.numbers += 1;
        connection.due.push_back(due);
        let (id, format, number) = (connection.id, connection.format, connection.numbers);
        self.say(id, format, &ClientMessage::new(number, request));
    }

    /// Sends a message, with one of a few keys or none, and one of a few texts.
    fn send(&mut self, n: usize, choices: &mut Choices<'_>) {
        let (to, body) = (choices.below(USERS.len()), choices.below(2).to_string());
        let key = choices.flag().then(|| choices.below(4));
        let text = key.map(|key| format!("key {key}").into());
        let request = Request::SendMessage { to: USERS[to].into(), body: body.clone().into(), key: text };
        if let (Some(key), Some(connection)) = (key, &self.connections[n]) {
            self.given.entry((connection.user, key)).or_default().insert((to, body.clone()));
        }
        self.ask(n, request, Due::Send { key, to, body });
    }

    /// Acknowledges something; what was not sent is an error, which changes nothing.
    fn acknowledge(&mut self, n: usize, choices: &mut Choices<'_>) {
        let Some(connection) = &mut self.connections[n] else { return };
        let position = connection.cursor.map_or(0, |(position, _)| position);
        let upto = match choices.below(8) {
            7 => position + 1000,
            _ => position.saturating_sub(choices.below(8) as u64),
        };
        if let Some((position, acknowledged)) = &mut connection.cursor
            && upto <= *position
        {
            *acknowledged = upto.max(*acknowledged);
        }
        let (id, format) = (connection.id, connection.format);
        self.say(id, format, &ClientMessage::ack(upto));
    }

    /// Takes the next message that waits for a connection; returns whether there was one.
    fn take(&mut self, n: usize) -> bool {
        let Some(id) = self.connections[n].as_ref().map(|connection| connection.id) else { return false };
        let Some(message) = self.next(id) else {
            if !self.server.has_connection(id) {
                self.connections[n] = None;
            }
            return false;
        };
        let Some(connection) = &mut self.connections[n] else { return false };
        if let (Some(at), Some((position, acknowledged))) = (message.position(), &mut connection.cursor) {
            assert_eq!(at, *position + 1, "{message:?}");
            *position = at;
            assert!(at - *acknowledged <= WINDOW, "{at} is on its way after {acknowledged}");
        }
        match message {
            ServerMessage::Answer(answer) => {
                let due = connection.due.pop_front().expect("a request");
                let user = connection.user;
                self.answered(
                    user,
                    due,
                    answer.outcome.map_err(|refusal| refusal.status.map(|it| it.code())),
                );
            }
            ServerMessage::Error(_) | ServerMessage::Info(_) => (),
            message => assert_eq!(message.position().is_some(), connection.cursor.is_some(), "{message:?}"),
        }
        true
    }

    fn answered(&mut self, user: usize, due: Due, outcome: Result<Answer<'_>, Option<u16>>) {
        match (due, outcome) {
            (Due::Send { key: Some(key), to, body }, outcome) => {
                let known = self.known.get(&(user, key));
                let is_same = known.is_none_or(|known| known.to == to && known.body == body);
                match outcome {
                    Ok(Answer::MessageSent { position: Some(position), .. }) => {
                        assert!(is_same, "another message with a key that was used");
                        let known = self.known.entry((user, key)).or_insert(Known { to, body, position });
                        assert_eq!(known.position, position, "the answer to a repetition is another one");
                    }
                    // The other one's answer may still wait on another connection, or be lost with it.
                    Err(Some(409)) => {
                        assert!(self.given[&(user, key)].len() > 1, "a key that was used for nothing else");
                    }
                    other => panic!("{other:?}"),
                }
            }
            (Due::Page(page), Ok(Answer::History(history))) => {
                let positions: Vec<_> = history.iter().filter_map(|message| message.position).collect();
                assert!(positions.is_sorted_by(|one, next| one < next), "{positions:?}");
                let most = page.limit.unwrap_or(200).min(200) as usize;
                assert!(history.len() <= most, "{} messages for {page:?}", history.len());
                let is_within = |at: &u64| {
                    page.before.is_none_or(|before| *at < before)
                        && page.after.is_none_or(|after| *at > after)
                };
                assert!(positions.iter().all(is_within), "{positions:?} for {page:?}");
            }
            _ => (),
        }
    }

    fn acknowledge_all(&mut self, n: usize) {
        let Some(Connection { id, format, cursor: Some((position, acknowledged)), .. }) =
            &mut self.connections[n]
        else {
            return;
        };
        *acknowledged = *position;
        let (id, format, ack) = (*id, *format, ClientMessage::ack(*position));
        self.say(id, format, &ack);
    }

    /// Everybody takes and acknowledges everything: then all requests are answered and all cursors are at the head.
    fn finish(&mut self) {
        for n in 0..CONNECTIONS {
            // All that came may have been taken before, and a whole window of it not acknowledged.
            self.acknowledge_all(n);
            while self.take(n) {
                self.acknowledge_all(n);
            }
            let Some(Connection { user, cursor, due, .. }) = &self.connections[n] else { continue };
            assert_eq!(due.len(), 0, "a request without an answer");
            if let (user, Some((position, _))) = (*user, *cursor) {
                assert_eq!(position, self.look(user).1, "entries are missing");
            }
        }
    }
}
