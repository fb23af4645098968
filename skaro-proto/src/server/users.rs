//! Users: logins, password verifiers, contacts and connections.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use thiserror::Error;

use super::ConnectionId;
use super::peer::Place;
use super::rate::Bucket;
use crate::auth::Verifier;

/// A user's place in the list of users. Users are never removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UserId(u32);

impl UserId {
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }
}

pub(super) struct User {
    pub(super) login: Box<str>,
    verifier: Verifier,
    contacts: BTreeSet<UserId>,
    /// The connections on which the user is signed in, oldest first.
    pub(super) online: Vec<ConnectionId>,
    /// Addresses from which the user signed in last, by password.
    places: [Option<Place>; 4],
    /// Limit on the rate of messages from the user.
    pub(super) messages: Bucket,
    /// Limit on the rate of frames on all connections of the user.
    pub(super) frames: Bucket,
}

impl User {
    pub(super) fn knows_place(&self, place: Place) -> bool {
        self.places.contains(&Some(place))
    }

    /// The latest place comes first; the last one makes room.
    pub(super) fn remember_place(&mut self, place: Place) {
        let mut next = Some(place);
        for kept in &mut self.places {
            next = core::mem::replace(kept, next);
            if next == Some(place) || next.is_none() {
                break;
            }
        }
    }
}

/// Bytes that a user takes besides the login, which is stored twice.
const USER: usize = 2 * size_of::<User>() + 4 * size_of::<Box<str>>();
/// Bytes that a contact takes, in a tree whose nodes are two thirds full on average.
const CONTACT: usize = 2 * size_of::<UserId>();

/// An error of a command about users: [`add_user`](super::Server::add_user), [`introduce`](super::Server::introduce) or
/// [`post`](super::Server::post). Nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UserError {
    /// Logins need at least one character.
    #[error("a login needs at least one character")]
    EmptyLogin,
    /// Logins that begin with `#` are kept for conferences.
    #[error("logins that begin with \"#\" are reserved: choose another one than \"{0}\"")]
    Reserved(alloc::string::String),
    /// A login, password or body is over its limit.
    #[error("the {field} has {length} bytes, the limit is {limit}: choose a shorter one")]
    TooLong {
        /// `login`, `password`, or the `body` of a posted message.
        field: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// There is a user with this login already.
    #[error("there is a user \"{0}\" already: choose another login")]
    Exists(alloc::string::String),
    /// There is no user with this login.
    #[error("there is no user \"{0}\": add it first")]
    Unknown(alloc::string::String),
}

pub(super) struct Users {
    all: Vec<User>,
    by_login: BTreeMap<Box<str>, UserId>,
    /// Checked in place of an unknown user's, so that nobody can tell by the time it takes who exists.
    nobody: Verifier,
    /// Bytes that all users take.
    bytes: usize,
}

impl Users {
    pub(super) fn new() -> Self {
        Users { all: Vec::new(), by_login: BTreeMap::new(), nobody: Verifier::new(""), bytes: 0 }
    }

    pub(super) fn add(&mut self, login: &str, password: &str) -> Result<(), UserError> {
        if login.is_empty() {
            return Err(UserError::EmptyLogin);
        }
        if login.starts_with('#') {
            return Err(UserError::Reserved(login.into()));
        }
        let id = UserId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        if self.find(login).is_some() || id.0 == u32::MAX {
            return Err(UserError::Exists(login.into()));
        }
        let verifier = Verifier::new(password);
        let user = User {
            login: login.into(),
            verifier,
            contacts: BTreeSet::new(),
            online: Vec::new(),
            places: [None; 4],
            messages: Bucket::default(),
            frames: Bucket::default(),
        };
        self.bytes += USER + 2 * login.len();
        self.all.push(user);
        self.by_login.insert(login.into(), id);
        Ok(())
    }

    pub(super) fn find(&self, login: &str) -> Option<UserId> {
        self.by_login.get(login).copied()
    }

    pub(super) fn get(&self, id: UserId) -> Option<&User> {
        self.all.get(id.0 as usize)
    }

    pub(super) fn get_mut(&mut self, id: UserId) -> Option<&mut User> {
        self.all.get_mut(id.0 as usize)
    }

    /// Bytes that all users take.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn login(&self, id: UserId) -> &str {
        self.get(id).map_or("", |user| &user.login)
    }

    /// The user who has this login and proves this password. An unknown login costs the same work and gets the same
    /// answer as a wrong proof.
    pub(super) fn verify(&self, login: &str, token: &str, proof: &str) -> Option<UserId> {
        let id = self.find(login);
        let verifier = id.and_then(|id| self.get(id)).map_or(&self.nobody, |user| &user.verifier);
        let proven = verifier.verify(token, proof);
        id.filter(|_| proven)
    }

    /// From now on these two know each other.
    pub(super) fn introduce(&mut self, one: UserId, other: UserId) {
        if one == other {
            return;
        }
        for (user, contact) in [(one, other), (other, one)] {
            if let Some(user) = self.get_mut(user) {
                let is_new = user.contacts.insert(contact);
                self.bytes += if is_new { CONTACT } else { 0 };
            }
        }
    }

    /// Whom a user knows: in a directory everybody else, in the order in which they were added.
    pub(super) fn contacts(&self, of: UserId, directory: bool) -> impl Iterator<Item = &User> {
        let known = self.get(of).into_iter().filter(move |_| !directory).flat_map(|user| &user.contacts);
        let known = known.filter_map(|id| self.get(*id));
        let everybody = self.all.iter().filter(move |_| directory).enumerate();
        let others = everybody.filter(move |(n, _)| *n != of.0 as usize).map(|(_, user)| user);
        known.chain(others)
    }
}
