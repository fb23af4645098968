//! Reasons for the end of a connection.

use alloc::string::String;
use core::fmt;

use thiserror::Error;

/// Reason why a connection ended or could not be established.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Disconnect {
    /// The application asked for it.
    #[error("closed on request")]
    Requested,
    /// The other end closed the WebSocket.
    #[error("closed by the server{}", closing(.code, .reason))]
    Closed {
        /// The code that it gave (RFC 6455, section 7.4), if any.
        code: Option<u16>,
        /// The reason that it gave, or nothing.
        reason: String,
    },
    /// The network or a layer below the WebSocket failed, or the connection could not be made.
    #[error("{0}")]
    Failed(String),
    /// Something did not happen in time.
    #[error("timed out waiting for {0}")]
    TimedOut(Awaited),
    /// The session was restored on another connection. The machine does not connect again by itself.
    #[error("the session goes on elsewhere: authorize again to have one here, too")]
    Replaced,
    /// The user has signed out. There will be another connection, on which nobody is signed in.
    #[error("the user has signed out")]
    SignedOut,
    /// The application did not read its events, and what waited exceeded the limit; for adapters.
    #[error(
        "the application does not read its events: {bytes} bytes wait (limit {limit}); read events, or drop them"
    )]
    Overrun {
        /// Bytes that wait.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Entries of the log were missing.
    #[error("entry {position} of the log came, and {expected} was the next one")]
    MissingEntries {
        /// The position that the next entry should have had.
        expected: u64,
        /// The position that it had.
        position: u64,
    },
    /// The server refused, for now, to sign the user in again.
    #[error("the server can't sign the user in at present: wait, or try again later")]
    Unavailable,
}

impl Disconnect {
    /// Returns the kind of the reason, without the texts from the network or the peer, for log lines.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Disconnect::Requested => "closed on request",
            Disconnect::Closed { .. } => "closed by the server",
            Disconnect::Failed(_) => "failed",
            Disconnect::TimedOut(_) => "timed out",
            Disconnect::Replaced => "replaced",
            Disconnect::SignedOut => "signed out",
            Disconnect::Overrun { .. } => "overrun",
            Disconnect::MissingEntries { .. } => "missing entries",
            Disconnect::Unavailable => "unavailable",
        }
    }
}

fn closing(code: &Option<u16>, reason: &str) -> String {
    let code = code.map(|code| alloc::format!(" with code {code}")).unwrap_or_default();
    if reason.is_empty() { code } else { alloc::format!("{code}: {reason}") }
}

/// An event that did not come before its time-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Awaited {
    /// The connection.
    Connection,
    /// The server's first message.
    Greeting,
    /// Any sign of life.
    SignOfLife,
    /// The answer to signing in again.
    SignIn,
    /// The end of the closing handshake.
    Close,
}

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Awaited::Connection => "the connection",
            Awaited::Greeting => "the server's first message",
            Awaited::SignOfLife => "a sign of life",
            Awaited::SignIn => "the answer to signing in again",
            Awaited::Close => "the end of the closing handshake",
        })
    }
}
