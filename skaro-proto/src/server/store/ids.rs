//! Names of what a store keeps: accounts, logins, logs, sessions, invitations.

use core::borrow::Borrow;
use core::fmt;
use core::ops::Deref;

use compact_str::CompactString;

/// The number of an account. Its store assigns it, and never reuses it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "stores make these of what they keep")]
pub struct AccountId(pub u64);

/// The login of a user, of any length that the [limits](crate::Limits::max_login_bytes) allow.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Login(CompactString);

impl From<&str> for Login {
    fn from(login: &str) -> Self {
        Login(CompactString::new(login))
    }
}

/// Logins are ordered as their texts are.
impl Borrow<str> for Login {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Deref for Login {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// The random id of a log. If it has changed, the positions that a client knows are void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "stores make these of what they keep")]
pub struct LogId(pub [u8; 16]);

impl LogId {
    /// Reads 32 hexadecimal digits; `None` for anything else.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut id = [0; 16];
        hex::decode_to_slice(text, &mut id).ok().map(|()| LogId(id))
    }
}

/// Shows the 32 hexadecimal digits that clients are told.
impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The key of a session: a hash of its id, which no store needs to know.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "stores make these of what they keep")]
pub struct SessionKey(pub [u8; 16]);

/// Shows that there is a key, without its bytes.
impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(…)")
    }
}

/// The key of an invitation: a hash of its text, which no store needs to know.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "stores make these of what they keep")]
pub struct InvitationKey(pub [u8; 16]);

/// Shows that there is a key, without its bytes.
impl fmt::Debug for InvitationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InvitationKey(…)")
    }
}
