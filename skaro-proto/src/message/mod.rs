//! The messages that both sides exchange, as types that borrow from the frame.
//!
//! A client sends [`ClientMessage`]s, a server sends [`ServerMessage`]s. Reading is liberal: fields may come in any
//! order, fields that the protocol does not list are kept in `extra`, and of several fields with the same name the last
//! one counts. Writing is strict: there is one way to write each thing.

mod client;
mod decode;
mod encode;
mod entries;
mod people;
#[cfg(feature = "serde")]
mod serialize;
mod server;
mod types;

pub use client::{ClientMessage, InvalidRequest, Page, Request, RequestKind, Since};
pub use entries::{ChangedUserData, ContactChange, ReadMark, Sent};
pub use people::{ContactState, Invitation, Member, ReadBy, SessionInfo, Typing};
pub use server::{
    Answer, AnswerMessage, Challenge, Cursor, History, Notice, Refusal, ServerMessage, SignedIn,
};
pub(crate) use types::text_bytes;
pub use types::{Contacts, Date, Message, Registration, Sender, StatusCode, User};
