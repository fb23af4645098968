//! Everything about the chat that is not network: a chat over another adapter includes this folder as it is.
//!
//! [`args`] says what to do, [`input`] reads what the user types and [`line`] what it means; [`session`] decides what
//! follows; [`report`] is what can be told, as JSON or, by [`text`], for people; [`screen`] shows it.

pub(crate) mod args;
pub(crate) mod ask;
pub(crate) mod companion;
pub(crate) mod input;
mod line;
mod report;
pub(crate) mod screen;
pub(crate) mod session;
mod terminal;
mod text;
#[cfg(feature = "tls")]
mod trust;
