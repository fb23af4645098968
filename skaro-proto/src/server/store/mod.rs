//! The contract between the server's machine and its store: operations, and what comes of them.
//!
//! The machine decides, the store keeps. Each [`Operation`] is atomic, and durable before its [`Outcome`] is returned;
//! clients are told nothing before that. An [error](StoreError) means that the operation was not carried out, and never
//! will be.
//!
//! Operations of one [lane](Operation::lane) are carried out in the order in which the machine asked for them, others
//! in any order. Several may share one transaction. The outcomes of changes should be returned in the order in which
//! they were carried out, even across lanes: connections without a cursor are told of messages in that order.
//!
//! Operations without a lane only read, or make changes for which no order matters, such as the removal of expired
//! sessions. They see all changes whose outcomes were returned before they were asked for. A store should also let them
//! see what their own account has asked for before: a client that asks for a history right after a message expects it
//! there.
//!
//! If the store fails during an operation, the outcome is unknown. The operation may be repeated until the outcome is
//! known: appends have keys, changes of sessions have epochs, and all others are idempotent.
//!
//! # Between machine and store
//!
//! The code that carries operations from the machine to its store may answer some of them in the store's place. So an
//! application can check passwords elsewhere ([`Operation::FindAccount`] gets a verifier from there), refuse sign-ins
//! ([`Operation::BeginSession`]) and messages ([`Operation::Append`]) with an [`Outcome::Refused`], and answer requests
//! of its own ([`Operation::Request`]).

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

/// A store that carries out one operation after the other, such as the one in memory, with which tests compare others.
pub trait Store {
    /// Carries out an operation. It is durable when this returns.
    ///
    /// # Errors
    /// If it was not carried out.
    fn execute(&mut self, operation: Operation) -> Result<Outcome, StoreError>;
}
