//! A store behind the server: it carries operations out when it likes, and tells of that when it likes.

use std::collections::VecDeque;

use skaro_proto::Time;
use skaro_proto::server::OperationId;
use skaro_proto::server::Server;
use skaro_proto::server::store::{Lane, MemoryStore, Operation, Outcome, Store, StoreError};

use super::super::choices::Choices;
use super::super::oracle::{Checked, ensure};
use super::deeds::{Deed, Name, Said};
use super::people::People;
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
}

impl Keeper {
    pub(super) fn new() -> Self {
        let memory = MemoryStore::new(new_config(false).store_limits());
        Keeper { memory, asked: VecDeque::new(), done: VecDeque::new(), stuck: Time::ZERO }
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
    fn carry_out(&mut self, choices: &mut Choices, people: &mut People, refuses: bool) -> bool {
        let Some(place) = Self::pick(choices, &self.asked, |(_, operation)| operation.lane()) else {
            return false;
        };
        let Some((id, operation)) = self.asked.remove(place) else { return false };
        let lane = operation.lane();
        let error = choices.pick(&[StoreError::Busy, StoreError::Full, StoreError::Unavailable]);
        let deed = Deed::asked(&operation);
        let result = if refuses && choices.chance(5) { Err(error) } else { self.memory.execute(operation) };
        if let Some((account, deed)) = deed {
            let user = people.accounts.iter().position(|known| *known == account);
            people.hears(user.expect("it is a user's"), &deed, &Said::stored(account, &result));
        }
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
    /// Adds the users to an empty store.
    pub(super) fn add_users(&mut self) {
        let Some(keeper) = &mut self.keeper else { return };
        for user in 0..USERS {
            let add = self.server.account(login(user), login(user)).expect("it is short");
            match keeper.memory.execute(add) {
                Ok(Outcome::Added(account)) => self.people.accounts.push(account),
                other => panic!("{other:?}"),
            }
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
                keeper.carry_out(&mut self.choices, &mut self.people, refuses)
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
            keeper.carry_out(&mut self.choices, &mut self.people, false);
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
    pub(super) fn post_one(&mut self, from: usize, to: Name, number: usize) -> Checked {
        let body = format!("~{number}~");
        let is_inside = self.keeper.is_none();
        if let (true, Name::User(to)) = (is_inside, to) {
            let posted = self.server.post(self.now, login(from), login(to), &body);
            let date = Some(posted.map_err(|error| error.to_string())?);
            let said = Said { code: 200, date, position: None, grown: None };
            self.people.hears(from, &Deed::Send { to: Name::User(to), number }, &said);
            return Ok(());
        }
        let find = Operation::FindAccount { login: login(from).into() };
        let Ok(Outcome::Account(Some(account))) = self.operate(find)? else {
            return Err(format!("there is no account of {}", login(from)));
        };
        let now = self.now.elapsed().as_millis() as i64;
        let append = Operation::Append {
            from: account.id,
            sender: login(from).into(),
            to: to.text().into(),
            body: body.into(),
            key: None,
            contacts_only: false,
            now,
        };
        let result = self.operate(append)?;
        let is_taken = matches!(result, Ok(Outcome::Appended(_) | Outcome::Posted { .. }));
        ensure!(is_taken, "a message in somebody's name is not taken: {result:?}");
        if is_inside {
            // The numbers of accounts are not known.
            let said = Said { grown: None, ..Said::stored(account.id, &result) };
            self.people.hears(from, &Deed::Send { to, number }, &said);
        }
        Ok(())
    }

    /// Lets the store do something in the name of whoever runs the server.
    fn operate(&mut self, operation: Operation) -> Checked<Result<Outcome, StoreError>> {
        let refuses = std::mem::replace(&mut self.refuses, false);
        let id = self.server.operate(self.now, operation);
        self.keep_all();
        self.refuses = refuses;
        match self.server.poll_operated() {
            Some((other, result)) if other == id => Ok(result),
            other => Err(format!("nothing came of an operation but {other:?}")),
        }
    }

    /// Returns whether the server takes a frame of this connection now.
    pub(super) fn wants_frames(&self, id: skaro_proto::server::ConnectionId) -> bool {
        self.keeper.is_none() || !self.server.has_connection(id) || self.server.wants_frames(id)
    }
}
