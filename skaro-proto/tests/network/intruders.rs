//! Adversaries: connections without a machine, that send what they like.
//!
//! Nothing lies between them and the server, so what they do happens exactly now.

use skaro_proto::message::{ClientMessage, Page, Request};
use skaro_proto::server::ConnectionId;
use skaro_proto::{Fields, Format, auth};

use super::oracle::{Checked, password};
use super::report::Count;
use super::wire::frame;
use super::world::{Network, Party};

impl Network {
    pub(super) fn raw_connections(&self) -> Vec<ConnectionId> {
        let raw = |(id, party): (&ConnectionId, &Party)| matches!(party, Party::Raw { .. }).then_some(*id);
        self.parties.iter().filter_map(raw).collect()
    }

    /// A new connection of an adversary, if the server takes it.
    pub(super) fn raw_connection(&mut self) -> Checked<Option<ConnectionId>> {
        let Some(id) = self.connect_to_server(None)? else { return Ok(None) };
        self.report.add(Count::Intruders, 1);
        self.parties.insert(id, Party::Raw { reads: true });
        self.note(|_| format!("adversary/{id} connects"));
        self.pump()?;
        Ok(Some(id))
    }

    pub(super) fn intrusion(&mut self) -> Checked {
        let known = self.raw_connections();
        let id = match known.get(self.choices.below(known.len())) {
            Some(id) if self.choices.chance(60) => *id,
            _ => match self.raw_connection()? {
                Some(id) => id,
                None => return Ok(()),
            },
        };
        match self.choices.below(20) {
            0..4 => self.garbage(id),
            4..8 => self.false_proof(id),
            8 => {
                self.report.add(Count::Guessed, 1);
                let sid = format!("{:032x}", self.choices.below(1 << 30));
                self.raw_restore(id, &sid)
            }
            9..12 => {
                let sid = self.some_session();
                self.try_session(id, &sid)
            }
            12..14 => self.out_of_order(id),
            14 => self.oversized(id),
            15..17 => self.flood(id),
            17 => self.read_again(id),
            18 => self.sign_in_and_write(id),
            _ => self.leave_server(id),
        }
    }

    fn raw_bytes(&mut self, id: ConnectionId, format: Format, bytes: &[u8]) -> Checked {
        self.server_hears(id, frame(format, bytes))?;
        self.pump()
    }

    fn raw_request(&mut self, id: ConnectionId, number: u64, request: Request<'_>) -> Checked {
        let format = self.choices.pick(&[Format::Cbor, Format::Json]);
        let bytes = ClientMessage::new(number, request).encode(format);
        self.raw_bytes(id, format, &bytes)
    }

    /// Frames that are no messages, or were before something happened to them.
    fn garbage(&mut self, id: ConnectionId) -> Checked {
        let times = 1 + self.choices.below(8);
        for _ in 0..times {
            self.report.add(Count::Garbage, 1);
            let format = self.choices.pick(&[Format::Cbor, Format::Json]);
            let request = Request::GetHistory { login: "alice".into(), page: Page::default() };
            let mut bytes = ClientMessage::new(7, request).encode(format);
            match self.choices.below(3) {
                0 => bytes.truncate(self.choices.below(bytes.len())),
                // ASCII stays text.
                1 => {
                    let place = self.choices.below(bytes.len());
                    bytes[place] = self.choices.below(128) as u8;
                }
                _ => {
                    let length = self.choices.below(30);
                    bytes = (0..length).map(|_| self.choices.below(128) as u8).collect();
                }
            }
            self.raw_bytes(id, format, &bytes)?;
        }
        Ok(())
    }

    pub(super) fn raw_authorize(&mut self, id: ConnectionId, user: usize, password: &str) -> Checked {
        let token = self.model.token(id).unwrap_or_default();
        let proof = auth::proof(password, token);
        self.prove(id, user, &proof)
    }

    fn prove(&mut self, id: ConnectionId, user: usize, proof: &str) -> Checked {
        let login = self.model.logins[user].clone();
        self.raw_request(
            id,
            1,
            Request::Authorize {
                login: login.into(),
                proof: proof.into(),
                since: None,
                log: None,
                presence: false,
            },
        )
    }

    fn false_proof(&mut self, id: ConnectionId) -> Checked {
        let user = self.choices.below(self.model.logins.len());
        self.report.add(Count::WrongProofs, 1);
        match self.choices.below(4) {
            0 => self.raw_authorize(id, user, "guess"),
            // The right proof, but for another connection's token.
            1 => {
                self.report.add(Count::Replayed, 1);
                let place = self.choices.below(self.model.connections());
                let other = self.model.ids().nth(place).filter(|other| *other != id);
                let token = other.and_then(|other| self.model.token(other)).unwrap_or("another token");
                let proof = auth::proof(&password(user), token);
                self.prove(id, user, &proof)
            }
            // Another user's password.
            2 => self.raw_authorize(id, user, &password(user + 1)),
            _ => {
                let not_one = self.choices.pick(&["", "00", "zz", "0123456789abcdef"]);
                self.prove(id, user, not_one)
            }
        }
    }

    fn raw_restore(&mut self, id: ConnectionId, sid: &str) -> Checked {
        self.raw_request(
            id,
            2,
            Request::SessionRestore { sid: sid.to_owned().into(), since: None, log: None, presence: false },
        )
    }

    /// Tries a session id that was overheard.
    pub(super) fn try_session(&mut self, id: ConnectionId, sid: &str) -> Checked {
        let was_signed_in = self.model.user(id).is_some();
        let has_expired = self.model.sessions.is_over(sid, self.now);
        self.raw_restore(id, sid)?;
        let is_signed_in = self.model.user(id).is_some();
        if !was_signed_in {
            self.report.add(Count::Stolen, usize::from(is_signed_in));
            self.report.add(Count::Expired, usize::from(has_expired && !is_signed_in));
        }
        Ok(())
    }

    /// What needs a user, perhaps without one; numbers that were used before.
    fn out_of_order(&mut self, id: ConnectionId) -> Checked {
        self.report.add(Count::OutOfOrder, 1);
        let users = self.model.logins.len();
        let (one, other) = (self.choices.below(users), self.choices.below(users));
        let number = self.choices.pick(&[1, 1, u64::MAX]);
        match self.choices.below(5) {
            0 => self.raw_history(id, one),
            1 => self.raw_request(id, number, Request::GetContacts),
            2 => {
                let from = self.model.user(id).unwrap_or(one);
                self.raw_message(id, from, other, number)
            }
            3 => self.raw_request(id, 0, Request::RegisterType),
            _ => self.raw_request(id, number, Request::Other { kind: "x".into(), fields: Fields::new() }),
        }
    }

    pub(super) fn raw_history(&mut self, id: ConnectionId, of: usize) -> Checked {
        let login = self.model.logins[of].clone();
        self.raw_request(id, 3, Request::GetHistory { login: login.into(), page: Page::default() })
    }

    fn raw_message(&mut self, id: ConnectionId, from: usize, to: usize, number: u64) -> Checked {
        let (message, body) = self.model.compose(from, to, "");
        self.model.sent[message].left = 1;
        let to = self.model.logins[to].clone();
        self.raw_request(id, number, Request::SendMessage { to: to.into(), body: body.into(), key: None })
    }

    fn oversized(&mut self, id: ConnectionId) -> Checked {
        self.report.add(Count::Oversized, 1);
        if self.choices.chance(80) {
            self.note(|net| format!("{} -> server: a frame so large that it is not read", net.name_of(id)));
            self.model.oversized(id, self.now);
            self.server.handle_oversized(self.now, id);
            return self.pump();
        }
        let bytes = vec![b' '; self.config.limits.max_frame_bytes + 1];
        self.raw_bytes(id, Format::Json, &bytes)
    }

    /// Many requests at once, whose answers it does not read.
    fn flood(&mut self, id: ConnectionId) -> Checked {
        self.report.add(Count::Floods, 1);
        let user = self.choices.below(self.model.logins.len());
        if self.choices.chance(50) {
            self.raw_authorize(id, user, &password(user))?;
        }
        if self.parties.contains_key(&id) {
            self.parties.insert(id, Party::Raw { reads: false });
        }
        let times = self.choices.pick(&[10, 200]);
        self.note(|net| {
            format!("{} -> server: register_type, {times} times, and reads nothing", net.name_of(id))
        });
        let tracing = std::mem::take(&mut self.tracing);
        let result = (0..times).try_for_each(|n| self.raw_request(id, n + 1, Request::RegisterType));
        self.tracing = tracing;
        result
    }

    fn read_again(&mut self, id: ConnectionId) -> Checked {
        self.parties.insert(id, Party::Raw { reads: true });
        self.drain(id)?;
        self.pump()
    }

    /// As the original client does: with the same number again and again.
    fn sign_in_and_write(&mut self, id: ConnectionId) -> Checked {
        let users = self.model.logins.len();
        let user = self.choices.below(users);
        self.raw_authorize(id, user, &password(user))?;
        let times = self.choices.below(10);
        for _ in 0..times {
            let Some(from) = self.model.user(id) else { break };
            let to = self.choices.below(users);
            self.raw_message(id, from, to, 1)?;
        }
        Ok(())
    }
}
