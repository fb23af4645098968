//! The end: all becomes quiet, and everything is compared with what should have come of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use skaro_proto::client::Status;
use skaro_proto::server::store::ContactState;

use super::super::oracle::{Checked, ensure};
use super::deeds::Name;
use super::people::With;
use super::reading::Log;
use super::{End, USERS, What, World};

impl World {
    /// Nothing breaks any more, and nobody says anything new: what is open ends, and everybody catches up.
    pub(super) fn settle(&mut self) -> Checked {
        self.refuses = false;
        if self.keeper.is_some() {
            // What was refused and must not be is tried again after a second.
            self.keep_all();
            self.pass(Duration::from_millis(1001))?;
        }
        for wire in &mut self.wires {
            (wire.up.left, wire.down.left) = (None, None);
        }
        self.move_everything()?;
        // What is missing has to come by itself, too: not only once something follows.
        let is_still = self.choices.chance(60);
        if is_still {
            self.come_to_rest()?;
            (0..self.devices.len()).try_for_each(|n| self.change(n))?;
            return self.come_to_rest();
        }
        // Windows are full, and whoever waits for an answer now does not take events.
        (0..USERS).try_for_each(|user| self.post_to(user, self.flood))?;
        self.move_packets()?;
        (0..self.devices.len()).try_for_each(|n| self.send(n, Name::User(n % USERS)))?;
        self.come_to_rest()
    }

    fn come_to_rest(&mut self) -> Checked {
        // As long as nothing times out: a minute.
        for _ in 0..1200 {
            while self.move_everything()? {}
            if (0..self.devices.len()).all(|n| self.is_quiet(n)) {
                return Ok(());
            }
            self.pass(Duration::from_millis(50))?;
            for wire in &mut self.wires {
                (wire.up.left, wire.down.left) = (None, None);
            }
        }
        let restless = (0..self.devices.len()).find(|n| !self.is_quiet(*n)).unwrap_or_default();
        let device = &self.devices[restless];
        Err(format!(
            "device {restless} does not come to rest: {:?}, {} events wait, {} messages are open, it awaits: {}",
            device.client.status(),
            device.mailbox.len(),
            device.open.len(),
            device.awaits
        ))
    }

    fn is_quiet(&self, n: usize) -> bool {
        let device = &self.devices[n];
        let is_signed_in = device.client.status() == Status::SignedIn;
        is_signed_in && device.mailbox.is_empty() && device.open.is_empty() && device.kept.open.is_empty()
    }

    fn move_packets(&mut self) -> Checked<bool> {
        let mut moved = false;
        for w in 0..self.wires.len() {
            while self.arrive(w, true)? {
                moved = true;
            }
            while self.arrive(w, false)? {
                moved = true;
            }
        }
        Ok(moved)
    }

    fn move_everything(&mut self) -> Checked<bool> {
        self.keep_all();
        self.pump()?;
        let mut moved = self.move_packets()?;
        for n in 0..self.devices.len() {
            while self.take(n)? {
                moved = true;
            }
        }
        Ok(moved)
    }

    pub(super) fn compare(&mut self) -> Checked {
        let logs: Vec<_> = (0..USERS).map(|user| self.read_log(user)).collect::<Checked<_>>()?;
        if let Some(wrong) = self.people.wrong.take() {
            return Err(wrong);
        }
        for (user, log) in logs.iter().enumerate() {
            self.compare_log(user, log)?;
        }
        (0..self.messages.len()).try_for_each(|number| self.compare_message(number))?;
        (0..self.devices.len()).try_for_each(|n| self.compare_device(n, &logs))
    }

    /// A log has what it should have, each message once, and those of each sender in their order.
    fn compare_log(&self, user: usize, log: &Log) -> Checked {
        let entries = &self.people.logs[user].entries;
        for ((what, entry), position) in log.entries.iter().zip(entries).zip(1..) {
            let expected = if entry.is_gone { What::Gone } else { entry.what };
            let is_right = match (what, expected) {
                (What::Changed { version, .. }, What::Changed { of, member, .. }) => {
                    *what == What::Changed { of, version: *version, member }
                        && self.people.tells(entry, *version, true)
                }
                (what, expected) => *what == expected,
            };
            ensure!(is_right, "the log of {user} has {what:?} at {position}, not {expected:?}");
        }
        let (length, expected) = (log.entries.len(), entries.len());
        ensure!(length == expected, "the log of {user} ends at {length}, not at {expected}");
        let (mut all, mut last) = (BTreeSet::new(), BTreeMap::new());
        for what in &log.entries {
            let What::Message { number, .. } = what else { continue };
            ensure!(all.insert(number), "message {number} is in the log of {user} twice");
            // What the server could not take, and takes when it is repeated, comes after what it took meanwhile.
            if self.is_strict || self.people.refused.contains(number) {
                continue;
            }
            let (n, incarnation) = self.messages[*number].sender;
            let keeps = self.devices.get(n).is_none_or(|device| device.keeps);
            let sender = (n, if keeps { 0 } else { incarnation });
            if let Some(before) = last.insert(sender, number) {
                ensure!(before < number, "message {number} of device {n} comes after {before}");
            }
        }
        Ok(())
    }

    /// What its sender was told of a message is what came of it.
    fn compare_message(&self, number: usize) -> Checked {
        let message = &self.messages[number];
        let taken = self.people.taken.get(&number);
        match message.end {
            End::Open => Err(format!("message {number} never ended")),
            End::Refused(code) => {
                let has_reason = match code {
                    403 | 404 => self.people.denied.contains(&number),
                    429 => self.is_strict,
                    503 => self.keeper.is_some(),
                    _ => false,
                };
                ensure!(has_reason, "message {number} was refused with {code}");
                // What was sent before by an application that ended meanwhile may be there; or what arrived later on a
                // connection that was thought dead.
                let may_be_in = message.heard > 1 && (self.keeper.is_some() || code != 429);
                ensure!(taken.is_none() || may_be_in, "message {number} was refused, and is in a log");
                Ok(())
            }
            End::Unknown => Ok(()),
            End::Taken => {
                let is_kept = message.epoch == self.epoch;
                ensure!(taken.is_some() || !is_kept, "message {number} was answered, and is in no log");
                let is_same = taken.map(|taken| taken.date) == message.date;
                ensure!(
                    is_same || !is_kept || message.date.is_none(),
                    "message {number} was answered with the date {:?}",
                    message.date
                );
                Ok(())
            }
        }
    }

    /// A device has had everything from where it began, in order.
    fn compare_device(&self, n: usize, logs: &[Log]) -> Checked {
        let device = &self.devices[n];
        let log = &logs[device.user];
        let (id, taken) = device.client.log().unwrap_or_default();
        ensure!(id == log.id, "device {n} is in log {id}, and its user's is {}", log.id);
        ensure!(taken == log.head, "device {n} has come to {taken}, the head is {}", log.head);
        let handled = device.handled.last().ok_or_else(|| format!("device {n} read nothing"))?;
        ensure!(handled.log == log.id, "device {n} was not told that the log is another one");
        let last = handled.begin + handled.entries.len() as u64;
        ensure!(last == log.head, "device {n} has handled {last}, the head is {}", log.head);
        let entries = self.people.logs[device.user].entries.iter().skip(handled.begin as usize);
        let mut states = BTreeMap::new();
        for ((what, entry), position) in handled.entries.iter().zip(entries).zip(handled.begin + 1..) {
            let is_right = match (what, entry.what) {
                (What::Gone, _) => entry.is_gone,
                (What::Sent, What::Message { number, .. }) => self.people.taken[&number].from == device.user,
                (What::Changed { version, .. }, What::Changed { of, member, .. }) => {
                    *what == What::Changed { of, version: *version, member }
                        && self.people.tells(entry, *version, false)
                }
                (what, expected) => *what == expected,
            };
            ensure!(is_right, "device {n} has {what:?} at {position}, not {:?}", entry.what);
            self.learn(device.user, entry.what, what, &mut states);
        }
        for (name, state) in states {
            // That a conference which is blocked has ended is not told.
            let is_silent = matches!(name, Name::Conference(_)) && state == ContactState::Blocked;
            let expected = self.people.state(device.user, name);
            ensure!(is_silent || state == expected, "for device {n} {name:?} is {state:?}, not {expected:?}");
        }
        Ok(())
    }

    /// A device learns of a state, or changes what it knows because of a message.
    fn learn(&self, user: usize, entry: What, seen: &What, states: &mut BTreeMap<Name, ContactState>) {
        if let What::Contact { with, state } = *seen {
            states.insert(with, state);
        }
        let What::Message { number, .. } = entry else { return };
        let taken = &self.people.taken[&number];
        let With::User(to) = taken.with else { return };
        let is_own = taken.from == user;
        let known = states.get_mut(&Name::User(if is_own { to } else { taken.from }));
        if let Some(state) = known.filter(|_| to != taken.from)
            && (*state == ContactState::None || is_own && *state == ContactState::Asks)
        {
            *state = ContactState::Listed;
        }
    }
}
