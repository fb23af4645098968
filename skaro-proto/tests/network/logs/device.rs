//! Applications: what they send, take, keep, and know after a restart.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use skaro_proto::Time;
use skaro_proto::client::{
    Backoff, Client, ClientConfig, Command, Disconnect, Event, Failure, LogStart, RequestId, SendMessage,
    Status,
};
use skaro_proto::message::{self, Answer, ChangedUserData, ContactChange, Date, Refusal, StatusCode};

use super::super::oracle::{Checked, ensure, number_in};
use super::deeds::{Name, state, version};
use super::{End, Message, What, World, login};

/// Entries that may be on their way to an application, or wait for it.
const WINDOW: usize = 256;

/// What an application has read of one log, from where it began.
pub(super) struct Handled {
    pub(super) log: String,
    pub(super) begin: u64,
    pub(super) entries: Vec<What>,
}

/// What an application keeps over its restarts: written in one step with what it does about an event.
#[derive(Clone, Default)]
pub(super) struct Kept {
    log: Option<(String, u64)>,
    /// Its messages that have not ended, by their keys, in order.
    pub(super) open: Vec<(String, usize)>,
    keys: usize,
}

pub(super) struct Device {
    pub(super) user: usize,
    pub(super) client: Client,
    pub(super) wire: Option<usize>,
    /// Whether it takes events only when all that it sent has been answered.
    pub(super) awaits: bool,
    pub(super) keeps: bool,
    pub(super) kept: Kept,
    incarnation: usize,
    pub(super) mailbox: VecDeque<Event<'static>>,
    pub(super) open: BTreeMap<RequestId, usize>,
    /// The messages that it shows already, since it sent them.
    accepted: BTreeSet<usize>,
    /// What it read, in each log that it had.
    pub(super) handled: Vec<Handled>,
}

fn config(start: LogStart) -> ClientConfig {
    let mut config = ClientConfig::default();
    let mut backoff = Backoff::default();
    (backoff.base, backoff.cap) = (Duration::from_millis(50), Duration::from_millis(200));
    config.reconnect = Some(backoff);
    config.keep_alive = Some(Duration::from_secs(4));
    config.log = start;
    config
}

/// Applications.
impl World {
    pub(super) fn device(&mut self, n: usize, user: usize) -> Device {
        Device {
            user,
            client: self.client(n, LogStart::Head),
            wire: None,
            awaits: self.choices.chance(50),
            keeps: self.choices.chance(60),
            kept: Kept::default(),
            incarnation: 0,
            mailbox: VecDeque::new(),
            open: BTreeMap::new(),
            accepted: BTreeSet::new(),
            handled: Vec::new(),
        }
    }

    fn client(&mut self, n: usize, start: LogStart) -> Client {
        let mut seed = [n as u8; 32];
        seed[..8].copy_from_slice(&(self.choices.below(1 << 30) as u64).to_le_bytes());
        // Whatever was chosen: two clients of a user with one seed would give their messages the same keys.
        self.clients += 1;
        seed[8..16].copy_from_slice(&self.clients.to_le_bytes());
        Client::new(config(start), seed)
    }

    pub(super) fn send(&mut self, n: usize, to: Name) -> Checked {
        let (number, device) = (self.messages.len(), &mut self.devices[n]);
        device.kept.keys += 1;
        let key = device.keeps.then(|| format!("{n}-{}", device.kept.keys));
        if let Some(id) = give(device, self.now, to, number, key.as_deref()) {
            // An application that keeps its keys writes them down before it sends.
            device.kept.open.extend(key.map(|key| (key, number)));
            device.open.insert(id, number);
            let (sender, epoch) = ((n, device.incarnation), self.epoch);
            self.messages.push(Message { to, sender, end: End::Open, heard: 0, epoch, date: None });
            self.exercised.messages += 1;
        }
        self.attend(n)
    }

    /// The application takes an event, if it wants one.
    pub(super) fn take(&mut self, n: usize) -> Checked<bool> {
        let device = &mut self.devices[n];
        if device.awaits && !device.open.is_empty() {
            return Ok(false);
        }
        let Some(event) = device.mailbox.pop_front() else { return Ok(false) };
        if let Some(position) = event.position() {
            device.client.handle_taken(position);
            let log = device.client.log().map(|(log, _)| log.to_owned());
            device.kept.log = log.map(|log| (log, position));
        }
        if let Event::LogChanged { log, position } = &event {
            device.accepted.clear();
            device.handled.push(Handled { log: log.clone(), begin: *position, entries: Vec::new() });
        }
        let what = seen(&event)?;
        if let Some(What::Message { number, .. }) = what {
            let is_shown = device.accepted.contains(&number) || device.open.values().any(|it| *it == number);
            ensure!(!is_shown, "device {n} has its message {number} twice");
        }
        if let (Some(position), Some(what)) = (event.position(), what) {
            self.exercised.entries += 1;
            self.exercised.read_marks += usize::from(matches!(what, What::Read { .. }));
            let is_of_people = matches!(what, What::Contact { .. } | What::Changed { .. });
            self.people.counts.told += usize::from(is_of_people);
            let handled = device.handled.last_mut().ok_or("an entry comes before somebody is signed in")?;
            let last = handled.begin + handled.entries.len() as u64;
            ensure!(last + 1 == position, "device {n} has entry {position} after {last}");
            handled.entries.push(what);
        }
        self.attend(n).map(|()| true)
    }

    /// The user has read a dialog up to something that the device has had.
    pub(super) fn read(&mut self, n: usize) -> Checked {
        let with = self.anybody().text();
        let back = self.choices.below(20) as u64;
        let device = &mut self.devices[n];
        if let Some((_, position)) = device.client.log().filter(|_| device.client.has_cursor()) {
            _ = device.client.read(self.now, with, position.saturating_sub(back));
        }
        self.attend(n)
    }

    /// An event of the machine: ends are noted at once, as whoever waits for one is told; all others wait.
    pub(super) fn happens(&mut self, n: usize, event: Event<'static>) -> Checked {
        let device = &mut self.devices[n];
        match &event {
            Event::Connected { .. } if device.client.status() == Status::Connected => {
                let login = login(device.user);
                device.client.authorize(self.now, login, login).map_err(|error| error.to_string())?;
                return Ok(());
            }
            Event::Ended(ended) => {
                let is_in = matches!(ended.outcome, Ok(Answer::Authorized(_) | Answer::Restored(_)));
                if is_in && (device.handled.is_empty() || device.kept.log.is_none()) {
                    device.kept.log = device.client.log().map(|(log, at)| (log.to_owned(), at));
                    let (log, begin) = device.kept.log.clone().unwrap_or_default();
                    device.handled.push(Handled { log, begin, entries: Vec::new() });
                }
                if let Some(number) = device.open.remove(&ended.ticket.id()) {
                    return self.ended(n, number, &ended.outcome);
                }
                // The store was not there for a sign-in.
                if device.client.status() == Status::Connected
                    && matches!(ended.outcome, Err(Failure::Refused(_)))
                {
                    let login = login(device.user);
                    device.client.authorize(self.now, login, login).map_err(|error| error.to_string())?;
                    return Ok(());
                }
                // What was open when the application ended is sent again, before anything else.
                if is_in && device.open.is_empty() {
                    for (key, number) in device.kept.open.clone() {
                        let to = self.messages[number].to;
                        let id = give(device, self.now, to, number, Some(&key));
                        let id = id.ok_or_else(|| format!("device {n} can't send again"))?;
                        device.open.insert(id, number);
                    }
                }
                return Ok(());
            }
            // The server may have it: it does not end by that, and is sent again.
            Event::Postponed(_) => {
                self.exercised.postponed += 1;
                return Ok(());
            }
            Event::ProtocolError(error) => return Err(format!("device {n} is confused: {error}")),
            Event::Disconnected(reason) => {
                ensure!(!matches!(reason, Disconnect::MissingEntries { .. }), "device {n}: {reason}");
                device.mailbox.retain(|event| event.position().is_none());
                return Ok(());
            }
            Event::SignedOut { reason } => return Err(format!("device {n} is signed out: {reason}")),
            _ => (),
        }
        device.mailbox.push_back(event);
        let entries = device
            .mailbox
            .iter()
            .filter(|event| event.position().is_some() && !matches!(event, Event::CaughtUp { .. }));
        let waiting = entries.count();
        self.exercised.full_windows += usize::from(waiting == WINDOW);
        ensure!(waiting <= WINDOW, "{waiting} entries wait for device {n}");
        Ok(())
    }

    fn ended(&mut self, n: usize, number: usize, outcome: &Result<Answer<'_>, Failure<'_>>) -> Checked {
        self.devices[n].kept.open.retain(|(_, open)| *open != number);
        self.devices[n].accepted.extend(outcome.is_ok().then_some(number));
        let message = &mut self.messages[number];
        let is_again = message.sender.1 != self.devices[n].incarnation;
        ensure!(message.end == End::Open, "message {number} ended twice");
        message.end = match outcome {
            Ok(answer) => {
                if let Answer::MessageSent { date: Some(date), .. } = answer {
                    message.date = date.as_integer();
                }
                End::Taken
            }
            Err(Failure::Refused(refusal)) if is(refusal, 504) => {
                return Err(format!("message {number} ended although nobody knows what came of it"));
            }
            // An application that gives a message again after its restart does not know what came of it before.
            Err(Failure::Refused(refusal)) if is_again && (is(refusal, 503) || is(refusal, 429)) => {
                End::Unknown
            }
            Err(Failure::Refused(refusal)) => {
                End::Refused(refusal.status.as_ref().map_or(0, StatusCode::code))
            }
            Err(Failure::Lost(_)) => End::Unknown,
            Err(failure) => return Err(format!("message {number}: {failure}")),
        };
        let may_be_unknown = message.epoch != self.epoch || matches!(outcome, Err(Failure::Refused(_)));
        let is_known = message.end != End::Unknown || may_be_unknown;
        ensure!(is_known, "message {number} is unknown, and the server lost nothing");
        self.exercised.refused += usize::from(matches!(message.end, End::Refused(_)));
        self.exercised.unknown += usize::from(message.end == End::Unknown);
        Ok(())
    }

    /// The application ends, and is started again: with what it kept, or with nothing.
    pub(super) fn restart(&mut self, n: usize) -> Checked {
        self.exercised.restarts += 1;
        let half_dead = self.choices.chance(50);
        self.leave(n, half_dead);
        let device = &self.devices[n];
        let (kept, keeps) = (device.kept.clone(), device.keeps);
        let start = match kept.log.clone().filter(|_| keeps) {
            Some((log, position)) => LogStart::Since { log, position },
            None => LogStart::Head,
        };
        let client = self.client(n, start);
        let device = &mut self.devices[n];
        for number in std::mem::take(&mut device.open).into_values().filter(|_| !keeps) {
            self.messages[number].end = End::Unknown;
        }
        device.client = client;
        device.incarnation += 1;
        device.accepted.clear();
        device.mailbox.clear();
        if !keeps {
            device.kept = Kept { keys: kept.keys, ..Kept::default() };
        }
        self.dial(n)
    }
}

/// Returns whether a refusal has this status.
fn is(refusal: &Refusal<'_>, code: u16) -> bool {
    refusal.status.as_ref().is_some_and(|status| status.code() == code)
}

fn give(device: &mut Device, now: Time, to: Name, number: usize, key: Option<&str>) -> Option<RequestId> {
    let body = format!("~{number}~");
    let message = SendMessage { key, ..SendMessage::new(to.text(), &body) };
    message.give(&mut device.client, now).ok()
}

/// What an event is, if it is an entry.
fn seen(event: &Event<'_>) -> Checked<Option<What>> {
    Ok(Some(match event {
        Event::Message(incoming) => shown(&incoming.message)?,
        Event::Sent(_) => What::Sent,
        Event::Read(mark) => What::Read { with: Name::of(&mark.login)?, up_to: mark.up_to },
        Event::Contact(change) => told_contact(change)?,
        Event::ChangedUserData(changed) if changed.position.is_some() => told_change(changed)?,
        Event::Unknown { kind, .. } if kind == "gone" => What::Gone,
        _ => return Ok(None),
    }))
}

pub(super) fn shown(message: &message::Message<'_>) -> Checked<What> {
    let number = number_in(message.body.as_bytes()).ok_or("a message without a number")?;
    let date = message.date.as_ref().and_then(Date::as_integer).ok_or("a message without a date")?;
    Ok(What::Message { number, date })
}

pub(super) fn told_contact(change: &ContactChange<'_>) -> Checked<What> {
    Ok(What::Contact { with: Name::of(&change.login)?, state: state(&change.state)? })
}

pub(super) fn told_change(changed: &ChangedUserData<'_>) -> Checked<What> {
    let member = match (&changed.member, &changed.state) {
        (Some(member), Some(word)) => match Name::of(member)? {
            Name::User(member) => Some((member, state(word)?)),
            Name::Conference(_) => return Err(format!("{member:?} is a member of a conference")),
        },
        (None, None) => None,
        other => return Err(format!("a member without a state, or a state of nobody: {other:?}")),
    };
    let version = version(changed.user.profile().as_ref());
    Ok(What::Changed { of: Name::of(&changed.user.login)?, version, member })
}
