//! Status of a client, as adapters and applications see it.

use core::fmt;

use super::Client;
use crate::time::Time;

/// Status of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// There is no connection, and none will be made unless the application or the adapter makes one.
    Offline,
    /// There is no connection; the next one will be made at this time.
    Waiting {
        /// Time of the next attempt.
        until: Time,
    },
    /// The adapter is to connect, and to report the result.
    Dialing,
    /// Connected; the server has not spoken yet.
    Greeting,
    /// Connected; nobody is signed in.
    Connected,
    /// Connected; the server has yet to say whether the user is signed in.
    SigningIn,
    /// Connected and signed in.
    SignedIn,
    /// The closing handshake is under way.
    Closing,
    /// Closed for good.
    Closed,
}

impl Status {
    /// Returns whether there is a connection.
    ///
    /// The adapter keeps its socket exactly as long as this is `true`. Afterwards it drops the socket without a
    /// handshake, and reports nothing more about it.
    #[must_use]
    pub const fn has_connection(self) -> bool {
        !matches!(self, Status::Offline | Status::Waiting { .. } | Status::Dialing | Status::Closed)
    }
}

/// Shows the client's status without secrets.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Client");
        shown.field("now", &self.now).field("status", &self.status()).field("user", &self.user());
        shown.field("pending", &self.pending()).finish_non_exhaustive()
    }
}
