//! Generation of tokens and session ids.

use alloc::string::String;

use hmac::Mac;
use zeroize::Zeroizing;

use crate::auth::keyed;

/// Makes secrets from a seed: the n-th is HMAC-SHA512 of n under the seed, cut to 128 bits (a pseudo-random function
/// in counter mode, as in NIST SP 800-108). Without the seed nobody can tell one from another.
pub(super) struct Secrets {
    seed: Zeroizing<[u8; 32]>,
    count: u64,
}

/// Key of a session in the tables: a hash of its id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SessionKey([u8; 16]);

impl Secrets {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Secrets { seed: Zeroizing::new(seed), count: 0 }
    }

    /// The next secret: 32 hexadecimal digits.
    pub(super) fn next(&mut self) -> String {
        self.count += 1;
        hex::encode(self.hash(b"secret", &self.count.to_be_bytes()))
    }

    /// The key under which the session with this id is kept.
    pub(super) fn session_key(&self, id: &str) -> SessionKey {
        SessionKey(self.hash(b"session", id.as_bytes()))
    }

    /// The key under which wrong passwords for this login are counted, of the same length for each login.
    pub(super) fn login_key(&self, login: &str) -> [u8; 16] {
        self.hash(b"login", login.as_bytes())
    }

    /// The id of the log of the user with this login: 32 hexadecimal digits. Another seed makes others, and so does each
    /// start of a server whose logs are in memory.
    pub(super) fn log_id(&self, login: &str) -> String {
        hex::encode(self.hash(b"log", login.as_bytes()))
    }

    fn hash(&self, purpose: &[u8], input: &[u8]) -> [u8; 16] {
        let hash = keyed(*self.seed).chain_update(purpose).chain_update(input).finalize().into_bytes();
        core::array::from_fn(|n| hash.get(n).copied().unwrap_or_default())
    }
}
