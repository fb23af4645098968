//! Every input has a limit; here they are, each with its reason.

/// Levels that values may be nested in a frame, the frame's own map being the first.
///
/// The deepest message of the protocol needs four (a map, its `history`, a message, its `from`); the rest is left
/// for fields that nobody has listed. Everything that recurses over a frame's content recurses at most this deep.
pub const NESTING: u8 = 16;

/// The limits of one machine. The defaults suit a chat; raise them with the reason given for each in mind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a frame that arrives. A frame is decoded as a whole, so this bounds the memory and the time that a
    /// peer can make us spend at once. A client's default is 1 MiB, since a history comes in one frame; a server's
    /// is 128 KiB, so that a message whose body is at its limit fits even if JSON escapes each of its bytes by six.
    pub max_frame_bytes: usize,
    /// Bytes of a login, as UTF-8. Logins are keys: stored, compared and repeated in each message. Default 64.
    pub max_login_bytes: usize,
    /// Bytes of a password, as UTF-8: it is hashed whole. Default 1024.
    pub max_password_bytes: usize,
    /// Bytes of the body of a message, as UTF-8. Bodies are kept in histories and sent to every connection of both
    /// users. Default 16 KiB, some eight printed pages.
    pub max_body_bytes: usize,
    /// Bytes of a session id or of a token, as UTF-8; far more than any random value needs. Default 256.
    pub max_secret_bytes: usize,
    /// Requests that may be unanswered at once on one connection. Each is remembered until it ends.
    /// Default 131,072.
    pub max_requests: usize,
    /// Bytes that may wait for the connection to take them, the last frame not counted. When more wait, a client
    /// takes no commands, and a server cuts the connection off: its reader is too slow, and the memory is needed
    /// for others. A client's default is 4 MiB; a server's 1 MiB.
    pub max_queued_bytes: usize,
}

impl Limits {
    /// The defaults for a client.
    pub const fn client() -> Self {
        Limits {
            max_frame_bytes: 1 << 20,
            max_login_bytes: 64,
            max_password_bytes: 1024,
            max_body_bytes: 16 << 10,
            max_secret_bytes: 256,
            max_requests: 1 << 17,
            max_queued_bytes: 4 << 20,
        }
    }

    /// The defaults for a server.
    pub const fn server() -> Self {
        Limits { max_frame_bytes: 128 << 10, max_queued_bytes: 1 << 20, ..Self::client() }
    }
}
