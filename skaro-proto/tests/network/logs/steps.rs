//! What happens.

use super::super::oracle::Checked;
use super::deeds::Name;
use super::{CONFERENCES, End, Message, USERS, World};

impl World {
    pub(super) fn step(&mut self) -> Checked {
        let n = self.choices.below(self.devices.len());
        let first = self.wires.len().saturating_sub(3 * self.devices.len());
        let w = first + self.choices.below(self.wires.len() - first);
        match self.choices.below(1000) {
            0..95 => {
                let to = self.anybody();
                self.send(n, to)
            }
            95..130 => self.change(n),
            130..480 => self.arrive(w, true).map(drop),
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

    /// Somebody, or a conference.
    pub(super) fn anybody(&mut self) -> Name {
        let choice = self.choices.below(USERS + CONFERENCES.len());
        if choice < USERS { Name::User(choice) } else { Name::Conference(choice - USERS) }
    }

    /// Much is said at once, more than a window, perhaps while somebody is away who waits for an answer.
    fn post(&mut self, n: usize) -> Checked {
        let (user, times) = (self.devices[n].user, 100 + self.choices.below(300));
        if self.choices.chance(50) {
            self.send(n, Name::User(user))?;
            self.cut(n, false)?;
        }
        if self.choices.chance(30) {
            let name = self.choices.below(CONFERENCES.len());
            return self.post_in(name, times);
        }
        self.post_to(user, times)
    }

    /// Somebody from whom the user takes messages says much.
    pub(super) fn post_to(&mut self, user: usize, times: usize) -> Checked {
        // What waits for the store may be a block.
        self.keep_all();
        let others = [(user + 1) % USERS, (user + 2) % USERS];
        let from = others.into_iter().find(|other| !self.people.is_blocked(user, *other)).unwrap_or(user);
        self.post_all(from, Name::User(user), times)
    }

    /// A member of a conference says much, if there is one.
    fn post_in(&mut self, name: usize, times: usize) -> Checked {
        self.keep_all();
        let conference = self.people.conference(name).map(|id| &self.people.conferences[id]);
        let from = conference.and_then(|conference| conference.members.keys().next_back().copied());
        from.map_or(Ok(()), |from| self.post_all(from, Name::Conference(name), times))
    }

    fn post_all(&mut self, from: usize, to: Name, times: usize) -> Checked {
        for _ in 0..times {
            let number = self.messages.len();
            let (sender, epoch) = ((usize::MAX, 0), self.epoch);
            let end = End::Taken;
            self.messages.push(Message { to, sender, end, heard: 1, epoch, date: None });
            self.post_one(from, to, number)?;
        }
        self.pump()
    }
}
