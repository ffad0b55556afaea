//! Digests of secrets.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};

use crate::crypto::Provider;
use crate::encoding::hex;
use crate::{Error, Secret};

/// SHA-256 of a secret. The hub stores it in place of keys, tokens and claims. Comparison takes
/// constant time, and `Debug` does not show the digest.
///
/// Plain SHA-256 is enough for secrets that nobody can guess (122 random bits or more), and for no
/// others: a password is not one.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use keyferry::{Secret, crypto::aws_lc_rs::AwsLcRs, hermod::hub::Digest};
///
/// let digest = Digest::of(&AwsLcRs, &Secret::new("abc"));
/// assert_eq!(digest.to_hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
/// assert_eq!(Digest::from_hex(&digest.to_hex())?, digest);
/// # }
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of the text of `secret`.
    #[must_use]
    pub fn of(provider: &dyn Provider, secret: &Secret) -> Self {
        Self(provider.sha256(secret.expose().as_bytes()))
    }

    /// The digest of bytes that are not secret, such as an answer.
    pub(super) fn of_text(provider: &dyn Provider, text: &str) -> Self {
        Self(provider.sha256(text.as_bytes()))
    }

    /// Creates a digest from its 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads 64 hexadecimal digits of either case.
    ///
    /// # Errors
    /// Class `malformed` for any other text.
    pub fn from_hex(text: &str) -> Result<Self, Error> {
        let bad = || Error::malformed("digest", "not 64 hexadecimal digits");
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(bad());
        }
        let digit = |byte: u8| {
            char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or_else(bad)
        };
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            if let [high, low] = pair {
                *byte = digit(*high)? << 4 | digit(*low)?;
            }
        }
        Ok(Self(bytes))
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 hexadecimal digits, lower case.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(&self.0)
    }

    pub(super) fn is(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.is(other).into()
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}
