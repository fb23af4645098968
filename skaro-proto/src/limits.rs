//! Limits of the machines, each with its reason.

/// Maximum nesting of values in a frame, in levels. The frame's own map is the first level.
///
/// The deepest message of the protocol needs four (a map, its `history`, a message, its `from`); the rest is for fields
/// that the protocol does not define. All recursion over a frame's content stops at this depth.
pub const NESTING: u8 = 16;

/// The limits of one machine.
///
/// The defaults suit a chat. The reason given for each limit tells what raising it costs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Size of a received frame in bytes. A frame is decoded as a whole, so this limits the memory and the time that
    /// one frame can take. A client's default is 1 MiB, since a history comes in one frame; a server's is 128 KiB, so
    /// that a message whose body is at its limit fits even if JSON escapes each of its bytes by six.
    pub max_frame_bytes: usize,
    /// Length of a login in bytes of UTF-8. Logins are keys: stored, compared and repeated in each message. Default 64.
    pub max_login_bytes: usize,
    /// Length of a password in bytes of UTF-8: it is hashed as a whole. Default 1024.
    pub max_password_bytes: usize,
    /// Length of a message's body in bytes of UTF-8. Bodies are kept in histories and sent to every connection of both
    /// users. Default 16 KiB, about eight printed pages.
    pub max_body_bytes: usize,
    /// Length of a session id or token in bytes of UTF-8. Default 256, far more than any random value needs. Only a
    /// client has this limit: a server knows the length of its own.
    pub max_secret_bytes: usize,
    /// Number of unanswered requests on one connection. Each is remembered until it ends. Only a client has this limit:
    /// a server does not read more than it [takes](crate::server::Server::wants_frames). Default 131,072.
    pub max_requests: usize,
    /// Bytes that a client's messages may take until they have ended. Default 32 MiB: room for as many short messages
    /// as there may be unanswered requests.
    pub max_outbox_bytes: usize,
    /// Bytes that may wait to be sent on a connection, not counting the last frame. If more wait, a client takes no
    /// commands. A server cuts the connection off, since its reader is too slow and others need the memory. Default: 4
    /// MiB for a client, 1 MiB for a server.
    pub max_queued_bytes: usize,
}

impl Limits {
    /// Returns the defaults for a client.
    #[must_use]
    pub const fn client() -> Self {
        Limits {
            max_frame_bytes: 1 << 20,
            max_login_bytes: 64,
            max_password_bytes: 1024,
            max_body_bytes: 16 << 10,
            max_secret_bytes: 256,
            max_requests: 1 << 17,
            max_outbox_bytes: 32 << 20,
            max_queued_bytes: 4 << 20,
        }
    }

    /// Returns the defaults for a server.
    #[must_use]
    pub const fn server() -> Self {
        Limits { max_frame_bytes: 128 << 10, max_queued_bytes: 1 << 20, ..Self::client() }
    }
}
