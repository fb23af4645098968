//! What the server tells in the end: each user's log from its beginning, contacts and conferences.

use std::collections::BTreeMap;

use skaro_proto::message::{
    Answer, AnswerMessage, ClientMessage, Message, Request, ServerMessage, Since, User,
};
use skaro_proto::server::ConnectionId;
use skaro_proto::server::store::ContactState;
use skaro_proto::{Format, Frame, Transmit, auth};

use super::super::oracle::{Checked, ensure};
use super::deeds::{Name, state, version};
use super::device::{shown, told_change, told_contact};
use super::people::With;
use super::{CONFERENCES, USERS, What, World, login};

/// A log as the server tells it: its id, and its entries.
pub(super) struct Log {
    pub(super) id: String,
    pub(super) head: u64,
    pub(super) entries: Vec<What>,
}

impl World {
    /// Reads a user's log from its beginning, and what else the user is told, on a connection of its own.
    pub(super) fn read_log(&mut self, user: usize) -> Checked<Log> {
        let id = self.server.connect(self.now, Some(Format::Json)).map_err(|error| error.to_string())?;
        let mut log = Log { id: String::new(), head: 0, entries: Vec::new() };
        loop {
            let said = self.listen(id)?;
            if said.is_empty() {
                break;
            }
            for message in said {
                self.read_message(id, user, &mut log, message)?;
            }
        }
        let length = log.entries.len() as u64;
        ensure!(length == log.head, "the log of {user} ends at {length}, and not at its head {}", log.head);
        self.check_contacts(id, user)?;
        (0..CONFERENCES.len()).try_for_each(|name| self.check_conference(id, user, name))?;
        self.server.handle_disconnected(self.now, id);
        Ok(log)
    }

    fn read_message(
        &mut self,
        id: ConnectionId,
        user: usize,
        log: &mut Log,
        message: ServerMessage<'_>,
    ) -> Checked {
        let position = message.position();
        let what = match message {
            ServerMessage::CheckConnection(challenge) => {
                let proof = auth::proof(login(user), &challenge.token);
                let request = Request::Authorize {
                    login: login(user).into(),
                    proof: proof.as_str().into(),
                    since: Some(Since::Position(0)),
                    log: Some("".into()),
                    presence: false,
                };
                self.say(id, &ClientMessage::new(1, request));
                return Ok(());
            }
            ServerMessage::Answer(AnswerMessage { outcome: Ok(Answer::Authorized(signed_in)), .. }) => {
                let cursor = signed_in.cursor.ok_or("there is no cursor")?;
                ensure!(cursor.begin == 0, "the log of {user} begins after {}", cursor.begin);
                (log.id, log.head) = (cursor.log.into_owned(), cursor.head);
                return Ok(());
            }
            ServerMessage::ShowMessage(message) => {
                self.check_message(&message)?;
                shown(&message)?
            }
            ServerMessage::Read(mark) => What::Read { with: Name::of(&mark.login)?, up_to: mark.up_to },
            ServerMessage::ContactChanged(change) => told_contact(&change)?,
            ServerMessage::ChangedUserData(changed) => told_change(&changed)?,
            ServerMessage::Unknown { kind, .. } if kind == "gone" => What::Gone,
            other => return Err(format!("the server says {other:?}")),
        };
        let expected = log.entries.len() as u64 + 1;
        ensure!(position == Some(expected), "the log of {user} has {position:?} in place of {expected}");
        log.entries.push(what);
        self.say(id, &ClientMessage::ack(expected));
        Ok(())
    }

    /// A message tells where it is from.
    fn check_message(&self, message: &Message<'_>) -> Checked {
        let What::Message { number, .. } = shown(message)? else { return Ok(()) };
        let taken = self.people.taken.get(&number);
        let taken = taken.ok_or_else(|| format!("message {number} is in a log, and was not taken"))?;
        let name = self.people.name(taken.with);
        let conference = matches!(name, Name::Conference(_)).then(|| name.text());
        let is_right = message.from.login == login(taken.from)
            && message.to == name.text()
            && message.from.in_conference.as_deref() == conference;
        ensure!(is_right, "message {number} is from {:?} to {}", message.from, message.to);
        Ok(())
    }

    /// The server tells of all contacts in their states, and how much of each is unread.
    fn check_contacts(&mut self, id: ConnectionId, user: usize) -> Checked {
        let Some(Answer::Contacts(contacts)) = self.ask(id, Request::GetContacts)? else {
            return Err(format!("user {user} is told of no contacts"));
        };
        let told = |contact: &User<'_>| {
            let name = Name::of(&contact.login)?;
            let version = version(contact.profile().as_ref());
            Ok((name, (state(&contact.state().ok_or("no state")?)?, contact.unread().unwrap_or(0), version)))
        };
        let told: BTreeMap<_, _> = contacts.iter().map(told).collect::<Checked<_>>()?;
        let names = (0..USERS).map(Name::User).chain((0..CONFERENCES.len()).map(Name::Conference));
        let expected = names.filter_map(|name| {
            let (state, with) = (self.people.state(user, name), self.people.find(name)?);
            let is_hidden = self.is_hidden(user, with);
            let version = if is_hidden { 0 } else { self.people.version(with) };
            let contact = (name, (state, self.people.unread(user, with), version));
            (state != ContactState::None).then_some(contact)
        });
        let expected: BTreeMap<_, _> = expected.collect();
        ensure!(told == expected, "user {user} is told of {told:?}, not of {expected:?}");
        Ok(())
    }

    /// Returns whether a user sees no profile of somebody.
    fn is_hidden(&self, user: usize, with: With) -> bool {
        match with {
            With::User(other) => self.people.state(other, Name::User(user)) == ContactState::Blocked,
            With::Conference(id) => {
                let conference = &self.people.conferences[id];
                let asks = self.people.state(user, self.people.name(with)) == ContactState::Asks;
                !conference.is_public && !asks && !conference.members.contains_key(&user)
            }
        }
    }

    /// Members, and everybody if it is public, are told who the members of a conference are.
    fn check_conference(&mut self, id: ConnectionId, user: usize, name: usize) -> Checked {
        let answer = self.ask(id, Request::GetUserData { login: CONFERENCES[name].into() })?;
        let conference = self.people.conference(name).map(|id| &self.people.conferences[id]);
        let told = match &answer {
            Some(Answer::User(told)) => Some(told),
            None => None,
            other => return Err(format!("user {user} is told {other:?}")),
        };
        let (Some(conference), Some(told)) = (conference, told) else {
            ensure!(conference.is_none() && told.is_none(), "user {user} is told {told:?} of {name}");
            return Ok(());
        };
        let members = told.members().unwrap_or_default();
        let members: BTreeMap<_, _> =
            members.iter().map(|member| (member.login.clone().into_owned(), member.owner)).collect();
        let sees = conference.is_public || conference.members.contains_key(&user);
        let expected = conference.members.iter().filter(|_| sees);
        let expected: BTreeMap<_, _> =
            expected.map(|(member, is_owner)| (login(*member).to_owned(), *is_owner)).collect();
        ensure!(members == expected, "user {user} is told of members {members:?}, not of {expected:?}");
        let state = state(&told.state().ok_or("no state")?)?;
        let expected = self.people.state(user, Name::Conference(name));
        ensure!(state == expected, "user {user} is told that {name} is {state:?}, not {expected:?}");
        Ok(())
    }

    /// Makes a request; `None` if it is refused since there is nobody of that name.
    fn ask(&mut self, id: ConnectionId, request: Request<'_>) -> Checked<Option<Answer<'static>>> {
        self.say(id, &ClientMessage::new(2, request));
        for message in self.listen(id)? {
            if let ServerMessage::Answer(answer) = message {
                return match answer.outcome {
                    Ok(answer) => Ok(Some(answer)),
                    Err(refusal) if refusal.status.as_ref().is_some_and(|status| status.code() == 404) => {
                        Ok(None)
                    }
                    Err(refusal) => Err(format!("the server refuses: {refusal:?}")),
                };
            }
        }
        Err("the server does not answer".into())
    }

    fn listen(&mut self, id: ConnectionId) -> Checked<Vec<ServerMessage<'static>>> {
        let mut said = Vec::new();
        self.keep_all();
        while let Some(transmit) = self.server.poll_transmit(id) {
            if let Transmit::Frame(frame) = transmit {
                let message = ServerMessage::decode(frame).map_err(|error| error.to_string())?;
                said.push(message.into_owned());
            }
        }
        Ok(said)
    }

    fn say(&mut self, id: ConnectionId, message: &ClientMessage<'_>) {
        let bytes = message.encode(Format::Json);
        let text = std::str::from_utf8(&bytes).expect("JSON is UTF-8");
        _ = self.server.handle_frame(self.now, id, Frame::Text(text));
    }
}
