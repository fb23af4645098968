//! Messages on their way: from the command into the outbox, onto the connection, again onto the next one, to the end.

use alloc::string::ToString;
use core::time::Duration;

use super::command::within;
use super::outbox::{Open, made_key};
use super::{Client, CommandError, Delivery, Ended, Event, Failure, RequestId, SendMessage, Ticket};
use crate::message::{Answer, AnswerMessage, ClientMessage, Date, Refusal, Request, RequestKind};
use crate::time::Time;

/// Maximum length of a key in bytes; the server takes no longer ones.
const KEY: usize = 64;

/// Time before a message is sent again after the server could not take the repetition, or did not know its outcome.
const PAUSE: Duration = Duration::from_secs(1);

impl Client {
    /// Sends a message to another user.
    ///
    /// The marker is never sent: it comes back with the command's end. [`SendMessage`] can bring a key of its own.
    ///
    /// If the server keeps logs, the message stays in the outbox until it ends. After each break it is sent again with
    /// the same key, so that it arrives once. Messages also wait in the outbox while the machine is connecting again;
    /// see [`ClientConfig::offline_messages`](super::ClientConfig::offline_messages).
    ///
    /// # Errors
    /// If no user is signed in and the message may not wait, or if a text or the outbox is over its limit.
    pub fn send_message(
        &mut self,
        now: Time,
        to: &str,
        body: &str,
        marker: Option<u64>,
    ) -> Result<RequestId, CommandError> {
        self.give_message(now, SendMessage { marker, ..SendMessage::new(to, body) })
    }

    pub(super) fn give_message(
        &mut self,
        now: Time,
        message: SendMessage<'_>,
    ) -> Result<RequestId, CommandError> {
        let SendMessage { to, body, marker, key } = message;
        within("to", to, self.config.limits.max_login_bytes)?;
        within("body", body, self.config.limits.max_body_bytes)?;
        if let Some(key) = key {
            self.check_key(key)?;
        }
        let signed_in = self.signed_in();
        // What waits already goes first; otherwise messages would overtake each other.
        let must_wait = signed_in.is_err() || self.outbox.waiting() > 0;
        if must_wait && self.may_wait() {
            let limit = self.config.offline_messages;
            if self.outbox.len() >= limit {
                return Err(CommandError::OfflineFull { limit });
            }
        } else {
            signed_in?;
            self.room()?;
            if !self.keeps_logs() {
                let ticket = Ticket { marker, ..self.ticket(RequestKind::SendMessage, to) };
                return Ok(self.put_under_way(now, ticket, |format, number, out| {
                    let request = Request::SendMessage { to: to.into(), body: body.into(), key: None };
                    let message = ClientMessage::new(number, request);
                    message.encode_into(format, out);
                    // All of it is borrowed, so there is nothing to drop, but the compiler does not see that.
                    core::mem::forget(message);
                }));
            }
        }
        let limit = self.config.limits.max_outbox_bytes;
        if self.outbox.bytes() >= limit {
            return Err(CommandError::OutboxFull { limit });
        }
        self.advance(now);
        let ticket = Ticket { marker, kept: true, ..self.ticket(RequestKind::SendMessage, to) };
        let id = ticket.id;
        self.outbox.push(self.now + self.config.message_timeout, Open::new(ticket, body, key));
        self.send_waiting();
        Ok(id)
    }

    fn check_key(&self, key: &str) -> Result<(), CommandError> {
        within("key", key, KEY)?;
        if key.is_empty() || self.outbox.has_key(key) {
            return Err(CommandError::BadKey);
        }
        Ok(())
    }

    /// Returns whether messages may wait, which is so while the machine works on signing the user in again.
    fn may_wait(&self) -> bool {
        self.config.offline_messages > 0 && (self.resumes() || self.outbox.waiting() > 0)
    }

    /// Sends what waits, as far as there is room.
    #[cold]
    pub(super) fn send_waiting(&mut self) {
        if self.outbox.paused_until().is_some() {
            return;
        }
        let repeats = self.keeps_logs();
        while self.is_authorized() && self.room().is_ok() {
            let Some(message) = self.outbox.send_next() else { return };
            let mut ticket = message.ticket.clone();
            let key = match &message.key {
                _ if !repeats => None,
                Some(key) => Some(key.to_string()),
                None => Some(made_key(self.key_prefix, ticket.id)),
            };
            // Copied because the machine writes it: messages that are sent from here are not the usual ones or short.
            let (id, body) = (ticket.id, message.body.clone());
            if !repeats {
                ticket.kept = false;
                self.outbox.end(id);
            }
            let to = ticket.login.clone();
            self.put_under_way(self.now, ticket, |format, number, out| {
                let key = key.as_deref().map(Into::into);
                let request = Request::SendMessage { to: to.as_str().into(), body: (&*body).into(), key };
                ClientMessage::new(number, request).encode_into(format, out);
            });
        }
    }

    /// Handles the answer to a request whose message is kept in the outbox.
    pub(super) fn message_answered<'f>(&mut self, ticket: Ticket, answer: AnswerMessage<'f>) -> Event<'f> {
        let repeated = self.outbox.get(ticket.id).map(|message| message.has_left);
        let refusal = answer.outcome.as_ref().err();
        let (is_temporary, is_unknown) =
            (refusal.is_some_and(Refusal::is_temporary), refusal.is_some_and(Refusal::is_unknown));
        let (id, outcome) = (ticket.id, answer.outcome.map_err(Failure::Refused));
        let ended = Ended { ticket, outcome, extra: answer.extra };
        match repeated {
            // Its own entry or its time-out has ended it.
            None => Event::Late(ended),
            Some(was_sent_before) if is_unknown || was_sent_before && is_temporary => {
                self.outbox.requeue(id, true);
                self.outbox.pause(Some(self.now + PAUSE));
                Event::Postponed(ended)
            }
            Some(_) => {
                self.outbox.end(id);
                if let Ok(Answer::MessageSent { position: Some(position), .. }) = &ended.outcome {
                    self.cursor.accepted(*position);
                }
                Event::Ended(ended)
            }
        }
    }

    /// Handles an entry of the log that is one of the user's own messages, and ends the message as an answer does.
    /// Returns whether a command ends with it, or has ended with it.
    pub(super) fn own_entry(&mut self, key: &str, date: Option<Date<'static>>, position: u64) -> bool {
        let open = self.outbox.find(self.key_prefix, key).and_then(|id| self.outbox.end(id));
        let Some(message) = open else { return self.cursor.is_accepted(position) };
        self.cursor.accepted(position);
        let answer = Answer::MessageSent { date, position: Some(position) };
        let (ticket, outcome, extra) = (message.ticket, Ok(answer), Default::default());
        self.events.push_back(Event::Ended(Ended { ticket, outcome, extra }));
        true
    }

    /// Ends messages that have waited too long, and sends again after a pause.
    pub(super) fn time_messages_out(&mut self) {
        while let Some(message) = self.outbox.time_out(self.now) {
            let failure =
                if message.may_be_taken() { Failure::TimedOut } else { Failure::Lost(Delivery::NotSent) };
            self.events.push_back(Event::Ended(Ended::without_answer(message.ticket, failure)));
        }
        if self.outbox.end_pause(self.now) {
            self.send_waiting();
        }
    }

    /// Returns the time at which messages need attention.
    pub(super) fn outbox_deadline(&self) -> Option<Time> {
        [self.outbox.deadline(), self.outbox.paused_until()].into_iter().flatten().min()
    }

    /// Ends all messages that wait: nobody will send them.
    pub(super) fn end_waiting(&mut self) {
        self.end_messages(|message| !message.is_under_way());
    }

    /// Ends all messages.
    pub(super) fn end_outbox(&mut self) {
        self.end_messages(|_| true);
    }

    /// Ends the messages that the server may have received, since their outcome can no longer be known.
    pub(super) fn end_unknown(&mut self) {
        self.end_messages(|message| message.has_left);
    }

    fn end_messages(&mut self, ends: impl Fn(&Open) -> bool) {
        let events = &mut self.events;
        self.outbox.end_all(ends, |message| {
            let delivery = if message.may_be_taken() { Delivery::Unknown } else { Delivery::NotSent };
            let failure = Failure::Lost(delivery);
            events.push_back(Event::Ended(Ended::without_answer(message.ticket, failure)));
        });
    }
}
