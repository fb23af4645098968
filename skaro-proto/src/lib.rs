//! draft
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod auth;
pub mod client;
mod format;
mod keep_alive;
mod limits;
pub mod message;
mod output;
mod secret;
pub mod server;
mod time;
#[cfg(feature = "tungstenite")]
pub mod tungstenite;
mod value;

pub use format::{DecodeError, Fault, Format, Frame, Path};
pub use limits::{Limits, NESTING};
pub use output::{CloseCode, Transmit};
pub use secret::Secret;
pub use time::Time;
pub use value::{Fields, Value};

/// How long after the end of its connection a session can be restored.
pub const SESSION_LIFETIME: core::time::Duration = core::time::Duration::from_secs(5 * 60);
