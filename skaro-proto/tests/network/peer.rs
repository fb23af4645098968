//! A client with its application, and the ledger of its commands.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use skaro_proto::client::{
    Awaited, Client, ClientConfig, CommandError, Delivery, Disconnect, Ended, Event, Failure, Incoming,
    LogStart, ProtocolError, RequestId, Status,
};
use skaro_proto::message::{Answer, Date};
use skaro_proto::{Format, Frame, Time};

use super::choices::Choices;
use super::oracle::{Checked, Number, Taken, User, ensure, number_in, password};
use super::report::Count;
use super::world::Network;

pub(super) struct Peer {
    pub(super) client: Client,
    pub(super) user: User,
    pub(super) format: Format,
    pub(super) wire: Option<usize>,
    /// The attempt to connect that is under way, and how many there were.
    pub(super) dialing: Option<usize>,
    pub(super) attempts: usize,
    /// Whether the application wants the first connection.
    pub(super) dials_by_itself: bool,
    /// Whether it takes what arrives.
    pub(super) reads: bool,
    /// For when its timer is set.
    pub(super) timer: Option<Time>,
    /// When the machine last heard something.
    pub(super) heard: Time,
    /// Commands that have not ended, with the message that they send.
    open: BTreeMap<RequestId, Option<Number>>,
    /// Those that have.
    ended: BTreeSet<RequestId>,
    /// Those that timed out, and may still be answered.
    late: BTreeMap<RequestId, Option<Number>>,
    /// Messages that the application has had.
    seen: BTreeSet<Number>,
}

impl Peer {
    pub(super) fn new(choices: &mut Choices, n: usize, user: User) -> Peer {
        let format = choices.pick(&[Format::Cbor, Format::Json]);
        Peer {
            client: Client::new(client_config(choices), seed(n, choices)),
            user,
            format,
            wire: None,
            dialing: None,
            attempts: 0,
            dials_by_itself: false,
            reads: true,
            timer: None,
            heard: Time::ZERO,
            open: BTreeMap::new(),
            ended: BTreeSet::new(),
            late: BTreeMap::new(),
            seen: BTreeSet::new(),
        }
    }

    /// Sets the timer; returns for when, unless it is set for then already.
    pub(super) fn due_timer(&mut self, now: Time) -> Option<Time> {
        let next = self.client.poll_timeout()?.max(now);
        if self.timer.is_some_and(|timer| timer <= next) {
            return None;
        }
        self.timer = Some(next);
        Some(next)
    }

    /// What must hold for a client at any time.
    pub(super) fn check(&self, now: Time) -> Checked {
        let (open, pending, status) = (self.open.len(), self.client.pending(), self.client.status());
        let automatic = usize::from(matches!(status, Status::SigningIn | Status::Closing));
        ensure!(
            pending == open || pending == open + automatic,
            "{pending} commands are pending, {open} have not ended: {:?}",
            self.client
        );
        let is_idle = matches!(status, Status::Offline | Status::Closed);
        ensure!(!is_idle || self.client.poll_timeout().is_none(), "an idle client has a deadline");
        ensure!(
            status != Status::Closed || open == 0,
            "{open} commands have not ended, and the client is closed"
        );
        let config = self.client.config();
        let limit = config.limits.max_requests + config.offline_messages;
        ensure!(pending <= limit + automatic, "{pending} commands are pending, the limit is {limit}");
        let is_open = matches!(status, Status::Connected | Status::SigningIn | Status::SignedIn);
        if let Some(within) = config.keep_alive.filter(|_| is_open && self.reads) {
            let silence = now - self.heard;
            ensure!(silence <= within, "a client keeps a connection after {silence:?} of silence");
        }
        Ok(())
    }

    pub(super) fn open(&self) -> usize {
        self.open.len()
    }
}

/// Differs from client to client, and from one that takes another's place.
fn seed(n: usize, choices: &mut Choices) -> [u8; 32] {
    let mut seed = [n as u8; 32];
    seed[..8].copy_from_slice(&(choices.below(1 << 30) as u64).to_le_bytes());
    seed
}

fn client_config(choices: &mut Choices) -> ClientConfig {
    let mut config = ClientConfig::default();
    config.limits.max_queued_bytes = choices.pick(&[4 << 20, 4 << 20, 2048]);
    config.limits.max_requests = choices.pick(&[1 << 17, 1 << 17, 8]);
    config.request_timeout = choices.pick(&[30, 30, 5]).secs();
    config.keep_alive = choices.pick(&[Some(60), Some(60), Some(60), None]).map(Secs::secs);
    config.keep_credentials = choices.chance(50);
    // The log has a simulation of its own.
    config.log = LogStart::Off;
    config.offline_messages = choices.pick(&[0, 4, 100]);
    // One that believes too long in its session asks the server for what it must refuse.
    config.session_lifetime = choices.pick(&[300, 300, 3600]).secs();
    if choices.chance(10) {
        config.reconnect = None;
    }
    if let Some(backoff) = config.reconnect.as_mut().filter(|_| choices.chance(30)) {
        backoff.attempts = Some(2);
    }
    config
}

trait Secs {
    fn secs(self) -> Duration;
}

impl Secs for u64 {
    fn secs(self) -> Duration {
        Duration::from_secs(self)
    }
}

/// The application.
impl Network {
    /// A command was given: it was taken, or could not be.
    pub(super) fn gave(
        &mut self,
        n: usize,
        result: Result<RequestId, CommandError>,
        message: Option<Number>,
    ) -> Checked {
        self.note(|net| {
            let about = message.map(|number| format!(", message {number}")).unwrap_or_default();
            match &result {
                Ok(id) => format!("{} gives command {id}{about}", net.name(n)),
                Err(error) => format!("{} can't give a command{about}: {error}", net.name(n)),
            }
        });
        let peer = &mut self.peers[n];
        match result {
            Ok(id) => {
                let is_new = !peer.ended.contains(&id) && peer.open.insert(id, message).is_none();
                ensure!(is_new, "the number of command {id} came twice");
            }
            Err(error) => {
                self.report.add(Count::Misuse, 1);
                let no_way = matches!(error, CommandError::NotConnected | CommandError::NotSignedIn);
                let signed_in = peer.client.status() == Status::SignedIn;
                ensure!(!(no_way && signed_in), "a client that is signed in takes no command: {error}");
            }
        }
        Ok(())
    }

    pub(super) fn authorize(&mut self, n: usize, is_right: bool) -> Checked {
        let user = self.peers[n].user;
        let login = self.model.logins[user].clone();
        let password = if is_right { password(user) } else { "wrong".into() };
        self.report.add(Count::WrongProofs, usize::from(!is_right));
        let result = self.peers[n].client.authorize(self.now, &login, &password);
        self.gave(n, result, None)
    }

    pub(super) fn client_hears(&mut self, w: usize, frame: Frame<'_>) -> Checked {
        self.report.add(Count::ToClients, 1);
        self.report.add(Count::Bytes, frame.as_bytes().len());
        let n = self.wires[w].client;
        let was_closing = self.peers[n].client.status() == Status::Closing;
        match self.peers[n].client.handle_frame(self.now, frame) {
            Ok(event) => self.event(n, event),
            // It was closed before it was greeted.
            Err(ProtocolError::UnexpectedChallenge) if was_closing => Ok(()),
            Err(error) => Err(format!("{} does not take what the server says: {error}", self.name(n))),
        }
    }

    pub(super) fn event(&mut self, n: usize, event: Event<'_>) -> Checked {
        self.note(|net| format!("{} learns: {}", net.name(n), told(&event)));
        match event {
            Event::Connected { .. } => self.greeted(n)?,
            Event::Ended(ended) => self.ended(n, ended)?,
            Event::Late(ended) => self.answered_late(n, &ended)?,
            Event::Message(incoming) => {
                let number = number_in(incoming.message.body.as_bytes());
                let shown = self.peers[n].wire.and_then(|wire| self.wires[wire].shown.pop_front());
                ensure!(
                    number == shown,
                    "{} gets message {number:?}, the next one is {shown:?}",
                    self.name(n)
                );
                self.peers[n].seen.extend(number);
            }
            Event::Disconnected(reason) => self.disconnected(n, &reason)?,
            Event::ProtocolError(error) => return Err(format!("{} is confused: {error}", self.name(n))),
            _ => (),
        }
        Ok(())
    }

    /// Most applications sign in at once, unless the machine does.
    fn greeted(&mut self, n: usize) -> Checked {
        let may = self.peers[n].client.status() == Status::Connected;
        if may && self.choices.chance(80) { self.authorize(n, true) } else { Ok(()) }
    }

    fn disconnected(&mut self, n: usize, reason: &Disconnect) -> Checked {
        if let Disconnect::TimedOut(awaited) = reason {
            self.report.add(Count::DeadForClient, usize::from(*awaited != Awaited::Close));
            let sound = self.is_sound(n);
            ensure!(!sound, "{} waited in vain for {awaited}, but nothing was wrong", self.name(n));
        }
        Ok(())
    }

    fn is_sound(&self, n: usize) -> bool {
        self.peers[n].wire.is_some_and(|wire| self.wires[wire].sound)
    }

    /// A command has ended: once, and as the server has it.
    fn ended(&mut self, n: usize, ended: Ended<'_>) -> Checked {
        let (id, name) = (ended.ticket.id(), ended.ticket.kind());
        let peer = &mut self.peers[n];
        let message = peer.open.remove(&id);
        ensure!(peer.ended.insert(id), "command {id} ({name}) ended twice");
        ensure!(
            message.is_some() || ended.ticket.is_automatic(),
            "command {id} ({name}) ended, but was not given"
        );
        let message = message.flatten();
        match ended.outcome {
            Ok(answer) => {
                self.report.add(Count::Answered, 1);
                self.answered(n, message, answer)?;
            }
            Err(Failure::Refused(_)) => {
                self.report.add(Count::Refusals, 1);
                let taken = message.map(|number| self.model.sent[number].taken);
                ensure!(taken != Some(Taken::Yes), "message {message:?} was refused, but taken");
            }
            Err(Failure::TimedOut) => {
                self.report.add(Count::TimeOuts, 1);
                self.peers[n].late.insert(id, message);
                ensure!(
                    !self.is_sound(n),
                    "command {id} ({name}) of {} timed out, but nothing was wrong",
                    self.name(n)
                );
            }
            Err(Failure::Lost(delivery)) => {
                let (count, left) = match delivery {
                    Delivery::NotSent => (Count::NotSent, 0),
                    Delivery::Unknown => (Count::Unknown, 1),
                };
                self.report.add(count, 1);
                if let Some(number) = message {
                    let really = self.model.sent[number].left;
                    ensure!(really == left, "message {number} was sent {really} times, and told: {delivery}");
                }
            }
            Err(failure) => return Err(format!("command {id} ended in an unknown way: {failure}")),
        }
        Ok(())
    }

    fn answered_late(&mut self, n: usize, ended: &Ended<'_>) -> Checked {
        self.report.add(Count::Late, 1);
        let id = ended.ticket.id();
        let Some(message) = self.peers[n].late.remove(&id) else {
            return Err(format!("a late answer to command {id}, which had not timed out, or another one"));
        };
        match &ended.outcome {
            Ok(answer) => self.answered(n, message, answer.clone()),
            Err(_) => Ok(()),
        }
    }

    fn answered(&mut self, n: usize, message: Option<Number>, answer: Answer<'_>) -> Checked {
        match answer {
            Answer::MessageSent { date, .. } => {
                let Some(number) = message else {
                    return Err("an answer to a message that nobody sent".into());
                };
                self.report.add(Count::Accepted, 1);
                let sent = &self.model.sent[number];
                let date = date.as_ref().and_then(Date::as_integer);
                let is_same = sent.taken == Taken::Yes && sent.date == date && sent.left == 1;
                ensure!(
                    is_same,
                    "message {number} was accepted at {date:?}, the server says {:?}",
                    sent.date
                );
                self.peers[n].seen.insert(number);
            }
            Answer::Authorized(signed_in) => {
                self.report.add(Count::SignIns, 1);
                self.is_now(n, &signed_in.user.login);
            }
            Answer::Restored(signed_in) => {
                self.report.add(Count::Restorations, 1);
                self.is_now(n, &signed_in.user.login);
            }
            _ => (),
        }
        Ok(())
    }

    /// With somebody else's session, the client's user is somebody else.
    fn is_now(&mut self, n: usize, login: &str) {
        let user = self.model.logins.iter().position(|known| known == login);
        let peer = &mut self.peers[n];
        if let Some(user) = user.filter(|user| *user != peer.user) {
            peer.user = user;
            peer.seen.clear();
        }
    }
}

/// An event, for people.
fn told(event: &Event<'_>) -> String {
    match event {
        Event::Connected { .. } => "connected".into(),
        Event::Ended(ended) | Event::Late(ended) => {
            let late = if matches!(event, Event::Late(_)) { " late" } else { "" };
            let outcome = match &ended.outcome {
                Ok(_) => "success".to_string(),
                Err(failure) => failure.to_string(),
            };
            let automatic = if ended.ticket.is_automatic() { "automatic " } else { "" };
            format!(
                "{automatic}command {} ({}) ended{late}: {outcome}",
                ended.ticket.id(),
                ended.ticket.kind()
            )
        }
        Event::Message(Incoming { message, .. }) => {
            format!("a message from {}: {:.20}", message.from.login, message.body.replace('\n', "⏎"))
        }
        Event::Info(notice) | Event::Error(notice) => format!("the server tells: {}", notice.info),
        Event::Disconnected(reason) => format!("disconnected: {reason}"),
        Event::Reconnecting { at, attempt, .. } => format!("attempt {attempt} to connect again at {at}"),
        Event::GaveUp => "it won't connect again".into(),
        other => format!("{other:?}"),
    }
}
