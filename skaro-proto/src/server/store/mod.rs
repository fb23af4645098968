//! The contract between the server's machine and its store: operations, and what comes of them.
//!
//! The machine decides, the store keeps. Each [`Operation`] is atomic, and durable before its [`Outcome`] is given back;
//! nothing is told to a client before that. An [error](StoreError) means that the operation was not carried out, and never
//! will be. Operations of one [lane](Operation::lane) are carried out in the order in which the machine asked for them,
//! others in any order, several in one transaction where that is convenient. The outcomes of changes should be given back in
//! the order in which they were carried out, also across lanes: in that order connections without a cursor are told of
//! messages. Operations without a lane only read, and see all that was given back before they were asked for. A store
//! should let them see what their own account has asked for before, too: a client that asks for a history right behind a
//! message expects it there.
//!
//! An operation whose outcome is unknown, since the store failed while it was carried out, may be repeated until it is
//! known: appends have keys, changes of sessions have epochs, and all others have the same effect once and twice.
//!
//! # Between machine and store
//!
//! Whoever carries operations from the machine to its store may answer some of them in its place. So an application can check
//! passwords elsewhere ([`Operation::FindAccount`] gets a verifier from there), refuse sign-ins
//! ([`Operation::BeginSession`]) and messages ([`Operation::Append`]) with an [`Outcome::Refused`], and answer requests of
//! its own ([`Operation::Request`]).

mod ids;
mod memory;
mod operation;
mod outcome;
mod people;
mod types;

pub use ids::{AccountId, InvitationKey, LogId, Login, SessionKey};
pub use memory::MemoryStore;
pub use operation::{Lane, Operation};
pub use outcome::{Outcome, StoreError};

pub(super) use people::is_allowed;
pub use people::{
    ContactChange, ContactState, Denial, Grown, KeptSessions, Mark, Member, MemberChange, Profile,
    is_conference, skeleton,
};
pub use types::{
    Account, AccountSummary, Appended, Contact, Content, DialogMessage, Entry, Message, SessionSummary,
    StoreLimits,
};

/// A store that carries out one operation after the other: the one in memory, and what tests compare others with.
pub trait Store {
    /// Carries out an operation. It is durable when this returns.
    ///
    /// # Errors
    /// If it was not carried out.
    fn execute(&mut self, operation: Operation) -> Result<Outcome, StoreError>;
}
