//! What a server should do, without formats, hashes, queues or deadlines.

use std::collections::{BTreeMap, BTreeSet};

use super::steps::{Act, Ask, LOGINS, SLOTS, Session, Token};

/// Users there are: the last login is nobody's.
pub const USERS: usize = LOGINS.len() - 1;
/// How long after the end of its connection a session can be restored, in milliseconds.
pub const LIFETIME: u64 = 5 * 60 * 1000;

pub const CONNECTIONS_PER_USER: usize = 2;
pub const SESSIONS_PER_USER: usize = 2;
pub const ATTEMPTS: u32 = 4;
pub const FAULTS: u32 = 3;
pub const HISTORY: usize = 4;
pub const HISTORY_ANSWER: usize = 3;

/// What somebody at a connection hears.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// The server speaks first, with a token that was never there before.
    Challenge,
    Answered {
        number: u64,
        kind: &'static str,
        outcome: Outcome,
    },
    Shown(Said),
    Info,
    Error,
    Closed(u16),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Refused(u16),
    /// Sessions are numbered as they begin.
    SignedIn {
        user: usize,
        session: usize,
    },
    RegistrationClosed,
    Contacts(Vec<(usize, bool)>),
    History(Vec<Said>),
    Sent(i64),
}

/// A message.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    pub from: usize,
    pub to: usize,
    pub body: String,
    pub date: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Slot {
    Free,
    Open {
        token: usize,
    },
    SignedIn {
        user: usize,
        session: usize,
    },
    /// The server hears nothing more.
    Closing,
}

#[derive(Clone, Debug, PartialEq)]
enum State {
    Alive {
        slot: usize,
    },
    /// Its connection ended at this time.
    Broken {
        at: u64,
    },
    /// Made room for another one.
    Gone,
}

pub struct Model {
    pub now: u64,
    pub slots: [Slot; SLOTS],
    /// The number of connections that were accepted before each one.
    accepted: [usize; SLOTS],
    refused: [u32; SLOTS],
    faults: [u32; SLOTS],
    sessions: Vec<(usize, State)>,
    tokens: usize,
    contacts: BTreeSet<(usize, usize)>,
    dialogs: BTreeMap<(usize, usize), Vec<Said>>,
    heard: Vec<(usize, Heard)>,
}

impl Model {
    pub fn new() -> Model {
        Model {
            now: 0,
            slots: [const { Slot::Free }; SLOTS],
            accepted: [0; SLOTS],
            refused: [0; SLOTS],
            faults: [0; SLOTS],
            sessions: Vec::new(),
            tokens: 0,
            contacts: BTreeSet::new(),
            dialogs: BTreeMap::new(),
            heard: Vec::new(),
        }
    }

    /// The last moment at which a session of those begun so far can be restored, if its connection has ended.
    pub fn border(&self, session: usize) -> Option<u64> {
        match self.sessions.get(session % self.sessions.len().max(1))?.1 {
            State::Broken { at } => Some(at + LIFETIME),
            State::Alive { .. } | State::Gone => None,
        }
    }

    pub fn sessions(&self) -> usize {
        (0..self.sessions.len()).filter(|session| self.is_restorable(*session)).count()
    }

    pub fn is_online(&self, user: usize) -> bool {
        self.online(user).next().is_some()
    }

    /// Which token a proof is for.
    pub fn token(&self, slot: usize, token: Token) -> Option<usize> {
        match (token, &self.slots[slot]) {
            (Token::Any(token), _) => Some(token % self.tokens.max(1)).filter(|_| self.tokens > 0),
            (Token::Own, Slot::Open { token }) => Some(*token),
            (Token::Own, _) => None,
        }
    }

    /// Which session is meant.
    pub fn session(&self, session: Session) -> Option<usize> {
        match session {
            Session::Any(session) if !self.sessions.is_empty() => Some(session % self.sessions.len()),
            _ => None,
        }
    }

    /// What is heard when this happens, and where. `body` is what a message says.
    pub fn act(&mut self, act: &Act, body: &str) -> Vec<(usize, Heard)> {
        match *act {
            Act::Connect { slot, .. } if self.slots[slot] == Slot::Free => {
                self.slots[slot] = Slot::Open { token: self.tokens };
                (self.accepted[slot], self.refused[slot], self.faults[slot]) = (self.tokens, 0, 0);
                self.tokens += 1;
                self.hear(slot, Heard::Challenge);
            }
            Act::Connect { .. } => (),
            Act::Disconnect { slot } => {
                self.end_connection(slot);
                self.slots[slot] = Slot::Free;
            }
            Act::Announce => (0..SLOTS).for_each(|slot| self.hear(slot, Heard::Info)),
            Act::Post { from, to } if from < USERS && to < USERS => {
                self.say(from, to, body, None);
            }
            Act::Post { .. } => (),
            Act::Ask { slot, .. } | Act::Nonsense { slot, .. } | Act::TooLarge { slot, .. }
                if matches!(self.slots[slot], Slot::Free | Slot::Closing) => {}
            Act::TooLarge { slot, .. } => {
                self.hear(slot, Heard::Error);
                self.close(slot, 1009);
            }
            Act::Nonsense { slot, number } => {
                let refusal =
                    |number| Heard::Answered { number, kind: "get_history", outcome: Outcome::Refused(400) };
                self.hear(slot, number.map_or(Heard::Error, refusal));
                self.faults[slot] += 1;
                if self.faults[slot] == FAULTS {
                    self.close(slot, 1008);
                }
            }
            Act::Ask { slot, number, ask, .. } => {
                let (kind, outcome) = self.ask(slot, ask, body);
                let signs_in = matches!(ask, Ask::Authorize { .. } | Ask::Restore(_));
                self.refused[slot] += u32::from(signs_in && matches!(outcome, Outcome::Refused(_)));
                let is_guessing = signs_in && self.refused[slot] == ATTEMPTS;
                self.hear(slot, Heard::Answered { number, kind, outcome });
                if is_guessing {
                    self.close(slot, 1008);
                }
            }
        }
        std::mem::take(&mut self.heard)
    }

    fn ask(&mut self, slot: usize, ask: Ask, body: &str) -> (&'static str, Outcome) {
        let user = match self.slots[slot] {
            Slot::SignedIn { user, .. } => Ok(user),
            _ => Err(Outcome::Refused(401)),
        };
        let somebody = |other: usize| if other < USERS { Ok(other) } else { Err(Outcome::Refused(404)) };
        let (kind, outcome) = match ask {
            Ask::RegisterType => ("register_type", Ok(Outcome::RegistrationClosed)),
            Ask::Other => ("weather", Err(Outcome::Refused(501))),
            Ask::Authorize { login, password, token } => {
                let proven = login < USERS
                    && login == password
                    && self.token(slot, token) == self.token(slot, Token::Own);
                ("authorize", self.authorize(slot, login, proven))
            }
            Ask::Restore(session) => ("session_restore", self.restore(slot, self.session(session))),
            Ask::Contacts => ("get_contacts", user.map(|user| self.contacts_of(user))),
            Ask::History { with } => {
                let between = user.and_then(|user| Ok((user, somebody(with)?)));
                ("get_history", between.map(|(user, with)| self.history(user, with)))
            }
            Ask::Send { to, long } => {
                let user = if long { user.and(Err(Outcome::Refused(413))) } else { user };
                let between = user.and_then(|user| Ok((user, somebody(to)?)));
                ("send_message", between.map(|(from, to)| self.say(from, to, body, Some(slot))))
            }
        };
        (kind, outcome.unwrap_or_else(|refused| refused))
    }

    fn authorize(&mut self, slot: usize, user: usize, proven: bool) -> Result<Outcome, Outcome> {
        if !matches!(self.slots[slot], Slot::Open { .. }) {
            return Err(Outcome::Refused(409));
        }
        if !proven {
            return Err(Outcome::Refused(401));
        }
        if self.online(user).count() >= CONNECTIONS_PER_USER {
            return Err(Outcome::Refused(429));
        }
        let theirs = (0..self.sessions.len()).filter(|session| self.sessions[*session].0 == user);
        let theirs: Vec<usize> = theirs.filter(|session| self.is_restorable(*session)).collect();
        if theirs.len() >= SESSIONS_PER_USER {
            let broken = |session: &usize| self.border(*session).map(|border| (border, *session));
            if let Some((_, oldest)) = theirs.iter().filter_map(broken).min() {
                self.sessions[oldest].1 = State::Gone;
            }
        }
        let session = self.sessions.len();
        self.sessions.push((user, State::Alive { slot }));
        self.slots[slot] = Slot::SignedIn { user, session };
        Ok(Outcome::SignedIn { user, session })
    }

    fn restore(&mut self, slot: usize, session: Option<usize>) -> Result<Outcome, Outcome> {
        if !matches!(self.slots[slot], Slot::Open { .. }) {
            return Err(Outcome::Refused(409));
        }
        let Some(session) = session.filter(|session| self.is_restorable(*session)) else {
            return Err(Outcome::Refused(401));
        };
        let (user, state) = self.sessions[session].clone();
        if let State::Alive { slot: holder } = state {
            if self.accepted[holder] > self.accepted[slot] {
                return Err(Outcome::Refused(409));
            }
            self.close(holder, 4001);
        }
        self.sessions[session].1 = State::Alive { slot };
        self.slots[slot] = Slot::SignedIn { user, session };
        Ok(Outcome::SignedIn { user, session })
    }

    fn is_restorable(&self, session: usize) -> bool {
        match self.sessions[session].1 {
            State::Alive { .. } => true,
            State::Broken { at } => self.now - at <= LIFETIME,
            State::Gone => false,
        }
    }

    /// Those who know each other: who wrote to each other.
    fn contacts_of(&self, user: usize) -> Outcome {
        let known = (0..USERS).filter(|other| self.contacts.contains(&(user, *other)));
        Outcome::Contacts(known.map(|other| (other, self.is_online(other))).collect())
    }

    fn history(&self, user: usize, other: usize) -> Outcome {
        let dialog = self.dialogs.get(&(user.min(other), user.max(other))).map_or(&[][..], Vec::as_slice);
        Outcome::History(dialog[dialog.len().saturating_sub(HISTORY_ANSWER)..].to_vec())
    }

    fn say(&mut self, from: usize, to: usize, body: &str, origin: Option<usize>) -> Outcome {
        let dialog = self.dialogs.entry((from.min(to), from.max(to))).or_default();
        let date = (self.now as i64).max(dialog.last().map_or(0, |last| last.date + 1));
        let said = Said { from, to, body: body.into(), date };
        dialog.push(said.clone());
        if dialog.len() > HISTORY {
            dialog.remove(0);
        }
        if from != to {
            self.contacts.extend([(from, to), (to, from)]);
        }
        for slot in (0..SLOTS).filter(|slot| Some(*slot) != origin) {
            if matches!(self.slots[slot], Slot::SignedIn { user, .. } if user == from || user == to) {
                self.hear(slot, Heard::Shown(said.clone()));
            }
        }
        Outcome::Sent(date)
    }

    fn online(&self, user: usize) -> impl Iterator<Item = usize> + '_ {
        (0..SLOTS).filter(
            move |slot| matches!(self.slots[*slot], Slot::SignedIn { user: other, .. } if other == user),
        )
    }

    fn hear(&mut self, slot: usize, heard: Heard) {
        if !matches!(self.slots[slot], Slot::Free | Slot::Closing) {
            self.heard.push((slot, heard));
        }
    }

    fn close(&mut self, slot: usize, code: u16) {
        self.hear(slot, Heard::Closed(code));
        self.end_connection(slot);
        self.slots[slot] = Slot::Closing;
    }

    fn end_connection(&mut self, slot: usize) {
        if let Slot::SignedIn { session, .. } = self.slots[slot] {
            self.sessions[session].1 = State::Broken { at: self.now };
        }
    }
}
