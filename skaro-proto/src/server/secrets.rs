//! Generation of tokens and session ids.

use alloc::string::String;

use hmac::Mac;
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use super::store::{LogId, SessionKey};
use crate::auth::keyed;

/// Bytes of a token or session id: hexadecimal digits.
pub(super) const ID: usize = 32;

/// Makes secrets from a seed: the n-th is HMAC-SHA512 of n under the seed, cut to 128 bits (a pseudo-random function
/// in counter mode, as in NIST SP 800-108). Without the seed nobody can tell one from another.
pub(super) struct Secrets {
    seed: Zeroizing<[u8; 32]>,
    count: u64,
}

impl Secrets {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Secrets { seed: Zeroizing::new(seed), count: 0 }
    }

    /// The next secret: 32 hexadecimal digits.
    pub(super) fn next(&mut self) -> String {
        self.count += 1;
        hex::encode(self.hash(b"secret", &self.count.to_be_bytes()))
    }

    /// Returns the key under which wrong passwords for this login are counted, of the same length for each login.
    pub(super) fn login_key(&self, login: &str) -> [u8; 16] {
        self.hash(b"login", login.as_bytes())
    }

    /// A random id for a new log.
    pub(super) fn next_log(&mut self) -> LogId {
        self.count += 1;
        LogId(self.hash(b"log", &self.count.to_be_bytes()))
    }

    fn hash(&self, purpose: &[u8], input: &[u8]) -> [u8; 16] {
        cut(&keyed(*self.seed).chain_update(purpose).chain_update(input).finalize().into_bytes())
    }
}

/// Returns the key under which the session with this id is kept: a plain hash of the random id, so that each server
/// with the same store finds it. Neither the memory nor the time of a look-up reveals an id.
pub(super) fn session_key(id: &str) -> SessionKey {
    SessionKey(cut(&Sha512::digest(id)))
}

fn cut(hash: &[u8]) -> [u8; 16] {
    hash.first_chunk().copied().unwrap_or_default()
}
