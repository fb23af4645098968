//! What happens.

use std::time::Duration;

use skaro_proto::client::{AddContact, DelContact, Status, UpdateMyData};
use skaro_proto::server::store::ContactState;

use super::super::oracle::Checked;
use super::deeds::{Name, profile};
use super::people::With;
use super::{CONFERENCES, End, Message, USERS, World, login};

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

/// Changes of contacts, conferences and profiles.
impl World {
    /// A user changes something, whether it is allowed or not.
    pub(super) fn change(&mut self, n: usize) -> Checked {
        self.let_in(n)?;
        let user = self.devices[n].user;
        let name = CONFERENCES[self.choices.below(CONFERENCES.len())];
        let other = (user + 1 + self.choices.below(USERS - 1)) % USERS;
        let is_blocked = self.people.state(user, Name::User(other)) == ContactState::Blocked;
        let (now, member) = (self.now, Some(login(other)));
        let (add, del) = (AddContact::new(name), DelContact::new(name));
        let (add_other, del_other) = (AddContact::new(login(other)), DelContact::new(login(other)));
        let choice = self.likely(user, Name::of(name)?);
        self.versions += 1;
        let public = self.choices.chance(60);
        let client = &mut self.devices[n].client;
        let given = match choice {
            0..20 => client.add_contact(now, add),
            20..35 => client.add_contact(now, AddContact { member, ..add }),
            35..42 => client.add_contact(now, AddContact { member, owner: true, ..add }),
            42..52 => client.del_contact(now, DelContact { member, ..del }),
            52..60 => client.del_contact(now, del),
            60..70 => {
                let profile = Some(profile(self.versions, Some(public)));
                client.update_my_data(now, UpdateMyData { login: Some(name), profile, ..Default::default() })
            }
            70..73 => client.add_contact(now, AddContact { blocked: true, ..add }),
            73..80 => {
                let profile = Some(profile(self.versions, None));
                client.update_my_data(now, UpdateMyData { profile, ..Default::default() })
            }
            80..85 if !is_blocked => client.add_contact(now, AddContact { blocked: true, ..add_other }),
            85..90 => client.del_contact(now, del_other),
            _ => client.add_contact(now, add_other),
        };
        // Without a connection nothing is given.
        _ = given;
        self.attend(n)?;
        // Breaks are so frequent that little would arrive.
        let arrives = self.choices.chance(70);
        while arrives
            && let Some(w) = self.devices[n].wire
            && self.arrive(w, true)?
        {}
        Ok(())
    }

    /// What a user may be about to do, as things are; or anything.
    fn likely(&mut self, user: usize, name: Name) -> usize {
        let state = self.people.state(user, name);
        let conference = self.people.find(name);
        let is_owner = matches!(conference, Some(With::Conference(id)) if self.people.is_owner(id, user));
        match self.choices.below(3) {
            1.. if is_owner => 20 + self.choices.below(50),
            2 if state == ContactState::Asks || conference.is_none() => 0,
            _ => self.choices.below(100),
        }
    }

    /// Somebody signs in, if nothing is in the way.
    fn let_in(&mut self, n: usize) -> Checked {
        if matches!(self.devices[n].client.status(), Status::Waiting { .. }) {
            self.pass(Duration::from_millis(200))?;
        }
        for up in [false, true].into_iter().cycle().take(20) {
            let Some(w) = self.devices[n].wire else { return Ok(()) };
            if self.devices[n].client.status() == Status::SignedIn {
                return Ok(());
            }
            // A store that has stopped would keep everybody out.
            if self.choices.chance(30) {
                self.keep_all();
            }
            self.pump()?;
            self.arrive(w, up)?;
        }
        Ok(())
    }
}
