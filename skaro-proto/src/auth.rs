//! Password proofs: a client shows that it knows the password without sending it.
//!
//! The server opens each connection with a fresh token. The client answers with the lower-case hexadecimal digits of
//! HMAC-SHA512 (RFC 2104 with the hash of FIPS 180-4; test cases in RFC 4231) whose key is the password and whose
//! message is the token, both as UTF-8. An eavesdropper who has recorded token and proof can still guess passwords
//! offline, so use `wss` outside of trusted networks.

use alloc::string::String;
use core::fmt;

use hmac::digest::CtOutput;
use hmac::digest::common::hazmat::{SerializableState, SerializedState};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha512};
use zeroize::{Zeroize, Zeroizing};

/// Length of a proof: two hexadecimal digits for each of the 64 bytes of HMAC-SHA512.
pub const PROOF_DIGITS: usize = 128;

/// Length of a [`Verifier`] as bytes: two chaining values of SHA-512.
pub const VERIFIER_BYTES: usize = 128;

/// Length of a block of SHA-512, and of what HMAC adds to the key.
const BLOCK: usize = 128;

/// A prepared HMAC-SHA512 key, which a server stores instead of the password.
///
/// The protocol needs something on the server that is as good as the password for signing in; this at least is not the
/// password itself. Preparing it once also makes each check cost the same, however long the password is.
#[derive(Clone)]
pub struct Verifier {
    /// The hash after the key with HMAC's inner padding, and after that with the outer one.
    inner: Sha512,
    outer: Sha512,
}

impl Verifier {
    /// Prepares the key for a user's password.
    pub fn new(password: &str) -> Self {
        let mut key = Zeroizing::new([0; BLOCK]);
        let hash;
        let short = if password.len() > BLOCK {
            hash = Zeroizing::new(<[u8; 64]>::from(Sha512::digest(password)));
            hash.as_slice()
        } else {
            password.as_bytes()
        };
        key.iter_mut().zip(short).for_each(|(to, from)| *to = *from);
        let padded = |pad: u8| {
            let mut block = key.clone();
            block.iter_mut().for_each(|byte| *byte ^= pad);
            Sha512::new_with_prefix(*block)
        };
        Verifier { inner: padded(0x36), outer: padded(0x5c) }
    }

    /// Returns whether this is the proof for this token. The comparison takes constant time. Text that is not a proof
    /// (wrong length, or not hexadecimal) never matches.
    pub fn verify(&self, token: &str, proof: &str) -> bool {
        let mut claimed = [0; PROOF_DIGITS / 2];
        let is_proof = hex::decode_to_slice(proof, &mut claimed).is_ok();
        let inner = self.inner.clone().chain_update(token).finalize();
        let outer = self.outer.clone().chain_update(inner).finalize();
        let is_right = CtOutput::<Hmac<Sha512>>::new(outer) == CtOutput::new(claimed.into());
        is_right & is_proof
    }

    /// Returns what a store keeps: the chaining values of SHA-512 (FIPS 180-4, section 6.4) after HMAC's inner and outer
    /// block, eight words of 64 bits each, the low byte first. It is as secret as the password.
    pub fn to_bytes(&self) -> Zeroizing<[u8; VERIFIER_BYTES]> {
        let mut bytes = Zeroizing::new([0; VERIFIER_BYTES]);
        let states = [self.inner.serialize(), self.outer.serialize()];
        for (to, mut state) in bytes.chunks_exact_mut(CHAIN).zip(states) {
            to.iter_mut().zip(&state).for_each(|(to, from)| *to = *from);
            state.zeroize();
        }
        bytes
    }

    /// Makes it from what [`to_bytes`](Self::to_bytes) returned.
    pub fn from_bytes(bytes: &[u8; VERIFIER_BYTES]) -> Self {
        let (inner, outer) = bytes.split_at(CHAIN);
        Verifier { inner: after_block(inner), outer: after_block(outer) }
    }
}

/// Length of a chaining value of SHA-512.
const CHAIN: usize = VERIFIER_BYTES / 2;

/// Returns a hash that has taken one block, and has this chaining value.
fn after_block(chain: &[u8]) -> Sha512 {
    let mut state = SerializedState::<Sha512>::default();
    // The number of blocks follows, its low byte first, then an empty buffer.
    state.iter_mut().zip(chain.iter().chain(&[1])).for_each(|(to, from)| *to = *from);
    let hash = Sha512::deserialize(&state).unwrap_or_default();
    state.zeroize();
    hash
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(…)")
    }
}

/// Computes the proof for this token: 128 lower-case hexadecimal digits.
///
/// ```
/// let proof = skaro_proto::auth::proof("correct horse", "3a0cf1b2c7d94e53");
/// assert!(proof.starts_with("09588417315960d9c036c409598b667e"));
/// ```
pub fn proof(password: &str, token: &str) -> String {
    hex::encode(keyed(password).chain_update(token).finalize().into_bytes())
}

/// Creates an HMAC-SHA512 from a key of any length: keys longer than a block are hashed first (RFC 2104, section 2).
#[allow(clippy::expect_used, reason = "no length is refused")]
pub(crate) fn keyed(key: impl AsRef<[u8]>) -> Hmac<Sha512> {
    Hmac::new_from_slice(key.as_ref()).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// RFC 4231, section 4: cases 1 to 4, 6 and 7 (case 5 tests truncation, which is not used here).
    #[test]
    fn known_answers_of_rfc_4231() {
        let cases: [(&[u8], &[u8], &str); 6] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
            (
                &[0xaa; 20],
                &[0xdd; 50],
                "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb",
            ),
            (
                &core::array::from_fn::<u8, 25, _>(|i| i as u8 + 1),
                &[0xcd; 50],
                "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3dba91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
            ),
            (
                &[0xaa; 131],
                b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
                "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58",
            ),
        ];
        for (key, data, expected) in cases {
            assert_eq!(hex::encode(keyed(key).chain_update(data).finalize().into_bytes()), expected);
        }
    }

    #[test]
    fn a_verifier_comes_back_from_its_bytes() {
        for password in ["", "correct horse", &"x".repeat(128), &"x".repeat(129), &"ä".repeat(1000)] {
            let verifier = Verifier::from_bytes(&Verifier::new(password).to_bytes());
            assert!(verifier.verify("token", &proof(password, "token")), "{password}");
            assert!(!verifier.verify("other token", &proof(password, "token")), "{password}");
            assert!(!verifier.verify("token", &proof("wrong", "token")), "{password}");
        }
        // The format is fixed: stores have it on disk.
        let bytes = hex::encode(*Verifier::new("correct horse").to_bytes());
        assert_eq!(
            bytes,
            "7f0dad5e48f8108712871fb096d281de2364b5683bb58af75c09ea0d325c05653cd9ed8d36dbabedf43a8eac608155da9f779eb11840852a867c3b094d2076429aa2cd191bd0572674e907d3eb48b94fcb04e5225873086c922ff2eeb1d97744a7c5076d9ca05ecd7e2d5bf52fb78eafefc3295b3830351e7f09e6a85a92391d"
        );
    }

    #[test]
    fn a_verifier_takes_the_proof_and_nothing_else() {
        let verifier = Verifier::new("correct horse");
        let right = proof("correct horse", "token");
        assert!(verifier.verify("token", &right));
        assert!(!verifier.verify("other token", &right));
        assert!(!verifier.verify("token", &proof("wrong horse", "token")));
        for not_a_proof in ["", "zz", &right[1..], &vec!["0"; 129].concat(), "Ä"] {
            assert!(!verifier.verify("token", not_a_proof), "{not_a_proof}");
        }
    }
}
