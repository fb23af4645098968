//! The messages that both sides exchange, as types that borrow from the frame.
//!
//! [`ClientMessage`] is what a client sends, [`ServerMessage`] what a server sends. Reading is liberal: fields in
//! any order, fields that nobody has listed kept in `extra`, the last of several fields of the same name. Writing is
//! strict: one way to say each thing.

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
