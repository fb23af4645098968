//! A network for one promise: nothing is missed, nothing comes twice, whatever breaks.
//!
//! Users have several devices. Their applications take events when they like, some only when all that they sent has been
//! answered; some keep what it takes to go on after a restart. Connections break between any two bytes, or are half dead:
//! what was sent may arrive although its sender has another connection already. The server may lose everything.
//!
//! In the end, when all is quiet, everybody's log is read from its beginning, and everything else is compared with it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use skaro_proto::Time;
use skaro_proto::client::{
    Backoff, Client, ClientConfig, Command, Disconnect, Event, Failure, LogStart, RequestId, SendMessage,
    Status,
};
use skaro_proto::message::{Answer, Refusal};
use skaro_proto::server::{self, ConnectionId, Rate, Server};

mod compare;
mod keeper;
mod net;

use super::choices::Choices;
use super::oracle::{Checked, ensure, number_in};
use super::wire::Content;
use keeper::Keeper;

/// Entries that may be on their way to an application, or wait for it.
const WINDOW: usize = 256;

/// What was exercised.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exercised {
    pub messages: usize,
    pub repeated: usize,
    pub entries: usize,
    pub cuts: usize,
    pub half_dead: usize,
    pub restarts: usize,
    pub lost_logs: usize,
    pub full_windows: usize,
    pub read_marks: usize,
    pub postponed: usize,
    pub refused: usize,
    pub unknown: usize,
    /// With a store behind the server: crashes of the server, and times at which the store stopped.
    pub crashes: usize,
    pub stuck: usize,
}

/// How a message ended for its sender.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Open,
    Taken,
    /// The log is another one, or the application forgot it.
    Unknown,
    Refused,
}

struct Message {
    from: usize,
    to: usize,
    /// The device that sent it, and which of its applications.
    sender: (usize, usize),
    end: End,
    /// How often the server heard it, and which log of its sender that was.
    heard: usize,
    epoch: usize,
}

/// One way of a connection: what is on its way, and how many bytes still pass.
#[derive(Default)]
struct Way {
    packets: VecDeque<Content>,
    left: Option<usize>,
}

struct Wire {
    device: usize,
    /// Whether each end still has it.
    client: bool,
    server: Option<ConnectionId>,
    up: Way,
    down: Way,
}

/// What an entry was for whoever read it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    /// A message, by its number.
    Message(usize),
    /// A message that the connection itself has sent.
    Sent,
    /// How far the user has read the dialog with this one.
    Read { with: usize, up_to: u64 },
    /// A mark that a later one has replaced.
    Gone,
}

/// What an application has read of one log, from where it began.
struct Handled {
    log: String,
    begin: u64,
    entries: Vec<What>,
}

/// What an application keeps over its restarts: written in one step with what it does about an event.
#[derive(Clone, Default)]
struct Kept {
    log: Option<(String, u64)>,
    /// Its messages that have not ended, by their keys, in order.
    open: Vec<(String, usize)>,
    keys: usize,
}

struct Device {
    user: usize,
    client: Client,
    wire: Option<usize>,
    /// Whether it takes events only when all that it sent has been answered.
    awaits: bool,
    keeps: bool,
    kept: Kept,
    incarnation: usize,
    mailbox: VecDeque<Event<'static>>,
    open: BTreeMap<RequestId, usize>,
    /// The messages that it shows already, since it sent them.
    accepted: BTreeSet<usize>,
    /// What it read, in each log that it had.
    handled: Vec<Handled>,
}

struct World {
    choices: Choices,
    /// Number of clients that were made.
    clients: u64,
    now: Time,
    /// Whether the server takes only so many messages of a user at a time.
    is_strict: bool,
    server: Server,
    /// The store, if it is not inside the server.
    keeper: Option<Keeper>,
    /// Whether it refuses operations at times.
    refuses: bool,
    epoch: usize,
    devices: Vec<Device>,
    wires: Vec<Wire>,
    messages: Vec<Message>,
    /// Messages that everybody gets in the end: more than a window, unless the run is short.
    flood: usize,
    exercised: Exercised,
}

const USERS: usize = 3;

fn user_of(login: &str) -> Checked<usize> {
    let user = ["alice", "bob", "carol"].iter().position(|known| *known == login);
    user.ok_or_else(|| format!("nobody is called {login:?}"))
}

fn login(user: usize) -> &'static str {
    ["alice", "bob", "carol"][user]
}

fn new_config(is_strict: bool) -> server::ServerConfig {
    let mut config = server::ServerConfig::default();
    (config.guesses_per_login, config.max_strangers) = (None, None);
    config.message_rate = is_strict.then(|| Rate::new(20, 10));
    config.max_connections_per_user = 10_000;
    config.max_sessions_per_user = 10_000;
    // Nothing is pushed out.
    (config.max_dialog_messages, config.max_log_entries, config.max_keys) = (1 << 20, 1 << 20, 1 << 20);
    config.max_sign_in_attempts = u32::MAX;
    config
}

fn new_server(seed: usize, is_strict: bool) -> Server {
    let mut server = Server::new(new_config(is_strict), [seed as u8; 32]);
    (0..USERS).for_each(|user| server.add_user(login(user), login(user)).unwrap());
    server
}

/// Runs a network for so many steps, and compares.
///
/// # Errors
/// If the promise is broken.
pub fn run(mut choices: Choices, devices: usize, steps: usize) -> Result<Exercised, String> {
    let is_strict = choices.chance(30);
    run_with(choices, is_strict, new_server(1, is_strict), None, devices, steps)
}

/// Runs a network whose server has its store behind it: operations are delayed, reordered and refused, their outcome may
/// be unknown for long, and the server crashes between any two of them.
///
/// # Errors
/// If the promise is broken.
pub fn run_with_store(mut choices: Choices, devices: usize, steps: usize) -> Result<Exercised, String> {
    let is_strict = choices.chance(30);
    let server = Server::with_store(new_config(is_strict), [1; 32]);
    run_with(choices, is_strict, server, Some(Keeper::new()), devices, steps)
}

fn run_with(
    choices: Choices,
    is_strict: bool,
    server: Server,
    keeper: Option<Keeper>,
    devices: usize,
    steps: usize,
) -> Result<Exercised, String> {
    let mut world = World {
        choices,
        clients: 0,
        now: Time::from_secs(1),
        is_strict,
        server,
        keeper,
        refuses: true,
        epoch: 0,
        devices: Vec::new(),
        wires: Vec::new(),
        messages: Vec::new(),
        flood: if steps > 1000 { 300 } else { 10 },
        exercised: Exercised::default(),
    };
    world.add_users();
    for n in 0..devices {
        let device = world.device(n, n % USERS);
        world.devices.push(device);
        world.dial(n)?;
    }
    for step in 0..steps {
        if world.choices.is_over() {
            break;
        }
        world.step().map_err(|what| format!("step {step}: {what}"))?;
    }
    world.settle().and_then(|()| world.compare())?;
    Ok(world.exercised)
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
    fn device(&mut self, n: usize, user: usize) -> Device {
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

    fn send(&mut self, n: usize, to: usize) -> Checked {
        let (number, device) = (self.messages.len(), &mut self.devices[n]);
        device.kept.keys += 1;
        let key = device.keeps.then(|| format!("{n}-{}", device.kept.keys));
        if let Some(id) = give(device, self.now, to, number, key.as_deref()) {
            // An application that keeps its keys writes them down before it sends.
            device.kept.open.extend(key.map(|key| (key, number)));
            device.open.insert(id, number);
            let (from, sender) = (device.user, (n, device.incarnation));
            let epoch = self.epoch;
            self.messages.push(Message { from, to, sender, end: End::Open, heard: 0, epoch });
            self.exercised.messages += 1;
        }
        self.attend(n)
    }

    /// The application takes an event, if it wants one.
    fn take(&mut self, n: usize) -> Checked<bool> {
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
        let what = match &event {
            Event::Message(incoming) => {
                let number = number_in(incoming.message.body.as_bytes());
                let number = number.ok_or("a message without a number")?;
                let is_shown =
                    device.accepted.contains(&number) || device.open.values().any(|it| *it == number);
                ensure!(!is_shown, "device {n} has its message {number} twice");
                Some(What::Message(number))
            }
            Event::Sent(_) => Some(What::Sent),
            Event::Read(mark) => Some(What::Read { with: user_of(&mark.login)?, up_to: mark.up_to }),
            Event::Unknown { kind, .. } if kind == "gone" => Some(What::Gone),
            Event::LogChanged { log, position } => {
                device.accepted.clear();
                device.handled.push(Handled { log: log.clone(), begin: *position, entries: Vec::new() });
                None
            }
            _ => None,
        };
        if let (Some(position), Some(what)) = (event.position(), what) {
            self.exercised.entries += 1;
            self.exercised.read_marks += usize::from(matches!(what, What::Read { .. }));
            let handled = device.handled.last_mut().ok_or("an entry comes before somebody is signed in")?;
            let last = handled.begin + handled.entries.len() as u64;
            ensure!(last + 1 == position, "device {n} has entry {position} after {last}");
            handled.entries.push(what);
        }
        self.attend(n).map(|()| true)
    }

    /// The user has read a dialog up to something that the device has had.
    fn read(&mut self, n: usize) -> Checked {
        let with = login(self.choices.below(USERS));
        let back = self.choices.below(20) as u64;
        let device = &mut self.devices[n];
        if let Some((_, position)) = device.client.log().filter(|_| device.client.has_cursor()) {
            _ = device.client.read(self.now, with, position.saturating_sub(back));
        }
        self.attend(n)
    }

    /// An event of the machine: ends are noted at once, as whoever waits for one is told; all others wait.
    fn happens(&mut self, n: usize, event: Event<'static>) -> Checked {
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
            Ok(_) => End::Taken,
            Err(Failure::Refused(refusal)) if is(refusal, 504) => {
                return Err(format!("message {number} ended although nobody knows what came of it"));
            }
            // An application that gives a message again after its restart does not know what came of it before.
            Err(Failure::Refused(refusal)) if is_again && (is(refusal, 503) || is(refusal, 429)) => {
                End::Unknown
            }
            Err(Failure::Refused(_)) => End::Refused,
            Err(Failure::Lost(_)) => End::Unknown,
            Err(failure) => return Err(format!("message {number}: {failure}")),
        };
        let may_be_unknown = message.epoch != self.epoch || matches!(outcome, Err(Failure::Refused(_)));
        let is_known = message.end != End::Unknown || may_be_unknown;
        ensure!(is_known, "message {number} is unknown, and the server lost nothing");
        self.exercised.refused += usize::from(message.end == End::Refused);
        self.exercised.unknown += usize::from(message.end == End::Unknown);
        Ok(())
    }

    /// The application ends, and is started again: with what it kept, or with nothing.
    fn restart(&mut self, n: usize) -> Checked {
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

fn give(device: &mut Device, now: Time, to: usize, number: usize, key: Option<&str>) -> Option<RequestId> {
    let body = format!("~{number}~");
    let message = SendMessage { key, ..SendMessage::new(login(to), &body) };
    message.give(&mut device.client, now).ok()
}

/// What happens.
impl World {
    fn step(&mut self) -> Checked {
        let n = self.choices.below(self.devices.len());
        let first = self.wires.len().saturating_sub(3 * self.devices.len());
        let w = first + self.choices.below(self.wires.len() - first);
        match self.choices.below(1000) {
            0..120 => {
                let to = self.choices.below(USERS);
                self.send(n, to)
            }
            120..480 => self.arrive(w, true).map(drop),
            480..800 => self.arrive(w, false).map(drop),
            800..895 => self.take(n).map(drop),
            895..920 => self.read(n),
            920..935 => self.cut(n, false),
            935..950 => self.cut(n, true),
            950..956 => self.restart(n),
            956 if self.choices.chance(30) => self.lose_everything(),
            959 if self.keeper.is_some() => self.crash(),
            960 if self.keeper.is_some() => {
                self.stick();
                Ok(())
            }
            957..959 => self.post(n),
            _ => {
                let time = self.choices.millis(100);
                self.pass(time)
            }
        }
    }

    /// Much is said at once, more than a window, perhaps while somebody is away who waits for an answer.
    fn post(&mut self, n: usize) -> Checked {
        let (user, times) = (self.devices[n].user, 100 + self.choices.below(300));
        if self.choices.chance(50) {
            self.send(n, user)?;
            self.cut(n, false)?;
        }
        self.post_to(user, times)
    }

    fn post_to(&mut self, user: usize, times: usize) -> Checked {
        for _ in 0..times {
            let (from, number) = ((user + 1) % USERS, self.messages.len());
            let body = format!("~{number}~");
            self.post_one(from, user, &body)?;
            let (sender, epoch) = ((usize::MAX, 0), self.epoch);
            self.messages.push(Message { from, to: user, sender, end: End::Taken, heard: 1, epoch });
        }
        self.pump()
    }
}
