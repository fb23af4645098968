//! A chat as a page needs it: the client's machine, and what to ask the server when.

use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use skaro_proto::client::{Client, ClientConfig, Disconnect, Ended, Event, Status};
use skaro_proto::message::{Answer, RequestKind};
use skaro_proto::{Frame, Secret, Time, Transmit};

use crate::news;

/// How many messages may wait while the page is offline: as many as somebody might type.
const OFFLINE_MESSAGES: usize = 100;

/// The chat of one user. As with the machine itself: `handle_` what happens, then `poll_` what to do.
pub struct Chat {
    client: Client,
    /// The user who wants to sign in as soon as the server can be asked.
    waiting: Option<(String, Secret)>,
    /// Whether contacts were asked for in order to find strangers who wrote meanwhile.
    seeks_strangers: bool,
    /// What to tell the page, as JSON.
    news: VecDeque<String>,
}

/// What to do with the WebSocket.
pub enum Sending {
    /// Nothing, for now.
    Nothing,
    /// Send the output as a text message.
    Text,
    /// Send the output as a binary message.
    Binary,
    /// Begin the closing handshake with this code.
    Close(u16),
}

impl Default for Chat {
    fn default() -> Self {
        Self::new(0)
    }
}

/// What the user wants.
impl Chat {
    /// A chat in which nobody is signed in. The seed decides how long the machine waits before it connects again.
    pub fn new(seed: u64) -> Self {
        let mut config = ClientConfig::default();
        // A server that was restarted knows no session: then the user signs in anew without having to type.
        config.keep_credentials = true;
        config.offline_messages = OFFLINE_MESSAGES;
        Chat {
            client: Client::new(config, seed),
            waiting: None,
            seeks_strangers: false,
            news: VecDeque::new(),
        }
    }

    /// Signs a user in, as soon as there is a connection. Only the scheme of the URL is looked at: the rest is for the
    /// browser to judge.
    pub fn sign_in(&mut self, now: Time, url: &str, login: &str, password: &str) {
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        if !["ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            let reason = "invalid URL: it must begin with ws:// or wss://";
            return self.news.push_back(news::sign_in_failed(reason));
        }
        self.waiting = Some((login.into(), Secret::from(password)));
        match self.client.status() {
            Status::Offline | Status::Waiting { .. } => self.reconnect(now),
            Status::Connected => self.authorize(now),
            _ => (),
        }
    }

    /// Closes the connection for good.
    pub fn sign_out(&mut self, now: Time) {
        self.waiting = None;
        self.client.close(now);
        self.collect(now);
    }

    /// Asks for what was said with somebody.
    pub fn open(&mut self, now: Time, dialog: &str) {
        // While offline it is not necessary: after a reconnection all histories are asked for.
        if self.client.is_authorized()
            && let Err(error) = self.client.get_history(now, dialog)
        {
            self.news.push_back(news::failed(RequestKind::GetHistory, dialog, error));
        }
    }

    /// Sends a message, now or when the user is back.
    pub fn send(&mut self, now: Time, to: &str, body: &str, marker: u32) {
        if let Err(error) = self.client.send_message(now, to, body, Some(marker.into())) {
            self.news.push_back(news::not_sent(to, marker.into(), error, false));
        }
    }

    /// Connects now instead of waiting on.
    pub fn reconnect(&mut self, now: Time) {
        // A closed client stays closed: the page has begun a new one.
        _ = self.client.reconnect(now);
        self.collect(now);
    }
}

/// Handle: what the outside reports.
impl Chat {
    /// The WebSocket is open.
    pub fn handle_connected(&mut self, now: Time) {
        self.client.handle_connected(now);
        self.collect(now);
    }

    /// The server has sent a frame.
    pub fn handle_frame(&mut self, now: Time, frame: Frame<'_>) {
        let event = self.client.handle_frame(now, frame).unwrap_or_else(Event::ProtocolError);
        self.happened(now, &event);
        self.collect(now);
    }

    /// The WebSocket is closed, or could not be opened.
    pub fn handle_disconnected(&mut self, now: Time, reason: Disconnect) {
        self.client.handle_disconnected(now, reason);
        self.collect(now);
    }

    /// A deadline has come.
    pub fn handle_timeout(&mut self, now: Time) {
        self.client.handle_timeout(now);
        self.collect(now);
    }
}

/// Poll: what to do next.
impl Chat {
    /// What to do with the WebSocket; what is to be sent is in the output then.
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
                    // A page can't send pings, but ask something whose answer is a sign of life as well. If that
                    // can't be asked, something else is under way whose answer will do.
                    _ = self.client.register_type(now);
                    continue;
                }
            };
            if self.client.status().has_connection() {
                return sending;
            }
        }
    }

    /// What to tell the page, as JSON.
    pub fn poll_event(&mut self) -> Option<String> {
        self.news.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Time> {
        self.client.poll_timeout()
    }

    /// What the client is doing.
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

    /// Does what follows from an event, and tells the page.
    fn happened(&mut self, now: Time, event: &Event<'_>) {
        match event {
            Event::Connected { .. } => self.authorize(now),
            Event::Ended(ended) | Event::Late(ended) => self.ended(now, ended),
            // Before anybody is in, it is for the user to try again: the URL may be wrong.
            Event::Reconnecting { reason, .. } if self.client.user().is_none() => {
                self.client.stop_reconnecting(now);
                if self.waiting.take().is_some() {
                    self.news.push_back(news::sign_in_failed(reason));
                }
            }
            Event::GaveUp if self.client.user().is_none() => (),
            event => self.news.extend(news::event(event)),
        }
    }

    fn authorize(&mut self, now: Time) {
        let Some((login, password)) = self.waiting.take() else { return };
        if let Err(error) = self.client.authorize(now, &login, password.expose()) {
            self.news.push_back(news::sign_in_failed(error));
        }
    }

    fn ended(&mut self, now: Time, ended: &Ended<'_>) {
        let ticket = &ended.ticket;
        match &ended.outcome {
            Ok(Answer::Authorized(signed_in) | Answer::Restored(signed_in)) => {
                self.news.push_back(news::signed_in(&signed_in.user.login));
                self.catch_up(now, ticket.is_automatic());
            }
            Ok(Answer::Contacts(contacts)) => {
                self.news.push_back(news::contacts(contacts));
                if core::mem::take(&mut self.seeks_strangers) {
                    let is_stranger = |login: &str| !self.client.dialogs().any(|dialog| dialog == login);
                    let logins = contacts.iter().map(|user| user.login.to_string());
                    let strangers: Vec<_> = logins.filter(|login| is_stranger(login)).collect();
                    strangers.iter().for_each(|login| self.open(now, login));
                }
            }
            Ok(Answer::History(history)) => self.news.push_back(news::history(ticket.login(), history)),
            Ok(Answer::MessageSent(date)) => self.news.push_back(news::sent(ticket, date.as_ref())),
            // The answer that stands for a pong.
            _ if ticket.kind() == RequestKind::RegisterType => (),
            Ok(_) => (),
            Err(failure) => {
                let goes_on = self.client.status() != Status::Connected;
                // When the machine can't sign the user in again, it is the user's turn; else it goes on by itself.
                match ticket.kind() {
                    RequestKind::Authorize | RequestKind::SessionRestore
                        if ticket.is_automatic() && goes_on => {}
                    _ => self.news.push_back(news::ended_badly(ticket, failure)),
                }
            }
        }
    }

    /// Asks for what a user needs who has just come in, or was away.
    fn catch_up(&mut self, now: Time, was_away: bool) {
        self.seeks_strangers = was_away;
        if let Err(error) = self.client.get_contacts(now) {
            self.news.push_back(news::failed(RequestKind::GetContacts, "", error));
        }
        if was_away {
            let dialogs: Vec<_> = self.client.dialogs().map(String::from).collect();
            dialogs.iter().for_each(|dialog| self.open(now, dialog));
        }
    }
}
