//! The messages that both sides exchange, as types that borrow from the frame.
//!
//! [`ClientMessage`] is what a client sends, [`ServerMessage`] what a server sends. Reading is liberal: fields in
//! any order, fields that nobody has listed kept in `extra`, the last of several fields of the same name. Writing is
//! strict: one way to say each thing.

mod client;
mod field;
mod parts;
mod plain;
mod plain_write;
mod server;
mod write;

pub use client::{ClientMessage, Rejected, Request, RequestKind};
pub use parts::{Contacts, Date, Message, Registration, Sender, Status, User};
pub(crate) use plain_write::send_message;
pub use server::{Answer, AnswerMessage, Challenge, History, Notice, Refusal, ServerMessage, SignedIn};
