//! Password proofs: a client shows that it knows the password without sending it.
//!
//! The server opens each connection with a fresh token. The client answers with the lower-case hexadecimal digits of
//! HMAC-SHA512 (RFC 2104 with the hash of FIPS 180-4; test cases in RFC 4231) whose key is the password and whose
//! message is the token, both as UTF-8. An eavesdropper who has recorded token and proof can still guess passwords
//! offline, so use `wss` outside of trusted networks.

use alloc::string::String;
use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;

/// Length of a proof: two hexadecimal digits for each of the 64 bytes of HMAC-SHA512.
pub const PROOF_DIGITS: usize = 128;

/// A prepared HMAC-SHA512 key, which a server stores instead of the password.
///
/// The protocol needs something on the server that is as good as the password for signing in; this at least is not the
/// password itself. Preparing it once also makes each check cost the same, however long the password is.
#[derive(Clone)]
pub struct Verifier(Hmac<Sha512>);

impl Verifier {
    /// Prepares the key for a user's password.
    #[must_use]
    pub fn new(password: &str) -> Self {
        Verifier(keyed(password))
    }

    /// Returns whether this is the proof for this token. The comparison takes constant time. Text that is not a proof
    /// (wrong length, or not hexadecimal) never matches.
    #[must_use]
    pub fn verify(&self, token: &str, proof: &str) -> bool {
        let mut claimed = [0; PROOF_DIGITS / 2];
        let is_proof = hex::decode_to_slice(proof, &mut claimed).is_ok();
        let mac = self.0.clone().chain_update(token);
        mac.verify_slice(&claimed).is_ok() & is_proof
    }
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
#[must_use]
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
