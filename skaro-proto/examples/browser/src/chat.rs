//! A chat for a page: the client's machine, and the requests that a page needs.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use skaro_proto::client::{Client, ClientConfig, Disconnect, Ended, Event, SignOut, Status};
use skaro_proto::message::{Answer, RequestKind};
use skaro_proto::{CloseCode, Frame, Secret, Time, Transmit};

use crate::news;

/// Maximum number of messages that wait while the page is offline: more than anybody will type.
const OFFLINE_MESSAGES: usize = 100;

/// The chat of one user. Used as the machine itself: call `handle_…` after events, then `poll_…` for actions.
pub struct Chat {
    pub(crate) client: Client,
    /// The user to sign in as soon as there is a connection.
    pub(crate) waiting: Option<Entrant>,
    /// News for the page, as JSON.
    pub(crate) news: VecDeque<String>,
    /// The time at which the server was told last that the user types.
    pub(crate) typed: Option<Time>,
    /// Set if the user has signed out, and only the server's answer is missing.
    leaves: bool,
}

/// Somebody who wants to sign in.
pub(crate) struct Entrant {
    pub(crate) login: String,
    pub(crate) password: Secret,
    /// The invitation, perhaps an empty one, of somebody who has no account yet.
    pub(crate) invitation: Option<Secret>,
}

/// An action on the WebSocket.
pub enum Sending {
    /// No action for now.
    Nothing,
    /// Send the output as a text message.
    Text,
    /// Send the output as a binary message.
    Binary,
    /// Start the closing handshake with this code.
    Close(u16),
}

impl Default for Chat {
    fn default() -> Self {
        Self::new([0; 4])
    }
}

/// Requests of the user.
impl Chat {
    /// Creates a chat without a user. The seed has to be random: the keys of messages are made of it.
    pub fn new(seed: [u64; 4]) -> Self {
        let mut config = ClientConfig::default();
        // After a restart the server knows no sessions: then the machine signs in again by the stored password.
        config.keep_credentials = true;
        config.offline_messages = OFFLINE_MESSAGES;
        let seed = seed.map(u64::to_le_bytes);
        let byte = |n| seed.as_flattened().get(n).copied().unwrap_or_default();
        Chat {
            client: Client::new(config, core::array::from_fn(byte)),
            waiting: None,
            news: VecDeque::new(),
            typed: None,
            leaves: false,
        }
    }

    /// Signs a user in as soon as there is a connection. Only the scheme of the URL is checked here; the browser checks
    /// the rest.
    pub fn sign_in(&mut self, now: Time, url: &str, login: &str, password: &str) {
        let entrant = Entrant { login: login.into(), password: password.into(), invitation: None };
        self.come_in(now, url, entrant);
    }

    /// Makes an account as soon as there is a connection, and signs its user in. The invitation is empty unless the page
    /// was told that one is needed.
    pub fn register(&mut self, now: Time, url: &str, login: &str, password: &str, invitation: &str) {
        let invitation = Some(invitation.into());
        self.come_in(now, url, Entrant { login: login.into(), password: password.into(), invitation });
    }

    fn come_in(&mut self, now: Time, url: &str, entrant: Entrant) {
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        if !["ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            let reason = "invalid URL: it must begin with ws:// or wss://";
            return self.news.push_back(news::sign_in_failed(reason));
        }
        self.waiting = Some(entrant);
        match self.client.status() {
            Status::Offline | Status::Waiting { .. } => self.reconnect(now),
            Status::Connected => self.enter(now),
            _ => (),
        }
    }

    /// Ends the session, and closes the connection for good. The page hears nothing more.
    pub fn sign_out(&mut self, now: Time) {
        self.waiting = None;
        self.leaves = true;
        // Without the extension, or without a connection, the session ends by itself after some minutes.
        if self.client.sign_out(now, SignOut::Own).is_err() {
            self.client.close(now);
        }
        self.collect(now);
    }

    /// Requests the history with another user or of a conference, and what the server tells of it.
    pub fn open(&mut self, now: Time, dialog: &str) {
        // While offline it is not necessary: what was missed comes by itself.
        if self.client.is_authorized()
            && let Err(error) = self.client.get_history(now, dialog)
        {
            self.news.push_back(news::failed(&RequestKind::GetHistory, dialog, error));
        }
        if self.client.has_people() {
            _ = self.client.get_user_data(now, dialog);
        }
    }

    /// Tells the server how far the user has read a dialog: a position of a message. While offline nothing is told.
    pub fn read(&mut self, now: Time, dialog: &str, up_to: u64) {
        // Without this mark the messages count as unread on other devices, until the next one.
        _ = self.client.read(now, dialog, up_to);
    }

    /// Sends a message, now or after a reconnection.
    pub fn send(&mut self, now: Time, to: &str, body: &str, marker: u32) {
        if let Err(error) = self.client.send_message(now, to, body, Some(marker.into())) {
            self.news.push_back(news::not_sent(to, marker.into(), error, false));
        }
    }

    /// Connects now, without waiting for the next attempt.
    pub fn reconnect(&mut self, now: Time) {
        // A closed client can't reconnect; the page has created a new one then.
        _ = self.client.reconnect(now);
        self.collect(now);
    }
}

/// Events from outside.
impl Chat {
    /// Handles the opening of the WebSocket. It is confidential if nobody on the way can read what is sent.
    pub fn handle_connected(&mut self, now: Time, is_confidential: bool) {
        self.client.handle_connected(now);
        if is_confidential {
            self.client.handle_confidential();
        }
        self.collect(now);
    }

    /// Handles a frame from the server.
    pub fn handle_frame(&mut self, now: Time, frame: Frame<'_>) {
        let event = self.client.handle_frame(now, frame).unwrap_or_else(Event::ProtocolError);
        self.happened(now, &event);
        self.collect(now);
    }

    /// Handles the end of the WebSocket, or the failure to open it.
    pub fn handle_disconnected(&mut self, now: Time, reason: Disconnect) {
        self.client.handle_disconnected(now, reason);
        self.collect(now);
    }

    /// Handles a deadline.
    pub fn handle_timeout(&mut self, now: Time) {
        self.client.handle_timeout(now);
        self.collect(now);
    }
}

/// Actions to do next.
impl Chat {
    /// Returns the next action on the WebSocket; data to send is then in the output.
    pub fn poll_transmit(&mut self, now: Time, output: &mut Vec<u8>) -> Sending {
        loop {
            let sending = match self.client.poll_transmit() {
                None => return Sending::Nothing,
                Some(Transmit::Frame(frame)) => {
                    output.clear();
                    output.extend_from_slice(frame.as_bytes());
                    if let Frame::Text(_) = frame { Sending::Text } else { Sending::Binary }
                }
                Some(Transmit::Close(code)) => Sending::Close(code.code()),
                Some(_) => {
                    // Browsers can't send pings, so a request is sent whose answer is a sign of life. If it is refused,
                    // other requests are under way, whose answers will do.
                    _ = self.client.register_type(now);
                    continue;
                }
            };
            if self.client.status().has_connection() {
                return sending;
            }
        }
    }

    /// Returns news for the page, as JSON.
    pub fn poll_event(&mut self) -> Option<String> {
        self.news.pop_front()
    }

    /// Returns the time for [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Time> {
        self.client.poll_timeout()
    }

    /// Returns the state of the client.
    pub const fn status(&self) -> Status {
        self.client.status()
    }
}

impl Chat {
    fn collect(&mut self, now: Time) {
        while let Some(event) = self.client.poll_event() {
            self.happened(now, &event);
        }
    }

    /// Reacts to an event, and adds news for the page.
    fn happened(&mut self, now: Time, event: &Event<'_>) {
        if let Some(position) = event.position() {
            self.client.handle_taken(position);
        }
        match event {
            _ if self.leaves => self.left(now, event),
            Event::Connected { .. } => self.enter(now),
            Event::Ended(ended) | Event::Late(ended) => self.ended(now, ended),
            // Before the first sign-in the user has to try again, since the URL may be wrong.
            Event::Reconnecting { reason, .. } if self.client.user().is_none() => {
                self.client.stop_reconnecting(now);
                if self.waiting.take().is_some() {
                    self.news.push_back(news::sign_in_failed(reason));
                }
            }
            Event::GaveUp if self.client.user().is_none() => (),
            // The messages before are known now, so that the counts of unread ones are not counted on.
            Event::CaughtUp { .. } => self.ask_for_contacts(now),
            // Another device, or whoever runs the server, has ended the session: the password, which is still known here,
            // is not for coming back at once.
            Event::Disconnected(Disconnect::Closed { code, .. })
                if *code == Some(CloseCode::SessionEnded.code()) =>
            {
                self.client.close(now);
                self.news.push_back(news::signed_out("this session was ended elsewhere: sign in again"));
            }
            event => self.news.extend(news::event(event)),
        }
    }

    /// Signs in who waits for that, or finds out how to register.
    pub(crate) fn enter(&mut self, now: Time) {
        let Some(entrant) = self.waiting.take() else { return };
        let done = if entrant.invitation.is_some() {
            let asked = self.ask_how_to_register(now);
            self.waiting = Some(entrant);
            asked
        } else {
            self.client.authorize(now, &entrant.login, entrant.password.expose())
        };
        if let Err(error) = done {
            self.waiting = None;
            self.news.push_back(news::sign_in_failed(error));
        }
    }

    /// Waits for the end of the session, and for nothing else.
    fn left(&mut self, now: Time, event: &Event<'_>) {
        if matches!(event, Event::Ended(ended) if ended.ticket.kind() == RequestKind::SignOut) {
            self.client.close(now);
        }
    }

    fn ended(&mut self, now: Time, ended: &Ended<'_>) {
        let ticket = &ended.ticket;
        match &ended.outcome {
            Ok(Answer::Authorized(signed_in) | Answer::Restored(signed_in)) => {
                self.news.push_back(news::signed_in(&signed_in.user.login, self.client.has_people()));
                if !self.client.has_cursor() {
                    self.ask_for_contacts(now);
                }
            }
            Ok(Answer::Contacts(contacts)) => {
                self.news.push_back(news::contacts(contacts));
            }
            Ok(Answer::History(history)) => self.news.push_back(news::history(ticket.login(), history)),
            Ok(Answer::MessageSent { date, .. }) => self.news.push_back(news::sent(ticket, date.as_ref())),
            Ok(Answer::RegisterType(registration)) => self.register_as(now, registration),
            Ok(Answer::Registered) => self.enter(now),
            Ok(answer) => self.news.extend(news::answer(ticket, answer)),
            // A mark that nobody waits for, or what stands for a pong.
            Err(_) if ticket.kind() == RequestKind::Read => (),
            Err(_) if ticket.kind() == RequestKind::RegisterType && self.waiting.is_none() => (),
            Err(failure) => {
                self.waiting = None;
                let goes_on = self.client.status() != Status::Connected;
                // If the machine can't sign in again by itself, the user has to.
                match ticket.kind() {
                    RequestKind::Authorize | RequestKind::SessionRestore
                        if ticket.is_automatic() && goes_on => {}
                    _ => self.news.push_back(news::ended_badly(ticket, failure)),
                }
            }
        }
    }

    /// Asks for what a user needs who has just come in: what was missed comes by itself.
    fn ask_for_contacts(&mut self, now: Time) {
        if let Err(error) = self.client.get_contacts(now) {
            self.news.push_back(news::failed(&RequestKind::GetContacts, "", error));
        }
        let user = self.client.user().map(String::from);
        if let Some(user) = user.filter(|_| self.client.has_people()) {
            _ = self.client.get_user_data(now, &user);
        }
    }
}
