//! The oracle's eyes: whether what the server says is what was due.

use std::collections::BTreeSet;

use skaro_proto::Time;
use skaro_proto::message::{Answer, AnswerMessage, Date, Message, ServerMessage};
use skaro_proto::server::ConnectionId;

use super::{Checked, Due, Model, Number, Taken, User, ensure, key, number_in};

/// What the server says.
impl Model {
    /// The server sends a frame: that is what was due, or it is wrong. Returns the message that it shows, if any.
    pub fn says(
        &mut self,
        id: ConnectionId,
        message: &ServerMessage<'_>,
        now: Time,
    ) -> Checked<Option<Number>> {
        let Some(connection) = self.connections.get_mut(&id) else {
            return Err(format!("the server speaks on connection {id}, which has ended"));
        };
        if let ServerMessage::ChangedUserData(changed) = message {
            let told = self.by_login.get(&*changed.user.login).copied();
            let is_presence = changed.position.is_none() && changed.user.online().is_some();
            // What had to wait may be older than the end of the session.
            let may_hear = connection.user.is_some() || connection.blocked.is_some();
            let is_due = is_presence && may_hear && told.is_some() && told != connection.user;
            ensure!(is_due, "the server tells on connection {id} of somebody: {message:?}");
            return Ok(None);
        }
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
    pub fn closes(&mut self, id: ConnectionId, code: u16, now: Time) -> Checked {
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let due = std::mem::take(&mut connection.due);
        let first = due.iter().find(|due| !matches!(due, Due::Shown { certain: false, .. }));
        let too_late = connection.user.is_none() && now - connection.opened >= self.config.sign_in_timeout;
        let perhaps = match code {
            1008 => connection.blocked.is_some() || too_late,
            4001 => connection.shaky,
            _ => false,
        };
        ensure!(
            matches!(first, Some(Due::Close(expected)) if *expected == code) || perhaps,
            "the server closes connection {id} with code {code}, and {} was due",
            first.map_or("nothing", Due::name)
        );
        self.sign_out(id, now);
        Ok(())
    }

    /// The server has nothing more to say on this connection, so nothing is due.
    pub fn is_silent(&mut self, id: ConnectionId) -> Checked {
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
    pub fn is_blocked(&mut self, id: ConnectionId, now: Time) {
        if let Some(connection) = self.connections.get_mut(&id)
            && connection.blocked.is_none()
        {
            (connection.blocked, connection.took) = (Some(now), now);
        }
    }

    /// It takes something.
    pub fn takes(&mut self, id: ConnectionId, now: Time) {
        if let Some(connection) = self.connections.get_mut(&id).filter(|it| it.blocked.is_some()) {
            connection.took = now;
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
    pub fn date(&mut self, number: Number, date: Option<i64>) -> Checked {
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
                self.signed_in(id, *user, &said.session_id, !or.is_empty(), now);
                Ok(())
            }
            (Due::SignedIn { or, .. }, Err(refusal)) => {
                let status = refusal.status.as_ref().map_or(0, |status| status.code());
                ensure!(or.contains(&status), "{}", wrong());
                self.refused(id, now);
                Ok(())
            }
            (Due::Registration { .. }, Ok(Answer::RegisterType(_))) => Ok(()),
            (Due::Contacts { user, certain, .. }, Ok(Answer::Contacts(contacts))) => {
                let place = |login: &str| self.by_login.get(login).copied();
                let told: BTreeSet<_> = contacts.iter().filter_map(|it| place(&it.login)).collect();
                let limit = self.config.max_contacts;
                ensure!(contacts.len() <= limit, "{} contacts, {limit} is the limit", contacts.len());
                let all = told.is_superset(certain) || told.len() == limit;
                let possible = |other: &User| certain.contains(other) || self.have_talked(*user, *other);
                ensure!(all && told.iter().all(possible), "contacts {certain:?} were due: {}", wrong());
                Ok(())
            }
            (Due::History { dialog, length, .. }, Ok(Answer::History(history))) => {
                self.compare(*dialog, *length, history)
            }
            (Due::Taken { message, .. }, Ok(Answer::MessageSent { date, .. })) => {
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
        let limit = self.config.max_dialog_messages.min(self.config.max_history_messages);
        let missing = rest.find(|number| self.sent[**number].taken == Taken::Yes);
        // Large histories are cut to what fits; see `Config::max_answer_bytes` and `Config::max_dialog_bytes`.
        let large = all.iter().map(|number| self.sent[*number].body.len()).sum::<usize>() > 100 << 10;
        ensure!(
            missing.is_none() || messages.len() == limit || large,
            "message {missing:?} is missing at the beginning of the history of {dialog:?}"
        );
        Ok(())
    }
}
