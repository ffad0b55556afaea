//! Keys of other answers.

use crate::Error;
use crate::crypto::PublicKey;

/// Tells whether a key was seen before: what the caller has on record of earlier answers.
///
/// An answer proves a key for one command. That the same key does not serve two users, or two
/// devices, only a record of all answers can tell. Give it to a verifier with
/// [`Verifier::with_seen_keys`](super::Verifier::with_seen_keys), and record the keys of each answer
/// when it is accepted.
///
/// [`PublicKey::private_half_digest`] is what to record: two keys with the same private half have
/// the same digest, however they are written.
///
/// A closure is one:
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use std::collections::HashMap;
/// use keyferry::crypto::{PublicKey, aws_lc_rs::AwsLcRs};
/// use keyferry::hermod::proof::Verifier;
///
/// // By the digest of each key, the nonce of the command that it answered.
/// let record: HashMap<[u8; 32], String> = HashMap::new();
/// let verifier = Verifier::danger_unpinned(AwsLcRs).with_seen_keys(move |key: &PublicKey, nonce: &str| {
///     Ok(record.get(&key.private_half_digest(&AwsLcRs)).is_some_and(|seen| seen != nonce))
/// });
/// # }
/// ```
pub trait SeenKeys: Send + Sync {
    /// Whether `key` was seen in the answer to a command with another nonce than `nonce`, which is
    /// that of the command whose answer is being verified: the same answer may be verified again.
    ///
    /// # Errors
    /// Class `storage` or `unavailable` if that cannot be told now. The answer is refused with it.
    fn is_seen_elsewhere(&self, key: &PublicKey, nonce: &str) -> Result<bool, Error>;
}

impl<F: Fn(&PublicKey, &str) -> Result<bool, Error> + Send + Sync> SeenKeys for F {
    fn is_seen_elsewhere(&self, key: &PublicKey, nonce: &str) -> Result<bool, Error> {
        self(key, nonce)
    }
}
