//! Password proofs: a client shows that it knows the password without sending it.
//!
//! The server opens each connection with a fresh token. The client answers with the lower-case hexadecimal digits of
//! HMAC-SHA512 (RFC 2104 with the hash of FIPS 180-4; test cases in RFC 4231). The key is the password and the message
//! is the token, both as UTF-8. An eavesdropper who has recorded token and proof can still guess passwords offline, so
//! use `wss` outside of trusted networks.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use hmac::digest::CtOutput;
use hmac::{Hmac, KeyInit, Mac};
use sha2::block_api::compress512;
use sha2::{Digest, Sha512};
use zeroize::{Zeroize, Zeroizing};

type Mac512 = Hmac<Sha512>;

/// Length of a proof: two hexadecimal digits for each of the 64 bytes of HMAC-SHA512.
pub const PROOF_DIGITS: usize = 128;

/// A prepared HMAC-SHA512 key, which a server stores instead of the password.
///
/// To sign users in, the protocol needs something on the server that is as good as the password. This at least is not
/// the password itself. It is prepared once, so that each check costs the same, however long the password is.
#[derive(Clone)]
pub struct Verifier(Box<States>);

#[derive(Clone)]
struct States {
    /// The state of SHA-512 after the key's inner block (RFC 2104, section 4).
    inner: [u64; 8],
    /// The state after its outer block.
    outer: [u64; 8],
}

/// The initial state of SHA-512 (FIPS 180-4, section 5.3.5).
const INITIAL: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

/// Bytes of a block of SHA-512.
const BLOCK: usize = 128;

impl Verifier {
    /// Length of a verifier as bytes.
    pub const BYTES: usize = 128;

    /// Prepares the key for a user's password.
    #[must_use]
    pub fn new(password: &str) -> Self {
        Self::of_key(password.as_bytes())
    }

    /// Prepares a key, which is hashed first if it is longer than a block (RFC 2104, section 2).
    fn of_key(key: &[u8]) -> Self {
        let hashed: Zeroizing<[u8; 64]>;
        let key = if key.len() > BLOCK {
            hashed = Zeroizing::new(Sha512::digest(key).into());
            &hashed[..]
        } else {
            key
        };
        let state = |pad: u8| {
            let mut block = Zeroizing::new([pad; BLOCK]);
            block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
            let mut state = INITIAL;
            compress512(&mut state, core::slice::from_ref(&block));
            state
        };
        Verifier(Box::new(States { inner: state(0x36), outer: state(0x5c) }))
    }

    /// Returns the verifier as bytes, for a store.
    ///
    /// They are two states of SHA-512, after the inner and the outer block of the key, of eight big-endian words each.
    /// For signing in, they are as good as the password.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; Self::BYTES]> {
        let mut bytes = Zeroizing::new([0; Self::BYTES]);
        let (chunks, _) = bytes.as_chunks_mut();
        chunks.iter_mut().zip(self.0.inner.iter().chain(&self.0.outer)).for_each(|(chunk, word)| {
            *chunk = word.to_be_bytes();
        });
        bytes
    }

    /// Makes a verifier from the bytes that [`to_bytes`](Self::to_bytes) returned.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let mut states = Box::new(States { inner: [0; 8], outer: [0; 8] });
        let (chunks, _) = bytes.as_chunks();
        let words = states.inner.iter_mut().chain(&mut states.outer);
        words.zip(chunks).for_each(|(word, chunk)| *word = u64::from_be_bytes(*chunk));
        Verifier(states)
    }

    fn mac(&self, message: &[u8]) -> [u8; 64] {
        finish(self.0.outer, &finish(self.0.inner, message))
    }

    /// Returns whether this is the proof for this token.
    ///
    /// The comparison takes constant time. Text that is not a proof (wrong length, or not hexadecimal) never matches.
    #[must_use]
    pub fn verify(&self, token: &str, proof: &str) -> bool {
        let mut claimed = [0; PROOF_DIGITS / 2];
        let is_proof = hex::decode_to_slice(proof, &mut claimed).is_ok();
        let [right, claimed] =
            [self.mac(token.as_bytes()), claimed].map(|mac| CtOutput::<Mac512>::new(mac.into()));
        (right == claimed) & is_proof
    }
}

/// Finishes a hash: this state is that after the first block, and the rest follows (FIPS 180-4, section 5.1.2).
fn finish(mut state: [u64; 8], rest: &[u8]) -> [u8; 64] {
    let (blocks, tail) = rest.as_chunks::<BLOCK>();
    compress512(&mut state, blocks);
    let bits = 8 * (BLOCK + rest.len()) as u128;
    // The tail, a one bit and the length fit into one block or two.
    let mut padded = [[0; BLOCK]; 2];
    let count = if tail.len() + 1 + size_of::<u128>() <= BLOCK { 1 } else { 2 };
    let bytes = padded.as_flattened_mut();
    bytes.iter_mut().zip(tail.iter().chain(&[0x80])).for_each(|(byte, next)| *byte = *next);
    let last = bytes.chunks_exact_mut(BLOCK).nth(count - 1).and_then(|block| block.last_chunk_mut());
    last.into_iter().for_each(|length| *length = bits.to_be_bytes());
    compress512(&mut state, padded.get(..count).unwrap_or_default());
    let mut hash = [0; 64];
    let (chunks, _) = hash.as_chunks_mut();
    chunks.iter_mut().zip(state).for_each(|(chunk, word)| *chunk = word.to_be_bytes());
    hash
}

impl Drop for States {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
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
            let verifier = Verifier::of_key(key);
            assert_eq!(hex::encode(verifier.mac(data)), expected);
            assert_eq!(hex::encode(Verifier::from_bytes(&verifier.to_bytes()).mac(data)), expected);
        }
    }

    /// If this fails, padding is wrong for some length.
    #[test]
    fn a_verifier_computes_the_same_for_messages_of_all_lengths() {
        let message = vec![7; 600];
        for length in 0..message.len() {
            let message = &message[..length];
            let expected: [u8; 64] = keyed("key").chain_update(message).finalize().into_bytes().into();
            assert_eq!(Verifier::new("key").mac(message), expected, "{length}");
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
