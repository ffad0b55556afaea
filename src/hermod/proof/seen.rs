//! Detection of keys that were used in other answers.

use crate::Error;
use crate::crypto::PublicKey;

/// Looks up whether a key was seen in an earlier answer.
///
/// An answer proves a key for one command. Only a record of all answers can tell that two users or
/// two devices share a key. Give that record to a verifier with
/// [`Verifier::with_seen_keys`](super::Verifier::with_seen_keys), and add the keys of each accepted
/// answer to it.
///
/// Record [`PublicKey::private_half_digest`]: two keys with the same private key have the same
/// digest, whatever their encoding.
///
/// A closure implements this trait:
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
    /// Returns whether `key` was seen in the answer to a command with a nonce other than `nonce`.
    /// `nonce` is that of the command being verified, so the same answer can be verified again.
    ///
    /// # Errors
    /// Class `storage` or `unavailable` if the record cannot be read now. The answer is then
    /// refused with this error.
    fn is_seen_elsewhere(&self, key: &PublicKey, nonce: &str) -> Result<bool, Error>;
}

impl<F: Fn(&PublicKey, &str) -> Result<bool, Error> + Send + Sync> SeenKeys for F {
    fn is_seen_elsewhere(&self, key: &PublicKey, nonce: &str) -> Result<bool, Error> {
        self(key, nonce)
    }
}
