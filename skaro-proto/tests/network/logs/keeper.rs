//! A store behind the server: it carries operations out when it likes, and tells of that when it likes.

use std::collections::{BTreeSet, VecDeque};

use skaro_proto::Time;
use skaro_proto::server::OperationId;
use skaro_proto::server::Server;
use skaro_proto::server::store::{AccountId, Lane, MemoryStore, Operation, Outcome, Store, StoreError};

use super::super::choices::Choices;
use super::super::oracle::{Checked, ensure, number_in};
use super::{USERS, World, login, new_config};

/// An operation that was carried out, and of which the machine was not told yet.
struct Told {
    id: OperationId,
    lane: Option<Lane>,
    result: Result<Outcome, StoreError>,
}

/// What is durable, and what is on its way to it and back.
pub(super) struct Keeper {
    memory: MemoryStore,
    asked: VecDeque<(OperationId, Operation)>,
    done: VecDeque<Told>,
    /// Until when nothing is told, as if a disk had stopped.
    stuck: Time,
    /// Messages that were refused once. If a client repeats one, those that were sent behind it may come before it.
    pub(super) refused: BTreeSet<usize>,
}

impl Keeper {
    pub(super) fn new() -> Self {
        let memory = MemoryStore::new(new_config(false).store_limits());
        Keeper {
            memory,
            asked: VecDeque::new(),
            done: VecDeque::new(),
            stuck: Time::ZERO,
            refused: BTreeSet::new(),
        }
    }

    /// The place of an operation before which nothing of the same lane waits.
    fn pick<T>(choices: &mut Choices, all: &VecDeque<T>, lane: impl Fn(&T) -> Option<Lane>) -> Option<usize> {
        let mut place = choices.below(all.len());
        if let Some(wanted) = lane(all.get(place)?) {
            place = all.iter().position(|other| lane(other).as_ref() == Some(&wanted))?;
        }
        Some(place)
    }

    /// Carries one operation out, or refuses it.
    fn carry_out(&mut self, choices: &mut Choices, refuses: bool) -> bool {
        let Some(place) = Self::pick(choices, &self.asked, |(_, operation)| operation.lane()) else {
            return false;
        };
        let Some((id, operation)) = self.asked.remove(place) else { return false };
        let lane = operation.lane();
        let error = choices.pick(&[StoreError::Busy, StoreError::Full, StoreError::Unavailable]);
        let result = if refuses && choices.chance(5) {
            if let Operation::Append { body, .. } = &operation {
                self.refused.extend(number_in(body.as_bytes()));
            }
            Err(error)
        } else {
            self.memory.execute(operation)
        };
        self.done.push_back(Told { id, lane, result });
        true
    }

    /// Tells of one that was carried out.
    fn tell(&mut self, choices: &mut Choices, server: &mut Server, now: Time) -> bool {
        let Some(place) = Self::pick(choices, &self.done, |told| told.lane.clone()) else { return false };
        let Some(told) = self.done.remove(place) else { return false };
        server.handle_stored(now, told.id, told.result);
        true
    }
}

impl World {
    /// The account of a user.
    fn account(&mut self, user: usize) -> AccountId {
        let login = login(user).into();
        let keeper = self.keeper.as_mut().expect("there is a store");
        match keeper.memory.execute(Operation::FindAccount { login }) {
            Ok(Outcome::Account(Some(account))) => account.id,
            other => panic!("{other:?}"),
        }
    }

    /// Adds the users to an empty store.
    pub(super) fn add_users(&mut self) {
        let Some(keeper) = &mut self.keeper else { return };
        for user in 0..USERS {
            let add = self.server.account(login(user), login(user)).expect("it is short");
            keeper.memory.execute(add).expect("there is room");
        }
    }

    /// Lets the store do something: perhaps one thing, perhaps all that is to be done.
    pub(super) fn keep(&mut self) -> bool {
        let Some(keeper) = &mut self.keeper else { return false };
        let mut moved = false;
        loop {
            while let Some(asked) = self.server.poll_store() {
                keeper.asked.push_back(asked);
            }
            if keeper.stuck > self.now || !self.choices.chance(80) {
                return moved;
            }
            let refuses = self.refuses;
            let did = if self.choices.chance(50) {
                keeper.carry_out(&mut self.choices, refuses)
            } else {
                keeper.tell(&mut self.choices, &mut self.server, self.now)
            };
            moved |= did;
            if self.server.open_operations() == 0 {
                return moved;
            }
        }
    }

    /// Lets the store do all that is to be done.
    pub(super) fn keep_all(&mut self) {
        loop {
            self.keep();
            let Some(keeper) = &mut self.keeper else { return };
            keeper.stuck = Time::ZERO;
            if self.server.open_operations() == 0 {
                return;
            }
        }
    }

    /// The store stops for a while, perhaps for longer than clients are let wait.
    pub(super) fn stick(&mut self) {
        let time = self.choices.millis(30_000);
        if let Some(keeper) = &mut self.keeper {
            keeper.stuck = self.now + time;
            self.exercised.stuck += 1;
        }
    }

    /// The server's program ends between any two operations, and is started again on what is durable.
    pub(super) fn crash(&mut self) -> Checked {
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        self.exercised.crashes += 1;
        // Of what it had asked for something may still be done, which nobody is told.
        for _ in 0..self.choices.below(keeper.asked.len() + 1) {
            keeper.carry_out(&mut self.choices, false);
        }
        keeper.asked.clear();
        keeper.done.clear();
        keeper.memory.break_sessions(self.now.elapsed().as_millis() as i64);
        let seed = 100 + self.exercised.crashes;
        let mut key = [1; 32];
        key[..8].copy_from_slice(&(seed as u64).to_le_bytes());
        self.server = Server::with_store(new_config(self.is_strict), key);
        self.everybody_is_cut_off()
    }

    /// A message in a user's name.
    pub(super) fn post_one(&mut self, from: usize, to: usize, body: &str) -> Checked {
        if self.keeper.is_none() {
            let posted = self.server.post(self.now, login(from), login(to), body);
            return posted.map(drop).map_err(|error| error.to_string());
        }
        let (sender, from) = (login(from).into(), self.account(from));
        let (to, body, now) = (login(to).into(), body.into(), self.now.elapsed().as_millis() as i64);
        let (refuses, append) = (
            self.refuses,
            Operation::Append { from, sender, to, body, key: None, contacts_only: false, now },
        );
        self.refuses = false;
        let id = self.server.operate(self.now, append);
        self.keep_all();
        self.refuses = refuses;
        let operated = self.server.poll_operated();
        let is_taken = matches!(operated, Some((other, Ok(Outcome::Appended(_)))) if other == id);
        ensure!(is_taken, "a message in somebody's name is not taken: {operated:?}");
        Ok(())
    }

    /// Returns whether the server takes a frame of this connection now.
    pub(super) fn wants_frames(&self, id: skaro_proto::server::ConnectionId) -> bool {
        self.keeper.is_none() || !self.server.has_connection(id) || self.server.wants_frames(id)
    }
}
