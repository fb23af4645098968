//! A network for one promise: nothing is missed, nothing comes twice, whatever breaks.
//!
//! Users have several devices. Their applications take events when they like, some only when all that they sent has been
//! answered; some keep what it takes to go on after a restart. Connections break between any two bytes, or are half dead:
//! what was sent may arrive although its sender has another connection already. The server may lose everything. Meanwhile
//! users found, join and leave conferences, invite and remove each other, and block each other, whether they may or not.
//!
//! `people` is told what the store was asked, or what the server heard, in its order, and knows what should come of it: whether
//! it is refused, who gets a message, which entries are in which log. In the end, when all is quiet, everybody's log is read
//! from its beginning, and compared with that; so is what each device has read, and how each message ended.
//!
//! | module | what it has |
//! |---|---|
//! | `device` | applications |
//! | `steps` | what happens |
//! | `net` | connections |
//! | `keeper` | a store behind the server |
//! | `deeds` | what users do that changes logs |
//! | `people` | what should come of it |
//! | `compare` `reading` | the end |
//! | `counts` | what was exercised |

use std::collections::VecDeque;

use skaro_proto::Time;
use skaro_proto::server::store::ContactState;
use skaro_proto::server::{self, ConnectionId, Rate, Server};

mod compare;
mod counts;
mod deeds;
mod device;
mod keeper;
mod net;
mod people;
mod reading;
mod steps;

use super::choices::Choices;
use super::wire::Content;
pub use counts::{Counts, Exercised};
use deeds::Name;
use device::Device;
use keeper::Keeper;
use people::People;

/// How a message ended for its sender.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Open,
    Taken,
    /// The log is another one, or the application forgot it.
    Unknown,
    /// With this status.
    Refused(u16),
}

struct Message {
    to: Name,
    /// The device that sent it, and which of its applications.
    sender: (usize, usize),
    end: End,
    /// How often the server heard it, and which log of its sender that was.
    heard: usize,
    epoch: usize,
    /// The date that its sender was told.
    date: Option<i64>,
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

/// What an entry is for whoever reads it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    /// A message, by its number, with its date.
    Message { number: usize, date: i64 },
    /// A message that the connection itself has sent.
    Sent,
    /// How far the user has read a dialog.
    Read { with: Name, up_to: u64 },
    /// A contact has this state.
    Contact { with: Name, state: ContactState },
    /// A profile, and of a conference perhaps a member, has changed.
    Changed { of: Name, version: u64, member: Option<(usize, ContactState)> },
    /// One of these that a later one has replaced.
    Gone,
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
    /// What the store should know.
    people: People,
    /// Number of versions of profiles.
    versions: u64,
    devices: Vec<Device>,
    wires: Vec<Wire>,
    messages: Vec<Message>,
    /// Messages that everybody gets in the end: more than a window, unless the run is short.
    flood: usize,
    exercised: Exercised,
}

const USERS: usize = 3;

const CONFERENCES: [&str; 2] = ["#one", "#two"];

fn login(user: usize) -> &'static str {
    ["alice", "bob", "carol"][user]
}

fn new_config(is_strict: bool) -> server::ServerConfig {
    let mut config = server::ServerConfig::default();
    (config.guesses_per_login, config.max_strangers) = (None, None);
    config.message_rate = is_strict.then(|| Rate::new(20, 10));
    // One member may take half of it.
    config.conference_rate = is_strict.then(|| Rate::new(40, 20));
    config.users_found_conferences = true;
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
        people: People::default(),
        versions: 0,
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
        let done = world.step().and_then(|()| world.people.wrong.take().map_or(Ok(()), Err));
        done.map_err(|what| format!("step {step}: {what}"))?;
    }
    world.settle().and_then(|()| world.compare())?;
    Ok(Exercised { people: world.people.counts, ..world.exercised })
}
