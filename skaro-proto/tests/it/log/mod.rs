//! The extension `log`: an account is a log, a connection is a cursor. Each rule of PROTOCOL.md, seen from outside.

mod cursors;
mod histories;
mod keys;
pub mod world;
