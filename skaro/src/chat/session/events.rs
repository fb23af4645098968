//! Reactions to the client's events.

use skaro_proto::client::{Delivery, Disconnect, Ended, Event, Failure, Incoming, SignedOutReason, Ticket};
use skaro_proto::message::{Answer, ReadMark, RequestKind, SignedIn};

use super::super::ask::{Ask, Asked};
use super::super::command::Id;
use super::super::echo_bot::EchoBot;
use super::super::people::PeopleRequest;
use super::super::report::Report;
use super::super::state::State;
use super::super::wording;
use super::people::Question;
use super::{Leaving, PAGE, Session, Shelf};
use crate::exit::Exit;
use crate::text::{self, Shown};

impl Session {
    /// Handles an event of the client.
    pub(crate) fn handle_event(&mut self, event: &Event<'_>) {
        self.show_event(event);
        // The place moves only now, so that events that were not shown come again in the next chat.
        if let Some(state) = self.state.as_mut().filter(|_| !self.is_unread) {
            state.follow(&self.user, event);
            if state.is_far_ahead() {
                self.save();
            }
        }
    }

    /// Writes the state, if it has changed.
    pub(crate) fn save(&mut self) {
        if let Err(error) = self.state.as_mut().map_or(Ok(()), State::save) {
            self.fail(Exit::Output, format!("can't write the state: {error}"));
            // Try only once.
            (self.state, self.leaving) = (None, Some(Leaving::Now));
        }
    }

    fn show_event(&mut self, event: &Event<'_>) {
        match event {
            Event::Connected { .. } => self.handle_connected(),
            Event::Ended(ended) => self.handle_ended(ended),
            Event::Late(ended) => self.handle_late(ended),
            Event::Message(incoming) => self.handle_message(incoming),
            Event::Read(mark) => self.handle_read(mark),
            Event::Contact(change) => self.handle_contact(change),
            Event::ChangedUserData(changed) => self.handle_changed(changed),
            Event::Typing(typing) => self.handle_typing(typing),
            Event::ReadBy(read_by) => self.handle_read_by(read_by),
            Event::CaughtUp { log, position } => self.handle_caught_up(log, *position),
            Event::LogChanged { log, position } => {
                self.show(&Report::LogChanged { log, position: *position });
            }
            Event::Postponed(Ended { ticket, outcome: Err(Failure::Refused(refusal)), .. }) => {
                let (request, marker) = (ticket.kind().as_str(), ticket.marker());
                self.show(&Report::Postponed { request, marker, info: &refusal.info });
            }
            Event::Info(notice) => {
                self.show(&Report::Info { info: &notice.info, request: None, marker: None, id: None })
            }
            Event::Error(notice) => self.show(&Report::Error { info: &notice.info }),
            // An entry of the log that a later one has replaced, such as an earlier read mark. Programs get it, because
            // they may count positions.
            Event::Unknown { kind, position: Some(_), .. } if kind == "gone" && !self.screen.is_json() => (),
            Event::Unknown { kind, message, position } => {
                self.show(&Report::Unknown { kind, message, position: *position });
            }
            Event::ProtocolError(error) => self.show(&Report::ProtocolError { reason: error.to_string() }),
            Event::Disconnected(reason) => self.handle_disconnected(reason),
            Event::Reconnecting { after, attempt, reason, .. } => {
                let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                // Before the first attempt the reason is that of the disconnection, which was just reported.
                let reason = (*attempt > 0).then(|| reason.to_string());
                self.show(&Report::Reconnecting { after_ms, reason });
            }
            // The next event reports this.
            Event::SignedOut { reason: SignedOutReason::GaveUp } => (),
            Event::SignedOut { reason: SignedOutReason::Requested } => self.handle_signed_out(),
            Event::SignedOut { reason } => self.fail(Exit::Denied, signed_out(reason, &self.user)),
            Event::GaveUp => self.fail(Exit::Unavailable, "gave up reconnecting".into()),
            _ => (),
        }
    }

    fn handle_connected(&mut self) {
        self.show(&Report::Connected);
        self.is_cut_off &= self.is_signed_in;
        self.asks.extend(self.sign_in.take().map(Asked::from));
    }

    fn handle_disconnected(&mut self, reason: &Disconnect) {
        if self.leaving != Some(Leaving::Now) {
            self.is_cut_off = true;
            self.show(&Report::Disconnected { reason: reason.to_string() });
        }
    }

    fn handle_message(&mut self, incoming: &Incoming<'_>) {
        let (dialog, message) = (incoming.dialog(), &incoming.message);
        if let Some(bot) = &mut self.bot {
            bot.handle_message(message);
        }
        self.show(&Report::Message { dialog, message });
        self.meet_dialog(
            dialog,
            Some(&message.from.login).map(|from| &**from).filter(|_| !incoming.is_own()),
        );
        if incoming.is_own() {
            self.note_sent(dialog, message.date.as_ref());
        } else {
            self.names.add(dialog);
            self.partners.handle_message(dialog);
            if self.rings && self.is_signed_in && self.catching_up.is_none() {
                self.screen.ring();
            }
            self.note_shown(dialog, message.position);
            if let (None, Some(view)) = (self.catching_up, self.screen.view()) {
                view.handle_writer(dialog);
            }
            self.catching_up = self.catching_up.map(|count| count + 1);
        }
    }

    fn handle_read(&mut self, mark: &ReadMark<'_>) {
        if let Some(view) = self.screen.view() {
            view.handle_read(&mark.login);
        }
        // People know what they have read.
        if self.screen.is_json() {
            self.show(&Report::Read { login: &mark.login, up_to: mark.up_to, position: mark.position });
        }
    }

    fn handle_caught_up(&mut self, log: &str, position: u64) {
        let messages = self.catching_up.take().unwrap_or(0);
        if self.screen.is_json() || messages > 0 {
            self.show(&Report::CaughtUp { log, position, messages });
        }
    }

    /// Handles the end of a request of the chat, or of one that the client made on its own to sign in again.
    fn handle_ended(&mut self, ended: &Ended<'_>) {
        let (ask, id, is_command) = match self.pending.remove(&ended.ticket.id()) {
            Some(asked) => (Some(asked.ask), asked.id, asked.is_command),
            None => (None, None, false),
        };
        self.is_signing_in &= !ask.as_ref().is_some_and(Ask::signs_in);
        match &ended.outcome {
            Ok(answer) => {
                self.handle_answer(ask.as_ref(), answer, id.as_ref());
                // The options ask to register, so the new user signs in next.
                self.asks.extend(ask.filter(|_| !is_command).and_then(then_authorize).map(Asked::from));
            }
            Err(failure) => {
                // A program repeats its commands itself.
                let again = !is_command;
                self.handle_failure(ask, &ended.ticket, failure, id.as_ref(), again);
            }
        }
    }

    /// Handles the end of a request that was already reported as timed out.
    fn handle_late(&mut self, ended: &Ended<'_>) {
        // A message whose entry in the log came before its answer has not failed.
        if ended.ticket.kind() != RequestKind::SendMessage || ended.outcome.is_err() {
            self.screen.complain(format!("the answer to {} came too late", name(&ended.ticket)));
        }
        // A late sign-in still counts: the server considers the user signed in.
        if let Ok(answer @ (Answer::Authorized(_) | Answer::Restored(_))) = &ended.outcome {
            self.handle_answer(None, answer, None);
        }
    }

    fn handle_answer(&mut self, ask: Option<&Ask>, answer: &Answer<'_>, id: Option<&Id>) {
        match (answer, ask) {
            (Answer::Authorized(signed_in), _) => self.handle_signed_in(signed_in, false),
            (Answer::Restored(signed_in), _) => self.handle_signed_in(signed_in, true),
            (Answer::RegisterType(register_type), _) => self.show(&Report::RegisterType { register_type }),
            (Answer::Contacts(contacts), ask) => {
                self.learn_all(contacts);
                if !matches!(ask, Some(Ask::Unread)) {
                    return self.show(&Report::Contacts { contacts, id });
                }
                if let Some(view) = self.screen.view() {
                    view.meet(contacts);
                } else if self.bot.is_none() && self.state.is_none() {
                    // With a stored place, the chat gets all missed events anyway.
                    let hinted = wording::unread(contacts).map_or(Ok(()), |unread| self.screen.hint(&unread));
                    self.end_if_unread(hinted);
                }
                self.tell_asking(contacts);
            }
            (Answer::History(history), Some(Ask::History { login, page })) => {
                self.show(&Report::History { login, history, more: history.more, id });
                let first = history.iter().filter_map(|message| message.position).min();
                let before = first.filter(|_| history.more == Some(true));
                let count = page.limit.unwrap_or(PAGE);
                self.page = Some(Shelf { login: login.clone(), count, before });
                self.note_shown(login, history.iter().filter_map(|message| message.position).max());
            }
            (Answer::MessageSent { date, position }, Some(Ask::Message { to, body, marker, .. })) => {
                if let Some(bot) = &mut self.bot {
                    bot.handle_sent(to);
                }
                let from = self.user.clone();
                let (marker, date) = (*marker, date.as_ref());
                let position = *position;
                self.show(&Report::MessageSent { to, marker, date, position, id, from: &from, body });
                self.note_sent(to, date);
                self.meet_dialog(to, None);
            }
            (Answer::Read, Some(Ask::Read { login, up_to })) => {
                self.show(&Report::Marked { login, up_to: *up_to, id });
            }
            (answer, Some(Ask::People(request))) => self.handle_people(request, answer, id),
            (answer, Some(Ask::Meet { .. })) => self.handle_answer_about(answer),
            _ => (),
        }
    }

    fn handle_failure(
        &mut self,
        ask: Option<Ask>,
        ticket: &Ticket,
        failure: &Failure<'_>,
        id: Option<&Id>,
        again: bool,
    ) {
        if let Some(Ask::Meet { login } | Ask::History { login, .. }) = &ask
            && is_code(failure, 404)
            && self.partners.chosen() == Some(login)
            && self.screen.is_terminal()
        {
            return self.handle_nobody(login);
        }
        if ask.as_ref().is_some_and(Ask::is_by_itself) {
            return;
        }
        let is_lost = matches!(failure, Failure::Lost(_));
        // The client signs in with the password next, or reports that the user is signed out.
        let is_fallback = ask.is_none() && ticket.kind() == RequestKind::SessionRestore;
        if is_fallback && matches!(failure, Failure::Refused(_)) && !self.screen.is_json() {
            return;
        }
        // The client repeats its own requests, unless it may no longer sign in.
        if ask.is_some() || ticket.kind() == RequestKind::Authorize {
            self.note(Exit::from(failure));
        }
        let is_denied = Exit::from(failure) == Exit::Denied;
        match ask {
            // The client signs in again on its own only if a user was signed in before.
            Some(ask) if again && is_lost && ask.signs_in() && !self.is_signed_in => {
                let may_be_done = matches!(failure, Failure::Lost(Delivery::Unknown));
                self.sign_in = match ask {
                    ask @ Ask::People(_) if may_be_done => then_authorize(ask),
                    ask => Some(ask),
                };
            }
            Some(Ask::Authorize { login, .. }) if is_denied && self.screen.is_terminal() => {
                self.question = Some(Question::SignIn(login));
            }
            _ => (),
        }
        match Report::failure(ticket.kind().as_str(), ticket.marker(), failure, id) {
            Some(report) => self.show(&report),
            None => self.screen.complain(format!("{}: {failure}", name(ticket))),
        }
    }

    fn handle_signed_in(&mut self, signed_in: &SignedIn<'_>, restored: bool) {
        let (session_id, user) = (&*signed_in.session_id, &signed_in.user);
        self.show(&match restored {
            true => Report::Restored { session_id, user },
            false => Report::Authorized { session_id, user },
        });
        self.user = user.login.clone().into_owned();
        let is_first = !std::mem::replace(&mut self.is_signed_in, true);
        self.is_cut_off = false;
        self.forget_met();
        self.catching_up = signed_in.cursor.as_ref().map(|_| 0);
        if self.screen.is_terminal() && (is_first || self.screen.view().is_some()) {
            self.asks.push_back(Ask::Unread.into());
        }
        if is_first {
            self.introduce_bot();
        }
    }

    fn introduce_bot(&mut self) {
        let Some(EchoBot { login, hint, .. }) = &self.bot else {
            if self.screen.view().is_some() {
                let hint = "Ctrl-N opens the next contact; /help lists all commands and keys.";
                let hinted = self.screen.hint(&Shown::new().dim(hint));
                self.end_if_unread(hinted);
            }
            return;
        };
        let (login, hint) = (login.clone(), hint.clone());
        self.choose(&login);
        let hinted = self.screen.hint(&hint);
        self.end_if_unread(hinted);
        if self.screen.is_terminal() && self.screen.view().is_none() {
            self.ask_history(None, None);
        }
    }
}

/// Returns whether the server refused something with this status code.
fn is_code(failure: &Failure<'_>, code: u16) -> bool {
    let Failure::Refused(refusal) = failure else { return false };
    refusal.status.as_ref().is_some_and(|status| status.code() == code)
}

/// Returns the request that signs in a user who was just registered.
fn then_authorize(ask: Ask) -> Option<Ask> {
    let Ask::People(PeopleRequest::Register { login, password, .. }) = ask else { return None };
    Some(Ask::Authorize { login, password: password.0 })
}

/// Returns why a user is no longer signed in, and what to do about it.
fn signed_out(reason: &SignedOutReason, login: &str) -> String {
    let helps = format!("/authorize {} PASSWORD signs in", text::name(login));
    match reason {
        SignedOutReason::Refused(refusal) => {
            let why = if refusal.info.is_empty() { "no reason given" } else { &refusal.info };
            // A disabled account: no password helps.
            let is_forbidden = refusal.status.as_ref().is_some_and(|status| status.code() == 403);
            if is_forbidden { format!("signed out: {why}") } else { format!("signed out: {why}; {helps}") }
        }
        _ => format!("{reason}; {helps}"),
    }
}

/// Returns a request's type and number, for people.
fn name(ticket: &Ticket) -> String {
    let number = ticket.marker().map(|marker| format!(" #{marker}")).unwrap_or_default();
    format!("{}{number}", ticket.kind().as_str())
}
