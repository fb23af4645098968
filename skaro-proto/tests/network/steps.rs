//! What happens in a step: somebody does something, something breaks, time goes on.

use std::time::Duration;

use skaro_proto::client::{Client, Status};
use skaro_proto::message::Registration;
use skaro_proto::{Fields, Frame, Time};

use super::oracle::{Checked, ensure, password};
use super::peer::Peer;
use super::report::Count;
use super::wire::Told;
use super::world::{Network, Way, before};

const LONGEST_STALL: Duration = Duration::from_secs(100);

impl Network {
    pub(super) fn step(&mut self) -> Checked {
        self.pass_time()?;
        match self.choices.below(200) {
            0..150 => self.application_step(),
            150..172 => self.fault(),
            172..194 => self.intrusion(),
            194..198 => self.border(),
            _ => self.operator(),
        }?;
        self.check()
    }

    /// Mostly little time; sometimes up to exactly a deadline, or just short of it.
    fn pass_time(&mut self) -> Checked {
        let until = match self.choices.below(100) {
            0..70 => self.now + self.choices.millis(20),
            70..92 => self.now + self.choices.millis(400),
            92..97 => self.now + self.choices.millis(20_000),
            97..99 => return self.pass_to_a_deadline(),
            _ => {
                let longest = self.choices.pick(&[50_000, 50_000, 400_000]);
                self.now + self.choices.millis(longest)
            }
        };
        self.pass_until(until)
    }

    fn pass_to_a_deadline(&mut self) -> Checked {
        let n = self.choices.below(self.peers.len() + 1);
        let deadline = match self.peers.get(n) {
            Some(peer) => peer.client.poll_timeout(),
            None => self.server.poll_timeout(),
        };
        let Some(deadline) = deadline.filter(|deadline| *deadline > self.now) else { return Ok(()) };
        self.report.add(Count::Borders, 1);
        self.pass_until(before(deadline))?;
        match self.choices.below(3) {
            0 => Ok(()),
            // The moment has come, but the timer is a little late.
            1 => {
                self.now = deadline;
                Ok(())
            }
            _ => self.pass_until(deadline),
        }
    }

    /// What must hold after every step.
    fn check(&mut self) -> Checked {
        let (counted, known) = (self.server.connections(), self.model.connections());
        ensure!(counted == known, "the server has {counted} connections, and should have {known}");
        let place = self.choices.below(known);
        if let Some(id) = self.model.ids().nth(place) {
            self.model.check(id, self.now)?;
        }
        let user = self.choices.below(self.model.logins.len());
        let is_online = self.server.is_online(&self.model.logins[user]);
        let should_be = self.model.is_online(user).unwrap_or(is_online);
        ensure!(is_online == should_be, "{} is online: {is_online}", self.model.logins[user]);
        Ok(())
    }
}

/// Applications.
impl Network {
    fn application_step(&mut self) -> Checked {
        let n = self.choices.below(self.peers.len());
        match self.peers[n].client.status() {
            Status::Offline if self.choices.chance(70) => {
                self.peers[n].dials_by_itself = true;
                self.peers[n].dialing = None;
            }
            Status::Offline => _ = self.peers[n].client.reconnect(self.now),
            Status::Closed => self.replace(n)?,
            Status::Connected => self.unauthorized_step(n)?,
            Status::SignedIn => self.authorized_step(n)?,
            _ => self.idle_step(n)?,
        }
        self.attend(n)
    }

    /// The application is started anew.
    fn replace(&mut self, n: usize) -> Checked {
        let open = self.peers[n].open();
        ensure!(open == 0, "{open} commands of {} never ended", self.name(n));
        self.note(|net| format!("{} starts anew", net.name(n)));
        let user = self.peers[n].user;
        let attempts = self.peers[n].attempts;
        self.peers[n] = Peer::new(&mut self.choices, n, user);
        self.peers[n].attempts = attempts;
        self.peers[n].heard = self.now;
        self.peers[n].dials_by_itself = true;
        Ok(())
    }

    fn unauthorized_step(&mut self, n: usize) -> Checked {
        match self.choices.below(20) {
            0..9 => self.authorize(n, true),
            9..11 => self.authorize(n, false),
            11..18 => {
                let sid = self.some_session();
                let result = self.peers[n].client.session_restore(self.now, &sid);
                self.gave(n, result, None)?;
                // What is written now must not leave in the name of whoever that will be.
                if self.choices.chance(80) { self.send_one(n, 10) } else { Ok(()) }
            }
            18 => self.give(n, Client::register_type),
            _ => self.give(n, Client::get_contacts),
        }
    }

    fn idle_step(&mut self, n: usize) -> Checked {
        match self.choices.below(20) {
            0..12 => self.send_one(n, 10),
            12..14 => self.give(n, Client::register_type),
            14..17 => {
                _ = self.peers[n].client.reconnect(self.now);
                Ok(())
            }
            17 => {
                self.peers[n].client.stop_reconnecting(self.now);
                Ok(())
            }
            18 => {
                self.peers[n].client.handle_timeout(self.now);
                Ok(())
            }
            _ => {
                self.peers[n].client.close(self.now);
                Ok(())
            }
        }
    }

    fn authorized_step(&mut self, n: usize) -> Checked {
        match self.choices.below(100) {
            0..68 => {
                let longest = self.choices.pick(&[10, 10, 10, 40, 40, 40, 40, 600]);
                self.send_one(n, longest)
            }
            68..76 => {
                let other = self.some_user_for(n);
                let login = self.model.logins[other].clone();
                self.give(n, |client, now| client.get_history(now, &login))
            }
            76..81 => self.give(n, Client::get_contacts),
            81..83 => self.give(n, Client::register_type),
            83..85 => self.give(n, |client, now| {
                let mut fields = Fields::new();
                fields.push("login", "whoever");
                client.request_other(now, "weather", fields)
            }),
            85 => self.authorize(n, true),
            86 => self.give(n, |client, now| client.send_message(now, "nobody", "hello", None)),
            // Seldom over the limit: large messages make everything slow that repeats them.
            87 => {
                let longest = self.choices.pick(&[1000, 1000, 1000, 1000, 17_000]);
                self.send_one(n, longest)
            }
            88..93 => {
                let times = self.choices.below(40);
                (0..times).try_for_each(|_| self.send_one(n, 80))
            }
            93..95 => {
                self.peers[n].client.handle_timeout(self.now);
                Ok(())
            }
            95 => {
                self.peers[n].client.stop_reconnecting(self.now);
                Ok(())
            }
            96 => {
                self.peers[n].client.close(self.now);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn give(
        &mut self,
        n: usize,
        command: impl FnOnce(
            &mut Client,
            Time,
        ) -> Result<skaro_proto::client::RequestId, skaro_proto::client::CommandError>,
    ) -> Checked {
        let result = command(&mut self.peers[n].client, self.now);
        self.gave(n, result, None)
    }

    /// A neighbour mostly, so that dialogs become long.
    fn some_user_for(&mut self, n: usize) -> usize {
        let (user, users) = (self.peers[n].user, self.model.logins.len());
        match self.choices.below(10) {
            0..5 => (user + 1) % users,
            5..9 => (user + users - 1) % users,
            _ => self.choices.below(users),
        }
    }

    pub(super) fn some_text(&mut self, longest: usize) -> String {
        let letter = self.choices.pick(&["x", "x", "é", "\"", "\n", "🐙"]);
        let times = self.choices.below(longest);
        letter.repeat(times)
    }

    fn send_one(&mut self, n: usize, longest: usize) -> Checked {
        let to = self.some_user_for(n);
        let text = self.some_text(longest);
        let (number, body) = self.model.compose(self.peers[n].user, to, &text);
        let login = self.model.logins[to].clone();
        let result = self.peers[n].client.send_message(self.now, &login, &body, Some(number as u64));
        self.gave(n, result, Some(number))
    }

    /// The id of some session, by preference of one that ended not long ago; or one that never was.
    pub(super) fn some_session(&mut self) -> String {
        let all = self.model.sessions.ids.len();
        let back = self.choices.below(20);
        match self.model.sessions.ids.get(all.saturating_sub(1 + back)) {
            Some(sid) => sid.clone(),
            None => "0123456789abcdef".into(),
        }
    }
}

/// Faults.
impl Network {
    fn fault(&mut self) -> Checked {
        let n = self.choices.below(self.peers.len());
        let Some(wire) = self.peers[n].wire else { return Ok(()) };
        match self.choices.below(20) {
            0..6 => self.plan_cut(wire),
            6..8 => {
                let told =
                    self.choices.pick(&[Told::Both, Told::Both, Told::Client, Told::Server, Told::Nobody]);
                self.break_wire(wire, told);
            }
            8..12 => self.stall(wire),
            12..16 => self.stop_reading(n, wire),
            16..18 => {
                self.report.add(Count::Narrow, 1);
                self.wires[wire].sound = false;
                self.wires[wire].down.window = 100 + self.choices.below(3000);
                self.wires[wire].up.window = 100 + self.choices.below(3000);
            }
            _ => return self.nonsense(n),
        }
        Ok(())
    }

    fn stall(&mut self, wire: usize) {
        self.report.add(Count::Stalls, 1);
        let longest = self.choices.pick(&[3000, 20_000, LONGEST_STALL.as_millis() as usize]);
        let until = self.now + self.choices.millis(longest);
        let ways = self.choices.below(3);
        self.note(|_| format!("wire {wire} stalls until {until}"));
        self.wires[wire].sound = false;
        if ways != 1 {
            self.wires[wire].up.held_until = until;
        }
        if ways != 2 {
            self.wires[wire].down.held_until = until;
        }
    }

    fn stop_reading(&mut self, n: usize, wire: usize) {
        if !self.peers[n].reads {
            return;
        }
        self.report.add(Count::Pauses, 1);
        let says_so = self.choices.chance(70);
        self.note(|net| format!("{} stops reading (its adapter says so: {says_so})", net.name(n)));
        self.wires[wire].sound = false;
        self.wires[wire].down.window = self.choices.pick(&[1000, 10_000]);
        self.peers[n].reads = false;
        if says_so {
            self.peers[n].client.handle_paused(self.now);
        }
        let longest = self.choices.pick(&[5000, 60_000, 200_000]);
        let until = self.now + self.choices.millis(longest);
        self.plan_resumption(n, wire, until);
    }

    pub(super) fn resume_reading(&mut self, n: usize, wire: usize) -> Checked {
        if self.peers[n].wire != Some(wire) || self.peers[n].reads {
            return Ok(());
        }
        self.note(|net| format!("{} reads again", net.name(n)));
        self.peers[n].reads = true;
        self.peers[n].heard = self.now;
        self.peers[n].client.handle_resumed(self.now);
        // All at once, so that it shows how much was waiting.
        self.wires[wire].down.window = 1 << 22;
        self.schedule(wire, Way::Down);
        self.attend(n)
    }

    /// A server that lost its mind: what makes no sense changes nothing.
    fn nonsense(&mut self, n: usize) -> Checked {
        let frames = [
            Frame::Text("{"),
            Frame::Binary(&[0xff]),
            Frame::Text(r#"{"type":"request","for":"get_contacts","id":0,"status":"200","data":[]}"#),
            Frame::Text(r#"{"type":"show_message","from":"alice"}"#),
            Frame::Binary(b"\xa1dtypegrequest"),
        ];
        let frame = self.choices.pick(&frames);
        self.report.add(Count::Nonsense, 1);
        let before = self.peers[n].client.clone();
        let result = self.peers[n].client.handle_frame(self.now, frame);
        ensure!(result.is_err(), "{} takes nonsense for sense", self.name(n));
        ensure!(self.peers[n].client == before, "nonsense left a trace in {}", self.name(n));
        Ok(())
    }
}

/// Whoever runs the server, and the world around it.
impl Network {
    fn operator(&mut self) -> Checked {
        match self.choices.below(24) {
            0..8 => self.announce(),
            8..14 => self.post(),
            14..18 => {
                self.server.set_registration(Registration::Invitation);
                Ok(())
            }
            18..21 => {
                self.outage();
                Ok(())
            }
            21 => self.shut_down(),
            _ => {
                self.audit(3)?;
                self.report.add(Count::Crashes, 1);
                self.crash();
                Ok(())
            }
        }
    }

    fn announce(&mut self) -> Checked {
        self.server.announce(self.now, "something to tell");
        self.model.announced();
        self.pump()
    }

    fn post(&mut self) -> Checked {
        let users = self.model.logins.len();
        let (from, to) = (self.choices.below(users), self.choices.below(users));
        let text = self.some_text(100);
        let (number, body) = self.model.compose(from, to, &text);
        let (from, to) = (&self.model.logins[from], &self.model.logins[to]);
        let date = self.server.post(self.now, from, to, &body).map_err(|error| error.to_string())?;
        self.model.arrived(None, number);
        self.model.told_date(number, date)?;
        self.pump()
    }

    /// Nothing passes for a while, and nobody can connect.
    fn outage(&mut self) {
        self.report.add(Count::Outages, 1);
        let until = self.now + self.choices.millis(50_000);
        self.note(|_| format!("the network is out of order until {until}"));
        self.unreachable_until = until;
        for wire in self.wires.iter_mut().filter(|wire| wire.server.is_some()) {
            wire.sound = false;
            (wire.up.held_until, wire.down.held_until) = (until, until);
        }
    }

    /// Time goes on to the end of a session, give or take a nanosecond, and somebody asks for it.
    fn border(&mut self) -> Checked {
        let sid = self.some_session();
        let Some(end) = self.model.sessions.end(&sid).filter(|end| *end > self.now) else { return Ok(()) };
        let (nanosecond, second) = (Duration::from_nanos(1), Duration::from_secs(1));
        let at = match self.choices.below(5) {
            0 => before(end),
            1 => end,
            2 => end + nanosecond,
            3 => end + second,
            _ => end + 45 * second,
        };
        self.report.add(Count::Borders, 1);
        let Some(id) = self.raw_connection()? else { return Ok(()) };
        self.pass_until(before(at))?;
        if self.parties.contains_key(&id) {
            self.now = at;
            return self.try_session(id, &sid);
        }
        // The silent connection was found dead meanwhile: another one.
        let Some(id) = self.raw_connection()? else { return Ok(()) };
        self.now = at;
        self.try_session(id, &sid)
    }

    /// Somebody looks at the histories of some users, and at nothing else.
    pub(super) fn audit(&mut self, users: usize) -> Checked {
        if self.server.is_shutting_down() {
            return Ok(());
        }
        let all = self.model.logins.len();
        let first = self.choices.below(all);
        for user in (0..users.min(all)).map(|n| (first + n) % all) {
            let Some(id) = self.raw_connection()? else { return Ok(()) };
            self.raw_authorize(id, user, &password(user))?;
            if self.model.user(id) != Some(user) {
                continue;
            }
            let dialogs: Vec<_> =
                self.model.dialogs().filter(|(one, other)| *one == user || *other == user).collect();
            for (one, other) in dialogs {
                self.report.add(Count::Histories, 1);
                self.raw_history(id, if one == user { other } else { one })?;
            }
            if self.parties.contains_key(&id) {
                self.leave_server(id)?;
            }
        }
        Ok(())
    }

    /// Everybody leaves; nothing must be left behind.
    pub(super) fn finish(&mut self) -> Checked {
        self.unreachable_until = self.now;
        for n in 0..self.peers.len() {
            self.peers[n].client.close(self.now);
            self.attend(n)?;
        }
        self.pass_until(self.now + Duration::from_secs(6))?;
        for n in 0..self.peers.len() {
            let (open, status) = (self.peers[n].open(), self.peers[n].client.status());
            ensure!(open == 0, "{open} commands of {} never ended", self.name(n));
            ensure!(status == Status::Closed, "{} was closed, and is {status:?}", self.name(n));
        }
        let raw: Vec<_> = self.raw_connections();
        raw.into_iter().try_for_each(|id| self.leave_server(id))?;
        // Whoever was not told waits for the keep-alive, which counts from what a stall held back.
        self.pass_until(self.now + LONGEST_STALL + self.config.keep_alive)?;
        self.audit(self.model.logins.len())?;
        let lifetime = self.config.session_lifetime;
        self.pass_until(self.now + lifetime + Duration::from_secs(10))?;
        let left = (self.server.connections(), self.server.sessions(), self.server.poll_timeout());
        ensure!(left == (0, 0, None), "everybody has gone, and the server still has {left:?}");
        Ok(())
    }
}
